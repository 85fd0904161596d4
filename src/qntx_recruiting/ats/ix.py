"""The grammar of ``ix``: ``ix [jd|role|vacancies] URL [--every 6h] [--since last_run]``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from qntx.application import HandlerNames, ResolvedCode
from qntx.clock import iso
from qntx.errors import BadInput
from qntx.model.timing import parse_time

JD_HANDLER = "role.jd-ingestion"
VACANCIES_HANDLER = "role.vacancies-scraper"
_KINDS = {"jd": JD_HANDLER, "role": JD_HANDLER, "vacancies": VACANCIES_HANDLER}
#: Kinds that only a person can start: they need a file or an account of that person.
_BY_HAND = frozenset({"linkedin", "vcf", "luma"})
_FLAGS = ("every", "cron", "at", "since")
#: Last words of the paths of pages that list vacancies.
_LISTINGS = frozenset(
    {"jobs", "careers", "career", "vacancies", "positions", "openings", "stellenangebote"}
)


class IxCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of ``ix`` asks for; *kind* None: to be judged by the address."""

    target: str
    kind: str | None = None
    every: str | None = None
    cron: str | None = None
    at: str | None = None
    since: str | None = None

    def __post_init__(self) -> None:
        """Refuse a target that can be no address of the web or of a file; raises BadInput."""
        word = self.target
        try:
            scheme = urlsplit(word).scheme
        except ValueError as error:  # brackets that hold no IPv6 address
            raise BadInput(
                f"{word[:80]!r} is not a valid address: {error} - check its spelling"
            ) from None
        if word.lower().startswith(f"{scheme}://") and scheme not in ("http", "https", "file"):
            raise BadInput(f"{word[:80]!r} is not a web address - begin it with https://")


def tokens(code: str) -> list[str]:
    """
    The words of *code*; ``'…'`` and ``"…"`` keep blanks together, there are no escapes.

    Raises BadInput for a quote that is not closed.
    """
    found: list[str] = []
    word, quote = "", ""
    inside = False
    for character in code:
        if quote:
            if character == quote:
                quote = ""
            else:
                word += character
        elif character in "'\"":
            quote, inside = character, True
        elif character.isspace():
            if inside:
                found.append(word)
            word, inside = "", False
        else:
            word, inside = word + character, True
    if quote:
        raise BadInput(f"unterminated quote: {quote}{word[:80]} - close it with {quote}")
    if inside:
        found.append(word)
    return found


def parse_ix(code: str) -> IxCommand:
    """The command that *code* holds; raises BadInput that names the word which does not fit."""
    words = tokens(code)
    if not words:
        raise BadInput("the code is empty - write ix URL")
    if words[0] != "ix":
        raise BadInput(f"unknown command: {words[0][:80]} (supported: ix)")
    flags, rest = _split_flags(words[1:])
    kind = None
    if rest and not _is_address(rest[0]):
        kind = rest.pop(0)
        if kind in _BY_HAND:
            raise BadInput(f"ix target {kind} cannot be scheduled - run qntx ix {kind} by hand")
        if kind not in _KINDS:
            raise BadInput(f"unknown ix target: {kind[:80]} (supported: {', '.join(_KINDS)})")
    if not rest:
        raise BadInput(f"ix {kind or ''}".rstrip() + " requires a URL - write ix URL")
    if len(rest) > 1:
        raise BadInput(f"unexpected argument: {rest[1][:80]} - give one URL after ix")
    return IxCommand(target=rest[0], kind=kind, **flags)


def resolve(code: str, registered: HandlerNames, actor: str) -> ResolvedCode:
    """What a schedule with *code* runs and when, on behalf of *actor*; raises BadInput."""
    command = parse_ix(code)
    handler = handler_of(command, registered)
    return ResolvedCode(
        handler_name=handler,
        payload=payload_of(command, handler, actor),
        source=command.target,
        every=command.every,
        cron=command.cron,
        run_at=None if command.at is None else iso(parse_time(command.at, "--at")),
    )


def handler_of(command: IxCommand, registered: HandlerNames) -> str:
    """
    The handler for *command*.

    An address alone is a listing if its path ends in a word such as ``jobs``, and a handler for
    listings is among those *registered*; otherwise it is one job description.
    """
    if command.kind is not None:
        return _KINDS[command.kind]
    path = urlsplit(command.target).path.rstrip("/").lower()
    if path.rpartition("/")[2] in _LISTINGS and VACANCIES_HANDLER in registered:
        return VACANCIES_HANDLER
    return JD_HANDLER


def payload_of(command: IxCommand, handler: str, actor: str) -> dict[str, Any]:
    """What *handler* is given for *command*, on behalf of *actor*."""
    address = "url" if handler == VACANCIES_HANDLER else "jd_url"
    payload: dict[str, Any] = {address: command.target, "actor": actor}
    if command.since is not None:
        payload["since"] = command.since
    return payload


def _split_flags(words: list[str]) -> tuple[dict[str, str], list[str]]:
    flags: dict[str, str] = {}
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("--"):
            rest.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name not in _FLAGS:
            raise BadInput(f"unknown flag: {word[:80]} (supported: --{', --'.join(_FLAGS)})")
        if not equals:
            if not queue or queue[0].startswith("--"):
                raise BadInput(f"--{name} requires a value")
            value = queue.pop(0)
        if name in flags:
            raise BadInput(f"--{name} is given twice - give it once")
        flags[name] = value
    return flags, rest


def _is_address(word: str) -> bool:
    return "://" in word or word.startswith(("file:", "/", "./", "../")) or "." in word
