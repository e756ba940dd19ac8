"""One real Label Studio server per test session, installed in the background while other tests run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.installation import Installation, cache_folder, install
from annotator.label_studio import LabelStudio
from annotator.server import Started, start, stop
from annotator.transport import Http

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "review"


@pytest.fixture(scope="session")
def installation() -> Installation:
    """Label Studio in the cache of the checkout; the session began to install it when it collected its tests."""
    return install(cache_folder({"GRISTMILL_REVIEW_CACHE": str(CACHE)}))


@pytest.fixture(scope="session")
def started(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """The server of the session."""
    data = tmp_path_factory.mktemp("review-server")
    yield start(data, lambda: installation, allow_local_webhooks=True)
    stop(data)


@pytest.fixture
def real(started: Started) -> LabelStudio:
    """A client of the server of the session."""
    return LabelStudio(transport=Http(url=started.server.url, token=started.credentials.token))
