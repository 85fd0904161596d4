"""Spools and secrets that killed processes leave in memory: who removes them, and when not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.app import App
from qntx.journal.spool import Spool, share_secrets, shared_secrets, spool_folder
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines

pytestmark = pytest.mark.slow

OLD_S = 1_000_000_000
KILLED = """
import os, sys
import qntx
app = qntx.App(home=sys.argv[1])

@app.handler("dies")
def dies(ctx, payload):
    qntx.register_secret("a secret of the job")
    os.write(1, b"past Python\\n")
    os.killpg(0, 9)

app.run("dies")
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    found = App(home=tmp_path / "home")
    found.handler("test.noop")(lambda ctx, payload: None)
    return found


def age(path: Path) -> None:
    os.utime(path, (OLD_S, OLD_S))


def test_what_a_killed_run_left_is_stored_and_removed_by_the_next(app: App) -> None:
    home = app.settings.home
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(home)],
        start_new_session=True,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    assert died.returncode == -signal.SIGKILL
    # Its indexer is in a session of its own: it has stored what there was, and cleaned up.
    folder = spool_folder(home, make=False)
    wait_until(lambda: not folder.exists())
    rows = app.store.connection.execute("SELECT message FROM task_logs").fetchall()
    assert ("past Python",) in rows


def test_what_nobody_knows_of_is_removed_when_it_is_old_and_free(app: App) -> None:
    folder = spool_folder(app.settings.home)
    gone, held, young = (
        Spool(app.settings.home, name, "stdout") for name in ("GONE", "HELD", "YOUNG")
    )
    gone.close()
    young.close()
    share_secrets(app.settings.home, "GONE", ["a secret of the dead"])
    for path in (gone.path, held.path, folder / "GONE.secrets"):
        age(path)
    other = folder / "somebody's own file"
    other.touch()
    age(other)
    app.run("test.noop")
    left = {path.name for path in folder.iterdir()}
    assert left == {"home", held.path.name, young.path.name, other.name}
    held.close()
    age(young.path)
    other.unlink()
    app.run("test.noop")
    assert not folder.exists()


def test_folders_of_data_directories_that_are_gone_are_removed(app: App, tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("deleted", "in use", "there")]
    folders = []
    for home in homes:
        (home / "journal").mkdir(parents=True)
        folders.append(spool_folder(home))
        share_secrets(home, "P", ["a secret"])
    spools = [Spool(home, "P", "stdout") for home in homes]
    spools[0].close()
    spools[2].close()
    for home in homes[:2]:
        shutil.rmtree(home)
    app.run("test.noop")
    assert [folder.exists() for folder in folders] == [False, True, True]
    spools[1].close()
    shutil.rmtree(homes[2])
    app.run("test.noop")
    assert [folder.exists() for folder in folders] == [False] * 3


def test_a_folder_is_found_though_others_remove_what_they_find_empty(tmp_path: Path) -> None:
    """Indexers that begin and end do: of data directories that are gone, and of their own."""
    home = tmp_path / "home"
    remove = (
        "import sys\nfrom pathlib import Path\n"
        "from qntx.journal.spool import remove_empty_folder, remove_orphaned_folders\n"
        "print(flush=True)\n"
        "while True: remove_empty_folder(Path(sys.argv[1])); remove_orphaned_folders()"
    )
    command = [sys.executable, "-c", remove, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as remover:
        try:
            assert remover.stdout is not None
            remover.stdout.readline()
            for number in range(2_000):
                spool = Spool(home, f"P{number}", "stdout")
                share_secrets(home, f"P{number}", ["a secret"])
                assert spool.path.exists()
                assert shared_secrets(spool.path.parent, f"P{number}") == ["a secret"]
                spool.path.unlink()
                (spool.path.parent / f"P{number}.secrets").unlink()
                spool.close()
                if number % 10 == 0:
                    # A new one: what is not there yet is not left behind.
                    shutil.rmtree(home, ignore_errors=True)
            assert remover.poll() is None
        finally:
            remover.kill()


def test_a_server_that_is_killed_whole_leaves_nothing_for_long(app: App, tmp_path: Path) -> None:
    from tests.support.server_tree import Tree

    out = tmp_path / "out"
    tree = Tree(app.settings.home, workers=1)
    try:
        app.handler("test.asleep")(lambda ctx, payload: None)
        app.enqueue("test.asleep", {"path": str(out), "text": "60"})
        wait_until(lambda: lines(out))
    finally:
        tree.kill()
    folder = spool_folder(app.settings.home, make=False)
    assert any(path.suffix == ".spool" for path in folder.iterdir())
    app.run("test.noop")
    wait_until(lambda: not folder.exists())
