"""The journal, struck by an exception at every place where a signal handler can throw one."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from qntx.journal.format import CONTINUED, ENDED, FIRST_RECORD, LINE
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
from tests.support.effort import FULL, times
from tests.support.programs import run_program
from tests.support.strikes import Striker, Struck, numbers_heard, strike, with_words

SEGMENT_BYTES = 4096


def read(folder: Path) -> tuple[list[bytes], list[int]]:
    """All lines of all segments, and how each segment ended."""
    lines, states = [], []
    for path in sorted(folder.glob("*.seg")):
        reader = SegmentReader(path)
        for _, record in reader.records(FIRST_RECORD, reader.committed):
            assert record.intact
            if record.kind == LINE:
                lines.append(record.message)
        states.append(reader.state)
        reader.close()
    return lines, states


def in_a_thread(work: Callable[[], None]) -> None:
    """Do *work* in another thread, which finds no lock held."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "a lock was left held"


def struck_at(folder: Path, n: int, then: int | None = None) -> list[str]:
    """
    Lines over the end of a segment, struck at place *n*, and what became of them.

    With *then*, a handler that logs strikes first, and what throws that many places later.
    """
    journal = Journal(folder, segment_bytes=SEGMENT_BYTES)
    run = Run("JB_1", 1)
    scope, origin = Scope(run), journal.origin("emitter")
    said: list[bytes] = []
    kept: list[Struck] = []

    def say(text: bytes) -> None:
        journal.line(scope, 20, origin, text * 700)
        said.append(text * 700)

    def log() -> None:
        say(b"s1 ")
        say(b"s2 ")

    say(b"a1 ")
    with Striker(n) if then is None else Striker(n, log, ((then, strike),)) as striker:
        try:
            say(b"b1 ")
            say(b"b2 ")
        except Struck as error:
            # A program may keep what was thrown, and with it all the frames it went through.
            kept.append(error)
    in_a_thread(lambda: say(b"c1 "))
    say(b"c2 ")
    in_a_thread(lambda: say(b"c3 "))
    assert journal.close() == 0
    found, states = read(folder)
    assert len(set(found)) == len(found), f"twice: {striker.struck}"
    assert set(said) <= set(found), f"lost: {striker.struck}"
    assert then is not None or [line for line in found if line in said] == said
    assert len(found) == run.accepted, f"the receipt counts something else: {striker.struck}"
    assert states == [CONTINUED] * (len(states) - 1) + [ENDED]
    return striker.struck


def test_a_line_is_struck_anywhere(tmp_path: Path) -> None:
    places = set()
    for n in range(10_000):
        struck = struck_at(tmp_path / str(n), n)
        if not struck:
            break
        places.add(struck[0])
    assert n > 50
    assert {"Journal.line", "Journal._open", "Segment.__init__", "Segment.release"} <= places


def test_a_line_is_struck_anywhere_after_a_handler_that_logs(
    tmp_path: Path, chance: random.Random
) -> None:
    places = set()
    # In the short form: within the append of a new segment, and within what is resumed after it.
    first, second = ((0, 150), (0, 130)) if FULL else ((40, 120), (80, 130))
    for step in range(times(300, 30_000)):
        n, then = chance.randrange(*first), chance.randrange(*second)
        struck = struck_at(tmp_path / str(step), n, then)
        if len(struck) == 2:
            places.add(struck[1])
    assert "Journal._resume_interrupted.<locals>.resume" in places


def test_a_close_is_struck_anywhere(tmp_path: Path) -> None:
    for n in range(10_000):
        folder, kept = tmp_path / str(n), []
        journal = Journal(folder, segment_bytes=SEGMENT_BYTES)
        run = Run("JB_1", 1)
        journal.line(Scope(run), 20, journal.origin("emitter"), b"one")
        with Striker(n) as striker:
            try:
                journal.close()
            except Struck as error:
                kept.append(error)
        in_a_thread(journal.close)
        assert read(folder) == ([b"one"], [ENDED])
        if not striker.struck:
            break
    assert n > 5


#: Says something with each place of our code struck in turn, until there are no more places.
SWEEP = """
import json
import warnings
from tests.support.strikes import Striker
warnings.simplefilter("always")
class Timeout(BASE): pass
def on_signal(*ignored): raise Timeout
signal.signal(signal.SIGUSR1, on_signal)
done, thrown, swallowed = [], 0, []
@app.handler("x")
def x(ctx, payload):
    global thrown
    def say(n):
        SAY
    say(0)
    for n in range(1, 100_000):
        with Striker(n - 1, on_signal) as striker:
            try:
                say(n)
                swallowed.extend(striker.struck)
                done.append(n)
            except Timeout:
                thrown += 1
        if not striker.struck:
            break
    AFTERWARDS
_, outcome = app.run("x")
Path(sys.argv[2]).write_text(json.dumps([done, thrown, swallowed]))
print("OUTCOME", outcome.status, outcome.error)
"""
SAY = {
    "logging": 'log.info(f"log <{n}>")',
    "logging to the console": 'log.warning(f"log <{n}>")',
    "print": 'print(f"print <{n}>")',
    "write": 'sys.stdout.write(f"write <{n}>\\n")',
    "emitter": 'ctx.emit.info(f"emit <{n}>")',
    "emitter with metadata": 'ctx.emit.info(f"emit <{n}>", n=n, more=[{"a": n}])',
    "logging with extra": 'log.info("log <%d>", n, extra={"more": Path("/")})',
    "emit_error": 'ctx.emit.emit_error("s", ValueError(f"error <{n}>"))',
    "print to stderr": 'print(f"print <{n}>", file=sys.stderr)',
    "warning": 'warnings.warn(f"warning <{n}>")',
    "progress": 'ctx.emit.progress(n, 100_000)\n        print(f"<{n}>")',
    "exception": (
        '\n        try: raise KeyError(n)\n        except KeyError: log.exception(f"error <{n}>")'
    ),
    "stage": '\n        with ctx.emit.stage(f"stage <{n}>"): ctx.emit.info(f"<{n}>")',
    "task": '\n        with ctx.emit.task(f"task <{n}>"): ctx.emit.info(f"<{n}>")',
}
#: Where the standard library itself takes what is thrown while it writes to the console.
TAKEN = {
    "ValueError": {"logging to the console", "exception"},
    "TimeoutError": {"logging to the console", "exception", "warning"},
    "BaseException": set[str](),
}


# Most code takes a ValueError for something else, or an OSError; whatever is neither comes last.
@pytest.mark.parametrize("base", list(TAKEN) if FULL else ["ValueError", "TimeoutError"])
@pytest.mark.parametrize("way", SAY)
def test_a_call_is_struck_anywhere(tmp_path: Path, way: str, base: str) -> None:
    home, told = tmp_path / "home", tmp_path / "told"
    done = run_program(home, with_words(SWEEP, say=SAY[way], base=base), str(told), timeout_s=100)
    assert b"OUTCOME completed None" in done.stdout, (done.stdout[-500:], done.stderr[-3000:])
    returned, thrown, swallowed = json.loads(told.read_text())
    found = numbers_heard(home)
    assert set(returned) <= found, f"{len(set(returned) - found)} calls left no line"
    assert thrown > 5
    assert not swallowed or way in TAKEN[base]
