"""Scores: what counts how much, who qualifies, and the reasons given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateLanguage,
    CandidateSkill,
    Degree,
    Extraction,
    JobDescription,
    Position,
    Quote,
    Requirement,
)
from qntx_recruiting.scoring import VERSION, score

QUOTE = Quote("x", 0, 1)


def need(name: str, importance: Any = "must", kind: Any = "skill", **more: Any) -> Requirement:
    return Requirement(kind=kind, name=name, importance=importance, quote=QUOTE, **more)


def jd(*requirements: Requirement) -> JobDescription:
    return JobDescription(
        id="JD_1",
        role_id="RL_1",
        source="x",
        source_kind="text",
        content_hash="h",
        title="Engineer",
        company="",
        location="",
        text="x",
        extraction=Extraction(extractor="test", requirements=requirements),
    )


def person(*skills: str, years: float = 0, **more: Any) -> Candidate:
    """A candidate with skills like ``"Python"`` or ``"Python:3"`` (years)."""
    listed = []
    for skill in skills:
        name, _, known = skill.partition(":")
        listed.append(CandidateSkill(name=name, years=float(known) if known else None))
    fields = {"id": "CN_1", "name": "Kim", "skills": tuple(listed), "years_experience": years}
    return Candidate(**{**fields, **more})


def rate(candidate: Candidate, *requirements: Requirement) -> tuple[float, bool]:
    result = score(candidate, jd(*requirements), threshold=0.6)
    return result.score, result.qualified


def judged(candidate: Candidate, requirement: Requirement) -> tuple[float, str, str]:
    (item,) = score(candidate, jd(requirement), threshold=0.6).evidence
    return item.strength, item.how, item.found


@pytest.mark.parametrize(
    ("skills", "wanted", "strength", "how"),
    [
        (["Python"], "Python", 1.0, "exact"),
        (["python 3"], "Python", 1.0, "exact"),
        (["Postgres"], "PostgreSQL", 1.0, "exact"),
        (["Django"], "Python", 0.8, "implied"),
        (["Django REST Framework"], "Python", 0.8, "implied"),
        (["Kuberentes"], "Kubernetes", 0.7, "fuzzy"),
        (["Quantum basket weaving"], "Quantum basket weawing", 0.7, "fuzzy"),
        (["JavaScript"], "Java", 0.0, "none"),
        (["C"], "C++", 0.0, "none"),
        (["Angular"], "React", 0.0, "none"),
        ([], "Python", 0.0, "none"),
    ],
)
def test_how_skills_match(skills: list[str], wanted: str, strength: float, how: str) -> None:
    got = judged(person(*skills), need(wanted))
    assert got[:2] == (strength, how)
    assert bool(got[2]) == bool(strength)


def test_skills_are_also_read_from_headline_and_positions() -> None:
    worker = person(
        headline="Kafka enthusiast", positions=(Position(title="SRE", summary="Terraform all day"),)
    )
    assert judged(worker, need("Apache Kafka"))[0] == 1.0
    assert judged(worker, need("Terraform"))[0] == 1.0


@pytest.mark.parametrize(
    ("skill", "strength", "found"),
    [
        ("Python:5", 1.0, "Python (5 years, 4 asked)"),
        ("Python:2", 0.7, "Python (2 years, 4 asked)"),
        ("Python:1", 0.55, "Python (1 year, 4 asked)"),
        ("Python", 0.4, "Python"),
    ],
)
def test_years_of_a_skill(skill: str, strength: float, found: str) -> None:
    got = judged(person(skill), need("Python", years=4))
    assert got[0] == pytest.approx(strength)
    assert got[2] == found


def test_years_of_experience() -> None:
    wanted = need("professional experience", kind="experience", years=5)
    assert judged(person(years=7), wanted) == (1.0, "years", "7 years of experience")
    assert judged(person(years=2.5), wanted)[0] == 0.5
    assert judged(person(), wanted)[:2] == (0.0, "none")


@pytest.mark.parametrize(
    ("has", "asked", "strength"),
    [
        ("C1", "B2", 1.0),
        ("B2", "B2", 1.0),
        ("B1", "B2", 0.5),
        ("A1", "B2", 0.2),
        ("native", "C2", 1.0),
        ("C2", "native", 0.5),
        ("B2", None, 1.0),
        ("B1", None, 0.5),
    ],
)
def test_languages(has: Any, asked: str | None, strength: float) -> None:
    speaker = person(languages=(CandidateLanguage(name="German", level=has),))
    assert judged(speaker, need("german", kind="language", level=asked))[0] == strength
    assert judged(speaker, need("French", kind="language"))[:2] == (0.0, "none")


@pytest.mark.parametrize(
    ("degrees", "years", "category", "strength"),
    [
        (["master"], 0, "", 1.0),
        (["bachelor"], 0, "", 1.0),
        (["vocational"], 0, "", 0.4),
        ([], 0, "", 0.0),
        ([], 10, "", 0.0),
        ([], 10, "or equivalent experience", 1.0),
        ([], 2, "or equivalent experience", 0.0),
    ],
)
def test_degrees(degrees: list[Any], years: float, category: str, strength: float) -> None:
    graduate = person(years=years, education=tuple(Degree(level=level) for level in degrees))
    wanted = need("Physics", kind="education", level="bachelor", category=category)
    assert judged(graduate, wanted)[0] == strength


def test_a_must_weighs_more_than_a_wish() -> None:
    assert rate(person("Python"), need("Python"), need("Go", "nice"))[0] == pytest.approx(
        1 / 1.35, abs=1e-4
    )
    assert rate(person("Go"), need("Python"), need("Go", "nice"))[0] == pytest.approx(
        0.35 / 1.35, abs=1e-4
    )


def test_one_of_several_alternatives_is_enough() -> None:
    clouds = [need(name, group="1") for name in ("AWS", "Google Cloud", "Azure")]
    result = score(person("Azure"), jd(*clouds), threshold=0.6)
    (item,) = result.evidence
    assert (item.requirement, item.strength) == ("AWS or Google Cloud or Azure", 1.0)
    assert result.score == 1.0


def test_what_is_indispensable_disqualifies() -> None:
    wants = (need("Python"), need("SQL"), need("Git"), need("Rust", critical=True))
    result = score(person("Python", "SQL", "Git"), jd(*wants), threshold=0.6)
    assert result.score == pytest.approx(3 / 4.5, abs=1e-4)
    assert not result.qualified
    assert result.reasoning == (
        "Meets 3 of 4 musts and 0 of 0 nice-to-haves. Brings Python, SQL, Git. Lacks Rust. "
        "Not qualified: Rust is indispensable."
    )
    assert rate(person("Python", "SQL", "Git", "Rust"), *wants) == (1.0, True)


def test_below_the_threshold() -> None:
    result = score(person("Python"), jd(need("Python"), need("Go"), need("SQL")), threshold=0.6)
    assert not result.qualified
    assert "Not qualified: 0.33 is below 0.60." in result.reasoning


def test_silence_about_character_is_not_held_against_anyone() -> None:
    soft = need("Teamwork", category="soft skill")
    assert rate(person("Python"), need("Python"), soft) == (1.0, True)
    result = score(person("Python"), jd(need("Python"), soft), threshold=0.6)
    assert result.evidence[1].how == "unknown"
    assert "Teamwork" not in result.reasoning


def test_a_job_that_asks_for_nothing_qualifies_nobody() -> None:
    result = score(person("Python"), jd(), threshold=0.0)
    assert (result.score, result.qualified) == (0.0, False)
    assert result.reasoning.startswith("Nothing to score against")


def test_a_score_names_its_version_and_its_job() -> None:
    result = score(person("Python"), jd(need("Python")), threshold=0.5, job_id="JB_7")
    assert (result.scorer, result.job_id, result.threshold) == (VERSION, "JB_7", 0.5)
    assert (result.jd_id, result.candidate_id) == ("JD_1", "CN_1")


SKILLS = st.sampled_from(["Python", "Go", "SQL", "Teamwork", "Kafka", "basket weaving"])
NEEDS = st.builds(
    need,
    SKILLS,
    st.sampled_from(["must", "nice"]),
    years=st.none() | st.floats(1, 10),
    critical=st.booleans(),
    group=st.sampled_from(["", "", "a"]),
)


@given(st.lists(NEEDS, max_size=8), st.lists(SKILLS, max_size=5), SKILLS)
def test_more_skills_never_lower_a_score(
    needs: list[Requirement], skills: list[str], one_more: str
) -> None:
    fewer = score(person(*skills), jd(*needs), threshold=0.6)
    more = score(person(*skills, one_more), jd(*needs), threshold=0.6)
    assert 0.0 <= fewer.score <= more.score <= 1.0
    assert more.qualified or not fewer.qualified
