"""Containers, users, copies and mounts: what a program says is found wherever it was said."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.journal.spool_files import spool_folder
from tests.support.data_directory import index_rest, indexing, stored
from tests.support.paths import ROOT
from tests.support.processes import children_of, command_of, is_alive, send
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and other users need root"),
    pytest.mark.timeout(180),
]
#: Mounts are nobody else's, and gone with the process.
OWN_MOUNTS = ("unshare", "-m", "--propagation", "private")
#: A container's own /dev/shm and /tmp; the data directory is shared.
OWN_MEMORY = (*OWN_MOUNTS, "sh", "-c", 'mount -t tmpfs none /dev/shm && exec "$@"', "sh")
OWN_PIDS = ("unshare", "-p", "-f", "--mount-proc", "--propagation", "private")
NOBODY = 65534
SAYS = "seq 1 5; echo err >&2; seq 6 10"
SAID = sorted([*map(str, range(1, 11)), "err"])


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "qntx.cli", "--home", str(home), *words]


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QNTX_")}
    return {**kept, "PYTHONPATH": str(ROOT / "src")}


def qntx(
    home: Path, *words: str, place: tuple[str, ...] = (), cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """``qntx`` with these words, in another *place* (the beginning of a command line)."""
    return subprocess.run(
        [*place, *command(home, *words)],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
        timeout=120,
        cwd=cwd,
    )


def judge(home: Path, said: list[str], text: str = "complete: ") -> None:
    with stored(home) as store:
        assert sorted(store.texts()) == said
        assert store.receipt().text.startswith(text)


# -- containers ------------------------------------------------------------------------------------

PLACES = {
    "its own memory": OWN_MEMORY,
    "its own processes": OWN_PIDS,
    "its own memory and processes": (*OWN_PIDS, *OWN_MEMORY[4:]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_in_another_container_than_the_indexer(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    with indexing(home) as indexer:
        done = qntx(home, "run", "-q", "--", "sh", "-c", SAYS, place=PLACES[place])
        assert (done.returncode, done.stderr) == (0, "err\n")
        assert sorted((done.stdout + done.stderr).split()) == SAID
        judge(home, SAID)
        assert indexer.alive


CHILDREN = {
    "another user": f"setpriv --reuid {NOBODY} --clear-groups",
    "its own mounts": " ".join(OWN_MOUNTS),
    "its own processes": "unshare -p -f",
    "its own memory": "unshare -m sh -c 'mount -t tmpfs none /dev/shm; \"$@\"' sh",
}


def test_children_in_other_places_are_heard(tmp_path: Path) -> None:
    """What they have inherited, and what they open by its name there."""
    home = tmp_path / "home"
    says = [
        f"{place} sh -c 'echo {name}; echo {name} by name > /dev/stderr'"
        for name, place in CHILDREN.items()
    ]
    assert qntx(home, "run", "-q", "--", "sh", "-c", "; ".join(says)).returncode == 0
    judge(home, sorted(f"{name}{more}" for name in CHILDREN for more in ("", " by name")))


# -- copies and other directories ------------------------------------------------------------------


class AtWork:
    """``qntx run`` of a command that waits for a file before its last words."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._go = home.parent / "go"
        script = f"echo early; until test -e '{self._go}'; do sleep 0.01; done; seq 1 5; echo late"
        self.process = subprocess.Popen(
            command(home, "run", "-q", "--", "sh", "-c", script),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: (home / "qntx.db").exists(), "its store is there")
        wait_until(lambda: "early" in self.texts(), "its first words are stored")

    def texts(self) -> list[str]:
        """What is stored of its only job."""
        with stored(self.home) as store:
            return store.texts() if store.jobs else []

    def go_on(self) -> None:
        """Let it say its last words."""
        self._go.touch()

    def end(self) -> None:
        """Let it end."""
        self.go_on()
        assert self.process.wait(60) == 0

    def die_unread(self) -> None:
        """
        The indexer stands still, then all but the relay are dead: nobody has read the rest.

        The command has said all then, and its end was seen.
        """
        by_name = {command_of(pid): pid for pid in children_of(self.process.pid)}
        indexer = next(pid for name, pid in by_name.items() if b"indexer.process" in name)
        relay = next(pid for name, pid in by_name.items() if b"relay_process" in name)
        send(indexer, signal.SIGSTOP)
        self.go_on()
        (shell,) = set(by_name.values()) - {indexer, relay}
        wait_until(lambda: not is_alive(shell), "the command is over")
        for pid in (self.process.pid, indexer):
            send(pid, signal.SIGKILL)
        self.process.wait(60)
        wait_until(lambda: not is_alive(relay), "the relay has seen all ends")
        assert "late" not in self.texts()


