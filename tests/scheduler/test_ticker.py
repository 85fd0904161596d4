"""The ticker by a clock that the test moves: what it fires, passes over, repairs, and says."""

from __future__ import annotations

import select
import threading
import time

import pytest

from qntx.clock import from_iso, iso, now_us
from qntx.journal.wakeup import Wakeup
from qntx.model.views import LogFilter
from qntx.scheduler.clock import WallClock
from qntx.scheduler.edits import EditSchedule
from qntx.scheduler.firing import since_last_run
from qntx.scheduler.ticker import Ticker
from qntx.storage.sqlite.connection import transaction
from tests.support.schedule_bench import HOUR, MICRO, MINUTE, Bench
from tests.support.waiting import wait_until


def test_it_fires_at_each_nominal_instant_without_drift(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="parallel(100)")
    bench.tick()
    for late in (3, 0, 9, 5):
        bench.tick(MINUTE + late * MICRO)
        bench.clock.at_us -= late * MICRO
    anchor = from_iso(str(schedule.anchor_at))
    found = bench.executions(schedule)
    assert [from_iso(str(e.nominal_at)) for e in found] == [anchor + n * MINUTE for n in range(5)]
    assert {e.status for e in found} == {"running"}
    assert {e.job_status for e in found} == {"queued"}
    jobs = [bench.app.store.jobs.get(str(e.async_job_id)) for e in found]
    assert [job.execution_id for job in jobs] == [e.id for e in found]


def test_it_says_when_to_look_again(bench: Bench) -> None:
    bench.create(every="30s", overlap="parallel(9)")
    assert bench.tick() == bench.clock.at_us - (bench.clock.at_us - _anchor(bench)) + 30 * MICRO
    bench.service.pause(bench.service.kept.page()[0][0].id, by="a test")
    assert bench.tick() == bench.clock.at_us + 60 * MICRO


def _anchor(bench: Bench) -> int:
    return from_iso(str(bench.service.kept.page()[0][0].anchor_at))


def test_the_execution_ends_with_its_job(bench: Bench) -> None:
    schedule = bench.create(every="1m")
    bench.tick()
    for status, error in (("completed", None), ("failed", "it broke"), ("cancelled", "no more")):
        execution = bench.executions(schedule)[-1]
        job = str(execution.async_job_id)
        bench.start(job)
        bench.clock.at_us += 1_500_000
        bench.end(job, status, error)
        ended = bench.service.executions.get(execution.id)
        assert (ended.status, ended.duration_ms, ended.error_message) == (status, 1_500, error)
        assert ended.completed_at == iso(bench.clock.at_us)
        assert ended.result_summary == '{"n":1}'
        bench.tick(MINUTE)


def test_a_retried_job_takes_its_execution_along(bench: Bench) -> None:
    schedule = bench.create(every="1m")
    bench.tick()
    job = str(bench.executions(schedule)[0].async_job_id)
    bench.start(job)
    bench.end(job, "failed", "once")
    bench.app.store.queue.retry(job)
    again = bench.executions(schedule)[0]
    assert (again.status, again.completed_at, again.error_message) == ("running", None, None)
    bench.end(job)
    assert bench.statuses(schedule) == ["completed"]


# -- overlap ---------------------------------------------------------------------------------------


def test_overlap_skip(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="skip")
    bench.tick()
    bench.tick_every(MINUTE, 2)
    assert bench.statuses(schedule) == ["running", "skipped", "skipped"]
    job = str(bench.executions(schedule)[0].async_job_id)
    skipped = bench.executions(schedule)[1]
    assert f"overlap with {job} (queued)" in str(skipped.reason)
    assert skipped.async_job_id is None
    bench.end(job)
    bench.tick(MINUTE)
    assert bench.statuses(schedule)[-1] == "running"


def test_overlap_queue_lets_one_wait(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="queue")
    bench.tick()
    bench.tick_every(MINUTE, 2)
    first, second, third = bench.executions(schedule)
    assert (first.waiting, second.waiting, third.status) == (False, True, "skipped")
    assert second.job_status == "paused"
    assert f"waits for {first.async_job_id}" in str(second.reason)
    bench.end(str(first.async_job_id), "failed", "whatever")
    second = bench.executions(schedule)[1]
    assert (second.waiting, second.job_status) == (False, "queued")


