"""Libraries that log by ways of their own: what each shows is as without us, each record a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.beside_plain import said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SQLALCHEMY = """
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://", echo=True)
with job:
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1 + 41"))
"""


def test_sqlalchemy_echo(tmp_path: Path) -> None:
    """It logs by ``_log``, past the level of its loggers."""
    lines = said(tmp_path, SQLALCHEMY, has_times=True)
    assert {str(line).split(":")[0] for line in lines} == {"info sqlalchemy.engine.Engine"}
    assert [line.message for line in lines].count("SELECT 1 + 41") == 1


def test_absl(tmp_path: Path) -> None:
    """Its loggers and its handler have a ``handle`` of their own."""
    body = """
from absl import logging as absl_logging
absl_logging.use_absl_handler()
absl_logging.set_verbosity(absl_logging.WARNING)
with job:
    absl_logging.debug("debug")
    absl_logging.info("info %d", 1)
    absl_logging.warning("warning")
    absl_logging.error("error")
"""
    assert list(map(str, said(tmp_path, body, has_times=True))) == [
        "info absl: info 1",
        "warn absl: warning",
        "stderr: WARNING: Logging before flag parsing goes to stderr.",
        "error absl: error",
    ]


#: How a program shows records with rich, by consoles that were made before the job.
RICH = {
    "RichHandler": "handler = RichHandler(console=Console(file=sys.stderr), show_time=False)",
    "a console of its own": """
class Own(logging.Handler):
    console = Console(file=sys.stderr)
    def emit(self, record): self.console.print(self.format(record))
handler = Own()
""",
}


@pytest.mark.parametrize("way", RICH)
def test_rich(tmp_path: Path, way: str) -> None:
    body = f"""
from rich.console import Console
from rich.logging import RichHandler
{RICH[way]}
log.addHandler(handler); log.propagate = False
with job:
    log.warning("a message that is long enough for more than a row " * 9)
    print("printed")
    log.error("second")
log.error("after the job")
"""
    first, *rest = said(tmp_path, body, has_times=True)
    assert str(first).startswith("warn job: a message")
    assert list(map(str, rest)) == ["stdout: printed", "error job: second"]


def test_pytest_within_a_job(tmp_path: Path) -> None:
    """Its live log says who logged, and prints a head of its own before the first record."""
    body = """
import pytest
folder = home.parent / "checks"
folder.mkdir(parents=True)
(folder / "pytest.ini").write_text("[pytest]\\nlog_cli = true\\n")
(folder / "test_it.py").write_text('''
import logging
def test_it():
    logging.getLogger("tested").warning("logged in a test")
    logging.getLogger("tested").warning("and more")
''')
with job:
    os.chdir(folder)
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-c", "pytest.ini", "test_it.py"])
    print("code", int(code))
"""
    lines = list(map(str, said(tmp_path, body, has_times=True)))
    assert lines.count("warn tested: logged in a test") == 1
    assert lines.count("warn tested: and more") == 1
    assert not [line for line in lines if "logged in a test" in line and "stdout" in line]
    assert any("live log call" in line for line in lines)
    assert lines[-1] == "stdout: code 0"


LOGURU = """
from loguru import logger
logger.remove()
{setup}
with job:
    {calls}
    logger.complete()
"""


def loguru(tmp_path: Path, setup: str, *calls: str) -> list[str]:
    body = LOGURU.format(setup=setup, calls="; ".join(calls))
    return list(map(str, said(tmp_path, body)))


#: Sinks and what else of loguru makes of a record, and the lines of two records.
SINKS = {
    "a function that prints": "logger.add(lambda m: print('>>', m, end=''), format='{message}')",
    "a function that prints in pieces": (
        "logger.add(lambda m: [sys.stdout.write(t) for t in ('[svc] ', m)], format='{message}')"
    ),
    "one that shows it elsewhere": "logger.add(os.devnull)",
    "a thread of its own": "logger.add(sys.stderr, format='{level} {message}', enqueue=True)",
    "a handler that passes it on": """
class Propagate(logging.Handler):
    def emit(self, record): logging.getLogger(record.name).handle(record)
logger.add(Propagate(), format="{message}")
logging.basicConfig(level=10, stream=sys.stdout, format="STD %(message)s")
""",
    "a function that passes it on": (
        "logger.add(lambda m: logging.getLogger('std').log(m.record['level'].no,"
        " m.record['message']))"
    ),
}


@pytest.mark.parametrize("sink", SINKS)
def test_a_record_of_loguru_is_one_line_whatever_its_sinks_do(tmp_path: Path, sink: str) -> None:
    lines = loguru(tmp_path, SINKS[sink], "logger.info('one')", "logger.warning('two')")
    assert lines == ["info __main__: one", "warn __main__: two"]


def test_loguru_passed_on_with_its_exception_is_one_line(tmp_path: Path) -> None:
    calls = ("exec('try: 1/0\\nexcept ZeroDivisionError: logger.exception(chr(98))')",)
    assert loguru(tmp_path, SINKS["a handler that passes it on"], *calls) == ["error __main__: b"]


def test_what_a_sink_of_loguru_says_of_its_own_is_a_line(tmp_path: Path) -> None:
    setup = """
