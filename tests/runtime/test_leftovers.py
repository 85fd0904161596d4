"""Spools and secrets that killed processes leave: who removes them, and when not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qntx.app import App
from qntx.cli import main
from qntx.journal.relay_process import read_header
from qntx.journal.secret_hashes import SUFFIX, write_hashes
from qntx.journal.shared_secrets import (
    remove_leftovers_of,
    secrets_folder,
    share_secrets,
    shared_secrets,
)
from qntx.journal.spool import Spool
from qntx.journal.spool_files import spool_folder, unannounced_output
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


def has_ended(spool: Spool) -> bool:
    """Whether the relay has seen the end of it, and touches its file no more."""
    with spool.path.open("rb") as file:
        header = read_header(file.fileno())
    return header is not None and header.ended


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
    wait_until(lambda: not secrets_folder(home).exists() and not any(spool_folder(home).iterdir()))
    rows = app.store.connection.execute("SELECT message FROM task_logs").fetchall()
    assert ("past Python",) in rows


def test_what_nobody_knows_of_is_removed_when_it_is_old_free_and_empty(app: App) -> None:
    home = app.settings.home
    folder, secrets = spool_folder(home), secrets_folder(home)
    gone, held, young, full = (
        Spool(home, name, "stdout") for name in ("GONE", "HELD", "YOUNG", "FULL")
    )
    os.write(full.fd, b"said before anybody was told of it\n")
    for spool in (gone, young, full):
        spool.close()
        wait_until(lambda spool=spool: has_ended(spool))
    share_secrets(home, "GONE", ["a secret of the dead"])
    other = folder / "somebody's own file"
    other.touch()
    for path in (gone.path, held.path, full.path, other, secrets / "GONE.secrets"):
        age(path)

    def left() -> set[str]:
        app.run("test.noop")
        return {path.name for path in folder.iterdir()}

    wait_until(lambda: left() == {held.name, young.name, full.name, other.name})
    wait_until(lambda: not secrets.exists())
    held.close()
    wait_until(lambda: has_ended(held))
    age(held.path)
    age(young.path)
    wait_until(lambda: left() == {full.name, other.name})
    assert unannounced_output(home, app.store.logs.spools()) == [full.path]
    answer = CliRunner(env={"QNTX_HOME": str(home)}).invoke(main, ["doctor"])
    assert answer.exit_code == 1
    assert f"{full.path} is in no log" in answer.output
    full.path.unlink()
    assert CliRunner(env={"QNTX_HOME": str(home)}).invoke(main, ["doctor"]).exit_code == 0


def test_hashes_of_secrets_go_with_the_last_output_of_their_process(app: App) -> None:
    home = app.settings.home
    folder = spool_folder(home)
    for producer in ("GONE", "READ", "YOUNG"):
        write_hashes(folder, producer, ["a secret of the dead"])
        if producer != "YOUNG":
            age(folder / f"{producer}{SUFFIX}")
    remove_leftovers_of(folder, SUFFIX, {"LIVE"}, ["READ.1.1.stdout.spool"])
    assert {path.stem for path in folder.iterdir()} == {"READ", "YOUNG"}
    app.run("test.noop")
    wait_until(
        lambda: app.run("test.noop") and {path.stem for path in folder.iterdir()} == {"YOUNG"}
    )


def test_a_folder_is_found_though_others_remove_what_they_find_empty(tmp_path: Path) -> None:
    """Indexers that end do."""
    home = tmp_path / "home"
    remove = (
        "import sys\nfrom pathlib import Path\n"
        "from qntx.journal.shared_secrets import remove_empty_folder\n"
        "print(flush=True)\n"
        "while True: remove_empty_folder(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", remove, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as remover:
        try:
            assert remover.stdout is not None
            remover.stdout.readline()
            for number in range(2_000):
                share_secrets(home, f"P{number}", ["a secret"])
                assert shared_secrets(secrets_folder(home), f"P{number}") == ["a secret"]
                (secrets_folder(home) / f"P{number}.secrets").unlink()
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
    folder = spool_folder(app.settings.home)
    assert any(path.suffix == ".spool" for path in folder.iterdir())
    app.run("test.noop")
    wait_until(lambda: not any(folder.iterdir()))
