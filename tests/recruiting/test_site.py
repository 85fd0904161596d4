"""The example site is what its description says."""

from __future__ import annotations

from collections import Counter

import pytest

from qntx.errors import FetchError
from qntx_recruiting.extraction.builtin import extract
from qntx_recruiting.fetch import fetch
from qntx_recruiting.reading import read_job
from qntx_recruiting.settings import FetchSettings
from tests.support.paths import example_module

SITE = example_module("site")


def settings(base: str) -> FetchSettings:
    return FetchSettings(allow_hosts=[base.removeprefix("http://")])


def test_there_are_sixty_vacancies_and_they_differ() -> None:
    postings = list(SITE.CareerSite().postings.values())
    assert len(postings) == 60
    assert len({p["title"] for p in postings}) == 60
    assert len({p["department"] for p in postings}) >= 8
    assert len({p["city"] for p in postings}) >= 10
    assert {p["salary"]["currency"] for p in postings} == {"EUR", "DKK", "PLN"}
    assert 25 <= sum(p["structured"] for p in postings) <= 35
    assert len({str(p["sections"]) for p in postings}) == 60


def test_it_is_the_same_site_every_time() -> None:
    assert SITE.CareerSite().postings == SITE.CareerSite().postings


def test_one_vacancy_of_each_trouble() -> None:
    site = SITE.CareerSite()
    assert set(site.troubles) < set(site.postings)
    assert Counter(site.troubles.values()) == Counter(
        ["gone", "error", "slow", "garbage", "loop", "empty", "disallowed"]
    )


def test_what_is_whole_can_be_read_and_what_is_broken_cannot() -> None:
    site = SITE.CareerSite(slow_s=0)
    broken = set()
    with SITE.serving(site=site) as base:
        for slug, posting in site.postings.items():
            url = f"{base}/jobs/{slug}"
            try:
                page = fetch(url, settings(base))
                job = read_job(page.url, "", page.body, page.content_type)
            except FetchError:
                broken.add(site.troubles[slug])
                continue
            assert job.title == posting["title"]
            extraction = extract(job.text)
            assert len(extraction.requirements) >= 2
            assert extraction.salary is not None
            assert extraction.salary.currency == posting["salary"]["currency"]
            assert extraction.salary.minimum == posting["salary"]["min"]
    assert broken == {"gone", "error", "garbage", "loop", "empty"}


def test_the_slow_page_does_not_keep_the_site_open(monkeypatch: pytest.MonkeyPatch) -> None:
    site = SITE.CareerSite(slow_s=3600.0)
    with SITE.serving(site=site) as base:
        limits = FetchSettings(allow_hosts=[base.removeprefix("http://")], timeout_s=0.2)
        slow = next(slug for slug, trouble in site.troubles.items() if trouble == "slow")
        with pytest.raises(FetchError, match="took too long"):
            fetch(f"{base}/jobs/{slow}", limits)
