"""How much is tried: some in every test run, much in ``make faults``."""

from __future__ import annotations

import os

#: Whether the long forms run (``make faults``).
FULL = os.environ.get("QNTX_FAULTS") == "full"


def times(quick: int, full: int) -> int:
    """How often something is tried: *quick* in every test run, *full* in ``make faults``."""
    return full if FULL else quick
