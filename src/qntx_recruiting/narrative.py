"""How ingestion puts what it found into words."""

from __future__ import annotations

from collections.abc import Sequence

from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Evidence,
    Extraction,
    JobDescription,
    Requirement,
    Salary,
)


def requirement_line(requirement: Requirement) -> str:
    """*requirement* in one line: ``Skill Python (must, 3+ years, critical)``."""
    details: list[str] = [requirement.importance]
    if requirement.years:
        details.append(f"{requirement.years:g}+ years")
    if requirement.level:
        details.append(requirement.level)
    if requirement.critical:
        details.append("critical")
    return f"{requirement.kind.capitalize()} {requirement.name} ({', '.join(details)})"


def condition_fields(extraction: Extraction) -> dict[str, object]:
    """The terms of the job as plain values, None where the text is silent."""
    salary = extraction.salary
    return {
        "seniority": extraction.seniority.value if extraction.seniority else None,
        "location": "; ".join(fact.value for fact in extraction.locations) or None,
        "work_mode": extraction.work_mode.value if extraction.work_mode else None,
        "employment": [fact.value for fact in extraction.employment],
        "salary": _money(salary) if salary else None,
    }


def conditions_line(extraction: Extraction) -> str:
    """The terms of the job in one line."""
    fields = condition_fields(extraction)
    said = [str(fields[k]) for k in ("seniority", "location", "work_mode", "salary") if fields[k]]
    return f"Conditions: {', '.join(said)}" if said else "The text states no conditions"


def evidence_line(evidence: Evidence) -> str:
    """*evidence* in one line: ``Python (must): exact match, Python (6 years)``."""
    found = f"{evidence.how} match, {evidence.found}" if evidence.found else "not found"
    return f"{evidence.requirement} ({evidence.importance}): {found}"


def _money(salary: Salary) -> str:
    amounts = [
        f"{amount:,.0f}" for amount in (salary.minimum, salary.maximum) if amount is not None
    ]
    return f"{salary.currency} {'-'.join(dict.fromkeys(amounts))} per {salary.period}"


def summary(
    jd: JobDescription, scores: Sequence[tuple[Candidate, CandidateScore]]
) -> dict[str, object]:
    """The result of the job, as whoever started it gets it."""
    musts = sum(r.importance == "must" for r in jd.extraction.requirements)
    return {
        "jd_id": jd.id,
        "role_id": jd.role_id,
        "title": jd.title,
        "company": jd.company,
        "location": jd.location,
        "extractor": jd.extraction.extractor,
        "must_have": musts,
        "nice_to_have": len(jd.extraction.requirements) - musts,
        "qualified": sum(score.qualified for _, score in scores),
        "scores": [
            {
                "candidate_id": candidate.id,
                "name": candidate.name,
                "score": score.score,
                "qualified": score.qualified,
            }
            for candidate, score in scores
        ],
    }
