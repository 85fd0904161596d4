"""What is said is what is stored: bytes, characters, lines and their ends."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.effort import FULL
from tests.support.recorded_runs import Recorded, record

log = logging.getLogger("content")

ALL_BYTES = bytes(range(256))
CONTENT: dict[str, str] = {
    "empty": "",
    "space": " ",
    "NUL": "before\0after",
    "only NUL": "\0",
    "every ASCII character but newline": "".join(map(chr, range(128))).replace("\n", ""),
    "every byte, as surrogates": ALL_BYTES.replace(b"\n", b"").decode("utf-8", "surrogateescape"),
    "every Latin-1 character": "".join(map(chr, range(128, 256))),
    "lone high surrogate": "a\ud800b",
    "lone low surrogate": "a\udfffb",
    "surrogates in the wrong order": "\udc00\ud800",
    "escaped byte and wide surrogate": "\udcff\ud800",
    "carriage return": "10%\r20%\r30%",
    "only carriage return": "\r",
    "ends in carriage return": "a\r",
    "ANSI colours": "\x1b[31mred\x1b[0m \x1b[1;4mbold\x1b[m",
    "ANSI cursor": "\x1b[2J\x1b[H\x1b[10;10Hx",
    "OSC 8 and 52": "\x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b]52;c;aGk=\x07",
    "broken escape": "\x1b[",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "byte order mark": "\ufeffa",
    "bidi and zero width": "\u202eabc\u202c\u200b\u200d",
    "all planes": "a ä € 😀 \U0010ffff",
    "not composed": "e\u0301",
    "a marker of ours": "***[secret:0000] ***[",
    "4,096 characters": "x" * 4096,
    "4,097 characters": "x" * 4097,
    "4,097 wide characters": "😀" * 4097,
    "just below the large size": "x" * (64 << 10),
    "just above the large size": "x" * ((64 << 10) + 1),
    "large, cut inside a character": "x" * 4095 + "€" * 30_000,
    "large with NUL early": "a\0" + "b" * 100_000,
    "1 MB": "0123456789abcdef" * (1 << 16),
    "1 MB that is no text": "\udcff" * (1 << 20),
}


def utf8(text: str) -> bytes:
    """How a text is stored: its bytes where it stands for bytes, else with its surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", CONTENT)
def test_a_line_is_stored_and_reads_back_identical(
    recorded: Callable[..., Recorded], name: str
) -> None:
    text = CONTENT[name]

    def handler(ctx: Any, payload: Any) -> None:
        ctx.emit.info(text)
        log.info(text)
        log.info("%s", text)
        print(text)
        sys.stderr.write(text + "\n")

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    whole, read = [w for _, w in run.lines], run.messages
    for stored in (whole, read):
        assert len(stored) == 5
        for found in stored:
            assert found in (utf8(text), text.encode("utf-8", "surrogatepass"))
    assert [line.size for line, _ in run.lines] == [len(w) for w in whole]
    assert run.receipt.complete


@pytest.mark.parametrize("name", CONTENT)
def test_text_that_is_text_is_not_called_bytes(
    recorded: Callable[..., Recorded], name: str
) -> None:
    text = CONTENT[name]
    run = recorded(lambda ctx, payload: (ctx.emit.info(text), print(text)))
    try:
        text.encode()
    except UnicodeEncodeError:
        assert all("bytes" in line.flags for line, _ in run.lines)
    else:
        assert all("bytes" not in line.flags for line, _ in run.lines)


@pytest.mark.parametrize("name", ["NUL", "every byte, as surrogates", "large with NUL early"])
def test_what_stands_after_a_nul_is_found(recorded: Callable[..., Recorded], name: str) -> None:
    from qntx.model.views import LogFilter

    run = recorded(lambda ctx, payload: ctx.emit.info(CONTENT[name] + "needle"))
    page = run.logs.page(run.job_id, LogFilter(text="needle"))
    assert page.total_count == 1


# -- binary output -------------------------------------------------------------------------------


