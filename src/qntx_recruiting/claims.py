"""What a job description states, as attestations."""

from __future__ import annotations

from collections.abc import Iterator

from qntx.model.ids import new_id
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Extraction,
    Fact,
    JobDescription,
    Quote,
    Requirement,
)

#: The predicates that ingestion claims, and what their context is.
PREDICATES = {
    "type": "the kind of thing the subject is",
    "title_of": "the position that a job description advertises",
    "at_company": "who offers it",
    "in_location": "where the work is done",
    "has_seniority": "the level of the position",
    "has_work_mode": "remote, hybrid or on-site",
    "has_employment": "the kind of contract",
    "pays": "the salary",
    "requires_skill": "a skill that must be brought",
    "prefers_skill": "a skill that would be nice",
    "requires_experience": "years that must be brought",
    "prefers_experience": "years that would be nice",
    "requires_education": "a degree that must be brought",
    "prefers_education": "a degree that would be nice",
    "requires_language": "a human language that must be spoken",
    "prefers_language": "a human language that would be nice",
    "mentions_skill": "a skill that is named but not asked for",
    "scored_against": "a job description that a candidate was judged by",
}


def claims_of(jd: JobDescription, *, actor: str, at_us: int) -> list[Attestation]:
    """Everything that *jd* states, claimed by its extractor on behalf of *actor* at *at_us*."""
    maker = _Claims(jd, (jd.extraction.extractor, actor), at_us)
    return [*maker.identity(), *maker.conditions(jd.extraction), *maker.demands(jd.extraction)]


class _Claims:
    def __init__(self, jd: JobDescription, actors: tuple[str, ...], at_us: int) -> None:
        self._jd = jd
        self._actors = actors
        self._at_us = at_us

    def identity(self) -> Iterator[Attestation]:
        jd = self._jd
        yield self._claim("type", "jd", {"source": jd.source, "kind": jd.source_kind})
        yield self._claim("title_of", jd.title, {"role_id": jd.role_id})
        if jd.company:
            yield self._claim("at_company", jd.company, {})
        if jd.location:
            yield self._claim("in_location", jd.location, {})

    def conditions(self, extraction: Extraction) -> Iterator[Attestation]:
        facts: list[tuple[str, Fact | None]] = [
            ("has_seniority", extraction.seniority),
            ("has_work_mode", extraction.work_mode),
            *(("has_employment", fact) for fact in extraction.employment),
            *(("mentions_skill", fact) for fact in extraction.mentions),
        ]
        for predicate, fact in facts:
            if fact is not None:
                yield self._claim(predicate, fact.value, _quoted(fact.quote))
        if salary := extraction.salary:
            amounts = {
                "minimum": salary.minimum,
                "maximum": salary.maximum,
                "period": salary.period,
            }
            yield self._claim("pays", salary.currency, amounts | _quoted(salary.quote))

    def demands(self, extraction: Extraction) -> Iterator[Attestation]:
        for requirement in extraction.requirements:
            verb = "requires" if requirement.importance == "must" else "prefers"
            yield self._claim(f"{verb}_{requirement.kind}", requirement.name, _details(requirement))

    def _claim(self, predicate: str, context: str, attributes: dict[str, object]) -> Attestation:
        return Attestation(
            id=new_id("AS"),
            subjects=(self._jd.id,),
            predicates=(predicate,),
            contexts=(context,),
            actors=self._actors,
            timestamp_us=self._at_us,
            source="role.jd-ingestion",
            attributes=attributes,
        )


def _details(requirement: Requirement) -> dict[str, object]:
    details: dict[str, object] = {
        "years": requirement.years,
        "level": requirement.level,
        "group": requirement.group or None,
        "critical": requirement.critical or None,
    }
    return {key: value for key, value in details.items() if value is not None} | _quoted(
        requirement.quote
    )


def _quoted(quote: Quote) -> dict[str, object]:
    return {"quote": quote.text, "start": quote.start, "end": quote.end}
