"""Hostile text in every field, on every page: it is read as text and never is anything else."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.support.browser import node
from tests.support.effort import FULL
from tests.support.paths import ROOT
from tests.support.qntx_server import Served, serving_handlers
from tests.support.waiting import wait_until
from tests.ui.hostile import FOREGROUND, PAYLOADS, marked, name, shown

NUMBERS = range(len(PAYLOADS))
#: Where everything of a field is on one page, all payloads are looked at; where each has a page of
#: its own, every STEP-th, unless there is time for all.
STEP = 1 if FULL else 20
#: For what is the same piece of code for each text.
SOME = 1 if FULL else 4
FAR = "2099-01-01T00:00:00Z"
FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose workers know the hostile handlers."""
    with serving_handlers(tmp_path_factory.mktemp("hostile"), "tests.ui.hostile") as found:
        yield found


def posted(served: Served, path: str, body: Any) -> Any:
    """What the server answers to a POST with its token."""
    token = (served.home / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(served.url + path, json.dumps(body).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def ats_code(number: int) -> str:
    """A line of ix whose address is a payload; quotes keep the other kind of quotes together."""
    words = [
        f'"{part}"' if part != '"' else "'\"'" for part in re.split('(")', marked(number, "ats"))
    ]
    return f'ix jd "/nowhere/"{"".join(words)}'


def schedules(served: Served) -> dict[str, list[str]]:
    """Schedules by HTTP, most of which fire at once; their ids, by what they run."""
    made: dict[str, list[str]] = {"summary": [], "failing": [], "ats": []}
    for number in NUMBERS:
        for kind in ("summary", "failing"):
            body = {
                "handler_name": f"tests.{kind}",
                "payload": number,
                "name": name(number, f"{kind}name"),
                "run_at": FAR,
                "force": True,
            }
            made[kind].append(posted(served, "/api/pulse/schedules", body)["id"])
        body = {"ats_code": ats_code(number), "run_at": FAR}
        made["ats"].append(posted(served, "/api/pulse/schedules", body)["id"])
    return made


def candidates(served: Served, folder: Path) -> None:
    """A candidate for each payload, by the command line."""
    people = []
    for number in NUMBERS:
        position = {
            "title": marked(number, "position"),
            "company": marked(number, "employer"),
            "summary": marked(number, "did"),
        }
        people.append(
            {
                "id": f"CN_x{number}",
                "name": name(number, "name"),
                "headline": marked(number, "headline"),
                "location": marked(number, "home"),
                "skills": [{"name": marked(number, "skill", 90)}, {"name": "Python", "years": 9}],
                "languages": [{"name": marked(number, "lang", 40), "level": "C1"}],
                "education": [{"level": "master", "field": marked(number, "field")}],
                "positions": [position],
            }
        )
    file = folder / "people.json"
    file.write_text(json.dumps(people))
    done = served.qntx("candidates", "import", str(file))
    assert done.returncode == 0, done.stderr


def said(served: Served, folder: Path) -> dict[str, Any]:
    """Everything that is put in, through every door; the ids of what came of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ui.hostile", str(folder)],
        env=served.env,
        cwd=ROOT,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ids: dict[str, Any] = json.loads((folder / "ids.json").read_text())
    ids |= schedules(served)
    command = [sys.executable, "-c", "import sys; print(sys.argv[1]); sys.exit(3)"]
    ids["commands"] = []
    for number in FOREGROUND:
        text = marked(number, "arg").replace("\0", "")
        ran = served.qntx("run", "--name", name(number, "run").replace("\0", ""), *command, text)
        assert ran.returncode == 3, ran.stderr
        ids["commands"].append(re.findall(r"JB_\w+", ran.stderr)[0])
    settled(served)
    candidates(served, folder)
    everything = folder / "everything.txt"
    lines = "\n".join(f"- 5 years of Python, {marked(n, 'asked')}" for n in NUMBERS)
    text = f"Everything\n\nRequirements:\n{lines}\n"
    everything.write_text(text.replace("\0", ""), "utf-8")
    done = served.qntx("ix", str(everything))
    assert done.returncode == 0, done.stderr
    return ids


def settled(served: Served) -> None:
    """Wait until no job is on the queue but those that wait for nobody."""
    left = "/api/pulse/jobs?status=queued,running&limit=1"
    wait_until(lambda: not served.get(left)["count"], "the hostile jobs are over", 240)


def wants(*fields: str) -> list[str]:
    """The payloads as they are in *fields*."""
    return [marked(number, field) for field in fields for number in NUMBERS]


def lists(served: Served, ids: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Pages on which everything of a field is."""
    handlers = [name(number, "handler") for number in NUMBERS]
    people = [name(number, "name") for number in NUMBERS]
    jds = served.get("/api/pulse/jds?limit=500")["jds"]
    read = [jd[key] for jd in jds for key in ("title", "company", "location") if jd[key]]
    assert sum("<" in text for text in read) > len(NUMBERS)
    everything = next(jd for jd in jds if jd["source"].endswith("everything.txt"))
    text = served.get(f"/api/pulse/jds/{everything['id']}")["jd"]["text"]
    assert sum("<" in line for line in text.splitlines()) > len(NUMBERS) / 2
    called = [name(number, f"{kind}name") for kind in ("summary", "failing") for number in NUMBERS]
    yield {"path": "/", "wants": called, "closed": True}
    yield {
        "path": "/jobs?status=failed",
        "wants": [*handlers, *wants("source", "error", "failure")],
    }
    yield {"path": "/jds", "wants": read, "closed": True}
    yield {"path": f"/jds/{everything['id']}", "wants": [*people, *text.splitlines()]}
    yield {"path": "/candidates", "wants": [*people, *wants("headline", "home")], "closed": True}


def of_the_run(ids: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The page of the run that says everything, and the ways in which its log can be narrowed."""
    path = f"/jobs/{ids['said']}"
    lines = [shown(number, field) for field in ("message", "warning") for number in NUMBERS]
    places = wants("stage", "taskname", "key", "value", "logger", "donename")
    yield {"path": path, "wants": [*lines, *places], "tall": True}
    yield {"path": path, "wants": wants("payloadkey", "payload"), "tabs": ["payload"]}
    yield {"path": path, "wants": wants("resultkey", "result"), "tabs": ["result"]}
    children = [name(number, "handler") for number in FOREGROUND]
    children += [marked(number, "childof") for number in FOREGROUND]
    yield {"path": path, "wants": children, "tabs": ["children", "why"]}
    for number in NUMBERS[::STEP]:
        for key, field in (("stage", "stage"), ("task", "task"), ("q", "message")):
            text = quote(marked(number, field), safe="")
            yield {
                "path": f"{path}?{key}={text}&find=filter",
                "closed": True,
                "wants": [shown(number, "message")],
            }


def of_one(served: Served, ids: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Pages of one thing each: a job, a schedule, an execution, a job description, a candidate."""
    fired: dict[str, str] = {}
    cursor = ""
    while cursor is not None:
        page = served.get(f"/api/pulse/executions?limit=500{cursor and '&cursor=' + cursor}")
        fired |= {one["scheduled_job_id"]: one["id"] for one in page["executions"]}
        cursor = page["next_cursor"]
    jds = {jd["job_id"]: jd for jd in served.get("/api/pulse/jds?limit=500")["jds"]}
    for number in NUMBERS[::STEP]:
        named = [
            name(number, "handler"),
            *(marked(number, f) for f in ("source", "error", "errorstage")),
        ]
        jd = jds[ids["pages"][number]]
        position = (marked(number, field) for field in ("position", "employer", "did", "field"))
        yield {"path": f"/jobs/{ids['named'][number]}", "wants": named, "tabs": ["payload", "why"]}
        for kind, field in (("summary", "summary"), ("failing", "failure")):
            schedule = ids[kind][number]
            yield {"path": f"/schedules/{schedule}", "wants": [name(number, f"{kind}name")]}
            text = marked(number, field)
            summed = json.dumps(text, ensure_ascii=False)[:200] if kind == "summary" else text
            yield {"path": f"/executions/{fired[schedule]}", "wants": [summed]}
        yield {"path": f"/schedules/{ids['ats'][number]}", "wants": [ats_code(number)]}
        yield {"path": f"/jds/{jd['id']}", "wants": [jd["title"], jd["company"]]}
        yield {"path": f"/candidates/CN_x{number}", "wants": [*position], "closed": True}
    for at, number in enumerate(FOREGROUND):
        command = name(number, "run").replace("\0", "")
        arg = shown(number, "arg") if "\0" not in PAYLOADS[number]["text"] else command
        yield {"path": f"/jobs/{ids['commands'][at]}", "wants": [command, arg]}
        captured = [name(number, "captured"), marked(number, "capturedsource")]
        captured.append(shown(number, "capturedline"))
        yield {"path": f"/jobs/{ids['captured'][at]}", "wants": captured}


def searches() -> Iterator[dict[str, Any]]:
    """The search over all runs for payloads: their hits are marked, and stay text."""
    for number in NUMBERS[::SOME]:
        text = marked(number, "message")
        if len(text) < 500 and "shown" not in PAYLOADS[number]:
            yield {"path": f"/search?q={quote(text, safe='')}", "wants": [text], "closed": True}


def addresses(ids: dict[str, Any]) -> Iterator[str]:
    """Addresses of the UI that are payloads themselves: first those with more than one of them."""
    views = ("jobs", "jds", "candidates", "schedules", "executions", "nowhere")
    said = f"/jobs/{ids['said']}"
    for number in NUMBERS[::SOME]:
        text = quote(PAYLOADS[number]["text"][:1000], safe="")
        yield f"{said}?q={text}&stage={text}&task={text}&level={text}&attempt={text}#{text}"
        yield f"{said}?logger={text}&source={text}&since={text}&until={text}"
    for number in NUMBERS[::STEP]:
        text = quote(PAYLOADS[number]["text"][:1000], safe="")
        for path in ("/search?q={0}&level={0}", "/jobs?status={0}"):
            yield path.format(text)
        for view in views:
            yield f"/{view}/{text}"


def answers(ids: dict[str, Any]) -> Iterator[str]:
    """What the server answers with texts of others in it, opened as a page of its own."""
    said = f"/api/pulse/jobs/{ids['said']}"
    for path in ("", "/logs", "/logs.txt", "/logs.ndjson", "/stages", "/children", "/explain"):
        yield said + path
    yield from (f"/jobs/{ids['said']}/logs", f"/api/pulse/jobs/{ids['named'][0]}/attempts")
    for path in ("executions.csv", "executions.json", "executions"):
        yield f"/api/pulse/schedules/{ids['summary'][0]}/{path}"
        yield f"/api/pulse/schedules/{ids['failing'][-1]}/{path}"
    for path in ("jobs", "schedules", "executions", "jds", "candidates"):
        yield f"/api/pulse/{path}"
    for number in NUMBERS[::STEP]:
        yield f"{said}/logs/1/{2 * number + 1}/message"
        text = quote(PAYLOADS[number]["text"][:1000], safe="")
        yield f"/api/pulse/jobs/{text}"
        yield f"/api/pulse/search?q={text}&level={text}"
        yield f"{said}/logs?q={text}&stage={text}"
        yield f"/assets/{text}"


def opened(served: Served, folder: Path, **what: Any) -> dict[str, Any]:
    """What the browser found on pages, addresses and answers."""
    file = folder / "pages.json"
    file.write_text(json.dumps({"views": [], "addresses": [], "answers": [], **what}))
    found: dict[str, Any] = node("xss.mjs", served.url, str(file), timeout_s=2400 if FULL else 500)
    assert found.pop("opened") == sum(len(pages) for pages in what.values())
    return found


NOTHING: dict[str, list[str]] = {"executed": [], "strange": [], "unread": [], "trouble": []}


@pytest.fixture(scope="module")
def ids(hostile: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything hostile is on the server."""
    return said(hostile, tmp_path_factory.mktemp("said"))


@pytest.mark.timeout(2500 if FULL else 600)
def test_every_field_of_every_page_is_text(hostile: Served, ids: Any, tmp_path: Path) -> None:
    views = [*lists(hostile, ids), *of_the_run(ids), *of_one(hostile, ids), *searches()]
    assert opened(hostile, tmp_path, views=views) == NOTHING | {"files": []}


@pytest.mark.timeout(2500 if FULL else 600)
def test_addresses_are_text(hostile: Served, ids: Any, tmp_path: Path) -> None:
    assert opened(hostile, tmp_path, addresses=[*addresses(ids)]) == NOTHING | {"files": []}


@pytest.mark.timeout(2500 if FULL else 600)
def test_answers_are_no_pages(hostile: Served, ids: Any, tmp_path: Path) -> None:
    found = opened(hostile, tmp_path, answers=[*answers(ids)])
    files = found.pop("files")
    assert found == NOTHING
    assert len(files) == 6
    assert all(FILE_NAME.fullmatch(file) for file in files), files


def test_a_table_of_executions_holds_no_formula(hostile: Served, ids: Any) -> None:
    for number in NUMBERS:
        path = f"/api/pulse/schedules/{ids['failing'][number]}/executions.csv"
        with urlopen(hostile.url + path, timeout=30) as answer:
            rows = [*csv.reader(io.StringIO(answer.read().decode(), newline=""))]
        assert len(rows) == 2
        assert not [cell for cell in rows[1] if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
