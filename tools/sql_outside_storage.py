"""
Prints SQL that stands outside of a package's storage/: in strings of src/, and in .sql files.

Only a backend knows how its database is asked; everybody else calls `qntx.storage.interfaces`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What no sentence holds: the words of SQL in capitals, in the order that statements have them.
_WORDS = re.compile(
    r"\b(?:"
    r"SELECT\s.*\sFROM|INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|DELETE\s+FROM|UPDATE\s.*\sSET"
    r"|(?:CREATE|DROP|ALTER)\s+(?:TEMP\s+|UNIQUE\s+|VIRTUAL\s+)?(?:TABLE|INDEX|TRIGGER|VIEW)"
    r"|PRAGMA\s+\w|WITH\s+RECURSIVE|WHERE\s.*(?:=|<|>|\bIS\b|\bIN\b)|ORDER\s+BY|GROUP\s+BY"
    r"|ON\s+CONFLICT|LEFT\s+JOIN|JOIN\s+\w+.*\b(?:ON|USING)\b|(?:AND|OR|SET)\s+[\w.]+\s*=\s*[?:]"
    r"|LIMIT\s+[?:]"
    r")",
    re.DOTALL,
)
#: A whole string that is, or begins, a statement.
_BEGINNING = re.compile(
    r"\s*(?:"
    r"SELECT\s+\S|VALUES\s*\(|VACUUM\b|ANALYZE\b|EXPLAIN\s+QUERY|SAVEPOINT\s|RELEASE\s"
    r"|(?:BEGIN|COMMIT|ROLLBACK)(?:\s+(?:IMMEDIATE|EXCLUSIVE|DEFERRED|TRANSACTION))?\s*;?\s*$"
    r"|ROLLBACK\s+TO\s"
    r")",
    re.DOTALL,
)
#: Statements in small letters; whole ones only, because sentences begin like them.
_SMALL = re.compile(
    r"\s*(?:"
    r"select\s+(?:\*|[\w.]+(?:\s*,\s*[\w.]+)*|\w+\(.*\))\s+from\s+\w+\s*(?:$|;|\swhere\s|\sorder\s)"
    r"|insert\s+(?:or\s+\w+\s+)?into\s+\w+\s*(?:\(|values|select)"
    r"|update\s+\w+\s+set\s+\w+\s*=|delete\s+from\s+\w+\s*(?:$|;|where\s+\w+\s*(?:=|<|>|is|in))"
    r"|create\s+(?:temp\s+)?table\s+(?:if\s+not\s+exists\s+)?\w+\s*\(|pragma\s+\w+\s*(?:=|\(|$)"
    r"|begin\s+(?:immediate|exclusive|deferred)\s*;?\s*$|(?:commit|rollback)\s*;\s*$"
    r")",
    re.DOTALL | re.IGNORECASE,
)


def main() -> int:
    """Check src/; returns 1 when SQL was found where none belongs."""
    found, looked_at = list[str](), 0
    for path in sorted((ROOT / "src").rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[2:3] == ["storage"]:
            continue
        if path.suffix == ".sql":
            found.append(f"{name}: SQL")
        if path.suffix != ".py":
            continue
        looked_at += 1
        for line, text in statements(path.read_text("utf-8")):
            found.append(f"{name}:{line}: {shown(text)}")
    for place in found:
        print(place)
    print(f"sql_outside_storage: {looked_at} files, {len(found)} times SQL outside of storage/")
    return 1 if found else 0


def statements(source: str) -> Iterator[tuple[int, str]]:
    """The strings of a module that look like SQL, each with its line."""
    tree = ast.parse(source)
    passed_over = _prose(tree)
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.JoinedStr):
            passed_over |= {id(part) for part in node.values}
            text = "".join(_text(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = _text(node)
        else:
            continue
        if is_sql(text):
            yield node.lineno, text


def is_sql(text: str) -> bool:
    """Whether *text* looks like SQL, or like a part of it."""
    return any((_WORDS.search(text), _BEGINNING.match(text), _SMALL.match(text)))


def shown(text: str) -> str:
    """The beginning of *text*, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"


def _prose(tree: ast.Module) -> set[int]:
    """Docstrings and other strings that are not used for anything."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _text(node: ast.AST) -> str:
    """A constant's text; a value that is filled in stands as a name."""
    value = node.value if isinstance(node, ast.Constant) else "x"
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