def sink(message): print("own"); print(message, end=""); print("one more thing")
logger.add(sink, format="{message}")
"""
    assert loguru(tmp_path, setup, "logger.info('a thing')") == [
        *("info __main__: a thing", "stdout: own", "stdout: one more thing")
    ]


#: Levels of loguru's sinks, and the levels that are stored.
LEVELS = {"WARNING": "info warning", "DEBUG": "debug info warning", "none": "info warning"}


@pytest.mark.parametrize("level", LEVELS)
def test_levels_of_loguru(tmp_path: Path, level: str) -> None:
    """Info and above always; below it what a sink shows, and nothing is computed for us."""
    add = "" if level == "none" else f"logger.add(sys.stderr, format='x', level={level!r})"
    calls = ("logger.trace('trace')", "logger.debug('debug')", "logger.info('info')")
    more = ("logger.warning('warning')", "logger.opt(lazy=True).trace('{}', lambda: print('!'))")
    lines = loguru(tmp_path, add, *calls, *more)
    assert [line.split(": ")[1] for line in lines] == LEVELS[level].split()


#: Where loguru's records are masked and dropped.
MASKS = {
    "a patcher": "logger.configure(patcher=masks); logger.add(sys.stdout, format='{message}')",
    "a filter": "logger.add(sys.stdout, format='{message}', filter=masks)",
}


@pytest.mark.parametrize("way", MASKS)
def test_a_record_of_loguru_is_stored_as_patchers_and_filters_leave_it(
    tmp_path: Path, way: str
) -> None:
    setup = """
def masks(record):
    record["message"] = record["message"].replace("4111111111111111", "****")
    return "health" not in record["message"]
"""
    calls = ("logger.info('paid with 4111111111111111')", "logger.info('GET /health')")
    dropped = [] if way == "a filter" else ["info __main__: GET /health"]
    assert loguru(tmp_path, setup + MASKS[way], *calls) == [
        "info __main__: paid with ****",
        *dropped,
    ]


STRUCTLOG = """
import structlog
def masks(logger, name, event):
    if "health" in event["event"]: raise structlog.DropEvent
    event["event"] = event["event"].replace("4111111111111111", "****")
    event["region"] = "eu"
    return event
{setup}
with job:
    structlog.contextvars.bind_contextvars(order="O-1")
    log = structlog.get_logger("shop").bind(customer="C-7")
    log.warning("paid with 4111111111111111", n=1)
    log.warning("GET /health")
"""
#: structlog's ways to set it up: over print, over logging, with its formatter.
SETUPS = {
    "print": """structlog.configure(processors=[structlog.contextvars.merge_contextvars, masks,
    structlog.processors.add_log_level, structlog.processors.JSONRenderer()])""",
    "logging": """structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, masks,
        structlog.stdlib.render_to_log_kwargs],
    logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
logging.basicConfig()""",
    "formatter": """structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, masks, structlog.stdlib.add_log_level,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
handler = logging.StreamHandler()
handler.setFormatter(structlog.stdlib.ProcessorFormatter(
    processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer()]))
logging.getLogger().addHandler(handler)""",
}
SETUPS["masked in the formatter"] = (
    SETUPS["formatter"]
    .replace("merge_contextvars, masks,", "merge_contextvars,")
    .replace("remove_processors_meta,", "remove_processors_meta, masks,")
)
SETUPS["in a formatter nobody calls"] = (
    SETUPS["formatter"] + "\nlogging.getLogger().handlers[:] = [logging.NullHandler()]"
)


@pytest.mark.parametrize("setup", SETUPS)
def test_an_event_of_structlog_is_stored_as_its_processors_leave_it(
    tmp_path: Path, setup: str
) -> None:
    body = STRUCTLOG.format(setup=SETUPS[setup])
    if "masked" in setup:  # there is no way to drop an event there
        body = body.replace('    log.warning("GET /health")\n', "")
    (line,) = said(tmp_path, body)
    assert (line.source, line.level, line.message) == ("logging", "warn", "paid with ****")
    assert line.metadata == {"order": "O-1", "customer": "C-7", "n": 1, "region": "eu"}
    assert line.logger == (None if setup == "print" else "shop")


def test_a_record_of_logging_in_structlogs_formatter(tmp_path: Path) -> None:
    """Processors see it as well: what they make of it is stored."""
    body = STRUCTLOG.format(setup=SETUPS["masked in the formatter"])
    body = body[: body.index("    structlog.contextvars")] + (
        "    log.warning('paid with %s', '4111111111111111')\n"
        "    exec('try: 1/0\\nexcept ZeroDivisionError: log.exception(chr(98))')\n"
    )
    first, second = said(tmp_path, body, has_times=True)
    assert str(first) == "warn job: paid with ****"
    assert first.metadata == {"region": "eu"}
    assert str(second) == "error job: b"
    assert second.metadata["exception"]["type"] == "ZeroDivisionError"
    assert "4111" not in json.dumps(second.metadata)
