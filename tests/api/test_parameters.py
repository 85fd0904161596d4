"""Parameters of an address: those that a route does not have, and those that are there twice."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.api_data import Data

from .test_security import routes


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("levle=error", "unknown parameter 'levle', did you mean 'level'?"),
        ("x=1", "unknown parameter 'x' - it takes after, around, attempt"),
        ("level=warn&level=error", "the parameter 'level' is given 2 times"),
        ("q=a&q=a", "the parameter 'q' is given 2 times"),
    ],
)
@pytest.mark.parametrize("path", ["/api/pulse/jobs/{}/logs", "/jobs/{}/logs"])
def test_what_would_not_narrow_the_log_is_refused(
    client: httpx2.Client, data: Data, path: str, query: str, said: str
) -> None:
    answer = client.get(f"{path.format(data.jobs['rich'])}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(said)


def test_every_route_that_gives_data_refuses_them(client: httpx2.Client) -> None:
    paths = [path for method, path in routes(client) if method == "GET"]
    free = {"/healthz", "/readyz", "/metrics"}
    for path in paths:
        answer = client.get(f"{path}?no_such=1")
        assert (answer.status_code == 400) == (path not in free), path
        if path not in free:
            assert "unknown parameter 'no_such'" in answer.json()["error"]["message"]


def test_pages_take_anything(client: httpx2.Client) -> None:
    for path in ("/", "/jobs", "/search", "/jobs/JB_1", "/api"):
        assert client.get(f"{path}?utm=1&utm=2").status_code != 400, path
