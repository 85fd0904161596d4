"""Downloads hold every byte that was said, and memory does not grow with them."""

from __future__ import annotations

import base64
import json
import resource
from typing import Any

import httpx2
import pytest

from qntx.app import App
from tests.support.api_data import BODY, LONG, Data
from tests.support.api_server import serving, walk


def said(client: httpx2.Client, job: str, lines: list[Any]) -> bytes:
    """What the lines say, from their own whole messages."""
    whole = b""
    for line in lines:
        path = f"/api/pulse/jobs/{job}/logs/{line['attempt']}/{line['id']}/message"
        whole += client.get(path).content
        whole += b"" if "no_newline" in line["flags"] else b"\n"
    return whole


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"level": "warn"},
        {"task_id": "CN_2"},
        {"q": "0000042é"},
        {"source": "stdout"},
        {"stage": "nowhere"},
    ],
)
def test_text_is_byte_exact(client: httpx2.Client, data: Data, query: dict[str, str]) -> None:
    job = data.jobs["rich"]
    lines = client.get(f"/jobs/{job}/logs", params=query).json()["logs"]
    answer = client.get(f"/api/pulse/jobs/{job}/logs.txt", params=query)
    assert answer.content == said(client, job, lines)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_text_holds_nul_bytes_and_what_is_no_text(client: httpx2.Client, data: Data) -> None:
    whole = client.get(f"/api/pulse/jobs/{data.jobs['rich']}/logs.txt").content
    assert b"printed\x00with a NUL\n" in whole
    assert b"not \xff\xfe text\n" in whole
    assert BODY.encode() + b"\n" in whole
    assert LONG.encode() + b"\n" in whole
    assert b"no newline at its endTraceback" in whole
    assert b"two\nlines\r\n event: end\n" in whole


@pytest.mark.parametrize("name", ["rich", "many", "retried", "empty"])
def test_ndjson_is_every_line_whole(client: httpx2.Client, data: Data, name: str) -> None:
    job = data.jobs[name]
    answer = client.get(f"/api/pulse/jobs/{job}/logs.ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    objects = [json.loads(line) for line in answer.content.split(b"\n")[:-1]]
    lines = walk(client, f"/jobs/{job}/logs")
    assert len(objects) == len(lines)
    for found, line in zip(objects, lines, strict=True):
        encoded = found.pop("message_base64", None)
        assert (encoded is not None) == ("bytes" in line["flags"])
        if encoded is not None:
            assert len(base64.b64decode(encoded)) == line["size"]
        else:
            assert len(found["message"].encode()) == line["size"]
        assert found["message"].startswith(line["message"])
        for key in ("message", "truncated"):
            del found[key], line[key]
        assert found == line


def test_downloads_are_files_in_which_nothing_runs(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["rich"]
    for suffix in ("txt", "ndjson"):
        headers = client.get(f"/api/pulse/jobs/{job}/logs.{suffix}").headers
        assert headers["content-disposition"] == f'attachment; filename="{job}.{suffix}"'
        assert headers["content-security-policy"].startswith("sandbox")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_a_line_of_many_megabytes_needs_no_memory_of_its_size(fresh: App) -> None:
    piece = "0123456789abcdé" * 4096
    count = 500  # 32 MB

    @fresh.handler("large")
    def large(ctx: Any, payload: Any) -> None:
        ctx.emit.emit_info(piece * count)

    job, _ = fresh.run("large")
    with serving(fresh) as (_, client):
        client.get(f"/api/pulse/jobs/{job}/logs?limit=1").raise_for_status()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for suffix in ("logs.txt", "logs.ndjson", "logs/1/1/message"):
            size = 0
            with client.stream("GET", f"/api/pulse/jobs/{job}/{suffix}") as answer:
                for chunk in answer.iter_raw(1 << 16):
                    size += len(chunk)
            assert size >= len(piece.encode()) * count
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 60_000, f"{grown} KiB"
