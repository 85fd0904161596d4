"""Find the vacancies on a page that lists them, and the pages that go on with the list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

from qntx.errors import FetchError
from qntx.net.urls import WebUrl, parse
from qntx_recruiting.canonical import canonical, site_of, vacancy_id
from qntx_recruiting.html_text import MAX_OPEN_ELEMENTS, nested_too_deeply
from qntx_recruiting.listing_data import Listed, listed_in
from qntx_recruiting.media import charset, detect
from qntx_recruiting.text import decode

_WORD = (
    r"jobs?|careers?|vacanc(?:y|ies)|positions?|openings?|postings?|opportunit(?:y|ies)|roles?"
    r"|job-?(?:offers?|ads?|postings?)|stellen?(?:angebote?|anzeigen?)?|karriere|offres?|emplois?"
    r"|vacatures?|ofertas?|lediga-jobb|stillinger?|praca"
)
_LISTING_WORD = re.compile(_WORD, re.IGNORECASE)
_QUERY = re.compile(
    r"[?&](?:job_?id|job|gh_jid|vacancy(?:_?id)?|position_?id|posting_?id|req_?id|stellen_?id)=[^&]+",
    re.IGNORECASE,
)
#: "(m/w/d)", "(f/m/x)", "(all genders)": hardly anything but a job title has this.
_GENDERS = re.compile(r"\((?:[fmwdxh](?:[/|*,][fmwdxnh]){1,3}|all genders|gn)\)", re.IGNORECASE)
_JOB_CLASS = re.compile(r"(?:^|[\s_-])(?:job|vacancy|position|posting|opening|stelle)(?:[\s_-]|$)")
#: Parts of a site that are not about single vacancies, though they lie below ``/jobs/``.
_OTHER_PARTS = re.compile(
    r"(?:search|suche|all|page|seite|category|categories|department|departments|locations?"
    r"|teams?|alerts?|login|signin|register|apply|rss|feed|faq|about|benefits|culture|students"
    r"|privacy|imprint|impressum)(?:/.*)?",
    re.IGNORECASE,
)
_ACTIONS = re.compile(
    r"(?:apply|bewerben|login|log in|sign|share|teilen|save|merken|privacy|datenschutz|imprint"
    r"|impressum|cookie|alle|all|show|see all|back|zurück|previous|filter)\b.*",
    re.IGNORECASE | re.DOTALL,
)
#: "Engineering (12)" leads to a category and its count.
_COUNTED = re.compile(r".*\(\d+\)", re.DOTALL)
_NEXT_WORDS = re.compile(
    r"(?:next|older|more jobs|weiter|nächste|ältere|suivante?|siguiente|volgende|næste"
    r"|następna)\b.*|[›»→>]|>>",
    re.IGNORECASE,
)
_PAGING = re.compile(r"[?&](?:page|p|pg|seite|offset|start|from)=\d+|/(?:page|seite)/\d+")
_MAX_TITLE_CHARS = 200


class Vacancy(msgspec.Struct, frozen=True, kw_only=True):
    """A vacancy as a listing shows it; *posted* is an ISO date, or empty where it shows none."""

    id: str
    url: str
    title: str
    posted: str = ""
    structured: bool = False
    #: Changes when the listing shows the vacancy with another title or date.
    fingerprint: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a page lists, in its order; *elsewhere* are vacancies on other hosts, not taken."""

    vacancies: list[Vacancy]
    next_pages: list[str]
    elsewhere: list[str]
    notes: tuple[str, ...] = ()


def read_listing(source: str, body: bytes, content_type: str) -> Listing:
    """
    The vacancies and further pages in the web page *body*, which came from *source*.

    Structured data (JSON-LD) is believed first, links that look like postings are added. Only what
    lies on the same host is taken: an address that a page names must not send qntx to another one
    that it may reach. A page that is itself one posting lists itself.

    Raises FetchError when it is no web page.
    """
    base = parse(source)
    kind = detect(source, base.target.partition("?")[0], body, content_type)
    if kind != "html":
        raise FetchError(f"cannot use {source}: it is {kind}, not a web page - give the listing")
    html, note = decode(source, body, charset(content_type))
    if nested_too_deeply(html):
        raise FetchError(
            f"refused to read {source}: it nests more than {MAX_OPEN_ELEMENTS:,} elements"
        )
    reader = _Reader(base, LexborHTMLParser(html))
    return reader.listing((note,) if note else ())