def test_overlap_queue_goes_on_when_the_first_is_cancelled_before_it_ran(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="queue")
    bench.tick()
    bench.tick(MINUTE)
    first, second = bench.executions(schedule)
    bench.app.store.queue.cancel(str(first.async_job_id))
    assert bench.statuses(schedule) == ["cancelled", "running"]
    assert bench.app.store.jobs.status(str(second.async_job_id)) == "queued"


def test_overlap_parallel(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="parallel(2)")
    bench.tick()
    bench.tick_every(MINUTE, 2)
    assert bench.statuses(schedule) == ["running", "running", "skipped"]
    assert not any(e.waiting for e in bench.executions(schedule))


def test_overlap_replace(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="replace")
    bench.tick()
    first = bench.executions(schedule)[0]
    bench.start(str(first.async_job_id))
    bench.tick(MINUTE)
    first, second = bench.executions(schedule)
    assert bench.app.store.jobs.get(str(first.async_job_id)).stop_request == "cancel"
    assert second.waiting
    assert f"replaced by {second.id}" in str(first.reason)
    # The one that waits is replaced before it ran.
    bench.tick(MINUTE)
    _, second, third = bench.executions(schedule)
    assert (second.status, third.waiting) == ("cancelled", True)
    bench.end(str(first.async_job_id), "cancelled")
    third = bench.executions(schedule)[2]
    assert (third.waiting, third.job_status) == (False, "queued")


def test_overlap_replace_cancels_what_the_replaced_job_enqueued(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="replace")
    bench.tick()
    parent = str(bench.executions(schedule)[0].async_job_id)
    request = bench.app.request("said", {}, parent_job_id=parent)
    child, running = bench.app.enqueue_all([request, request])
    bench.start(running)
    bench.tick(MINUTE)
    bench.tick(MINUTE)
    assert bench.app.store.jobs.status(child) == "cancelled"
    assert bench.app.store.jobs.get(running).stop_request == "cancel"


# -- missed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missed", "runs"), [("skip", 0), ("one", 1), ("all(5)", 5), ("all(1000)", 181)]
)
def test_a_server_that_was_down_for_three_hours(bench: Bench, missed: str, runs: int) -> None:
    schedule = bench.create(every="1m", missed=missed, overlap="queue")
    bench.tick()
    bench.end(str(bench.executions(schedule)[0].async_job_id))
    down = bench.clock.at_us
    bench.ticker = bench.another_ticker()
    bench.clock.at_us = _anchor(bench) + 3 * HOUR + 90 * MICRO
    bench.tick()
    found = bench.executions(schedule)[1:]
    fired = [e for e in found if e.async_job_id is not None]
    lost = [e for e in found if e.status == "missed"]
    assert len(fired) == runs
    assert len(fired) + len(lost) == 181
    reason = f"server down from {iso(down)} to {iso(bench.clock.at_us)}"
    assert {e.reason for e in lost} <= {reason}
    assert [e.cause for e in fired] == ["catch_up"] * runs
    # They wait for each other, in order; none runs beside another.
    assert [e.waiting for e in fired] == [False, *[True] * (runs - 1)][:runs]
    bench.tick()
    assert len(bench.executions(schedule)) == 182


def test_caught_up_jobs_run_one_after_the_other(bench: Bench) -> None:
    schedule = bench.create(every="1m", missed="all(3)")
    bench.tick()
    bench.end(str(bench.executions(schedule)[0].async_job_id))
    bench.tick(HOUR + 30 * MICRO)
    order = []
    for _ in range(3):
        ready = [e for e in bench.executions(schedule, "running") if not e.waiting]
        assert len(ready) == 1
        order.append(ready[0].nominal_at)
        bench.end(str(ready[0].async_job_id))
    assert order == sorted(order)
    assert bench.executions(schedule, "running") == []


def test_two_billion_missed_instants_are_a_thousand_records(bench: Bench) -> None:
    schedule = bench.create(every="1s", missed="one")
    bench.tick()
    bench.tick(60 * 366 * 24 * HOUR)
    assert bench.service.executions.total(schedule.id, ["missed"]) == 1001
    every, _ = bench.service.executions.page(schedule.id, limit=1000, offset=900)
    assert any("every later instant before" in str(e.reason) for e in every)


# -- failures --------------------------------------------------------------------------------------


