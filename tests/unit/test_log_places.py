"""Where a line stands: its number, its stage, its task; and that it is counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.journal.writer import Journal
from qntx.recording.emitter import LogCapturingEmitter
from tests.support.recorded_runs import Recorded, drain_all

Record = Callable[..., Recorded]


def test_lines_know_their_task_and_the_wrapped_emitter_keeps_its_abilities(
    recorded: Record,
) -> None:
    streamed: list[str] = []

    class Streaming:
        def emit_info(self, message: str, metadata: Any = None) -> None:
            streamed.append(message)

        def broadcast_llm_stream(self, *token: Any) -> None:
            streamed.append(f"token {token[0]}")

    def handler(ctx: Any, payload: Any) -> None:
        emit: Any = LogCapturingEmitter(ctx._active, Streaming())  # type: ignore[arg-type]
        with emit.stage("score"), emit.task("CN_1"):
            emit.emit_info("scored")
            logging.getLogger("scorer").warning("by a logger")
        emit.broadcast_llm_stream("x")

    run = recorded(handler)
    assert [(line.stage, line.task_id) for line, _ in run.lines] == [("score", "CN_1")] * 2
    assert streamed == ["scored", "token x"]


def test_order_is_the_number_not_the_time(
    recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(2_000_000_000_000_000_000, 0, -3_600_000_000_000))
    monkeypatch.setattr("qntx.journal.writer._time_ns", lambda: next(clock))
    run = recorded(lambda ctx, payload: [ctx.emit.info(str(n)) for n in range(20)] and None)
    assert run.texts == [str(n) for n in range(20)]
    assert [line.id for line, _ in run.lines] == list(range(1, 21))
    assert all(line.timestamp.endswith("Z") and "." in line.timestamp for line, _ in run.lines)


def test_what_cannot_be_stored_is_counted_and_said(tmp_path: Path) -> None:
    from qntx.journal.run_scope import Run
    from qntx.recording.context import ActiveRun
    from qntx.recording.lines import append_line

    home = tmp_path / "home"
    journal = Journal(home / "journal", segment_bytes=4_096, memory_limit_bytes=2_000)
    active = ActiveRun(Run("JB_full", 1), journal)
    origin = journal.origin("emitter")
    append_line(active, active.root, 20, origin, "before")
    (home / "journal").rename(home / "away")
    (home / "journal").write_text("in the way of the next segment")
    for n in range(100):
        append_line(active, active.root, 20, origin, f"line {n} " + "x" * 100)
    (home / "journal").unlink()
    (home / "away").rename(home / "journal")
    assert journal.close() == 0
    drain_all(home)
    app = App(home=home)
    lost, stored, accepted = app.store.connection.execute(
        "SELECT lost, stored, accepted FROM job_attempts"
    ).fetchall()[0]
    assert int(lost) > 40
    assert (stored, accepted) == (101 - int(lost) + 1, 102)
    said = [str(m) for (m,) in app.store.connection.execute("SELECT message FROM task_logs")]
    assert any(f"{lost} lines lost here: File exists" in text for text in said)
