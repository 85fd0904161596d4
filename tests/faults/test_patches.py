"""Python is as it was whenever nothing is recorded: compared attribute by attribute."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)

#: Everything that is replaced while something is recorded, as module:name or module:class.name.
PATCHED = """
    _thread:start_new_thread
    asyncio.base_events:BaseEventLoop.create_task
    asyncio.base_events:BaseEventLoop.default_exception_handler
    asyncio.base_subprocess:BaseSubprocessTransport._process_exited
    builtins:print
    concurrent.futures._base:Future.add_done_callback
    concurrent.futures.process:ProcessPoolExecutor.submit
    concurrent.futures.thread:_WorkItem.__init__
    concurrent.futures.thread:_WorkItem.run
    faulthandler:is_enabled()
    logging:Handler.format
    logging:Handler.handle
    logging:Logger.callHandlers
    logging:Logger.isEnabledFor
    logging:Logger.makeRecord
    logging:StreamHandler().stream
    multiprocessing.pool:Pool._map_async
    multiprocessing.pool:Pool.apply_async
    multiprocessing.pool:Pool.imap
    multiprocessing.pool:Pool.imap_unordered
    multiprocessing.process:BaseProcess._bootstrap
    multiprocessing.process:BaseProcess.join
    multiprocessing.process:BaseProcess.start
    multiprocessing.spawn:get_preparation_data
    multiprocessing.util:spawnv_passfds
    os:_Environ.__setitem__
    os:system
    subprocess:Popen.__init__
    subprocess:Popen.poll
    subprocess:Popen.wait
    sys:excepthook
    sys:meta_path[]
    sys:stderr
    sys:stdout
    sys:unraisablehook
    threading:Thread._bootstrap_inner
    threading:Thread.start
    threading:excepthook
    warnings:showwarning
"""

PRELUDE = """
import _thread, asyncio.base_events, asyncio.base_subprocess, builtins, faulthandler, importlib.util
import concurrent.futures._base, concurrent.futures.process, concurrent.futures.thread
import logging, logging.config, logging.handlers
import multiprocessing, multiprocessing.pool, multiprocessing.process
import multiprocessing.spawn, multiprocessing.util, os, pkgutil, signal, subprocess, sys
import threading, warnings

MODULES = [
    _thread, asyncio.base_events, asyncio.base_subprocess, builtins, concurrent.futures._base,
    concurrent.futures.process, concurrent.futures.thread, faulthandler, logging,
    logging.handlers, multiprocessing, multiprocessing.pool, multiprocessing.process,
    multiprocessing.spawn, multiprocessing.util, os, signal, subprocess, sys, threading, warnings,
]
HANDLER = logging.StreamHandler()


def state():
    found = {}
    for module in MODULES:
        for name, value in vars(module).items():
            found[f"{module.__name__}:{name}"] = value
            if isinstance(value, type) and value.__qualname__ == name:
                for inner, part in vars(value).items():
                    found[f"{module.__name__}:{name}.{inner}"] = part
    found["faulthandler:is_enabled()"] = faulthandler.is_enabled()
    found["sys:meta_path[]"] = tuple(map(id, sys.meta_path))
    found["logging:StreamHandler().stream"] = HANDLER.stream
    return found


def different(before, after):
    names = before.keys() | after.keys()
    missing = object()
    return sorted(
        name for name in names
        if (a := before.get(name, missing)) is not (b := after.get(name, missing))
        and not (isinstance(a, tuple | int) and a == b)
    )


def same(before, what):
    changed = different(before, state())
    assert not changed, f"{what} changed {changed}"
"""


def run(home: Path, body: str) -> str:
    """What a fresh interpreter prints that runs *body*; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        env={**os.environ, "QNTX_HOME": str(home)},
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_leaves_python_as_it_was(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        before = state()
        import qntx
        same(before, "import qntx")
        for package in ("qntx", "qntx_recruiting"):
            found = importlib.import_module(package)
            for module in pkgutil.walk_packages(found.__path__, package + "."):
                library = module.name.partition("qntx.recording.integrations.")[2]
                missing = library and importlib.util.find_spec(library) is None
                if not module.name.endswith("__main__") and not missing:
                    importlib.import_module(module.name)
        same(before, "importing all modules")
        qntx.App()
        same(before, "App()")
        """,
    )


def test_a_block_and_a_run_put_back_what_they_replace(tmp_path: Path) -> None:
    shown = run(
        tmp_path,
        """
        import qntx
        app = qntx.App()
        before = state()

        @app.handler("looks")
        def looks(ctx, payload):
            return different(before, state())

        with qntx.capture("outer"):
            inside = different(before, state())
            with qntx.capture("inner"):
                pass
            assert different(before, state()) == inside
        same(before, "a block")
        _, outcome = app.run("looks")
        assert outcome.result == inside, outcome
        same(before, "a run")
        try:
            with qntx.capture("fails"):
                import loguru, structlog
                from loguru._logger import Logger
                methods = Logger._log, structlog._base.BoundLoggerBase._proxy_to_logger
                raise ValueError
        except ValueError:
            same(before, "a block that failed")
        assert all("qntx" in method.__module__ for method in methods), methods
        methods = Logger._log, structlog._base.BoundLoggerBase._proxy_to_logger
        assert not any("qntx" in method.__module__ for method in methods), methods
        print(*inside)
        """,
    )
    assert shown.split() == PATCHED.split()


#: How a program sets a hook that calls the one it found, and what has it called.
HOOKS = {
    "a thread's exception": (
        "threading, 'excepthook'",
        "thread = threading.Thread(target=int, args=('x',)); thread.start(); thread.join()",
    ),
    "an exception that nobody can raise": (
        "sys, 'unraisablehook'",
        "weakref.finalize(Thing(), int, 'x')",
    ),
    "a warning": ("warnings, 'showwarning'", "warnings.warn('x')"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_set_in_one_run_shows_and_logs_once_in_the_next(tmp_path: Path, name: str) -> None:
    place, cause = HOOKS[name]
    shown = run(
        tmp_path,
        f"""
        import qntx, weakref
        from qntx.model.views import LogFilter
        warnings.simplefilter("always")

        class Thing:
            pass

        calls = []
        with qntx.capture("sets it"):
            found = getattr({place})

            def theirs(*args, **kwargs):
                calls.append(1)
                found(*args, **kwargs)

            setattr({place}, theirs)
        for _ in range(2):
            with qntx.capture("goes on") as emit:
                {cause}
            lines = list(qntx.App().store.logs.lines(emit.job_id, LogFilter()))
            print(len(calls), len(lines))
            calls.clear()
        """,
    )
    assert shown.split() == ["1"] * 4
