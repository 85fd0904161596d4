"""
Prints what is over the budgets of the code: file and function length, methods of a class.

A budget that is exceeded on purpose has its reason in the code: ``# budget: why``.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, USUAL_LINES, METHODS = 300, 50, 30, 12
USUAL_SHARE = 0.9
FORBIDDEN = {"utils", "helpers", "common", "misc", "base", "manager"}


def main() -> int:
    """Check src/; returns 1 when something is over without a reason."""
    over: list[str] = []
    lengths: list[int] = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text("utf-8")
        name = path.relative_to(ROOT)
        excused = "# budget:" in text
        lines = text.count("\n")
        if lines > FILE_LINES and not excused:
            over.append(f"{name}: {lines} lines, at most {FILE_LINES}")
        if path.stem in FORBIDDEN:
            over.append(f"{name}: a module called {path.stem} says nothing about what is in it")
        tree = ast.parse(text)
        if not ast.get_docstring(tree):
            over.append(f"{name}: no sentence that says what the module is for")
        over += _over_in(name, tree, lengths, excused)
    usual = sum(length <= USUAL_LINES for length in lengths) / len(lengths)
    if usual < USUAL_SHARE:
        over.append(f"{usual:.0%} of functions have at most {USUAL_LINES} lines, wanted 90 %")
    for line in over:
        print(line)
    print(
        f"budgets: {len(lengths)} functions, {usual:.0%} within {USUAL_LINES} lines, "
        f"{len(over)} over"
    )
    return 1 if over else 0


def _over_in(name: Path, tree: ast.Module, lengths: list[int], excused: bool) -> list[str]:
    over = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            lengths.append(length)
            if length > FUNCTION_LINES and not excused:
                over.append(f"{name}:{node.lineno}: {node.name} has {length} lines")
        if isinstance(node, ast.ClassDef):
            public = [
                n
                for n in node.body
                if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
                and not n.name.startswith("_")
            ]
            if len(public) > METHODS and not excused:
                over.append(f"{name}:{node.lineno}: {node.name} has {len(public)} public methods")
    return over


if __name__ == "__main__":
    raise SystemExit(main())
