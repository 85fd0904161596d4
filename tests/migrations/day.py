"""A day of today's program in a small shop, and a copy of the database while it is at work."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: A place that any machine may have: what is said names it.
SHOP = Path("/tmp/shop")
HOME = SHOP / ".qntx"
PATIENCE_S = 60.0


def live(copy: Path) -> None:
    """Have the program work in a new folder, and copy its database to *copy*."""
    SHOP.mkdir()
    try:
        shutil.copy(HERE / "shop.py", SHOP)
        # The program itself, too: tracebacks name its files.
        for folder in ("src", "examples"):
            shutil.copytree(ROOT / folder, SHOP / folder)
        _before_the_server()
        with _server():
            _with_the_server()
            with closing(sqlite3.connect(HOME / "qntx.db")) as db:
                with closing(sqlite3.connect(copy)) as to:
                    db.backup(to)
            (SHOP / "enough").touch()
        _scrub(copy)
    finally:
        shutil.rmtree(SHOP)


def _before_the_server() -> None:
    _python("examples/recruiting/demo.py")
    _python("shop.py")
    script = "echo '::stage:: pack'; echo packing; echo 'disk nearly full' >&2; exit 3"
    _qntx("run", "--name", "backup", "--", "sh", "-c", script, code=3)
    _qntx("enqueue", "shop.import", "--payload", '{"file": "catalogue.csv"}', "--key", "import:1")
    _qntx("enqueue", "shop.bill", "--payload", '{"month": 1}', "--priority", "5")
    _qntx(
        "enqueue", "shop.bill", "--payload", '{"month": 2}', "--delay", "52w", "--source", "later"
    )
    _qntx("enqueue", "shop.stock", "--payload", '{"shelves": 1100}')
    _qntx("cancel", _qntx("enqueue", "shop.import", "--payload", '{"file": "old.csv"}').strip())
    payload = '{"file": "catalogue.csv"}'
    _qntx(
        "schedules",
        "create",
        "--handler",
        "shop.import",
        "--payload",
        payload,
        "--every",
        "6h",
        "--name",
        "Catalogue",
        "--now",
    )
    _qntx(
        "schedules",
        "create",
        "--handler",
        "shop.bill",
        "--payload",
        '{"month": 1}',
        "--cron",
        "0 9 * * 1-5",
        "--zone",
        "Europe/Berlin",
        "--overlap",
        "queue",
        "--missed",
        "all(5)",
        "--name",
        "Bills",
    )
    for change in ("pause", "delete"):
        code = f"ix https://jobs.example.com/{change}"
        _qntx("schedules", "create", code, "--every", "1d", "--name", f"To {change}")
        _qntx("schedules", change, json.loads(_qntx("schedules", "list", "--json"))[0]["id"])


def _with_the_server() -> None:
    payload = json.dumps({"until": str(SHOP / "enough")})
    paused, running = (_qntx("enqueue", "shop.mail", "--payload", payload).strip() for _ in "12")
    _until(lambda: _status(paused) == "running")
    _qntx("pause", paused)
    _until(lambda: _status(paused) == "paused")
    _until(lambda: _status(running) == "running")
    _until(lambda: not [job for job in _jobs("--status", "queued") if job["source"] != "later"])
    _until(lambda: [job["id"] for job in _jobs("--status", "running")] == [running])
    _until(_is_indexed)


def _jobs(*options: str) -> list[dict[str, Any]]:
    page = json.loads(_qntx("jobs", "--json", "--limit", "1000", *options))
    return list(page["jobs"])


def _status(job_id: str) -> str:
    return str(next(job["status"] for job in _jobs() if job["id"] == job_id))


def _is_indexed() -> bool:
    with closing(sqlite3.connect(HOME / "qntx.db")) as db:
        return bool(db.execute("SELECT count(*) FROM search_blocks").fetchone()[0])


def _until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(_qntx("jobs"))


@contextmanager
def _server() -> Iterator[None]:
    command = [sys.executable, "-m", "qntx", "serve", "--port", "0", "--workers", "2"]
    server = subprocess.Popen(command, cwd=SHOP, env=_environment())
    try:
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def _qntx(*arguments: str, code: int = 0) -> str:
    return _python("-m", "qntx", *arguments, code=code)


def _python(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=SHOP,
        env=_environment(),
        text=True,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != code:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": f"{SHOP}{os.pathsep}{SHOP / 'src'}",
        "QNTX_APP": '["shop"]',
        "QNTX_HOME": str(HOME),
    }


def _scrub(path: Path) -> None:
    """
    Give this machine another name, in the one column that holds it.

    Raises ValueError where the file names this machine, its user or this folder anywhere else:
    lines cannot be changed afterwards, the search index was made of them.
    """
    this = f"{socket.gethostname()}-"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE job_attempts SET worker = replace(worker, ?, 'shop-1-')", (this,))
        db.execute("VACUUM")  # what was there before is still in the free part of pages
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    for name in (this, str(ROOT), sys.prefix, str(Path.home()) + "/"):
        if (at := data.find(name.encode())) >= 0:
            raise ValueError(f"{name} is in the file: {data[max(0, at - 200) : at + 200]!r}")
