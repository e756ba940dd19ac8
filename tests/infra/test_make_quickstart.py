"""The committed sample is what its script makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path("pipelines/jobs/quickstart")


@pytest.mark.slow
def test_the_script_makes_the_committed_sample_byte_for_byte(repository: Path, corpora: Path, tmp_path: Path):
    code = f"import pathlib, make_quickstart; make_quickstart.main(pathlib.Path({str(tmp_path)!r}))"
    environment = {**os.environ, "PYTHONPATH": str(repository / "infra"), "GRISTMILL_CORPORA": str(corpora.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(made) > 30, f"the script made only {len(made)} files"
    differ = [str(name) for name, content in made.items() if (repository / SAMPLE / name).read_bytes() != content]
    assert not differ, f"these files are not what infra/make_quickstart.py makes: {differ}"


def test_every_folder_of_the_sample_stands_in_its_licence_table(repository: Path):
    table = (repository / SAMPLE / "LICENCES.md").read_text()
    for folder in (repository / SAMPLE).iterdir():
        if folder.is_dir() and folder.name != "licences":
            assert f"`{folder.name}/" in table, f"LICENCES.md says nothing of {folder.name}/"


def test_the_sample_is_a_few_megabytes(repository: Path):
    size = sum(path.stat().st_size for path in (repository / SAMPLE).rglob("*") if path.is_file())
    assert 1e6 < size < 6e6, f"the sample has {size} bytes"
