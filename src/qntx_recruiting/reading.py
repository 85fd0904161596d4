"""From bytes of any supported kind to the normal form of a job description."""

from __future__ import annotations

import re

import msgspec
from selectolax.lexbor import LexborHTMLParser

from qntx.errors import FetchError
from qntx_recruiting import job_posting
from qntx_recruiting.documents import docx_text, pdf_text
from qntx_recruiting.html_text import MAX_OPEN_ELEMENTS, html_to_text, nested_too_deeply
from qntx_recruiting.media import charset, detect
from qntx_recruiting.text import JobText, decode, guess_title, normalise, plain_from_markdown

#: Less text than this is no job description.
MIN_TEXT_CHARS = 80
#: Job descriptions have some 5,000 characters; what stands behind this many is left out.
MAX_TEXT_CHARS_READ = 200_000
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([A-Za-z0-9_\-]{2,40})", re.IGNORECASE)
# "Data Engineer | Careers at Nordlicht": what stands behind the last mark names the site.
_SITE_NAME = re.compile(r"\s+[|–—·»]\s+|\s+-\s+")


def read_job(source: str, path: str, body: bytes, content_type: str = "") -> JobText:
    """
    The job description in *body*, which came from *source*; *path* gives the suffix.

    Raises FetchError when it is of another kind, damaged, or too short to be one.
    """
    kind = detect(source, path, body, content_type)
    if kind == "pdf":
        text, notes = pdf_text(source, body)
        job = JobText(kind=kind, text=normalise(text), notes=notes)
    elif kind == "docx":
        job = JobText(kind=kind, text=normalise(docx_text(source, body)))
    else:
        meta = _META_CHARSET.search(body[:2048]) if kind == "html" else None
        declared = charset(content_type) or (meta[1].decode("ascii") if meta else None)
        text, note = decode(source, body, declared)
        notes = (note,) if note else ()
        if kind == "html":
            if nested_too_deeply(text):
                raise FetchError(
                    f"refused to read {source}: it nests more than {MAX_OPEN_ELEMENTS:,} elements "
                    "- save its text as a file and give that"
                )
            job = _from_html(text, notes)
        else:
            plain = plain_from_markdown(text) if kind == "markdown" else text
            job = JobText(kind=kind, text=normalise(plain), notes=notes)
    return _checked(source, job)


def _from_html(html: str, notes: tuple[str, ...]) -> JobText:
    page = LexborHTMLParser(html)
    posting = job_posting.find_posting(page)
    if posting is not None:
        return JobText(
            kind="html",
            text=normalise(job_posting.as_text(posting)),
            title=job_posting.title(posting),
            company=job_posting.company(posting),
            location=job_posting.location(posting),
            posting=posting,
            notes=notes,
        )
    # Costs 0.2 s to import, and most pages carry structured data and never come here.
    import trafilatura

    title = _page_title(page)
    body = trafilatura.extract(
        html,
        output_format="markdown",
        favor_recall=True,
        include_comments=False,
        include_formatting=True,
    )
    text = plain_from_markdown(body) if body else html_to_text(html)
    if title and title.casefold() not in text.casefold():
        text = f"# {title}\n\n{text}"
    return JobText(kind="html", text=normalise(text), title=title, notes=notes)


def _page_title(page: LexborHTMLParser) -> str:
    heading = page.css_first("h1")
    if heading is not None and heading.text().strip():
        return " ".join(heading.text(separator=" ").split())[:200]
    name = page.css_first("title")
    return _SITE_NAME.split(" ".join(name.text().split()))[0][:200] if name is not None else ""


def _checked(source: str, job: JobText) -> JobText:
    size = len(job.text.strip())
    if size < MIN_TEXT_CHARS:
        raise FetchError(
            f"cannot use {source}: it holds only {size} characters of text, too few for a job "
            "description - if the page builds itself by script, save it as a file and give that"
        )
    notes = job.notes
    if len(job.text) > MAX_TEXT_CHARS_READ:
        notes += (
            f"only the first {MAX_TEXT_CHARS_READ:,} of {len(job.text):,} characters were read",
        )
    return msgspec.structs.replace(
        job,
        title=job.title or guess_title(job.text),
        text=job.text[:MAX_TEXT_CHARS_READ],
        notes=notes,
    )
