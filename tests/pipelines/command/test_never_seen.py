"""The command on data it has never seen, from `init` to `export`, with texts made to attack a terminal."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # background suites ignore it
CALL = "import sys; from pipelines.command.main import main; sys.exit(main())"
ATTACK = "\x1b]0;owned\x07\x1b[2J\u202e\u2066\x9b31m"
WORDS = (
    "river",
    "mountain",
    "harbour",
    "lantern",
    "orchard",
    "village",
    "winter",
    "morning",
    "teacher",
    "kitchen",
    "window",
)


def text_of(number: int) -> str:
    """A text of 120 words that no other number has."""
    words = (f"{WORDS[(number * 7 + index * index) % len(WORDS)]}{(number * 31 + index) % 97}" for index in range(120))
    return " ".join(words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 40 documents: one is hostile, one a copy, one too short, and one line is no JSON."""
    folder = tmp_path_factory.mktemp("never-seen")
    rows = [{"key": number, "body": text_of(number), "uri": f"https://x.org/{number}"} for number in range(37)]
    rows += [{"key": 37, "body": text_of(0), "uri": "https://copy.org/"}, {"key": 38, "body": "short"}]
    rows += [{"key": 39, "body": f"{ATTACK} {text_of(39)} {ATTACK}", "uri": f"https://x.org/{ATTACK}"}]
    lines = [json.dumps(row) for row in rows] + ['{"body": "cut']
    (folder / f"pages{ATTACK[:4]}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return folder


def command(folder: Path, *arguments: str, code: int = 0) -> str:
    """Runs the command, checks its exit code and that it printed nothing that a terminal obeys; returns stdout."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CALL, *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )
    told = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == code, told
    assert not set(told) & set("\x1b\x07\x9b\u202e\u2066"), f"{arguments}: raw control characters in {told!r}"
    return done.stdout.decode()


@pytest.mark.slow
def test_init_then_run_then_every_question_about_the_run(folder):
    shown = command(folder, "init", "*.jsonl.gz")
    assert "1 jsonl (gzip)" in shown
    assert shown.count("\ndocument ") == 3
    assert "columns: {text: body, url: uri}" in (folder / "job.yaml").read_text()

    *_, report, run, first, second, third = command(folder, "run", "job.yaml").splitlines()
    name = run.split()[1]
    assert report == f"report  {name}/report.html"
    tried = [line.removeprefix("try").split()[:3] for line in (first, second, third)]
    assert tried == [["gristmill", verb, name] for verb in ("inspect", "verify", "export")]
    assert (folder / name / "report.html").stat().st_size > 0

    counts = json.loads(command(folder, "run", "job.yaml", "--json"))
    assert counts["reused"], "a finished run was done again"
    assert {key: counts["counts"][key] for key in ("read", "kept", "exact_duplicates", "dead_letters")} == {
        "read": 40,
        "kept": 38,
        "exact_duplicates": 1,
        "dead_letters": 1,
    }
    assert json.loads(command(folder, "verify", name, "--json")) == {"run": name, "findings": []}
    assert "every file is as its manifest says" in command(folder, "verify")

    dropped = json.loads(command(folder, "inspect", "--state", "dropped", "--json"))
    assert sorted(item["decided_by"] for item in dropped) == ["dedup/exact_text", "substance/num_chars"]
    assert "\\x1b" in command(folder, "inspect", "-n", "100")
    copies = {"https://copy.org/", "https://x.org/0"}  # which one stays is decided by their ids
    (removed,) = (item["document"]["url"] for item in dropped if item["decided_by"] == "dedup/exact_text")
    (answer,) = json.loads(command(folder, "why", removed, "--json"))
    assert (answer["state"], answer["decided_by"]) == ("dropped", "dedup/exact_text")
    assert {removed, answer["explanation"]["survivor"]["url"]} == copies
    assert "survivor" in command(folder, "why", name, removed)
    command(folder, "why", name, f"https://y.org/{ATTACK}", code=2)

    command(folder, "export", "--to", "parquet", "--where", "url LIKE 'https://x.org/1_'")
    assert pq.read_table(folder / "documents.parquet").num_rows == 10
    command(folder, "export", "--to", "parquet", code=2)
    command(folder, "tokenizer", "train", name, "--vocab-size", "300")
    again = json.loads(command(folder, "tokenizer", "train", name, "--vocab-size", "300", "-o", "again.json", "--json"))
    assert (folder / "again.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert set(again) == {"file", "vocab_size", "sha256"}


@pytest.mark.slow
def test_too_many_bad_records_end_with_3_and_a_changed_file_with_4(folder):
    command(folder, "run", "pages*.jsonl.gz", "--set", "limits.max_bad_fraction=0.001", "-o", "strict", code=3)
    command(folder, "run", "pages*.jsonl.gz", "-o", "changed", "--set", "inputs.files.columns.text=body")
    part = next((folder / "changed" / "documents").iterdir())
    part.write_bytes(part.read_bytes() + b"x")
    assert f"documents/{part.name}: expected" in command(folder, "verify", "changed", code=4)


@pytest.mark.slow
def test_an_interrupted_run_ends_with_130_and_the_command_that_it_names_goes_on(folder):
    arguments = ["run", "pages*.jsonl.gz", "-o", "interrupted", "--set", "inputs.files.columns.text=body"]
    process = subprocess.Popen(
        [sys.executable, "-c", HEARD + CALL, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = ""
    for line in process.stderr:
        told += line
        if line.startswith(
            ("measure", "judge", "link", "decide")
        ):  # Python may lose one signal in a callback of C code
            process.send_signal(signal.SIGINT)
    with process:
        assert process.stdout.read() == ""
    assert process.returncode == 130, told
    assert "interrupted; what is written stays. To go on:\n  gristmill run 'pages*.jsonl.gz' -o interrupted" in told
    assert not (folder / "interrupted" / "manifest.json").exists(), "the run was finished before the signal came"
    command(folder, *arguments)
    assert json.loads(command(folder, "verify", "interrupted", "--json"))["findings"] == []
