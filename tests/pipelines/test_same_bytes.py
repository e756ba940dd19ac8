"""Same input, same bytes: whatever the runner, batches, place, time zone, retries or kills."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import faults

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "pipelines" / "jobs" / "quickstart.yaml"
LIMIT = 300
NOT_COMPARED = {"ledger"}  # clock and host live there, and nowhere else


def command(*arguments):
    return [sys.executable, "-c", "import sys; from pipelines.command.main import main; sys.exit(main())", *arguments]


def environment(**changes):
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **changes}


def run(output, *arguments, spec=QUICKSTART, cwd=ROOT, **changes):
    """Runs the command in a process of its own; returns the finished process."""
    arguments = ["run", str(spec), "-o", str(output), "--limit", str(LIMIT), *arguments]
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def contents(folder):
    """Every published file with its bytes, without the ledger."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder): path for path in paths}
    return {str(name): path.read_bytes() for name, path in names.items() if name.parts[0] not in NOT_COMPARED}


def assert_same(found, expected):
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The sample's run, one thread at a time."""
    output = tmp_path_factory.mktemp("reference") / "run"
    done = run(output, "--set", "runner.mode=in_memory")
    assert done.returncode == 0, done.stderr
    return contents(output)


@pytest.mark.slow
def test_the_reference_holds_every_folder_of_a_run(reference):
    folders = {name.split("/")[0] for name in reference}
    expected = "inputs measured signatures accounts dead_letter verdicts links canaries decisions documents review tokens exports"
    assert folders >= {*expected.split(), "manifest.json", "spec.yaml", "report.html"}
    manifest = json.loads(reference["manifest.json"])
    assert manifest["laws"] == {"input": "holds", "documents": "holds", "tokens": "holds"}
    assert manifest["counts"]["kept"] > LIMIT / 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (("runner.mode=multi_threading", "runner.workers=2", "limits.batch_bytes=1MiB"), {"TZ": "Asia/Kathmandu"}),
        (("runner.mode=multi_processing", "runner.workers=2", "limits.batch_bytes=64KiB"), {"LC_ALL": "C"}),
        (("runner.mode=in_memory", "limits.memory_bytes=1MiB"), {"PYTHONHASHSEED": "7", "LC_ALL": "C.UTF-8"}),
    ],
    ids=["threads", "processes", "many link passes"],
)
def test_configuration_does_not_matter(reference, tmp_path, settings, changes):
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = run(tmp_path / "run", *arguments, **changes)
    assert done.returncode == 0, done.stderr
    assert_same(contents(tmp_path / "run"), reference)


@pytest.mark.slow
def test_neither_the_place_of_the_input_nor_the_working_directory_matters(reference, tmp_path):
    moved = tmp_path / "somewhere else"
    moved.mkdir()
    shutil.copy(QUICKSTART, moved)
    shutil.copytree(QUICKSTART.with_suffix(""), moved / "quickstart")
    done = run(tmp_path / "run", spec=moved / "quickstart.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same(contents(tmp_path / "run"), reference)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "after_temp_write:1",
        "after_temp_write:40",
        "before_rename:17",
        "before_manifest:1",
        "before_manifest:2",
        "in_survivors:1",
    ],
)
def test_a_run_killed_at_any_point_goes_on_to_the_same_bytes(reference, tmp_path, point):
    assert point.partition(":")[0] in faults.POINTS
    killed = run(tmp_path / "run", GRISTMILL_KILL_AT=point)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "manifest.json").exists()
    again = run(tmp_path / "run")
    assert again.returncode == 0, again.stderr
    assert_same(contents(tmp_path / "run"), reference)


@pytest.mark.slow
def test_a_real_kill_of_all_processes_midway_goes_on_to_the_same_bytes(reference, tmp_path):
    output = tmp_path / "run"
    arguments = [
        "run",
        str(QUICKSTART),
        "-o",
        str(output),
        "--limit",
        str(LIMIT),
        "--set",
        "runner.mode=multi_processing",
    ]
    process = subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not list(output.glob("accounts/*.parquet")):
            pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (output / "manifest.json").exists()
    again = run(output)
    assert again.returncode == 0, again.stderr
    assert_same(contents(output), reference)


@pytest.mark.slow
def test_a_finished_run_is_not_done_again_and_a_changed_input_is_refused(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "one text of some words"}\n')
    spec = tmp_path / "job.yaml"
    spec.write_text("job: t\ninputs: {a: {files: [data.jsonl]}}\n")
    assert run(tmp_path / "run", spec=spec).returncode == 0
    again = run(tmp_path / "run", spec=spec)
    assert again.returncode == 0
    assert "finished before" in again.stderr
    data.write_text('{"text": "another text of some words"}\n')
    refused = run(tmp_path / "run", spec=spec)
    assert refused.returncode == 2
    assert "holds another run" in refused.stderr
