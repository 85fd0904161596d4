"""The queue by hand: qntx enqueue, cancel, pause, resume, retry and worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from qntx.app import App
from qntx.cli import main
from tests.support.paths import ROOT
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    return tmp_path / "home"


def qntx(home: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments], input=stdin)


def enqueued(home: Path, *arguments: str, stdin: str | None = None) -> str:
    result = qntx(home, "enqueue", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_job_is_enqueued_with_everything_that_can_be_said_of_it(home: Path) -> None:
    job_id = enqueued(
        home,
        "test.note",
        "--payload",
        '{"path": "x"}',
        "--source",
        "here",
        "--priority",
        "7",
        "--delay",
        "1h",
        "--key",
        "once",
    )
    job = App(home=home).store.jobs.get(job_id)
    assert (job.handler_name, job.source, job.priority) == ("test.note", "here", 7)
    assert job.payload == {"path": "x", "text": ""}
    assert job.next_attempt_at is not None
    assert job.next_attempt_at > job.created_at
    assert enqueued(home, "test.note", "--payload", '{"path": "y"}', "--key", "once") == job_id


def test_a_payload_comes_from_standard_input_and_the_job_goes_out_as_json(home: Path) -> None:
    result = qntx(home, "enqueue", "test.note", "--payload", "-", "--json", stdin='{"path": "é"}')
    assert msgspec.json.decode(result.stdout)["payload"]["path"] == "é"


def test_a_job_for_each_line_of_standard_input(home: Path) -> None:
    text = '{"path": "a"}\n\n{"path": "b\u2028c"}\n'
    ids = enqueued(home, "test.note", "--each", stdin=text).split()
    jobs = [App(home=home).store.jobs.get(job_id) for job_id in ids]
    assert [job.payload["path"] for job in jobs] == ["a", "b\u2028c"]
    broken = qntx(home, "enqueue", "test.note", "--each", stdin='{"path": "a"}\n{"path": 5}\n')
    assert broken.exit_code == 1
    assert "does not fit" in broken.stderr
    assert App(home=home).store.jobs.counts()["queued"] == 2, "all or none"
    assert qntx(home, "enqueue", "test.note", "--each", "--key", "k", stdin="1").exit_code == 1


def test_unique_gives_the_active_job_of_the_same_source(home: Path) -> None:
    first = enqueued(home, "test.noop", "--source", "a")
    assert enqueued(home, "test.noop", "--source", "a", "--unique") == first
    assert enqueued(home, "test.noop", "--source", "b", "--unique") != first
    assert enqueued(home, "test.noop", "--source", "a") != first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["test.nothing"], "unknown handler 'test.nothing'"),
        (["test.note", "--payload", "{"], "--payload is no JSON"),
        (["test.note", "--payload", '{"path": 3}'], "does not fit handler 'test.note'"),
        (["test.noop", "--delay", "soon"], "'soon' is not a valid duration"),
        (["test.noop", "--priority", "99999999999"], "cannot be asked for like that"),
    ],
)
def test_what_cannot_be_enqueued_is_said_in_one_line(
    home: Path, arguments: list[str], words: str
) -> None:
    result = qntx(home, "enqueue", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert App(home=home).store.jobs.counts()["queued"] == 0


def test_jobs_are_paused_resumed_cancelled_and_retried(home: Path) -> None:
    ids = [enqueued(home, "test.noop") for _ in range(2)]
    store = App(home=home).store
    for command, status in [
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "cancelled"),
        ("retry", "queued"),
    ]:
        result = qntx(home, command, *ids)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == "".join(f"{job_id}: {status}\n" for job_id in ids)
        assert {store.jobs.get(job_id).status for job_id in ids} == {status}


def test_one_job_that_cannot_be_moved_does_not_keep_the_others(home: Path) -> None:
    job_id = enqueued(home, "test.noop")
    result = qntx(home, "resume", job_id, "JB_nothing")
    assert result.exit_code == 1
    assert "is queued" in result.stderr
    assert "unknown job 'JB_nothing'" in result.stderr
    result = qntx(home, "cancel", "JB_nothing", job_id, "--json")
    assert result.exit_code == 1
    assert msgspec.json.decode(result.stdout) == [{"id": job_id, "status": "cancelled"}]


@pytest.mark.slow
def test_workers_without_a_server_run_jobs_until_they_are_told_to_end(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    payload = msgspec.json.encode({"path": str(out), "text": "hello"}).decode()
    job_id = enqueued(home, "test.note", "--payload", payload)
    polite = enqueued(home, "test.polite", "--payload", payload)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "qntx",
            "--home",
            str(home),
            "worker",
            "--workers",
            "2",
            "--grace",
            "0.2",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stderr=subprocess.PIPE,
    )
    store = App(home=home).store
    try:
        wait_until(lambda: store.jobs.get(job_id).status == "completed")
        wait_until(lambda: len(lines(out)) >= 2)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"2 workers at work (Ctrl-C stops)\n")
    job = store.jobs.get(polite)
    assert (job.status, job.error) == ("queued", None)
    assert store.jobs.attempts(polite)[0].reason == "server_shutdown"
