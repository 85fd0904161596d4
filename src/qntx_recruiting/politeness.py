"""How fast a host may be asked, kept in the data directory so that all workers share it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from qntx.clock import now_us
from qntx.config import Settings
from qntx.net.urls import parse
from qntx.runtime.context import JobContext
from qntx_recruiting.fetch import BadStatus, Fetched, fetch
from qntx_recruiting.settings import FetchSettings, fetch_settings

_MINUTE_US = 60_000_000
#: A slot that lies further ahead was booked by a clock that was wrong.
_HORIZON_US = 3_600_000_000
#: How often one address is asked again after a Retry-After.
_MAX_RETURNS = 2
#: Waits from here on are told to everybody, not only to those who read debug lines.
_LONG_WAIT_S = 5.0
_ASKS_TO_WAIT = frozenset({429, 503})


class _State(msgspec.Struct):
    """What is known of a host: when it was (or will be) asked, and what it asked for."""

    slots: list[int] = []
    crawl_delay_s: float = 0.0
    not_before_us: int = 0


class Pace:
    """The pace of requests to one *host* (``host:port``)."""

    def __init__(
        self, home: Path, host: str, settings: FetchSettings, clock: Callable[[], int] = now_us
    ) -> None:
        self.host = host
        self._settings = settings
        self._clock = clock
        self._path = host_file(home, host, "pace.json")

    def book(self) -> tuple[float, str]:
        """Take the next free moment for a request: seconds until then, and why not at once."""
        limit = self._settings.max_requests_per_minute
        with self._held() as state:
            now = self._clock()
            slots = [slot for slot in state.slots if slot <= now + _HORIZON_US][-limit:]
            gap_s = max(self._settings.delay_s, state.crawl_delay_s)
            bounds = [(now, "")]
            if state.not_before_us <= now + _HORIZON_US:
                bounds.append((state.not_before_us, "it asked to be left alone until then"))
            if slots:
                bounds.append((slots[-1] + int(gap_s * 1e6), f"one request every {gap_s:g} s"))
            if len(slots) == limit:
                bounds.append((slots[0] + _MINUTE_US, f"at most {limit} requests a minute"))
            at, reason = max(bounds, key=lambda bound: bound[0])
            state.slots = [*slots, at][-limit:]
        return (at - now) / 1e6, reason

    def gap_s(self) -> float:
        """Seconds between two requests, by the settings or by the host's robots.txt."""
        with self._held() as state:
            return max(self._settings.delay_s, state.crawl_delay_s)

    def slow_down(self, delay_s: float) -> None:
        """Keep *delay_s* between requests from now on, if that is longer than the setting."""
        with self._held() as state:
            state.crawl_delay_s = delay_s

    def hold(self, seconds: float) -> None:
        """Ask the host for nothing more during the next *seconds*."""
        with self._held() as state:
            state.not_before_us = max(state.not_before_us, self._clock() + int(seconds * 1e6))

    @contextmanager
    def _held(self) -> Iterator[_State]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
            try:
                state = msgspec.json.decode(file.read(), type=_State)
            except msgspec.DecodeError:
                state = _State()  # new, or its writer was killed
            yield state
            file.seek(0)
            file.write(msgspec.json.encode(state))
            file.truncate()


def host_file(home: Path, host: str, suffix: str) -> Path:
    """Where something about *host* is kept; its name is a digest, because hosts name themselves."""
    return home / "hosts" / f"{hashlib.sha256(host.encode()).hexdigest()[:24]}.{suffix}"


def pace_of(settings: Settings, host: str) -> Pace:
    """The pace of *host* in the data directory of *settings*."""
    return Pace(settings.home, host, fetch_settings(settings))


def polite_fetch(ctx: JobContext, address: str) -> Fetched:
    """
    As `fetch`, but when it is the host's turn, and again later if the site asks for that.

    Every wait is a line that says why. Raises FetchError, and JobStopped while it waits.
    """
    settings = fetch_settings(ctx.settings)
    pace = pace_of(ctx.settings, parse(address).hostport)
    for returns in range(_MAX_RETURNS + 1):
        _take_turn(ctx, pace)
        try:
            return fetch(address, settings, check=ctx.check)
        except BadStatus as error:
            asked_s = retry_after_s(error.retry_after)
            if error.status not in _ASKS_TO_WAIT or asked_s is None or returns == _MAX_RETURNS:
                raise
            pace.hold(min(asked_s, settings.max_retry_after_s))
            told = f"{pace.host} answered {error.status} and asks to come back in {asked_s:g} s"
            if asked_s > settings.max_retry_after_s:
                limit = f"{settings.max_retry_after_s:g} s (fetch.max_retry_after_s)"
                ctx.emit.warn(f"{told}; that is more than {limit}, so the request is given up")
                raise
            ctx.emit.warn(f"{told}; trying again then", status=error.status, wait_s=asked_s)
    raise AssertionError("the last return raises")


def _take_turn(ctx: JobContext, pace: Pace) -> None:
    wait_s, reason = pace.book()
    if wait_s <= 0:
        return
    say = ctx.emit.info if wait_s >= _LONG_WAIT_S else ctx.emit.debug
    say(f"Waiting {wait_s:.2f} s for {pace.host}: {reason}", wait_s=round(wait_s, 3))
    ctx.sleep(wait_s)


def retry_after_s(header: str, now_us: int | None = None) -> float | None:
    """Seconds that a Retry-After *header* asks for (a number, or a date); None if it says none."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = datetime.now(UTC) if now_us is None else datetime.fromtimestamp(now_us / 1e6, UTC)
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
