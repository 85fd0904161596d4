"""The built-in extractor: the same text always gives the same result, and nothing is made up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qntx_recruiting.extraction.asked import SOFT_SKILL, asked_in, skills_in, strongest
from qntx_recruiting.extraction.conditions import (
    find_employment,
    find_locations,
    find_seniority,
    find_work_mode,
)
from qntx_recruiting.extraction.importance import Judgement
from qntx_recruiting.extraction.naming import find_company, find_title
from qntx_recruiting.extraction.salary import find_salary
from qntx_recruiting.extraction.structure import Statement, sections, statements
from qntx_recruiting.model.recruiting import Extraction, Fact, Requirement

VERSION = "builtin/1"
#: More statements of one kind than this are a page of many jobs, not a job.
_MAX_FACTS = 60


def extract(text: str) -> Extraction:
    """Everything that *text*, in normal form, says about the job; each item with its quote."""
    parts = sections(text)
    said = [statement for part in parts for statement in statements(text, part)]
    # An ad without headings asks in plain prose: then every sentence may ask.
    prose_asks = not any(statement.section in ("must", "nice") for statement in said)
    requirements = strongest(list(_requirements(said, prose_asks)))
    asked = {requirement.name for requirement in requirements}
    title = find_title(text)
    return Extraction(
        extractor=VERSION,
        title=title,
        company=find_company(text, parts, said),
        requirements=requirements,
        mentions=tuple(_mentions(said, asked)),
        seniority=find_seniority(
            title.quote.text if title else "", title.quote.start if title else 0, said
        ),
        locations=tuple(find_locations(said)),
        work_mode=find_work_mode(said),
        salary=next((salary for s in said if (salary := find_salary(s)) is not None), None),
        employment=tuple(find_employment(said)),
        responsibilities=tuple(_facts(said, "tasks")),
        benefits=tuple(_facts(said, "benefits")),
    )


def _requirements(said: Sequence[Statement], prose_asks: bool) -> Iterator[Requirement]:
    for number, statement in enumerate(said):
        yield from asked_in(statement, Judgement(statement, prose_asks=prose_asks), number)


def _mentions(said: Iterable[Statement], asked: set[str]) -> Iterator[Fact]:
    """Skills that are named where nothing is asked for, such as among the tasks."""
    seen = set(asked)
    for statement in said:
        if statement.section in ("benefits", "process", "salary", "location"):
            continue
        for mention in skills_in(statement):
            if mention.skill.name not in seen and mention.skill.category != SOFT_SKILL:
                seen.add(mention.skill.name)
                yield Fact(mention.skill.name, statement.quote())


def _facts(said: Iterable[Statement], section: str) -> list[Fact]:
    found = [Fact(s.text, s.quote()) for s in said if s.section == section]
    return found[:_MAX_FACTS]
