"""Whatever the OpenAPI description allows, and what it forbids, is answered without a server error."""

import contextlib
from dataclasses import dataclass

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema
from sqlalchemy import update

from pipelines.service.app import API, create_app
from pipelines.service.database import writing
from pipelines.service.service import Service
from pipelines.service.tables import Token
from tests.pipelines.service.services import finished_job, service_in
from tests.rundirs import example_docs, write_run

pytestmark = pytest.mark.slow
HOST = {"Host": "127.0.0.1"}
UNGUESSED = 7_203_415
"""The id of the administrator's token: requests that revoke tokens guess small ones."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service with a finished job, whose id requests name, and the headers of an administrator's requests."""

    service: Service
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("openapi")
    service = service_in(folder)
    write_run(folder / "run", example_docs())
    finished_job(service, folder / "run")
    secret = service.tokens.make("ops", ("admin",))
    with writing(service.jobs.engine) as session:
        session.execute(update(Token).values(id=UNGUESSED))
    return Served(service, HOST | {"Authorization": f"Bearer {secret}"})


@pytest.fixture(scope="module")
def schema(served: Served) -> BaseSchema:
    """What the service says of itself."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", create_app(served.service), headers=served.headers)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("examples", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_no_request_is_answered_with_a_server_error(
    served: Served, schema: BaseSchema, mode: GenerationMode, examples: int
):
    job = served.service.jobs.page()[-1]
    asked: set[str] = set()
    bounded = settings(max_examples=examples, suppress_health_check=list(HealthCheck))

    for operation in schema.get_all_operations():

        @bounded
        @given(case=operation.ok().as_strategy(generation_mode=mode))
        def check(case: Case) -> None:
            if "job_id" in (case.path_parameters or {}):
                case.path_parameters["job_id"] = job.id
            response = case.call(headers=served.headers)
            asked.add(case.operation.label)
            assert response.status_code < 500, f"{case.as_curl_command()}: {response.text}"
            assert response.status_code != 401 or case.path == "/api/session", "else nothing behind it was asked"

        with contextlib.suppress(Unsatisfiable):  # an operation that takes nothing cannot be asked wrongly
            check()
    described = {operation.ok().label for operation in schema.get_all_operations()}
    if mode is GenerationMode.POSITIVE:
        assert asked == described
    assert len(asked) > 20, "every operation that can be asked so was asked"


def test_every_route_of_the_api_is_described_so_none_goes_unasked(schema: BaseSchema):
    routes = [route for router in API for route in router.routes if isinstance(route, APIRoute)]
    of_the_api = {f"{method} {route.path_format}" for route in routes for method in route.methods - {"HEAD"}}
    assert {operation.ok().label for operation in schema.get_all_operations()} == of_the_api
