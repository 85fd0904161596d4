"""What was frozen is read in every public way, from the API and the command line."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from .opened import Upgraded

#: Pieces of messages that several of the files hold, one that ends a large message, one of none.
NEEDLES = ("import of", "CAFÉ ☕", "the bank", "needle at its end", "newline", "shelf 7", "absent")
#: Beside these, a piece of every so many lines is looked for.
EVERY = 150


def test_jobs_are_listed_newest_first(old: Upgraded) -> None:
    for limit in (1000, 4):
        listed = list(old.pages("/api/pulse/jobs", "jobs", limit=limit))
        assert [shown_job(job, of) for job, of in zip(listed, jobs(old), strict=True)] == jobs(old)
    for status in ("queued", "running", "paused", "completed", "failed", "cancelled"):
        wanted = [job["id"] for job in jobs(old) if job["status"] == status]
        found = old.pages("/api/pulse/jobs", "jobs", status=status)
        assert [job["id"] for job in found] == wanted
        assert wanted, f"no frozen job is {status}"


def test_a_job_is_shown_with_its_attempts(old: Upgraded) -> None:
    for job in jobs(old):
        alone = old.get(f"/api/pulse/jobs/{job['id']}")
        assert shown_job(alone, job) == job
        assert alone["run_kind"] == job["door"], "the name that it had first"
        shown = old.get(f"/api/pulse/jobs/{job['id']}/attempts")["attempts"]
        frozen = attempts(old, job["id"])
        assert [shared(one, of) for one, of in zip(shown, frozen, strict=True)] == frozen
        assert old.get(f"/api/pulse/jobs/{job['id']}/explain")


def test_all_lines_of_a_job_come_with_its_receipt(old: Upgraded) -> None:
    for job in jobs(old):
        path, frozen = f"/api/pulse/jobs/{job['id']}/logs", old.lines_of(job["id"])
        for limit in (1000, 7 if len(frozen) < 100 else 500):
            lines = list(old.pages(path, "logs", limit=limit))
            assert [line_shown(line) for line in lines] == [line_shown(line) for line in frozen]
        page = old.get(path)
        assert page["total_count"] == len(frozen)
        said = attempts(old, job["id"])
        assert shared(page["receipt"], total(said, "receipt")) == total(said, "receipt")
        assert page["counts"] == (total(said, "counts") or dict.fromkeys(page["counts"], 0))
        kept = sum(one["receipt"]["accepted"] - one["receipt"]["lost"] for one in said)
        at_work = any(one["status"] == "running" for one in said)
        at_work = at_work or page["receipt"]["open_streams"] > 0  # copied in the middle of work
        whole = total(said, "receipt")["lost"] == 0
        assert page["receipt"]["complete"] is (whole and not at_work)
        assert page["receipt"]["so_far"] is at_work
        assert page["receipt"]["stored"] == kept


def test_lines_are_filtered_by_level_stage_and_task(old: Upgraded) -> None:
    for job in jobs(old):
        path, frozen = f"/api/pulse/jobs/{job['id']}/logs", old.lines_of(job["id"])
        serious = [line["id"] for line in frozen if line["level"] in ("warn", "error", "critical")]
        found = old.pages(path, "logs", level="warn", limit=1000)
        assert [line["id"] for line in found] == serious
        for place in {(line["stage"], line["task_id"]) for line in frozen}:
            if all(place):
                stage, task = place
                found = old.pages(path, "logs", stage=stage, task_id=task, limit=1000)
                assert [line["id"] for line in found] == [
                    line["id"] for line in frozen if (line["stage"], line["task_id"]) == place
                ]


def test_a_large_message_is_there_whole(old: Upgraded) -> None:
    large = [line for line in old.contents["lines"] if "sha256" in line]
    for line in large:
        path = f"/api/pulse/jobs/{line['job_id']}/logs/{line['attempt']}/{line['id']}/message"
        whole = old.client.get(path).content
        assert (len(whole), hashlib.sha256(whole).hexdigest()) == (line["size"], line["sha256"])
    assert large


def test_the_outline_counts_the_lines_of_each_stage_and_task(old: Upgraded) -> None:
    expired = {one["job_id"]: one["lines"] for one in old.contents.get("expired", ())}
    for job in jobs(old):
        for attempt in attempts(old, job["id"]):
            number = attempt["attempt"]
            shown = old.get(f"/api/pulse/jobs/{job['id']}/stages", attempt=number)["stages"]
            lines = Counter(
                (line["stage"] or "", line["task_id"])
                for line in old.lines_of(job["id"])
                if line["attempt"] == number
            )
            # The counts of a tree stay those of what was said.
            lines["", None] += expired.get(job["id"], 0)
            found = {
                (stage["stage"], None if task["is_stage"] else task["task_id"]): task["log_count"]
                for stage in shown
                for task in stage["tasks"]
                if task["log_count"]
            }
            assert found == +lines
            assert sum(stage["log_count"] for stage in shown) == lines.total()


def test_stages_and_tasks_keep_their_names_and_fates(old: Upgraded) -> None:
    for context in old.contents["contexts"]:
        path = f"/api/pulse/jobs/{context['job_id']}/stages"
        stages = old.get(path, attempt=context["attempt"])["stages"]
        (stage,) = [stage for stage in stages if stage["stage"] == (context["stage"] or "")]
        if context["task_id"] is None:
            assert stage["status"] == context["status"]
        else:
            (task,) = [
                task
                for task in stage["tasks"]
                if task["task_id"] == context["task_id"] and not task["is_stage"]
            ]
            wanted = {name: context[name] for name in ("name", "status", "result")}
            assert shared(task, wanted) == wanted
    assert old.contents["contexts"]


def test_the_tree_holds_the_descendants_of_a_job(old: Upgraded) -> None:
    children: dict[str, list[str]] = defaultdict(list)
    for job in reversed(jobs(old)):
        children[job["parent_job_id"]].append(job["id"])

    def below(job_id: str, depth: int = 0) -> list[tuple[str, int]]:
        found = [(job_id, depth)]
        for child in children[job_id]:
            found += below(child, depth + 1)
        return found

    for job in jobs(old):
        tree = old.get(f"/api/pulse/jobs/{job['id']}/tree")
        assert [(one["id"], one["depth"]) for one in tree["jobs"]] == below(job["id"])
    assert any(job["parent_job_id"] for job in jobs(old))


def test_search_finds_what_a_look_at_every_line_finds(old: Upgraded) -> None:
    lines = old.contents["lines"]
    pieces = [line["message"][3:15] for line in lines[::EVERY] if "bytes" not in line["flags"]]
    for needle in (*NEEDLES, *filter(str.strip, pieces)):
        wanted = {
            (line["job_id"], line["attempt"], line["id"])
            for line in lines
            if needle.lower() in line["message"].lower() or needle.lower() in line.get("end", "")
        }
        found = list(old.pages("/api/pulse/search", "logs", q=needle, limit=100))
        keys = [(line["job_id"], line["attempt"], line["id"]) for line in found]
        assert len(keys) == len(set(keys))
        assert set(keys) == wanted, needle


def test_schedules_are_listed_and_shown(old: Upgraded) -> None:
    frozen = old.contents["schedules"]
    listed = list(old.pages("/api/pulse/schedules", "jobs"))
    alive = [schedule for schedule in frozen if schedule["state"] != "deleted"]
    assert [shared(one, of) for one, of in zip(listed, alive, strict=True)] == alive
    for schedule in frozen:
        path = f"/api/pulse/schedules/{schedule['id']}"
        assert shared(old.get(path), schedule) == schedule
        assert old.get(f"{path}/explain")
        fired = [one["id"] for one in executions(old) if one["scheduled_job_id"] == schedule["id"]]
        found = old.pages(f"{path}/executions", "executions")
        assert [execution["id"] for execution in found] == fired
    assert len(alive) < len(frozen)


def test_executions_are_listed_and_shown_with_their_lines(old: Upgraded) -> None:
    listed = list(old.pages("/api/pulse/executions", "executions"))
    frozen = executions(old)
    assert [shared(one, of) for one, of in zip(listed, frozen, strict=True)] == frozen
    for execution in frozen:
        path = f"/api/pulse/executions/{execution['id']}"
        assert shared(old.get(path), execution) == execution
        if execution["async_job_id"]:
            said = [line["message"] for line in old.lines_of(execution["async_job_id"])]
            lines = old.pages(f"{path}/logs", "logs")
            assert [line["message"] for line in lines] == said
    assert frozen


def test_what_expired_is_told(old: Upgraded) -> None:
    expired = {
        one["job_id"]: {"lines": one["lines"], "at": one["at"]}
        for one in old.contents.get("expired", ())
    }
    for job in jobs(old):
        told = old.get(f"/api/pulse/jobs/{job['id']}/logs")["expired"]
        frozen = expired.get(job["id"])
        assert (told and {"lines": told["lines"], "at": told["at"]}) == frozen


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_the_command_line_lists_jobs(old: Upgraded, as_json: bool) -> None:
    out = old.qntx("jobs", "--limit", "1000", *(["--json"] if as_json else []))
    if as_json:
        assert [job["id"] for job in json.loads(out)["jobs"]] == [job["id"] for job in jobs(old)]
    else:
        for job in jobs(old):
            assert job["id"] in out
            assert job["status"] in out


def test_the_command_line_shows_jobs_and_lines(old: Upgraded) -> None:
    for job in jobs(old):
        frozen = old.lines_of(job["id"])
        assert job["status"] in old.qntx("jobs", job["id"])
        lines = [json.loads(line) for line in old.qntx("logs", job["id"], "--json").splitlines()]
        for line, of in zip(lines, frozen, strict=True):
            assert line["message"].startswith(of["message"])
            assert line["message"].endswith(of.get("end", of["message"]))
        text = old.qntx("logs", job["id"])
        for line in frozen[:20]:
            if line["message"].isascii() and "bytes" not in line["flags"]:
                assert line["message"].splitlines()[0][:40] in text


def test_the_command_line_shows_schedules_and_executions(old: Upgraded) -> None:
    listed = json.loads(old.qntx("schedules", "list", "--json"))
    alive = [one["id"] for one in old.contents["schedules"] if one["state"] != "deleted"]
    assert [schedule["id"] for schedule in listed] == alive
    for execution in executions(old):
        assert execution["id"] in old.qntx("executions", execution["scheduled_job_id"])


# -- what was frozen, in the shape of what is shown ------------------------------------------------


def jobs(old: Upgraded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = old.contents["jobs"]
    return found


def executions(old: Upgraded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = old.contents["executions"]
    return found


def attempts(old: Upgraded, job_id: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in one.items() if name != "job_id"}
        for one in old.contents["attempts"]
        if one["job_id"] == job_id
    ]


def shared(shown: dict[str, Any], frozen: dict[str, Any]) -> dict[str, Any]:
    """Of what is shown what was frozen; today's program may show more."""
    return {
        name: shared(shown[name], value)
        if isinstance(value, dict) and name == "receipt"
        else shown[name]
        for name, value in frozen.items()
    }


def shown_job(shown: dict[str, Any], frozen: dict[str, Any]) -> dict[str, Any]:
    progress = [shown["progress"]["current"], shown["progress"]["total"]]
    return shared({**shown, "progress": progress}, frozen)


def line_shown(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in LINE}


LINE = (
    "attempt",
    "id",
    "stage",
    "task_id",
    "level",
    "source",
    "logger",
    "message",
    "metadata",
    "size",
    "flags",
    "timestamp",
)


def total(said: list[dict[str, Any]], what: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for attempt in said:
        totals.update(attempt[what])
    return {name: totals[name] for name in totals} or (
        dict.fromkeys(("accepted", "stored", "lost", "redactions"), 0) if what == "receipt" else {}
    )
