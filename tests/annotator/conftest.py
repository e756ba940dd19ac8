"""One real Label Studio server for all processes of a test session, installed while other tests run."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from annotator.installation import Installation, cache_folder, install
from annotator.label_studio import LabelStudio
from annotator.server import Started, start, stop
from annotator.transport import Http
from tests.annotator.browsing import ReviewerPage, chromium

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "review"


@pytest.fixture(scope="session")
def installation() -> Installation:
    """Label Studio in the cache of the checkout; the session began to install it when it collected its tests."""
    return install(cache_folder({"GRISTMILL_REVIEW_CACHE": str(CACHE)}))


@pytest.fixture(scope="session")
def started(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """The server of the session; the first process that needs it starts it, the last one ends it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    data, users = shared / "review-server", shared / "review-server-users"
    with FileLock(shared / "review-server-lock"):
        users.mkdir(exist_ok=True)
        mine = Path(tempfile.mkdtemp(dir=users))  # one for each module that takes this fixture
        server = start(data, lambda: installation, allow_local_webhooks=True)
    yield server
    with FileLock(shared / "review-server-lock"):
        mine.rmdir()
        if not any(users.iterdir()):
            stop(data)


@pytest.fixture(scope="session")
def real(started: Started) -> LabelStudio:
    """A client of the server of the session."""
    return LabelStudio(transport=Http(url=started.server.url, token=started.credentials.token))


@pytest.fixture(scope="session")
def reviewer_page(started: Started) -> Iterator[ReviewerPage]:
    """Chromium, signed in to the server of the session."""
    with chromium() as browser:
        page = ReviewerPage(browser=browser, url=started.server.url)
        page.sign_in(started.credentials.email, started.credentials.password)
        yield page
