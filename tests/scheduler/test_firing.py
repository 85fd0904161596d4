"""What a schedule fires, when, and whose job it is."""

from __future__ import annotations

from typing import Any

import msgspec

from qntx.clock import from_iso, iso
from qntx.model.schedule import NewSchedule
from qntx_recruiting.application import APPLICATION
from tests.support.schedule_bench import HOUR, MICRO, MINUTE, Bench


def job_of(bench: Bench, schedule: Any, number: int = -1) -> Any:
    execution = bench.executions(schedule)[number]
    return bench.app.store.jobs.get(str(execution.async_job_id))


def test_cron_with_a_time_zone_and_jitter(bench: Bench) -> None:
    made = bench.create(cron="30 9 * * 1-5", time_zone="Asia/Tokyo", jitter_seconds=60)
    assert str(made.next_nominal_at).endswith("T00:30:00.000000Z")
    late = from_iso(str(made.next_run_at)) - from_iso(str(made.next_nominal_at))
    assert 0 <= late <= 60 * MICRO


def test_an_instant_of_another_zone_fires_at_its_time(bench: Bench) -> None:
    bench.clock.at_us += HOUR
    at = iso(bench.clock.at_us + HOUR)
    moved = at[:11] + f"{(int(at[11:13]) + 9) % 24:02d}" + at[13:-1] + "+09:00"
    if int(at[11:13]) + 9 >= 24:
        moved = iso(bench.clock.at_us + 25 * HOUR)[:11] + moved[11:]
    made = bench.create(run_at=moved)
    assert made.next_nominal_at == at
    bench.tick()
    assert bench.executions(made) == []
    bench.tick(HOUR)
    assert len(bench.executions(made)) == 1


def test_instants_keep_their_distance_however_late_it_fires_and_however_many_were_missed(
    bench: Bench,
) -> None:
    made = bench.create(every="1h", missed="all(2)", overlap="queue")
    anchor = from_iso(str(made.anchor_at))
    bench.tick(17 * MICRO)
    assert from_iso(str(bench.get(made).next_nominal_at)) == anchor + HOUR
    bench.end(job_of(bench, made).id)
    bench.tick(5 * HOUR)
    found = bench.executions(made)
    assert [from_iso(str(e.nominal_at)) - anchor for e in found] == [n * HOUR for n in range(6)]
    assert [e.status for e in found[1:]] == ["missed"] * 3 + ["running"] * 2


def test_a_schedule_of_an_address_runs_what_its_address_calls_for(bench: Bench) -> None:
    bench.app.include(APPLICATION)
    made, _ = bench.service.create(
        NewSchedule(ats_code="ix https://example.com/jobs/1 --every 1h"), by="me"
    )
    assert (made.handler_name, made.interval_seconds) == ("role.jd-ingestion", 3_600)
    bench.tick(MINUTE)
    job = job_of(bench, made)
    assert job.handler_name == "role.jd-ingestion"
    assert job.payload["jd_url"] == "https://example.com/jobs/1"


def test_a_cancelled_job_ends_its_execution(bench: Bench) -> None:
    made = bench.create(every="1h")
    bench.tick()
    bench.app.queue.cancel(job_of(bench, made).id)
    assert bench.statuses(made) == ["cancelled"]


def test_each_execution_has_a_job_of_its_own(bench: Bench) -> None:
    made = bench.create(every="1m", overlap="parallel(5)")
    for _ in range(3):
        bench.tick(MINUTE)
    found = bench.executions(made)
    jobs = [str(e.async_job_id) for e in found]
    assert len(set(jobs)) == len(jobs) >= 3
    bench.end(jobs[1])
    assert [e.status for e in bench.executions(made)].count("completed") == 1
    assert bench.executions(made)[1].status == "completed"


def test_a_forced_run_belongs_to_its_own_schedule_and_keeps_its_payload(
    bench: Bench,
) -> None:
    ones = [
        bench.create(every="1h", payload={"text": text}, metadata={"who": text})
        for text in ("first", "second")
    ]
    fired = bench.service.trigger(ones[1].id)
    assert (fired.scheduled_job_id, fired.cause) == (ones[1].id, "force")
    assert bench.executions(ones[0]) == []
    assert job_of(bench, ones[1]).payload["text"] == "second"
    assert msgspec.to_builtins(bench.get(ones[1]).metadata) == {"who": "second"}
