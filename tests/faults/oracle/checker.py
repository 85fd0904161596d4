"""
The judge of a history: a pure function, tested itself against histories that are bad on purpose.

Rules, by the name under which a violation is reported:

    lost        acknowledged, but not stored
    invented    stored, but never said (or said by nobody known)
    duplicate   stored twice
    disorder    a producer's lines are not in the order in which it said them
    altered     the payload is not what was said
    gap         the sequence numbers of an attempt are not 1, 2, 3 … n
    place       stage, task or source are not those of the producer
    counter     counters of stages, tasks or the attempt differ from a recount
    receipt     the receipt does not say: complete (or does not say what is lost)
    state       job or attempt are not in a state in which they may be
    views       a walk over the pages shows something else than the store holds
    integrity   the database itself complains
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from tests.faults.oracle.history import Attempt, Context, History, Producer, StoredLine
from tests.faults.oracle.saying import Said, line_of, take_apart

#: Lines that the system itself adds to a log.
_OWN = frozenset({"system", "scheduler", "exception"})


class Violation(NamedTuple):
    """A rule that is broken, and how."""

    rule: str
    detail: str


def check(history: History) -> list[Violation]:
    """Everything that is wrong with *history*; an empty list when nothing is."""
    heard = list(_hear(history))
    return [violation for rule in _RULES for violation in rule(history, heard)]


Heard = list[tuple[StoredLine, Said]]


def _hear(history: History) -> Iterator[tuple[StoredLine, Said]]:
    """The stored lines that are lines of the oracle, taken apart."""
    for line in history.lines:
        said = take_apart(line.text.removeprefix("UserWarning: "))
        if said is not None:
            yield line, said


def _lost(history: History, heard: Heard) -> Iterator[Violation]:
    stored = {(said.producer, said.n) for _, said in heard}
    missing = [ack for ack in dict.fromkeys(history.acknowledged) if ack not in stored]
    admitted = sum(attempt.lost for attempt in history.attempts)
    if missing and (len(missing) > admitted):
        yield Violation(
            "lost", f"{len(missing)} of {len(history.acknowledged)}, e.g. {missing[:3]}"
        )


def _invented(history: History, heard: Heard) -> Iterator[Violation]:
    known = {line.seq for line, _ in heard}
    limits = _limits(history)
    for line in history.lines:
        if line.seq in known or line.source in _OWN:
            continue
        if not _is_cut_short(history, line, limits):
            yield Violation("invented", f"line {line.seq} from {line.source}: {line.text[:120]!r}")
    for line, said in heard:
        if said.producer not in history.producers:
            yield Violation("invented", f"line {line.seq}: no producer {said.producer!r}")
        elif said.n > limits[said.producer]:
            yield Violation("invented", f"line {line.seq}: {said.producer} never said {said.n}")
        if said.run != history.job_id or said.attempt != line.attempt:
            yield Violation("invented", f"line {line.seq} is of another run or attempt: {said}")


def _limits(history: History) -> dict[str, int]:
    """The last number that each producer can have said: one call is under way at a kill."""
    highest = Counter(dict.fromkeys(history.producers, 0))
    for name, n in history.acknowledged:
        highest[name] = max(highest[name], n)
    return {name: n + 1 if history.killed else n for name, n in highest.items()}


def _is_cut_short(history: History, line: StoredLine, limits: dict[str, int]) -> bool:
    """Whether *line* is the beginning of the one that a producer was writing when it was killed."""
    if not history.killed or "no_newline" not in line.flags:
        return False
    return any(
        _expected(history, line.attempt, producer, limits[producer.name]).startswith(line.text)
        for producer in history.producers.values()
    )


def _duplicate(history: History, heard: Heard) -> Iterator[Violation]:
    counted = Counter((line.attempt, said.producer, said.n) for line, said in heard)
    twice = [key for key, number in counted.items() if number > 1]
    if twice:
        yield Violation("duplicate", f"{len(twice)} lines, e.g. {twice[:3]}")


def _disorder(history: History, heard: Heard) -> Iterator[Violation]:
    last: dict[tuple[int, str], int] = {}
    for line, said in heard:
        key = (line.attempt, said.producer)
        if said.n < last.get(key, 0):
            yield Violation("disorder", f"{said.producer}: {said.n} after {last[key]}")
        last[key] = said.n


def _altered(history: History, heard: Heard) -> Iterator[Violation]:
    for line, said in heard:
        if said.sha256 != sha256(said.payload.encode("utf-8", "surrogateescape")).hexdigest():
            if not _is_cut_short(history, line, _limits(history)):
                yield Violation("altered", f"line {line.seq}: {line.text[:200]!r}")
        elif said.producer in history.producers:
            producer = history.producers[said.producer]
            if _expected(history, line.attempt, producer, said.n) != line.text:
                yield Violation("altered", f"line {line.seq} is not what was said: {line.text!r}")


def _expected(history: History, attempt: int, producer: Producer, n: int) -> str:
    text = line_of(history.seed, history.job_id, attempt, producer.name, n)
    return f"UserWarning: {text}" if producer.way == "warning" else text


def _gap(history: History, heard: Heard) -> Iterator[Violation]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for line in history.lines:
        numbers[line.attempt].append(line.seq)
    for attempt, found in numbers.items():
        if found != list(range(1, len(found) + 1)):
            wrong = next(i for i, seq in enumerate(found, start=1) if seq != i)
            yield Violation("gap", f"attempt {attempt}: at {wrong} stands {found[wrong - 1]}")


def _place(history: History, heard: Heard) -> Iterator[Violation]:
    for line, said in heard:
        producer = history.producers.get(said.producer)
        if producer is None:
            continue
        if line.source != producer.source:
            yield Violation("place", f"{said.producer} spoke by {producer.way}, not {line.source}")
        if not producer.placed:
            if (line.stage, line.task) != (None, None) or "unattributed" not in line.flags:
                yield Violation("place", f"{said.producer}: a guess of {line.stage}/{line.task}")
        elif (line.stage, line.task) != (producer.stage, producer.task):
            wanted = f"{producer.stage}/{producer.task}"
            yield Violation(
                "place", f"{said.producer} {said.n}: {line.stage}/{line.task}, not {wanted}"
            )


def _counter(history: History, heard: Heard) -> Iterator[Violation]:
    groups: dict[tuple[str | None, str | None], list[StoredLine]] = defaultdict(list)
    for line in history.lines:
        groups[line.stage, line.task].append(line)
    if len(history.attempts) == 1:  # contexts are per attempt; the oracle's runs have one
        kept = {(c.stage, c.task): c for c in history.contexts if c.lines or c.first_seq}
        counted = {key: _recount(lines) for key, lines in groups.items()}
        for key in kept.keys() | counted.keys():
            if kept.get(key) != counted.get(key):
                yield Violation("counter", f"{key}: {kept.get(key)}, recount {counted.get(key)}")
    for attempt in history.attempts:
        lines = [line for line in history.lines if line.attempt == attempt.number]
        errors = [line.seq for line in lines if line.level >= 40]
        expected = (len(lines), _by_level(lines), errors[0] if errors else None)
        found = (attempt.stored, attempt.by_level, attempt.first_error_seq)
        if found != expected:
            yield Violation("counter", f"attempt {attempt.number}: {found}, recount {expected}")


def _recount(lines: list[StoredLine]) -> Context:
    first = lines[0]
    seqs = [line.seq for line in lines]
    return Context(
        first.stage,
        first.task,
        len(lines),
        min(seqs),
        max(seqs),
        max(line.level for line in lines),
        _by_level(lines),
    )


def _by_level(lines: list[StoredLine]) -> tuple[int, int, int, int, int]:
    counts = [0, 0, 0, 0, 0]
    for line in lines:
        counts[
            (line.level >= 20) + (line.level >= 30) + (line.level >= 40) + (line.level >= 50)
        ] += 1
    return tuple(counts)  # type: ignore[return-value]


def _receipt(history: History, heard: Heard) -> Iterator[Violation]:
    for attempt in history.attempts:
        if attempt.accepted != attempt.stored + attempt.lost:
            yield Violation("receipt", f"accepted is not stored and lost together: {attempt}")
        if attempt.lost and not _is_true(history, heard, attempt):
            yield Violation("receipt", f"{attempt.lost} lines are said to be lost, but are not")


def _is_true(history: History, heard: Heard, attempt: Attempt) -> bool:
    stored = {(said.producer, said.n) for line, said in heard if line.attempt == attempt.number}
    missing = [ack for ack in set(history.acknowledged) if ack not in stored]
    # A call that was under way when the process died may count as accepted or not.
    slack = len(history.producers) if history.killed else 0
    return len(missing) <= attempt.lost <= len(missing) + slack


def _state(history: History, heard: Heard) -> Iterator[Violation]:
    if not history.attempts:
        yield Violation("state", "the store knows no attempt")
        return
    last = history.attempts[-1]
    if last.job_status not in history.may_be or last.status not in history.may_be:
        yield Violation("state", f"{last.job_status}/{last.status}, not one of {history.may_be}")


def _views(history: History, heard: Heard) -> Iterator[Violation]:
    stored = [line.seq for line in history.lines]
    for walk in history.walked:
        if walk != stored:
            yield Violation("views", f"a walk shows {len(walk)} lines, the store {len(stored)}")


def _integrity(history: History, heard: Heard) -> Iterator[Violation]:
    for complaint in history.complaints:
        yield Violation("integrity", complaint)


_RULES: tuple[Callable[[History, Heard], Iterator[Violation]], ...] = (
    _lost,
    _invented,
    _duplicate,
    _disorder,
    _altered,
    _gap,
    _place,
    _counter,
    _receipt,
    _state,
    _views,
    _integrity,
)
