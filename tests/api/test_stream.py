"""The live stream: nothing missing, nothing twice, wherever a connection begins or breaks."""

from __future__ import annotations

import json
import queue
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qntx.api import listening, stream
from qntx.app import App
from tests.support.api_data import Data, Talker, running
from tests.support.api_server import serving, walk
from tests.support.waiting import wait_until


def events(answer: httpx2.Response) -> Iterator[tuple[str, str | None, Any]]:
    """(event, id, data) as they arrive; comments come as ("comment", None, text)."""
    fields: dict[str, str] = {}
    for text in answer.iter_lines():
        if text.startswith(":"):
            yield "comment", None, text
        elif text:
            name, _, value = text.partition(": ")
            assert name in ("event", "id", "data", "retry")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


def follow(client: httpx2.Client, job: str, **query: Any) -> list[tuple[str, str | None, Any]]:
    """Everything until the stream ends."""
    with client.stream("GET", f"/api/pulse/jobs/{job}/events", params=query) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        return list(events(answer))


def lines_of(found: list[tuple[str, str | None, Any]]) -> list[Any]:
    return [data for name, _, data in found if name == "line"]


@pytest.mark.parametrize("name", ["rich", "many", "retried", "empty"])
def test_a_finished_job_is_told_whole_and_ends(
    client: httpx2.Client, data: Data, name: str
) -> None:
    job = data.jobs[name]
    found = follow(client, job)
    assert lines_of(found) == walk(client, f"/jobs/{job}/logs")
    assert [place for kind, place, _ in found if kind == "line"] == [
        f"{line['attempt']}:{line['id']}" for line in lines_of(found)
    ]
    assert found[0][0] == "job"
    assert [kind for kind, _, _ in found if kind != "line"] == ["job", "end"]
    assert found[0][2] == client.get(f"/api/pulse/jobs/{job}").json()


@pytest.mark.parametrize(
    "query",
    [
        {"level": "error"},
        {"stage": "stage-1"},
        {"task_id": "task-3"},
        {"q": "needle-1"},
        {"source": "emitter"},
        {"level": "info,info", "stage": "stage-2"},
    ],
)
def test_filters_are_those_of_pages(
    client: httpx2.Client, data: Data, query: dict[str, str]
) -> None:
    job = data.jobs["many"]
    assert lines_of(follow(client, job, **query)) == walk(client, f"/jobs/{job}/logs", **query)


def test_a_stream_goes_on_after_a_line(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["retried"]
    whole = lines_of(follow(client, job))
    for number, line in enumerate(whole):
        place = f"{line['attempt']}:{line['id']}"
        assert lines_of(follow(client, job, after=place)) == whole[number + 1 :]
        headers = {"Last-Event-ID": place}
        path = f"/api/pulse/jobs/{job}/events?after=1:1"
        with client.stream("GET", path, headers=headers) as answer:
            assert lines_of(list(events(answer))) == whole[number + 1 :]


@pytest.mark.parametrize("place", ["x", "1:", ":", "1:x", "99999999999:1", "1:99999999999", "²:1"])
def test_a_place_that_is_none(client: httpx2.Client, data: Data, place: str) -> None:
    path = f"/api/pulse/jobs/{data.jobs['many']}/events"
    assert client.get(path, params={"after": place}).status_code == 400
    assert client.get(path, params={"after": "7:1"}).status_code == 404


def test_live_lines_through_broken_connections(fresh: App) -> None:
    """Connect and disconnect at random while a job speaks: the pieces are the store."""
    talker, rng = Talker(), random.Random(11)
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        speaking = threading.Thread(
            target=lambda: [talker.say(rng.randint(1, 60)) for _ in range(60)]
        )
        speaking.start()
        seen: list[Any] = []
        last: str | None = None
        path = f"/api/pulse/jobs/{job}/events"
        while speaking.is_alive() or len(seen) < 300:
            headers = {"Last-Event-ID": last} if last else {}
            until = rng.randint(1, 250)
            with client.stream("GET", path, headers=headers) as answer:
                for kind, place, line in events(answer):
                    if kind == "line":
                        seen.append(line)
                        last, until = place, until - 1
                    if until <= 0 or kind == "end":
                        break
        speaking.join()
        talker.finish()
        fresh.settle(job)
        with client.stream("GET", path, headers={"Last-Event-ID": last or ""}) as answer:
            rest = list(events(answer))
        assert rest[-1][0] == "end"
        assert seen + lines_of(rest) == walk(client, f"/jobs/{job}/logs")


def test_a_live_stream_tells_of_the_job_and_its_end(fresh: App) -> None:
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        found: list[tuple[str, str | None, Any]] = []
        first_line = threading.Event()

        def listen() -> None:
            with client.stream("GET", f"/api/pulse/jobs/{job}/events?level=warn") as answer:
                for event in events(answer):
                    found.append(event)
                    first_line.set()

        listening = threading.Thread(target=listen)
        listening.start()
        assert first_line.wait(60)
        talker.say(20)
        talker.finish()
        listening.join(20)
        assert not listening.is_alive()
        jobs = [data for kind, _, data in found if kind == "job"]
        assert (jobs[0]["status"], jobs[-1]["status"]) == ("running", "completed")
        assert jobs[-1]["receipt"]["complete"] is True
        assert jobs[-1] == client.get(f"/api/pulse/jobs/{job}").json()
        assert found[-1] == ("end", None, {})
        assert lines_of(found) == []


class Drawing(Talker):
    """A handler that draws a progress bar: one more frame when a test says so."""

    def handler(self, ctx: Any, payload: Any) -> None:
        number = 0
        while (count := self._orders.get(timeout=60)) is not None:
            for _ in range(count):
                number += 1
                print(f"\rdrawn {number}%", end="", flush=True)
            self._done.put(count)


def test_an_unfinished_line_is_told_as_it_grows(fresh: App) -> None:
    drawing = Drawing()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, drawing) as job:
        path = f"/api/pulse/jobs/{job}"
        seen: list[Any] = []
        with client.stream("GET", f"{path}/events") as answer:
            for kind, _, data in events(answer):
                if kind == "growing":
                    [line] = data
                    seen.append(line["message"])
                    assert (line["id"], line["source"]) == (0, "stdout")
                    assert "no_newline" in line["flags"]
                    if line["message"] == "drawn 3%":
                        assert line["metadata"] == {"frames": 3}
                        break
                    drawing.say(1)
        assert seen == ["drawn 1%", "drawn 2%", "drawn 3%"]
        page = client.get(f"{path}/logs", params={"source": "stdout"}).json()
        assert (page["logs"], [line["message"] for line in page["growing"]]) == ([], ["drawn 3%"])
        assert page["receipt"]["text"].startswith("so far: ")
        drawing.finish()
        fresh.settle(job)
        found = follow(client, job, source="stdout")
        [line] = lines_of(found)
        assert (line["message"], line["metadata"]) == ("drawn 3%", {"frames": 3})
        assert "growing" not in [kind for kind, _, _ in found]


