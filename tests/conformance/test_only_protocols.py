"""The suite knows nothing of a backend: what it asks for, any backend can be asked for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
#: Imported by the suite: its own modules, what tests share, and these of the runtime.
ALLOWED = (
    "qntx.clock",
    "qntx.config",
    "qntx.errors",
    "qntx.indexer",
    "qntx.journal.format",
    "qntx.model",
    "qntx.storage.interfaces",
)
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ", "CREATE TABLE")


def imported(tree: ast.AST) -> set[str]:
    """The modules that a module imports from qntx, and drivers of databases."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("qntx", "apsw", "sqlite3", "psycopg")}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_module_knows_a_backend(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    allowed = (*ALLOWED, "qntx.storage") if path.stem == "backends" else ALLOWED
    strange = {
        name
        for name in imported(tree)
        if not any(name == one or name.startswith(one + ".") for one in allowed)
        or name.startswith("qntx.storage.sqlite")
    }
    assert strange == set()
    if path.stem != Path(__file__).stem:
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        sql = [text for text in texts if isinstance(text, str) and text.startswith(SQL)]
        assert sql == []
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not names & {"connection", "_db"}, "what only one backend has"
