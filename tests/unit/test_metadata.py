"""Metadata: whatever the caller gives, the line is stored, as strict JSON, and soon."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import json
import logging
import math
import pathlib
import resource
import subprocess
import sys
import threading
import time
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.recording.metadata import encode_metadata
from tests.support.recorded_runs import Recorded
from tests.support.waiting import wait_until

log = logging.getLogger("metadata")


def strict(data: bytes) -> Any:
    """What *data* says, if it is JSON in the strict sense."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(data.decode("utf-8"), parse_constant=refuse)


def encoded(value: Any) -> Any:
    return strict(encode_metadata({"value": value}))["value"]


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Shape(msgspec.Struct):
    sides: int


class Raising:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Exiting:
    def __repr__(self) -> str:
        raise SystemExit(3)


class Huge:
    def __repr__(self) -> str:
        return "x" * (100 << 20)


class Blocking:
    def __init__(self) -> None:
        self.release = threading.Event()

    def __repr__(self) -> str:
        self.release.wait(30)
        return "at last"


class Properties:
    """Looking at it does things."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.__dict__["touched"].append(name)
        time.sleep(1)
        raise AttributeError(name)


class RaisingMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("no items")


Pair = namedtuple("Pair", "a b")

PLAIN: dict[str, tuple[Any, Any]] = {
    "text": ("x", "x"),
    "text with NUL": ("a\0b", "a\0b"),
    "text with every plane": ("ä€😀\u2028\u202e", "ä€😀\u2028\u202e"),
    "numbers": ([1, -1, 2**53, 1.5], [1, -1, 2**53, 1.5]),
    "64 bits": (2**63 - 1, 2**63 - 1),
    "beyond 64 bits": (2**70, str(2**70)),
    "true and none": ([True, None], [True, None]),
    "tuple": ((1, (2,)), [1, [2]]),
    "set": ({1}, [1]),
    "ordered": (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "named tuple": (Pair(1, 2), [1, 2]),
    "decimal": (decimal.Decimal("1.10"), "1.10"),
    "datetime": (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006+00:00"),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "timedelta": (timedelta(seconds=1), "0:00:01"),
    "uuid": (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    "path": (pathlib.Path("/a/b"), "/a/b"),
    "enum": (Colour.RED, "red"),
    "dataclass": (Point(1, [2]), {"x": 1, "y": [2]}),
    "struct": (Shape(3), {"sides": 3}),
    "bytes": (b"\xff\x00", {"$bytes": "/wA=", "size": 2}),
    "keys that are no text": (
        {2: "a", None: "b", False: "c"},
        {"2": "a", "None": "b", "False": "c"},
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_json_can_say_in_some_way_is_kept(name: str) -> None:
    value, expected = PLAIN[name]
    assert encoded(value) == expected


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"in": value}
    return value


def circular() -> Any:
    value: dict[str, Any] = {"name": "loop"}
    value["self"] = value
    return value


#: What cannot be stored, and what must stand in its place.
MARKED: dict[str, tuple[Callable[[], Any], str]] = {
    "NaN": (lambda: math.nan, "finite"),
    "infinity": (lambda: math.inf, "finite"),
    "minus infinity": (lambda: -math.inf, "finite"),
    "5000-digit integer": (lambda: 10**5000, "integer too large"),
    "object": (object, "not JSON"),
    "function": (lambda: len, "not JSON"),
    "circular": (lambda: circular()["self"], "circular"),
    "too deep": (lambda: nested(100), "nested deeper"),
    "100,000 deep": (lambda: nested(100_000), "nested deeper"),
    "repr raises": (Raising, "RuntimeError"),
    "repr exits": (Exiting, "SystemExit"),
    "repr of 100 MB": (Huge, "characters"),
    "lone surrogate": (lambda: "\ud800", "surrogates"),
    "mapping that raises": (lambda: RaisingMapping(a=1), "RuntimeError"),
}


@pytest.mark.parametrize("name", MARKED)
def test_what_cannot_be_stored_leaves_a_typed_marker_with_the_reason(name: str) -> None:
    make, reason = MARKED[name]
    value = make()
    data = encode_metadata({"value": value, "good": "kept"})
    found = strict(data)
    take_apart(value)
    assert found["good"] == "kept"
    assert b'"$unstorable"' in data
    assert reason.encode() in data
    assert b'"type"' in data
    assert len(data) < 1 << 20


def take_apart(value: Any) -> None:
    """Free a deep structure slowly: its own finaliser would recurse."""
    while isinstance(value, dict) and "in" in value:
        value = value.pop("in")


def test_a_repr_that_blocks_holds_up_the_call_for_a_moment_only() -> None:
    blocking = Blocking()
    found = encoded(blocking)
    assert "longer than" in found["repr"]
    blocking.release.set()


def test_after_many_reprs_that_blocked_others_are_still_tried() -> None:
    """A process works for months; what hung once must not switch it off for ever."""
    blocking = [Blocking() for _ in range(12)]
    for one in blocking:
        encoded(one)
    for one in blocking:
        one.release.set()
    fine = type("Fine", (), {"__repr__": lambda s: "<class>"})()
    wait_until(lambda: "<class" in encoded(fine)["repr"])


def test_looking_at_an_object_runs_none_of_its_code() -> None:
    thing = Properties()
    encoded(thing)
    assert thing.touched == []


def test_10_mb_of_metadata_are_kept_whole() -> None:
    text = "0123456789" * (1 << 20)
    assert encoded(text) == text
    assert encoded(list(range(1_000_000)))[-1] == 999_999


def guarded(source: str) -> bytes:
    """Run *source* in a process that may take 2 GB and 60 s; returns what it printed."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    try:
        done = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, timeout=60, preexec_fn=limit
        )
    except subprocess.TimeoutExpired:
        raise AssertionError("it takes more than 60 s") from None
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


