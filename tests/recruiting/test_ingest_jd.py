"""The whole handler, on real files, a real site, and a real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qntx.config import Settings
from qntx.errors import FetchError, JobCancelled
from qntx_recruiting.candidates import import_candidates
from qntx_recruiting.ingest_jd import HANDLERS, IngestJD, ingest_jd
from qntx_recruiting.ports import RecruitingStore
from tests.support.job_context import FakeContext
from tests.support.paths import EXAMPLES, example_module
from tests.support.scripted_http import ScriptedServer, redirect, response

MakeContext = Callable[..., FakeContext]
TEXT_JD = str(EXAMPLES / "jobs" / "senior-backend-engineer.txt")
STAGES = [
    "extract_requirements",
    "generate_attestations",
    "persist_data",
    "persist_complete",
    "score_candidates",
]


@pytest.fixture
def people(store: RecruitingStore) -> int:
    return import_candidates(store, EXAMPLES / "candidates")


def run(context: FakeContext, source: str, **more: Any) -> dict[str, Any]:
    return ingest_jd(context, IngestJD(source, **more))  # type: ignore[arg-type]


def test_it_is_registered_under_its_names() -> None:
    handler = HANDLERS.get("role.jd-ingestion")
    assert HANDLERS.get("jd") is HANDLERS.get("role") is handler
    assert handler.payload({"jd_url": "x"}) == IngestJD("x", actor="cli", remote=False)


def test_a_file_from_end_to_end(context: MakeContext, store: RecruitingStore, people: int) -> None:
    ctx = context()
    summary = run(ctx, f"file://{TEXT_JD}", actor="kim")
    emit = ctx.emit
    assert emit.stages() == ["read_jd", *STAGES]
    assert emit.messages("info", "read_jd")[0] == f"Reading job description from file://{TEXT_JD}"
    assert summary["title"] == "Senior Backend Engineer (Python) - Grid Flexibility"
    assert summary["company"] == "Fernhill Energy B.V."
    assert summary["must_have"] >= 10
    assert len(summary["scores"]) == people
    assert summary["scores"][0]["candidate_id"] == "CN_amara-okafor"
    assert summary["scores"][0]["qualified"]

    jd = store.get_jd(summary["jd_id"])
    assert (jd.role_id, jd.job_id) == (summary["role_id"], "JB_1")
    assert jd.source == f"file://{TEXT_JD}"
    claims = store.attestations_of(jd.id)
    assert {claim.actors[1] for claim in claims} == {"kim"}
    ranked = store.scores_of(jd.id)
    assert [s.candidate_id for s in ranked] == [s["candidate_id"] for s in summary["scores"]]


def test_the_log_is_worth_reading(context: MakeContext, people: int) -> None:
    ctx = context()
    run(ctx, TEXT_JD)
    emit = ctx.emit
    found = emit.messages("info", "extract_requirements")
    assert found[0] == "Extracting with the built-in rules (llm.enabled is false)"
    assert "must-haves and" in found[1]
    assert found[2] == "Conditions: senior, Amsterdam, hybrid, EUR 78,000-95,000 per year"
    requirements = [line for line in emit.lines if line[2] == "debug" and "quote" in line[4]]
    assert any(m == "Skill Python (must, 3+ years, critical)" for _, _, _, m, _ in requirements)
    assert all(line[4]["quote"] for line in requirements)
    matches = [line for line in emit.lines if line[2] == "match"]
    assert len(matches) == people
    assert all(task == data["candidate_id"] for _, task, _, _, data in matches)
    assert emit.messages("progress")[-1] == f"{people}/{people}"


def test_a_page_from_end_to_end(context: MakeContext, settings: Settings, people: int) -> None:
    with example_module("site").serving() as base:
        settings.fetch.allow_hosts = [base.removeprefix("http://")]
        ctx = context()
        url = f"{base}/jobs/data-engineer-supply-chain"
        summary = run(ctx, url)
    emit = ctx.emit
    assert emit.stages() == ["fetch_jd", *STAGES]
    said = emit.messages("info", "fetch_jd")
    assert said[0] == f"Fetching job description from {url}"
    assert said[1].startswith("Fetched ")
    assert "with structured JobPosting data" in said[2]
    fetched = next(line[4] for line in emit.lines if line[3].startswith("Fetched "))
    assert fetched["bytes"] > 5000
    assert fetched["content_type"] == "text/html; charset=utf-8"
    assert summary["scores"][0]["candidate_id"] == "CN_jonas-lindqvist"
    assert summary["location"] == "Hamburg, DE"


def test_a_pdf_from_end_to_end(context: MakeContext, people: int) -> None:
    summary = run(context(), str(EXAMPLES / "jobs" / "finance-lead.pdf"))
    best = [entry["candidate_id"] for entry in summary["scores"] if entry["qualified"]]
    assert set(best) == {"CN_lukas-brunner", "CN_claire-dubois"}


def test_redirects_and_replaced_bytes_are_told(
    context: MakeContext, settings: Settings, server: ScriptedServer
) -> None:
    settings.fetch.allow_hosts = [server.hostport]
    server.replies["/old"] = redirect("/new", 301)
    server.replies["/new"] = response(
        b"<html><h1>Engineer</h1><p>" + b"Gr\xfc\xdfe von der K\xfcste, " * 9 + b"</p></html>"
    )
    ctx = context()
    run(ctx, server.url("/old"))
    assert f"Followed a redirect at {server.url('/old')}" in ctx.emit.messages("info")
    assert any("read as Windows-1252" in message for message in ctx.emit.messages("warn"))


@pytest.mark.parametrize(
    ("source", "stage", "said"),
    [
        ("file:///tmp/no-such-jd.txt", "read_jd", "file not found: file:///tmp/no-such-jd.txt"),
        ("no/such/jd.txt", "read_jd", "file not found: no/such/jd.txt - check the path"),
        ("http://127.0.0.1/jd", "fetch_jd", "is not a public address (loopback)"),
        ("http://user:pw@example.com/", "fetch_jd", "it has a user name or password"),
        (str(EXAMPLES / "jobs"), "read_jd", "is a folder"),
    ],
)
def test_what_cannot_be_read_fails_in_its_stage(
    context: MakeContext, store: RecruitingStore, source: str, stage: str, said: str
) -> None:
    ctx = context()
    with pytest.raises(FetchError) as error:
        run(ctx, source)
    assert said in str(error.value)
    assert ctx.emit.failed == [stage]
    assert ctx.emit.stages() == [stage]
    assert ctx.checkpoints == []
    assert store.list_jds() == []


def test_remote_callers_may_not_read_files(context: MakeContext, settings: Settings) -> None:
    with pytest.raises(FetchError, match=r"files\.roots"):
        run(context(), TEXT_JD, remote=True)
    settings.files.roots = [EXAMPLES]
    assert run(context(), TEXT_JD, remote=True)["title"]


def test_an_unknown_scheme(context: MakeContext) -> None:
    with pytest.raises(FetchError, match="give a path, file://, http:// or https://"):
        run(context(), "ftp://example.com/jd.txt")


def test_nobody_to_score(context: MakeContext) -> None:
    ctx = context()
    assert run(ctx, TEXT_JD)["scores"] == []
    assert ctx.emit.messages("warn", "score_candidates") == [
        "There are no candidates to score - load some first"
    ]


def test_a_text_that_asks_for_nothing(context: MakeContext, tmp_path: Path, people: int) -> None:
    (tmp_path / "poem.txt").write_text("Roses are red and violets are blue.\n" * 5)
    ctx = context()
    summary = run(ctx, str(tmp_path / "poem.txt"))
    assert summary["must_have"] == summary["nice_to_have"] == summary["qualified"] == 0
    assert "No requirement was found" in ctx.emit.messages("warn")[0]


def test_the_same_text_twice(context: MakeContext, store: RecruitingStore, people: int) -> None:
    first = run(context(), TEXT_JD)
    claims = store.attestations_of(first["jd_id"])
    ctx = context(job_id="JB_2")
    second = run(ctx, TEXT_JD)
    assert second["jd_id"] == first["jd_id"]
    assert ctx.emit.messages("info", "persist_complete")[0].startswith("Updated JD_")
    assert store.attestations_of(first["jd_id"]) == claims
    assert len(store.list_jds()) == 1
    assert {score.job_id for score in store.scores_of(first["jd_id"])} == {"JB_2"}


class Killed(BaseException):
    """Stands for the death of the process between two calls."""


@pytest.mark.parametrize("finished", [1, 2, 3, 4])
def test_finished_stages_are_not_repeated(
    context: MakeContext, store: RecruitingStore, people: int, finished: int
) -> None:
    ctx = context()
    calls = 0

    def die_after_checkpoint() -> None:
        nonlocal calls
        calls = len(ctx.checkpoints)
        if calls == finished:
            raise Killed

    ctx.before_check = die_after_checkpoint
    with pytest.raises(Killed):
        run(ctx, TEXT_JD)
    before = ctx.emit.stages()

    state = msgspec.json.decode(msgspec.json.encode(ctx.checkpoints[-1]))
    again = context(state=state)
    summary = run(again, TEXT_JD)
    after = again.emit.stages()
    # persist_data and persist_complete are one step
    assert before + after == ["read_jd", *STAGES]
    assert len(store.list_jds()) == 1
    assert len(summary["scores"]) == people
    assert again.emit.messages("info")[0] == "Going on from the last checkpoint"


def test_no_candidate_is_scored_twice(
    context: MakeContext, store: RecruitingStore, people: int
) -> None:
    ctx = context()

    def die_in_the_middle() -> None:
        if len([line for line in ctx.emit.lines if line[2] == "match"]) == 5:
            raise JobCancelled("stop")

    ctx.before_check = die_in_the_middle
    with pytest.raises(JobCancelled):
        run(ctx, TEXT_JD)
    assert ctx.emit.failed == ["score_candidates"]

    again = context(state=ctx.checkpoints[-1])
    summary = run(again, TEXT_JD)
    assert again.emit.stages() == ["score_candidates"]
    assert len(again.emit.messages("match")) == people - 5
    assert "5 candidates were scored before the interruption" in again.emit.messages("info")
    assert len(summary["scores"]) == len(store.scores_of(summary["jd_id"])) == people


def test_a_model_answers_in_its_stage(
    context: MakeContext, settings: Settings, server: ScriptedServer
) -> None:
    settings.llm.enabled = True
    settings.llm.base_url = server.url("/v1")
    server.replies["/v1/chat/completions"] = response(
        b'data: {"choices":[{"delta":{"content":"{\\"requirements\\": []}"}}]}\n\ndata: [DONE]\n\n',
        kind="text/event-stream",
    )
    ctx = context()
    summary = run(ctx, TEXT_JD)
    said = ctx.emit.messages("info", "extract_requirements")
    assert said[0] == "Extracting with llama3.2:3b (local)..."
    assert said[1].startswith("llama3.2:3b answered in ")
    assert ctx.emit.tokens == ['{"requirements": []}']
    assert summary["extractor"] == "llm/1 llama3.2:3b + builtin/1"
