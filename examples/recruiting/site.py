"""
The career site of a made-up company, over real HTTP, for the demo and the tests.

    python examples/recruiting/site.py --port 8123

Sixty vacancies on four pages, and one page for each vacancy. Two are written by hand, in
``careers/postings``; the others are composed from ``careers/vacancies.json``. Every second page of
the list has an ItemList in JSON-LD, every second vacancy a JobPosting; the rest is plain HTML.

Some vacancies are broken on purpose, as on any real site (``troubles`` in vacancies.json):

    gone        404; the list still shows it
    error       500
    slow        whole and good, but only after two seconds
    garbage     bytes that are no text, under the name of HTML
    loop        redirects to itself without end
    empty       200 with nothing in it
    disallowed  whole and good, but robots.txt says that it must not be read

So of sixty vacancies 59 may be read, and 54 of them can be.
"""

from __future__ import annotations

import argparse
import json
import random
import runpy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CAREERS = Path(__file__).parent / "careers"
COMPANY = "Nordlicht Logistik SE"
PAGE_SIZE = 15
#: Postings from the rows of vacancies.json.
_compose = runpy.run_path(str(CAREERS / "compose.py"))["compose"]
HTML = "text/html; charset=utf-8"
_EMPLOYMENT = {"FULL_TIME": "Full-time", "PART_TIME": "Part-time"}


