"""What the recruiting handlers need from outside, as interfaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    JobDescription,
    ModelUsage,
    PastIngestion,
    Role,
    Saved,
)


@runtime_checkable
class RecruitingStore(Protocol):
    """Where roles, job descriptions, claims, candidates, scores and model usage are kept."""

    def save_ingestion(
        self, role: Role, jd: JobDescription, attestations: Sequence[Attestation]
    ) -> Saved:
        """Store all three in one transaction; what is known already is not stored again."""

    def get_jd(self, jd_id: str) -> JobDescription:
        """The job description *jd_id*; raises NotFound."""

    def list_jds(self, *, limit: int = 100) -> list[JobDescription]:
        """Job descriptions, the most recently ingested first."""

    def attestations_of(self, subject: str) -> list[Attestation]:
        """What is claimed about *subject*, oldest claim first."""

    def save_candidates(self, candidates: Iterable[Candidate]) -> int:
        """Store *candidates*, replacing those with the same ids; returns how many."""

    def list_candidates(self) -> list[Candidate]:
        """All candidates, by id."""

    def save_score(self, score: CandidateScore) -> None:
        """Store one score; a newer one by the same scorer replaces it."""

    def scores_of(self, jd_id: str, *, job_id: str | None = None) -> list[CandidateScore]:
        """The scores against *jd_id*, the best first; only those of *job_id* if it is given."""

    def record_usage(self, usage: ModelUsage) -> None:
        """Note one call of a language model."""

    def close(self) -> None:
        """Give back what is held open."""


@runtime_checkable
class IngestionHistory(Protocol):
    """What became of earlier ingestions, so that nothing is ingested twice without need."""

    def newest(self, handler: str, sources: Mapping[str, str]) -> dict[str, PastIngestion]:
        """
        The newest ingestion by *handler* of each of *sources*, as far as there is one.

        *sources* maps web addresses to the beginnings of the idempotency keys of their jobs.
        """

    def last_completed(self, handler: str, url: str) -> str | None:
        """When the newest completed job of *handler* for *url* was queued (RFC 3339), or None."""

    def close(self) -> None:
        """Give back what is held open."""
