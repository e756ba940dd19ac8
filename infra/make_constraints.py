"""Writes constraints.txt: what pip resolves for every extra, on the oldest and the newest Python we support.

Run `python infra/make_constraints.py python3.11 python3.13`. It asks plain PyPI only (no configured index or
wheel folder), installs nothing, and marks a version with `python_version` where the two Pythons differ.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
HEADER = """\
# Pinned versions of every package, for all extras. Written by infra/make_constraints.py; don't edit.
# Use: pip install -c constraints.txt '.[dev]'
"""


def main() -> None:
    """Resolves for each interpreter named on the command line and writes the merged pins."""
    pins = {version_of(python): resolved(python) for python in sys.argv[1:]}
    (REPOSITORY / "constraints.txt").write_text(HEADER + "\n".join(merged(pins)) + "\n")


def version_of(python: str) -> str:
    """Returns `3.11` and the like."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def requirements() -> list[str]:
    """Returns the requirements of the project with all its extras."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]


def resolved(python: str) -> dict[str, str]:
    """Returns name -> version as pip resolves them in an empty venv of `python`."""
    environment = {key: value for key, value in os.environ.items() if key == "PIP_CERT" or not key.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True, env=environment)
        report = Path(folder, "report.json")
        dry_run = [*pip, "install", "--quiet", "--dry-run", "--report", str(report)]
        subprocess.run([*dry_run, *requirements()], check=True, env=environment)
        found = json.loads(report.read_text())["install"]
    return {normalised(item["metadata"]["name"]): item["metadata"]["version"] for item in found}


def normalised(name: str) -> str:
    """Returns a package name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def merged(pins: dict[str, dict[str, str]]) -> list[str]:
    """Returns constraint lines, with markers where the Pythons differ."""
    oldest, *later = sorted(pins, key=lambda version: tuple(map(int, version.split("."))))
    newest = later[-1] if later else oldest
    lines = []
    for name in sorted(set().union(*pins.values())):
        old, new = pins[oldest].get(name), pins[newest].get(name)
        if old == new or new is None or old is None:
            lines.append(f"{name}=={new or old}")
        else:
            lines.append(f'{name}=={old}; python_version <= "{oldest}"')
            lines.append(f'{name}=={new}; python_version > "{oldest}"')
    return lines


if __name__ == "__main__":
    main()
