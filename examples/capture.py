"""
Any Python code as a run whose log explains it: ``python examples/capture.py``.

Then ``qntx jobs`` and ``qntx logs JB_… --tree``.
"""

from __future__ import annotations

import logging
import subprocess

import qntx


def main() -> None:
    """Load orders and check customers, each in a stage; prints and records end up in the log."""
    with qntx.capture("nightly-import") as emit:
        with emit.stage("load", "Loading orders"):
            print("4,211 rows")
            subprocess.run(["echo", "said by another program"], check=True)
        with emit.stage("check"):
            for customer in ("C-1", "C-2"):
                with emit.task(customer):
                    logging.warning("balance of %s is low", customer)


if __name__ == "__main__":
    main()
