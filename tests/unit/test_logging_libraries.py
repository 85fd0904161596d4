"""loguru and structlog: each record once, with level and fields, however they are set up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from qntx.model.views import Line
from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.slow


def said(home: Path, body: str) -> tuple[list[Line], subprocess.CompletedProcess[bytes]]:
    """The lines of the job that *body* runs, and what it showed."""
    done = run_program(home, body)
    assert b"OUTCOME completed None" in done.stdout, done.stderr
    with stored(home) as store:
        assert store.receipt().complete
        return [line for line, _ in store.lines()], done


def beginnings(lines: list[Line]) -> list[str]:
    """The first row of each message."""
    return [line.message.split("\n")[0] for line in lines]


LOGURU = """
IMPORT_EARLY
@app.handler("x")
def x(ctx, payload):
    IMPORT_LATE
    SETUP
    with ctx.emit.stage("s"), ctx.emit.task("t"):
        logger.bind(user=7).warning("careful, {}!", "you")
        logger.trace("fine")
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed")
        print("printed")
_, outcome = app.run("x")
print("OUTCOME", outcome.status, outcome.error)
logger.info("after the run")
"""
SETUPS = {
    "as it comes": "",
    "no handlers": "logger.remove()",
    "everything shown": "logger.remove(); logger.add(sys.stderr, level='TRACE')",
    "a handler of its own": (
        "logger.remove(); logger.add(sys.stderr, level='ERROR', format='<red>{message}</red>')"
    ),
    "a stream from before": "logger.add(sys.__stderr__)",
    "as JSON": "logger.remove(); logger.add(sys.stdout, serialize=True)",
    "fed by logging": (
        "class Feeding(logging.Handler):\n"
        "        def emit(self, record): logger.log(record.levelno, record.getMessage())\n"
        "    logging.getLogger().addHandler(Feeding())"
    ),
}


@pytest.mark.parametrize(
    ("setup", "early"),
    [*[(setup, False) for setup in SETUPS], ("as it comes", True), ("a stream from before", True)],
)
def test_loguru(tmp_path: Path, setup: str, early: bool) -> None:
    body = LOGURU.replace("SETUP", SETUPS[setup])
    statement = "from loguru import logger"
    body = body.replace("IMPORT_EARLY", statement if early else "")
    body = body.replace("IMPORT_LATE", "" if early else f"global logger; {statement}")
    lines, done = said(tmp_path / "home", body)
    fine = [("fine", "debug")] if setup == "everything shown" else []
    assert list(zip(beginnings(lines), [line.level for line in lines], strict=True)) == [
        ("careful, you!", "warn"),
        *fine,
        ("failed", "error"),
        ("printed", "info"),
    ]
    assert {(line.stage, line.task_id) for line in lines} == {("s", "t")}
    assert lines[0].metadata == {"user": 7}
    assert lines[0].source == "logging"
    assert lines[0].logger == "__main__"
    assert lines[-2].metadata["exception"]["type"] == "ZeroDivisionError"
    if setup == "as it comes":
        assert done.stderr.count(b" - careful, you!") == 1, "the console shows it as ever, once"
        assert b"after the run" in done.stderr


def test_logging_that_is_handed_to_loguru_and_back_is_captured_once(tmp_path: Path) -> None:
    body = LOGURU.replace("IMPORT_EARLY", "from loguru import logger").replace("IMPORT_LATE", "")
    body = body.replace("SETUP", SETUPS["fed by logging"] + "\n    log.warning('from logging')")
    lines, _ = said(tmp_path / "home", body)
    assert [line.message for line in lines].count("from logging") == 1


STRUCTLOG = """
import structlog
PROCESSORS
cached = structlog.get_logger("cached").bind(user=7)
@app.handler("x")
def x(ctx, payload):
    with ctx.emit.stage("s"), ctx.emit.task("t"):
        cached.warning("careful", n=1)
        structlog.get_logger().error("bad", password="hunter2hunter2")
        try:
            1 / 0
        except ZeroDivisionError:
            cached.exception("failed")
        print("printed")
