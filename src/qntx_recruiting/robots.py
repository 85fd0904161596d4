"""What a site's robots.txt lets qntx read, by RFC 9309."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from qntx.clock import now_us
from qntx.errors import FetchError
from qntx.net.client import Unreachable
from qntx.net.urls import WebUrl
from qntx.runtime.context import JobContext
from qntx_recruiting.fetch import PRODUCT, BadStatus, EmptyPage
from qntx_recruiting.politeness import host_file, pace_of, polite_fetch
from qntx_recruiting.settings import fetch_settings

if TYPE_CHECKING:
    from protego import Protego

#: RFC 9309, 2.4: not longer than 24 hours. A site's owner who changes it wants it heard sooner.
CACHE_S = 3600
#: RFC 9309, 2.5: at least 500 KiB must be read.
MAX_CHARS = 512 << 10


class _Copy(msgspec.Struct, frozen=True):
    """A robots.txt as it was last read; *verdict* says what its absence would mean."""

    verdict: Literal["rules", "free", "closed"]
    read_at_us: int
    why: str
    text: str = ""


class Robots:
    """The rules of the hosts that one job visits; each robots.txt is read at most once a job."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._known: dict[str, tuple[_Copy, Protego | None]] = {}

    def refusal(self, url: WebUrl) -> str | None:
        """Why *url* may not be read (``robots.txt of … disallows it``), or None if it may."""
        copy, rules = self._rules(url)
        if copy.verdict == "closed":
            return f"robots.txt of {url.authority} cannot be read ({copy.why}), so nothing may be"
        if rules is None or rules.can_fetch(str(url), PRODUCT):
            return None
        return f"robots.txt of {url.authority} disallows {url.target}"

    def _rules(self, url: WebUrl) -> tuple[_Copy, Protego | None]:
        origin = f"{url.scheme}://{url.authority}"
        if origin not in self._known:
            copy = self._cached(origin) or self._read(origin)
            rules = _parsed(copy.text) if copy.verdict == "rules" else None
            self._known[origin] = copy, rules
            self._keep_pace(url, rules)
        return self._known[origin]

    def _cached(self, origin: str) -> _Copy | None:
        path = host_file(self._ctx.settings.home, origin, "robots.json")
        try:
            copy = msgspec.json.decode(path.read_bytes(), type=_Copy)
        except (OSError, msgspec.DecodeError):
            return None
        age_s = (now_us() - copy.read_at_us) / 1e6
        if not 0 <= age_s < CACHE_S:
            return None
        self._ctx.emit.debug(f"robots.txt of {origin} was read {age_s:.0f} s ago: {copy.why}")
        return copy

    def _read(self, origin: str) -> _Copy:
        copy = self._asked(f"{origin}/robots.txt")
        say = self._ctx.emit.warn if copy.verdict == "closed" else self._ctx.emit.info
        say(f"robots.txt of {origin}: {copy.why}", verdict=copy.verdict)
        if copy.verdict != "closed":  # a site that is down is asked anew by the next job
            # Not atomic, and need not be: a copy that cannot be decoded is read again.
            path = host_file(self._ctx.settings.home, origin, "robots.json")
            path.write_bytes(msgspec.json.encode(copy))
        return copy

    def _asked(self, address: str) -> _Copy:
        """Read it; what an error means is RFC 9309, 2.3.1."""
        now = now_us()
        try:
            page = polite_fetch(self._ctx, address)
        except EmptyPage:
            return _Copy("free", now, "empty, everything may be read")
        except BadStatus as error:
            # The site that answers 429 is there, and wants less of us rather than more.
            if error.status >= 500 or error.status == 429:
                return _Copy("closed", now, f"the site answered {error.status}")
            return _Copy("free", now, f"none ({error.status}), everything may be read")
        except Unreachable as error:
            return _Copy("closed", now, str(error))
        except FetchError as error:
            return _Copy("free", now, f"none that can be used ({error}), everything may be read")
        text = page.body.decode("utf-8-sig", "replace")[:MAX_CHARS]
        return _Copy("rules", now, f"{len(text):,} characters of rules", text)

    def _keep_pace(self, url: WebUrl, rules: Protego | None) -> None:
        asked_s = _asked_delay_s(rules) if rules is not None else 0.0
        bound_s = fetch_settings(self._ctx.settings).max_crawl_delay_s
        pace_of(self._ctx.settings, url.hostport).slow_down(min(asked_s, bound_s))
        if asked_s > bound_s:
            self._ctx.emit.warn(
                f"{url.authority} asks for {asked_s:g} s between requests; "
                f"{bound_s:g} s are kept (fetch.max_crawl_delay_s)"
            )
        elif asked_s:
            self._ctx.emit.info(f"{url.authority} asks for {asked_s:g} s between requests")


def _parsed(text: str) -> Protego:
    from protego import Protego  # 40 ms that only a scraper needs

    return Protego.parse(text)


def _asked_delay_s(rules: Protego) -> float:
    rate = rules.request_rate(PRODUCT)
    by_rate = rate.seconds / rate.requests if rate is not None and rate.requests else 0.0
    return max(float(rules.crawl_delay(PRODUCT) or 0.0), by_rate)
