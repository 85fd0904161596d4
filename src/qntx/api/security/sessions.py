"""Logins of browsers: a cookie in return for the token, or for a code that works once."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from litestar.types import Scope

from qntx.api.security.hosts import WILDCARDS
from qntx.api.security.request import header
from qntx.api.security.tokens import Token
from qntx.clock import monotonic_s

#: How long a login lasts, seconds, and how long a code works.
SESSION_S = 30 * 86_400
CODE_S = 60
MAX_FAILURES = 20
FAILURES_WINDOW_S = 60.0
_CODES = "logins"


class Failures:
    """Counts wrong tokens and codes: beyond 20 a minute there are too many."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=MAX_FAILURES)

    def too_many(self) -> bool:
        """Note one more failure; whether there were too many before it."""
        now = monotonic_s()
        if len(self._at) == MAX_FAILURES and now - self._at[0] < FAILURES_WINDOW_S:
            return True
        self._at.append(now)
        return False


class Sessions:
    """Gives and checks the cookie; nothing is kept, a changed token ends every login."""

    def __init__(self, home: Path, token: Token, port: int) -> None:
        self._home = home
        self.token = token
        self.failures = Failures()
        #: Cookies know no ports: the name keeps two servers of one machine apart.
        self.cookie = f"qntx_session_{port}"

    def is_token(self, given: str) -> bool:
        """Whether *given* is the token; takes as long for any other."""
        return hmac.compare_digest(given.encode(), self.token.value.encode())

    def use_code(self, code: str) -> bool:
        """Whether *code* was given out less than a minute ago; it works no second time."""
        path = self._home / _CODES / _name_of(code)
        try:
            age_s = time.time() - path.stat().st_mtime
            path.unlink()  # of two at once, one succeeds
        except OSError:
            return False
        return 0 <= age_s <= CODE_S

    def set_cookie(self, *, secure: bool) -> str:
        """The header value that logs a browser in."""
        until = f"{int(time.time()) + SESSION_S}.{secrets.token_urlsafe(8)}"
        return self._header(f"{until}.{self._sign(until)}", SESSION_S, secure)

    def drop_cookie(self) -> str:
        """The header value that logs a browser out."""
        return self._header("", 0, False)

    def has_session(self, scope: Scope) -> bool:
        """Whether the request carries a cookie of ours that is in force."""
        for part in (header(scope, b"cookie") or b"").decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            until, _, signature = value.rpartition(".")
            seconds = until.partition(".")[0]
            if name != self.cookie or not seconds.isascii() or not seconds.isdigit():
                continue
            signed = hmac.compare_digest(signature.encode("latin-1"), self._sign(until).encode())
            if signed and len(seconds) < 12 and int(seconds) > time.time():
                return True
        return False

    def _header(self, value: str, max_age_s: int, secure: bool) -> str:
        return f"{self.cookie}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict" + (
            "; Secure" if secure else ""
        )

    def _sign(self, text: str) -> str:
        key = self.token.value.encode()
        return hmac.new(key, b"session:" + text.encode("latin-1"), hashlib.sha256).hexdigest()


def new_code(home: Path) -> str:
    """A code that logs one browser in, within a minute."""
    folder = home / _CODES
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.iterdir():
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > CODE_S:
                old.unlink()
    code = secrets.token_urlsafe(24)
    # Only its hash is on the disk: reading the folder logs nobody in.
    os.close(os.open(folder / _name_of(code), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return code


def login_url(home: Path, host: str, port: int) -> str:
    """An address that logs one browser in; the code is in the fragment, which is never sent."""
    name = "localhost" if host in WILDCARDS else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/login#code={new_code(home)}"


def _name_of(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
