"""A finished run decided once more by another spec, from its stored signals and signatures, in a folder of its own.

The folder is a run directory in which `measured/`, `signatures/` and `inputs/` are links to the run's files; verdicts,
links and decisions are made by the same functions as in a run, so they are what a run of that spec would have.
"""

from pathlib import Path

from curation.errors import InputError
from curation.identity import fingerprint
from pipelines.decided import decide_documents
from pipelines.judging import judge_part
from pipelines.measuring import Job
from pipelines.progress import Progress
from pipelines.run_plan import decisive_settings
from pipelines.rundir import Run, open_run
from pipelines.spec import JobSpec
from pipelines.spec_file import dump_spec
from pipelines.standing import check_finished, part_names
from pipelines.store import Store

STORED = ("inputs", "measured", "signatures")


def decide_again(run: Run, spec: JobSpec, folder: Path, *, progress: Progress) -> Run:
    """Returns a run directory at `folder` with the verdicts, links and decisions that `spec` gives.

    Reads no text and changes nothing in `run`.

    Args:
        run: a finished run on a local disk.
        spec: asks for nothing that the run has not measured (`pipelines.rule_settings.changed_spec` sees to it).
        folder: empty, or not there.
        progress: told about judging and linking.

    Raises:
        InputError: the run is unfinished or not local, or `folder` holds something.
    """
    check_finished(run)
    parts = part_names(run)
    store = _linked(run.store, folder)
    key = fingerprint([run.manifest()["fingerprint"], decisive_settings(spec)])
    job = Job(spec=spec, fingerprint=key, store=store)
    store.write("spec.yaml", dump_spec(spec).encode())
    progress.start("judge", len(parts), "parts")
    for number, part in enumerate(parts, start=1):
        judge_part(job, part)
        progress.update(number)
    progress.finish(f"{len(parts)} parts")
    decide_documents(job, parts, progress)
    store.remove("work")
    return open_run(folder)


def _linked(source: Store, folder: Path) -> Store:
    """Links files, not folders: what is written beside them then never lands in the run."""
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: expected an empty folder to decide in, found files")
    for name in (name for stored in STORED for name in source.names(stored)):
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source.local_path(name))
    return Store(str(folder))
