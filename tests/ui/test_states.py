"""What the UI says when not all is well: warnings, lines that expired, logins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import node
from tests.support.paths import EXAMPLES
from tests.support.qntx_server import Served, serving_in
from tests.support.waiting import wait_until
from tests.ui.test_pages import assert_walked


@pytest.fixture(scope="module")
def uneasy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that has less room than it was given, and keeps info lines for no time at all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNTX_STORAGE__LIMIT", "100kB")
        patch.setenv("QNTX_RETENTION__RULES", '[{"days": 0.00001, "level": "info"}]')
        with serving_in(tmp_path_factory.mktemp("uneasy")) as found:
            yield found


@pytest.fixture(scope="module")
def expired(uneasy: Served) -> str:
    """Id of a job whose lines have expired."""
    queued = uneasy.qntx("ix", "--queue", str(EXAMPLES / "jobs" / "senior-backend-engineer.txt"))
    job_id = queued.stdout.strip()
    uneasy.finished(job_id)

    def gone() -> bool:
        done = uneasy.qntx("retention", "run")
        assert done.returncode == 0, done.stderr
        return uneasy.get(f"/api/pulse/jobs/{job_id}/logs")["expired"] is not None

    wait_until(gone, "the lines have expired")
    return job_id


def test_warnings_of_the_server_are_above_every_page(uneasy: Served, expired: str) -> None:
    assert_walked(node("states.mjs", uneasy.url, expired, "warnings"), "warnings")


def test_lines_that_expired_are_told(uneasy: Served, expired: str) -> None:
    assert_walked(node("states.mjs", uneasy.url, expired, "expired"), "expired")


def test_a_login_that_ended_is_said(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNTX_SERVER__AUTH", "always")
    with serving_in(tmp_path_factory.mktemp("guarded")) as guarded:
        queued = guarded.qntx("ix", "--queue", str(EXAMPLES / "jobs" / "finance-lead.pdf"))
        monkeypatch.setenv("QNTX_TOKEN", (guarded.home / "token").read_text().strip())
        result = node("states.mjs", guarded.url, queued.stdout.strip(), "logout")
    assert_walked(result, "logout")
