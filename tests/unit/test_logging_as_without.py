"""What a program logs: its own output is what it is without capture, and each record is a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.beside_plain import said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def lines(tmp_path: Path, body: str) -> list[str]:
    """What the job of *body* has in the log: source (or level and logger) and message."""
    return [str(line) for line in said(tmp_path, body)]


SHOWN = """
shown = logging.StreamHandler(sys.stdout)
shown.setFormatter(logging.Formatter("SHOWN %(levelname)s %(message)s"))
log.addHandler(shown)
log.propagate = False
"""


def test_records_past_the_question_of_the_level_reach_the_programs_handlers(tmp_path: Path) -> None:
    """``handle`` and ``_log`` ask for no level; ``info`` of a logger at warning shows nothing."""
    body = """
record = logging.makeLogRecord({"name": "job", "levelno": 20, "levelname": "INFO", "msg": "given"})
with job:
    log.info("not shown")
    log.handle(record)
    log._log(20, "echoed", ())
    log.error("shown")
"""
    expected = ["not shown", "given", "echoed"]
    assert lines(tmp_path, SHOWN + body) == [
        *(f"info job: {text}" for text in expected),
        "error job: shown",
    ]


#: Subclasses of Logger that do more themselves, as absl's does.
SUBCLASSES = {
    "handle": "def handle(self, r): self.filter(r) and self.callHandlers(r)",
    "_log": "def _log(self, *a, **k): super()._log(*a, **k)",
    "makeRecord": "def makeRecord(self, *a, **k): return super().makeRecord(*a, **k)",
    "makeRecord alone": (
        "def makeRecord(self, name, level, fn, no, msg, args, *a, **k):"
        " return type('R', (logging.LogRecord,), {})(name, level, fn, no, msg, args, None)"
    ),
    "info": "def info(self, *a, **k): self.log(20, *a, **k)",
    "isEnabledFor": "def isEnabledFor(self, level): return super().isEnabledFor(level)",
}


@pytest.mark.parametrize("method", SUBCLASSES)
def test_loggers_with_methods_of_their_own(tmp_path: Path, method: str) -> None:
    body = f"""
logging.setLoggerClass(type("Base", (logging.Logger,), {{}}))
class Own(logging.Logger):
    {SUBCLASSES[method]}
logging.setLoggerClass(Own)
log = logging.getLogger("own")
{SHOWN}
with job:
    log.debug("debug")
    log.info("info")
    log.warning("warning")
"""
    # What a class answers itself is the program's answer, as it is to any question of its own.
    info = [] if method == "isEnabledFor" else ["info own: info"]
    assert lines(tmp_path, body) == [*info, "warn own: warning"]


def test_a_question_of_the_program_gets_the_programs_answer(tmp_path: Path) -> None:
    """Otherwise a guard's code would run, and dill would trace every object that it pickles."""
    body = """
def expensive(): print("computed"); return 1
adapter = logging.LoggerAdapter(log, {})
with job:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        print(level, log.isEnabledFor(level), adapter.isEnabledFor(level))
    if log.isEnabledFor(logging.INFO): log.info("guarded %s", expensive())
    adapter.info("adapted"); adapter.debug("adapted debug")
    log.debug("debug")
    log.disabled = True
    log.info("of a disabled logger")
    log.disabled = False
    log.setLevel(logging.DEBUG)
    log.debug("enabled")
"""
    assert lines(tmp_path, SHOWN + body) == [
        *("stdout: 10 False False", "stdout: 20 False False", "stdout: 30 True True"),
        *("info job: adapted", "info job: of a disabled logger", "debug job: enabled"),
    ]


#: How a handler shows a record (or does something else), and what is in the log besides it.
HANDLERS: dict[str, tuple[str, list[str]]] = {
    "in pieces": (
        "sys.stdout.write('[svc] '); sys.stdout.write(self.format(r)); sys.stdout.write('\\n')",
        [],
    ),
    "in colours": (
        "print('\\x1b[31m', end=''); print(self.format(r), end=''); print('\\x1b[0m')",
        [],
    ),
    "and says more": (
        "print('queue'); print(self.format(r)); print('queue 7'); print('end', file=sys.stderr)",
        ["stdout: queue", "stdout: queue 7", "stderr: end"],
    ),
    "not at all": (
        "print('q'); print('queue 7'); print('retrying'); print('alert: ' + r.getMessage())",
        *[["stdout: q", "stdout: queue 7", "stdout: retrying", "stdout: alert: queue 7 retrying"]],
    ),
    "without its newline": ("sys.stdout.write(self.format(r)); print('', 1)", []),
}


@pytest.mark.parametrize("how", HANDLERS)
def test_what_a_handler_writes_is_the_records_display_or_a_line_of_its_own(
    tmp_path: Path, how: str
) -> None:
    """No foreign text in a line, and no line is lost."""
    emit, own = HANDLERS[how]
    body = f"""
class Own(logging.Handler):
    def emit(self, r):
        {emit}
log.addHandler(Own()); log.propagate = False
with job:
    if {not own}:
        print("before, ", end="")
    log.warning("queue 7 retrying")
    print("after")
"""
    after = "stdout: after" if own else "stdout: before, after"
    assert sorted(lines(tmp_path, body)) == sorted(["warn job: queue 7 retrying", *own, after])


#: How a record re-enters logging that is in the log.
REENTRY = {
    "a queue of threads": "queue.Queue()",
    "a queue of processes": "multiprocessing.Queue()",
}