def test_an_enqueue_that_fails_is_recorded_and_does_not_loop(bench: Bench) -> None:
    schedule = bench.create(every="1m")
    bench.app.registry._handlers.clear()
    bench.tick()
    assert bench.tick() == _anchor(bench) + MINUTE
    (failed,) = bench.executions(schedule)
    assert failed.status == "failed"
    assert "unknown handler 'said'" in str(failed.error_message)
    assert "not enqueued" in str(failed.reason)
    bench.tick(MINUTE)
    assert bench.statuses(schedule) == ["failed", "failed"]


def test_a_zone_that_is_gone_pauses_its_schedule_only(bench: Bench) -> None:
    broken = bench.create(cron="* * * * *", time_zone="Europe/Berlin")
    other = bench.create(every="1m", overlap="parallel(9)")
    with transaction(bench.app.store.connection) as db:
        db.execute("UPDATE scheduled_pulse_jobs SET time_zone = 'Foo/Bar' WHERE cron IS NOT NULL")
    bench.tick(MINUTE)
    after = bench.get(broken)
    assert after.state == "paused"
    assert "'Foo/Bar'" in str(after.state_reason)
    assert bench.statuses(other)
    bench.service.edit(broken.id, EditSchedule(time_zone="UTC", state="active"), by="a test")
    bench.tick(MINUTE)
    assert "running" in bench.statuses(broken)


def test_a_row_that_nobody_can_read_does_not_stop_the_others(bench: Bench) -> None:
    broken = bench.create(every="1m")
    other = bench.create(every="1m")
    with transaction(bench.app.store.connection) as db:
        db.execute(
            'UPDATE scheduled_pulse_jobs SET last_run_at = 5, payload = \'{"since":"last_run"}\','
            " start_at = 'never' WHERE id = ?",
            (broken.id,),
        )
    bench.tick()
    assert bench.statuses(other) == ["running"]
    assert bench.get(broken).state == "paused"
    assert "'never'" in str(bench.get(broken).state_reason)
    assert bench.get(broken).timing.startswith("unusable")


def test_since_last_run(bench: Bench) -> None:
    schedule = bench.create(
        every="1m", payload={"text": "x", "since": "last_run"}, overlap="parallel(9)"
    )
    bench.tick()
    first_at = bench.clock.at_us
    bench.tick(MINUTE)
    first, second = (
        bench.app.store.jobs.get(str(e.async_job_id)) for e in bench.executions(schedule)
    )
    assert first.payload["since"] is None
    assert second.payload["since"] == iso(first_at)
    assert since_last_run([1], None) == [1]
    assert since_last_run({"since": "2026"}, "x") == {"since": "2026"}


# -- the clock -------------------------------------------------------------------------------------


def test_a_clock_that_jumps_never_fires_an_instant_twice(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="parallel(1000)", missed="one")
    bench.tick()
    for jump in (-HOUR, HOUR, MICRO, -MICRO, -10 * 365 * 24 * HOUR, 10 * 365 * 24 * HOUR, MINUTE):
        bench.tick(jump)
    found = bench.executions(schedule)
    assert len({e.nominal_at for e in found}) == len(found)


def test_after_a_jump_ahead_and_back_it_does_not_sleep_for_years(bench: Bench) -> None:
    schedule = bench.create(every="1h", overlap="parallel(1000)")
    bench.tick()
    bench.tick(10 * 365 * 24 * HOUR)
    bench.tick(-10 * 365 * 24 * HOUR)
    assert from_iso(str(bench.get(schedule).next_run_at)) <= bench.clock.at_us + HOUR
    before = bench.service.executions.total(schedule.id)
    bench.tick(HOUR + MICRO)  # this instant is on record as missed, seen from ten years on
    bench.tick(HOUR)
    assert bench.service.executions.total(schedule.id) == before + 1


def test_it_wakes_when_something_is_due_and_when_it_is_poked(bench: Bench) -> None:
    ticks: list[int] = []

    class Counting(WallClock):
        def wait(self, wakeup: Wakeup, until_us: int) -> None:
            ticks.append(until_us)
            super().wait(wakeup, until_us)

    ticker = Ticker(bench.app.settings, bench.app.request, Counting())
    ticker.start()
    try:
        wait_until(lambda: ticks)
        # Nothing is scheduled: it sleeps for the longest it may.
        assert ticks[0] - now_us() > 55 * MICRO
        made = bench.create(every="1s", overlap="parallel(100)")
        wait_until(lambda: len(bench.executions(made)) >= 3)
        found = bench.executions(made)[:3]
        for execution in found[1:]:
            late = from_iso(execution.created_at) - from_iso(str(execution.nominal_at))
            assert 0 <= late < MICRO, "it woke when the instant came"
        assert len(ticks) < 20
    finally:
        ticker.stop()
    assert not any(thread.name == "qntx-ticker" for thread in threading.enumerate())