class _Reader:
    def __init__(self, page_url: WebUrl, page: LexborHTMLParser) -> None:
        self._here = page_url
        self._page = page
        self._base = self._base_url()
        self._found: dict[str, Vacancy] = {}
        self._elsewhere: dict[str, None] = {}

    def listing(self, notes: tuple[str, ...]) -> Listing:
        listed, is_posting = listed_in(self._page)
        for entry in listed:
            self._add(entry, structured=True)
        if is_posting and not self._found:
            self._add(Listed(str(self._here), ""), structured=True)
        else:
            for entry in self._links():
                self._add(entry, structured=False)
        return Listing(
            vacancies=list(self._found.values()),
            next_pages=self._next_pages(),
            elsewhere=list(self._elsewhere),
            notes=notes,
        )

    def _base_url(self) -> WebUrl:
        node = self._page.css_first("base[href]")
        href = node.attributes.get("href") if node is not None else None
        try:
            return parse(urljoin(str(self._here), href)) if href else self._here
        except FetchError:
            return self._here

    def _add(self, entry: Listed, *, structured: bool) -> None:
        url = self._url(entry.url)
        if url is None:
            return
        downgraded = self._here.scheme == "https" and url.scheme == "http"
        if site_of(url) != site_of(self._here) or downgraded:
            self._elsewhere[str(url)] = None
            return
        name = vacancy_id(url)
        known = self._found.get(name)
        if known is not None and (known.title or not entry.title):
            return
        title = " ".join(entry.title.split())[:_MAX_TITLE_CHARS]
        stamp = "\0".join((title.casefold(), entry.posted, entry.modified))
        self._found[name] = Vacancy(
            id=name,
            url=known.url if known else str(url),
            title=title,
            posted=entry.posted or (known.posted if known else ""),
            structured=structured or known is not None,
            fingerprint=hashlib.sha256(stamp.encode()).hexdigest()[:12],
        )

    def _url(self, href: str) -> WebUrl | None:
        try:
            return canonical(self._base, href)
        except (FetchError, ValueError):
            return None  # mailto:, javascript:, and what nobody can open

    def _anchors(self) -> Iterator[tuple[LexborNode, WebUrl]]:
        for node in self._page.css("a[href]"):
            href = (node.attributes.get("href") or "").strip()
            url = None if not href or href.startswith("#") else self._url(href)
            if url is not None:
                yield node, url

    # --- links to postings

    def _links(self) -> Iterator[Listed]:
        for node, url in self._anchors():
            if _in_frame(node) or not self._is_posting(node, url):
                continue
            heading = node.css_first("h1, h2, h3, h4, h5, [class*=title]")
            yield Listed(str(url), _text(heading or node), _date_beside(node))

    def _is_posting(self, node: LexborNode, url: WebUrl) -> bool:
        text = _text(node)
        if not text or _ACTIONS.fullmatch(text) or _COUNTED.fullmatch(text):
            return False
        here = self._here.target.partition("?")[0].rstrip("/")
        path = url.target.partition("?")[0].rstrip("/")
        if _QUERY.search(url.target):
            return True
        if path == here or _PAGING.search(url.target):
            return False
        rest = _behind_listing_word(path)
        if rest and not _OTHER_PARTS.fullmatch(rest):
            return True
        return _GENDERS.search(text) is not None or (rest is None and _in_job_entry(node))

    # --- pages that go on

    def _next_pages(self) -> list[str]:
        """The next page where the page says which, else all pages that it links to."""
        said: dict[str, None] = {}
        paging: dict[str, None] = {}
        links = self._page.css("link[rel][href]")
        heads = [(node, self._url(node.attributes.get("href") or "")) for node in links]
        for node, url in [*heads, *self._anchors()]:
            if url is None or site_of(url) != site_of(self._here) or url == self._here:
                continue
            if "next" in (node.attributes.get("rel") or "").lower().split():
                return [str(url)]
            if _says_next(node):
                said[str(url)] = None
            elif _PAGING.search(url.target) and _text(node).isdigit():
                paging[str(url)] = None
        return list(said)[:1] or list(paging)


def _behind_listing_word(path: str) -> str | None:
    """``4711/clerk`` of ``/en/careers/job/4711/clerk``; None for a path without such a word."""
    parts = path.split("/")
    for at in reversed(range(len(parts))):
        if _LISTING_WORD.fullmatch(parts[at]):
            return "/".join(parts[at + 1 :])
    return None


def _text(node: LexborNode) -> str:
    text = " ".join(node.text(separator=" ").split())
    return text or " ".join((node.attributes.get("aria-label") or "").split())


def _says_next(node: LexborNode) -> bool:
    label = node.attributes.get("aria-label") or ""
    return any(_NEXT_WORDS.fullmatch(words) for words in (_text(node), label) if words)


def _ancestors(node: LexborNode, levels: int) -> Iterator[LexborNode]:
    parent = node.parent
    while parent is not None and levels and parent.tag not in ("body", "main"):
        yield parent
        parent, levels = parent.parent, levels - 1


def _in_frame(node: LexborNode) -> bool:
    """Whether *node* belongs to the frame of the site rather than to what the page is about."""
    framed = False
    for ancestor in _ancestors(node, 20):
        if ancestor.tag in ("nav", "aside"):
            return True
        if ancestor.tag in ("header", "footer"):
            framed = True
        elif ancestor.tag in ("article", "li"):
            framed = False  # the header of an entry is none of the site's
    return framed


def _in_job_entry(node: LexborNode) -> bool:
    names = [node, *_ancestors(node, 3)]
    return any(_JOB_CLASS.search((n.attributes.get("class") or "").lower()) for n in names)


def _date_beside(node: LexborNode) -> str:
    """The ``<time datetime>`` of the entry that *node* stands in."""
    for ancestor in _ancestors(node, 4):
        if ancestor.tag in ("ul", "ol", "table", "tbody", "section"):
            break
        time = ancestor.css_first("time[datetime]")
        if time is not None:
            return (time.attributes.get("datetime") or "")[:10]
    return ""
