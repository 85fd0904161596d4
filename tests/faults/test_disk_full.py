"""A full disk, for real: a small tmpfs in a mount namespace of the test's child process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.paths import ROOT
from tests.support.programs import PRELUDE

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
    pytest.mark.timeout(180),
]

#: What every program may use: filling and freeing the disk, and what the store holds at the end.
HELPERS = """
import json
App.settle.__defaults__ = (float(os.environ.get("SETTLE_S", "15")),)
from qntx.indexer.launch import IndexerProcess
def fill():
    fd = os.open(home / "ballast", os.O_WRONLY | os.O_CREAT, 0o600)
    for size in (1 << 16, 1 << 12, 1):
        try:
            while True:
                os.write(fd, bytes(size))
        except OSError:
            pass
    os.close(fd)
def free():
    (home / "ballast").unlink(missing_ok=True)
def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time: " + what
        time.sleep(0.005)
def index_rest():
    indexer = IndexerProcess(home)
    wait_until(lambda: not list((home / "journal").glob("*.seg")), 30, "all is stored")
    indexer.stop()
def report():
    from tests.support.data_directory import Stored
    store = Stored(home)
    answer = []
    for job in store.jobs:
        r = store.receipt(job)
        answer.append({"job": job, "status": store.status(job), "accepted": r.accepted,
            "stored": r.stored, "lost": r.lost, "complete": r.complete, "texts": store.texts(job),
            "ok": store.db.execute("PRAGMA integrity_check").fetchall()[0][0]})
    print("REPORT" + json.dumps(answer), flush=True)
"""


def on_small_disk(
    tmp_path: Path, size: str, body: str, *, timeout_s: float = 90, **env: str
) -> tuple[list[dict[str, Any]], str]:
    """
    Run *body* in a process of its own mount namespace whose data directory is a tmpfs of *size*.

    Returns what it reported per job, and everything it printed besides. Nothing of the mount is
    seen by any other process, and it is gone with this one.
    """
    home = tmp_path / "home"
    home.mkdir()
    program = tmp_path / "program.py"
    program.write_text(PRELUDE + HELPERS + textwrap.dedent(body))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QNTX_")}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **env}
    mount = f'mount -t tmpfs -o size={size},mode=700 none {home} && exec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "--propagation",
            "private",
            "sh",
            "-c",
            mount,
            "sh",
            sys.executable,
            str(program),
            str(home),
        ],
        env=environment,
        capture_output=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
    )
    printed = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, printed[-4000:]
    found = re.findall(r"^REPORT(.*)$", printed, re.MULTILINE)
    assert found, printed[-4000:]
    return msgspec.json.decode(found[-1]), re.sub(r"REPORT.*", "", printed)


def numbers(texts: list[str], word: str = "line") -> list[int]:
    """The numbers of the lines ``word <n> …``, in stored order."""
    return [int(text.split()[1]) for text in texts if text.startswith(word + " ")]


def test_a_disk_that_fills_up_and_is_freed_loses_nothing(tmp_path: Path) -> None:
    """Journal and database are both on the full disk; the job does not notice."""
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        @app.handler("x")
        def x(ctx, payload):
            for n in range(200):
                ctx.emit.info(f"line {n} before")
            fill()
            for n in range(200, 20_000):  # none waits until the disk is freed
                ctx.emit.info(f"line {n} while the disk is full, and more " + "x" * (n % 300))
            free()
            for n in range(20_000, 20_200):
                ctx.emit.info(f"line {n} after")
        _, outcome = app.run("x")
        assert outcome.status == "completed", outcome
        index_rest()
        report()
        """,
    )
    assert job["ok"] == "ok"
    assert job["status"] == ["completed", "completed"]
    assert numbers(job["texts"]) == list(range(20_200))
    assert (job["lost"], job["complete"]) == (0, True)


def test_small_lines_do_not_overtake_the_large_ones_that_wait(tmp_path: Path) -> None:
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        @app.handler("x")
        def x(ctx, payload):
            ctx.emit.info("line 0 first")
            fill()
            for n in range(1, 400):
                # Large ones find no room in what is left of the segment, small ones would.
                ctx.emit.info(f"line {n} " + ("x" * 30_000 if n % 3 else "small"))
            free()
        app.run("x")
        index_rest()
        report()
        """,
        QNTX_CAPTURE__SEGMENT_BYTES="262144",
    )
    assert numbers(job["texts"]) == list(range(400))
    assert job["complete"]


def test_what_finds_no_room_in_memory_either_is_counted_and_said(tmp_path: Path) -> None:
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        @app.handler("x")
        def x(ctx, payload):
            ctx.emit.info("line 0 first")
            fill()
            for n in range(1, 10_000):
                ctx.emit.info(f"line {n} " + "x" * 500)
            free()
            wait_until(lambda: not ctx._active.journal._memory, 10, "memory is written")
            ctx.emit.info("line 10000 last")
        app.run("x")
        index_rest()
        report()
        """,
        QNTX_CAPTURE__MEMORY_LIMIT_BYTES="1000000",
    )
    stored = numbers(job["texts"])
    assert stored == sorted(set(stored))
    assert stored[-1] == 10_000
    missing = 10_001 - len(stored)
    assert missing > 1000, "everything found room: the test shows nothing"
    assert job["lost"] == missing
    assert not job["complete"]
    said = [text for text in job["texts"] if "lost" in text and "disk full" in text]
    assert len(said) == 1
    assert f"{missing:,} lines lost" in said[0]


