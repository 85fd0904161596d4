"""Handlers and a script that put hostile text into everything that a job says or is called."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qntx
from qntx import App, JobContext
from qntx.builtin import built_in_app

_EVERYTHING: list[dict[str, str]] = json.loads(
    (Path(__file__).resolve().parent / "payloads.json").read_text()
)
#: All of them where there is time, else others each time.
PAYLOADS = (
    _EVERYTHING
    if os.environ.get("QNTX_FAULTS") == "full"
    else random.Random(os.environ["QNTX_SEED"]).sample(_EVERYTHING, 64)
)
NAME_CHARACTERS = 180
FOREGROUND = range(0, len(PAYLOADS), 20)

app = App()


def marked(number: int, field: str, most: int | None = None) -> str:
    """Payload *number* with a comment that says which *field* it is in, *most* characters of it."""
    return ending(PAYLOADS[number]["text"][:most], number, field)


def shown(number: int, field: str) -> str:
    """How a line of the log shows :func:`marked`."""
    payload = PAYLOADS[number]
    return ending(payload.get("shown", payload["text"]), number, field)


def ending(text: str, number: int, field: str) -> str:
    """*text* with the comment of a field; in a script it is one, too."""
    return f"{text}/*{field}{number}*/"


def name(number: int, field: str) -> str:
    """Payload *number* as a name, which is of limited length."""
    return marked(number, field, NAME_CHARACTERS)


@app.handler("tests.hostile")
def say_all(ctx: JobContext, payload: Any) -> dict[str, Any]:
    """Each payload as stage, task, message, metadata, logger, result of a task, and so on."""
    for number in range(len(PAYLOADS)):
        with ctx.emit.stage(marked(number, "stage")):
            with ctx.emit.task(marked(number, "task"), marked(number, "taskname")):
                value = {marked(number, "key"): marked(number, "value")}
                ctx.emit.info(marked(number, "message"), **value, nested={"list": [value]})
                logging.getLogger(marked(number, "logger")).warning(marked(number, "warning"))
            ctx.emit.add_task(marked(number, "done"), marked(number, "donename"))
            ctx.emit.update_task_status(
                marked(number, "done"), completed=True, result=marked(number, "doneresult")
            )
    for number in range(len(PAYLOADS)):
        print(PAYLOADS[number]["text"].replace("\n", " "))
    for number in FOREGROUND:
        ctx.spawn(
            name(number, "handler"), {marked(number, "child"): 1}, source=marked(number, "childof")
        )
    return {marked(n, "resultkey"): [marked(n, "result")] for n in range(len(PAYLOADS))}


@app.handler("tests.summary")
def sum_up(ctx: JobContext, number: int) -> dict[str, Any]:
    """A result of one payload."""
    return {"sum": marked(number, "summary")}


@app.handler("tests.failing")
def fail(ctx: JobContext, number: int) -> None:
    """An error of one payload."""
    raise ValueError(marked(number, "failure"))


def named(number: int) -> Callable[[JobContext, Any], Any]:
    """A handler that fails, with an exception of a type that is called like its payload."""
    kind = type(name(number, "type").replace("\0", ""), (Exception,), {"__module__": "builtins"})

    def handler(ctx: JobContext, payload: Any) -> None:
        with ctx.emit.stage(marked(number, "errorstage")):
            raise kind(marked(number, "error"))

    return handler


for _number in range(len(PAYLOADS)):
    app.handler(name(_number, "handler"))(named(_number))


def posting(number: int, text: str) -> str:
    """A page with a vacancy whose every field is a payload, as a site may publish it."""
    fields = {
        "@context": "https://schema.org",
        "@type": "JobPosting",
        "title": marked(number, "title"),
        "hiringOrganization": {"@type": "Organization", "name": marked(number, "company")},
        "jobLocation": {"address": {"addressLocality": marked(number, "place")}},
        "description": text,
    }
    inside = json.dumps(fields).replace("<", "\\u003c")
    page = '<!doctype html><script type="application/ld+json">{}</script><h1>A vacancy</h1>'
    return page.format(inside)


def put_in(folder: Path) -> dict[str, Any]:
    """
    Jobs by the library: on the queue, and here and now. Their ids, by number of the payload.

    QNTX_APP names this module, for the workers and for this script.
    """
    everything = built_in_app()
    numbers = range(len(PAYLOADS))
    requests = [
        everything.request(
            name(n, "handler"),
            {marked(n, "payloadkey"): marked(n, "payload")},
            source=marked(n, "source"),
        )
        for n in numbers
    ]
    for number in numbers:
        page = folder / f"vacancy-{number}.html"
        page.write_text(posting(number, "Requirements: 5 years of Python."), "utf-8")
        requests.append(everything.request("role.jd-ingestion", {"jd_url": str(page)}))
    ids = everything.enqueue_all(requests)
    captured = []
    for number in FOREGROUND:
        with qntx.capture(
            name(number, "captured"), source=marked(number, "capturedsource")
        ) as emit:
            emit.info(marked(number, "capturedline"))
        captured.append(emit.job_id)
    said, _ = everything.run(
        "tests.hostile", [{marked(n, "payloadkey"): marked(n, "payload")} for n in numbers]
    )
    return {
        "said": said,
        "named": ids[: len(PAYLOADS)],
        "pages": ids[len(PAYLOADS) :],
        "captured": captured,
    }


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    (_folder / "ids.json").write_text(json.dumps(put_in(_folder)))
