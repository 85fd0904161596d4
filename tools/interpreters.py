"""Finds the CPythons of this machine, and runs things on them: for tools/pythons.py."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ASK = (
    "import ensurepip, sys, sysconfig; "
    "print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])), "
    "int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))), sys.executable)"
)
#: Runs a command in another system, as a container does: with mounts of its own (FOLDER is one, so
#: that tests can change what is mounted there), and what the kernel tells.
_ENTER = (
    "unshare",
    "--mount",
    "sh",
    "-ec",
    """
    mount --bind "$0" "$0"
    mount --rbind /dev "$0/dev"
    mount --rbind /sys "$0/sys"
    mount -t proc proc "$0/proc"
    folder=$1
    shift
    cd "$0"
    pivot_root . .
    umount -l .
    cd "$folder"
    exec "$@"
    """,
)
#: Where another system may have interpreters, beside what its own packages bring.
_PLACES = ("usr/bin", "usr/local/bin", "opt/*/bin")


@dataclass(frozen=True)
class Interpreter:
    """A CPython, of this system or (*system*) of another in a folder."""

    path: str
    version: str
    free_threaded: bool
    root: Path
    system: Path | None = None

    @property
    def shown(self) -> str:
        """Where it is."""
        return f"{self.path} in {self.system}" if self.system else self.path

    @property
    def tag(self) -> str:
        """The name of its environment and its log."""
        return self.version + ("t" if self.free_threaded else "") + ("-system" * bool(self.system))

    @property
    def project_folder(self) -> Path:
        """The checkout; for another system a copy of it that is within its reach."""
        return self.system / "var/tmp/qntx-pythons/project" if self.system else self.root

    @property
    def environment_folder(self) -> Path:
        """Its virtual environment."""
        base = self.project_folder.parent if self.system else self.root / "build" / "pythons"
        return base / self.tag

    def copy_project(self) -> None:
        """Bring the copy of the checkout up to date, if it needs one."""
        (self.project_folder / "build").mkdir(parents=True, exist_ok=True)
        if self.system is None:
            return
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("src", "tests"):  # what was removed is to be gone there, too
            shutil.rmtree(self.project_folder / name, ignore_errors=True)
        for name in filter(None, listed.split("\0")):
            source, target = self.root / name, self.project_folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def make_environment(self, out: int) -> bool:
        """Make its environment unless it is there; says whether that worked."""
        if (self.environment_folder / "bin" / "python").is_symlink():
            return True
        self.environment_folder.parent.mkdir(parents=True, exist_ok=True)
        return self._run([self.path, "-m", "venv", self._inside(self.environment_folder)], out) == 0

    def run_in_environment(self, arguments: list[str], out: int) -> int:
        """Run its environment's python with *arguments* in the project; returns the exit code."""
        python = self._inside(self.environment_folder / "bin" / "python")
        return self._run([python, *arguments], out)

    def _inside(self, path: Path) -> str:
        return str(Path("/") / path.relative_to(self.system)) if self.system else str(path)

    def _run(self, command: list[str], out: int) -> int:
        env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        if self.system is not None:
            # Neither its programs nor its files are where the variables of this system say.
            env = {k: v for k, v in env.items() if not v.startswith("/") or self._has(v)}
            env |= {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C.UTF-8"}
            env["PATH"] = f"{self._inside(self.environment_folder / 'bin')}:{env['PATH']}"
            command = [*_ENTER, str(self.system), self._inside(self.project_folder), *command]
        quiet = subprocess.DEVNULL
        return subprocess.run(
            command, check=False, cwd=self.root, env=env, stdin=quiet, stdout=out, stderr=out
        ).returncode

    def _has(self, path: str) -> bool:
        assert self.system is not None, "asked for another system only"
        return (self.system / path.lstrip("/")).exists()


def found_interpreters(root: Path, versions: list[str]) -> dict[tuple[str, bool], Interpreter]:
    """The newest CPython of each of *versions*, by version and whether it is free-threaded."""
    best: dict[tuple[str, bool], Interpreter] = {}
    for path, system in _candidates(versions):
        one = _asked(path, system, root)
        if one is None:
            continue
        key = one.version.rpartition(".")[0], one.free_threaded
        other = best.get(key)
        if key[0] in versions and (other is None or _micro(one) > _micro(other)):
            best[key] = one
    return best


def _micro(one: Interpreter) -> int:
    return int(one.version.rpartition(".")[2])


def _candidates(versions: list[str]) -> Iterator[tuple[Path, Path | None]]:
    """Interpreters that may be there, and in which other system."""
    names = [f"python{version}{suffix}" for version in versions for suffix in ("", "t")]
    for word in filter(None, os.environ.get("QNTX_PYTHONS", "").split(os.pathsep)):
        named = Path(word)
        if not named.is_dir():
            yield named, None
            continue
        for place in _PLACES:
            for name in names:
                for path in sorted(named.glob(f"{place}/{name}")):
                    yield Path("/") / path.relative_to(named), named
    for name in names:
        path_found = shutil.which(name)
        if path_found:
            yield Path(path_found), None
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in sorted(pyenv.glob("versions/*/bin/python")):
        yield path, None
    yield from _of_uv()


def _of_uv() -> Iterator[tuple[Path, None]]:
    if shutil.which("uv") is None:
        return
    listed = subprocess.run(
        ["uv", "python", "list", "--only-installed", "--no-python-downloads"],
        check=False,
        capture_output=True,
        text=True,
    )
    for line in listed.stdout.splitlines():
        words = line.split()
        if len(words) > 1:
            yield Path(words[1]), None


def _asked(path: Path, system: Path | None, root: Path) -> Interpreter | None:
    """The CPython at *path*; None where none runs, or it cannot make virtual environments."""
    prefix = ["chroot", str(system)] if system else []
    try:
        said = subprocess.run(
            [*prefix, str(path), "-c", _ASK],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = said.stdout.strip().split(" ", 3)
    if said.returncode or len(words) != 4 or words[0] != "cpython":
        return None
    return Interpreter(words[3], words[1], words[2] == "1", root, system)
