"""
Compares uv.lock with pyproject.toml, and gives it to pip, which cannot read it.

    python tools/lock.py check          1 and what is stale when the lock is not of this pyproject
    python tools/lock.py constraints    the locked versions as a constraints file, on stdout
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Where anybody can get what is locked; an index of one machine or company is not that.
INDEX = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/"
#: uv writes the clauses of a marker in another order, so they are compared one by one.
_BETWEEN = re.compile(r"[()]|\band\b|\bor\b")


def main() -> int:
    """Do what the first argument says; returns the exit code."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    if sys.argv[1:] == ["constraints"]:
        print("\n".join(constraints(lock)))
        return 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wrong = stale(project, lock) + private(lock)
    for line in wrong:
        print(line)
    print(f"lock: {len(lock['package'])} packages, {len(wrong)} wrong (make lock writes it anew)")
    return 1 if wrong else 0


def constraints(lock: dict[str, Any]) -> list[str]:
    """The locked versions for pip, each with the environments that it is for."""
    lines = []
    for package in lock["package"]:
        if "registry" in package["source"]:
            where = " or ".join(f"({marker})" for marker in package.get("resolution-markers", []))
            lines.append(f"{package['name']}=={package['version']}" + (f" ; {where}" * bool(where)))
    return lines


def stale(project: dict[str, Any], lock: dict[str, Any]) -> list[str]:
    """What pyproject.toml asks for and the lock was not made of, and the other way round."""
    ours = next(p for p in lock["package"] if p["name"] == project["name"])["metadata"]
    wanted = {_written(text, None) for text in project["dependencies"]}
    for extra, texts in project["optional-dependencies"].items():
        wanted |= {_written(text, extra) for text in texts}
    locked = {_locked(entry) for entry in ours["requires-dist"]}
    wrong = [f"pyproject.toml has {one}, uv.lock does not" for one in sorted(wanted - locked)]
    wrong += [f"uv.lock has {one}, pyproject.toml does not" for one in sorted(locked - wanted)]
    if set(project["optional-dependencies"]) != set(ours.get("provides-extras", [])):
        wrong.append("the extras of uv.lock are not those of pyproject.toml")
    if project["requires-python"] != lock["requires-python"]:
        wrong.append(f"uv.lock is for Python {lock['requires-python']}")
    return wrong


def private(lock: dict[str, Any]) -> list[str]:
    """Sources of the lock that not everybody can reach."""
    wrong = []
    for package in lock["package"]:
        source = package["source"]
        if source != {"editable": "."} and source != {"registry": INDEX}:
            wrong.append(f"{package['name']} is locked from {source}")
        archives = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        if any(not archive.get("url", "").startswith(FILES) for archive in archives):
            wrong.append(f"{package['name']} is locked with archives that are not PyPI's")
    return wrong


def _written(text: str, extra: str | None) -> str:
    """A requirement of pyproject.toml in one spelling; *extra* is the one that asks for it."""
    wanted, _, marker = text.partition(";")
    return _spelled(wanted, f'{marker} and extra == "{extra}"' if extra else marker)


def _locked(entry: dict[str, Any]) -> str:
    """As :func:`_written`, of an entry in the lock."""
    extras = f"[{','.join(entry.get('extras', []))}]"
    return _spelled(entry["name"] + extras + entry.get("specifier", ""), entry.get("marker", ""))


def _spelled(wanted: str, marker: str) -> str:
    # What pytest brings along, and `constraints` does without.
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    text = marker.replace("'", '"').replace("python_version", "python_full_version")
    clauses = {"".join(clause.split()) for clause in _BETWEEN.split(text)} - {""}
    found = Requirement(wanted)
    found.name = canonicalize_name(found.name)
    return f"{found} {' '.join(sorted(clauses))}".strip()


if __name__ == "__main__":
    raise SystemExit(main())
