"""The wheel holds what the packages need besides Python files."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

PACKAGES = ("pipelines", "curation", "annotator", "trainer")
NOT_SHIPPED = "pipelines/jobs/"


def test_every_data_file_of_a_package_is_declared_as_package_data(repository: Path):
    declared = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, found in declared.items()
        if package != "*"
        for pattern in found
    ]
    patterns += [f"{package}/{pattern}" for package in PACKAGES for pattern in declared["*"]]
    files = [
        path.relative_to(repository).as_posix()
        for package in PACKAGES
        for path in (repository / package).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]
    shipped = [name for name in files if not name.startswith(NOT_SHIPPED)]
    models = {Path(name).name for name in shipped if name.endswith(".ftz")}
    assert {"lid.176.ftz", "quality_en.ftz"} <= models, "the models of language and quality should be package data"
    missing = [name for name in shipped if not any(fnmatch(name, pattern) for pattern in patterns)]
    assert not missing, f"pyproject.toml, package-data: {missing} would not be in the wheel"


def test_every_pin_is_one_version_that_plain_pypi_can_have(repository: Path):
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert "torch==2.13.0" in pins
    loose = [pin for pin in pins if "==" not in pin or "+" in pin or "@" in pin]
    assert not loose, f"constraints.txt: {loose}"


def test_every_dependency_is_pinned(repository: Path):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0] for line in (repository / "constraints.txt").read_text().splitlines() if "==" in line}
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=\[;]", item)[0]).lower() for item in wanted}
    assert names <= pinned, f"not in constraints.txt: {sorted(names - pinned)}"
