"""Two containers on one volume: the same data directory, and other memory, for job and indexer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.indexer.launch import IndexerProcess
from tests.support.data_directory import stored
from tests.support.waiting import wait_until

_UNSHARE = ["unshare", "--map-root-user", "--mount"]


def _may_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = [*_UNSHARE, "mount", "-t", "tmpfs", "none", "/dev/shm"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not _may_unshare(), reason="no mount namespaces here")

SECRET = "s3cret-of-the-job"


@pytest.mark.parametrize("said", ["the environment", "a file", "a child's environment"])
def test_what_a_job_in_another_container_says_is_stored_and_masked(
    tmp_path: Path, said: str
) -> None:
    home = tmp_path / "home"
    program = f"""
    import os, subprocess, qntx
    with qntx.capture("elsewhere", home={str(home)!r}) as emit:
        environment = dict(os.environ)
        if {said == "a file"}:
            qntx.register_secret({SECRET!r})
        elif {said == "a child's environment"}:
            environment["MY_TOKEN"] = {SECRET!r}
        subprocess.run(["sh", "-c", "seq 1 3; echo the token is {SECRET}=; echo err >&2"],
                       env=environment, check=True)
        os.write(1, b"past Python: {SECRET}\\n")
    """
    script = tmp_path / "program.py"
    script.write_text("\n".join(line[4:] for line in program.splitlines()))
    environment = dict(os.environ)
    if said == "the environment":
        environment["MY_TOKEN"] = SECRET
    indexer = IndexerProcess(home)
    try:
        shell = f"mount -t tmpfs none /dev/shm && exec {sys.executable} {script}"
        done = subprocess.run(
            [*_UNSHARE, "sh", "-c", shell],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        with stored(home) as store:
            wait_until(lambda: store.jobs and not store.receipt().so_far)
            texts = store.texts()
            assert store.receipt().text == "complete: 6 of 6"
    finally:
        indexer.stop()
    assert {"1", "2", "3", "err"} <= set(texts)
    [token] = [text for text in texts if "the token is" in text]
    [past] = [text for text in texts if "past Python" in text]
    assert token.startswith("the token is ***[secret:")
    assert past.startswith("past Python: ***[secret:")
    found = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in found if SECRET.encode() in path.read_bytes()]
    assert list((home / "journal" / "spool").iterdir()) == []