def test_a_quiet_stream_shows_that_it_lives(fresh: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr("qntx.api.server.SHUTDOWN_GRACE_S", 60)
    job = fresh.enqueue("said", {"lines": 1})
    with serving(fresh) as (server, client):
        path = f"/api/pulse/jobs/{job}/events"
        with client.stream("GET", path) as answer:
            found = events(answer)
            assert next(found)[0] == "job"
            assert next(found)[0] == "comment"
            assert client.get("/api/pulse/system").json()["streams"] == 1
            # Stopping the server ends the stream, well before the grace of other requests.
            began = time.monotonic()
            server.stop()
            assert all(kind == "comment" for kind, _, _ in found)
            assert time.monotonic() - began < 30


def test_one_who_left_is_forgotten(fresh: App) -> None:
    job = fresh.enqueue("said", {"lines": 1})
    with serving(fresh) as (server, client):
        for _ in range(3):
            with client.stream("GET", f"/api/pulse/jobs/{job}/events") as answer:
                next(events(answer))
        wait_until(lambda: server.api.state.server.poller.listeners == 0)


def test_one_who_does_not_read_delays_nobody(fresh: App) -> None:
    job, _ = fresh.run("many", {})
    with (
        serving(fresh) as (server, client),
        socket.create_connection(("127.0.0.1", server.port)) as lazy,
    ):
        path, host = f"/api/pulse/jobs/{job}/events", f"localhost:{server.port}"
        lazy.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert lazy.recv(10).startswith(b"HTTP/1.1")
        assert lines_of(follow(client, job)) == walk(client, f"/jobs/{job}/logs")


# -- clients that do not read --------------------------------------------------------------------


class Lazy:
    """A client that asks for a stream and then reads nothing until it is told to."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(30)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())

    def read(self) -> list[tuple[str, str | None, Any]]:
        """All events from the beginning until the end of the stream."""
        whole = bytearray()
        while b"event: end\n" not in whole[-100:]:
            data = self.socket.recv(1 << 16)
            assert data, whole[-300:]
            whole += data
        self.socket.close()
        assert whole.startswith(b"HTTP/1.1 200")
        chunks, place = [], whole.index(b"\r\n\r\n") + 4
        while place < len(whole):
            start = whole.index(b"\r\n", place) + 2
            stop = start + int(whole[place : start - 2], 16)
            chunks.append(whole[start:stop])
            place = stop + 2
        found, fields = [], dict[str, str]()
        for text in b"".join(chunks).decode().split("\n"):
            name, _, value = text.partition(": ")
            if text:
                fields[name] = value
            elif "event" in fields:
                found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
                fields = {}
        return found


def test_one_who_lags_is_told_and_then_gets_everything(
    fresh: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SLOW_S", 0.0)  # however soon it takes what it is sent
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (server, client), running(fresh, talker) as job:
        lazy = Lazy(server.port, f"/api/pulse/jobs/{job}/events")
        for _ in range(20):
            talker.say(1_000)  # 5 MB of events: more than the sockets hold
        wait_until(lambda: fresh.store.jobs.get(job).counts.total >= 20_000)
        reading: list[Any] = []
        thread = threading.Thread(target=lambda: reading.extend(lazy.read()))
        thread.start()
        talker.say(50)
        talker.finish()
        thread.join(60)
        assert not thread.is_alive()
        lines = walk(client, f"/jobs/{job}/logs", limit=5_000)
        assert len(lines) > 20_000
        assert lines_of(reading) == lines
        gaps = [(place, data) for place, (kind, _, data) in enumerate(reading) if kind == "gap"]
        assert gaps
        for place, gap in gaps:
            first = next(where for kind, where, _ in reading[place:] if kind == "line")
            assert gap["from"] == first
            assert int(gap["to"].partition(":")[2]) >= int(first.partition(":")[2])


def test_one_who_takes_at_once_what_it_is_sent_is_not_told_that_it_lags(
    fresh: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "monotonic_s", lambda: 0.0)  # on however busy a machine
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        talker.say(1_000)  # more than are sent at a time
        wait_until(lambda: fresh.store.jobs.get(job).counts.total >= 1_000)
        found: list[tuple[str, str | None, Any]] = []
        with client.stream("GET", f"/api/pulse/jobs/{job}/events") as answer:
            for event in events(answer):
                found.append(event)
                if event[0] == "line" and event[2]["message"] == "line 1000":
                    talker.say(50)  # live
                    talker.finish()
        assert lines_of(found) == walk(client, f"/jobs/{job}/logs")
        assert {kind for kind, _, _ in found} - {"comment"} == {"job", "line", "end"}


SERVER = """
import sys
from qntx.app import App

App(home=sys.argv[1]).serve(port=0, workers=0, ready=lambda url: print(url, flush=True))
"""


def rss_bytes(pid: int) -> int:
    """Memory that a process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.slow
def test_clients_that_read_nothing_cost_a_bounded_share_of_memory(fresh: App) -> None:
    """Forty of them, while thousands of lines a second come: 40 times 12 MB would be 480 MB."""

    @fresh.handler("chatters")
    def chatters(ctx: Any, payload: Any) -> None:
        for number in range(6_000):
            ctx.emit.info(f"{number} " + "x" * 2_000)

    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVER, str(fresh.settings.home)]
    with fresh.indexing(), subprocess.Popen(command, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            port = int(url.rpartition(":")[2])
            started: queue.Queue[str] = queue.Queue()
            job_thread = threading.Thread(
                target=fresh.run, args=("chatters",), kwargs={"on_start": started.put}
            )
            job_thread.start()
            job = started.get(timeout=60)
            with httpx2.Client(base_url=url, timeout=30) as client:
                wait_until(lambda: client.get(f"/api/pulse/jobs/{job}").status_code == 200)
                before = rss_bytes(process.pid)
                path = f"/api/pulse/jobs/{job}/events"
                lazy = [Lazy(port, path) for _ in range(40)]
                job_thread.join(60)
                # One who reads is not held up by those who do not.
                with client.stream("GET", path) as answer:
                    numbers = [data["id"] for kind, _, data in events(answer) if kind == "line"]
                grown = rss_bytes(process.pid) - before
                stored = client.get(f"/api/pulse/jobs/{job}").json()["receipt"]["stored"]
                assert stored >= 6_000
                assert numbers == list(range(1, stored + 1))
                assert grown < 120 << 20, f"{grown / 1e6:.0f} MB"
                assert len([1 for kind, _, _ in lazy[0].read() if kind == "line"]) == stored
                for one in lazy[1:]:
                    one.socket.close()
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux ends these connections")
def test_one_who_never_reads_is_given_up(fresh: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "STALLED_S", 1.0)
    job, _ = fresh.run("many", {})
    with serving(fresh) as (server, _):
        watch = server.api.state.server.poller
        lazy = [Lazy(server.port, f"/api/pulse/jobs/{job}/events") for _ in range(3)]
        wait_until(lambda: watch.listeners == 3)
        wait_until(lambda: watch.listeners == 0)
        for one in lazy:
            one.socket.close()
