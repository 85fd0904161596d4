"""Pages of jobs that wait, on a real server: what is said of them is so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import node
from tests.support.qntx_server import Served, serving_handlers
from tests.ui.test_pages import assert_walked


@pytest.fixture(scope="module")
def unlucky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose workers know the handlers that are out of luck."""
    with serving_handlers(tmp_path_factory.mktemp("unlucky"), "tests.ui.unlucky") as found:
        yield found


def test_what_holds_a_job_is_said(unlucky: Served) -> None:
    assert_walked(node("waiting.mjs", unlucky.url, "held"), "held")


def test_a_skipped_firing_stays_open(unlucky: Served) -> None:
    assert_walked(node("waiting.mjs", unlucky.url, "skipped"), "skipped")


def test_a_list_is_left_and_come_back_to(unlucky: Served) -> None:
    assert_walked(node("waiting.mjs", unlucky.url, "back"), "back")


def test_live_is_the_page_that_is_open(unlucky: Served) -> None:
    assert_walked(node("waiting.mjs", unlucky.url, "live"), "live")


def test_a_retried_job_shows_its_new_attempt(unlucky: Served) -> None:
    assert_walked(node("waiting.mjs", unlucky.url, "soon"), "soon")
