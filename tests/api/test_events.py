"""The one stream of everything that changes."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qntx.api import change_feed as feed
from qntx.api.server import Server
from qntx.app import App
from qntx.model.schedule import NewSchedule
from qntx.runtime.token_channel import TokenReceiver, TokenSender
from qntx.scheduler.service import ScheduleService
from tests.support.api_data import Talker, make_app, running
from tests.support.api_server import serving
from tests.support.waiting import wait_until

from .test_stream import events

Found = tuple[str, str | None, Any]


class Listening:
    """A client of the stream, in a thread."""

    def __init__(self, client: httpx2.Client, last: str | None = None) -> None:
        self.seen: list[Found] = []
        self._arrived: queue.Queue[Found] = queue.Queue()
        headers = {"Last-Event-ID": last} if last else {}
        self._stream = client.stream("GET", "/api/pulse/events", headers=headers)
        answer = self._stream.__enter__()
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        self._thread = threading.Thread(target=self._read, args=(answer,), daemon=True)
        self._thread.start()

    def _read(self, answer: httpx2.Response) -> None:
        try:
            for found in events(answer):
                self._arrived.put(found)
        except httpx2.HTTPError:
            pass

    def until(self, kind: str, **fields: Any) -> Found:
        """The next event of that kind with these fields."""
        deadline = time.monotonic() + 60
        while True:
            found = self._arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            self.seen.append(found)
            name, _, data = found
            if name == kind and all(data.get(key) == value for key, value in fields.items()):
                return found

    def rest(self) -> list[Found]:
        """What has arrived since."""
        while not self._arrived.empty():
            self.seen.append(self._arrived.get())
        return self.seen

    @property
    def last(self) -> str:
        """The id of the last event that has one."""
        return next(place for _, place, _ in reversed(self.seen) if place)


@contextmanager
def listening(server: Server, last: str | None = None) -> Iterator[Listening]:
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        found = Listening(client, last)
        found.until("hello")
        yield found


@pytest.fixture
def served(fresh: App) -> Iterator[Server]:
    with serving(fresh) as (server, _):
        yield server


def test_a_job_is_told_from_its_beginning_to_its_end(fresh: App, served: Server) -> None:
    with listening(served) as heard, fresh.indexing():
        talker = Talker()
        with running(fresh, talker) as job:
            heard.until("job", id=job, status="running")
            talker.say(5)
            while (heard.until("job", id=job))[2]["counts"]["total"] < 6:
                pass
        _, _, last = heard.until("job", id=job, status="completed")
        assert last["receipt"]["complete"] is True
        assert "payload" not in last
        assert "result" not in last


def test_moves_by_hand_of_jobs_that_wait(fresh: App, served: Server) -> None:
    with listening(served) as heard:
        job = fresh.enqueue("said", {"lines": 1})
        heard.until("job", id=job, status="queued")
        for move, status in (
            ("pause", "paused"),
            ("resume", "queued"),
            ("cancel", "cancelled"),
            ("retry", "queued"),
        ):
            getattr(fresh.queue, move)(job)
            heard.until("job", id=job, status=status)


def test_schedules_and_executions(fresh: App, served: Server) -> None:
    kept = ScheduleService(fresh.settings, fresh.store, fresh.request, fresh.registry)
    with listening(served) as heard:
        schedule, _ = kept.create(
            NewSchedule(handler_name="said", every="1h", payload={"lines": 1}), by="a test"
        )
        heard.until("schedule", id=schedule.id, state="active")
        fired = kept.trigger(schedule.id)
        heard.until("job", id=fired.async_job_id, status="queued")
        heard.until("execution", id=fired.id, status="running")
        kept.pause(schedule.id, by="a test")
        heard.until("schedule", id=schedule.id, state="paused")
        fresh.queue.cancel(str(fired.async_job_id))
        heard.until("execution", id=fired.id, status="cancelled")


def test_whoever_comes_back_misses_nothing(fresh: App, served: Server) -> None:
    with listening(served) as heard:
        first = fresh.enqueue("said", {"lines": 1})
        heard.until("job", id=first)
        last = heard.last
    second = fresh.enqueue("said", {"lines": 1})
    with listening(served, last) as again:
        again.until("job", id=second)
        assert not [kind for kind, _, _ in again.seen if kind == "gap"]
    # Another server knows it from the store.
    served.api.state.server.feed._epoch = "other"
    third = fresh.enqueue("said", {"lines": 1})
    with listening(served, last) as again:
        found = {again.until("job")[2]["id"] for _ in range(2)}
        assert found == {second, third}
    for unknown in ("x", "1/2/3", "9" * 150, "/".join("9" * 3)):
        with listening(served, unknown) as lost:
            lost.until("gap", missed=None)


def test_one_who_reads_too_slowly_is_told_and_goes_on(
    fresh: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEPT_EVENTS", 50)
    monkeypatch.setattr(feed, "FEED_PAUSE_S", 0.001)
    with serving(fresh) as (server, _), socket.socket() as lazy, listening(server) as heard:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect(("127.0.0.1", server.port))
        host = f"localhost:{server.port}"
        lazy.sendall(f"GET /api/pulse/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        wait_until(lambda: server.api.state.server.feed.listening == 2)
        for _ in range(60):
            jobs = fresh.enqueue_all([fresh.request("said", {"note": "n"})] * 100)
            heard.until("job", id=jobs[-1])
        state = server.api.state.server.feed
        assert len(state._events) <= 50
        text = b""
        while b"event: gap" not in text:
            piece = lazy.recv(65_536)
            assert piece
            text += piece
        gap = json.loads(text.partition(b"event: gap\ndata: ")[2].split(b"\n")[0])
        assert gap["missed"] > 0
        newest = fresh.enqueue("said", {"note": "after the gap"})
        while newest.encode() not in text:
            text = text[-200_000:] + lazy.recv(65_536)


def test_more_at_once_than_is_told_one_by_one(fresh: App, served: Server) -> None:
    with listening(served) as heard:
        fresh.enqueue_all([fresh.request("said", {"lines": 1})] * 1_500)
        heard.until("gap", missed=1_500)
        job = fresh.enqueue("said", {"lines": 1})
        heard.until("job", id=job)
        assert len(heard.seen) < 1_200


def test_tokens_of_a_model_reach_the_stream_and_no_log(fresh: App, served: Server) -> None:
    @fresh.handler("thinks")
    def thinks(ctx: Any, payload: Any) -> None:
        show = ctx.emit.broadcast_llm_stream
        for piece in ("The ", "answer ", "is\n42", "é\ud800"):
            show(None, piece, model="m", stage="think")
        show("CN_1", "", done=True, model="m", stage="think")

    with listening(served) as heard:
        job, outcome = fresh.run("thinks", {})
        assert outcome.status == "completed", outcome.error
        heard.until("token", done=True)
        told = [data for kind, _, data in heard.seen if kind == "token"]
    assert [data["text"] for data in told][:3] == ["The ", "answer ", "is\n42"]
    assert {data["job_id"] for data in told} == {job}
    assert {(data["attempt"], data["model"], data["stage"]) for data in told} == {(1, "m", "think")}
    assert told[-1]["task_id"] == "CN_1"
    assert fresh.store.jobs.get(job).receipt.accepted == 0


def test_tokens_wait_for_nobody(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 40) / "home"  # longer than the address of a socket may be
    home.mkdir(parents=True)
    sender = TokenSender(home, "JB_1", 1)
    sender(None, "to nobody")
    receiver = TokenReceiver(home, "1-full")
    (home / "run" / "2-dead.tokens").touch()
    sender = TokenSender(home, "JB_1", 1)
    for number in range(5_000):
        sender(None, f"piece {number}")  # nobody reads: it must not wait
    found = []
    while more := receiver.read(100):
        found += more
    assert found
    assert found[0].text == "piece 0"
    sender(None, "x" * 10_000, done=True)
    pieces = receiver.read(100)
    assert "".join(piece.text for piece in pieces) == "x" * 10_000
    assert [piece.done for piece in pieces] == [False, False, True]
    receiver.close()
    assert os.listdir(home / "run") == []
    TokenSender(home, "JB_1", 1)(None, "gone")


def test_always_needs_the_token_here_too(tmp_path: Path) -> None:
    with serving(make_app(tmp_path / "home", auth="always")) as (_, client):
        assert client.get("/api/pulse/events").status_code == 401


def test_stopping_the_server_ends_it(fresh: App) -> None:
    with serving(fresh) as (server, _), listening(server) as heard:
        server.stop()
        heard._thread.join(20)
        assert not heard._thread.is_alive()
    assert list((fresh.settings.home / "run").iterdir()) == []
