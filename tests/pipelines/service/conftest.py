"""A service per test, one application for all of them, and a client that asks."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipelines.service.app import create_app
from pipelines.service.service import Service
from tests.pipelines.service.services import service_in


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A service whose jobs end at once; nothing ticks unless a test asks."""
    return service_in(tmp_path)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The application: its first answer builds every route, which costs more than most tests."""
    return create_app(service_in(tmp_path_factory.mktemp("app")))


@pytest.fixture
def client(app: FastAPI, service: Service) -> TestClient:
    """A client on this machine, of the test's own service."""
    app.state.service = service
    return TestClient(app, base_url="http://127.0.0.1")