def test_a_kill_while_the_disk_is_full_says_how_much_is_lost(tmp_path: Path) -> None:
    """What waited in memory is gone with the process; the receipt must not call it complete."""
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        pid = os.fork()
        if pid == 0:
            @app.handler("x")
            def x(ctx, payload):
                ctx.emit.info("line 0 first")
                fill()
                for n in range(1, 5000):
                    ctx.emit.info(f"line {n} " + "x" * 500)
                os.kill(os.getpid(), signal.SIGKILL)
            app.run("x")
            os._exit(1)
        os.waitpid(pid, 0)
        free()
        index_rest()
        report()
        """,
        QNTX_CAPTURE__MEMORY_LIMIT_BYTES="1000000",
    )
    stored = numbers(job["texts"])
    missing = 5000 - len(stored)
    assert missing > 100
    assert job["status"] == ["failed", "failed"]
    assert not job["complete"]
    assert missing <= job["lost"] <= missing + 3, "events that waited may be counted with the lines"
    assert any("lost" in text for text in job["texts"])


def test_a_disk_that_stays_full_to_the_end_is_no_silent_loss(tmp_path: Path) -> None:
    """The process ends in good order, but what waits in its memory can be written nowhere."""
    reports, printed = on_small_disk(
        tmp_path,
        "64m",
        """
        pid = os.fork()
        if pid == 0:
            @app.handler("x")
            def x(ctx, payload):
                ctx.emit.info("line 0 first")
                fill()
                for n in range(1, 2000):
                    ctx.emit.info(f"line {n} " + "x" * 500)
            try:
                app.run("x")
            except Exception as error:
                print("SAID", type(error).__name__, error, flush=True)
            sys.exit(0)
        os.waitpid(pid, 0)
        free()
        index_rest()
        report()
        """,
        SETTLE_S="2",
    )
    (job,) = reports
    missing = 2000 - len(numbers(job["texts"]))
    assert "safe in the journal" not in printed, "it is not: it was in memory only"
    assert job["status"][1] != "running", "nobody will ever end it"
    assert (job["lost"] >= missing and not job["complete"]) or missing == 0


def test_a_run_that_begins_on_a_full_disk_runs(tmp_path: Path) -> None:
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        from qntx.storage.sqlite.migrate import open_database
        open_database(home / "qntx.db").close()
        fill()
        @app.handler("x")
        def x(ctx, payload):
            for n in range(100):
                ctx.emit.info(f"line {n}")
                print(f"print {n}")
            free()
            return "worked"
        _, outcome = app.run("x")
        assert outcome.result == "worked", outcome
        index_rest()
        report()
        """,
    )
    assert numbers(job["texts"]) == list(range(100))
    assert numbers(job["texts"], "print") == list(range(100))
    assert job["complete"]


def test_a_database_that_is_full_while_the_journal_is_not(tmp_path: Path) -> None:
    """The journal is the buffer: the database lies on the small disk, the journal does not."""
    (job,), _ = on_small_disk(
        tmp_path,
        "4m",
        """
        from qntx.storage.sqlite.migrate import open_database
        open_database(home / "qntx.db").close()
        roomy = home.parent / "roomy"
        roomy.mkdir()
        (home / "journal").symlink_to(roomy)
        @app.handler("x")
        def x(ctx, payload):
            fill()
            for n in range(30_000):
                ctx.emit.info(f"line {n} " + "x" * 60)
            ctx.emit.info("line 30000 " + "y" * (6 << 20))  # must find no room in any transaction
            free()
            os.system(f"mount -o remount,size=128m {home}")
        _, outcome = app.run("x")
        assert outcome.status == "completed"
        index_rest()
        report()
        """,
    )
    assert job["ok"] == "ok"
    assert numbers(job["texts"]) == list(range(30_001))
    assert job["complete"]


def test_a_limit_on_the_size_of_files_costs_no_call(tmp_path: Path) -> None:
    """``ulimit -f``: segments cannot be made, and no logging call may say so to the job."""
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        import resource
        from qntx.storage.sqlite.migrate import open_database
        open_database(home / "qntx.db").close()
        @app.handler("x")
        def x(ctx, payload):
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
            for n in range(20_000):
                ctx.emit.info(f"line {n}")
                log.info("log %d", n)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        _, outcome = app.run("x")
        assert outcome.status == "completed", outcome
        index_rest()
        report()
        """,
    )
    assert numbers(job["texts"]) == list(range(20_000))
    assert job["complete"]
