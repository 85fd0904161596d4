"""A worker: ``python -m qntx.cli.worker_process SOCKET LOCK SETTINGS RELAY HOLDER``."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys

from qntx.builtin import built_in_app
from qntx.config import load
from qntx.journal import relay
from qntx.runtime.worker import Worker


def main() -> None:
    """
    Load the application, then execute what comes over the socket with descriptor SOCKET.

    SETTINGS is the descriptor of a file with the settings, as JSON; RELAY and HOLDER are those by
    which output that goes past Python is handed over.
    """
    end = socket.socket(fileno=int(sys.argv[1]))
    # What handlers start gets neither the socket nor the lock that says that we live.
    end.set_inheritable(False)
    os.set_inheritable(int(sys.argv[2]), False)
    relay.connect(int(sys.argv[4]), int(sys.argv[5]))
    with open(int(sys.argv[3]), encoding="utf-8") as file:
        app = built_in_app(load(**json.load(file)))
    gc.freeze()  # what is loaded now stays: no collection has to look at it again
    Worker(end, app.registry, app.settings, app.ports).run()


if __name__ == "__main__":
    main()
