"""Programs run twice, with and without a job around a block: what they show must be the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.data_directory import stored
from tests.support.programs import run_program

#: A program whose block is a job, or is none: ``PLAIN``.
_BLOCK = """
import contextlib
job = contextlib.nullcontext() if os.environ.get("PLAIN") else __import__("qntx").capture("x")
"""

_NUMBER = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?(e-\d+)?")


class Said(NamedTuple):
    """A line of the log."""

    source: str
    level: str
    logger: str | None
    message: str
    metadata: Any

    def __str__(self) -> str:
        """Source (or level and logger, for a record) and the first row of the message."""
        who = f"{self.level} {self.logger}" if self.source == "logging" else self.source
        return f"{who}: {self.message.splitlines()[0] if self.message else ''}"


def said(tmp_path: Path, body: str, *, has_times: bool = False) -> list[Said]:
    """
    The lines of the job of *body*, which has its block in ``with job:``.

    What it shows must be what it shows without capture; *has_times*: except for numbers.
    """
    home = tmp_path / "captured" / "home"
    env = {"QNTX_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"}
    plain = run_program(tmp_path / "plain" / "home", _BLOCK + body, env={**env, "PLAIN": "1"})
    captured = run_program(home, _BLOCK + body, env=env)
    for done in (plain, captured):
        assert done.returncode == 0, done.stderr.decode()

    def shown(output: bytes) -> str:
        text = output.decode()
        text = text.replace(str(tmp_path / "captured"), "").replace(str(tmp_path / "plain"), "")
        return _NUMBER.sub("0", text) if has_times else text

    assert shown(captured.stdout) == shown(plain.stdout)
    assert shown(captured.stderr) == shown(plain.stderr)
    with stored(home) as store:
        assert store.receipt().complete
        return [
            Said(line.source, line.level, line.logger, whole.decode(), line.metadata)
            for line, whole in store.lines()
        ]
