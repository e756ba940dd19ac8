"""`gristmill resume`: a run goes on from its directory alone.

`spec.yaml` in the run says what the job is, its ledger how it was started (`pipelines.starts`).
"""

from pipelines.job import RunResult, run_job
from pipelines.progress import Progress
from pipelines.spec_file import parse_spec
from pipelines.starts import last_start
from pipelines.store import Store


def resume_run(run: str, *, progress: Progress) -> RunResult:
    """Goes on with an unfinished run as it was last started; does nothing to a finished one.

    Raises:
        InputError: `run` is no run directory, or its ledger does not say how it was started.
        GristmillError: as `run_job` raises it.
    """
    store = Store(run)
    start = last_start(store)
    spec = parse_spec(store.read("spec.yaml"), name=f"{run}/spec.yaml", settings=start.local, folder=start.root)
    return run_job(
        spec,
        spec_path=start.root / "spec.yaml",
        output=run,
        limit=start.limit,
        settings=start.settings,
        progress=progress,
    )
