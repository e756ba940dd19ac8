"""Fixtures that every test may use: where the corpora are, and one hypothesis profile for all."""

import atexit
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

settings.register_profile(
    "gristmill",
    derandomize=True,  # the same examples on every machine: a failure can be repeated
    deadline=None,  # the first example of a kernel includes its compilation
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gristmill")

LABEL_STUDIO = """
from annotator.installation import cache_folder, install
from tests.annotator.conftest import CACHE
install(cache_folder({"GRISTMILL_REVIEW_CACHE": str(CACHE)}))
"""
PEER = """
from infra.benchmarks.peers import python_of
python_of("{}")
"""


@atexit.register
def _hush_teardown() -> None:
    """Registered first, so called last: DuckDB's binding reports its own types as leaked while Python is taken down.

    That would follow pytest's closing line, which is the last line of `.ci/run`. The exit code is not touched.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: side by side, no process is left alone with a long file at the end.

    Those that need another tool come last: it is installed meanwhile.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    waits = {item.path for item in items if _installs(item)}
    items.sort(key=lambda item: (item.path in waits, item.path not in slow))


def _installs(item: pytest.Item) -> list[str]:
    """Returns the programs that install what a test needs, for the tools that can be installed before it runs."""
    peers = [PEER.format(name) for mark in item.iter_markers("peer") for name in mark.args]
    return [LABEL_STUDIO, *peers] if item.get_closest_marker("labelstudio") else peers


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder `dev` of the test corpora named by $GRISTMILL_CORPORA."""
    named = os.environ.get("GRISTMILL_CORPORA")
    if not named:
        pytest.skip("GRISTMILL_CORPORA is not set: it names the folder that holds the test corpora (dev/)")
    folder = Path(named) / "dev"
    if not folder.is_dir():
        pytest.fail(f"GRISTMILL_CORPORA={named}: expected a folder that holds dev/, found none")
    return folder


def pytest_collection_finish(session: pytest.Session) -> None:
    """Starts to install the tools that tests of this session need, one after the other, while the other tests run."""
    wanted = dict.fromkeys(program for item in session.items for program in _installs(item))
    if wanted and not session.config.option.collectonly:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command, quiet = [sys.executable, "-c", "".join(wanted)], subprocess.DEVNULL
        started = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
        atexit.register(started.wait)
