"""Small programs that use qntx, as type checkers see them: right ones and wrong ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PROGRAMS = [HERE / "right.py", HERE / "wrong.py"]
#: What is said of each line that is wrong, by file and line.
Errors = dict[tuple[str, int], str]


def by_mypy() -> Errors:
    """The settings of pyproject.toml hold: it is strict."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run([*command, *PROGRAMS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode < 2, done.stdout + done.stderr
    found: Errors = {}
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"(.+?):(\d+): error: (.+)", line):
            add(found, Path(match[1]), int(match[2]), match[3])
    return found


def by_pyright() -> Errors:
    """Strict by the configuration in this folder; it looks for no newer version of itself."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "--project", str(HERE)],
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode < 2, done.stdout + done.stderr
    found: Errors = {}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        add(found, Path(one["file"]), one["range"]["start"]["line"] + 1, one["message"])
    return found


def add(found: Errors, path: Path, line: int, text: str) -> None:
    """Several things may be said of one line."""
    found[path.name, line] = f"{found.get((path.name, line), '')}\n{text}"


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_programs_are_judged_as_they_say(checker: Callable[[], Errors]) -> None:
    wanted = {
        (path.name, number): line.partition("# error: ")[2]
        for path in PROGRAMS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "# error: " in line
    }
    assert {name for name, _ in wanted} == {"wrong.py"}
    found = checker()
    assert found.keys() == wanted.keys(), [
        (place, found.get(place, wanted.get(place)))
        for place in sorted(found.keys() ^ wanted.keys())
    ]
    for place, word in wanted.items():
        assert word in found[place], f"{place}: {found[place]}"
