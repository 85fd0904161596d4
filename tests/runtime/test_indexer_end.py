"""The end of an indexer: whoever still says something is heard out, whatever ends first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.config import load
from tests.support.processes import indexer_of, is_alive, send
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE

pytestmark = pytest.mark.slow

SPEAKER = """
import os, sys, time
import qntx
app = qntx.App(home=sys.argv[1])

@app.handler("speaks")
def speaks(ctx, payload):
    print("begun")
    print(os.getpid(), os.getppid(), file=open(sys.argv[2], "w"), flush=True)
    for word in ("still here", "the last words"):
        while not os.path.exists(f"{sys.argv[3]}/{word}"):
            time.sleep(0.01)
        print(word)

app.run("speaks")
"""


def said(home: Path) -> list[str]:
    rows = (
        App(home=home)
        .store.connection.execute("SELECT message FROM task_logs ORDER BY id")
        .fetchall()
    )
    return [str(row[0]) for row in rows]


def test_an_indexer_that_is_told_to_end_hears_its_users_out(tmp_path: Path) -> None:
    home, begun = tmp_path / "home", tmp_path / "begun"
    speaker = subprocess.Popen(
        [sys.executable, "-c", SPEAKER, str(home), str(begun), str(tmp_path)]
    )
    wait_until(lambda: lines(begun) and "begun" in said(home))
    indexer = indexer_of(speaker.pid)
    assert indexer is not None
    os.kill(indexer, signal.SIGTERM)
    for word in ("still here", "the last words"):
        (tmp_path / word).touch()
        wait_until(lambda word=word: word in said(home))
    assert speaker.wait(30) == 0
    wait_until(lambda: not is_alive(indexer))
    assert not list((home / "journal").glob("*.seg"))


def test_what_workers_say_after_the_death_of_their_server_is_stored_at_once(
    tmp_path: Path,
) -> None:
    app = built_in_app(load(home=tmp_path / "home", app=[MODULE]))
    out = tmp_path / "out"
    tree = Tree(app.settings.home, workers=1)
    try:
        job_id = app.enqueue("test.late", {"path": str(out)})
        wait_until(lambda: lines(out))
        workers = tree.workers()
        send(tree.process.pid, signal.SIGKILL)
        tree.process.wait(20)
        wait_until(lambda: not any(map(is_alive, workers)))
        # No other process has looked at the journals meanwhile.
        wait_until(lambda: "after the death of the server" in said(app.settings.home))
        # It heard of it, and came to its end.
        wait_until(lambda: app.store.jobs.get(job_id).status == "completed")
        polite = app.enqueue("test.polite", {"path": str(tmp_path / "polite")})
        tree.process = tree._start()
        wait_until(lambda: lines(tmp_path / "polite"))
        send(tree.process.pid, signal.SIGKILL)
        wait_until(lambda: app.store.jobs.attempts(polite)[0].ended_at)
        assert app.store.jobs.attempts(polite)[0].reason == "server_restarted"
        assert "back to the queue: server_restarted" in said(app.settings.home)
    finally:
        if tree.process.poll() is None:
            tree.kill()


def test_a_tree_that_is_told_to_end_all_at_once_leaves_nothing_for_the_next(
    tmp_path: Path,
) -> None:
    app = built_in_app(load(home=tmp_path / "home", app=[MODULE]))
    out = tmp_path / "out"
    tree = Tree(app.settings.home, workers=2)
    try:
        payload = {"path": str(out), "text": "1.5"}
        ids = app.enqueue_all([app.request("test.says", payload, source=str(n)) for n in range(2)])
        wait_until(lambda: len(lines(out)) == 2)
        tree.signal_all(signal.SIGTERM)
        assert tree.process.wait(60) == 0
    finally:
        if tree.process.poll() is None:
            tree.kill()
    for job_id in ids:
        job = app.store.jobs.get(job_id)
        assert (job.status, job.attempt) == ("completed", 1), "running jobs may finish"
        assert job.receipt.text == "complete: 3 of 3"
    assert not list((app.settings.home / "journal").glob("*.seg"))
