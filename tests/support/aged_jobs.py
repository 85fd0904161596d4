"""Jobs that are as old as a test says, and retention for them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from qntx.app import App
from qntx.clock import now_us
from qntx.config import RetentionSettings
from qntx.maintenance.retention import Retention
from qntx.model.retention import DAY_US

BODY = "b" * 200_000


def make_app(home: Path, **settings: Any) -> App:
    """An application whose jobs say what a test wants."""
    capture = {"descriptors": False, "levels": {"levels": 10}}
    app = App(home=home, capture=capture, **settings)

    @app.handler("levels")
    def levels(ctx: Any, payload: Any) -> None:
        log = logging.getLogger("levels")
        for number in range(payload.get("each", 10)):
            with ctx.emit.stage(f"stage {number % 2}"), ctx.emit.task(f"task {number % 3}"):
                for level in (10, 20, 30, 40, 50):
                    log.log(level, "%d at %d", number, level)
        if payload.get("body"):
            ctx.emit.info(BODY)
        if payload.get("fail"):
            raise ValueError("as asked")

    return app


def later(app: App, age_days: float, /, **rules: Any) -> Retention:
    """Retention of *app* with these rules, as if it were so many days later."""
    app.settings.retention = RetentionSettings.model_validate(rules)
    return Retention(app.settings, lambda: now_us() + round(age_days * DAY_US))
