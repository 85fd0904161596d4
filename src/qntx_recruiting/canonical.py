"""One address for one page: what two spellings of the same address have in common."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urljoin

from qntx.net.urls import WebUrl, parse

#: Parameters that tell a site where a visitor came from, and change nothing of the page.
_TRACKING = re.compile(
    r"(?:utm_\w+|gclid|dclid|fbclid|msclkid|mc_[ce]id|_ga|_gl|ref|referrer|referer|trk\w*"
    r"|jsessionid|phpsessid|sessionid|sid)(?:=.*)?",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~\-]")


def canonical(base: WebUrl, href: str) -> WebUrl:
    """
    Where *href* on the page *base* leads, in one spelling.

    Without fragment, dot segments, tracking parameters and needless escapes; the order of the
    parameters that are left is kept. Raises FetchError or ValueError when it is no web address.
    """
    # A blank within is an escape that its author left to the browser.
    url = parse(urljoin(str(base), href.strip().replace(" ", "%20")))
    path, _, query = url.target.partition("?")
    path = re.sub(r";jsessionid=[^/;]*", "", path, flags=re.IGNORECASE)
    kept = [part for part in query.split("&") if part and not _TRACKING.fullmatch(part)]
    target = _plain(path) + ("?" + "&".join(_plain(part) for part in kept) if kept else "")
    return WebUrl(url.scheme, url.host, url.port, target)


def vacancy_id(url: WebUrl) -> str:
    """
    A short id that stays the same for the vacancy at *url* (which is canonical).

    http or https, with or without ``www.`` and a last slash: sites change these without notice.
    """
    path, mark, query = url.target.partition("?")
    same = f"{site_of(url)}{path.rstrip('/')}{mark}{query}"
    return f"VC_{hashlib.sha256(same.encode()).hexdigest()[:20]}"


def site_of(url: WebUrl) -> str:
    """The host (and unusual port) of *url*, without ``www.``."""
    return url.authority.removeprefix("www.")


def _plain(text: str) -> str:
    """Escapes of ordinary characters undone, the others in capitals (RFC 3986, 6.2.2)."""

    def spelled(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if _UNRESERVED.fullmatch(char) else match[0].upper()

    return _ESCAPE.sub(spelled, text)
