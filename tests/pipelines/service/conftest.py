"""One service per test, and a client that asks it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.service.app import create_app
from pipelines.service.service import Service
from tests.pipelines.service.services import service_in


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A service whose jobs end at once; nothing ticks unless a test asks."""
    return service_in(tmp_path)


@pytest.fixture
def client(service: Service) -> TestClient:
    """A client on this machine."""
    return TestClient(create_app(service), base_url="http://127.0.0.1")
