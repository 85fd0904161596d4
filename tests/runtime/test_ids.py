"""Ids: unique in and between processes, and in the order in which they were made."""

from __future__ import annotations

import os
import threading

import pytest
from ulid import ULID

from qntx.model import ids
from qntx.model.ids import is_id, new_id


def test_ids_are_ulids_in_order() -> None:
    made = [new_id("JB") for _ in range(20_000)]
    assert made == sorted(set(made))
    first, last = (ULID.from_str(one.removeprefix("JB_")) for one in (made[0], made[-1]))
    assert first.timestamp <= last.timestamp
    assert all(is_id(one) for one in made[:10])


def test_the_clock_may_go_back() -> None:
    before = new_id("JB")
    ids._last += 1_000 << 80  # as if it had been a second later
    after = [new_id("JB") for _ in range(3)]
    assert [before, *after] == sorted({before, *after})
    ids._last = 0


# pytest-xdist has a thread of its own, of which os.fork warns from Python 3.12 on.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.slow
def test_threads_and_forked_children_make_ids_of_their_own() -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend([new_id("JB") for _ in range(2_000)]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000
    out, into = os.pipe()
    for _ in range(2):
        if os.fork() == 0:
            os.write(into, "".join(new_id("JB") for _ in range(50)).encode())
            os._exit(0)
    for _ in range(2):
        os.wait()
    text = os.read(out, 1 << 16).decode()
    born = [text[n : n + 29] for n in range(0, len(text), 29)]
    os.close(out)
    os.close(into)
    assert len(set(born) | set(made)) == 8_100
