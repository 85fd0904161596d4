"""Downloads as JSON: put together by the database, and yet the bytes that encoding gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.journal.format import NO_NEWLINE, REDACTED, UNATTRIBUTED
from qntx.model.views import LogFilter
from qntx.storage.sqlite import ndjson
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, clear, store

texts = st.text(max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 60), 1 << 60)
    | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
lines = st.builds(
    Said,
    message=texts.map(str.encode)
    | st.binary(max_size=9)
    | st.just(b"x" * 4097)
    | st.just("é".encode() * 4097)
    | st.just(b"y" * 70_000),
    level=st.sampled_from([5, 10, 20, 25, 30, 50]),
    stage=st.none() | texts,
    task=st.none() | texts,
    source=st.sampled_from(["emitter", "stdout"]),
    logger=st.none() | texts,
    at_us=st.integers(0, 4_000_000_000_000_000),
    metadata=st.just(b"")
    | st.dictionaries(texts, values, max_size=3).map(msgspec.json.encode)
    | st.just(b'{"no json'),
    marks=st.sampled_from([0, NO_NEWLINE, UNATTRIBUTED, REDACTED | UNATTRIBUTED]),
)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    with closing(open_database(tmp_path_factory.mktemp("ndjson") / "qntx.db")) as connection:
        yield connection


@settings(max_examples=150)
@given(said=st.lists(lines, max_size=8), again=st.lists(lines, max_size=3))
def test_it_is_what_encoding_gives(
    db: apsw.Connection, said: list[Said], again: list[Said]
) -> None:
    clear(db)
    store(db, "JB_1", said)
    store(db, "JB_1", again, attempt=2)
    found = b"".join(ndjson.ndjson(Path(db.filename), "JB_1", LogFilter())).split(b"\n")[:-1]
    shown = LogStore(db).page("JB_1", LogFilter()).logs
    assert len(found) == len(shown) == len(said) + len(again)
    for text, line, one in zip(found, shown, [*said, *again], strict=True):
        if line.truncated or "bytes" in line.flags:
            whole = json.loads(text)
            assert whole.pop("message") == one.message.decode("utf-8", "backslashreplace")
            assert whole.pop("truncated") is False
            whole.pop("message_base64", None)
            rest = msgspec.to_builtins(line)
            assert whole == {k: v for k, v in rest.items() if k not in ("message", "truncated")}
        else:
            assert text == msgspec.json.encode(line)


def test_every_character(db: apsw.Connection) -> None:
    clear(db)
    everything = [chr(c) for c in range(0x3000) if not 0xD800 <= c < 0xE000]
    store(
        db,
        "JB_1",
        [
            Said("".join(everything[n : n + 64]).encode(), logger=f"l{n}")
            for n in range(0, len(everything), 64)
        ],
    )
    found = b"".join(ndjson.ndjson(Path(db.filename), "JB_1", LogFilter()))
    shown = LogStore(db).page("JB_1", LogFilter()).logs
    assert found == b"".join(msgspec.json.encode(line) + b"\n" for line in shown)


def test_many_batches_with_new_stages_in_each(db: apsw.Connection) -> None:
    clear(db)
    said = [
        Said(f"line {n}".encode(), stage=f"s{n // 700}", task=f"t{n % 900}") for n in range(3_500)
    ]
    said[1999] = Said(b"z" * 100_000)
    store(db, "JB_1", said)
    for wanted in (LogFilter(), LogFilter(text="7"), LogFilter(stage="s3"), LogFilter(text="zz")):
        found = b"".join(ndjson.ndjson(Path(db.filename), "JB_1", wanted)).splitlines()
        shown = LogStore(db).page("JB_1", wanted, limit=10_000).logs
        assert [json.loads(text)["id"] for text in found] == [line.id for line in shown]
        assert [json.loads(text)["task_id"] for text in found] == [line.task_id for line in shown]