# -- repair and reasons ----------------------------------------------------------------------------


def test_executions_left_running_are_repaired_at_the_start(bench: Bench) -> None:
    schedule = bench.create(every="1m", overlap="queue")
    bench.tick()
    bench.tick(MINUTE)
    first, second = bench.executions(schedule)
    with transaction(bench.app.store.connection) as db:  # a database from before the trigger
        db.execute("DROP TRIGGER execution_ends")
    bench.start(str(first.async_job_id))
    bench.end(str(first.async_job_id))
    assert bench.statuses(schedule) == ["running", "running"]
    bench.ticker = bench.another_ticker()
    queue = Wakeup(bench.app.settings.home, "jobs")
    queue.listen()
    bench.tick()
    assert select.select(queue.descriptors, [], [], 0)[0], "a worker hears of what was let go"
    first, second = bench.executions(schedule)
    assert (first.status, second.status, second.waiting) == ("completed", "running", False)
    assert second.job_status == "queued"
    with transaction(bench.app.store.connection) as db:
        db.execute("DELETE FROM async_ix_jobs")
    bench.tick(MINUTE)
    assert bench.executions(schedule)[1].error_message == "its job is gone"


def test_every_decision_is_a_line(bench: Bench) -> None:
    schedule = bench.create(every="1m")
    bench.tick()
    bench.tick(MINUTE)
    bench.tick(HOUR)
    bench.service.pause(schedule.id, by="Ann")
    first = bench.executions(schedule)[0]
    lines = bench.said(schedule.id)
    assert {line.source for line in lines} == {"scheduler"}
    texts = [line.message for line in lines]
    assert texts[0].startswith("created by a test: every 1m")
    assert texts[1].startswith(f"fired for {first.nominal_at}: job {first.async_job_id}")
    assert "overlap with" in texts[2]
    assert texts[3].startswith("missed 59 instants from")
    assert texts[-1].startswith("paused by Ann")
    assert [line.level for line in lines[:4]] == ["info", "info", "warn", "warn"]
    own = bench.app.store.logs.page(str(first.async_job_id), LogFilter()).logs
    assert own[0].message.startswith(f"fired by schedule {schedule.id} for {first.nominal_at}")


def test_what_a_killed_ticker_decided_is_said_by_the_next(bench: Bench) -> None:
    schedule = bench.create(every="1m")
    # Killed between the commit and the line: only the rows are there.
    bench.ticker._firing.fire_due([schedule.id], bench.clock.at_us)
    assert bench.service.executions.untold(10, bench.clock.at_us + MICRO)
    bench.ticker = bench.another_ticker()
    bench.tick(10 * MICRO)
    assert bench.service.executions.untold(10, bench.clock.at_us + MICRO) == []
    texts = [line.message for line in bench.said(schedule.id)]
    assert sum(text.startswith("fired for") for text in texts) == 1


def test_ten_thousand_schedules_cost_little(bench: Bench) -> None:
    first = bench.create(every="1h", overlap="parallel(1000)")
    own = ("id", "next_run_at", "next_nominal_at", "anchor_at")
    columns = ", ".join(column for column in _columns(bench) if column not in own)
    with transaction(bench.app.store.connection) as db:
        for number in range(10_000):
            at = iso(bench.clock.at_us + MINUTE + number * HOUR // 10_000)
            db.execute(
                f"INSERT INTO scheduled_pulse_jobs(id, next_run_at, next_nominal_at, anchor_at,"
                f" {columns}) SELECT ?, ?, ?, ?, {columns} FROM scheduled_pulse_jobs WHERE id = ?",
                (f"SP_{number}", at, at, at, first.id),
            )
    bench.tick()
    start = time.thread_time()
    for _ in range(120):
        bench.tick(MICRO)
    spent = time.thread_time() - start
    assert bench.ticker.fired > 100
    # 120 simulated seconds: 5 % of a core would be 6 s.
    assert spent < 6


def _columns(bench: Bench) -> list[str]:
    rows = bench.app.store.connection.execute("PRAGMA table_info(scheduled_pulse_jobs)")
    return [str(row[1]) for row in rows]