REST = sorted(["early", "1", "2", "3", "4", "5", "late"])


def test_a_copy_made_during_a_run_has_what_it_has_and_costs_the_run_nothing(
    tmp_path: Path,
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    run = AtWork(home)
    subprocess.run(["cp", "-a", home, copy], check=True)
    index_rest(copy)
    with stored(copy) as store:
        assert "early" in store.texts()
        receipt = store.receipt()
        assert not receipt.complete
        assert receipt.text.startswith(("incomplete", "so far"))
        assert any("stdout of sh" in name for name in receipt.unseen)
    run.end()
    judge(home, REST)
    with stored(copy) as store:
        assert "late" not in store.texts()


@pytest.mark.parametrize("first", ["copy", "home"])
def test_a_copy_of_what_is_not_yet_stored_is_a_whole_one(tmp_path: Path, first: str) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    AtWork(home).die_unread()
    subprocess.run(["cp", "-a", home, copy], check=True)
    for place in sorted([home, copy], key=lambda path: path.name != first):
        index_rest(place)
        with stored(place) as store:
            assert set(REST) <= set(store.texts())
            assert store.receipt().complete, store.receipt().text


def test_so_is_a_moved_directory(tmp_path: Path) -> None:
    home, moved = tmp_path / "home", tmp_path / "moved"
    AtWork(home).die_unread()
    home.rename(moved)
    index_rest(moved)
    with stored(moved) as store:
        assert set(REST) <= set(store.texts())
        assert store.receipt().complete


def test_another_directory_of_the_same_user_leaves_it_alone(tmp_path: Path) -> None:
    """Also where it cannot see the first one (a container, a chroot, PrivateTmp)."""
    home, other = tmp_path / "a" / "home", tmp_path / "other"
    home.parent.mkdir()
    AtWork(home).die_unread()
    before = sorted(path.name for path in spool_folder(home).iterdir())
    hiding = (*OWN_MOUNTS, "sh", "-c", f'mount -t tmpfs none {home.parent} && exec "$@"', "sh")
    for place in ((), hiding):
        assert qntx(other, "run", "-q", "--", "echo", "x", place=place).returncode == 0
    assert sorted(path.name for path in spool_folder(home).iterdir()) == before
    index_rest(home)
    with stored(home) as store:
        assert set(REST) <= set(store.texts())
        assert store.receipt().complete
    with stored(other) as store:
        assert [store.texts(job) for job in store.jobs] == [["x"], ["x"]]


# -- what may not be read or written ---------------------------------------------------------------


def test_a_directory_that_is_mounted_read_only_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert qntx(home, "run", "-q", "--", "echo", "x").returncode == 0
    with stored(home) as store:
        job = store.job()
    script = f'mount --bind {home} {home} && mount -o remount,ro,bind {home} && exec "$@"'
    for words in (["jobs"], ["logs", job], ["explain", job], ["run", "--", "echo", "x"]):
        done = qntx(home, *words, place=(*OWN_MOUNTS, "sh", "-c", script, "sh"))
        assert (done.returncode, done.stdout) == (1, "")
        (said,) = done.stderr.splitlines()
        assert said.startswith("error: ")
        assert str(home) in said
        assert "read-only file system" in said
        assert "QNTX_HOME" in said


def test_a_file_that_the_indexer_may_not_read_waits_for_one_that_may(tmp_path: Path) -> None:
    home = tmp_path / "home"
    AtWork(home).die_unread()
    (file,) = [path for path in spool_folder(home).iterdir() if b"late" in path.read_bytes()]
    shutil.chown(file, NOBODY)
    # Root that may read only what it owns, as other users do.
    as_any_user = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    indexer = subprocess.Popen(
        [*as_any_user, sys.executable, "-m", "qntx.indexer.process", str(home)],
        env=environment(),
        stdin=subprocess.PIPE,
    )
    try:

        def said() -> bool:
            with stored(home) as store:
                return any("cannot be read by this indexer" in text for text in store.texts())

        wait_until(said, "it names what it cannot read")
        with stored(home) as store:
            assert "late" not in store.texts()
            assert store.receipt().so_far
    finally:
        assert indexer.stdin is not None
        indexer.stdin.close()
        indexer.wait(60)
    assert file.exists()
    index_rest(home)
    wait_until(lambda: not file.exists(), "it is stored")
    with stored(home) as store:
        assert set(REST) <= set(store.texts())
        assert store.receipt().complete
