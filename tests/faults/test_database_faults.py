"""The database locked, missing, replaced, read-only or damaged: at the start, and while running."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from qntx.errors import StoreUnavailable
from qntx.indexer.launch import IndexerProcess
from qntx.storage.sqlite.migrate import open_database
from tests.support.data_directory import index_rest, segments, stored
from tests.support.effort import FULL, times
from tests.support.processes import is_alive
from tests.support.programs import run_program, start_program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300 if FULL else 120)

LOCKED_S = times(3, 30)

#: A second process that holds the database for itself.
LOCKER = """
import apsw, sys
db = apsw.Connection(sys.argv[1])
db.set_busy_timeout(5000)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
"""

#: A job that says lines at a steady pace until a file appears.
STEADY = """
App.settle.__defaults__ = (60.0,)
@app.handler("x")
def x(ctx, payload):
    (home.parent / "job").write_text(ctx.job_id)
    n = 0
    while not (home.parent / "enough").exists():
        for _ in range(10):
            ctx.emit.info(f"line {n}")
            n += 1
        (home.parent / "said.new").write_text(str(n))
        os.replace(home.parent / "said.new", home.parent / "said")
        time.sleep(0.002)
    return {"lines": n}
try:
    job, outcome = app.run("x")
    print(outcome.status, outcome.result)
except Exception as error:
    print("SAID", type(error).__name__, error)
