"""ATS code of orders: ``import PATH`` as what a schedule runs."""

from __future__ import annotations

import shlex

from qntx.application import HandlerNames, ResolvedCode
from qntx.errors import BadInput


def resolve(code: str, registered: HandlerNames, actor: str) -> ResolvedCode:
    """The import of the one file that *code* names; raises BadInput for anything else."""
    words = shlex.split(code)
    if len(words) != 2:
        raise BadInput(f"{code[:80]!r} cannot be understood - write import PATH")
    payload = {"path": words[1]}
    return ResolvedCode(handler_name="orders.import", payload=payload, source=words[1])
