"""Score a candidate against what a job asks for: every point is backed by evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rapidfuzz import fuzz, process, utils

from qntx_recruiting.extraction.asked import SOFT_SKILL
from qntx_recruiting.extraction.education import DEGREES
from qntx_recruiting.extraction.languages import LEVELS
from qntx_recruiting.extraction.skills import gazetteer
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Evidence,
    Extraction,
    JobDescription,
    Requirement,
)

#: Stored with every score; a change of any rule or weight below is a new version.
VERSION = "rules/1"
MUST_WEIGHT = 1.0
NICE_WEIGHT = 0.35
CRITICAL_FACTOR = 1.5
SOFT_FACTOR = 0.25
#: A critical must below this strength disqualifies.
CRITICAL_STRENGTH = 0.5
IMPLIED_STRENGTH = 0.8
FUZZY_STRENGTH = 0.7
FUZZY_CUTOFF = 88.0
#: Knowing a skill without any of the years asked for is still worth this much of it.
KNOWLEDGE_SHARE = 0.4
#: Years that stand in for a degree where the job accepts experience instead.
EQUIVALENT_YEARS = 3.0


class Profile:
    """A candidate prepared for scoring: skills under their canonical names, with years."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        known = gazetteer()
        #: canonical or given name -> years (None where unknown)
        self.skills: dict[str, float | None] = {}
        for entry in candidate.skills:
            skill = known.lookup(entry.name)
            self._add(skill.name if skill else entry.name, entry.years)
        for position in candidate.positions:
            for mention in known.find(f"{position.title}. {position.summary}"):
                self._add(mention.skill.name, None)
        for mention in known.find(candidate.headline):
            self._add(mention.skill.name, None)
        #: implied skill -> the candidate's skill that implies it
        self.implied: dict[str, str] = {}
        for name in self.skills:
            skill = known.lookup(name)
            for implied in known.implied(skill) if skill else ():
                self.implied.setdefault(implied, name)

    def _add(self, name: str, years: float | None) -> None:
        had = self.skills.get(name)
        self.skills[name] = max(had or 0.0, years) if years is not None else had


def score(
    candidate: Candidate, jd: JobDescription, *, threshold: float, job_id: str = ""
) -> CandidateScore:
    """
    How well *candidate* meets what *jd* asks for, from 0 to 1, with reasons.

    Qualified are those at or above *threshold* who lack no critical must. A job that asks for
    nothing gives 0 and nobody qualifies.
    """
    profile = Profile(candidate)
    evidence = tuple(_judge(profile, group) for group in _groups(jd.extraction))
    total = sum(item.weight for item in evidence)
    value = round(sum(e.weight * e.strength for e in evidence) / total, 4) if total else 0.0
    lacking = [e for e in evidence if e.critical and e.strength < CRITICAL_STRENGTH]
    qualified = bool(evidence) and value >= threshold and not lacking
    return CandidateScore(
        jd_id=jd.id,
        candidate_id=candidate.id,
        scorer=VERSION,
        score=value,
        qualified=qualified,
        threshold=threshold,
        reasoning=_reasoning(value, threshold, evidence, lacking),
        evidence=evidence,
        job_id=job_id,
    )


def _groups(extraction: Extraction) -> Iterator[list[Requirement]]:
    """Requirements one by one, but those that are alternatives together."""
    groups: dict[str, list[Requirement]] = {}
    for requirement in extraction.requirements:
        if requirement.group:
            groups.setdefault(requirement.group, []).append(requirement)
    seen: set[str] = set()
    for requirement in extraction.requirements:
        if not requirement.group:
            yield [requirement]
        elif requirement.group not in seen:
            seen.add(requirement.group)
            yield groups[requirement.group]


def _judge(profile: Profile, choices: Sequence[Requirement]) -> Evidence:
    """The evidence for one requirement, or the best one among alternatives."""
    judged = [(_evidence(profile, choice), choice) for choice in choices]
    (strength, how, found), best = max(judged, key=lambda item: item[0][0])
    importance = "must" if any(c.importance == "must" for c in choices) else "nice"
    critical = any(choice.critical for choice in choices)
    weight = MUST_WEIGHT if importance == "must" else NICE_WEIGHT
    if critical:
        weight *= CRITICAL_FACTOR
    if best.category == SOFT_SKILL:
        # A profile that is silent about character is no proof against it.
        weight *= SOFT_FACTOR if strength else 0.0
        how = how if strength else "unknown"
    return Evidence(
        requirement=" or ".join(_label(choice) for choice in choices),
        importance="must" if importance == "must" else "nice",
        critical=critical,
        weight=round(weight, 4),
        strength=round(strength, 4),
        how=how,
        found=found,
    )


def _evidence(profile: Profile, requirement: Requirement) -> tuple[float, str, str]:
    if requirement.kind == "skill":
        return _skill(profile, requirement)
    if requirement.kind == "experience":
        return _years(profile.candidate.years_experience, requirement.years or 0.0)
    if requirement.kind == "language":
        return _language(profile.candidate, requirement)
    return _degree(profile.candidate, requirement)


