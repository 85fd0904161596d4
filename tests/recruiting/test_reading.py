"""From bytes to the normal form: kinds, character sets, structured data, documents."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.errors import FetchError
from qntx_recruiting.extraction.builtin import extract
from qntx_recruiting.html_text import html_to_text
from qntx_recruiting.media import check_type, detect
from qntx_recruiting.reading import read_job
from qntx_recruiting.text import JobText, normalise, plain_from_markdown
from tests.support.paths import EXAMPLES, example_module

PROSE = (
    "We are looking for somebody who knows Python and SQL and who likes to read job "
    "descriptions as much as we like to write them."
)


def job(body: bytes | str, path: str = "/jd.html", kind: str = "text/html") -> JobText:
    data = body.encode() if isinstance(body, str) else body
    return read_job("the source", path, data, kind)


def page(*scripts: object, body: str = f"<h1>Data Engineer</h1><p>{PROSE}</p>") -> str:
    data = "".join(
        f'<script type="application/ld+json">{s if isinstance(s, str) else json.dumps(s)}</script>'
        for s in scripts
    )
    return f"<html><head><title>Data Engineer | Acme</title>{data}</head><body>{body}</body></html>"


POSTING = {
    "@type": "JobPosting",
    "title": "Data Engineer",
    "hiringOrganization": {"@type": "Organization", "name": "Acme &amp; Sons"},
    "jobLocation": [
        {"address": {"addressLocality": "Hamburg", "addressCountry": "DE"}},
        {"address": {"addressLocality": "Bremen", "addressCountry": {"name": "DE"}}},
    ],
    "employmentType": ["FULL_TIME", "PART_TIME"],
    "jobLocationType": "TELECOMMUTE",
    "baseSalary": {
        "currency": "EUR",
        "value": {"minValue": 60000, "maxValue": "70000", "unitText": "YEAR"},
    },
    "description": f"<p>{PROSE}</p><h3>Your profile</h3><ul><li>Python</li><li>SQL</li></ul>",
}


@pytest.mark.parametrize(
    "data",
    [
        POSTING,
        [{"@type": "BreadcrumbList"}, POSTING],
        {"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, POSTING]},
        {"@type": "WebPage", "mainEntity": POSTING},
        {**POSTING, "@type": ["JobPosting", "Thing"]},
    ],
)
def test_a_posting_is_found_wherever_it_is(data: object) -> None:
    found = job(page(data))
    assert (found.title, found.company) == ("Data Engineer", "Acme & Sons")
    assert found.location == "Hamburg, DE; Bremen, DE"
    assert found.text.startswith(
        "# Data Engineer\nCompany: Acme & Sons\nLocation: Hamburg, DE; Bremen, DE\n"
        "Employment type: Full-time, Part-time\nWork mode: Remote\n"
        "Salary: EUR 60,000 - 70,000 per year\n"
    )
    assert "## Your profile\n\n- Python\n- SQL" in found.text
    assert found.posting["title"] == "Data Engineer"


def test_markup_that_was_escaped_twice_is_read() -> None:
    escaped = {
        **POSTING,
        "description": f"&lt;p&gt;{PROSE}&lt;/p&gt;&lt;ul&gt;&lt;li&gt;Go&lt;/li&gt;",
    }
    assert "- Go" in job(page(escaped)).text
    assert "<" not in job(page(escaped)).text


@pytest.mark.parametrize(
    "data",
    [
        "{ not json",
        {"@type": "Product"},
        "null",
        "[[[[]]]]",
        '{"@graph": {"@graph": {"@type": "Thing"}}}',
        {"@type": "Organization", "name": "Acme"},
    ],
)
def test_other_data_is_passed_over(data: object) -> None:
    found = job(page(data))
    assert found.posting == {}
    assert found.title == "Data Engineer"
    assert "Python and SQL" in found.text


@pytest.mark.parametrize("odd", [None, 5, [], {}, "", [None], {"value": []}, True, [[]]])
def test_odd_values_in_a_posting_do_no_harm(odd: object) -> None:
    fields = ("hiringOrganization", "jobLocation", "employmentType", "baseSalary", "title")
    for field in fields:
        assert PROSE in job(page({**POSTING, field: odd})).text


def test_a_plain_page_loses_its_frame() -> None:
    html = page(
        body=f"<nav>Home Jobs</nav><main><h1>Data Engineer</h1><p>{PROSE}</p>"
        f"<h2>Your profile</h2><ul><li>Python</li><li>Five years of SQL</li></ul><p>{PROSE}</p>"
        "</main><script>alert('x')</script><footer>Imprint</footer>"
    )
    text = job(html).text
    assert "- Python\n- Five years of SQL" in text
    assert "## Your profile" in text
    assert "alert" not in text
    assert "Home Jobs" not in text


def test_html_becomes_lines() -> None:
    assert (
        html_to_text(
            "<div>One<br>two</div><p><b>Skills:</b></p>"
            "<ul><li><p>a <i>b</i></p></li><li>c</li></ul>"
            "<table><tr><td>k</td><td>v</td></tr></table><style>x</style>"
        )
        == "One\ntwo\n\n## Skills:\n\n- a b\n- c\n\nk v"
    )


@pytest.mark.parametrize("tag", ["<div>", "<b>", "<table>", "<ul><li>", "<a><p>"])
def test_deeply_nested_html_is_no_danger(tag: str) -> None:
    hostile = tag * 200_000 + "end"
    started = time.process_time()
    assert "end" in html_to_text(hostile)
    with pytest.raises(FetchError, match="it nests more than 2,000 elements"):
        job(page(body=hostile))
    assert time.process_time() - started < 2


def test_depth_that_people_reach_is_read() -> None:
    assert PROSE in job(page(body="<div>" * 150 + f"<p>{PROSE}</p>" + "<br><li>x" * 300)).text


@pytest.mark.parametrize(
    "piece",
    ["Python, ", "Python or ", "5 years ", "Ab & ", "salary €1", "e.g. ", "- Go\n", "(", "."],
)
def test_hostile_text_costs_seconds_at_most(piece: str) -> None:
    started = time.process_time()
    found = job(piece * (400_000 // len(piece)), "/x.txt", "text/plain")
    assert "only the first 200,000 of" in found.notes[0]
    extract(found.text[:20_000])
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("body", "kind", "text", "note"),
    [
        ("Grüße ✓".encode(), "text/plain", "Grüße ✓", None),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "text/plain", "Grüße", None),
        ("Grüße".encode("utf-16"), "text/plain", "Grüße", None),
        (b"Gr\xfc\xdfe", "text/plain; charset=ISO-8859-1", "Grüße", "read as ISO-8859-1"),
        (b"Gr\xfc\xdfe", "text/plain", "Grüße", "read as Windows-1252"),
        (b"Gr\xfc\xdfe", "text/plain; charset=utf-8", "Grüße", "read as Windows-1252"),
        (b"Gr\xfc\xdfe", "text/plain; charset=klingon", "Grüße", "read as Windows-1252"),
        ("Grüße ".encode() + b"\xff", "text/plain", "Grüße \ufffd", "1 unreadable places"),
    ],
)
def test_character_sets(body: bytes, kind: str, text: str, note: str | None) -> None:
    padding = (" " + PROSE).encode("utf-16-le" if body.startswith(b"\xff\xfe") else "ascii")
    found = job(body + padding, "/jd.txt", kind)
    assert found.text.startswith(text)
    assert (note in found.notes[0]) if note else found.notes == ()


def test_the_charset_of_a_page_may_stand_in_the_page() -> None:
    html = page().replace("<head>", '<head><meta charset="iso-8859-1">').replace("knows", "kän")
    assert "kän" in job(html.encode("latin-1")).text


@pytest.mark.parametrize(
    ("body", "path", "declared", "kind"),
    [
        (b"%PDF-1.7", "/x", "text/html", "pdf"),
        (b"<!DOCTYPE HTML><p>", "/x.txt", "text/plain", "html"),
        (b"\n <html>", "/x", "", "html"),
        (b"# Title", "/x.md", "text/plain", "markdown"),
        (b"Title", "/x", "text/markdown; charset=utf-8", "markdown"),
        (b"Title", "/x", "application/octet-stream", "text"),
        (b"Title", "/x.html", "", "html"),
        (b"PK\x03\x04", "/x.docx", "application/octet-stream", "docx"),
    ],
)
def test_kinds(body: bytes, path: str, declared: str, kind: str) -> None:
    assert detect("x", path, body, declared) == kind


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (b"PK\x03\x04", "/x.zip", "it is an archive"),
        (b"\x7fELF\0\0", "/x.txt", "it is binary data"),
        (b"hello", "/x.pdf", "it claims to be pdf but is not"),
        (b"hello", "/x.docx", "it claims to be docx but is not"),
    ],
)
def test_kinds_that_are_not_read(body: bytes, path: str, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        detect("x", path, body)


def test_declared_types() -> None:
    for kind in ("", "text/html; charset=utf-8", "Application/PDF", "application/octet-stream"):
        check_type("x", kind)
    with pytest.raises(FetchError, match="it is video/mp4, not a web page"):
        check_type("x", "video/mp4")


def test_too_little_text_is_no_job_description() -> None:
    with pytest.raises(FetchError, match="only 5 characters of text"):
        job("Hello", "/x.txt", "text/plain")
    with pytest.raises(FetchError, match="builds itself by script"):
        job("<html><body><div id=root></div><script>x</script></body></html>")


def test_hard_wrapped_lines_become_paragraphs() -> None:
    text = normalise(
        "Title\n\nWe are a company that is glad to wrap its lines by hand\nat some column.\n\n"
        "* one item that is long enough to be wrapped onto a\n  second line\n"
        "• two\n1) three\n\n\n\n"
        "Location: Basel\nSalary: 100\r\n"
    )
    assert text == (
        "Title\n\nWe are a company that is glad to wrap its lines by hand at some column.\n\n"
        "- one item that is long enough to be wrapped onto a second line\n- two\n- three\n\n"
        "Location: Basel\nSalary: 100\n"
    )


@given(st.text(max_size=300))
def test_the_normal_form_is_stable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\r" not in once
    assert "\n\n\n" not in once


def test_markdown_loses_its_marks() -> None:
    assert plain_from_markdown(
        "Title\n=====\n\n**Your profile:**\n\n"
        "- **5+ years** of `Python`, *really*, snake_case_name\n"
        "- see [our site](https://x.test)\n<!-- note -->"
    ) == (
        "## Title\n\n## Your profile\n\n"
        "- 5+ years of Python, really, snake_case_name\n- see our site\n"
    )


def docx(document: str) -> bytes:
    """A DOCX file whose body is *document*."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations)
        archive.writestr(
            "word/document.xml", f"<w:document {space}><w:body>{document}</w:body></w:document>"
        )
    return file.getvalue()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_docx_keeps_its_tables() -> None:
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in ("Rust", "nice"))
    table = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    found = job(docx(paragraph("Engineer") + paragraph(PROSE) + table), "/jd.docx", "")
    assert (found.kind, found.title) == ("docx", "Engineer")
    assert "Rust" in found.text


