"""Output past Python on a full disk: it waits for room, and is counted where none comes."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_disk_full import numbers, on_small_disk

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
    pytest.mark.timeout(180),
]

#: A child that says lines when it is told to, all of the same length, and says when it has. What
#: the header and a page hold is a multiple of that length.
TALKER = '''
import subprocess
from qntx.journal.relay_process import read_header
TALKS = """
import os, sys
for line in sys.stdin:
    for n in range(*map(int, line.split())):
        os.write(1, (f"line {n} ".ljust(63, ".") + "\\\\n").encode())
    os.write(int(sys.argv[1]), b"+")
"""
class Talker:
    def __init__(self):
        self.told, end = os.pipe()
        command = [sys.executable, "-c", TALKS, str(end)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[end])
        os.close(end)
    def begin(self, start, stop):
        self.child.stdin.write(b"%d %d\\n" % (start, stop))
        self.child.stdin.flush()
    def say(self, start, stop):
        self.begin(start, stop)
        assert os.read(self.told, 1) == b"+"
    def end(self):
        self.child.communicate()
        return self.child.returncode
def headers():
    for path in (home / "journal" / "spool").iterdir():
        with open(path, "rb") as file:
            header = read_header(file.fileno())
            if header is not None:
                yield header
def some_wait():
    return any(header.waits_ms for header in headers())
def lost():
    return sum(lines for header in headers() for _, lines, _ in header.losses)
def at_rest():
    from qntx.storage.sqlite.migrate import open_database
    open_database(home / "qntx.db").close()
at_rest()
'''


def on_full_disk(tmp_path: Path, body: str, **env: str) -> dict[str, Any]:
    """Run *body* with a talker at hand; returns what it reported of its only job."""
    (job,), _ = on_small_disk(tmp_path, "64m", TALKER + textwrap.dedent(body), **env)
    return job


def test_a_child_on_a_full_disk_waits_for_room(tmp_path: Path) -> None:
    job = on_full_disk(
        tmp_path,
        """
        @app.handler("x")
        def x(ctx, payload):
            talker = Talker()
            talker.say(0, 100)
            fill()
            talker.begin(100, 40_000)  # more than a pipe holds
            wait_until(some_wait, 30, "its output waits")
            free()
            assert os.read(talker.told, 1) == b"+"
            assert talker.end() == 0
        _, outcome = app.run("x")
        assert outcome.status == "completed", outcome
        index_rest()
        report()
        """,
    )
    assert numbers(job["texts"]) == list(range(40_000))
    assert (job["lost"], job["complete"]) == (0, True)


def test_so_do_the_descriptors_of_the_job(tmp_path: Path) -> None:
    job = on_full_disk(
        tmp_path,
        """
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"line 0 x\\n")
            fill()
            def free_later():
                wait_until(some_wait, 30, "the output waits")
                free()
            thread = threading.Thread(target=free_later)
            thread.start()
            for n in range(1, 10_000):
                os.write(1, b"line %d x\\n" % n + b"." * 200 + b"\\n")
            thread.join()
            return "over"
        _, outcome = app.run("x")
        assert outcome.result == "over", outcome
        index_rest()
        report()
        """,
    )
    assert numbers(job["texts"]) == list(range(10_000))
    assert (job["lost"], job["complete"]) == (0, True)


def test_a_stream_that_begins_on_a_full_disk_waits_for_room(tmp_path: Path) -> None:
    """Not even its header can be written."""
    job = on_full_disk(
        tmp_path,
        """
        @app.handler("x")
        def x(ctx, payload):
            fill()
            talker = Talker()
            talker.say(0, 100)
            talker.begin(100, 40_000)
            os.system("echo short")  # over before there is room
            assert not os.WEXITSTATUS(os.system("exit 0"))
            free()
            assert os.read(talker.told, 1) == b"+"
            assert talker.end() == 0
        _, outcome = app.run("x")
        assert outcome.status == "completed", outcome
        index_rest()
        report()
        """,
    )
    assert numbers(job["texts"]) == list(range(40_000))
    assert "short" in job["texts"]
    assert (job["lost"], job["complete"]) == (0, True)


def test_what_finds_no_room_for_long_is_counted_in_its_place(tmp_path: Path) -> None:
    job = on_full_disk(
        tmp_path,
        """
        @app.handler("x")
        def x(ctx, payload):
            talker = Talker()
            talker.say(0, 128)
            fill()
            talker.say(128, 40_000)  # it goes on while the disk is full
            wait_until(lambda: lost() > 30_000, 30, "all is dropped")
            free()
            wait_until(lambda: not some_wait(), 30, "there is room")
            talker.say(40_000, 40_100)
            return talker.end()
        _, outcome = app.run("x")
        assert outcome.result == 0, outcome
        index_rest()
        report()
        """,
        QNTX_CAPTURE__ROOM_WAIT_S="0.2",
    )
    found = numbers(job["texts"])
    assert found == sorted(set(found))
    assert found[:128] == list(range(128))
    assert found[-100:] == list(range(40_000, 40_100))
    missing = 40_100 - len(found)
    assert missing > 30_000
    (said,) = [n for n, text in enumerate(job["texts"]) if "lost here" in text]
    assert job["texts"][said] == f"{missing:,} lines lost here: no room on the disk"
    before = numbers(job["texts"][:said])
    assert before == list(range(len(before)))
    assert (job["lost"], job["complete"]) == (missing, False)
    assert job["status"] == ["completed", "completed"]


def test_where_no_room_comes_to_the_end_the_program_ends_as_ever(tmp_path: Path) -> None:
    job = on_full_disk(
        tmp_path,
        """
        @app.handler("x")
        def x(ctx, payload):
            fill()
            done = subprocess.run(["sh", "-c", "seq 100000; exit 3"])
            os.write(1, b"x" * 300_000 + b"\\n")
            free()
            return done.returncode
        _, outcome = app.run("x")
        assert outcome.result == 3, outcome
        index_rest()
        report()
        """,
        QNTX_CAPTURE__ROOM_WAIT_S="0.2",
    )
    assert not job["complete"]
    said = [re.match(r"([\d,]+) lines? lost here: no room", text) for text in job["texts"]]
    lost = sum(int(match[1].replace(",", "")) for match in said if match)
    assert lost == job["lost"] > 90_000
    assert job["status"] == ["completed", "completed"]
