"""The public Python API."""

import subprocess
import sys
from pathlib import Path

import pytest

import gristmill
from curation.errors import InputError, SpecError
from pipelines.proposing import propose_spec


def test_the_public_names_are_these():
    names = ["FirstRow", "deduplicate", "first_rows", "init", "open_run", "open_shards", "plan", "run"]
    assert gristmill.__all__ == names


def test_importing_it_imports_nothing_heavy(repository: Path):
    code = "import gristmill, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert not {"apache_beam", "numba", "numpy", "pyarrow", "duckdb", "tokenizers"} & set(loaded.stdout.split())


def test_init_returns_the_spec_that_the_command_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "some text"}\n')
    assert gristmill.init(["a.jsonl"]) == propose_spec(["a.jsonl"], folder=Path()).spec


def test_wrong_specs_and_missing_runs_raise_errors_of_the_tree(tmp_path):
    with pytest.raises(SpecError, match="expected a spec"):
        gristmill.run(tmp_path / "no.yaml")
    with pytest.raises(SpecError, match="expected a spec"):
        gristmill.plan(tmp_path / "no.yaml")
    with pytest.raises(InputError, match="expected a run directory"):
        gristmill.open_run(tmp_path)
