"""`infra/setup.sh` says in one line what is missing, before it installs anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = ("bash", "dirname", "df", "awk", "rm", "touch", "cat", "id")


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A folder with nothing but the script, and a PATH (`bin`) with nothing but what it calls."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(repository / "infra" / "setup.sh", tmp_path / "infra")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is not on PATH"
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def setup(checkout: Path, **environment: str) -> tuple[int, str]:
    command = [str(checkout / "bin" / "bash"), "infra/setup.sh", "run"]
    variables = {"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "/"), **environment}
    done = subprocess.run(command, check=False, cwd=checkout, env=variables, capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def test_without_a_python_it_says_which_to_install(checkout: Path):
    code, message = setup(checkout)
    assert code == 1
    assert message == (
        "No Python 3.11 to 3.13 found. Install one (Debian: apt-get install python3 python3-venv) "
        "or set PYTHON=/path/to/python."
    )


def test_a_python_that_does_not_fit_is_named_with_its_version(checkout: Path):
    script(checkout / "bin" / "old", 'if [[ $1 == --version ]]; then echo "Python 3.9.18"; else exit 1; fi')
    code, message = setup(checkout, PYTHON="old")
    assert (code, message) == (1, "PYTHON=old: expected Python 3.11, 3.12 or 3.13; found Python 3.9.18")


def test_a_python_without_venv_is_told_from_none(checkout: Path):
    script(checkout / "bin" / "python3.12", "[[ $2 != *ensurepip* ]]")
    code, message = setup(checkout)
    assert code == 1
    assert message == (
        "python3.12 has no venv module. Install it (Debian: apt-get install python3-venv) and start again."
    )


def test_a_full_disk_is_told_with_what_is_there(checkout: Path):
    (checkout / "bin" / "df").unlink()
    script(checkout / "bin" / "df", "printf 'Filesystem blocks used free\\n/ 9 9 2048000 1%% /\\n'")
    code, message = setup(checkout)
    assert code == 1
    assert message == f"Expected 3 GB of free disk space in {checkout}, found 2000 MB. Free some and start again."
