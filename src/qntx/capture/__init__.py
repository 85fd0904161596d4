"""Everything that turns the output of a running job into log lines."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Door(ModuleType):
    """
    Makes ``qntx.capture(...)`` the door for everybody, whatever was imported before.

    Importing this package sets the attribute ``capture`` of ``qntx`` to it, so it has to be
    callable itself.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return importlib.import_module("qntx.foreground").capture(*arguments, **options)


sys.modules[__name__].__class__ = _Door
