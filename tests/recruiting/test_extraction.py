"""The built-in extractor, phrase by phrase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx_recruiting.errors import ExtractionError
from qntx_recruiting.extraction.asked import whole
from qntx_recruiting.extraction.builtin import extract
from qntx_recruiting.extraction.languages import find_languages
from qntx_recruiting.extraction.naming import clean_title
from qntx_recruiting.extraction.phrases import pattern
from qntx_recruiting.extraction.quantities import find_years
from qntx_recruiting.extraction.salary import find_salary
from qntx_recruiting.extraction.skills import Gazetteer, gazetteer
from qntx_recruiting.extraction.structure import Statement, sections, statements
from qntx_recruiting.model.recruiting import Extraction, Requirement


def ad(*items: str, heading: str = "Requirements", head: str = "Engineer") -> Extraction:
    """The extraction of an advertisement with *items* under *heading*."""
    listed = "\n".join(f"- {item}" for item in items)
    return extract(f"{head}\n\n## {heading}\n\n{listed}\n")


def asked(extraction: Extraction, kind: str = "skill") -> dict[str, Requirement]:
    return {r.name: r for r in extraction.requirements if r.kind == kind}


def names(extraction: Extraction, importance: str) -> set[str]:
    return {r.name for r in extraction.requirements if r.importance == importance}


# --- skills


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Python, SQL and Kubernetes", ["Python", "SQL", "Kubernetes"]),
        ("PYTHON/postgres", ["Python", "PostgreSQL"]),
        ("JavaScript is not Java", ["JavaScript", "Java"]),
        ("React Native and React", ["React Native", "React"]),
        ("C, C++ and C#", ["C", "C++", "C#"]),
        ("Python-based, SQL-Kenntnisse, Java-Entwickler", ["Python", "SQL", "Java"]),
        (".NET and ASP.NET Core", [".NET", "ASP.NET"]),
        ("Node.js.", ["Node.js"]),
        ("Go or Rust", ["Go", "Rust"]),
        ("Go to the office, go the extra mile, Go-to-market", ["Product marketing"]),
        ("R&D at C-level, C1 English, R2 storage", []),
        ("R and Stata", ["R", "Stata"]),
        ("you can excel in spring, with spark", []),
        ("Excel, Spring and Spark", ["Microsoft Excel", "Spring", "Apache Spark"]),
        ("Javanese pythons, scalable", []),
        ("jobs@python.org", []),
        ("CI/CD pipelines", ["CI/CD"]),
        ("İstanbul Python", ["Python"]),
        ("SAP EWM or SAP", ["SAP EWM", "SAP"]),
    ],
)
def test_skills_are_found_as_whole_words(text: str, found: list[str]) -> None:
    mentions = gazetteer().find(text)
    assert [mention.skill.name for mention in mentions] == found
    for mention in mentions:
        assert text[mention.start : mention.end].strip() == text[mention.start : mention.end]


def test_the_gazetteer_is_large_and_consistent() -> None:
    known = gazetteer()
    assert 600 <= len(known) <= 1500
    for skill in known.skills():
        assert known.lookup(skill.name) is not None
        assert skill.category
        assert skill.name not in known.implied(skill)
    assert known.implied(known.lookup("Django REST Framework")) >= {"Django", "Python"}  # type: ignore[arg-type]


def test_every_spelling_means_one_thing() -> None:
    """A spelling that two skills share would make the order of the file decide."""
    clashes = {
        spelling: [skill.name for skill, _ in meanings]
        for spelling, meanings in gazetteer()._spellings.items()
        if len({skill.name for skill, _ in meanings}) > 1
    }
    assert clashes == {}


def test_mistakes_in_a_gazetteer_are_reported() -> None:
    with pytest.raises(ExtractionError, match="'Go' is listed twice"):
        Gazetteer("[x]\nGo\nGo\n")
    with pytest.raises(ExtractionError, match="implies 'Nothing', which is not a known skill"):
        Gazetteer("[x]\nGo > Nothing\n")


@given(st.text(max_size=200))
def test_mentions_never_overlap(text: str) -> None:
    end = 0
    for mention in gazetteer().find(f"{text} Python, {text}SQL"):
        assert mention.start >= end
        end = mention.end


# --- must or nice


@pytest.mark.parametrize(
    ("item", "must", "nice"),
    [
        ("Python and SQL", {"Python", "SQL"}, set()),
        ("Ideally Python and SQL", set(), {"Python", "SQL"}),
        ("Python, ideally with Django", {"Python"}, {"Django"}),
        ("Python; Go is a plus", {"Python"}, {"Go"}),
        ("Python, Go is a plus", {"Python"}, {"Go"}),
        ("Python (Django is a plus) and SQL", {"Python", "SQL"}, {"Django"}),
        ("Python (ideally Django) and SQL", {"Python", "SQL"}, {"Django"}),
        (
            "Experience with dbt, Airflow or Dagster would be a bonus",
            set(),
            {"dbt", "Apache Airflow", "Dagster"},
        ),
        ("Knowledge of Kafka is an advantage", set(), {"Apache Kafka"}),
        ("Kafka preferred", set(), {"Apache Kafka"}),
        ("Nice to have: Kafka", set(), {"Apache Kafka"}),
        ("Kenntnisse in Kafka sind von Vorteil", set(), {"Apache Kafka"}),
        ("Idealerweise Erfahrung mit Kafka", set(), {"Apache Kafka"}),
        ("Kafka wünschenswert", set(), {"Apache Kafka"}),
        ("Sehr gute Kenntnisse in Java, gerne auch Kotlin", {"Java"}, {"Kotlin"}),
        ("Python is required", {"Python"}, set()),
    ],
)
def test_wording_decides_within_a_section(item: str, must: set[str], nice: set[str]) -> None:
    extraction = ad(item)
    assert names(extraction, "must") == must
    assert names(extraction, "nice") == nice


@pytest.mark.parametrize(
    ("heading", "importance"),
    [
        ("Requirements", "must"),
        ("What you bring", "must"),
        ("What we are looking for", "must"),
        ("Your profile", "must"),
        ("Who you are", "must"),
        ("Must-haves", "must"),
        ("Dein Profil", "must"),
        ("Ihr Profil", "must"),
        ("Das bringst du mit", "must"),
        ("Anforderungen", "must"),
        ("Mindestvoraussetzungen", "must"),
        ("Nice to have", "nice"),
        ("Bonus points", "nice"),
        ("What would be nice to bring", "nice"),
        ("Preferred qualifications", "nice"),
        ("Das wäre toll", "nice"),
        ("Von Vorteil", "nice"),
        ("What you will do", None),
        ("Deine Aufgaben", None),
        ("What we offer", None),
        ("Das bieten wir dir", None),
        ("About us", None),
        ("How to apply", None),
    ],
)
def test_headings_decide(heading: str, importance: str | None) -> None:
    extraction = ad("Python", heading=heading)
    assert [r.importance for r in extraction.requirements] == ([importance] if importance else [])


@pytest.mark.parametrize(
    "text",
    [
        "Engineer\n\nRequirements:\n- Python\n",
        "Engineer\n\nREQUIREMENTS\n\nPython\n",
        "Engineer\n\nRequirements: Python\n",
        "Engineer\n\n## Requirements\n- Python\n",
        "Requirements:\n- Python\n",
    ],
)
def test_headings_in_many_dresses(text: str) -> None:
    assert names(extract(text), "must") == {"Python"}


def test_an_ad_in_prose_asks_by_its_wording() -> None:
    extraction = extract(
        "Engineer\n\nWe build tools in Rust. You have worked with Python for years, and "
        "ideally you know Go. Our office has a React wall.\n"
    )
    assert names(extraction, "must") == {"Python"}
    assert names(extraction, "nice") == {"Go"}
    assert {fact.value for fact in extraction.mentions} == {"Rust", "React"}


def test_a_must_beats_a_wish() -> None:
    extraction = extract("E\n\n## Nice to have\n\n- Python\n\n## Requirements\n\n- Python\n")
    assert [(r.name, r.importance) for r in extraction.requirements] == [("Python", "must")]


# --- alternatives


@pytest.mark.parametrize(
    ("item", "groups"),
    [
        ("AWS, GCP or Azure", [{"AWS", "Google Cloud", "Azure"}]),
        ("Python or Go and SQL", [{"Python", "Go"}]),
        ("Python, SQL, Git", []),
        ("Python and SQL", []),
        ("a cloud (e.g. AWS, Azure)", [{"AWS", "Azure"}]),
        ("tools such as Airflow, Dagster and Prefect", [{"Apache Airflow", "Dagster", "Prefect"}]),
        ("Java oder Kotlin", [{"Java", "Kotlin"}]),
        ("Java oder Kotlin, React oder Angular", [{"Java", "Kotlin", "React", "Angular"}]),
        ("Python or another language", []),
    ],
)
def test_alternatives(item: str, groups: list[set[str]]) -> None:
    found: dict[str, set[str]] = {}
    for requirement in ad(item).requirements:
        if requirement.group:
            found.setdefault(requirement.group, set()).add(requirement.name)
    assert list(found.values()) == groups


# --- years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("5 years of experience", [5]),
        ("5+ years of experience", [5]),
        ("3-5 years' experience", [3]),
        ("3 to 5 yrs working with Python", [3]),
        ("at least three years of experience", [3]),
        ("two or more years of experience", [2]),
        ("2.5 years of experience", [2.5]),
        ("mindestens 3 Jahre Berufserfahrung", [3]),
        ("dreijährige Berufserfahrung", [3]),
        ("5-jährige Erfahrung", [5]),
        ("zwei bis vier Jahre Erfahrung", [2]),
        ("8 years in total, including 3 years of leadership", [8, 3]),
        ("founded 12 years ago", []),
        ("for over 20 years we have built", []),
        ("in the last 3 years", []),
        ("seit 25 Jahren", []),
        ("100 years", []),
        ("€50 years", []),
    ],
)
def test_years(text: str, years: list[float]) -> None:
    assert [mention.years for mention in find_years(text)] == years


def test_a_plan_for_years_is_no_experience() -> None:
    assert ad("You work with our 5 year plan").requirements == ()


@pytest.mark.parametrize(
    ("item", "skills", "experience"),
    [
        ("3+ years of Python", {"Python": 3}, {}),
        ("3+ years of experience with Python and SQL", {"Python": 3, "SQL": 3}, {}),
        ("5 years with Python, 2 years with Go", {"Python": 5, "Go": 2}, {}),
        ("Python (4+ years)", {"Python": 4}, {}),
        ("Python or Go: 4+ years", {"Python": 4, "Go": 4}, {}),
        ("5 years of professional experience", {}, {"professional experience": 5}),
        (
            "5 years in backend development",
            {"Backend development": None},
            {"Backend development": 5},
        ),
        ("5 years of experience, SQL", {"SQL": None}, {"professional experience": 5}),
        ("4 Jahre Berufserfahrung mit Java oder Kotlin", {"Java": 4, "Kotlin": 4}, {}),
    ],
)
def test_what_years_belong_to(
    item: str, skills: dict[str, float | None], experience: dict[str, float]
) -> None:
    extraction = ad(item)
    assert {n: r.years for n, r in asked(extraction).items()} == skills
    assert {n: r.years for n, r in asked(extraction, "experience").items()} == experience


@pytest.mark.parametrize(
    ("item", "critical"),
    [
        ("3+ years of Python", True),
        ("Python is required", True),
        ("Must have: Python", True),
        ("Python ist zwingend erforderlich", True),
        ("Python", False),
        ("Python or similar is required", False),
        ("Python is not required", False),
        ("SQL is required; Python", False),
    ],
)
def test_what_is_indispensable(item: str, critical: bool) -> None:
    assert asked(ad(item))["Python"].critical is critical


# --- education and languages


@pytest.mark.parametrize(
    ("item", "level", "field", "equivalent"),
    [
        ("Bachelor's degree in Computer Science", "bachelor", "Computer Science", False),
        ("Degree in Physics or equivalent experience", "bachelor", "Physics", True),
        ("Master's degree", "master", "master", False),
        ("BSc or MSc in Biology", "bachelor", "Biology", False),
        ("PhD in Machine Learning", "doctorate", "Machine Learning", False),
        ("Abgeschlossenes Studium der Informatik", "bachelor", "Informatik", False),
        ("Ausbildung oder Studium", "vocational", "vocational", False),
        ("Completed apprenticeship in logistics", "vocational", "logistics", False),
        ("Diplom in Chemie oder vergleichbare Qualifikation", "master", "Chemie", True),
    ],
)
def test_degrees(item: str, level: str, field: str, equivalent: bool) -> None:
    (degree,) = asked(ad(item), "education").values()
    assert (degree.level, degree.name) == (level, field)
    assert ("equivalent" in degree.category) is equivalent
    assert "Machine learning" not in asked(ad(item))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Fluent English", {"English": "C1"}),
        ("English (C1) and German (B2)", {"English": "C1", "German": "B2"}),
        ("Fluent German and English (both C1)", {"German": "C1", "English": "C1"}),
        ("Fluent English, basic German", {"English": "C1", "German": "A2"}),
        ("German at level B2 or higher", {"German": "B2"}),
        ("Native German speaker", {"German": "native"}),
        (
            "Verhandlungssicheres Englisch und gute Deutschkenntnisse",
            {"English": "C1", "German": "B2"},
        ),
        ("Sehr gute Deutsch- und Englischkenntnisse", {"German": "C1", "English": "C1"}),
        ("Deutsch auf Muttersprachniveau", {"German": "native"}),
        ("Very good command of spoken and written French", {"French": "B2"}),
        ("English skills", {"English": None}),
        ("knowledge of the German market", {}),
        ("experience with German tax law", {}),
        ("French customers", {}),
        ("our Swedish office", {}),
    ],
)
def test_languages(text: str, found: dict[str, str | None]) -> None:
    assert {m.name: m.level for m in find_languages(text)} == found


# --- salary, place, mode, contract, level


@pytest.mark.parametrize(
    ("text", "salary"),
    [
        ("Salary: €65,000 - €80,000 per year", ("EUR", 65000, 80000, "year")),
        ("Salary: 65k–80k EUR", ("EUR", 65000, 80000, "year")),
        ("Gehalt: 65.000 bis 80.000 Euro brutto im Jahr", ("EUR", 65000, 80000, "year")),
        ("Jahresgehalt 65 000 €", ("EUR", 65000, 65000, "year")),
        ("Gehalt 70-85 T€", ("EUR", 70000, 85000, "year")),
        ("Salary up to £75,000", ("GBP", None, 75000, "year")),
        ("Pay range: $150,000—$190,000 USD", ("USD", 150000, 190000, "year")),
        ("CHF 120'000 to 140'000 salary", ("CHF", 120000, 140000, "year")),
        ("A monthly salary between 3,400 and 3,900 euros", ("EUR", 3400, 3900, "month")),
        ("Stundenlohn 18,50 € Vergütung", ("EUR", 18.5, 18.5, "hour")),
        ("Pay: $45 - $55 per hour", ("USD", 45, 55, "hour")),
        ("Compensation: PLN 18 000 - 24 000 a month", ("PLN", 18000, 24000, "month")),
        ("Salary 650 € per day", ("EUR", 650, 650, "day")),
        ("A learning budget of €2,000, paid yearly", None),
        ("We raised €50 million; competitive salary", None),
        ("Annual revenue of CHF 84 million", None),
        ("€ 80 Zuschuss im Monat, gute Vergütung", None),
        ("A good salary and 30 days of holiday", None),
        ("Referral bonus of $5,000 per year", None),
        ("Salary in 2026", None),
        ("The price is €65,000", None),
    ],
)
def test_salaries(text: str, salary: tuple[object, ...] | None) -> None:
    found = find_salary(Statement("benefits", text, 0))
    got = (found.currency, found.minimum, found.maximum, found.period) if found else None
    assert got == salary


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("Fully remote within the EU", "remote"),
        ("Remote-first company", "remote"),
        ("This role is remote", "remote"),
        ("Hybrid: two days in the office", "hybrid"),
        ("Three days per week from home", "hybrid"),
        ("Drei Tage Homeoffice pro Woche", "hybrid"),
        ("Mobiles Arbeiten möglich", "hybrid"),
        ("100% on-site", "on-site"),
        ("No remote work", "on-site"),
        ("An on-site role in our lab", "on-site"),
        ("You work with remote teams and hybrid clouds", None),
        ("We do remote sensing", None),
        ("Nice people", None),
    ],
)
def test_work_modes(line: str, mode: str | None) -> None:
    found = extract(f"Engineer\n\n{line}.\n").work_mode
    assert (found.value if found else None) == mode


@pytest.mark.parametrize(
    ("title", "level"),
    [
        ("Senior Engineer", "senior"),
        ("Sr. Engineer", "senior"),
        ("Junior Engineer", "junior"),
        ("Mid-level Engineer", "mid"),
        ("Lead Engineer", "lead"),
        ("Teamleiter Einkauf", "lead"),
        ("Staff Engineer", "staff"),
        ("Staff Nurse", None),
        ("Principal Engineer", "principal"),
        ("Head of Finance", "head"),
        ("CTO", "head"),
        ("Werkstudent Marketing", "intern"),
        ("Trainee Sales", "trainee"),
        ("Engineer", None),
        ("Seniority Research Associate", None),
    ],
)
def test_seniority(title: str, level: str | None) -> None:
    found = extract(f"{title}\n\nSome text about it.\n").seniority
    assert (found.value if found else None) == level


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Engineer\n\nLocation: Basel, Switzerland (hybrid)\n", "Basel, Switzerland"),
        ("Engineer\n\nStandort: Frankfurt am Main\n", "Frankfurt am Main"),
        ("Engineer\n\nAcme | Utrecht | Full-time\n", "Utrecht"),
        ("Engineer\n\n## About\n\nOur office in Sankt Gallen has a garden.\n", "Sankt Gallen"),
        ("Engineer\n\n## About\n\nWir arbeiten vor Ort in Bad Tölz.\n", "Bad Tölz"),
        ("Engineer\n\nLocation: Remote\n", None),
        ("Engineer\n\nWe are everywhere.\n", None),
    ],
)
def test_places(text: str, place: str | None) -> None:
    found = extract(text).locations
    assert [fact.value for fact in found] == ([place] if place else [])


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("Full-time, permanent", {"full-time", "permanent"}),
        ("Vollzeit oder Teilzeit, unbefristet", {"full-time", "part-time", "permanent"}),
        ("Befristet auf zwei Jahre", {"fixed-term"}),
        ("80–100 %", {"full-time", "part-time"}),
        ("Freelance contract", {"contract"}),
        ("Paid internship", {"internship"}),
        ("Time is money", set()),
    ],
)
def test_contracts(line: str, kinds: set[str]) -> None:
    assert {fact.value for fact in extract(f"Engineer\n\n{line}\n").employment} == kinds


@pytest.mark.parametrize(
    ("text", "company"),
    [
        ("Engineer\nCompany: Acme & Sons\n", "Acme & Sons"),
        (
            "Engineer\n\nFernhill Energy B.V. | Amsterdam\n\n## About Fernhill\n\nHi.\n",
            "Fernhill Energy B.V.",
        ),
        ("Engineer\n\n## About Grünwerk\n\nWe are nice.\n", "Grünwerk"),
        (
            "Engineer\n\n## About us\n\nDie Müller & Söhne GmbH & Co. KG baut.\n",
            "Müller & Söhne GmbH & Co. KG",
        ),
        ("Engineer at Blaulicht\n\nWe are nice.\n", "Blaulicht"),
        ("Engineer\n\n## About the role\n\nWe are nice.\n", None),
    ],
)
def test_companies(text: str, company: str | None) -> None:
    found = extract(text).company
    assert (found.value if found else None) == company


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ("Data Engineer (m/w/d)", "Data Engineer"),
        ("Data Engineer [f/m/x] - Hamburg", "Data Engineer - Hamburg"),
        ("Entwickler*in (all genders)", "Entwickler"),
        ("Engineer (Python)", "Engineer (Python)"),
    ],
)
def test_titles_lose_their_marks_of_gender(title: str, clean: str) -> None:
    assert clean_title(title) == clean


# --- structure


def test_sections_and_statements() -> None:
    text = (
        "Title\n\nHello e.g. you. We like it!\n\n## Your tasks\n\n- Do it. Do it well.\n\n"
        "## Unknown things\n\nX\n"
    )
    parts = sections(text)
    assert [(p.kind, p.heading) for p in parts] == [
        ("head", ""),
        ("tasks", "Your tasks"),
        ("other", "Unknown things"),
    ]
    said = [s for part in parts for s in statements(text, part)]
    assert [s.text for s in said] == [
        "Title",
        "Hello e.g. you.",
        "We like it!",
        "Do it.",
        "Do it well.",
        "X",
    ]
    for statement in said:
        assert whole(statement.quote(), text)


def test_phrases_match_whole_words_unless_they_say_otherwise() -> None:
    assert pattern("strong").search("mandatory")
    assert not pattern("strong").search("mustard")
    assert pattern("salary topic").search("Jahresgehalt")


SENTENCES = st.lists(
    st.sampled_from(
        [
            "## Requirements",
            "## Nice to have",
            "## Benefits",
            "- 5+ years of experience with Python, Go or Rust",
            "- Fluent English (C1); German is a plus",
            "- Master's degree in Physics or equivalent experience",
            "Salary: €65,000 - 80,000 per year.",
            "Location: Berlin",
            "Wir bieten Homeoffice.",
            "",
            "Title (m/w/d)",
        ]
    )
    | st.text(max_size=40),
    max_size=30,
)


@given(SENTENCES)
def test_every_quote_is_a_part_of_the_text(lines: list[str]) -> None:
    text = "\n".join(line.replace("\n", " ") for line in lines)
    extraction = extract(text)
    facts = [extraction.title, extraction.company, extraction.seniority, extraction.work_mode]
    quotes = [r.quote for r in extraction.requirements]
    quotes += [fact.quote for fact in facts if fact is not None]
    quotes += [extraction.salary.quote] if extraction.salary else []
    for many in (
        extraction.mentions,
        extraction.locations,
        extraction.employment,
        extraction.responsibilities,
        extraction.benefits,
    ):
        quotes += [fact.quote for fact in many]
    assert all(whole(quote, text) and quote.text for quote in quotes)
    assert extract(text) == extraction
