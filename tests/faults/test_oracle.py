"""The checker itself: it accepts a good history, and every rule catches the one made bad for it."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.oracle.checker import _RULES, _by_level, _recount, check
from tests.faults.oracle.history import Attempt, History, Producer, StoredLine, read_ledger
from tests.faults.oracle.saying import line_of, payload_of, take_apart

SEED = 7
JOB = "JB_TEST"


def good() -> History:
    """Two producers in two places, 20 lines each, all well."""
    producers = [
        Producer("p.print", "main", "print", "one", None, 20),
        Producer("p.logging", "thread", "logging", "two", "t", 20),
    ]
    lines, acknowledged = [], []
    for n in range(1, 21):
        for producer, level in zip(producers, (20, 40), strict=True):
            text = line_of(SEED, JOB, 1, producer.name, n)
            lines.append(
                StoredLine(
                    1, len(lines) + 1, producer.stage, producer.task, level, producer.source, text
                )
            )
            acknowledged.append((producer.name, n))
    return recounted(
        History(JOB, SEED, {p.name: p for p in producers}, acknowledged, lines, [], [])
    )


def recounted(history: History) -> History:
    """With counters, numbers and walks that fit the lines, whatever these are."""
    lines = [dataclasses.replace(line, seq=n) for n, line in enumerate(history.lines, start=1)]
    history.lines = lines
    groups: dict[Any, list[StoredLine]] = {}
    for line in lines:
        groups.setdefault((line.stage, line.task), []).append(line)
    history.contexts = [_recount(group) for group in groups.values()]
    errors = [line.seq for line in lines if line.level >= 40]
    history.attempts = [
        Attempt(
            1,
            "completed",
            "completed",
            len(lines),
            len(lines),
            0,
            _by_level(lines),
            errors[0] if errors else None,
        )
    ]
    history.walked = [[line.seq for line in lines]] * 2
    return history


def test_a_good_history_is_accepted() -> None:
    assert check(good()) == []


def test_a_killed_run_may_have_stored_the_line_that_was_under_way() -> None:
    history = good()
    history.acknowledged.pop()
    assert {v.rule for v in check(history)} == {"invented"}
    history.killed = True
    assert check(history) == []


def test_a_killed_run_may_hold_the_beginning_of_the_line_that_was_under_way() -> None:
    history = good()
    last = history.lines[-1]
    cut = dataclasses.replace(last, text=last.text[:40], flags=frozenset({"no_newline"}))
    history.lines[-1] = cut
    history.acknowledged.pop()
    history.killed = True
    assert check(history) == []
    history.killed = False
    assert "invented" in {v.rule for v in check(history)}


def test_losses_that_the_receipt_admits_are_no_violation() -> None:
    history = good()
    del history.lines[10:13]
    recounted(history)
    assert {v.rule for v in check(history)} == {"lost"}
    history.attempts = [dataclasses.replace(history.attempts[0], accepted=40, lost=3)]
    assert check(history) == []


def drop(h: History) -> None:
    del h.lines[7]
    recounted(h)


def invent(h: History) -> None:
    h.lines.append(dataclasses.replace(h.lines[-1], text=line_of(SEED, JOB, 1, "p.logging", 21)))
    recounted(h)


def stranger(h: History) -> None:
    h.lines.append(dataclasses.replace(h.lines[-1], text=line_of(SEED, JOB, 1, "nobody", 1)))
    recounted(h)


def other_run(h: History) -> None:
    h.lines[3] = dataclasses.replace(h.lines[3], text=line_of(SEED, "JB_OTHER", 1, "p.logging", 2))


def splice(h: History) -> None:
    one, two = h.lines[4].text, h.lines[5].text
    h.lines[4] = dataclasses.replace(h.lines[4], text=one[:90] + two[30:])


def chatter(h: History) -> None:
    h.lines.append(dataclasses.replace(h.lines[-1], text="not a line of the oracle"))
    recounted(h)


def repeat(h: History) -> None:
    h.lines.insert(9, h.lines[8])
    recounted(h)


def swap(h: History) -> None:
    h.lines[4], h.lines[6] = h.lines[6], h.lines[4]
    recounted(h)


def flip(h: History) -> None:
    line = h.lines[5]
    h.lines[5] = dataclasses.replace(line, text=line.text[:-1] + chr(ord(line.text[-1]) ^ 1))


def shorten(h: History) -> None:
    h.lines[5] = dataclasses.replace(h.lines[5], text=h.lines[5].text[:-1])


def rewrite(h: History) -> None:
    """A payload of another line, with its own right checksum."""
    text = line_of(SEED + 1, JOB, 1, "p.print", 3)
    h.lines[4] = dataclasses.replace(h.lines[4], text=text)


def hole(h: History) -> None:
    h.lines[-1] = dataclasses.replace(h.lines[-1], seq=41)
    h.walked = [[line.seq for line in h.lines]] * 2
    h.contexts = []


def misplace(h: History) -> None:
    h.lines[3] = dataclasses.replace(h.lines[3], task="other")
    recounted(h)


def unplace(h: History) -> None:
    h.lines[3] = dataclasses.replace(h.lines[3], stage=None, task=None)
    recounted(h)


def missource(h: History) -> None:
    h.lines[2] = dataclasses.replace(h.lines[2], source="stderr")


def guess(h: History) -> None:
    h.producers["p.print"] = Producer("p.print", "main", "os.write", None, None, 20)


def context(**changes: Any) -> Callable[[History], None]:
    def change(h: History) -> None:
        h.contexts[0] = dataclasses.replace(h.contexts[0], **changes)

    return change


def attempt(**changes: Any) -> Callable[[History], None]:
    def change(h: History) -> None:
        h.attempts[0] = dataclasses.replace(h.attempts[0], **changes)

    return change


def extra_context(h: History) -> None:
    h.contexts.append(dataclasses.replace(h.contexts[0], task="ghost"))


BAD: dict[str, tuple[str, Callable[[History], None]]] = {
    "a line is missing": ("lost", drop),
    "a line nobody said": ("invented", invent),
    "a line of no known producer": ("invented", stranger),
    "a line of another run": ("invented", other_run),
    "two lines in one": ("altered", splice),
    "a line that is none of ours": ("invented", chatter),
    "a line twice": ("duplicate", repeat),
    "two lines in the wrong order": ("disorder", swap),
    "a bit is flipped": ("altered", flip),
    "the last character is missing": ("altered", shorten),
    "another payload": ("altered", rewrite),
    "a number is skipped": ("gap", hole),
    "the wrong task": ("place", misplace),
    "no place at all": ("place", unplace),
    "the wrong source": ("place", missource),
    "a place that nobody can know": ("place", guess),
    "a counter too high": ("counter", context(lines=21)),
    "a first line too late": ("counter", context(first_seq=3)),
    "a last line too early": ("counter", context(last_seq=37)),
    "a highest level too low": ("counter", context(max_level=10)),
    "a level counted elsewhere": ("counter", context(by_level=(20, 0, 0, 0, 0))),
    "a counter of lines that are not there": ("counter", extra_context),
    "the attempt counts too few": ("counter", attempt(stored=39, accepted=39)),
    "the attempt counts levels wrongly": ("counter", attempt(by_level=(0, 40, 0, 0, 0))),
    "the first error is elsewhere": ("counter", attempt(first_error_seq=4)),
    "accepted but neither stored nor lost": ("receipt", attempt(accepted=41)),
    "lost without need": ("receipt", attempt(lost=1, accepted=41)),
    "still running": ("state", attempt(status="running")),
    "the job is still running": ("state", attempt(job_status="running")),
    "no attempt": ("state", lambda h: h.attempts.clear()),
    "a walk that skips": ("views", lambda h: h.walked[0].pop()),
    "the database is damaged": ("integrity", lambda h: h.complaints.append("row missing")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_caught_by_its_rule(name: str) -> None:
    rule, spoil = BAD[name]
    history = copy.deepcopy(good())
    spoil(history)
    assert rule in {violation.rule for violation in check(history)}


def test_every_rule_has_a_bad_history() -> None:
    rules = {rule.__name__.strip("_") for rule in _RULES}
    assert rules == {rule for rule, _ in BAD.values()}


def test_lines_can_be_taken_apart_whatever_is_in_them() -> None:
    for n in range(1, 2000):
        payload = payload_of(SEED, "p", n)
        said = take_apart(line_of(SEED, JOB, 3, "p", n))
        assert said is not None
        assert (said.run, said.attempt, said.producer, said.n) == (JOB, 3, "p", n)
        assert said.payload == payload


def test_a_ledger_that_was_cut_by_a_kill_is_read_up_to_there(
    tmp_path: Any, chance: random.Random
) -> None:
    path = tmp_path / "ledger"
    path.write_text("p 1\np 2\np 1")
    assert read_ledger([path]) == [("p", 1), ("p", 2)]
