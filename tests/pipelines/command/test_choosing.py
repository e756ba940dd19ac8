"""Which run a command means when none is named."""

import os

import pytest

from curation.errors import InputError
from pipelines.command.choosing import chosen_run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_that_is_named_is_taken_as_it_is(folder):
    assert chosen_run("s3://bucket/run") == "s3://bucket/run"


def test_the_newest_run_under_runs_is_the_default_and_is_named(folder, capfd):
    for name, mark, time in (
        ("old", "manifest.json", 100),
        ("new", "fingerprint", 300),
        ("older", "manifest.json", 50),
    ):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / mark).touch()
        os.utime(folder / "runs" / name / mark, (time, time))
    (folder / "runs" / "no-run").mkdir()
    assert chosen_run(None) == "runs/new"
    assert capfd.readouterr() == ("", "newest run: runs/new\n")


def test_without_any_run_the_error_says_what_makes_one(folder):
    with pytest.raises(InputError) as error:
        chosen_run(None)
    assert str(error.value) == f"expected a run, found none named and none in {folder}/runs; gristmill run makes one"
