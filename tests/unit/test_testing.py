"""`qntx.testing.run_job`: a handler under test, without a server."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import qntx
from qntx.storage import open_store
from qntx.testing import run_job


@dataclass
class Order:
    number: int


class Shop:
    """A port."""

    def __init__(self, shelf: str) -> None:
        self.shelf = shelf


def shop_app(home: Path) -> qntx.App:
    app = qntx.App(home=home, pulse={"max_calls_per_minute": 17})
    app.provide(Shop, lambda settings: Shop(f"shelf {settings.pulse.max_calls_per_minute}"))

    @app.handler("shop.order", aliases=("order",), max_attempts=2, retry_on=ConnectionError)
    def order(ctx: qntx.JobContext, payload: Order) -> dict[str, str]:
        with ctx.emit.stage("look"):
            print("looking for", payload.number)
            logging.getLogger("shop").warning("low stock")
            if payload.number < 0:
                raise ConnectionError("the shop is closed")
        ctx.spawn("shop.order", {"number": payload.number - 1}, source="next")
        return {"from": ctx.get(Shop).shelf}

    return app


def test_what_a_handler_does_and_says(tmp_path: Path) -> None:
    app = shop_app(tmp_path / "of the app")
    run = run_job(app, "order", {"number": 3})
    assert (run.outcome.status, run.outcome.result) == ("completed", {"from": "shelf 17"})
    assert run.messages == ["looking for 3", "low stock"]
    assert [(line.stage, line.level) for line in run.lines] == [("look", "info"), ("look", "warn")]
    assert [(child.source, child.payload) for child in run.children] == [("next", {"number": 2})]
    assert not (tmp_path / "of the app").exists(), "the run has a data directory of its own"


def test_a_failure_is_the_outcome(tmp_path: Path) -> None:
    run = run_job(shop_app(tmp_path), "shop.order", {"number": -1})
    assert (run.outcome.status, run.outcome.retry) == ("queued", True)
    assert (run.outcome.error_type, run.outcome.error_stage) == ("ConnectionError", "look")
    assert "the shop is closed" in run.messages[2]
    assert run.messages[3].startswith("retry in ")


def test_a_payload_that_does_not_fit_and_a_handler_that_is_not_there(tmp_path: Path) -> None:
    app = shop_app(tmp_path)
    with pytest.raises(qntx.BadInput, match="number"):
        run_job(app, "shop.order", {"number": "three"})
    with pytest.raises(qntx.UnknownHandler):
        run_job(app, "shop.sell")
    with pytest.raises(qntx.BadInput, match="handler_name"):
        run_job(app)


def test_functions_classes_and_registries() -> None:
    async def asked(ctx: Any, payload: Any) -> Any:
        ctx.emit.info(f"asked for {payload}")
        return payload

    class Answers:
        def run(self, ctx: Any, payload: Any) -> str:
            return "x" * 20_000 if payload else ctx.job.handler_name

    registry = qntx.Registry()
    registry.handler("long")(lambda ctx, payload: ctx.emit.info("y" * 20_000))
    run = run_job(asked, payload=[1])
    assert run.outcome.result == [1]
    assert run.messages == ["asked for [1]"]
    assert run_job(Answers).outcome.result == "Answers"
    assert run_job(registry, "long").messages == ["y" * 20_000]


def test_a_home_stays_and_one_that_is_in_use_is_refused(tmp_path: Path) -> None:
    run = run_job(shop_app(tmp_path), "shop.order", {"number": 3}, home=tmp_path / "kept")
    store = open_store(tmp_path / "kept")
    assert store.jobs.get(run.job_id).status == "completed"
    indexer = store.leadership("indexer")
    assert indexer.take()
    try:
        with pytest.raises(qntx.BadInput, match="a server is at work"):
            run_job(shop_app(tmp_path), "shop.order", {"number": 3}, home=tmp_path / "kept")
    finally:
        indexer.release()
        store.close()
