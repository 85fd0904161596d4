"""The generator as a process: ``python -m tests.faults.oracle.generator HOME LEDGER PLAN``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

import qntx
from qntx.app import App
from tests.faults.oracle.history import Producer
from tests.faults.oracle.producers import perform


class Plan(msgspec.Struct):
    """What the generator is to do."""

    seed: int
    producers: list[Producer]
    #: By which door: App.run ("run") or qntx.capture ("capture").
    door: str = "run"


class Block:
    """A captured block, as the producers need it."""

    attempt = 1

    def __init__(self, emit: Any) -> None:
        self.emit = emit
        self.job_id = emit.job_id


def main() -> None:
    """Run one job in the foreground whose producers say what the plan says."""
    home, ledger, plan_path = map(Path, sys.argv[1:4])
    plan = msgspec.json.decode(plan_path.read_bytes(), type=Plan)
    if plan.door == "capture":
        with qntx.capture("oracle", home=home) as emit:
            ledger.with_suffix(".job").write_text(emit.job_id)
            perform(Block(emit), plan.producers, plan.seed, ledger)
        return
    app = App(home=home)

    @app.handler("oracle")
    def oracle(ctx: Any, payload: Any) -> None:
        ledger.with_suffix(".job").write_text(ctx.job_id)
        perform(ctx, plan.producers, plan.seed, ledger)

    _, outcome = app.run("oracle", emitter=None)
    if outcome.status != "completed":
        raise SystemExit(f"the job {outcome.status}: {outcome.error}")


if __name__ == "__main__":
    main()
