"""What one statement asks for: skills with years and choices, degrees, languages, experience."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qntx_recruiting.extraction.education import find_degree
from qntx_recruiting.extraction.importance import Judgement
from qntx_recruiting.extraction.languages import find_languages
from qntx_recruiting.extraction.phrases import alternation
from qntx_recruiting.extraction.quantities import YearsMention, find_years
from qntx_recruiting.extraction.skills import SkillMention, gazetteer
from qntx_recruiting.extraction.structure import Statement
from qntx_recruiting.model.recruiting import Quote, Requirement

FIELD_OF_WORK = "field of work"
SOFT_SKILL = "soft skill"
_JOINT = re.compile(
    r"\s*(?P<sign>,?\s*(?:and/or|or|oder|bzw\.|beziehungsweise)\b|,)"
    r"\s*(?:even\s|auch\s|an?\s|the\s)?\s*",
    re.IGNORECASE,
)
_AND = re.compile(r",?\s*(?:and|und|&)\s+", re.IGNORECASE)
_EXAMPLES = re.compile(rf"(?:{alternation('examples')})\s*[(:]?\s*$", re.IGNORECASE)
_OR_SIMILAR = re.compile(rf"\W*(?:{alternation('or similar')})", re.IGNORECASE)


def skills_in(statement: Statement) -> list[SkillMention]:
    """The skills that *statement* names, but not the subject of a degree: "a degree in Physics"."""
    mentions = gazetteer().find(statement.text)
    degree = find_degree(statement.text)
    if degree is None:
        return mentions
    return [m for m in mentions if not degree.start <= m.start < degree.field_end]


def asked_in(statement: Statement, judgement: Judgement, number: int) -> Iterator[Requirement]:
    """The requirements of *statement*; *number* makes its groups of alternatives distinct."""
    mentions = skills_in(statement)
    chains = alternatives(statement.text, mentions)
    years = list(find_years(statement.text))
    yield from _skills(statement, judgement, mentions, chains, years, number)
    yield from _experience(statement, judgement, mentions, years)
    yield from _degree(statement, judgement)
    yield from _languages(statement, judgement)


def alternatives(text: str, mentions: Sequence[SkillMention]) -> list[int]:
    """For each mention the number of its chain of alternatives, or -1 when it stands alone."""
    chains = [-1] * len(mentions)
    start = 0
    while start < len(mentions):
        examples = _introduces(text, mentions[start].start)
        end, choice = start, examples
        while end + 1 < len(mentions):
            between = text[mentions[end].end : mentions[end + 1].start]
            joint = _JOINT.fullmatch(between)
            if joint is None and not (examples and _AND.fullmatch(between)):
                break
            choice = choice or (joint is not None and joint["sign"].strip() != ",")
            end += 1
        # A chain of commas alone is a list of things that are all asked for.
        if choice and end > start:
            chains[start : end + 1] = [start] * (end - start + 1)
        start = end + 1
    return chains


def _introduces(text: str, start: int) -> bool:
    """Whether what stands right before *start* introduces examples: "such as"."""
    return _EXAMPLES.search(text, max(0, start - 40), start) is not None


def _skills(
    statement: Statement,
    judgement: Judgement,
    mentions: list[SkillMention],
    chains: list[int],
    years: list[YearsMention],
    number: int,
) -> Iterator[Requirement]:
    by_index = _years_by_mention(mentions, chains, years)
    for index, mention in enumerate(mentions):
        importance = judgement.importance(mention.start)
        if importance is None:
            continue
        skill = mention.skill
        wanted = None if skill.category == FIELD_OF_WORK else by_index.get(index)
        firm = (judgement.strong(mention.start) or wanted is not None) and not _OR_SIMILAR.match(
            statement.text, mention.end
        )
        yield Requirement(
            kind="skill",
            name=skill.name,
            importance=importance,
            quote=statement.quote(),
            category=skill.category,
            years=wanted,
            group=f"{number}.{chains[index]}" if chains[index] >= 0 else "",
            critical=importance == "must"
            and firm
            and skill.category not in (FIELD_OF_WORK, SOFT_SKILL),
        )


def _years_by_mention(
    mentions: list[SkillMention], chains: list[int], years: list[YearsMention]
) -> dict[int, float]:
    found: dict[int, float] = {}
    for mention in years:
        for index in _targets(mention, mentions):
            found.setdefault(index, mention.years)
    for index, chain in enumerate(chains):
        mates = [found[i] for i, other in enumerate(chains) if other == chain and i in found]
        if chain >= 0 and mates:
            found.setdefault(index, mates[0])
    return found


def _targets(years: YearsMention, mentions: list[SkillMention]) -> list[int]:
    """The mentions that *years* speaks of: those behind it, or the one right before a bracket."""
    if years.follows:
        before = [i for i, m in enumerate(mentions) if 0 <= years.start - m.end <= 4]
        if before:
            return before
    return [i for i, m in enumerate(mentions) if years.end <= m.start < years.scope_end]


def _experience(
    statement: Statement,
    judgement: Judgement,
    mentions: list[SkillMention],
    years: list[YearsMention],
) -> Iterator[Requirement]:
    """Years of work as such, or in a field: ``5 years of professional experience``."""
    for mention in years:
        importance = judgement.importance(mention.start)
        targets = [mentions[i].skill for i in _targets(mention, mentions)]
        fields = [skill.name for skill in targets if skill.category == FIELD_OF_WORK]
        if importance is None or (targets and not fields) or not (fields or mention.is_experience):
            continue
        yield Requirement(
            kind="experience",
            name=" / ".join(fields) or "professional experience",
            importance=importance,
            quote=statement.quote(),
            years=mention.years,
            critical=importance == "must" and judgement.strong(mention.start),
        )


def _degree(statement: Statement, judgement: Judgement) -> Iterator[Requirement]:
    degree = find_degree(statement.text)
    importance = judgement.importance(degree.start) if degree else None
    if degree is None or importance is None:
        return
    yield Requirement(
        kind="education",
        name=degree.field or degree.level,
        importance=importance,
        quote=statement.quote(),
        category="or equivalent experience" if degree.equivalent else "",
        level=degree.level,
        critical=importance == "must" and judgement.strong(degree.start) and not degree.equivalent,
    )


def _languages(statement: Statement, judgement: Judgement) -> Iterator[Requirement]:
    for language in find_languages(statement.text):
        importance = judgement.importance(language.start)
        if importance is not None:
            yield Requirement(
                kind="language",
                name=language.name,
                importance=importance,
                quote=statement.quote(),
                level=language.level,
                critical=importance == "must",
            )


def strongest(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """One requirement for each thing asked for: a must beats a wish, alone beats a choice."""
    best: dict[tuple[str, str], Requirement] = {}
    for requirement in requirements:
        name = requirement.kind if requirement.kind == "education" else requirement.name
        key = (requirement.kind, name)
        kept = best.get(key)
        if kept is None or _rank(requirement) > _rank(kept):
            best[key] = requirement
    return tuple(best.values())


def _rank(requirement: Requirement) -> tuple[bool, bool, bool, float]:
    return (
        requirement.importance == "must",
        requirement.critical,
        not requirement.group,
        requirement.years or 0.0,
    )


def whole(quote: Quote, text: str) -> bool:
    """Whether *quote* is exactly what *text* has at its offsets."""
    return text[quote.start : quote.end] == quote.text
