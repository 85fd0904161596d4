"""What secrets look like: well-known token formats, private keys, names that stand for secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: Names of environment variables, and of keys in metadata, whose values are secret.
SECRET_NAME = re.compile(
    r"(?i)(passw|passphrase|secret|api_?key|apikey|private_?key|access_?key|auth_?key|credential"
    r"|(^|[_\-.])(token|key|pwd|pass|dsn|cookies?|authorization)$|authorization|session_?id"
    r"|^tokens$|(access|refresh|auth|bearer|api|id)[_\-]?tokens$)"
)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: Names that look secret but are not.
_PUBLIC_NAMES = frozenset(
    {
        "context_key",
        "origin_key",
        "run_key",
        "key",
        "public_key",
        "primary_key",
        "foreign_key",
        "sort_key",
        "cache_key",
        "partition_key",
        "idempotency_key",
    }
)

_WORD = r"[A-Za-z0-9_\-]"


def _varied(letters: str) -> str:
    """What follows is no ordinary word: soon there is a digit, or upper case amid lower case."""
    return rf"(?=[{letters}]{{0,80}}?(?:[0-9]|[a-z][A-Z]))"


class Format(NamedTuple):
    """A kind of token: literal beginnings (for the fast search) and the whole form."""

    kind: str
    beginnings: tuple[str, ...]
    pattern: re.Pattern[str]
    #: Characters that the token may go on with, for output of which more is to come.
    goes_on: str


def _format(kind: str, beginnings: str, pattern: str, goes_on: str = _WORD) -> Format:
    return Format(kind, tuple(beginnings.split("|")), re.compile(pattern), goes_on)


#: Patterns take time in proportion to the text: no unbounded repetition is tried twice on a run.
FORMATS = (
    _format("aws-key", "AKIA|ASIA", r"(?:AKIA|ASIA)[0-9A-Z]{16}"),
    _format("github-token", "ghp_|gho_|ghu_|ghs_|ghr_", r"gh[pousr]_[A-Za-z0-9]{30,255}"),
    _format("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,255}"),
    _format("gitlab-token", "glpat-", rf"glpat-{_WORD}{{20,}}"),
    _format("slack-token", "xoxb-|xoxa-|xoxp-|xoxr-|xoxs-", r"xox[baprs]-[A-Za-z0-9\-]{10,}"),
    _format("google-key", "AIza", rf"AIza{_WORD}{{35}}"),
    _format("stripe-key", "sk_live_|rk_live_|sk_test_", r"[sr]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    _format("anthropic-key", "sk-ant-", rf"sk-ant-{_WORD}{{20,}}"),
    _format("openai-key", "sk-", rf"\bsk-{_varied(r'A-Za-z_-')}(?:proj-|svcacct-)?{_WORD}{{20,}}"),
    _format("huggingface-token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    _format("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    _format("pypi-token", "pypi-AgE", rf"pypi-AgE{_WORD}{{50,}}"),
    _format("sendgrid-key", "SG.", rf"\bSG\.{_WORD}{{16,}}\.{_WORD}{{16,}}", r"[\w\-.]"),
    _format("webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{20,}", r"[\w+/=]"),
    _format("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    # From the beginning of the run of such characters: a second try within it would be quadratic.
    _format(
        "jwt",
        "eyJ",
        rf"(?<!{_WORD})(?={_WORD}*eyJ{_WORD}{{8}}){_WORD}+\.eyJ{_WORD}{{8,}}\.{_WORD}*",
        r"[\w\-.]",
    ),
    _format(
        "authorization",
        "earer |EARER ",
        rf"(?i:\bbearer ){_varied(r'A-Za-z._~+/-')}[A-Za-z0-9._~+/\-]{{12,}}=*",
        r"[\w.~+/\-=]",
    ),
    _format(
        "authorization",
        "asic |ASIC ",
        rf"(?i:\bbasic ){_varied('A-Za-z+/')}[A-Za-z0-9+/]{{12,}}={{0,2}}",
        r"[\w+/=]",
    ),
    _format("url-password", "://", r"(?<=://)[^\s/@:\"'<>]*:[^\s/\"'<>]+(?=@)", r"[^\s/\"'<>]"),
)

_KEY_BEGINNING = "-----BEGIN "
_BEGIN_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
_END_KEY = r"-----END [A-Z ]*PRIVATE KEY-----"
#: A private key up to its end, or to the end of the text.
PRIVATE_KEY = _format(
    "private-key", _KEY_BEGINNING, rf"{_BEGIN_KEY}[\s\S]*?(?:{_END_KEY}|\Z)", r"[^\n]"
)
ALL_FORMATS = (*FORMATS, PRIVATE_KEY)
FORMAT_BY_BEGINNING = {
    beginning: number for number, form in enumerate(ALL_FORMATS) for beginning in form.beginnings
}
#: No beginning is longer.
LONGEST_BEGINNING = max(map(len, FORMAT_BY_BEGINNING))

_HEADER_ALMOST = re.compile(r"-----BEGIN [A-Z ]*-{0,5}\Z")
_BEGIN = re.compile(_BEGIN_KEY)
_END = re.compile(_END_KEY)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]*|[A-Za-z\-]{1,40}: .*")
_LONGEST_KEY_LINES = 500

#: The beginnings of all formats that go on with the same characters, by these.
_BY_CHARACTERS: dict[str, list[str]] = {}
for _form in FORMATS:
    _BY_CHARACTERS.setdefault(_form.goes_on, []).extend(_form.beginnings)
_ENDINGS = tuple(
    (re.compile(f"{characters}*"), tuple(beginnings))
    for characters, beginnings in _BY_CHARACTERS.items()
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this *name* holds a secret."""
    if len(name) > 200:
        return False
    name = _CAMEL_HUMP.sub("_", name)
    return name.lower() not in _PUBLIC_NAMES and SECRET_NAME.search(name) is not None


def open_from(text: str) -> int:
    """Where in *text* a token begins that may go on behind its end; its length if none does."""
    found = len(text)
    backwards = text[::-1]
    for characters, beginnings in _ENDINGS:
        run = characters.match(backwards)
        start = len(text) - (run.end() if run is not None else 0)
        for beginning in beginnings:
            at = text.find(beginning, max(0, start - len(beginning)), found)
            if at >= 0:
                found = at
    for key in PRIVATE_KEY.pattern.finditer(text):
        if _END.search(key[0]) is None:
            found = min(found, key.start())
    header = text.rfind(_KEY_BEGINNING)
    if header >= 0 and _HEADER_ALMOST.match(text, header):
        found = min(found, header)
    return found


def opens_key(text: str) -> bool:
    """Whether a private key begins in the line *text* that does not end in it."""
    ends = [match.end() for match in _BEGIN.finditer(text)]
    return bool(ends) and _END.search(text, ends[-1]) is None


class KeyLines:
    """The lines of a private key, as they are written one by one."""

    def __init__(self) -> None:
        self.open = True
        self._count = 0

    def secret_length(self, line: str) -> int:
        """How many characters of the next *line* are the key's; :attr:`open` if it goes on."""
        end = _END.search(line)
        self._count += 1
        if end is not None:
            self.open = False
            return end.end()
        if self._count > _LONGEST_KEY_LINES or not _KEY_LINE.fullmatch(line.strip()):
            self.open = False  # the end was never written
            return 0
        return len(line)
