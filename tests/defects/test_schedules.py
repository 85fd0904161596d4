"""Defects 28-37: schedules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from qntx.clock import from_iso, iso
from qntx.errors import BadInput, IllegalTransition
from qntx.model.schedule import NewSchedule
from qntx.scheduler.edits import EditSchedule
from qntx_recruiting.application import APPLICATION
from tests.support.schedule_bench import HOUR, MICRO, MINUTE, Bench


def job_of(schedules: Bench, schedule: Any, number: int = -1) -> Any:
    execution = schedules.executions(schedule)[number]
    return schedules.app.store.jobs.get(str(execution.async_job_id))


def test_defect_28_cron_time_zones_and_jitter(schedules: Bench) -> None:
    """Intervals in seconds, nothing else."""
    made = schedules.create(cron="30 9 * * 1-5", time_zone="Asia/Tokyo", jitter_seconds=60)
    assert str(made.next_nominal_at).endswith("T00:30:00.000000Z")
    late = from_iso(str(made.next_run_at)) - from_iso(str(made.next_nominal_at))
    assert 0 <= late <= 60 * MICRO


def test_defect_29_an_enqueue_that_fails_is_not_tried_in_a_loop(schedules: Bench) -> None:
    made = schedules.create(every="1m")
    schedules.app.registry._handlers.clear()
    for _ in range(20):
        schedules.tick()
    assert schedules.statuses(made) == ["failed"]
    assert from_iso(str(schedules.get(made).next_run_at)) > schedules.clock.at_us


def test_defect_30_an_execution_is_over_when_its_job_is(schedules: Bench) -> None:
    """It is completed the moment its job is put on the queue."""
    made = schedules.create(every="1m")
    schedules.tick()
    assert schedules.statuses(made) == ["running"]
    job = job_of(schedules, made)
    schedules.start(job.id)
    schedules.end(job.id, "failed", "it broke")
    (execution,) = schedules.executions(made)
    assert (execution.status, execution.error_message) == ("failed", "it broke")


def test_defect_31_times_are_compared_as_times(schedules: Bench) -> None:
    """Text of several zones is compared as text, so schedules fire hours too early or late."""
    schedules.clock.at_us += HOUR
    at = iso(schedules.clock.at_us + HOUR)
    moved = at[:11] + f"{(int(at[11:13]) + 9) % 24:02d}" + at[13:-1] + "+09:00"
    if int(at[11:13]) + 9 >= 24:
        moved = iso(schedules.clock.at_us + 25 * HOUR)[:11] + moved[11:]
    made = schedules.create(run_at=moved)
    assert made.next_nominal_at == at
    schedules.tick()
    assert schedules.executions(made) == []
    schedules.tick(HOUR)
    assert len(schedules.executions(made)) == 1


def test_defect_32_no_drift_and_a_rule_for_missed_instants(schedules: Bench) -> None:
    """The next run is planned from the end of the last, and nobody says what was missed."""
    made = schedules.create(every="1h", missed="all(2)", overlap="queue")
    anchor = from_iso(str(made.anchor_at))
    schedules.tick(17 * MICRO)
    assert from_iso(str(schedules.get(made).next_nominal_at)) == anchor + HOUR
    schedules.end(job_of(schedules, made).id)
    schedules.tick(5 * HOUR)
    found = schedules.executions(made)
    assert [from_iso(str(e.nominal_at)) - anchor for e in found] == [n * HOUR for n in range(6)]
    assert [e.status for e in found[1:]].count("missed") == 3


def test_defect_33_a_change_plans_anew_is_whole_and_follows_the_states(schedules: Bench) -> None:
    made = schedules.create(every="6h")
    schedules.tick()
    anchor = from_iso(str(made.anchor_at))
    changed = schedules.service.edit(made.id, EditSchedule(interval_seconds=600), by="me")
    assert from_iso(str(changed.next_nominal_at)) == anchor + 10 * MINUTE
    with pytest.raises(BadInput):
        schedules.service.edit(made.id, EditSchedule(every="1m", overlap="nonsense"), by="me")
    assert schedules.get(made).interval_seconds == 600
    schedules.service.edit(made.id, EditSchedule(state="stopping"), by="me")
    schedules.tick(HOUR)
    assert len(schedules.executions(made)) == 1
    schedules.end(job_of(schedules, made).id)
    schedules.tick(HOUR)
    assert schedules.get(made).state == "inactive"
    with pytest.raises(IllegalTransition):
        schedules.service.edit(made.id, EditSchedule(state="active"), by="me")


def test_defect_34_a_cancelled_job_ends_its_execution(schedules: Bench) -> None:
    made = schedules.create(every="1h")
    schedules.tick()
    schedules.app.queue.cancel(job_of(schedules, made).id)
    assert schedules.statuses(made) == ["cancelled"]


def test_defect_35_each_execution_has_a_job_of_its_own(schedules: Bench) -> None:
    """Executions share one job, and its end reaches one of them, whichever comes first."""
    made = schedules.create(every="1m", overlap="parallel(5)")
    for _ in range(3):
        schedules.tick(MINUTE)
    found = schedules.executions(made)
    jobs = [str(e.async_job_id) for e in found]
    assert len(set(jobs)) == len(jobs) >= 3
    schedules.end(jobs[1])
    assert [e.status for e in schedules.executions(made)].count("completed") == 1
    assert schedules.executions(made)[1].status == "completed"


def test_defect_36_handlers_are_checked_and_ix_is_understood(schedules: Bench) -> None:
    """A schedule without a handler is accepted and never runs; every ``ix`` is an error."""
    for wrong in ({}, {"handler_name": "no.such"}, {"ats_code": "ix"}):
        with pytest.raises(BadInput):
            schedules.service.create(NewSchedule(every="1h", **wrong), by="me")
    schedules.app.include(APPLICATION)
    made, _ = schedules.service.create(
        NewSchedule(ats_code="ix https://example.com/jobs/1 --every 1h"), by="me"
    )
    assert (made.handler_name, made.interval_seconds) == ("role.jd-ingestion", 3_600)
    schedules.tick(MINUTE)
    assert job_of(schedules, made).payload["jd_url"] == "https://example.com/jobs/1"


def test_defect_37_a_forced_run_belongs_to_its_own_schedule_and_keeps_its_payload(
    schedules: Bench,
) -> None:
    """It takes the first schedule with the same code, and runs without payload and metadata."""
    ones = [
        schedules.create(every="1h", payload={"text": text}, metadata={"who": text})
        for text in ("first", "second")
    ]
    fired = schedules.service.trigger(ones[1].id)
    assert (fired.scheduled_job_id, fired.cause) == (ones[1].id, "force")
    assert schedules.executions(ones[0]) == []
    assert job_of(schedules, ones[1]).payload["text"] == "second"
    assert msgspec.to_builtins(schedules.get(ones[1]).metadata) == {"who": "second"}