def _skill(profile: Profile, requirement: Requirement) -> tuple[float, str, str]:
    strength, how, name = _match(profile, requirement.name)
    if not strength:
        return 0.0, "none", ""
    years = profile.skills.get(name)
    asked = f", {requirement.years:g} asked" if requirement.years else ""
    found = f"{name} ({_span(years)}{asked})" if years is not None else name
    if requirement.years:
        # Years that are not stated count as if there were none of them, but the skill is known.
        share = min(1.0, (years or 0.0) / requirement.years)
        strength *= KNOWLEDGE_SHARE + (1 - KNOWLEDGE_SHARE) * share
    return strength, how, found


def _match(profile: Profile, wanted: str) -> tuple[float, str, str]:
    """How the candidate knows *wanted*: (strength, how, the candidate's skill)."""
    if wanted in profile.skills:
        return 1.0, "exact", wanted
    if wanted in profile.implied:
        return IMPLIED_STRENGTH, "implied", profile.implied[wanted]
    # Two known names are two different skills, however alike they look (Java, JavaScript).
    unknown = gazetteer().lookup(wanted) is None
    names = [n for n in profile.skills if unknown or gazetteer().lookup(n) is None]
    hit = process.extractOne(
        wanted, names, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=FUZZY_CUTOFF
    )
    return (FUZZY_STRENGTH, "fuzzy", hit[0]) if hit else (0.0, "none", "")


def _years(has: float, asked: float) -> tuple[float, str, str]:
    strength = 1.0 if asked <= 0 else min(1.0, has / asked)
    return strength, "years" if strength else "none", f"{_span(has)} of experience"


def _language(candidate: Candidate, requirement: Requirement) -> tuple[float, str, str]:
    for language in candidate.languages:
        if language.name.casefold() != requirement.name.casefold():
            continue
        # Without a level, good working knowledge is meant.
        short = LEVELS.index(requirement.level or "B2") - LEVELS.index(language.level)
        strength = 1.0 if short <= 0 else 0.5 if short == 1 else 0.2
        return strength, "level", f"{language.name} {language.level}"
    return 0.0, "none", ""


def _degree(candidate: Candidate, requirement: Requirement) -> tuple[float, str, str]:
    asked = DEGREES.index(requirement.level or "vocational")
    best = max((DEGREES.index(degree.level) for degree in candidate.education), default=-1)
    if best >= asked:
        return 1.0, "level", DEGREES[best]
    if "equivalent" in requirement.category and candidate.years_experience >= EQUIVALENT_YEARS:
        return 1.0, "years", f"{_span(candidate.years_experience)} instead of a degree"
    return (0.4, "level", DEGREES[best]) if best >= 0 else (0.0, "none", "")


def _label(requirement: Requirement) -> str:
    if requirement.kind == "experience":
        return f"{requirement.years or 0:g}+ years of {requirement.name}"
    if requirement.kind == "education":
        return f"{requirement.level} ({requirement.name})"
    if requirement.kind == "language":
        return f"{requirement.name} {requirement.level or ''}".strip()
    return (
        f"{requirement.name} ({requirement.years:g}+ years)"
        if requirement.years
        else requirement.name
    )


def _reasoning(
    value: float, threshold: float, evidence: Sequence[Evidence], lacking: Sequence[Evidence]
) -> str:
    if not evidence:
        return "Nothing to score against: no requirement was found in the text."
    judged = [e for e in evidence if e.weight]
    musts = [e for e in judged if e.importance == "must"]
    nices = [e for e in judged if e.importance == "nice"]
    parts = [f"Meets {_share(musts, 'must')} and {_share(nices, 'nice-to-have')}."]
    strong = sorted((e for e in judged if e.strength >= IMPLIED_STRENGTH), key=_worth)
    if strong:
        parts.append(f"Brings {', '.join(e.found for e in strong[:4])}.")
    gaps = [e for e in musts if e.strength < CRITICAL_STRENGTH]
    if gaps:
        parts.append(
            f"Lacks {', '.join(_gap(e) for e in gaps[:4])}{' …' if len(gaps) > 4 else ''}."
        )
    if lacking:
        names = ", ".join(e.requirement for e in lacking)
        parts.append(
            f"Not qualified: {names} {'is' if len(lacking) == 1 else 'are'} indispensable."
        )
    elif value < threshold:
        parts.append(f"Not qualified: {value:.2f} is below {threshold:.2f}.")
    return " ".join(parts)


def _share(evidence: Sequence[Evidence], name: str) -> str:
    enough = sum(1 for e in evidence if e.strength >= CRITICAL_STRENGTH)
    return f"{enough} of {len(evidence)} {name}{'' if len(evidence) == 1 else 's'}"


def _span(years: float) -> str:
    return f"{years:g} year{'' if years == 1 else 's'}"


def _worth(evidence: Evidence) -> float:
    return -evidence.weight * evidence.strength


def _gap(evidence: Evidence) -> str:
    return (
        f"{evidence.requirement} (has {evidence.found})" if evidence.found else evidence.requirement
    )
