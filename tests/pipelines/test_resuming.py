"""`gristmill resume`: a stopped run goes on from its directory alone, wherever the command is given."""

import json
import re
import shutil

import pytest

from curation.errors import InputError
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.resuming import resume_run
from pipelines.spec_file import load_spec
from pipelines.store import Store

SPEC = """
job: small
inputs: {notes: {files: [data/*.jsonl]}}
runner: {mode: in_memory, workers: 1}
limits: {batch_bytes: 2KiB}
"""


@pytest.fixture
def stopped(tmp_path):
    """A run whose process ended after the stage `measure`, and the bytes that it must come to."""
    folder = tmp_path / "job"
    (folder / "data").mkdir(parents=True)
    rows = [{"text": f"note {number} says {number * 7} " * 9} for number in range(40)]
    (folder / "data" / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "small.yaml").write_text(SPEC)
    spec = load_spec(folder / "small.yaml", settings=("seed=3",))
    output = str(tmp_path / "run")
    run_job(
        spec, spec_path=folder / "small.yaml", output=output, limit=30, settings=("seed=3",), progress=silent()
    )  # fmt: skip
    expected = contents(tmp_path / "run")
    for name in ("manifest.json", "report.html"):
        (tmp_path / "run" / name).unlink()
    for name in ("verdicts", "links", "decisions", "documents", "review"):
        shutil.rmtree(tmp_path / "run" / name)
    return tmp_path / "run", expected


def contents(run):
    paths = (path for path in run.rglob("*") if path.is_file())
    return {
        path.relative_to(run): path.read_bytes() for path in paths if path.relative_to(run).parts[0] != "ledger"
    }  # fmt: skip


def test_a_stopped_run_goes_on_to_the_same_bytes_from_another_folder(stopped, tmp_path, monkeypatch):
    run, expected = stopped
    monkeypatch.chdir(tmp_path)
    result = resume_run("run", progress=silent())
    assert not result.reused
    assert result.counts["read"] == 30, "the limit of the first start holds"
    assert contents(run) == expected
    assert resume_run("run", progress=silent()).reused, "a finished run is not done again"


def test_a_run_is_resumed_with_the_runner_it_was_started_with(stopped):
    run, _ = stopped
    resume_run(str(run), progress=silent())
    starts = [json.loads(path.read_text().splitlines()[0]) for path in sorted((run / "ledger").glob("*.jsonl"))]
    assert len({json.dumps(start["local"]) for start in starts}) == 1
    assert 'runner={"name": "FnApiRunner", "mode": "in_memory"' in starts[-1]["local"][0]


def test_what_is_no_run_cannot_be_resumed(tmp_path):
    with pytest.raises(InputError) as caught:
        resume_run(str(tmp_path), progress=silent())
    assert re.fullmatch(
        r"/.*: expected a run directory with spec.yaml and a ledger that says how it was started, found none; "
        "gristmill run SPEC -o DIR goes on too",
        str(caught.value),
    )
    assert Store(str(tmp_path)).names("") == []