@pytest.mark.parametrize("kind", [*REENTRY, "a queue of processes, a class of its own"])
def test_a_record_that_comes_back_from_a_queue_is_one_line(tmp_path: Path, kind: str) -> None:
    own = "class Record(logging.LogRecord): pass\nlogging.setLogRecordFactory(Record)\n"
    body = f"""
import logging.handlers, multiprocessing, queue
multiprocessing.set_start_method("fork")
{own if "class" in kind else ""}{SHOWN}
def child(records):
    root = logging.getLogger()
    log.handlers[:] = [logging.handlers.QueueHandler(records)]
    log.warning("from %s", "elsewhere", extra={{"n": 1}})
with job:
    records = {REENTRY[kind.split(",")[0]]}
    kind = multiprocessing.Process if "processes" in {kind!r} else threading.Thread
    own, worker = log.handlers[:], kind(target=child, args=(records,))
    worker.start()
    record = records.get(timeout=60)
    worker.join()
    log.handlers[:] = own
    logging.getLogger(record.name).handle(record)
    print("handled", type(record).__name__)
"""
    assert sorted(lines(tmp_path, body)) == sorted(
        [
            "warn job: from elsewhere",
            "stdout: handled " + ("Record" if "class" in kind else "LogRecord"),
        ]
    )


#: Libraries that find out who logs by walking the stack: the recipe, and how it is set up.
WALKS = {
    "findCaller": "shown.setFormatter(logging.Formatter('%(lineno)d %(funcName)s %(message)s'))",
    "loguru's recipe": """
import inspect
from loguru import logger
logger.remove(); logger.add(sys.stdout, format="{name} {function} {line} {message}")
class Intercept(logging.Handler):
    def emit(self, record):
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame = frame.f_back
            depth += 1
        logger.opt(depth=depth).log("WARNING", record.getMessage())
log.handlers[:] = [Intercept()]
""",
    "structlog": """
import structlog
structlog.configure(processors=[structlog.processors.CallsiteParameterAdder(
    {structlog.processors.CallsiteParameter.FUNC_NAME}), structlog.processors.KeyValueRenderer()])
log = structlog.get_logger()
""",
    "structlog over logging": """
import structlog
shown.setFormatter(logging.Formatter('%(lineno)d %(funcName)s %(message)s'))
structlog.configure(processors=[structlog.stdlib.render_to_log_kwargs],
    logger_factory=structlog.stdlib.LoggerFactory())
log = structlog.get_logger("job")
""",
}


@pytest.mark.parametrize("who", WALKS)
def test_who_walks_the_stack_does_not_meet_us(tmp_path: Path, who: str) -> None:
    body = f"""
{WALKS[who]}
def who_says_this(): log.warning("something")
with job:
    who_says_this()
"""
    assert [line.message for line in said(tmp_path, SHOWN + body)] == ["something"]


#: Filters, where they are, and what is in the log: as they leave it.
FILTERS = {
    "of the logger": "log.addFilter(masks)",
    "of the handler": "shown.addFilter(masks)",
    "of the last of two": (
        "log.handlers[:] = [logging.FileHandler(os.devnull), shown]; shown.addFilter(masks)"
    ),
    "of a handler that prints": (
        "Own = type('Own', (logging.Handler,), {'emit': lambda s, r: print(s.format(r))})\n"
        "own = Own(); own.addFilter(masks); log.handlers[:] = [own]"
    ),
    "of a class": (
        "class Masking(logging.StreamHandler):\n"
        "    def filter(self, record): return masks(record)\n"
        "log.handlers[:] = [Masking(sys.stdout)]"
    ),
}


@pytest.mark.parametrize("where", FILTERS)
def test_a_record_is_stored_as_the_programs_filters_leave_it(tmp_path: Path, where: str) -> None:
    body = f"""
def masks(record):
    record.msg = record.msg.replace("4111111111111111", "****")
    record.user = "jim"
    return "health" not in record.msg
log.setLevel(logging.INFO)
{FILTERS[where]}
with job:
    log.info("paid with 4111111111111111")
    log.info("GET /health")
    log.info("done")
"""
    kept = ["GET /health"] if "two" in where else []  # the other one takes it
    assert said(tmp_path, SHOWN + body) == [
        ("logging", "info", "job", text, {"user": "jim"})
        for text in ("paid with ****", *kept, "done")
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a filter cannot give another record")
@pytest.mark.parametrize("copies", ["copy.copy(r)", "logging.makeLogRecord(r.__dict__)"])
@pytest.mark.parametrize("where", ["log", "shown"])
def test_a_record_that_a_filter_gives_in_place_of_another(
    tmp_path: Path, where: str, copies: str
) -> None:
    body = f"""
import copy
class Masks(logging.Filter):
    def filter(self, r):
        r = {copies}
        r.msg = r.msg.replace("4111111111111111", "****")
        return r
{where}.addFilter(Masks())
with job:
    log.warning("paid with 4111111111111111")
    log.info("below the level")
"""
    assert lines(tmp_path, SHOWN + body) == [
        "warn job: paid with ****",
        "info job: below the level",
    ]


def test_what_one_handler_takes_is_in_the_log_though_another_drops_it(tmp_path: Path) -> None:
    body = """
other = logging.StreamHandler(sys.stderr)
shown.addFilter(lambda record: False)
log.addHandler(other)
with job:
    log.warning("taken by one")
    log.handlers[:] = [shown]
    log.warning("taken by none")
"""
    assert lines(tmp_path, SHOWN + body) == ["warn job: taken by one"]
