"""The public Python API of Gristmill. Everything behind it is imported when first used.

::

    import gristmill

    run = gristmill.run("job.yaml")                 # to its end, or on from where it stopped
    run.documents.to_table()                        # kept text, as an Arrow dataset
    run.sql("SELECT state, count(*) FROM decisions GROUP BY state")
    run.whatif("quality.num_words.min=40")          # what other thresholds would have kept, without measuring again
    gristmill.open_shards(run.store.uri)            # training rows, by memory map
    gristmill.deduplicate(texts).kept_N             # which of the texts in an Arrow array stay, without a run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.dedup.in_memory import Duplicates
    from pipelines.run_plan import RunPlan
    from pipelines.rundir import Run
    from trainer.shards import Shards

__all__ = ["FirstRow", "deduplicate", "first_rows", "init", "open_run", "open_shards", "plan", "run"]

SHOWN_TOKENS = 48
SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRow:
    """The begin of a training row: its text and the ids (hex) of the documents in it."""

    row: int
    text: str
    documents: list[str]


def run(
    spec: str | Path, *, output: str | None = None, limit: int | None = None, settings: Sequence[str] = ()
) -> "Run":
    """Runs a spec file to its end, going on where it stopped, and returns the run.

    Args:
        spec: path of the spec.
        output: run directory or URL; None: `runs/<job>-<fingerprint8>`.
        limit: at most so many documents, always the same ones.
        settings: `key=value` each, as `--set` takes them.

    Raises:
        GristmillError: see `curation.errors`.
    """
    from pipelines.job import run_job  # noqa: PLC0415
    from pipelines.progress import silent  # noqa: PLC0415
    from pipelines.rundir import open_run as opened  # noqa: PLC0415
    from pipelines.spec_file import load_spec  # noqa: PLC0415

    job = load_spec(Path(spec), settings=tuple(settings))
    result = run_job(job, spec_path=Path(spec), output=output, limit=limit, settings=tuple(settings), progress=silent())
    return opened(result.run.uri)


def plan(spec: str | Path, *, limit: int | None = None, settings: Sequence[str] = ()) -> "RunPlan":
    """Returns what a run of this spec would do: files and their digests, work units, fingerprint. Writes nothing.

    Raises:
        GristmillError: see `curation.errors`.
    """
    from pipelines.run_plan import plan_run  # noqa: PLC0415
    from pipelines.spec_file import load_spec  # noqa: PLC0415

    return plan_run(load_spec(Path(spec), settings=tuple(settings)), root=Path(spec).parent, limit=limit)


def init(files: Sequence[str], *, folder: str | Path = ".") -> str:
    """Looks at files and returns the text of a spec that runs on them from `folder`.

    Raises:
        InputError: there is no such file, or none that can be read.
    """
    from pipelines.proposing import propose_spec  # noqa: PLC0415

    return propose_spec(tuple(files), folder=Path(folder)).spec


def deduplicate(
    texts: "pa.Array | pa.ChunkedArray",
    *,
    min_jaccard: float = 0.7,
    rule: Literal["earlier", "component"] = "earlier",
) -> "Duplicates":
    """Returns which of the texts in an Arrow string array stay; `curation.dedup.in_memory` has further settings.

    Raises:
        TypeError: `texts` are not strings.
    """
    from curation.dedup.in_memory import deduplicate as deduplicated  # noqa: PLC0415

    return deduplicated(texts, min_jaccard=min_jaccard, rule=rule)


def open_run(path: str | Path) -> "Run":
    """Returns a run directory (path or URL) whose tables are Arrow datasets and DuckDB relations.

    Raises:
        InputError: there is no run.
    """
    from pipelines.rundir import open_run as opened  # noqa: PLC0415

    return opened(path)


def open_shards(run: str | Path) -> "Shards":
    """Returns the newest export of a run, opened by memory map.

    Raises:
        InputError: the run has no export, or is not local.
    """
    from curation.errors import InputError  # noqa: PLC0415
    from trainer.shards import open_shards as shards_at  # noqa: PLC0415

    folder = _export_folder(run)
    if folder is None:
        raise InputError(f"{run}: expected a run with an export, found none; give its spec `shards:` and run it again")
    return shards_at(folder)


def first_rows(run: str | Path) -> list[FirstRow]:
    """Returns the first training rows of a run's newest export as text, with the documents behind them."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    shards = open_shards(run)
    tokenizer = Tokenizer.from_file(f"{_export_folder(run)}/tokenizer.json")
    rows = []
    for row in range(min(SHOWN_ROWS, len(shards))):
        ids = shards.tokens(row, row + 1)[0][:SHOWN_TOKENS].tolist()
        documents = list(dict.fromkeys(piece.doc_id.hex() for piece in shards.documents(row)))
        rows.append(FirstRow(row=row, text=tokenizer.decode(ids, skip_special_tokens=False), documents=documents))
    return rows


def _export_folder(run: str | Path) -> Path | None:
    found = open_run(run)
    return found.store.local_path(f"exports/{found.latest_export}") if found.latest_export else None
