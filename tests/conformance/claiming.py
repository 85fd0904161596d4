"""
A process that claims until nothing is left: backend, folder and name of the worker are arguments.

It begins when its standard input ends, and prints the ids that it got.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qntx.errors import StoreBusy
from qntx.storage.interfaces import Store

from .backends import BACKENDS


def claim_all(store: Store, worker: str) -> list[str]:
    """The ids of the jobs of ``a`` that this worker gets, a few at a time."""
    found: list[str] = []
    while True:
        try:
            jobs = store.queue.claim(3, worker, ["a"], 30)
        except StoreBusy:
            continue
        if not jobs:
            return found
        found += [job.id for job in jobs]


if __name__ == "__main__":
    name, folder, worker = sys.argv[1:]
    with BACKENDS[name].make(Path(folder)) as opened:
        print("ready", flush=True)
        sys.stdin.read()
        print("\n".join(claim_all(opened, worker)))