def test_docx_that_is_damaged_or_a_bomb() -> None:
    with pytest.raises(FetchError, match="the DOCX file is damaged"):
        job(docx(paragraph(PROSE))[:-40], "/jd.docx", "")
    with pytest.raises(FetchError, match="the document unfolds to"):
        job(docx(paragraph("0" * 105_000_000)), "/jd.docx", "")
    with pytest.raises(FetchError, match="the DOCX file is damaged"):
        job(docx('<!DOCTYPE x [<!ENTITY a "b">]>&a;'), "/jd.docx", "")


def test_pdf_keeps_headings_and_items() -> None:
    pdf = example_module("make_pdf").make_pdf(
        "# Finance Lead\n\n## Your profile\n\n"
        "- IFRS and a very long line that has to be wrapped because "
        "it does not fit into the width of the page at all\n- HGB\n\nGrüße aus Köln – bis bald"
    )
    found = job(pdf, "/jd.pdf", "application/pdf")
    assert found.title == "Finance Lead"
    assert found.text == (
        "## Finance Lead\n\n## Your profile\n- IFRS and a very long line that has to be wrapped "
        "because it does not fit into the width of the page at all\n- HGB\n\n"
        "Grüße aus Köln – bis bald\n"
    )


def test_pdf_that_is_damaged_or_has_no_text() -> None:
    with pytest.raises(FetchError, match="the PDF is damaged or needs a password"):
        job(b"%PDF-1.7 and then nothing", "/jd.pdf", "")
    with pytest.raises(FetchError, match="the PDF holds no text, only pictures"):
        job(example_module("make_pdf").make_pdf(""), "/jd.pdf", "")


def test_pdf_with_too_many_pages_says_so() -> None:
    text = "\n\n".join(f"- Item {number} of a very long list" for number in range(2500))
    found = job(example_module("make_pdf").make_pdf(text), "/jd.pdf", "")
    assert "only the first 50 of" in found.notes[0]


def test_the_example_pdf_is_made_from_its_source() -> None:
    source = (EXAMPLES / "jobs" / "finance-lead.source.txt").read_text("utf-8")
    made = example_module("make_pdf").make_pdf(source)
    assert made == (EXAMPLES / "jobs" / "finance-lead.pdf").read_bytes()
