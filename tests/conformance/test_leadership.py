"""One leader at a time, and none that outlives its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from qntx.storage.interfaces import Store

from .backends import Backend

LEADER = """
import sys
from pathlib import Path
from tests.conformance.backends import BACKENDS
with BACKENDS[sys.argv[1]].make(Path(sys.argv[2])) as store:
    leadership = store.leadership("test")
    print(leadership.take(), flush=True)
    sys.stdin.read()
"""


def test_one_leads_until_it_gives_it_back(backend: Backend, store: Store, folder: Path) -> None:
    first = store.leadership("test")
    with backend.make(folder) as other:
        second = other.leadership("test")
        assert second.is_taken() is None
        assert first.take()
        assert first.take(), "who leads already goes on"
        assert first.is_taken()
        assert second.is_taken()
        assert not second.take()
        assert other.leadership("another").take()
        second.release()
        assert first.is_taken(), "only who leads can give it back"
        first.release()
        assert second.is_taken() is False
        assert second.take()
        assert not first.take()
        second.release()


def test_a_killed_leader_leads_no_more(backend: Backend, store: Store, folder: Path) -> None:
    leadership = store.leadership("test")
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, backend.name, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert leader.stdout is not None
    try:
        assert leader.stdout.readline() == b"True\n"
        assert leadership.is_taken()
        assert not leadership.take()
    finally:
        leader.kill()
        leader.communicate()
    assert leadership.take()
    leadership.release()
