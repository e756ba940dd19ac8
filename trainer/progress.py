"""Where a training run stands in an export: one number of a row, the same on every rank.

A step takes `global_batch` rows; of W ranks, rank r takes rows [r*G//W, (r+1)*G//W) of it. So the rows of a step,
and the order of all rows, do not depend on W, and a run resumes on any number of ranks up to G. The number goes on
over epochs: row `next_row % rows` of epoch `next_row // rows` is next, so it means the same whatever the batch.
"""

from collections.abc import Mapping

from curation.errors import VerifyError

MAX_COUNT = 1 << 62


def state_of(next_row: int, *, manifest_sha256: str) -> dict[str, object]:
    """Returns what a checkpoint must hold, beside the model, to go on with the very next row; plain JSON values."""
    return {"manifest_sha256": manifest_sha256, "next_row": next_row}


def next_row_in(state: Mapping[str, object], *, manifest_sha256: str) -> int:
    """Returns the next row in a checkpoint's `state`, if it is one of this export.

    Raises:
        VerifyError: it is of another export, or not a state.
    """
    found, row = state.get("manifest_sha256"), state.get("next_row")
    if found != manifest_sha256:
        raise VerifyError(
            f"state: manifest_sha256: expected {manifest_sha256}, found {str(found)[:80]!r}: the checkpoint was made "
            "with other data; open that export, or start anew"
        )
    if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row <= MAX_COUNT:
        raise VerifyError(f"state: next_row: expected a whole number from 0 to {MAX_COUNT}, found {str(row)[:80]!r}")
    return row


def rows_of_step(next_row: int, *, rows: int, global_batch: int) -> range:
    """Returns the rows of the step that starts at `next_row`, in [0, rows); the last step of an epoch may be short."""
    first = next_row % rows
    return range(first, min(first + global_batch, rows))


def num_steps(rows: int, *, global_batch: int, epochs: int = 1) -> int:
    """Returns the steps of so many epochs; each ends with a step of what is left."""
    return epochs * -(-rows // global_batch)


def row_of_step(step: int, *, rows: int, global_batch: int) -> int:
    """Returns the row, counted over epochs, that the step after `step` others starts with."""
    epoch, within = divmod(step, num_steps(rows, global_batch=global_batch))
    return epoch * rows + within * global_batch


def step_of_row(next_row: int, *, rows: int, global_batch: int) -> int:
    """Returns how many steps it takes to be done with all rows before `next_row`, counted over epochs."""
    epoch, row = divmod(next_row, max(rows, 1))
    return num_steps(rows, global_batch=global_batch, epochs=epoch) + num_steps(row, global_batch=global_batch)


def share_of(step: range, *, rank: int, world: int) -> range:
    """Returns the rows of a step that `rank` of `world` takes; none where a short step has fewer rows than ranks."""
    size = len(step)
    return range(step.start + rank * size // world, step.start + (rank + 1) * size // world)