_, outcome = app.run("x")
print("OUTCOME", outcome.status, outcome.error)
"""
JSON_PROCESSORS = """structlog.configure(logger_factory=structlog.FACTORY(), processors=[
    structlog.processors.add_log_level, structlog.processors.format_exc_info,
    structlog.processors.JSONRenderer(DUMPS)])"""
PROCESSORS = {
    "as it comes": "",
    "JSON": JSON_PROCESSORS.replace("FACTORY", "PrintLoggerFactory").replace("DUMPS", ""),
    "bytes": JSON_PROCESSORS.replace("FACTORY", "BytesLoggerFactory").replace(
        "DUMPS", "lambda v, **kw: __import__('json').dumps(v, **kw).encode()"
    ),
    "cached": "structlog.configure(cache_logger_on_first_use=True)",
    "made before": "structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stdout))",
}


@pytest.mark.parametrize("way", PROCESSORS)
def test_structlog(tmp_path: Path, way: str) -> None:
    lines, done = said(tmp_path / "home", STRUCTLOG.replace("PROCESSORS", PROCESSORS[way]))
    assert beginnings(lines) == ["careful", "bad", "failed", "printed"]
    assert [line.level for line in lines] == ["warn", "error", "error", "info"]
    assert {(line.stage, line.task_id) for line in lines} == {("s", "t")}
    assert lines[0].metadata == {"user": 7, "n": 1}
    assert lines[1].metadata["password"].startswith("***[")
    assert lines[2].metadata["exception"]["type"] == "ZeroDivisionError"
    shown = [line for line in done.stdout.splitlines() if b"careful" in line and b"7" in line]
    assert len(shown) == 1, "the console shows it as ever, once"


def test_structlog_on_top_of_logging(tmp_path: Path) -> None:
    setup = """structlog.configure(
    logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
    processors=[structlog.stdlib.render_to_log_kwargs])
logging.basicConfig(level=logging.DEBUG)"""
    lines, _ = said(tmp_path / "home", STRUCTLOG.replace("PROCESSORS", setup))
    assert beginnings(lines) == ["careful", "bad", "failed", "printed"]
    assert lines[0].metadata == {"user": 7, "n": 1}


@pytest.mark.parametrize("stream", ["", "stream=sys.stdout, ", "stream=sys.__stderr__, "])
def test_handlers_that_were_set_up_before_the_run(tmp_path: Path, stream: str) -> None:
    """As most programs do at import: each record is one line, and the console shows it once."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        logging.basicConfig({stream}level=logging.DEBUG, format="shown: %(message)s")
        @app.handler("x")
        def x(ctx, payload):
            log.warning("careful")
        for _ in range(2):
            print("OUTCOME", app.run("x")[1].status)
        log.warning("after the run")
        """,
    )
    assert done.stdout.count(b"OUTCOME completed") == 2, done.stderr
    with stored(home) as store:
        jobs = [row[0] for row in store.db.execute("SELECT id FROM async_ix_jobs")]
        assert [store.texts(job) for job in jobs] == [["careful"], ["careful"]]
    shown = done.stdout if "stdout" in stream else done.stderr
    assert shown.count(b"shown: careful\n") == 2
    assert b"shown: after the run\n" in shown


#: Handlers that show a record otherwise than as its message, later, or in another thread.
SHOWN = {
    "as JSON": (
        "h = logging.StreamHandler(sys.stdout)\n"
        "h.setFormatter(type('Json', (logging.Formatter,), {'format': lambda self, r:"
        " __import__('json').dumps({'message': r.getMessage()})})())"
    ),
    "wrapped by rich": "import rich.logging; h = rich.logging.RichHandler()",
    "from a queue": (
        "import queue; q = queue.Queue(); h = logging.handlers.QueueHandler(q)\n"
        "listener = logging.handlers.QueueListener(q, logging.StreamHandler()); listener.start()\n"
        "later.append(listener.stop)"
    ),
    "from a buffer": (
        "h = logging.handlers.MemoryHandler(100, 99, logging.StreamHandler())\n"
        "later.append(h.flush)"
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_record_is_one_line_however_a_handler_shows_it(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    setup = SHOWN[name].replace("\n", "\n            ")
    message = 'he says "grüße" and then goes on for much longer than a line of a console is'
    done = run_program(
        home,
        f"""
        import logging.handlers
        @app.handler("x")
        def x(ctx, payload):
            later = []
            {setup}
            log.addHandler(h)
            for number in range(3):
                log.warning("%d: %s", number, {message!r})
            for call in later:
                call()
            print("printed")
        print("OUTCOME", app.run("x")[1].status)
        """,
        env={"COLUMNS": "60"},
    )
    assert b"OUTCOME completed" in done.stdout, done.stderr
    assert b"2: he says" in done.stdout + done.stderr
    with stored(home) as store:
        assert store.texts() == [*(f"{number}: {message}" for number in range(3)), "printed"]


def test_what_loguru_shows_in_a_thread_of_its_own_is_captured_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from loguru import logger
        logger.remove()
        @app.handler("x")
        def x(ctx, payload):
            logger.add(sys.stderr, enqueue=True)
            logger.warning("careful")
            logger.complete()
        app.run("x")
        """,
    )
    assert done.stderr.count(b"careful") == 1
    with stored(home) as store:
        assert store.texts() == ["careful"]
