"""The example application, installed as far as Python can tell, and a server that has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.qntx_server import Served, said_url

APPLICATION = ROOT / "examples" / "application"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python path on which the example is installed."""
    project = tomllib.loads((APPLICATION / "pyproject.toml").read_text("utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / "acme_orders-1.0.dist-info"
    info.mkdir()
    name = f"Name: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{name}")
    points = [f"{k} = {v}" for k, v in project["entry-points"]["qntx.apps"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[qntx.apps]", *points]))
    return os.pathsep.join([str(site), str(APPLICATION)])


@pytest.fixture(scope="session")
def environment(installed: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of commands that find the example, in a data directory of their own."""
    home = str(tmp_path_factory.mktemp("orders") / "home")
    return {
        **os.environ,
        "PYTHONPATH": installed,
        "QNTX_HOME": home,
        "QNTX_ORDERS__CURRENCY": "CHF",
    }


@pytest.fixture(scope="session")
def qntx(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qntx", *arguments],
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def served(environment: dict[str, str]) -> Iterator[Served]:
    """A server with one worker."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qntx", "serve", "--port", "0", "--workers", "1"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(Path(environment["QNTX_HOME"]), said_url(process), "", environment)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr is not None
        process.stderr.close()
    finally:
        process.kill()  # what a failed test leaves; nothing, otherwise


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting is set, in the environment or in a qntx.toml."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("QNTX_"):
            monkeypatch.delenv(name)
