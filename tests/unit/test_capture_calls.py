"""Wrong calls: none of them raises into the job, and each leaves its line."""
# ruff: noqa: PLE1205, PLE1206 - wrong calls are what this file is about

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.recorded_runs import Recorded

log = logging.getLogger("calls")


class BrokenText:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class BrokenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def deep_traceback(depth: int) -> BaseException:
    def down(n: int) -> None:
        if n:
            down(n - 1)
        raise ValueError("the bottom")

    import sys

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + limit)
    try:
        down(depth)
    except ValueError as error:
        return error
    finally:
        sys.setrecursionlimit(limit)
    raise AssertionError


def group() -> BaseException:
    try:
        raise ExceptionGroup("several", [ValueError("one"), ExceptionGroup("in", [OSError("two")])])
    except ExceptionGroup as error:
        return error


def lonely() -> logging.Logger:
    """A logger without handlers: those of pytest raise what is wrong about a record."""
    found = logging.getLogger("calls.lonely")
    found.propagate = False
    return found


#: What is called, and a text that must stand in the one line it leaves.
LOGGING: dict[str, tuple[Callable[[], Any], str]] = {
    "too few arguments": (lambda: log.info("%s and %s", "one"), "%s and %s"),
    "too many arguments": (lambda: log.info("only %s", 1, 2), "only %s"),
    "wrong kind of argument": (lambda: log.info("%d", "word"), "%d"),
    "argument whose text raises": (lambda: log.info("it is %s", BrokenText()), "it is %s"),
    "template whose text raises": (lambda: log.info(BrokenText()), "BrokenText"),
    "template that is a number": (lambda: log.info(42), "42"),
    "template that is None": (lambda: log.info(None), "None"),
    "mapping as argument": (lambda: log.info("%(a)s!", {"a": 1}), "1!"),
    "mapping without the key": (lambda: log.info("%(b)s!", {"a": 1}), "%(b)s!"),
    "lone surrogate": (lambda: log.info("sur\udc80rogate"), "rogate"),
    "surrogate in an argument": (lambda: log.info("it is %s", "\ud800"), "it is"),
    "extra": (lambda: log.info("with extra", extra={"a": 1}), "with extra"),
    "extra that takes a standard name": (
        lambda: log.info("clobbering", extra={"message": "x", "asctime": "y", "name": "z"}),
        "clobbering",
    ),
    "extra that cannot be JSON": (
        lambda: log.info("odd extra", extra={"thing": BrokenText(), "f": float("nan")}),
        "odd extra",
    ),
    "exc_info without an exception": (lambda: log.info("none", exc_info=True), "none"),
    "exc_info of a foreign exception": (
        lambda: log.info("foreign", exc_info=ValueError("never raised")),
        "never raised",
    ),
    "exc_info that cannot be shown": (lambda: log.info("mute", exc_info=BrokenError()), "mute"),
    "exception group": (lambda: log.info("group", exc_info=group()), "two"),
    "10,000-deep traceback": (
        lambda: log.info("deep", exc_info=deep_traceback(10_000)),
        "the bottom",
    ),
    "stack_info": (lambda: log.info("stack", stack_info=True), "Stack (most recent call last)"),
    "a record made by hand": (
        lambda: log.handle(logging.makeLogRecord({"msg": "by hand", "levelno": 20})),
        "by hand",
    ),
    "a record with a wrong exc_info": (
        lambda: lonely().handle(
            logging.makeLogRecord({"msg": "half", "levelno": 20, "exc_info": True})
        ),
        "half",
    ),
    "custom level -1": (lambda: log.log(-1, "minus one"), "minus one"),
    "custom level 0": (lambda: log.log(0, "zero"), "zero"),
    "custom level 1": (lambda: log.log(1, "one"), "one"),
    "custom level 10**9": (lambda: log.log(10**9, "a billion"), "a billion"),
    "empty message": (lambda: log.info(""), ""),
    "logger's name is no UTF-8": (
        lambda: logging.getLogger("n\udc80").info("odd name"),
        "odd name",
    ),
    "logger's name is 1 MB": (lambda: logging.getLogger("n" * (1 << 20)).info("long"), "long"),
}


