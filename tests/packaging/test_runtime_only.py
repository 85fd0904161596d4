"""The runtime installed without the extra of recruiting: it works, and says what to install."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from qntx_recruiting.application import APPLICATION
from tests.support.paths import ROOT
from tests.support.qntx_server import said_url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Command = Callable[..., subprocess.CompletedProcess[str]]
ADVICE = "belongs to the application 'recruiting', which is not installed - pip install"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel of this checkout and what it requires."""
    folder = tmp_path_factory.mktemp("runtime")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, env={**os.environ, "QNTX_SKIP_WEB": "1"}, check=True)
    (wheel,) = folder.glob("*.whl")
    locked = [sys.executable, "tools/lock.py", "constraints"]
    versions = folder / "constraints.txt"
    versions.write_bytes(subprocess.run(locked, cwd=ROOT, capture_output=True, check=True).stdout)
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--constraint", str(versions), str(wheel)]
    subprocess.run(install, check=True)
    return python


@pytest.fixture(scope="module")
def run(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs that Python, in a folder with a data directory of its own."""
    folder = tmp_path_factory.mktemp("work")

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python), *arguments],
            cwd=folder,
            env={**environment(folder), **more},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def environment(folder: Path) -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("QNTX_", "PYTHON"))}
    return {**ours, "QNTX_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}


def test_the_description_of_recruiting_requires_what_its_extra_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = [text.partition(">")[0] for text in project["optional-dependencies"]["recruiting"]]
    assert list(APPLICATION.requires) == extra


def test_nothing_that_only_recruiting_needs_is_there(run: Command) -> None:
    names = [name.replace("-", "_") for name in APPLICATION.requires]
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n.lower())])"
    assert run("-c", code).stdout == "[]\n"


def test_a_block_is_captured(run: Command) -> None:
    assert run(str(ROOT / "examples" / "capture.py")).returncode == 0
    shown = run("-m", "qntx", "search", "balance of C-2")
    assert "balance of C-2 is low" in shown.stdout


def test_a_command_is_captured(run: Command) -> None:
    script = str(ROOT / "examples" / "backup.sh")
    done = run("-m", "qntx", "run", "--name", "backup", "--", script)
    assert done.returncode == 3
    job_id = done.stderr.split()[1]
    assert "no space left" in run("-m", "qntx", "logs", job_id, "--stage", "send").stdout


def test_a_queue_with_a_worker_and_a_server(python: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    serve = [str(python), "-m", "qntx", "-A", "examples.queue_app", "serve", "--port", "0"]
    process = subprocess.Popen(serve, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        url = said_url(process)
        asked = [str(python), "-m", "examples.queue_app", "2026-01-31"]
        put = subprocess.run(asked, cwd=tmp_path, env=env, capture_output=True, text=True)
        job_id = put.stdout.strip()
        follow = [str(python), "-m", "qntx", "logs", job_id, "-f"]
        told = subprocess.run(follow, cwd=tmp_path, env=env, capture_output=True, timeout=60)
        assert b"4211 rows sent" in told.stdout
        with urlopen(f"{url}/api/pulse/jobs/{job_id}", timeout=30) as answer:
            assert b'"status":"completed"' in answer.read()
        with urlopen(f"{url}/api/pulse/pages", timeout=30) as answer:
            assert answer.read() == b'{"pages":[],"count":0}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()  # what a failed test leaves; nothing, otherwise
        assert process.stderr is not None
        process.stderr.close()


def test_what_belongs_to_recruiting_says_what_to_install(run: Command, tmp_path: Path) -> None:
    command = run("-m", "qntx", "ix", "job.txt")
    assert command.returncode == 2
    assert f"the command 'ix' {ADVICE} 'qntx-pulse[recruiting]'" in command.stderr
    setting = run("-m", "qntx", "jobs", QNTX_FETCH__DELAY_S="1")
    assert setting.returncode == 1
    assert f"setting 'fetch.delay_s' {ADVICE}" in setting.stderr
    code = run("-m", "qntx", "schedules", "create", "ix https://x.example/jobs", "--every", "6h")
    assert code.returncode == 1
    assert f"'ix' {ADVICE}" in code.stderr
    assert "ix" not in run("-m", "qntx", "--help").stdout.split()


def test_its_database_has_no_tables_of_recruiting(run: Command) -> None:
    code = (
        "import os, sqlite3; database = sqlite3.connect(os.environ['QNTX_HOME'] + '/qntx.db');"
        "print(database.execute('SELECT name FROM sqlite_master').fetchall())"
    )
    assert run("-m", "qntx", "jobs").returncode == 0
    tables = run("-c", code).stdout
    assert "async_ix_jobs" in tables
    assert "candidates" not in tables
