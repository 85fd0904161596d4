"""Which vacancies, and which further pages, are found on a page."""

from __future__ import annotations

import json

import pytest

from qntx.errors import FetchError
from qntx.net.urls import parse
from qntx_recruiting.canonical import canonical, vacancy_id
from qntx_recruiting.listing import Listing, read_listing

HERE = "https://acme.example/jobs"


def listing(body: str, *, head: str = "", at: str = HERE) -> Listing:
    html = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    return read_listing(at, html.encode(), "text/html; charset=utf-8")


def paths(found: Listing) -> list[str]:
    return [vacancy.url.removeprefix("https://acme.example") for vacancy in found.vacancies]


def json_ld(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def posting(title: str, **more: object) -> dict[str, object]:
    return {"@type": "JobPosting", "title": title, **more}


@pytest.mark.parametrize(
    "data",
    [
        {
            "@type": "ItemList",
            "itemListElement": [
                {"@type": "ListItem", "item": posting("A", url="/jobs/a")},
                {"@type": "ListItem", "item": posting("B", url="/jobs/b")},
            ],
        },
        {
            "@type": "ItemList",
            "itemListElement": [
                {"@type": "ListItem", "url": "/jobs/a", "name": "A"},
                {"@type": "ListItem", "url": "/jobs/b", "name": "B"},
            ],
        },
        {
            "@type": ["ItemList"],
            "itemListElement": [posting("A", url="/jobs/a"), posting("B", url="/jobs/b")],
        },
        [posting("A", url="/jobs/a"), posting("B", url="/jobs/b")],
        {
            "@graph": [
                posting("A", url="/jobs/a"),
                posting("B", mainEntityOfPage={"@id": "https://acme.example/jobs/b"}),
            ]
        },
        {
            "@type": "CollectionPage",
            "mainEntity": {
                "@type": "ItemList",
                "itemListElement": [
                    {"@type": "ListItem", "item": {"@id": "/jobs/a"}, "name": "A"},
                    {"@type": "ListItem", "item": "/jobs/b", "name": "B"},
                ],
            },
        },
    ],
    ids=["items", "addresses", "postings", "array", "graph", "collection"],
)
def test_structured_data_in_its_many_forms(data: object) -> None:
    found = listing(json_ld(data))
    assert paths(found) == ["/jobs/a", "/jobs/b"]
    assert [v.title for v in found.vacancies] == ["A", "B"]
    assert all(v.structured for v in found.vacancies)


def test_breadcrumbs_and_broken_data_are_no_vacancies() -> None:
    crumbs = {
        "@type": "BreadcrumbList",
        "itemListElement": [{"@type": "ListItem", "item": "/", "name": "Home"}],
    }
    broken = '<script type="application/ld+json">{"@type": "ItemList",</script>'
    assert listing(json_ld(crumbs) + broken).vacancies == []


@pytest.mark.parametrize(
    "script",
    [
        """<script type="application/ld+json">%s</script>""",
        """<script type="application/ld+json; charset=utf-8">%s</script>""",
        """<script type="application/ld+json"><!-- %s --></script>""",
        """<script type="application/ld+json">//<![CDATA[\n%s\n//]]></script>""",
        """<script type="application/ld+json">/*<![CDATA[*/ %s /*]]>*/</script>""",
    ],
)
@pytest.mark.parametrize("prefix", ["", "https://schema.org/", "http://schema.org/", "schema:"])
def test_structured_data_as_it_is_written_out_there(script: str, prefix: str) -> None:
    data = (
        f'{{"@type": "{prefix}ItemList", "itemListElement": [{{"@type": "{prefix}JobPosting",'
        ' "title": "Clerk", "url": "/a", "description": "two\nlines"}]}'
    )
    (found,) = listing(script % data).vacancies
    assert (found.title, found.structured) == ("Clerk", True)


def test_data_and_links_are_one_list_and_the_date_is_kept() -> None:
    data = json_ld(
        [
            posting("A", url=f"{HERE}/a?utm_source=feed", datePosted="2026-11-02"),
            posting("B", url=f"{HERE}/b"),
        ]
    )
    found = listing(data + '<main><a href="/jobs/a#top">A</a><a href="/jobs/c">C</a></main>')
    assert paths(found) == ["/jobs/a", "/jobs/b", "/jobs/c"]
    assert [v.posted for v in found.vacancies] == ["2026-11-02", "", ""]
    assert [v.structured for v in found.vacancies] == [True, True, False]


def test_a_single_posting_lists_itself() -> None:
    found = listing(
        json_ld(posting("Engineer")) + '<a href="/jobs/other">Similar</a>', at=f"{HERE}/engineer"
    )
    assert paths(found) == ["/jobs/engineer"]


@pytest.mark.parametrize(
    ("href", "text"),
    [
        ("/jobs/data-engineer", "Data Engineer"),
        ("data-engineer", "x"),
        ("/jobs/data engineer?place=New York", "Data Engineer"),
        ("/en/careers/job/4711/data-engineer", "Data Engineer"),
        ("/stellenangebote/lagerist-4711.html", "Lagerist"),
        ("/karriere/stelle/disponent", "Disponent"),
        ("/vacatures/chauffeur", "Chauffeur"),
        ("/viewer.aspx?jobId=12", "Clerk"),
        ("/board?gh_jid=99", "Clerk"),
        ("/4711-clerk", "Clerk (m/w/d)"),
        ("/4711-clerk", "Clerk (all genders)"),
    ],
)
def test_links_that_lead_to_postings(href: str, text: str) -> None:
    at = "https://acme.example/jobs/"
    found = listing(f'<main><ul><li><a href="{href}">{text}</a></li></ul></main>', at=at)
    assert len(found.vacancies) == 1
    assert found.vacancies[0].title == text


@pytest.mark.parametrize(
    "link",
    [
        '<a href="/about">About us</a>',
        '<a href="/jobs">All jobs</a>',
        '<a href="/jobs/">Jobs</a>',
        '<a href="/jobs?page=2">2</a>',
        '<a href="/jobs/page/2">2</a>',
        '<a href="/jobs/search">Search</a>',
        '<a href="/jobs/department/it">IT</a>',
        '<a href="/jobs/engineering">Engineering (12)</a>',
        '<a href="/jobs/clerk/apply">Apply now</a>',
        '<a href="/jobs/clerk"></a>',
        '<nav><ul><li><a href="/jobs/clerk">Clerk</a></li></ul></nav>',
        '<footer><a href="/jobs/clerk">Clerk</a></footer>',
        '<a href="mailto:jobs@acme.example">Mail</a>',
        '<a href="javascript:void(0)">Clerk (m/w/d)</a>',
        '<a href="http://acme.example/jobs/clerk">plain http</a>',
        '<a href="http://[broken">Clerk (m/w/d)</a>',
    ],
)
def test_links_that_do_not(link: str) -> None:
    assert listing(link).vacancies == []


def test_other_hosts_are_named_but_not_followed() -> None:
    found = listing(
        json_ld([posting("A", url="http://intranet:8080/jobs/a"), posting("B", url="/jobs/b")])
        + '<a href="https://www.acme.example/jobs/c">C</a>'
    )
    assert paths(found) == ["/jobs/b", "https://www.acme.example/jobs/c"]
    assert found.elsewhere == ["http://intranet:8080/jobs/a"]


def test_an_entry_that_is_one_link_is_titled_by_its_heading() -> None:
    found = listing(
        '<main><a href="/jobs/clerk"><h3>Clerk</h3><p>Hamburg, full-time, permanent</p></a>'
        '<article><header><h2><a href="/jobs/lead">Lead</a></h2></header>'
        '<time datetime="2026-11-05T09:00">last week</time></article></main>'
    )
    assert [(v.title, v.posted) for v in found.vacancies] == [
        ("Clerk", ""),
        ("Lead", "2026-11-05"),
    ]


def test_the_fingerprint_changes_with_title_and_date_only() -> None:
    def mark(title: str, day: str, more: str = "") -> str:
        data = json_ld([posting(title, url="/jobs/a", datePosted=day), posting("", url="/jobs/b")])
        return listing(data + more).vacancies[0].fingerprint

    assert mark("A", "2026-11-02") == mark("a ", "2026-11-02", "<p>3 days ago</p>")
    assert mark("A", "2026-11-02") != mark("B", "2026-11-02")
    assert mark("A", "2026-11-02") != mark("A", "2026-11-03")


@pytest.mark.parametrize(
    ("body", "head", "pages"),
    [
        ('<a rel="next" href="/jobs?page=2">›</a><a href="/jobs?page=9">9</a>', "", ["?page=2"]),
        ("", '<link rel="next" href="?page=2">', ["?page=2"]),
        ('<a href="?page=2&utm_medium=x">Next page</a>', "", ["?page=2"]),
        ('<a href="?offset=15">Nächste Seite</a>', "", ["?offset=15"]),
        ('<a href="/jobs/page/2" aria-label="Next">&gt;</a>', "", ["/page/2"]),
        (
            '<nav><a href="?page=1">1</a><a href="?page=2">2</a><a href="?page=3">3</a></nav>',
            "",
            ["?page=1", "?page=2", "?page=3"],
        ),
        ('<a href="/jobs/clerk">Next generation clerk</a>', "", None),
        ('<a rel="next" href="https://other.example/jobs?page=2">Next</a>', "", []),
    ],
)
def test_the_pages_that_go_on(body: str, head: str, pages: list[str] | None) -> None:
    found = [page.removeprefix(HERE) for page in listing(body, head=head).next_pages]
    if pages is None:
        assert listing(body).vacancies
    else:
        assert found == pages


def test_the_base_of_a_page_is_respected() -> None:
    found = listing('<a href="clerk">Clerk</a>', head='<base href="/en/jobs/">')
    assert paths(found) == ["/en/jobs/clerk"]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"%PDF-1.7 ...", "text/html", "it is pdf, not a web page"),
        (b"just words", "text/plain", "it is text, not a web page"),
        (b"\0\1\2" * 50, "text/html", "binary data"),
        (b"<div>" * 5000, "text/html", "nests more than"),
    ],
)
def test_what_is_no_listing_is_refused(body: bytes, kind: str, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        read_listing(HERE, body, kind)


@pytest.mark.parametrize(
    "spelling",
    [
        "https://ACME.example:443/jobs/x",
        "/jobs/../jobs/./x#apply",
        "/jobs/x?utm_source=a&gclid=b&fbclid=c",
        "/jobs/x;jsessionid=12AB",
        "/jobs/%78",
        "x",
    ],
)
def test_one_address_for_one_page(spelling: str) -> None:
    assert str(canonical(parse("https://acme.example/jobs/"), spelling)) == f"{HERE}/x"


def test_what_tells_pages_apart_is_kept() -> None:
    base = parse(HERE)
    assert str(canonical(base, "?b=2&a=1&ref=x")) == f"{HERE}?b=2&a=1"
    assert str(canonical(base, "/jobs/%e4")) == "https://acme.example/jobs/%E4"
    names = {
        vacancy_id(canonical(base, address))
        for address in ("/jobs/x", "/jobs/x/", "http://www.acme.example/jobs/x")
    }
    assert len(names) == 1
    assert vacancy_id(parse(f"{HERE}/y")) not in names
    assert vacancy_id(parse(f"{HERE}/x?id=1")) != vacancy_id(parse(f"{HERE}/x?id=2"))
