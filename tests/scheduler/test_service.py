"""What people and code do with schedules."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from qntx.clock import from_iso, iso
from qntx.errors import BadInput, Conflict, IllegalTransition, NotFound, UnknownHandler
from qntx.handlers import shell_command as shell
from qntx.model.firing_policy import Missed, Overlap
from qntx.model.schedule import NewSchedule
from qntx.runtime.registry import Registry
from qntx.scheduler import declared
from qntx.scheduler.edits import EditSchedule
from qntx.scheduler.history import csv_rows, json_rows, percentile, statistics
from qntx.storage.sqlite.connection import transaction
from qntx_recruiting.application import APPLICATION
from tests.support.schedule_bench import HOUR, MINUTE, Bench


def test_a_new_interval_fires_at_once_and_then_from_its_start(bench: Bench) -> None:
    made = bench.create(every="6h")
    assert made.next_run_at == made.anchor_at
    assert made.timing == "every 6h"
    assert made.interval_seconds == 21_600


def test_ats_code_brings_handler_payload_and_time(bench: Bench) -> None:
    bench.app.include(APPLICATION)
    made, _ = bench.service.create(
        NewSchedule(ats_code="ix jd https://example.com/x --every 6h"), by="me"
    )
    assert made.handler_name == "role.jd-ingestion"
    assert made.interval_seconds == 21_600
    assert made.source_url == "https://example.com/x"
    assert made.payload["actor"] == f"pulse:{made.id}"
    assert made.payload["jd_url"] == "https://example.com/x"


def test_a_command(bench: Bench) -> None:
    bench.app.registry.include(shell.HANDLERS)
    made, _ = bench.service.create(NewSchedule(command=["echo", "a b"], cron="@daily"), by="me")
    assert (made.handler_name, made.payload) == ("shell.command", {"command": ["echo", "a b"]})


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        ({"every": "1h"}, BadInput, "nothing says what to run"),
        ({"handler_name": "said", "command": ["x"], "every": "1h"}, BadInput, "handler_name and"),
        ({"handler_name": "no.such", "every": "1h"}, UnknownHandler, "'no.such'"),
        ({"handler_name": "said", "payload": {"text": 5}, "every": "1h"}, BadInput, "text"),
        (
            {"handler_name": "said", "payload": {}, "run_at": "2020-01-01T00:00:00Z"},
            BadInput,
            "would never fire",
        ),
        ({"ats_code": "ix", "every": "1h"}, BadInput, "ix requires a URL"),
        ({"ats_code": "ix https://a.example --foo", "every": "1h"}, BadInput, "unknown flag"),
        ({"ats_code": "ix https://a.example", "payload": {}, "every": "1h"}, BadInput, "payload"),
        (
            {"ats_code": "ix jd https://a.example --every 1h --since last_run"},
            BadInput,
            "unknown field `since`",
        ),
        ({"ats_code": "ix https://a.example --at 6h"}, BadInput, "--at '6h' is not a valid time"),
    ],
)
def test_what_cannot_be_created(
    bench: Bench, fields: dict[str, Any], error: type[Exception], named: str
) -> None:
    bench.app.include(APPLICATION)
    with pytest.raises(error, match=named):
        bench.service.create(NewSchedule(**fields), by="me")
    assert bench.service.kept.page()[0] == []


def test_force_without_a_time_is_one_execution_of_its_own_schedule(bench: Bench) -> None:
    other = bench.create(every="1h")
    made, fired = bench.service.create(
        NewSchedule(handler_name="said", payload={"text": "now"}, force=True), by="me"
    )
    assert fired is not None
    assert (fired.scheduled_job_id, fired.cause, fired.nominal_at) == (made.id, "force", None)
    assert (made.state, made.created_from_doc) == ("inactive", "__force_trigger__")
    assert bench.app.store.jobs.get(str(fired.async_job_id)).payload["text"] == "now"
    assert bench.executions(other) == []


def test_trigger_runs_it_now_and_leaves_its_timing(bench: Bench) -> None:
    made = bench.create(every="1h")
    bench.tick()
    before = bench.get(made).next_run_at
    fired = bench.service.trigger(made.id)
    assert fired.scheduled_job_id == made.id
    assert bench.get(made).next_run_at == before
    assert bench.get(made).last_execution_id == fired.id
    assert bench.statuses(made) == ["running", "running"]


def test_an_edit_plans_anew_at_once(bench: Bench) -> None:
    made = bench.create(every="6h")
    bench.tick()
    anchor = from_iso(str(made.anchor_at))
    after = bench.service.edit(made.id, EditSchedule(every="10m"), by="me")
    assert after.next_nominal_at == iso(anchor + 10 * MINUTE)
    after = bench.service.edit(made.id, EditSchedule(cron="@daily", time_zone="Asia/Tokyo"), by="x")
    assert (after.interval_seconds, after.timing) == (0, "cron @daily (Asia/Tokyo)")
    assert str(after.next_nominal_at).endswith("T15:00:00.000000Z")
    after = bench.service.edit(made.id, EditSchedule(interval_seconds=60), by="me")
    assert (after.cron, after.timing) == (None, "every 1m")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, "nothing is to be changed"),
        ({"cron": "61 * * * *"}, "'61'"),
        ({"interval_seconds": 0}, "below 1"),
        ({"time_zone": "Foo/Bar"}, "Foo/Bar"),
        ({"overlap": "no"}, "'no'"),
        ({"state": "deleted"}, "not a state that can be set"),
        ({"run_at": "2020-01-01T00:00:00Z"}, "would never fire again"),
        ({"payload": {"text": []}}, "text"),
        ({"every": "1h", "state": "stopped"}, "'stopped'"),
        ({"every": "1m", "overlap": "nonsense"}, "'nonsense'"),
        ({"every": "1m", "end_at": "2020-01-01T00:00:00Z"}, "would never fire again"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    bench: Bench, change: dict[str, Any], named: str
) -> None:
    made = bench.create(every="6h")
    with pytest.raises(BadInput, match=named):
        bench.service.edit(made.id, EditSchedule(**change), by="me")
    assert bench.get(made) == made


def test_pause_and_resume(bench: Bench) -> None:
    made = bench.create(every="1m")
    paused = bench.service.pause(made.id, by="Ann")
    assert (paused.state, paused.next_run_at) == ("paused", None)
    assert paused.state_reason == "paused by Ann"
    bench.tick(HOUR)
    assert bench.executions(made) == []
    with pytest.raises(IllegalTransition, match="is paused"):
        bench.service.pause(made.id, by="Ann")
    resumed = bench.service.resume(made.id, by="Ann")
    assert resumed.state == "active"
    # Instants of the pause were not missed; it goes on where the interval's grid goes on.
    step = from_iso(str(resumed.next_nominal_at)) - from_iso(str(made.anchor_at))
    assert step % MINUTE == 0


def test_stopping_waits_for_the_last_job(bench: Bench) -> None:
    made = bench.create(every="1m")
    bench.tick()
    assert bench.service.edit(made.id, EditSchedule(state="stopping"), by="me").state == "stopping"
    bench.tick(2 * MINUTE)
    assert bench.get(made).state == "stopping"
    (execution,) = bench.executions(made)
    bench.end(str(execution.async_job_id))
    bench.tick(2 * MINUTE)
    assert bench.get(made).state == "inactive"
    with pytest.raises(IllegalTransition):
        bench.service.resume(made.id, by="me")


def test_stopping_without_a_job_is_over_at_once(bench: Bench) -> None:
    made = bench.create(every="1m")
    assert bench.service.edit(made.id, EditSchedule(state="stopping"), by="me").state == "inactive"


def test_delete_keeps_executions_and_jobs(bench: Bench) -> None:
    made = bench.create(every="1m")
    bench.tick()
    bench.service.delete(made.id, by="me")
    assert bench.service.kept.page()[0] == []
    (execution,) = bench.executions(made)
    assert bench.app.store.jobs.get(str(execution.async_job_id)).status == "queued"
    assert bench.get(made).state == "deleted"
    for move in (bench.service.delete, bench.service.pause, bench.service.resume):
        with pytest.raises(NotFound, match="is deleted"):
            move(made.id, by="me")
    with pytest.raises(NotFound):
        bench.service.trigger(made.id)
    with pytest.raises(Conflict, match="is deleted"):
        bench.service.rerun(execution.id)
    bench.tick(HOUR)
    assert len(bench.executions(made)) == 1


def test_one_shot_and_end(bench: Bench) -> None:
    once = bench.create(run_at=iso(bench.clock.at_us + MINUTE))
    until = bench.create(every="1m", end_at=iso(bench.clock.at_us + 90_000_000), overlap="queue")
    bench.tick()
    bench.tick_every(MINUTE, 3)
    assert bench.statuses(once) == ["running"]
    assert len(bench.executions(until)) == 2
    for made in (once, until):
        assert bench.get(made).state == "inactive"
        assert bench.get(made).state_reason == "its last instant has passed"


def test_rerun_takes_the_payload_of_then(bench: Bench) -> None:
    made = bench.create(every="1m", payload={"text": "old"})
    bench.tick()
    bench.service.edit(made.id, EditSchedule(payload={"text": "new"}), by="me")
    old = bench.executions(made)[0]
    again = bench.service.rerun(old.id)
    assert (again.cause, again.scheduled_job_id) == ("rerun", made.id)
    assert bench.app.store.jobs.get(str(again.async_job_id)).payload["text"] == "old"


def test_statistics_and_exports(bench: Bench) -> None:
    made = bench.create(every="1m")
    for number in range(20):
        bench.tick(MINUTE if number else 0)
        job = str(bench.executions(made)[-1].async_job_id)
        bench.start(job)
        bench.clock.at_us += 1_000_000 * (number + 1)
        error = "=cmd()" if number % 4 == 0 else None
        bench.end(job, "failed" if error else "completed", error)
        bench.clock.at_us -= 1_000_000 * (number + 1)
    found = statistics(bench.service.executions, made.id)
    assert found.by_status["completed"] == 15
    assert found.success_rate == 0.75
    assert (found.p50_ms, found.p95_ms) == (11_000, 20_000)
    assert found.trend.duration == "slower"
    walked = list(bench.service.executions.walk(made.id))
    table = b"".join(csv_rows(walked)).decode().split("\r\n")
    assert len(table) == 22
    assert table[0].startswith("id,scheduled_job_id,async_job_id,status")
    assert "'=cmd()" in table[-2]
    rows = msgspec.json.decode(b"".join(json_rows(walked)))
    assert [row["id"] for row in rows] == [execution.id for execution in walked]
    assert msgspec.json.decode(b"".join(json_rows([]))) == []


def test_percentiles() -> None:
    assert percentile([], 0.5) is None
    assert percentile([5], 0.95) == 5
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95


def test_pages_of_executions(bench: Bench) -> None:
    made = bench.create(every="1m")
    bench.tick()
    bench.tick_every(MINUTE, 6)
    store, seen, cursor = bench.service.executions, [], None
    while True:
        page, cursor = store.page(made.id, limit=3, cursor=cursor)
        seen += [execution.id for execution in page]
        if cursor is None:
            break
    assert seen == [execution.id for execution in store.page(made.id)[0]]
    assert len(seen) == 7
    assert [e.id for e in store.page(made.id, limit=3, offset=3)[0]] == seen[3:6]
    assert store.total(made.id, ["skipped"]) == 6
    with pytest.raises(BadInput, match="'nope' is not a valid execution status"):
        store.page(made.id, statuses=["nope"])


# -- in code ---------------------------------------------------------------------------------------


def apply(bench: Bench, *schedules: tuple[Any, ...], **more: Any) -> declared.Applied:
    registry = Registry()
    for key, when, payload in schedules:
        registry.schedule(key, when, "said", payload, **more)
    return declared.apply(bench.service, registry.schedules)


def test_declared_schedules_follow_the_code(bench: Bench) -> None:
    assert apply(bench, ("a", "every 1h", {}), ("b", "@daily", {})).created == ["a", "b"]
    kept = {s.declared_as: s for s in bench.service.kept.page()[0]}
    done = apply(bench, ("a", "every 1h", {}), ("b", "@daily", {}))
    assert (done.created, done.changed, done.withdrawn) == ([], [], [])
    done = apply(bench, ("a", "every 2h", {"text": "x"}), ("c", "@hourly", {}))
    assert (done.created, done.changed, done.withdrawn) == (["c"], ["a"], ["b"])
    after = {s.declared_as: s for s in bench.service.kept.page()[0]}
    assert after.keys() == {"a", "c"}
    assert after["a"].id == kept["a"].id
    assert (after["a"].interval_seconds, after["a"].payload) == (7_200, {"text": "x"})
    assert bench.get(kept["b"]).state == "deleted"
    assert apply(bench, ("a", "0 9 * * *", {"text": "x"})).changed == ["a"]
    assert bench.get(kept["a"]).cron == "0 9 * * *"


def test_a_declared_schedule_that_a_person_paused_stays_paused(bench: Bench) -> None:
    apply(bench, ("a", "every 1h", {}))
    (made,) = bench.service.kept.page()[0]
    bench.service.pause(made.id, by="Ann")
    assert apply(bench, ("a", "every 3h", {})).changed == ["a"]
    assert (bench.get(made).state, bench.get(made).interval_seconds) == ("paused", 10_800)


def test_a_declared_instant_that_has_passed_is_left_alone(bench: Bench) -> None:
    soon = iso(bench.clock.at_us + HOUR)
    apply(bench, ("once", soon, {}))
    bench.tick(2 * HOUR)
    (made,) = bench.service.kept.page()[0]
    assert made.state == "inactive"
    done = apply(bench, ("once", soon, {}))
    assert (done.created, done.changed, done.withdrawn) == ([], [], [])


def test_a_declared_instant_that_had_passed_before_it_was_ever_seen(bench: Bench) -> None:
    done = apply(bench, ("old", iso(bench.clock.at_us - HOUR), {}), ("a", "every 1h", {}))
    assert (done.over, done.created) == (["old"], ["a"])
    assert [made.declared_as for made in bench.service.kept.page()[0]] == ["a"]


def test_a_key_declared_twice(bench: Bench) -> None:
    with pytest.raises(BadInput, match="'a' is declared twice"):
        apply(bench, ("a", "1h", {}), ("a", "2h", {}))


def test_the_registry_of_an_application_brings_its_schedules(bench: Bench) -> None:
    bench.app.schedule(
        "nightly",
        "CRON_TZ=Asia/Tokyo 0 3 * * *",
        "said",
        {},
        time_zone="Europe/Berlin",
        overlap=Overlap("parallel", 3),
        missed=Missed("all", 20),
        jitter_seconds=60,
    )
    declared.apply(bench.service, bench.app.registry.schedules)
    (made,) = bench.service.kept.page()[0]
    assert (made.declared_as, made.time_zone) == ("nightly", "Europe/Berlin")
    assert (made.overlap, made.missed, made.jitter_seconds) == ("parallel(3)", "all(20)", 60)


def test_a_schedule_that_is_found_by_two_ways_is_declared_once(bench: Bench) -> None:
    """A module may hold an App and the Registry that the App includes."""
    declaring = Registry()
    declaring.handler("reports.daily")(lambda ctx, payload: None)
    declaring.schedule("nightly", "@daily", "said", {})
    including = Registry()
    including.include(declaring)
    bench.app.include(declaring)
    bench.app.include(including)
    assert declared.apply(bench.service, bench.app.registry.schedules).created == ["nightly"]


def test_a_declared_payload_is_compared_as_it_is_kept(bench: Bench) -> None:
    apply(bench, ("a", "every 1h", {"text": "x", "sizes": (1, 2), "names": {3: "three"}}))
    done = apply(bench, ("a", "every 1h", {"text": "x", "sizes": (1, 2), "names": {3: "three"}}))
    assert (done.created, done.changed, done.withdrawn) == ([], [], [])


def test_declared_metadata_follow_the_code(bench: Bench) -> None:
    apply(bench, ("a", "every 1h", {}), metadata={"team": ("ops",)})
    assert apply(bench, ("a", "every 1h", {}), metadata={"team": ("ops",)}).changed == []
    assert apply(bench, ("a", "every 1h", {}), metadata={"team": "data"}).changed == ["a"]
    (made,) = bench.service.kept.page()[0]
    assert made.metadata == {"team": "data"}
    assert apply(bench, ("a", "every 1h", {})).changed == ["a"]


def test_servers_that_start_at_once_declare_each_schedule_once(bench: Bench) -> None:
    keys = [f"schedule {number}" for number in range(100)]
    start = threading.Barrier(2)

    def a_server(_: int) -> declared.Applied:
        start.wait()
        return apply(bench, *((key, "@daily", {}) for key in keys))

    with ThreadPoolExecutor(2) as servers:
        done = list(servers.map(a_server, range(2)))
    assert sorted(done[0].created + done[1].created) == sorted(keys)


def test_writes_are_all_or_nothing(bench: Bench) -> None:
    made = bench.create(every="1m")

    def killed() -> None:
        with transaction(bench.ticker._store.connection):
            bench.ticker._firing._fire(bench.get(made), bench.clock.at_us, None)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed()
    assert bench.executions(made) == []
    assert bench.app.store.jobs.counts()["queued"] == 0
    assert bench.get(made) == made
