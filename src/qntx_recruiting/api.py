"""Candidates, job descriptions, how well they fit, and what is claimed of them: reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import PathParameter, QueryParameter

from qntx.api.context import Server, ServerContext
from qntx.api.filters import MAX_NAME
from qntx.api.problems import documented
from qntx.clock import iso
from qntx.errors import NotFound
from qntx.model.ids import is_id
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import Candidate, CandidateScore, JobDescription
from qntx_recruiting.ports import RecruitingStore
from qntx_recruiting.storage import open_recruiting_store

MAX_JDS = 500


class CandidateList(msgspec.Struct, frozen=True):
    """All candidates, by id."""

    candidates: list[Candidate]
    count: int


class JDSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job description in a list."""

    id: str
    role_id: str
    title: str
    company: str
    location: str
    source: str
    source_kind: str
    extractor: str
    must_count: int
    nice_count: int
    #: The job that wrote it last.
    job_id: str
    created_at: str
    updated_at: str


class JDList(msgspec.Struct, frozen=True):
    """Job descriptions, the most recently ingested first."""

    jds: list[JDSummary]
    count: int


class NamedScore(msgspec.Struct, frozen=True):
    """A candidate's score, with the candidate's name."""

    candidate_name: str | None
    score: CandidateScore


class JDView(msgspec.Struct, frozen=True):
    """A job description with what it asks for, and the scores against it, the best first."""

    jd: JobDescription
    scores: list[NamedScore]


class AttestationView(msgspec.Struct, frozen=True, kw_only=True):
    """A claim: subjects are predicates of contexts, by actors."""

    id: str
    subjects: tuple[str, ...]
    predicates: tuple[str, ...]
    contexts: tuple[str, ...]
    actors: tuple[str, ...]
    timestamp: str
    source: str
    attributes: dict[str, object]


class AttestationList(msgspec.Struct, frozen=True):
    """What is claimed about a subject, the oldest first."""

    subject: str
    attestations: list[AttestationView]
    count: int


@get(
    "/api/pulse/attestations",
    sync_to_thread=True,
    tags=["recruiting"],
    summary="What is claimed about a subject",
    responses=documented(),
)
def list_attestations(
    server: Server,
    subject: Annotated[
        str,
        QueryParameter(
            description="JD_…, RL_…, CN_…, or another name of a subject, in any case.",
            min_length=1,
            max_length=MAX_NAME,
        ),
    ],
) -> AttestationList:
    """Each claim with who made it, when, and what it rests on (attributes), the oldest first."""
    with _records(server) as records:
        claims = [_attestation(claim) for claim in records.attestations_of(subject)]
    return AttestationList(subject, claims, len(claims))


@get(
    "/api/pulse/candidates",
    sync_to_thread=True,
    tags=["recruiting"],
    summary="Candidates",
    responses=documented(),
)
def list_candidates(server: Server) -> CandidateList:
    """All candidates with their profiles, by id."""
    with _records(server) as records:
        candidates = records.list_candidates()
    return CandidateList(candidates, len(candidates))


@get(
    "/api/pulse/jds",
    sync_to_thread=True,
    tags=["recruiting"],
    summary="Job descriptions",
    responses=documented(),
)
def list_jds(
    server: Server,
    limit: Annotated[int, QueryParameter(description="How many at most.", ge=1, le=MAX_JDS)] = 100,
) -> JDList:
    """Job descriptions without their texts, the most recently ingested first."""
    with _records(server) as records:
        jds = [_summary(jd) for jd in records.list_jds(limit=limit)]
    return JDList(jds, len(jds))


@get(
    "/api/pulse/jds/{jd_id:str}",
    sync_to_thread=True,
    tags=["recruiting"],
    summary="A job description with its scores",
    responses=documented(404),
)
def get_jd(
    server: Server,
    jd_id: Annotated[str, PathParameter(description="JD_…", max_length=200)],
) -> JDView:
    """The text, what was extracted from it, and every candidate's score with its evidence."""
    if not is_id(jd_id):
        raise NotFound(f"unknown job description {jd_id[:80]!r} - see GET /api/pulse/jds")
    with _records(server) as records:
        jd = records.get_jd(jd_id)
        names = {candidate.id: candidate.name for candidate in records.list_candidates()}
        scores = [NamedScore(names.get(s.candidate_id), s) for s in records.scores_of(jd_id)]
    return JDView(jd, scores)


@contextmanager
def _records(server: ServerContext) -> Iterator[RecruitingStore]:
    """The recruiting store of the application, closed again afterwards."""
    server.app.store.prepare()  # a database that was removed is not made anew
    settings = server.app.settings
    factory = server.app.ports.get(RecruitingStore, open_recruiting_store)
    records: RecruitingStore = factory(settings)
    try:
        yield records
    finally:
        records.close()


def _summary(jd: JobDescription) -> JDSummary:
    wanted = Counter(requirement.importance for requirement in jd.extraction.requirements)
    return JDSummary(
        id=jd.id,
        role_id=jd.role_id,
        title=jd.title,
        company=jd.company,
        location=jd.location,
        source=jd.source,
        source_kind=jd.source_kind,
        extractor=jd.extraction.extractor,
        must_count=wanted["must"],
        nice_count=wanted["nice"],
        job_id=jd.job_id,
        created_at=jd.created_at,
        updated_at=jd.updated_at,
    )


def _attestation(claim: Attestation) -> AttestationView:
    return AttestationView(
        id=claim.id,
        subjects=claim.subjects,
        predicates=claim.predicates,
        contexts=claim.contexts,
        actors=claim.actors,
        timestamp=iso(claim.timestamp_us),
        source=claim.source,
        attributes=claim.attributes,
    )


ROUTES = [list_candidates, list_jds, get_jd, list_attestations]
