"""The description of the API is true: generated requests, and what comes back."""

from __future__ import annotations

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    load_all_checks,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from qntx.api.server import Server
from tests.support.api_data import Data
from tests.support.api_server import TOKEN

load_all_checks()
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
#: Streams without an end, which have tests of their own.
ENDLESS = {"/api/pulse/events"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_generated_requests(server: Server, data: Data, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    number = 0
    for operation in (result.ok() for result in schema.get_all_operations()):
        if operation.path in ENDLESS:
            continue

        @settings(
            max_examples=3,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def requests(case: schemathesis.Case) -> None:
            nonlocal number
            number += 1
            answer = case.call(headers=HEADERS)
            # To refuse a URL by its length alone is a rejection, too.
            too_long = answer.status_code == 414
            checks = [c for c in CHECKS if not (too_long and c is negative_data_rejection)]
            case.validate_response(answer, checks=checks)
            if "job_id" in (case.path_parameters or {}):
                # The same request to a job that there is.
                case.path_parameters["job_id"] = data.jobs["retried"]
                case.call_and_validate(checks=[not_a_server_error], headers=HEADERS)

        try:
            requests()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing about it can be wrong
    assert number >= 30


def test_every_route_is_described(client: httpx2.Client) -> None:
    description = client.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    for path, item in description["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
            for parameter in operation.get("parameters", []):
                named = {"name", "in", "schema"} <= set(parameter)
                assert named, (path, parameter)
