"""The recruiting store on a real SQLite file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import msgspec
import pytest

from qntx.config import Settings
from qntx.errors import NotFound, StoreUnavailable
from qntx.model.ids import new_id
from qntx.storage.sqlite.connection import connect
from qntx_recruiting.claims import PREDICATES, claims_of
from qntx_recruiting.extraction.builtin import extract
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Evidence,
    Fact,
    JobDescription,
    ModelUsage,
    Role,
    Saved,
)
from qntx_recruiting.ports import RecruitingStore
from qntx_recruiting.storage.sqlite.recruiting import SqliteRecruiting
from qntx_recruiting.wiring import PORTS

TEXT = (
    "Engineer\n\n## Requirements\n\n- 3 years of Python\n- Fluent English\n\n"
    "Salary: €60,000 per year\n"
)


def make_jd(text: str = TEXT, **changes: object) -> JobDescription:
    fields = {
        "id": new_id("JD"),
        "role_id": new_id("RL"),
        "source": "file:///jd.txt",
        "source_kind": "text",
        "content_hash": str(hash(text)),
        "title": "Engineer",
        "company": "Acme",
        "location": "Berlin",
        "text": text,
        "extraction": extract(text),
        "posting": {"@type": "JobPosting"},
        "job_id": "JB_1",
    }
    return JobDescription(**{**fields, **changes})  # type: ignore[arg-type]


def save(store: RecruitingStore, jd: JobDescription, at_us: int = 1_000_000) -> Saved:
    role = Role(id=jd.role_id, title=jd.title, company=jd.company, location=jd.location)
    return store.save_ingestion(role, jd, claims_of(jd, actor="test", at_us=at_us))


def test_the_adapter_is_the_port(store: RecruitingStore, settings: Settings) -> None:
    assert isinstance(store, RecruitingStore)
    adapter = PORTS[RecruitingStore](settings)
    assert isinstance(adapter, RecruitingStore)
    adapter.close()


def test_everything_comes_back_as_it_was_stored(store: RecruitingStore) -> None:
    jd = make_jd()
    saved = save(store, jd)
    assert saved.new
    assert saved.claims_added > 5
    stored = store.get_jd(jd.id)
    assert stored == saved.jd
    assert msgspec.structs.replace(stored, created_at="", updated_at="") == jd
    assert store.list_jds() == [stored]


def test_the_same_text_is_the_same_job_description(store: RecruitingStore) -> None:
    first, again = make_jd(), make_jd(source="https://acme.test/jobs/1", job_id="JB_2")
    save(store, first)
    saved = save(store, again, at_us=2_000_000)
    assert not saved.new
    assert (saved.jd.id, saved.jd.role_id) == (first.id, first.role_id)
    assert saved.jd.source == "https://acme.test/jobs/1"
    assert saved.jd.job_id == "JB_2"
    assert saved.jd.updated_at >= saved.jd.created_at
    assert len(store.list_jds()) == 1


def test_a_new_text_of_the_same_position_shares_its_role(store: RecruitingStore) -> None:
    first, second = make_jd(), make_jd(TEXT + "\nMore.\n", title="ENGINEER")
    save(store, first)
    saved = save(store, second)
    assert saved.new
    assert saved.jd.role_id == first.role_id
    assert len(store.list_jds()) == 2


def test_a_claim_is_stored_once(store: RecruitingStore) -> None:
    first, again = make_jd(), make_jd(source="elsewhere")
    added = save(store, first).claims_added
    # Only where it was read is news the second time.
    assert save(store, again, at_us=2_000_000).claims_added == 1
    claims = store.attestations_of(first.id)
    assert len(claims) == added + 1
    assert store.attestations_of(first.id.lower()) == claims
    assert {claim.predicates[0] for claim in claims} <= set(PREDICATES)
    python = next(c for c in claims if c.contexts == ("Python",))
    assert python.predicates == ("requires_skill",)
    assert python.attributes["quote"] == "3 years of Python"
    assert python.attributes["years"] == 3
    assert python.timestamp_us == 1_000_000
    assert store.attestations_of("JD_unknown") == []


def test_all_or_nothing(store: RecruitingStore, settings: Settings) -> None:
    jd = make_jd()
    twice = Attestation(id="AS_1", subjects=(jd.id,), actors=("x",), timestamp_us=1)
    other = msgspec.structs.replace(twice, predicates=("y",))
    role = Role(id=jd.role_id, title="Engineer")
    with pytest.raises(StoreUnavailable):
        store.save_ingestion(role, jd, [twice, other])
    assert store.list_jds() == []
    with connect(settings.database) as connection:
        assert connection.execute("SELECT count(*) FROM roles").fetchall() == [(0,)]


def test_two_jobs_that_ingest_the_same_text_at_once(settings: Settings) -> None:
    def ingest(_: int) -> Saved:
        store = SqliteRecruiting(settings.database)
        try:
            return save(store, make_jd())
        finally:
            store.close()

    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(ingest, range(8)))
    assert len({s.jd.id for s in saved}) == 1
    assert len({s.jd.role_id for s in saved}) == 1
    assert sum(s.new for s in saved) == 1


def make_score(jd_id: str, candidate_id: str, value: float, job_id: str) -> CandidateScore:
    evidence = Evidence(
        requirement="Python",
        importance="must",
        critical=True,
        weight=1.5,
        strength=value,
        how="exact",
        found="Python",
    )
    return CandidateScore(
        jd_id=jd_id,
        candidate_id=candidate_id,
        scorer="rules/1",
        score=value,
        qualified=value > 0.6,
        threshold=0.6,
        reasoning="because",
        evidence=(evidence,),
        job_id=job_id,
    )


def test_scores_are_ranked_and_replaced(store: RecruitingStore) -> None:
    jd = save(store, make_jd()).jd
    store.save_candidates([Candidate(id=f"CN_{n}", name=f"N{n}") for n in range(3)])
    for number, value in enumerate((0.2, 0.9, 0.5)):
        store.save_score(make_score(jd.id, f"CN_{number}", value, "JB_1"))
    store.save_score(make_score(jd.id, "CN_0", 1.0, "JB_2"))
    ranked = store.scores_of(jd.id)
    assert [(s.candidate_id, s.score, s.qualified) for s in ranked] == [
        ("CN_0", 1.0, True),
        ("CN_1", 0.9, True),
        ("CN_2", 0.5, False),
    ]
    assert ranked[0].evidence[0].found == "Python"
    assert [s.candidate_id for s in store.scores_of(jd.id, job_id="JB_1")] == ["CN_1", "CN_2"]
    assert store.scores_of("JD_unknown") == []


def test_a_score_needs_its_candidate_and_its_job_description(store: RecruitingStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.save_score(make_score("JD_unknown", "CN_unknown", 0.5, "JB_1"))


def test_what_models_cost_is_noted(store: RecruitingStore, settings: Settings) -> None:
    store.record_usage(
        ModelUsage(
            operation_type="jd-extraction",
            entity_type="job",
            entity_id="JB_1",
            model_name="llama3.2:3b",
            model_provider="localhost",
            request_timestamp="2026-11-24T10:00:00.000000Z",
            tokens_used=1234,
            success=False,
            error_message="too slow",
        )
    )
    with connect(settings.database) as connection:
        rows = connection.execute(
            "SELECT model_name, tokens_used, success, error_message, cost FROM ai_model_usage"
        ).fetchall()
    assert rows == [("llama3.2:3b", 1234, 0, "too slow", None)]


def test_an_unknown_job_description(store: RecruitingStore) -> None:
    with pytest.raises(NotFound, match="unknown job description JD_nope"):
        store.get_jd("JD_nope")


def test_a_new_data_directory_needs_no_preparation(tmp_path: Path) -> None:
    store = SqliteRecruiting(tmp_path / "new" / "qntx.db")
    assert store.list_candidates() == []
    store.close()
    store.close()


def test_a_damaged_database(tmp_path: Path) -> None:
    (tmp_path / "qntx.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreUnavailable):
        SqliteRecruiting(tmp_path / "qntx.db").list_candidates()


def test_the_schema_refuses_nonsense(settings: Settings) -> None:
    with connect(settings.database) as connection, pytest.raises(apsw.ConstraintError):
        connection.execute(
            "INSERT INTO attestations VALUES ('A', 'no json', '[]', '[]', '[]', 't', 's', "
            "NULL, 'c', NULL, NULL)"
        )


def test_claims_say_what_the_extraction_says() -> None:
    jd = make_jd()
    claims = claims_of(jd, actor="kim", at_us=5)
    assert all(claim.actors == (jd.extraction.extractor, "kim") for claim in claims)
    assert len({claim.id for claim in claims}) == len(claims)
    said = {(claim.predicates[0], claim.contexts[0]) for claim in claims}
    assert {
        ("type", "jd"),
        ("title_of", "Engineer"),
        ("at_company", "Acme"),
        ("in_location", "Berlin"),
        ("requires_skill", "Python"),
        ("requires_language", "English"),
        ("pays", "EUR"),
    } <= said
    assert isinstance(jd.extraction.title, Fact)
