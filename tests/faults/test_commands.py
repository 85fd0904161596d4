"""``qntx run -- COMMAND``: any program's output, byte for byte, whoever dies first."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.oracle.harness import pause
from tests.support.data_directory import files_with, index_rest, segments, stored
from tests.support.effort import FULL, times
from tests.support.paths import ROOT
from tests.support.processes import children_of, command_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(600 if FULL else 90)


def start(home: Path, *command: str, **options: object) -> subprocess.Popen[bytes]:
    """Start ``qntx run`` with *command*."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QNTX_")}
    environment |= {"QNTX_HOME": str(home), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    environment |= options.pop("env", {})  # type: ignore[arg-type]
    return subprocess.Popen(
        [sys.executable, "-m", "qntx.cli", "run", "--name", "command", "--", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def run(home: Path, *command: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end."""
    process = start(home, *command, **options)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


PYTHON = sys.executable

OUTPUT = {
    "text": b"one\ntwo\n",
    "no final newline": b"one\ntwo",
    "empty lines": b"\n\none\n\n",
    "CRLF": b"one\r\ntwo\r\n",
    "progress bar": b"10%\r20%\r100%\ndone\n",
    "every byte": bytes(range(256)),
    "invalid UTF-8": b"\xff\xfe\xc3\x28\n",
    "NUL": b"a\0b\n\0\n",
    "ANSI": b"\x1b[31mred\x1b[0m\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", OUTPUT)
def test_what_a_command_writes_is_stored_and_passed_through(tmp_path: Path, name: str) -> None:
    home, data = tmp_path / "home", OUTPUT[name]
    (tmp_path / "data").write_bytes(data)
    done = run(home, "cat", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (0, data)
    expected = data.split(b"\n")
    if name == "progress bar":
        expected[0] = b"100%"  # what a terminal shows in the end
    with stored(home) as store:
        assert [whole for _, whole in store.lines()] == (
            expected if expected[-1] else expected[:-1]
        )
        assert store.status() == ("completed", "completed")
        assert store.receipt().complete


@pytest.mark.parametrize("split", range(1, 12) if FULL else (1, 4, 6, 9))
def test_a_command_may_write_in_pieces(tmp_path: Path, split: int) -> None:
    """A pause within a character, a line end or an escape changes nothing."""
    home = tmp_path / "home"
    data = "é€\r\n\x1b[1m€".encode()
    code = (
        "import os, time\n"
        f"os.write(1, {data[:split]!r}); time.sleep(0.05); os.write(1, {data[split:]!r})"
    )
    done = run(home, PYTHON, "-c", code)
    assert done.stdout == data
    with stored(home) as store:
        assert [whole for _, whole in store.lines()] == data.split(b"\n")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("newline", [True, False])
def test_a_very_large_line_of_a_command(tmp_path: Path, newline: bool) -> None:
    home = tmp_path / "home"
    size = times(8, 100) << 20
    data = (b"0123456789abcdef" * (size // 16)) + (b"\n" if newline else b"")
    (tmp_path / "data").write_bytes(data)
    done = run(home, "cat", str(tmp_path / "data"))
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    with stored(home) as store:
        ((line, whole),) = store.lines()
        assert hashlib.sha256(whole).digest() == hashlib.sha256(data.rstrip(b"\n")).digest()
        assert line.size == size


def test_a_command_runs_in_a_folder_that_was_removed(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = [sys.executable, "-m", "qntx.cli", "--home", str(tmp_path / "home")]
    within = 'rmdir "$PWD"; exec "$@" run -q -- echo all the same'
    done = subprocess.run(
        ["sh", "-c", within, "sh", *program],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, b"all the same\n"), done.stderr


def test_a_job_has_the_name_of_its_command(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "folder"
    folder.mkdir()
    for command in ("/bin/true", f"{folder}/"):
        words = [PYTHON, "-m", "qntx.cli", "--home", str(home), "run", "-q", "--", command]
        subprocess.run(words, check=False, capture_output=True, timeout=60)
    with stored(home) as store:
        names = store.db.execute("SELECT handler_name FROM async_ix_jobs ORDER BY rowid").fetchall()
    assert names == [("true",), ("folder",)]


def test_exit_codes_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "sh", "-c", "exit 0").returncode == 0
    assert run(home, "sh", "-c", "echo a; exit 7").returncode == 7
    assert run(home, "sh", "-c", "kill -9 $$").returncode == 137
    assert run(home, "sh", "-c", "kill -40 $$").returncode == 168
    missing = run(home, "/no/such/command")
    assert missing.returncode == 127
    assert b"qntx: cannot run '/no/such/command': No such file or directory" in missing.stderr
    plain = tmp_path / "plain"
    plain.touch(0o600)
    refused = run(home, str(plain))
    assert refused.returncode == 126
    assert b"Permission denied - see that it may be executed" in refused.stderr
    with stored(home) as store:
        statuses = [store.status(job)[0] for job in store.jobs]
        assert statuses == ["completed", "failed", "failed", "failed", "failed", "failed"]
        assert all(store.receipt(job).complete for job in store.jobs)


def test_file_names_need_not_be_utf8(tmp_path: Path) -> None:
    """Latin-1 names of old archives and the like: the command gets them byte for byte."""
    home, name = tmp_path / "home", os.fsdecode(b"caf\xe9")
    done = run(home, "printf", "%s", name)
    assert (done.returncode, done.stdout) == (0, b"caf\xe9"), done.stderr
    shown = subprocess.run(
        [sys.executable, "-m", "qntx.cli", "--home", str(home), "jobs", "--json"],
        capture_output=True,
        check=True,
    )
    (job,) = json.loads(shown.stdout)["jobs"]
    assert job["source"] == "printf %s caf\\xe9"


def test_lines_switch_stage_and_task(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(
        home,
        "sh",
        "-c",
        "echo before; echo '::stage:: one'; echo in one; echo err one >&2;"
        " sleep 0.1; echo '::task:: t1'; echo in t1; sleep 0.1; echo '::stage:: two'; echo in two;"
        " echo '::stage::'; echo '::nothing:: x'; echo still two",
    )
    with stored(home) as store:
        places = {whole.decode(): (line.stage, line.task_id) for line, whole in store.lines()}
    assert places["before"] == (None, None)
    assert places["in one"] == ("one", None)
    assert places["in t1"] == ("one", "t1")
    assert places["in two"] == ("two", None)
    assert places["still two"] == ("two", None)


#: Says numbered lines as fast as it can, and acknowledges each in a file.
FLOOD = """
import os, sys
ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while True:
    n += 1
    os.write(1, b"line %d of the flood\\n" % n)
    os.write(ledger, b"%d\\n" % n)
"""


def acknowledged(path: Path) -> list[int]:
    """The numbers in the ledger."""
    try:
        return [
            int(line)
            for line in path.read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("victim", ["command", "qntx run", "both"])
def test_a_kill_in_the_middle_loses_nothing_that_was_written(
    tmp_path: Path, chance: random.Random, victim: str
) -> None:
    """What write(2) has returned for is on its way to the log, whoever is killed."""
    home = tmp_path / "home"
    for trial in range(times(2, 20)):
        ledger = tmp_path / f"ledger{victim}{trial}".replace(" ", "")
        process = start(home, PYTHON, "-c", FLOOD, str(ledger), start_new_session=True)
        wait_until(lambda ledger=ledger: len(acknowledged(ledger)) > 20, "lines flow")
        command = wait_until(
            lambda process=process: [
                c for c in children_of(process.pid) if b"of the flood" in command_of(c)
            ],
            "the command runs",
        )[0]
        pause(chance, 0.1)
        if victim != "command":
            process.kill()
        if victim != "qntx run":
            os.kill(command, signal.SIGKILL)
        else:
            more = len(acknowledged(ledger))
            wait_until(
                lambda ledger=ledger, more=more: len(acknowledged(ledger)) > more + 20,
                "the command goes on",
            )
            os.kill(command, signal.SIGKILL)
        process.communicate(timeout=60)
        numbers = acknowledged(ledger)
        index_rest(home)
        with stored(home) as store:
            job = store.jobs[-1]

            def flood(store: object = store, job: str = job) -> list[int]:
                return [
                    int(text.split()[1])
                    for text in store.texts(job)  # type: ignore[attr-defined]
                    if text.startswith("line ")
                ]

            found = flood()
            assert found == list(range(1, len(found) + 1))
            assert len(numbers) <= len(found) <= len(numbers) + 1
            assert store.status(job) == ("failed", "failed")
            assert store.receipt(job).complete
    assert segments(home) == []


def test_secrets_of_the_command_line_and_of_its_output_are_masked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret, token = "a-value-of-the-environment", "ghp_" + "a1B2c3D4e5" * 4
    done = run(
        home,
        "sh",
        "-c",
        f'echo $SOME_TOKEN; echo {token}; printf "half {token[:20]}"; sleep 0.1; echo {token[20:]}',
        env={"SOME_TOKEN": secret},
    )
    assert secret.encode() in done.stdout, "the console is the user's own"
    with stored(home) as store:
        assert all("***[" in text for text in store.texts()), store.texts()
        assert len(store.texts()) == 3
    assert files_with(home, secret.encode()) == []
    assert files_with(home, token.encode()) == []


def test_a_private_key_is_masked_line_by_line(tmp_path: Path) -> None:
    """It was never registered, and it goes past Python: a command prints it, slowly."""
    home = tmp_path / "home"
    body = [
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" + str(n)
        for n in range(9)
    ]
    pem = tmp_path / "key.pem"
    pem.write_text(
        "\n".join(
            ["before", "-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----", "after"]
        )
        + "\n"
    )
    done = run(
        home, "sh", "-c", 'while read -r line; do echo "$line"; sleep 0.02; done < "$0"', str(pem)
    )
    assert done.returncode == 0
    with stored(home) as store:
        texts = store.texts()
    assert [texts[0], texts[-1]] == ["before", "after"]
    assert all(text.startswith("***[private-key:") for text in texts[1:-1]), texts
    assert files_with(home, b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC") == []


def test_what_follows_an_option_with_a_secret_name_is_masked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(
        home,
        "echo",
        "--api-token",
        "word-of-a-person",
        "--password",
        "another one",
        "--verbose",
        "x",
    )
    with stored(home) as store:
        source, payload = store.db.execute("SELECT source, payload FROM async_ix_jobs").fetchone()
    for kept in (source, payload):
        assert "word-of-a-person" not in kept
        assert "another one" not in kept
        assert kept.count("***[value:") == 2
        assert "--verbose" in kept


def test_a_flood_of_a_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    many = times(100_000, 1_000_000)
    done = run(home, "seq", str(many))
    assert len(done.stdout.splitlines()) == many
    with stored(home) as store:
        rows = store.db.execute("SELECT message FROM log_lines ORDER BY id").fetchall()
        assert [int(row[0]) for row in rows] == list(range(1, many + 1))
        assert store.receipt().complete
