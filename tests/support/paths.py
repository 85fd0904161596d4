"""Where the project and its examples are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
#: Those of recruiting: documents, candidates, a career site.
EXAMPLES = ROOT / "examples" / "recruiting"


def example_module(name: str) -> ModuleType:
    """A script of the examples folder as a module."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
