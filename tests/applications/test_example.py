"""The example application contributes one of everything, and each of it works in a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.qntx_server import Served

pytestmark = pytest.mark.slow
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def imported(served: Served, qntx: Command, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The job of a schedule that was made with the example's ATS code, completed; its id."""
    orders = tmp_path_factory.mktemp("files") / "orders.csv"
    orders.write_text("O-1,12.50\nO-2,7.00\n")
    made = qntx("schedules", "create", f"import {orders}", "--every", "1d", "--now")
    assert made.returncode == 0, made.stderr
    job_id = made.stdout.split()[1]
    job = served.finished(job_id)
    assert (job["status"], job["handler_name"]) == ("completed", "orders.import"), job["error"]
    assert job["result"] == {"orders": 2}
    return job_id


def test_its_handler_runs_with_its_port_its_table_and_its_setting(
    served: Served, imported: str
) -> None:
    logs = served.get(f"/jobs/{imported}/logs?task_id=O-2")["logs"]
    assert [line["message"] for line in logs] == ["7.00 CHF"]


def test_its_ats_code_says_what_a_schedule_runs(served: Served, imported: str) -> None:
    job = served.get(f"/api/pulse/jobs/{imported}")
    schedules = served.get("/api/pulse/schedules")["jobs"]
    assert [one["handler_name"] for one in schedules] == ["orders.import"]
    assert schedules[0]["ats_code"] == f"import {job['payload']['path']}"
    assert schedules[0]["source_url"] == job["payload"]["path"]


def test_wrong_code_is_refused_in_its_words(qntx: Command) -> None:
    refused = qntx("schedules", "create", "import a b", "--every", "1d")
    assert refused.returncode == 1
    assert "'import a b' cannot be understood - write import PATH" in refused.stderr


def test_its_route_answers_and_is_described(served: Served, imported: str) -> None:
    assert served.get("/api/orders") == {"orders": {"O-1": "12.50 CHF", "O-2": "7.00 CHF"}}
    operation = served.get("/openapi.json")["paths"]["/api/orders"]["get"]
    assert operation["summary"] == "Orders"
    assert operation["tags"] == ["orders"]


def test_its_command_is_listed_and_runs(qntx: Command, imported: str) -> None:
    assert "List the orders that were imported." in qntx("--help").stdout
    assert qntx("orders").stdout == "O-1  12.50 CHF\nO-2  7.00 CHF\n"
    meant = qntx("order")
    assert meant.returncode == 2
    assert "Did you mean 'orders'?" in meant.stderr


def test_its_page_is_in_the_navigation(served: Served) -> None:
    pages = served.get("/api/pulse/pages")["pages"]
    assert {"path": "/api/orders", "title": "Orders", "application": "orders"} in pages


def test_a_setting_that_it_does_not_have_is_refused(qntx: Command) -> None:
    refused = qntx("jobs", QNTX_ORDERS__CURENCY="USD")
    assert refused.returncode == 1
    assert "'orders.curency', did you mean 'orders.currency'?" in refused.stderr


def test_what_it_keeps_stays_when_it_is_not_installed(
    qntx: Command, imported: str, tmp_path: Path
) -> None:
    without = {"PYTHONPATH": str(tmp_path)}
    assert imported in qntx("jobs", **without).stdout
    gone = qntx("orders", **without)
    assert gone.returncode == 2
    assert "No such command 'orders'" in gone.stderr
    assert qntx("orders").stdout.startswith("O-1")
