"""The extractor against what a person reads in the example job descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qntx.errors import FetchError
from qntx_recruiting.candidates import load_candidates
from qntx_recruiting.extraction.asked import whole
from qntx_recruiting.extraction.builtin import extract
from qntx_recruiting.fetch import fetch
from qntx_recruiting.model.recruiting import Extraction
from qntx_recruiting.reading import read_job
from qntx_recruiting.settings import FetchSettings
from qntx_recruiting.text import JobText
from tests.support.paths import EXAMPLES, example_module

# Labelled by hand from the advertisements, not from what the extractor gives. A skill that the
# gazetteer does not know ("Swiss federal diploma") is not labelled: it cannot be found by name.
LABELS: dict[str, dict[str, Any]] = {
    "senior-backend-engineer.txt": {
        "title": "Senior Backend Engineer (Python) - Grid Flexibility",
        "company": "Fernhill Energy B.V.",
        "must": {
            "Backend development",
            "Python",
            "asyncio",
            "PostgreSQL",
            "Apache Kafka",
            "RabbitMQ",
            "Kubernetes",
            "Distributed systems",
            "Test-driven development",
        },
        "nice": {
            "Rust",
            "Go",
            "Time series databases",
            "TimescaleDB",
            "InfluxDB",
            "Terraform",
            "AWS",
        },
        "years": {"Python": 3, "Backend development": 5},
        "languages": {"English": ("must", "C1"), "Dutch": ("nice", None)},
        "degree": "bachelor",
        "salary": ("EUR", 78000, 95000, "year"),
        "location": "Amsterdam",
        "mode": "hybrid",
        "seniority": "senior",
        "employment": {"full-time", "permanent"},
    },
    "data-engineer-supply-chain": {
        "title": "Data Engineer Supply Chain",
        "company": "Nordlicht Logistik SE",
        "must": {
            "Data engineering",
            "SQL",
            "Python",
            "dbt",
            "Data warehousing",
            "Snowflake",
            "BigQuery",
            "Redshift",
            "Apache Airflow",
            "Dagster",
            "Prefect",
            "Database design",
            "Git",
            "Code review",
        },
        "nice": {"Apache Kafka", "Terraform", "AWS", "SAP EWM", "SAP MM", "Power BI", "Looker"},
        "years": {"Data engineering": 3},
        "languages": {"English": ("must", "C1"), "German": ("must", "B2")},
        "degree": "bachelor",
        "salary": ("EUR", 65000, 78000, "year"),
        "location": "Hamburg, DE",
        "mode": "hybrid",
        "seniority": None,
        "employment": {"full-time", "part-time", "permanent"},
    },
    "finance-lead.pdf": {
        "title": "Finance Lead (80–100 %)",
        "company": "Helvetic Instruments AG",
        "must": {
            "Leadership",
            "IFRS",
            "Swiss GAAP FER",
            "HGB",
            "SAP FI/CO",
            "Microsoft Excel",
            "Month-end closing",
            "Attention to detail",
            "Communication",
            "Accounting",
            "Controlling",
        },
        "nice": {"Power BI", "Tableau", "ESG", "ERP"},
        "years": {"professional experience": 8, "Leadership": 3},
        "languages": {
            "German": ("must", "C1"),
            "English": ("must", "C1"),
            "French": ("nice", "B2"),
        },
        "degree": "bachelor",
        "salary": ("CHF", 145000, 165000, "year"),
        "location": "Basel, Switzerland",
        "mode": "hybrid",
        "seniority": "lead",
        "employment": {"full-time", "part-time", "permanent"},
    },
    "shift-lead-warehouse": {
        "title": "Shift Lead Warehouse Operations",
        "company": "Nordlicht Logistik SE",
        "must": {"Warehouse management", "Leadership", "Forklift licence", "Shift work"},
        "nice": {"SAP EWM", "Lean manufacturing", "Dangerous goods"},
        "years": {"Warehouse management": 3, "Leadership": 1},
        "languages": {"German": ("must", "B2"), "English": ("nice", "B2")},
        "degree": "vocational",
        "salary": ("EUR", 3400, 3900, "month"),
        "location": "Bremen",
        "mode": "on-site",
        "seniority": "lead",
        "employment": {"full-time", "permanent"},
    },
}


@pytest.fixture(scope="module")
def jobs() -> dict[str, JobText]:
    """The example job descriptions, read the way that the demo reads them."""
    found = {}
    for name in ("senior-backend-engineer.txt", "finance-lead.pdf"):
        path = EXAMPLES / "jobs" / name
        found[name] = read_job(str(path), str(path), path.read_bytes())
    with example_module("site").serving() as base:
        settings = FetchSettings(allow_hosts=[base.removeprefix("http://")])
        for slug in ("data-engineer-supply-chain", "shift-lead-warehouse"):
            page = fetch(f"{base}/jobs/{slug}", settings)
            found[slug] = read_job(page.url, f"/jobs/{slug}", page.body, page.content_type)
    return found


@pytest.fixture(scope="module")
def extractions(jobs: dict[str, JobText]) -> dict[str, Extraction]:
    return {name: extract(job.text) for name, job in jobs.items()}


def skills(extraction: Extraction, importance: str) -> set[str]:
    return {
        r.name for r in extraction.requirements if r.kind == "skill" and r.importance == importance
    }


@pytest.mark.parametrize("name", LABELS)
def test_what_is_asked_for(name: str, extractions: dict[str, Extraction]) -> None:
    extraction, label = extractions[name], LABELS[name]
    assert skills(extraction, "must") == label["must"]
    assert skills(extraction, "nice") - {"Curiosity"} == label["nice"]
    years = {r.name: r.years for r in extraction.requirements if r.years}
    assert years == label["years"]
    spoken = [r for r in extraction.requirements if r.kind == "language"]
    assert {r.name: (r.importance, r.level) for r in spoken} == label["languages"]
    degrees = [r.level for r in extraction.requirements if r.kind == "education"]
    assert degrees == [label["degree"]]


@pytest.mark.parametrize("name", LABELS)
def test_what_is_offered(name: str, extractions: dict[str, Extraction]) -> None:
    extraction, label = extractions[name], LABELS[name]
    salary = extraction.salary
    assert salary is not None
    amounts = (salary.currency, salary.minimum, salary.maximum, salary.period)
    assert amounts == label["salary"]
    assert [fact.value for fact in extraction.locations] == [label["location"]]
    assert extraction.work_mode is not None
    assert extraction.work_mode.value == label["mode"]
    assert (extraction.seniority.value if extraction.seniority else None) == label["seniority"]
    assert {fact.value for fact in extraction.employment} == label["employment"]
    assert len(extraction.responsibilities) >= 4
    assert len(extraction.benefits) >= 4


@pytest.mark.parametrize("name", LABELS)
def test_title_and_company(name: str, extractions: dict[str, Extraction]) -> None:
    extraction = extractions[name]
    assert extraction.title is not None
    assert extraction.title.value == LABELS[name]["title"]
    assert extraction.company is not None
    assert extraction.company.value == LABELS[name]["company"]


@pytest.mark.parametrize("name", LABELS)
def test_every_quote_stands_in_the_text(
    name: str, jobs: dict[str, JobText], extractions: dict[str, Extraction]
) -> None:
    text = jobs[name].text
    for requirement in extractions[name].requirements:
        assert whole(requirement.quote, text)
    assert 300 <= len(text.split()) <= 900


def test_the_examples_differ(jobs: dict[str, JobText]) -> None:
    assert {job.kind for job in jobs.values()} == {"text", "html", "pdf"}
    assert jobs["data-engineer-supply-chain"].posting["@type"] == "JobPosting"
    assert jobs["shift-lead-warehouse"].posting == {}


def test_the_site_lists_its_postings_and_knows_its_limits() -> None:
    with example_module("site").serving() as base:
        settings = FetchSettings(allow_hosts=[base.removeprefix("http://")])
        listing = fetch(f"{base}/", settings)
        assert listing.redirects == [f"{base}/"]
        assert b"/jobs/data-engineer-supply-chain" in listing.body
        assert b'rel="next"' in listing.body
        assert b'rel="next"' not in fetch(f"{base}/jobs?page=4", settings).body
        with pytest.raises(FetchError, match="answered 404"):
            fetch(f"{base}/jobs/gone", settings)


def test_a_site_with_many_postings_has_pages(tmp_path: Path) -> None:
    module = example_module("site")
    posting = (EXAMPLES / "careers" / "postings" / "warehouse-shift-lead.json").read_text("utf-8")
    for number in range(23):
        text = posting.replace("shift-lead-warehouse", f"shift-lead-{number:02d}")
        (tmp_path / f"{number:02d}.json").write_text(text, "utf-8")
    site = module.CareerSite(tmp_path, page_size=10)
    pages = [site.page("/jobs", {"page": [str(n)]})[2] for n in (1, 2, 3)]
    assert [page.count('class="job"') for page in pages] == [10, 10, 3]
    assert 'rel="next"' in pages[0]
    assert 'rel="prev"' in pages[2]
    assert 'rel="next"' not in pages[2]


def test_the_example_candidates_are_usable() -> None:
    candidates = load_candidates(EXAMPLES / "candidates")
    assert len(candidates) >= 8
    assert len({candidate.name for candidate in candidates}) == len(candidates)
