"""A process that enqueues one job: backend and folder are arguments."""

from __future__ import annotations

import sys
from pathlib import Path

from .backends import BACKENDS
from .queueing import enqueue

if __name__ == "__main__":
    name, folder = sys.argv[1:]
    with BACKENDS[name].make(Path(folder)) as store:
        print(enqueue(store))