class CareerSite:
    """
    What the site shows; *postings* by slug, the newest first.

    Given a *folder* it shows the postings in it and nothing else. *slow_s* is what the slow page
    takes, in seconds.
    """

    def __init__(
        self, folder: Path | None = None, *, page_size: int = PAGE_SIZE, slow_s: float = 2.0
    ) -> None:
        written = [
            json.loads(file.read_text("utf-8"))
            for file in sorted((folder or CAREERS / "postings").glob("*.json"))
        ]
        composed = json.loads((CAREERS / "vacancies.json").read_text("utf-8"))
        shown = written if folder else written + _compose(composed, COMPANY)
        shown.sort(key=lambda posting: posting["posted"], reverse=True)
        self.postings: dict[str, dict[str, Any]] = {p["slug"]: p for p in shown}
        #: Slug → what is wrong with its page.
        self.troubles: dict[str, str] = {} if folder else composed["troubles"]
        self.style = (CAREERS / "style.css").read_text("utf-8")
        self.page_size = page_size
        self.slow_s = slow_s
        #: Paths that were asked for, in order.
        self.requests: list[str] = []
        closed = [slug for slug, trouble in self.troubles.items() if trouble == "disallowed"]
        rules = "".join(f"Disallow: /jobs/{slug}\n" for slug in closed)
        self.robots = f"User-agent: *\nAllow: /\n{rules}Crawl-delay: 0\n"

    def page(self, path: str, query: dict[str, list[str]]) -> tuple[HTTPStatus, str, str]:
        """Status, content type and body for a request."""
        if path == "/style.css":
            return HTTPStatus.OK, "text/css; charset=utf-8", self.style
        if path == "/robots.txt":
            return HTTPStatus.OK, "text/plain; charset=utf-8", self.robots
        if path == "/jobs":
            number = query.get("page", ["1"])[0]
            page = int(number) if number.isascii() and number.isdigit() else 1
            return HTTPStatus.OK, HTML, self._listing(max(1, page))
        posting = self.postings.get(path.removeprefix("/jobs/"))
        if path.startswith("/jobs/") and posting is not None:
            return HTTPStatus.OK, HTML, self._posting(posting)
        gone = "<h1>This page is gone</h1><p>Perhaps the vacancy was filled.</p>"
        return HTTPStatus.NOT_FOUND, HTML, _frame("Not found", gone)

    def _listing(self, page: int) -> str:
        postings = list(self.postings.values())
        last = max(1, -(-len(postings) // self.page_size))
        shown = postings[(page - 1) * self.page_size : page * self.page_size]
        items = "".join(
            f'<li class="job"><a href="/jobs/{p["slug"]}">{escape(p["title"])}</a>'
            f"<span>{escape(p['department'])} · {escape(p['city'])}</span></li>"
            for p in shown
        )
        older = f'<a rel="next" href="/jobs?page={page + 1}">Next page</a>' if page < last else ""
        newer = f'<a rel="prev" href="/jobs?page={page - 1}">Previous page</a>' if page > 1 else ""
        return _frame(
            f"Open positions, page {page} of {last}",
            f"<h1>Open positions</h1><p>{len(postings)} vacancies at {len(_cities(postings))} sites"
            f'</p><ul class="jobs">{items}</ul><nav class="pages">{newer} {older}</nav>'
            + (_item_list(shown) if page % 2 else ""),
        )

    def _posting(self, posting: dict[str, Any]) -> str:
        sections = "".join(_section(section) for section in posting["sections"])
        kinds = ", ".join(_EMPLOYMENT[kind] for kind in posting["employment"])
        facts = f"{posting['city']} · {kinds} · {posting['department']}"
        data = _json_ld(posting, sections) if posting["structured"] else ""
        return _frame(
            posting["title"],
            f'<article><h1>{escape(posting["title"])}</h1><p class="facts">{escape(facts)}</p>'
            f'{sections}<p><a class="apply" href="#apply">Apply now</a></p></article>{data}',
        )


class _Handler(BaseHTTPRequestHandler):
    server_version = "careers"
    site: CareerSite
    quiet = True
    #: Set when the site closes: what is slow need not keep it open.
    closing: threading.Event

    def do_GET(self) -> None:
        """Answer with a page, or with the trouble that it has."""
        parts = urlsplit(self.path)
        self.site.requests.append(self.path)
        trouble = self.site.troubles.get(parts.path.removeprefix("/jobs/"))
        if trouble == "slow":
            self.closing.wait(self.site.slow_s)
        if parts.path == "/":
            self._answer(HTTPStatus.MOVED_PERMANENTLY, HTML, b"", Location="/jobs")
        elif trouble == "loop":
            turn = int(parse_qs(parts.query).get("turn", ["0"])[0])
            self._answer(HTTPStatus.FOUND, HTML, b"", Location=f"{parts.path}?turn={turn + 1}")
        elif trouble == "error":
            body = _frame("Error", "<h1>Something went wrong</h1><p>We are on it.</p>")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, HTML, body.encode())
        elif trouble == "garbage":
            self._answer(HTTPStatus.OK, HTML, random.Random(1).randbytes(20_000))
        elif trouble == "empty":
            self._answer(HTTPStatus.OK, HTML, b"")
        else:
            path = "/gone" if trouble == "gone" else parts.path
            status, kind, text = self.site.page(path, parse_qs(parts.query))
            self._answer(status, kind, text.encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # whoever asked has gone, which is what slow pages are for

    def log_message(self, format: str, *args: Any) -> None:
        """Say what was asked for, unless a test runs the site."""
        if not self.quiet:
            super().log_message(format, *args)


def make_server(
    port: int = 0, *, site: CareerSite | None = None, quiet: bool = True
) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that is not yet serving; port 0 takes any free one."""
    closing = threading.Event()
    members = {"site": site or CareerSite(), "quiet": quiet, "closing": closing}
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), members))
    server.daemon_threads = True
    return server


@contextmanager
def serving(port: int = 0, *, site: CareerSite | None = None) -> Iterator[str]:
    """Run the site in a thread; gives its address, ``http://127.0.0.1:41234``."""
    server = make_server(port, site=site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.RequestHandlerClass.closing.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()


def _cities(postings: list[dict[str, Any]]) -> set[str]:
    return {posting["city"] for posting in postings}


def _item_list(postings: list[dict[str, Any]]) -> str:
    entries = [
        {
            "@type": "ListItem",
            "position": number,
            "item": {
                "@type": "JobPosting",
                "title": posting["title"],
                "url": f"/jobs/{posting['slug']}",
                "datePosted": posting["posted"],
            },
        }
        for number, posting in enumerate(postings, 1)
    ]
    return _script({"@type": "ItemList", "itemListElement": entries})


def _section(section: dict[str, Any]) -> str:
    prose = "".join(f"<p>{escape(text)}</p>" for text in section.get("paragraphs", []))
    items = "".join(f"<li>{escape(text)}</li>" for text in section.get("items", []))
    listed = f"<ul>{items}</ul>" if items else ""
    return f"<section><h2>{escape(section['heading'])}</h2>{prose}{listed}</section>"


def _json_ld(posting: dict[str, Any], description: str) -> str:
    salary = posting["salary"]
    data = {
        "@type": "JobPosting",
        "title": posting["title"],
        "description": description,
        "identifier": {"@type": "PropertyValue", "name": COMPANY, "value": posting["slug"]},
        "datePosted": posting["posted"],
        "validThrough": posting["valid_through"],
        "employmentType": posting["employment"],
        "hiringOrganization": {"@type": "Organization", "name": COMPANY},
        "jobLocation": {
            "@type": "Place",
            "address": {
                "@type": "PostalAddress",
                "addressLocality": posting["city"],
                "addressCountry": posting["country"],
            },
        },
        "baseSalary": {
            "@type": "MonetaryAmount",
            "currency": salary["currency"],
            "value": {
                "@type": "QuantitativeValue",
                "minValue": salary["min"],
                "maxValue": salary["max"],
                "unitText": salary["unit"],
            },
        },
    }
    return _script(data)


def _script(data: dict[str, Any]) -> str:
    """*data* as JSON-LD of schema.org."""
    whole = {"@context": "https://schema.org", **data}
    # "</" would end the script element.
    text = json.dumps(whole, ensure_ascii=False, indent=1).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'


def _frame(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} | Careers at {COMPANY}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/style.css"></head><body>'
        f'<header><a href="/jobs">{COMPANY}</a>'
        '<nav><a href="/jobs">Open positions</a></nav></header>'
        f"<main>{body}</main>"
        '<aside class="cookies">We use one cookie to remember that you saw this. '
        "<button>Fine</button></aside>"
        f"<footer>{COMPANY}, Am Sandtorkai 50, 20457 Hamburg. Imprint · Privacy</footer>"
        "</body></html>"
    )


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="The career site of a made-up company.")
    parser.add_argument("--port", type=int, default=8123)
    server = make_server(parser.parse_args().port, quiet=False)
    print(f"Careers at {COMPANY}: http://127.0.0.1:{server.server_address[1]}/jobs")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
