"""Whatever the OpenAPI description allows, and what it forbids, is answered without a server error."""

import contextlib

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from pipelines.service.app import API, create_app
from pipelines.service.service import Service
from tests.pipelines.service.services import finished_job, service_in
from tests.rundirs import example_docs, write_run

pytestmark = pytest.mark.slow
HOST = {"Host": "127.0.0.1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with a finished job, whose id requests name."""
    folder = tmp_path_factory.mktemp("openapi")
    service = service_in(folder)
    write_run(folder / "run", example_docs())
    finished_job(service, folder / "run")
    return service


@pytest.fixture(scope="module")
def schema(served: Service) -> BaseSchema:
    """What the service says of itself."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", create_app(served), headers=HOST)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("examples", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_no_request_is_answered_with_a_server_error(
    served: Service, schema: BaseSchema, mode: GenerationMode, examples: int
):
    job = served.jobs.page()[-1]
    asked: set[str] = set()
    bounded = settings(max_examples=examples, suppress_health_check=list(HealthCheck))

    for operation in schema.get_all_operations():

        @bounded
        @given(case=operation.ok().as_strategy(generation_mode=mode))
        def check(case: Case) -> None:
            if "job_id" in (case.path_parameters or {}):
                case.path_parameters["job_id"] = job.id
            response = case.call(headers=HOST)
            asked.add(case.operation.label)
            assert response.status_code < 500, f"{case.as_curl_command()}: {response.text}"

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
