"""The command line: help, exit codes, and that nothing from data reaches a terminal raw."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from curation.errors import ConservationError, GristmillError, InputError, SpecError, TooManyBadRecords, VerifyError
from pipelines.command.main import ENTRIES, HANDLERS, main
from pipelines.command.speaking import say

CALL = "import sys; from pipelines.command.main import main; sys.exit(main())"
HEAVY = {"apache_beam", "numba", "numpy", "pyarrow", "duckdb", "tokenizers", "ruamel.yaml", "fasttext", "jinja2"}
MAX_HELP_SECONDS = 0.5
ESCAPE, OVERRIDE = "\x1b[2J", "\u202e"


def called(arguments: Sequence[str], *, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", before + CALL, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def answer(error: BaseException) -> tuple[str, int]:
    return next(handle(error) for kinds, handle in HANDLERS if isinstance(error, kinds))


def test_help_lists_each_command_with_an_example_and_the_exit_codes():
    text = called(["--help"]).stdout
    for name, entry in ENTRIES.items():
        assert f"  {name} " in text, f"{name} is not listed"
        assert f"$ gristmill {entry.example}\n" in text, f"{name} has no example"
    assert "130 interrupted" in text


def test_help_imports_nothing_heavy_and_takes_less_than_half_a_second_of_cpu_time():
    times = []
    for _ in range(3):
        start = os.times()
        assert called(["--help"]).returncode == 0
        end = os.times()
        times.append(end.children_user + end.children_system - start.children_user - start.children_system)
    assert min(times) < MAX_HELP_SECONDS, f"--help took {times} s of CPU time"
    report = "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr)); "
    loaded = set(called(["--help"], before=report).stderr.split())
    assert "click" in loaded, "the report of modules is empty"
    assert not loaded & HEAVY


def test_the_help_of_each_command_has_an_example_and_imports_nothing_heavy():
    script = (
        "import sys, pipelines.command.main as m\n"
        "for name in m.ENTRIES: assert m.main([name, '--help']) == 0, name\n"
        "m.main(['tokenizer', 'train', '--help']); print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("Example: gristmill") == len(ENTRIES)
    assert not set(done.stderr.split()) & HEAVY


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GristmillError("disk full"), 1, "error: disk full"),
        (SpecError("web.yaml:1:1: wrong"), 2, "error: web.yaml:1:1: wrong"),
        (InputError("no file"), 2, "error: no file"),
        (TooManyBadRecords("9 of 10"), 3, "error: 9 of 10"),
        (ConservationError("lost"), 4, "error: lost"),
        (VerifyError("changed"), 4, "error: changed"),
        (click.UsageError("no such option"), 2, "error: no such option"),
        (click.exceptions.Exit(4), 4, ""),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: /x: Permission denied"),
        (
            ModuleNotFoundError("No module", name="torch.nn"),
            1,
            "error: the Python package 'torch' is missing: pip install 'gristmill[trainer]'",
        ),
        *(
            (
                ModuleNotFoundError("No module", name=name),
                1,
                f"error: the Python package {name.partition('.')[0]!r} is missing: pip install 'gristmill[service]'",
            )
            for name in ("uvicorn", "sqlalchemy.orm", "fastapi", "alembic", "apscheduler", "itsdangerous")
        ),
    ],
)
def test_each_error_has_its_exit_code_and_message(error, code, message):
    assert answer(error) == (message, code)


def test_an_interrupted_run_tells_the_command_that_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gristmill", "run", "my job.yaml", "--set", "seed=1"])
    assert answer(KeyboardInterrupt()) == (
        "interrupted; what is written stays. To go on:\n  gristmill run 'my job.yaml' --set seed=1",
        130,
    )


def test_a_defect_is_told_with_its_traceback():
    message, code = answer(ZeroDivisionError("division by zero"))
    assert code == 1
    assert message.endswith("error: this is a defect of gristmill; please report it with the lines above")
    assert "ZeroDivisionError: division by zero" in message


def test_no_command_is_a_usage_error_that_shows_the_help():
    done = called([])
    assert (done.returncode, done.stdout) == (2, "")
    assert "Exit codes:" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", f"{ESCAPE}{OVERRIDE}.jsonl"],
        ["run", f"{ESCAPE}{OVERRIDE}.yaml"],
        ["run", "a.yaml", f"{ESCAPE}{OVERRIDE}"],
        [f"{ESCAPE}{OVERRIDE}"],
        ["validate", f"{ESCAPE}{OVERRIDE}"],
        ["why", f"runs/{ESCAPE}{OVERRIDE}", "x"],
        ["init", f"{ESCAPE}{OVERRIDE}"],
    ],
)
def test_names_with_escape_sequences_are_made_visible(arguments, capfd):
    assert main(arguments) == 2
    told = capfd.readouterr()
    assert "\x1b" not in told.err + told.out
    assert OVERRIDE not in told.err + told.out
    assert "x1b[2J" in told.err
    assert "u202e" in told.err


def test_a_traceback_with_escape_sequences_is_made_visible(capfd):
    say(answer(ZeroDivisionError(ESCAPE))[0])
    told = capfd.readouterr().err
    assert "ZeroDivisionError: \\x1b[2J" in told
    assert "\x1b" not in told


def test_a_wrong_spec_exits_with_2_and_one_line_that_says_where(tmp_path, capfd):
    path = tmp_path / "web.yaml"
    path.write_text("job: web\ninputs:\n  web:\n    files: [a]\n    weight: 30%\n")
    assert main(["validate", str(path)]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err == (
        "error: web.yaml:5:5: inputs.web.weight: expected a number in [0, 16], found '30%'. Write 0.3.\n"
    )


def test_json_goes_to_stdout_alone(tmp_path, capfd):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' * 3)
    path = tmp_path / "web.yaml"
    path.write_text("job: web\ninputs:\n  web:\n    files: [a.jsonl, b]\n")
    (tmp_path / "b").write_bytes(b"PK\x03\x04\x00\x00")
    assert main(["validate", str(path), "--json"]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    facts = json.loads(told.out)
    near = facts.pop("near")
    assert (near["bands"], near["rows"], round(near["s_curve"]["0.8"], 3)) == (14, 8, 0.924)
    assert facts == {
        "spec": str(path),
        "inputs": [
            {"name": "web", "files": 2, "bytes": 48, "formats": ["1 jsonl"], "problems": ["1 unsupported_format"]}
        ],
        "unused_gates": [],
    }


def test_validate_shows_inputs_as_a_table(tmp_path, capfd):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' * 3)
    path = tmp_path / "web.yaml"
    path.write_text("job: web\ninputs:\n  web:\n    files: [a.jsonl]\n")
    assert main(["validate", str(path)]) == 0
    assert capfd.readouterr().out == (
        f"{path}: valid\ninput  files  bytes  formats  problems\nweb        1     42  1 jsonl\n"
        "near duplicates: 14 bands x 8 rows of affine32 over 5 words, normalize case\n"
        "similarity    0.3    0.4    0.5    0.6    0.7   0.75    0.8   0.85    0.9   0.95\n"
        "caught      0.001  0.009  0.053  0.211  0.565  0.772  0.924  0.988  1.000  1.000\n"
    )
    assert main(["validate", str(path), "--set", "dedup.near=null"]) == 0
    assert capfd.readouterr().out.endswith("near duplicates: off\n")


def test_validate_tells_of_gates_that_judge_nothing(tmp_path, capfd):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    path = tmp_path / "web.yaml"
    path.write_text(
        "job: web\ninputs: {web: {files: [a.jsonl]}}\ngates: {short: {rules: [{signal: num_words, min: 1}]}}\n"
    )
    assert main(["validate", str(path)]) == 0
    assert "gate short: no input names it under `gates:`, so it judges nothing\n" in capfd.readouterr().out


def test_a_gate_on_a_signal_that_nothing_measures_is_found_by_validate(tmp_path, capfd):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    path = tmp_path / "web.yaml"
    path.write_text(
        "job: web\ninputs: {web: {files: [a.jsonl], gates: [g]}}\ngates: {g: {rules: [{signal: num_wrods, min: 1}]}}\n"
    )
    assert main(["validate", str(path)]) == 2
    assert "gate 'g' reads 'signal.num_wrods', which no earlier step adds" in capfd.readouterr().err


def test_a_reader_that_goes_away_is_no_error_message():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", CALL, "schema"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_package_of_ours_that_another_hides_stops_every_command_and_says_which(tmp_path):
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").touch()
    done = called(["doctor"], before=f"import sys; sys.path.insert(0, {str(tmp_path)!r}); ")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: expected the package 'trainer' of gristmill in {Path(__file__).resolve().parents[3]}, found "
        f"{tmp_path / 'trainer'}; start in another folder than {tmp_path}, or give gristmill a virtual environment of "
        "its own\n"
    )


def test_a_job_loads_no_package_of_an_extra(repository):
    program = "import sys, pipelines.job, pipelines.resuming, pipelines.whatif, pipelines.report, pipelines.verify\n"
    program += "from pipelines.command.main import EXTRAS\n"
    program += (
        "print(sorted(sys.modules.keys() & (EXTRAS.keys() - {'urllib3'})))"  # Beam's own dependencies bring urllib3
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