@pytest.mark.parametrize("name", LOGGING)
def test_a_wrong_logging_call_leaves_its_line(recorded: Callable[..., Recorded], name: str) -> None:
    call, expected = LOGGING[name]

    def handler(ctx: Any, payload: Any) -> None:
        call()
        ctx.emit.info("after it")

    run = recorded(handler, levels={"calls": -1})
    assert run.outcome.status == "completed", run.outcome.error
    ours = [
        (line, text)
        for line, text in zip(run.lines, run.texts, strict=True)
        if line[0].source == "logging"
    ]
    assert len(ours) == 1, run.texts
    assert expected in ours[0][1]
    assert run.texts[-1] == "after it"
    assert run.receipt.complete


def test_the_formatting_error_is_kept_with_template_and_arguments(
    recorded: Callable[..., Recorded],
) -> None:
    run = recorded(lambda ctx, payload: log.info("%d of %s", "x", [1]))
    metadata = run.said("%d of %s").metadata
    assert metadata["template"] == "%d of %s"
    assert metadata["args"] == ["x", [1]]
    assert metadata["format_error"].startswith("TypeError")


def test_a_traceback_is_readable_and_structured(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        try:
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise ValueError("outer") from error
        except ValueError:
            log.exception("it broke")

    (line, whole), *_ = recorded(handler).lines
    assert b"it broke\nTraceback (most recent call last):" in whole
    described = line.metadata["exception"]
    assert (described["type"], described["message"]) == ("ValueError", "outer")
    assert described["cause"]["type"] == "KeyError"
    assert described["frames"][-1]["function"] == "handler"
    assert line.level == "error"


def test_a_deep_traceback_is_shortened_but_says_so(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        log.error("deep", exc_info=deep_traceback(5_000))

    (line, whole), *_ = recorded(handler).lines
    assert len(whole) < 1 << 20
    assert len(line.metadata["exception"]["frames"]) <= 1_000


@pytest.mark.parametrize("levelno", [-(10**9), -1, 0, 5, 20, 35, 50, 10**9])
def test_the_number_of_a_custom_level_survives(
    recorded: Callable[..., Recorded], levelno: int
) -> None:
    run = recorded(lambda ctx, payload: log.log(levelno, "at level"), levels={"calls": levelno})
    line = run.said("at level")
    stored = run.db.execute("SELECT level FROM log_lines").fetchall()[0][0]
    if -32768 <= levelno <= 32767:
        assert stored == levelno
    else:
        assert line.metadata["levelno"] == levelno


#: What is called on the emitter, and a text that must be in what it leaves.
EMITTER: dict[str, tuple[Callable[[Any], Any], str]] = {
    "message is a number": (lambda e: e.info(42), "42"),
    "message is None": (lambda e: e.emit_info(None), "None"),
    "message is bytes": (lambda e: e.info(b"bytes"), "bytes"),
    "message whose text raises": (lambda e: e.info(BrokenText()), "BrokenText"),
    "message with a lone surrogate": (lambda e: e.info("sur\ud800rogate"), "rogate"),
    "metadata is no mapping": (lambda e: e.emit_info("odd", 5), "odd"),
    "metadata raises": (lambda e: e.emit_info("odd", RaisingMapping()), "odd"),
    "error whose text raises": (lambda e: e.emit_error("s", BrokenError()), "BrokenError"),
    "error is None": (lambda e: e.emit_error("s", None), "None"),
    "stage is a number": (lambda e: e.emit_stage(5, "numbered"), "numbered"),
    "stage is None": (lambda e: e.emit_stage(None, "nowhere"), "nowhere"),
    "stage is an object": (lambda e: e.emit_stage(object(), "objective"), "objective"),
    "stage is no UTF-8": (lambda e: e.emit_stage("caf\udce9", "latin"), "latin"),
    "stage is 1 MB": (lambda e: e.emit_stage("s" * (1 << 20), "long"), "long"),
    "score is None": (lambda e: e.emit_candidate_match("C", None, False, "unscored"), "unscored"),
    "score is text": (lambda e: e.emit_candidate_match("C", "high", True, "texted"), "texted"),
    "match with odd metadata": (lambda e: e.emit_candidate_match("C", 1.0, True, "odd", 5), "odd"),
    "summary is no mapping": (lambda e: e.emit_complete("done"), "ompleted"),
    "progress by text": (lambda e: (e.emit_progress("x"), e.info("went on")), "went on"),
    "progress of objects": (lambda e: (e.progress(object(), 1), e.info("went on")), "went on"),
    "progress of infinity": (
        lambda e: (e.progress(float("inf"), float("nan")), e.info("went on")),
        "went on",
    ),
    "progress too large": (lambda e: (e.progress(10**30), e.info("went on")), "went on"),
}


class RaisingMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("no items")

    values = keys = __iter__ = items

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


@pytest.mark.parametrize("name", EMITTER)
def test_a_wrong_emitter_call_leaves_its_line(recorded: Callable[..., Recorded], name: str) -> None:
    call, expected = EMITTER[name]

    def handler(ctx: Any, payload: Any) -> None:
        call(ctx.emit)
        ctx.emit.info("after it")

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    assert any(expected in text for text in run.texts[:-1]), run.texts
    assert run.texts[-1] == "after it"
    assert run.receipt.complete


@pytest.mark.parametrize("name", [5, None, "caf\udce9", "", "\0", "a/b", "😀" * 1000, "s" * 10**6])
def test_a_stage_and_a_task_of_any_name_keep_their_lines(
    recorded: Callable[..., Recorded], name: Any
) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        with ctx.emit.stage(name):
            log.info("in the stage")
            with ctx.emit.task(name):
                log.info("in the task")
        log.info("outside")

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    inside, task, outside = (run.said(t) for t in ("in the stage", "in the task", "outside"))
    assert (outside.stage, outside.task_id) == (None, None)
    assert inside.task_id is None
    if name not in (None, ""):
        assert inside.stage is not None
        assert task.stage == inside.stage
        assert task.task_id is not None


def test_a_file_name_that_is_no_utf8_may_be_a_task(
    recorded: Callable[..., Recorded], tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).touch()

    def handler(ctx: Any, payload: Any) -> None:
        with ctx.emit.stage("read"):
            for name in os.listdir(tmp_path):
                with ctx.emit.task(name):
                    log.info("reading %s", name)

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error
    assert any(
        b"caf\xe9.txt" in m or "caf\udce9.txt".encode("utf-8", "surrogatepass") in m
        for m in run.messages
    )


RESULTS: dict[str, Any] = {
    "surrogate": "caf\udce9",
    "large integer": 10**5000,
    "nan": float("nan"),
    "object": object(),
    "broken": BrokenText(),
    "bytes": b"\xff",
    "set": {1},
    "nested": None,
    "circular": None,
    "key that is no text": {1: 2, (1, 2): 3},
}


@pytest.mark.parametrize("name", RESULTS)
def test_whatever_a_handler_returns_the_attempt_ends(
    recorded: Callable[..., Recorded], name: str
) -> None:
    result = RESULTS[name]
    if name == "nested":
        for _ in range(100_000):
            result = [result]
    elif name == "circular":
        result = []
        result.append(result)

    def handler(ctx: Any, payload: Any) -> Any:
        log.info("worked")
        return result

    run = recorded(handler)
    while isinstance(result, list) and result:  # taken apart slowly: its finaliser would recurse
        result = result.pop()
    status = run.db.execute("SELECT status FROM job_attempts").fetchall()[0][0]
    assert status == "completed"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("caf\udce9"),
        BrokenError(),
        FileNotFoundError(2, "none", "caf\udce9"),
        SystemExit(0),
        KeyboardInterrupt(),
        ExceptionGroup("g", [BrokenError()]),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
        ValueError("x" * (1 << 22)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_handler_raises_the_attempt_ends_and_the_last_line_says_so(
    recorded: Callable[..., Recorded], error: BaseException
) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        raise error

    run = recorded(handler)
    assert run.outcome.status == "failed"
    assert run.db.execute("SELECT status FROM job_attempts").fetchall() == [("failed",)]
    assert type(error).__name__ in run.texts[-1]


def test_a_port_that_cannot_be_closed_does_not_swallow_the_end(
    recorded: Callable[..., Recorded],
) -> None:
    class Port:
        def close(self) -> None:
            raise OSError("cannot close")

    def handler(ctx: Any, payload: Any) -> str:
        ctx.get(Port)
        return "done"

    run = recorded(handler, ports={Port: lambda settings: Port()})
    assert run.db.execute("SELECT status FROM job_attempts").fetchall() == [("completed",)]


def test_the_last_stage_of_a_completed_run_is_completed(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        ctx.emit.emit_stage("first", "one")
        ctx.emit.emit_stage("last", "two")

    run = recorded(handler)
    stages = {stage.stage: stage.status for stage in run.logs.stages(run.job_id).stages}
    assert stages == {"first": "completed", "last": "completed"}


def test_a_stage_that_is_left_in_another_context_does_not_raise(
    recorded: Callable[..., Recorded],
) -> None:
    import asyncio

    async def handler(ctx: Any, payload: Any) -> None:
        async def numbers() -> Any:
            with ctx.emit.stage("generator"):
                yield 1
                yield 2

        made = numbers()
        await asyncio.create_task(made.__anext__())
        await asyncio.create_task(made.aclose())
        log.info("after")

    run = recorded(handler)
    assert run.outcome.status == "completed", run.outcome.error


def test_a_warning_to_the_console_of_last_resort_is_one_line(
    recorded: Callable[..., Recorded],
) -> None:
    """Without any handler logging prints to stderr itself: that is the same line, not a second."""
    lonely = logging.getLogger("lonely")
    lonely.propagate = False

    run = recorded(lambda ctx, payload: lonely.warning("once"))
    assert run.texts == ["once"]


def test_a_handler_of_the_job_that_writes_to_stderr_adds_no_second_line(
    recorded: Callable[..., Recorded],
) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        own = logging.getLogger("own")
        stream = logging.StreamHandler()
        own.addHandler(stream)
        own.propagate = False
        try:
            own.warning("once")
        finally:
            own.removeHandler(stream)

    assert recorded(handler).texts == ["once"]


def test_what_the_program_lets_through_of_a_chatty_library_is_in_the_log(
    recorded: Callable[..., Recorded],
) -> None:
    """It is on the console: it is nowhere less than there."""
    chatty = logging.getLogger("httpx")

    def handler(ctx: Any, payload: Any) -> None:
        chatty.debug("unasked")
        chatty.info("what it does")
        chatty.setLevel(logging.DEBUG)
        stream = logging.StreamHandler()
        chatty.addHandler(stream)
        try:
            chatty.debug("asked for")
        finally:
            chatty.removeHandler(stream)
            chatty.setLevel(logging.NOTSET)

    assert recorded(handler).texts == ["what it does", "asked for"]
    assert recorded(handler, level=logging.INFO).texts == ["what it does"]
    assert recorded(handler, levels={"httpx": 10}).texts == ["unasked", "what it does", "asked for"]
    assert recorded(handler, levels={"httpx": 30}).texts == ["asked for"]


def test_a_python_warning_is_one_line_of_its_own_source(recorded: Callable[..., Recorded]) -> None:
    def handler(ctx: Any, payload: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old ways"):  # it goes on to the program, too
        run = recorded(handler)
    assert len(run.lines) == 1, run.texts
    line, whole = run.lines[0]
    assert (line.source, line.level) == ("warning", "warn")
    assert b"old ways" in whole
    assert line.metadata["category"] == "DeprecationWarning"