ENCODE = """
from qntx.recording.metadata import encode_metadata
from qntx.recording.redaction import Redactor
from qntx.recording import lines
{value}
lines.set_redactor(Redactor([("secret", "not in here at all")]))
data, flags = lines._metadata({{"value": value}}, 0)
print(data.decode())
"""


@pytest.mark.slow
def test_shared_parts_do_not_multiply() -> None:
    """Thirty levels that each hold the one below twice are a billion leaves when unfolded."""
    value = "value = 'leaf'\nfor _ in range(30): value = {'left': value, 'right': value}"
    data = guarded(ENCODE.format(value=value))
    strict(data)
    assert len(data) < 64 << 20


@pytest.mark.slow
def test_a_structure_that_holds_itself_twice_is_no_endless_walk() -> None:
    data = guarded(ENCODE.format(value="value = {}\nvalue['a'] = value['b'] = value"))
    assert b"circular" in data
    assert len(data) < 10_000


def test_keys_that_become_the_same_text_lose_no_value() -> None:
    data = encode_metadata({"value": {1: "number", "1": "text"}}).decode()
    assert "number" in data
    assert "text" in data
    pairs = json.loads(data, object_pairs_hook=list)
    keys = [key for key, _ in pairs[0][1]]
    assert len(set(keys)) == 2


_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=50)
    | st.decimals()
    | st.datetimes()
    | st.uuids()
    | st.text(alphabet=st.characters(codec=None, categories=["Cs", "Ll"]), max_size=5)
    | st.builds(object)
)
_trees = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=5)
        | st.tuples(inner, inner)
    ),
    max_leaves=30,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), _trees, max_size=6))
def test_anything_becomes_strict_json(value: dict[str, Any]) -> None:
    assert isinstance(strict(encode_metadata(value)), dict)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(alphabet=st.characters(codec="utf-8"))
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(alphabet=st.characters(codec="utf-8")), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_what_is_json_comes_back_identical(value: Any) -> None:
    assert encoded(value) == value


class Logging:
    def __repr__(self) -> str:
        log.info("from inside repr")
        return "<logging>"


VALUES: dict[str, Callable[[], Any]] = {
    **{name: (lambda value=value: value) for name, (value, _) in PLAIN.items()},
    **{name: make for name, (make, _) in MARKED.items()},
    "repr that logs": Logging,
    "dates far away": lambda: datetime(1, 1, 1),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_line_is_stored_whatever_its_metadata(
    recorded: Callable[..., Recorded], name: str
) -> None:
    """By the emitter and by logging's extra, with redaction in force."""
    value = VALUES[name]()

    def handler(ctx: Any, payload: Any) -> None:
        ctx.emit.info("by emitter", value=value)
        log.info("by logging", extra={"value": value})
        log.info("as argument %s", "x", extra={"value": [value]})

    run = recorded(handler)
    take_apart(value)
    assert run.outcome.status == "completed", run.outcome.error
    for text in ("by emitter", "by logging", "as argument x"):
        line = run.said(text)
        assert isinstance(line.metadata, dict)
        assert "value" in line.metadata, line.metadata
    assert run.receipt.complete
    for (data,) in run.db.execute("SELECT metadata FROM log_lines WHERE metadata IS NOT NULL"):
        strict(str(data).encode())