"""


def said(home: Path) -> int:
    """How many lines the steady job has said."""
    try:
        return int((home.parent / "said").read_text())
    except FileNotFoundError:
        return 0


def numbers(home: Path) -> list[int]:
    """The numbers of the stored lines."""
    with stored(home) as store:
        texts = store.texts() if store.jobs else []  # where nothing is stored yet
        return [int(text.split()[1]) for text in texts if text.startswith("line ")]


def stored_lines(home: Path) -> int:
    """How many lines the store holds of the only job, 0 before there is one."""
    with stored(home) as store:
        rows = store.db.execute("SELECT stored FROM job_attempts").fetchall()
    return rows[0][0] if rows else 0


def lock(home: Path) -> subprocess.Popen[bytes]:
    """A process that holds the database until its input is closed."""
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(home / "qntx.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert locker.stdout is not None
    assert locker.stdout.readline() == b"locked\n"
    return locker


def test_a_database_locked_by_another_process_costs_the_job_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_database(home / "qntx.db").close()
    job = start_program(home, STEADY)
    wait_until(lambda: said(home) > 100, "lines flow")
    locker = lock(home)
    begin, before = time.monotonic(), said(home)
    wait_until(lambda: time.monotonic() - begin > LOCKED_S, "the lock is held")
    # A call that waited for the lock would wait until it is let go.
    wait_until(lambda: said(home) > before + 500, "the job goes on while the database is locked")
    locker.communicate()
    seen = said(home)

    wait_until(lambda: stored_lines(home) >= seen, "the indexer catches up")
    (tmp_path / "enough").touch()
    out, err = job.communicate(timeout=60)
    assert b"completed" in out, (out, err)
    result = eval(out.decode().split(" ", 1)[1])
    assert numbers(home) == list(range(result["lines"]))
    with stored(home) as store:
        assert store.receipt().complete


def test_a_database_locked_from_before_the_start_is_waited_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_database(home / "qntx.db").close()
    locker = lock(home)
    job = start_program(home, STEADY)
    wait_until(lambda: said(home) > 500, "the job runs although the database is locked")
    (tmp_path / "enough").touch()
    locker.communicate()
    out, err = job.communicate(timeout=60)
    assert b"completed" in out, (out, err)
    assert numbers(home) == list(range(said(home)))


def all_lines_somewhere(home: Path, saved: list[Path]) -> set[int]:
    """The numbers of the lines that any of the databases or the journals still hold."""
    found: set[int] = set()
    for path in [home / "qntx.db", *saved]:
        if not path.is_file():
            continue
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            for (text,) in db.execute("SELECT message FROM log_lines"):
                if str(text).startswith("line "):
                    found.add(int(str(text).split()[1]))
        except apsw.Error:
            pass
        db.close()
    for path in segments(home):
        for word in path.read_bytes().split(b"line ")[1:]:
            digits = word.split(b"\0")[0]
            number = b"".join(bytes([c]) for c in digits[:8] if 48 <= c < 58)
            if number:
                found.add(int(number))
    return found


@pytest.mark.parametrize("fate", ["deleted", "replaced by an empty file", "replaced by another"])
def test_a_database_that_goes_away_while_running_takes_no_later_line_with_it(
    tmp_path: Path, fate: str
) -> None:
    """What was in the file that somebody removed is theirs; what is said after that is not."""
    home = tmp_path / "home"
    other = tmp_path / "other.db"
    open_database(home / "qntx.db").close()
    open_database(other).close()
    job = start_program(home, STEADY.replace("60.0", "5.0"))
    wait_until(lambda: said(home) > 200 and stored_lines(home) > 100, "lines flow into the store")
    for name in ("qntx.db-wal", "qntx.db-shm", "qntx.db"):
        (home / name).unlink(missing_ok=True)
    if fate == "replaced by an empty file":
        (home / "qntx.db").touch()
    elif fate == "replaced by another":
        shutil.copy(other, home / "qntx.db")
    gone = said(home)
    wait_until(lambda: said(home) > gone + 500, "lines go on")
    (tmp_path / "enough").touch()
    out, err = job.communicate(timeout=90)
    later = set(range(gone + 100, said(home)))
    kept = all_lines_somewhere(home, [])
    assert later <= kept, f"{len(later - kept)} of {len(later)} lines are nowhere\n{out}\n{err}"
    assert b"completed" in out or b"is safe in the journal" in out
    index_rest(home)
    assert later <= set(numbers(home))
    db = open_database(home / "qntx.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_a_missing_database_is_made_at_the_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "enough").touch()
    run_program(home, STEADY.replace("while not", "while n < 50 or not"))
    with stored(home) as store:
        assert store.status() == ("completed", "completed")


DAMAGE = {
    "no database at all": lambda path: path.write_bytes(b"this is no database\n" * 500),
    "its header is zero": lambda path: overwrite(path, 0, bytes(100)),
    "cut to half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "pages overwritten": lambda path: overwrite(path, 4096, os.urandom(path.stat().st_size - 4096)),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
}


def overwrite(path: Path, at: int, data: bytes) -> None:
    """Write *data* into the middle of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_left_as_it_is_and_the_lines_wait_in_the_journal(
    tmp_path: Path, damage: str
) -> None:
    """One clear sentence with the path and the next step; nothing is made anew in its place."""
    home = tmp_path / "home"
    path = home / "qntx.db"
    open_database(path).close()
    db = open_database(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    DAMAGE[damage](path)
    before = None if path.is_dir() else path.read_bytes()
    body = STEADY.replace("60.0", "1.0")
    (tmp_path / "enough").touch()
    done = run_program(home, body.replace("while not", "while n < 50 or not"))
    assert b"SAID StoreUnavailable" in done.stdout, done
    sentence = done.stdout.decode().split("SAID StoreUnavailable ")[1].strip()
    assert "\n" not in sentence
    assert str(path) in sentence
    if before is not None:
        assert path.read_bytes()[:65536] == before[:65536], "it was changed"
    kept = all_lines_somewhere(home, [])
    assert set(range(said(home))) <= kept
    # The damaged file is moved away, as the sentence says: everything comes then.
    if path.is_dir():
        path.rmdir()
    else:
        for name in ("qntx.db", "qntx.db-wal", "qntx.db-shm"):
            (home / name).unlink(missing_ok=True)
    index_rest(home)
    assert numbers(home) == list(range(said(home)))


@pytest.mark.parametrize("damage", ["no database at all", "its header is zero", "a directory"])
def test_opening_a_damaged_database_says_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "qntx.db"
    open_database(path).close()
    DAMAGE[damage](path)
    with pytest.raises(StoreUnavailable) as raised:
        open_database(path)
    assert str(path) in str(raised.value)
    assert " - " in str(raised.value)


def test_a_database_damaged_while_running_loses_no_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_database(home / "qntx.db").close()
    job = start_program(home, STEADY.replace("60.0", "3.0"))
    wait_until(lambda: said(home) > 200, "lines flow")
    overwrite(home / "qntx.db", 0, os.urandom(8 * 4096))
    gone = said(home)
    wait_until(lambda: said(home) > gone + 300, "lines go on")
    (tmp_path / "enough").touch()
    out, err = job.communicate(timeout=90)
    kept = all_lines_somewhere(home, [])
    last = set(range(gone + 100, said(home)))
    assert last <= kept or b"completed" in out, (out, err[-2000:])


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_database_that_may_not_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_database(home / "qntx.db").close()
    body = """
    os.setgid(65534); os.setuid(65534)
    from qntx.errors import StoreUnavailable
    from qntx.storage.sqlite.migrate import open_database
    for what in ("open", "write"):
        try:
            db = open_database(home / "qntx.db")
            db.execute("BEGIN IMMEDIATE")
            print("opened")
        except StoreUnavailable as error:
            print("SAID", error)
        except Exception as error:
            print("RAW", type(error), error)
    """
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    home.chmod(0o755)
    (home / "qntx.db").chmod(0o444)
    done = run_program(home, body)
    assert b"SAID" in done.stdout, done
    assert b"opened\n" not in done.stdout


def test_two_indexers_over_one_directory_do_not_both_write(tmp_path: Path) -> None:
    home = tmp_path / "home"
    indexers = [IndexerProcess(home) for _ in range(3)]
    try:
        (tmp_path / "enough").touch()
        run_program(home, STEADY.replace("while not", "while n < 2000 or not"))
        assert numbers(home) == list(range(said(home)))
    finally:
        for indexer in indexers:
            indexer.stop()


def test_an_indexer_follows_when_the_first_is_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = IndexerProcess(home), IndexerProcess(home)
    job = start_program(home, STEADY)
    try:
        wait_until(lambda: said(home) > 100, "lines flow")
        first.stop()
        second_alive = second.alive
        seen = said(home)
        wait_until(lambda: len(numbers(home)) > seen, "the other one took over")
        assert second_alive
    finally:
        (tmp_path / "enough").touch()
        job.communicate(timeout=60)
        second.stop()
    assert numbers(home) == list(range(said(home)))


def test_the_indexer_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed, not ended: six orphans once polled for forty minutes."""
    home = tmp_path / "home"
    parent = start_program(
        home,
        """
        from qntx.indexer.launch import IndexerProcess
        indexer = IndexerProcess(home)
        print(indexer.pid, flush=True)
        time.sleep(60)
        """,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_alive(pid), "the indexer is gone")


def test_a_child_that_outlives_the_run_does_not_hold_up_its_end(tmp_path: Path) -> None:
    """A forked daemon holds copies of all descriptors, the indexer's lifeline among them."""
    home, result = tmp_path / "home", tmp_path / "result"
    run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            pid = os.fork()
            if pid == 0:
                os.setsid()
                time.sleep(300)
                os._exit(0)
            return pid
        begin = time.monotonic()
        _, outcome = app.run("x")
        Path(sys.argv[2]).write_text(f"{outcome.result} {time.monotonic() - begin}")
        """,
        str(result),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid, took = result.read_text().split()
    os.kill(int(pid), 9)
    assert float(took) < 60, f"the end took {took} s"
