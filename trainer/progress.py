"""Where a training run stands in an export: one number of a row, the same on every rank.

A step takes `global_batch` rows; of W ranks, rank r takes rows [r*G//W, (r+1)*G//W) of it. So the rows of a step,
and the order of all rows, do not depend on W, and a run resumes on any number of ranks up to G.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from curation.errors import VerifyError

MAX_COUNT = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadState:
    """What a checkpoint must hold, beside the model, to go on with the very next row.

    `manifest_sha256` names the export; `next_row` is the first row of the next step, in [0, rows).
    """

    manifest_sha256: str
    next_row: int
    epoch: int
    global_batch: int

    def to_dict(self) -> dict[str, object]:
        """Returns plain JSON values."""
        return dataclasses.asdict(self)


def state_from(value: Mapping[str, object], *, manifest_sha256: str, rows: int) -> ReadState:
    """Returns the state in a checkpoint's `value`, if it is one of this export.

    Raises:
        VerifyError: it is of another export, or not a state.
    """
    found = value.get("manifest_sha256")
    if found != manifest_sha256:
        raise VerifyError(
            f"state: manifest_sha256: expected {manifest_sha256}, found {str(found)[:80]!r}: the checkpoint was made "
            "with other data; open that export, or start anew"
        )
    limits = {"next_row": (0, max(rows - 1, 0)), "epoch": (0, MAX_COUNT), "global_batch": (1, MAX_COUNT)}
    numbers: dict[str, int] = {}
    for name, (low, high) in limits.items():
        number = value.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise VerifyError(
                f"state: {name}: expected a whole number from {low} to {high}, found {str(number)[:80]!r}"
            )
        numbers[name] = number
    return ReadState(manifest_sha256=manifest_sha256, **numbers)


def rows_of(state: ReadState, *, rows: int, rank: int = 0, world: int = 1) -> range:
    """Returns the rows of the step at `state` that `rank` of `world` takes; the last step of an epoch may be short.

    Raises:
        ValueError: more ranks than rows in a step, or no such rank.
    """
    if not 0 <= rank < world <= state.global_batch:
        raise ValueError(
            f"expected 0 <= rank < world <= global batch, found rank {rank}, world {world}, batch {state.global_batch}"
        )
    size = min(state.global_batch, rows - state.next_row)
    return range(state.next_row + rank * size // world, state.next_row + (rank + 1) * size // world)


def after(state: ReadState, *, rows: int) -> ReadState:
    """Returns the state of the next step; after the last row the next epoch starts at row 0."""
    row = state.next_row + state.global_batch
    if row < rows:
        return dataclasses.replace(state, next_row=row)
    return dataclasses.replace(state, next_row=0, epoch=state.epoch + 1)
