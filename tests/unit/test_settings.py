"""Which modules with handlers are loaded, however they are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qntx.config import load


@pytest.mark.parametrize(
    ("given", "modules"),
    [
        ("shop.jobs", ["shop.jobs"]),
        ("shop.jobs:app, shop.mail", ["shop.jobs:app", "shop.mail"]),
        ('["shop.jobs", "shop.mail"]', ["shop.jobs", "shop.mail"]),
        ("", []),
    ],
)
def test_modules_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str, modules: list[str]
) -> None:
    monkeypatch.setenv("QNTX_APP", given)
    assert load().app == modules


def test_modules_by_the_command_line_lie_where_one_is(tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text(
        "import qntx\napp = qntx.App()\n@app.handler('shop.x')\ndef x(ctx, payload): pass\n"
    )
    qntx = [sys.executable, "-P", "-m", "qntx.cli", "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [*qntx, "-A", "shop_jobs", "enqueue", "shop.x"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"JB_" in done.stdout
    wrong = subprocess.run(
        [*qntx, "-A", "shop_jbos", "enqueue", "shop.x"], cwd=tmp_path, capture_output=True
    )
    assert wrong.returncode == 1
    assert b"'shop_jbos' cannot be imported" in wrong.stderr
    assert b"Traceback" not in wrong.stderr