def written_bytes(data: bytes) -> list[bytes]:
    """The lines that *data* is, as any reader of a stream splits it."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


BINARY = {
    "every byte": ALL_BYTES,
    "invalid UTF-8": b"\xc3\x28 \xa0\xa1 \xe2\x28\xa1 \xf0\x28\x8c\x28 \xff\xfe\n",
    "overlong": b"\xc0\xaf \xe0\x80\xaf\n",
    "UTF-16": "text\n".encode("utf-16"),
    "latin-1": "äöü\n".encode("latin-1"),
    "cut character": "€".encode()[:2],
    "CRLF": b"one\r\ntwo\r\n",
    "empty lines": b"\n\n\n",
    "no final newline": b"one\ntwo",
    "only NUL": b"\0\0\0\n",
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_bytes_written_to_the_binary_side_are_stored_as_they_are(
    recorded: Callable[..., Recorded], name: str, size: int
) -> None:
    data = BINARY[name]

    def handler(ctx: Any, payload: Any) -> None:
        for start in range(0, len(data), size):
            sys.stdout.buffer.write(data[start : start + size])

    run = recorded(handler)
    assert run.messages == written_bytes(data)
    for line, whole in run.lines:
        assert ("bytes" in line.flags) is (not is_text(whole))
    assert ("no_newline" in run.lines[-1][0].flags) is (not data.endswith(b"\n"))


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


MIXED = "é€😀 \x1b[31mred\x1b[0m\r\n\n\rtab\t\u2028end\r"


@pytest.mark.parametrize("newline", ["\n", ""])
def test_a_write_may_be_split_anywhere(recorded: Callable[..., Recorded], newline: str) -> None:
    """Inside a character, an escape sequence, a line end: the stored lines are the same."""
    data = (MIXED + newline).encode()

    def handler(ctx: Any, payload: Any) -> None:
        for point in range(len(data) + 1):
            with ctx.emit.stage(str(point)):
                sys.stdout.buffer.write(data[:point])
                sys.stdout.buffer.write(data[point:])

    run = recorded(handler)
    expected = written_bytes(data)
    for point in range(len(data) + 1):
        found = [whole for line, whole in run.lines if line.stage == str(point)]
        assert found == expected, f"split at {point}"


@settings(max_examples=60)
@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([b"\n", b"\r\n", b"\xc3", b"\xa9"]), max_size=30
    )
)
def test_any_bytes_in_any_pieces(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)

    run = record(tmp_path_factory.mktemp("bytes"), handler)
    whole = b"".join(pieces)
    assert run.messages == (written_bytes(whole) if whole else [])
    run.db.close()


#: With halves of surrogate pairs, which ``st.text()`` gives once in hundreds of texts.
ANY_TEXT = st.lists(st.characters() | st.sampled_from("\ud800\udae7\udc80\udfff"), max_size=60)


@settings(max_examples=60)
@given(st.lists(ANY_TEXT.map("".join), min_size=1, max_size=8))
def test_any_text_by_any_way(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        for text in texts:
            ctx.emit.info(text)
            log.info(text)
            log.warning("%s", text)

    run = record(tmp_path_factory.mktemp("text"), handler)
    allowed = [{utf8(text), text.encode("utf-8", "surrogatepass")} for text in texts]
    assert len(run.messages) == 3 * len(texts)
    for number, found in enumerate(run.messages):
        assert found in allowed[number // 3]
    run.db.close()


# -- size ----------------------------------------------------------------------------------------

BIG = (100 if FULL else 8) << 20


@pytest.mark.timeout(600 if FULL else 60)
@pytest.mark.parametrize("way", ["print", "logging", "emitter", "write without newline"])
def test_a_very_large_line_reads_back_identical(
    recorded: Callable[..., Recorded], way: str
) -> None:
    text = ("0123456789abcde\t" * (BIG // 16))[: BIG - 1] + "€"

    def handler(ctx: Any, payload: Any) -> None:
        if way == "print":
            print(text)
        elif way == "logging":
            log.info(text)
        elif way == "emitter":
            ctx.emit.info(text)
        else:
            sys.stdout.write(text)
        ctx.emit.info("after")

    sys.stdout, before = io.StringIO(), sys.stdout
    try:
        run = recorded(handler)
    finally:
        sys.stdout = before
    line, _ = next(found for found in run.lines if found[0].size > 1000)
    found = run.logs.message(run.job_id, 1, line.id)
    assert hashlib.sha256(found).digest() == hashlib.sha256(text.encode()).digest()
    assert line.size == len(text.encode())
    assert line.truncated
    assert len(line.message) <= 4096
    assert "after" in [line.message for line, _ in run.lines]
    assert run.receipt.complete


@pytest.mark.timeout(300)
def test_a_flood_of_lines_is_stored_whole_and_in_order(recorded: Callable[..., Recorded]) -> None:
    many = 100_000

    def handler(ctx: Any, payload: Any) -> None:
        emit = ctx.emit.info
        for number in range(many):
            emit(f"line {number} of the flood")

    run = recorded(handler)
    rows = run.db.execute("SELECT message FROM log_lines ORDER BY id").fetchall()
    assert [row[0] for row in rows] == [f"line {number} of the flood" for number in range(many)]
    assert run.receipt.text == "complete: 100,000 of 100,000"


# -- a stream like any other ---------------------------------------------------------------------


def test_a_captured_stream_can_what_the_original_can(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")
            stream.writelines(["a\n", "b\n"])
            stream.flush()
            assert stream.writable()
            assert not stream.readable()
            assert not stream.closed
            assert stream.encoding.lower().replace("-", "") == "utf8"
            assert stream.line_buffering in (True, False)
            assert stream.newlines is None
            assert isinstance(stream.errors, str)
            assert isinstance(stream.name, str)
            assert stream.mode == "w"
            stream.buffer.write(memoryview(b"c\n"))
            stream.buffer.write(bytearray(b"d\n"))
            stream.buffer.flush()
            with pytest.raises(TypeError):
                stream.write(b"bytes")
            with pytest.raises((io.UnsupportedOperation, OSError)):
                stream.read()

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    assert run.texts == ["a", "b", "c", "d"] * 2


def test_print_keeps_its_manners(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        print()
        print("a", 1, None, sep="-")
        print("b", end="")
        print("c")
        print("d", end="!\n")
        print("two\nlines")
        print("to stderr", file=sys.stderr, flush=True)
        print("nowhere", file=io.StringIO())
        print(*[], sep=None, end=None)
        for bad in ({"sep": 5}, {"end": 5}):
            with pytest.raises(TypeError):
                print("x", "y", **bad)  # type: ignore[call-overload]

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    assert run.texts == ["", "a-1-None", "bc", "d!", "two", "lines", "to stderr", ""]


def test_what_is_passed_on_to_the_console_is_what_was_written(
    recorded: Callable[..., Recorded],
) -> None:
    """Bytes as bytes, text as text, in order."""
    behind = io.BytesIO()
    sys.stdout, before = io.TextIOWrapper(behind, "utf-8", write_through=True), sys.stdout

    def handler(ctx: Any, payload: Any) -> None:
        print("text ä")
        sys.stdout.buffer.write(b"raw \xff\xfe\n")
        sys.stdout.write("no newline")

    try:
        recorded(handler)
        sys.stdout.flush()
    finally:
        sys.stdout = before
    assert behind.getvalue() == "text ä\n".encode() + b"raw \xff\xfe\nno newline"


def test_two_stages_that_share_a_line_of_output_get_each_their_own_part(
    recorded: Callable[..., Recorded],
) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        with ctx.emit.stage("one"):
            sys.stdout.write("begun ")
        with ctx.emit.stage("two"):
            print("whole")

    run = recorded(handler)
    assert {(line.stage, line.message) for line, _ in run.lines} == {
        ("one", "begun "),
        ("two", "whole"),
    }


def test_the_files_of_a_run_are_for_their_owner(recorded: Callable[..., Recorded]) -> None:
    run = recorded(lambda ctx, payload: ctx.emit.info("x"))
    for path in [run.home, *run.home.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert Path(run.home / "qntx.db").exists()
