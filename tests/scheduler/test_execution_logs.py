"""Jobs of a schedule and their logs."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.recorded_runs import Recorded
from tests.support.schedule_bench import Bench as ScheduleBench

Record = Callable[..., Recorded]


def test_deleting_a_schedule_keeps_its_jobs_and_their_logs(
    bench: ScheduleBench,
) -> None:
    made = bench.create(every="1h")
    bench.tick()
    job_id = str(bench.executions(made)[0].async_job_id)
    bench.service.delete(made.id, by="a test")
    assert bench.app.store.jobs.get(job_id).execution_id == bench.executions(made)[0].id


def test_the_log_of_an_execution_is_that_of_its_job_and_is_not_cut(
    bench: ScheduleBench,
) -> None:
    long = "x" * 100_000
    made = bench.create(every="1h", payload={"text": long})
    bench.tick()
    execution = bench.executions(made)[0]
    app = bench.app
    job = app.queue.claim(1, "test", ["said"], 30)[0]
    from qntx.recording.session import journal_of
    from qntx.runtime.execute import execute

    with app.indexing():
        execute(
            app.registry.get("said"),
            job,
            journal=journal_of(app.settings.home),
            settings=app.settings,
            ports={},
        )
        app.settle(job.id)
    rows = app.store.connection.execute(
        "SELECT message FROM task_logs WHERE execution_id = ?", (execution.id,)
    ).fetchall()
    assert (long,) in rows
