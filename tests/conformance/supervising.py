"""A process that supervises until it is killed: backend and folder are arguments."""

from __future__ import annotations

import sys
from pathlib import Path

from .backends import BACKENDS

if __name__ == "__main__":
    name, folder = sys.argv[1:]
    with BACKENDS[name].make(Path(folder)) as store:
        registration = store.supervisors.register()
        registration.announce(["a"])
        leadership = store.leadership("ticker")
        assert leadership.take()
        print(registration.name, flush=True)
        sys.stdin.read()
