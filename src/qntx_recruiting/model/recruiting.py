"""The records of recruiting: roles, job descriptions and what they ask for, candidates, scores."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Importance = Literal["must", "nice"]
RequirementKind = Literal["skill", "experience", "education", "language"]
Score = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Years = Annotated[float, msgspec.Meta(ge=0.0, le=60.0)]


class Quote(msgspec.Struct, frozen=True):
    """Where something was read: *text* is exactly ``document[start:end]`` (character offsets)."""

    text: str
    start: int
    end: int


class Fact(msgspec.Struct, frozen=True):
    """One thing that the text says, with the words that say it."""

    value: str
    quote: Quote


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that is asked for.

    *years* is the minimum; *level* is a CEFR level or ``native`` for languages, and the degree for
    education. Requirements with the same non-empty *group* are alternatives: one is enough.
    *critical* marks a must without which nobody qualifies.
    """

    kind: RequirementKind
    name: str
    importance: Importance
    quote: Quote
    category: str = ""
    years: float | None = None
    level: str | None = None
    group: str = ""
    critical: bool = False


class Salary(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid: *minimum* and *maximum* in *currency* (ISO 4217) per *period*."""

    currency: str
    minimum: float | None
    maximum: float | None
    period: Literal["year", "month", "day", "hour"]
    quote: Quote


class Extraction(msgspec.Struct, frozen=True, kw_only=True):
    """Everything read out of one job description, and by which *extractor*."""

    extractor: str
    title: Fact | None = None
    company: Fact | None = None
    requirements: tuple[Requirement, ...] = ()
    mentions: tuple[Fact, ...] = ()
    seniority: Fact | None = None
    locations: tuple[Fact, ...] = ()
    work_mode: Fact | None = None
    salary: Salary | None = None
    employment: tuple[Fact, ...] = ()
    responsibilities: tuple[Fact, ...] = ()
    benefits: tuple[Fact, ...] = ()


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """The position itself; every version of its advertisement belongs to it."""

    id: str
    title: str
    company: str = ""
    location: str = ""


class JobDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One text of an advertisement; the same text is the same job description, wherever read."""

    id: str
    role_id: str
    source: str
    source_kind: str
    content_hash: str
    title: str
    company: str
    location: str
    text: str
    extraction: Extraction
    posting: dict[str, object] = {}
    job_id: str = ""
    created_at: str = ""
    updated_at: str = ""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What storing an ingestion came to: the record, whether it is new, how many claims are."""

    jd: JobDescription
    new: bool
    claims_added: int


class PastIngestion(msgspec.Struct, frozen=True, kw_only=True):
    """
    The newest ingestion of a web address: by which job, in which status, *changed_at* (RFC 3339).

    *key* is the idempotency key of that job, if it had one; *status* is ``completed`` with an empty
    *job_id* where the job is gone and only its result is left.
    """

    job_id: str
    status: str
    changed_at: str
    key: str = ""


class CandidateSkill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill of a candidate; *years* of use where they are known."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    years: Years | None = None


class CandidateLanguage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A human language of a candidate, with its CEFR level or ``native``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    level: Literal["A1", "A2", "B1", "B2", "C1", "C2", "native"]


class Degree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A candidate's degree or vocational qualification."""

    level: Literal["vocational", "bachelor", "master", "doctorate"]
    field: str = ""


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One station of a candidate's working life."""

    title: str
    company: str = ""
    years: Years = 0.0
    summary: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A person who may be scored.

    Only what a job can ask for: no age, sex, origin, family status or photograph.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^CN_[A-Za-z0-9_\-]{1,60}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    headline: str = ""
    location: str = ""
    work_modes: tuple[Literal["remote", "hybrid", "on-site"], ...] = ()
    years_experience: Years = 0.0
    skills: tuple[CandidateSkill, ...] = ()
    languages: tuple[CandidateLanguage, ...] = ()
    education: tuple[Degree, ...] = ()
    positions: tuple[Position, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """
    How one requirement (or one group of alternatives) was judged.

    *strength* is how far it is met, *weight* what it counts, *found* what the candidate brings, and
    *how* the kind of match: ``exact``, ``implied``, ``fuzzy``, ``level``, ``years``, ``none``, or
    ``unknown`` where a profile cannot tell.
    """

    requirement: str
    importance: Importance
    critical: bool
    weight: float
    strength: Score
    how: str
    found: str


class CandidateScore(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one candidate against one job description by one *scorer* version."""

    jd_id: str
    candidate_id: str
    scorer: str
    score: Score
    qualified: bool
    threshold: float
    reasoning: str
    evidence: tuple[Evidence, ...]
    job_id: str = ""
    scored_at: str = ""


class ModelUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a language model; *tokens_used* is None when the server did not say."""

    operation_type: str
    entity_type: str
    entity_id: str
    model_name: str
    model_provider: str
    request_timestamp: str
    model_config: dict[str, object] = {}
    response_timestamp: str | None = None
    tokens_used: int | None = None
    cost: float | None = None
    success: bool = True
    error_message: str | None = None
    metadata: dict[str, object] = {}
