"""`gristmill resume`: a run goes on from its directory alone.

`spec.yaml` in the run says what the job is, its ledger how it was started (`pipelines.starts`).
"""

from pipelines.job import RunResult, run_job
from pipelines.progress import Progress
from pipelines.rounds import decide_with_people, has_answers
from pipelines.run_plan import tokenizer_of
from pipelines.rundir import open_run
from pipelines.spec import JobSpec
from pipelines.spec_file import parse_spec
from pipelines.starts import Start, last_start
from pipelines.store import Store
from pipelines.tokenize import PinnedTokenizer, load_tokenizer


def resume_run(run: str, *, progress: Progress) -> RunResult:
    """Goes on with an unfinished run as it was last started; decides a finished one anew if people answered.

    Returns the run, or the round that counts the answers there are (see `pipelines.rounds`).

    Raises:
        InputError: `run` is no run directory, or its ledger does not say how it was started.
        GristmillError: as `run_job` raises it.
    """
    store = Store(run)
    start = last_start(store)
    spec = parse_spec(store.read("spec.yaml"), name=f"{run}/spec.yaml", settings=start.local, folder=start.root)
    opened = open_run(run)
    if has_answers(opened):
        decided = decide_with_people(opened, spec, tokenizer=_tokenizer(spec, start), progress=progress)
        return RunResult(run=decided.run, fingerprint=decided.fingerprint, counts=decided.counts, reused=decided.reused)
    return run_job(
        spec,
        spec_path=start.root / "spec.yaml",
        output=run,
        limit=start.limit,
        settings=start.settings,
        progress=progress,
    )


def _tokenizer(spec: JobSpec, start: Start) -> PinnedTokenizer | None:
    content = tokenizer_of(spec, start.root)
    if spec.shards is None or content is None:
        return None
    return load_tokenizer(content, eos=spec.shards.eos)
