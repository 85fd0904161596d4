"""What a command says when it cannot go on: one sentence and exit code 1, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, store

pytestmark = pytest.mark.slow

ODD = os.fsdecode(b"a\xff")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(open_database(tmp_path / "home" / "qntx.db")) as db:
        store(db, "JB_1", [Said("é → \U0001f600".encode())])
    return tmp_path / "home"


def qntx(
    home: Path | str, *arguments: str, output: Path | None = None, **env: str
) -> tuple[int, str, str]:
    """Exit code, standard output (or what *output* took), standard error."""
    with open(output or os.devnull, "wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "qntx", "--home", str(home), *arguments],
            env=os.environ | env,
            stdout=file if output else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ["logs", ODD],
        ["logs", "JB_1", "--text", ODD],
        ["logs", "JB_1", "--stage", ODD],
        ["search", ODD],
        ["search", "x", "--handler", ODD],
        ["jobs", ODD],
        ["cancel", ODD],
        ["explain", ODD],
    ],
    ids=" ".join,
)
def test_an_argument_that_is_not_utf8(home: Path, arguments: list[str]) -> None:
    code, _, said = qntx(home, *arguments)
    assert (code, said) == (
        1,
        "error: 'a\\xff' is no UTF-8, as all that is kept or looked for - write it in UTF-8\n",
    )


@pytest.mark.parametrize("command", ["jobs", "token", "retention run", "doctor"])
@pytest.mark.parametrize("where", ["/dev/null", "/proc/none", "/proc/none/deeper"])
def test_a_data_directory_that_cannot_be_one(where: str, command: str) -> None:
    code, shown, said = qntx(where, *command.split())
    assert code == 1
    assert "Traceback" not in said
    assert "error: " in said or (command == "doctor" and "cannot be used: " in shown)


def test_a_data_directory_whose_name_is_not_utf8(tmp_path: Path) -> None:
    code, _, said = qntx(str(tmp_path / ODD), "jobs")
    assert code == 1
    assert said.endswith(
        "a\\xff/qntx.db' is no UTF-8, as all that is kept or looked for - write it in UTF-8\n"
    )


@pytest.mark.parametrize("arguments", [["jobs"], ["logs", "JB_1"], ["logs", "JB_1", "--json"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_an_output_that_takes_nothing(home: Path, arguments: list[str]) -> None:
    code, _, said = qntx(home, *arguments, output=Path("/dev/full"))
    assert code != 0
    assert "error: [Errno 28] No space left on device - look at" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_characters(home: Path, encoding: str) -> None:
    code, _, said = qntx(home, "jobs", output=home / "out", PYTHONIOENCODING=encoding)
    assert (code, said) == (0, "")
    assert b"\\u2713 completed  JB_1" in (home / "out").read_bytes()
    assert qntx(home, "logs", "JB_1", output=home / "out", PYTHONIOENCODING=encoding)[0] == 0
    assert b"\\u2192 \\U0001f600" in (home / "out").read_bytes()


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999"])
def test_an_attempt_that_cannot_be_is_refused_as_by_the_api(home: Path, number: str) -> None:
    code, _, said = qntx(home, "logs", "JB_1", "--attempt", number)
    assert code == 2
    assert "is not in the range 1<=x<=2147483647" in said
