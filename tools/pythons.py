"""
Runs tests on every CPython that is to be had, and says which were not.

    python tools/pythons.py                    the tests of TESTS on each of VERSIONS
    python tools/pythons.py --list             only what was found
    python tools/pythons.py 3.14 -- tests/x    those tests on that version

Interpreters are those of pyenv and uv, those on PATH, and what QNTX_PYTHONS names: interpreters, or
folders with another system in them (made with debootstrap, say; that needs root), separated by
colons. Each gets an environment of its own in build/pythons (in another system: in its
var/tmp) that is kept, and the locked versions, from wheels: no compiler is needed. Free-threaded
builds run TESTS_FREE_THREADED: not all libraries have wheels for them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from interpreters import Interpreter, found_interpreters

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
#: Capture, journal, runtime, attribution.
TESTS = ["tests/unit", "tests/runtime", "tests/faults", "--ignore=tests/faults/oracle"]
#: The journal under eight threads, and what that needs.
TESTS_FREE_THREADED = ["--noconftest", "tests/unit/test_journal_threads.py"]
NEEDED_FREE_THREADED = ["msgspec", "python-ulid", "pytest", "pytest-timeout"]
_COUNTS = re.compile(r"(\d+) (passed|failed|skipped|error)")


class Result(NamedTuple):
    """What became of the tests on one interpreter."""

    version: str
    build: str
    words: str
    failed: bool = False


def main() -> int:
    """Do what the command line says; 1 if a test failed."""
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    chosen, tests = words[:at], words[at + 1 :]
    only_list = "--list" in chosen
    wanted = [version for version in VERSIONS if version in chosen] or VERSIONS
    found = found_interpreters(ROOT, wanted)
    results = []
    for version in wanted:
        for free_threaded in (False, True):
            build = "free-threaded" if free_threaded else "default"
            interpreter = found.get((version, free_threaded))
            if interpreter is None:
                if not free_threaded or version >= "3.13":
                    results.append(Result(version, build, "not here"))
            elif only_list:
                results.append(Result(interpreter.version, build, interpreter.shown))
            else:
                results.append(tried(interpreter, build, tests))
    print()
    for result in results:
        print(f"{result.version:10} {result.build:14} {result.words}")
    return 1 if any(result.failed for result in results) else 0


def tried(interpreter: Interpreter, build: str, tests: list[str]) -> Result:
    """Install the project for *interpreter*, and run *tests* (or the usual ones)."""
    print(f"{interpreter.version} ({build}, {interpreter.shown}) …", flush=True)
    tests = tests or (TESTS_FREE_THREADED if interpreter.free_threaded else TESTS)
    log = ROOT / "build" / "pythons" / f"{interpreter.tag}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("w") as out:
        if not installed(interpreter, out.fileno()):
            words = f"not run, its libraries could not be installed: see {log.relative_to(ROOT)}"
            return Result(interpreter.version, build, words, not interpreter.free_threaded)
        several = [] if interpreter.free_threaded else ["-n", "3", "--dist", "loadfile"]
        command = ["-m", "pytest", *several, "-q", *tests]
        done = interpreter.run_in_environment(command, out.fileno())
    counts = _COUNTS.findall(log.read_text(errors="replace").rstrip().rpartition("\n")[2])
    words = ", ".join(f"{number} {what}" for number, what in counts) or f"exit code {done}"
    words += f", {time.monotonic() - started:.0f} s"
    if done:
        words += f": see {log.relative_to(ROOT)}"
    return Result(interpreter.version, build, words, done != 0)


def installed(interpreter: Interpreter, out: int) -> bool:
    """Bring the environment of *interpreter* up to date; says whether that worked."""
    interpreter.copy_project()
    if not interpreter.make_environment(out):
        return False
    constraints = subprocess.run(
        [sys.executable, "tools/lock.py", "constraints"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (interpreter.project_folder / "build" / "constraints.txt").write_text(constraints)
    pip = ["-m", "pip", "install", "--quiet", "--constraint", "build/constraints.txt"]
    pip += ["--only-binary", ":all:"]
    if not interpreter.free_threaded:
        whole = [*pip, "--editable", ".[dev,recruiting]"]
        return interpreter.run_in_environment(whole, out) == 0
    return (
        interpreter.run_in_environment([*pip, *NEEDED_FREE_THREADED], out) == 0
        and interpreter.run_in_environment([*pip, "--no-deps", "--editable", "."], out) == 0
    )


if __name__ == "__main__":
    sys.exit(main())
