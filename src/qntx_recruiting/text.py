"""The text of a job description, in one normal form whatever it was read from."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from qntx.errors import FetchError
from qntx_recruiting.media import Kind

#: A line that is shorter than this share of the widest one ends a hard-wrapped paragraph.
_WRAP_SHARE = 0.55
#: Text with longer lines than this was not wrapped by hand.
_WRAP_COLUMNS = 120
BULLET = re.compile(r"\s*(?:[-*•‣◦▪●○■·–—✓✔➤»]|\d{1,2}[.)])\s+")
# "Location: Basel" and "Acme | Berlin | Hybrid" are lines of their own.
_FIELD = re.compile(r"[A-ZÄÖÜ][\w &/\-äöüß]{1,30}:\s|.* [|·] ")
_BESIDE = re.compile(r".* [|·] ")


class JobText(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was read: *text* is in normal form, and every quote is a part of it.

    *posting* holds the schema.org fields if the page had them; *notes* what a person should know
    about the reading (a guessed character set, pages left out).
    """

    kind: Kind
    text: str
    title: str = ""
    company: str = ""
    location: str = ""
    posting: dict[str, object] = {}
    notes: tuple[str, ...] = ()


def decode(source: str, body: bytes, declared: str | None) -> tuple[str, str | None]:
    """
    *body* as text, with a note when its character set had to be guessed or bytes were replaced.

    Raises FetchError for binary data.
    """
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if body.startswith(mark):
            return body.decode(name, "replace"), None
    note: str | None = None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        text, note = _decode_other(body, declared, error.start)
    if "\0" in text:
        raise FetchError(f"cannot use {source}: it is binary data, not text - check the file")
    return text, note


def _decode_other(body: bytes, declared: str | None, position: int) -> tuple[str, str]:
    if declared and declared.lower() not in ("utf-8", "utf8"):
        try:
            return body.decode(declared), f"read as {declared}, as the page declares"
        except (LookupError, UnicodeDecodeError):
            pass
    replaced = body.decode("utf-8", "replace")
    # Some proper multi-byte characters mean UTF-8 with a few bad bytes; none mean an older set.
    if any(ord(char) > 127 and char != "�" for char in replaced):
        bad = replaced.count("�")
        return replaced, f"not valid UTF-8 at byte {position}: {bad} unreadable places show as �"
    return (
        body.decode("cp1252", "replace"),
        f"not valid UTF-8 at byte {position}: read as Windows-1252",
    )


def normalise(text: str) -> str:
    """
    The normal form: composed Unicode, plain spaces, one line per paragraph or bullet.

    Bullets become ``- ``, hard-wrapped lines are joined, blank lines separate blocks.
    """
    text = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c]", "\n", text)
    text = re.sub(r"[\u00ad\u200b-\u200d\u2060\ufeff]", "", text)
    text = re.sub(r"[^\S\n]", " ", text)
    text = "".join(char for char in text if char == "\n" or char.isprintable())
    text = re.sub(r" +", " ", unicodedata.normalize("NFC", text))
    lines = _joined([line.rstrip() for line in text.split("\n")])
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _joined(lines: list[str]) -> list[str]:
    widest = max((len(line) for line in lines), default=0)
    wrapped = widest <= _WRAP_COLUMNS
    result: list[str] = []
    previous = ""
    for line in lines:
        bullet = BULLET.match(line)
        if bullet and line[bullet.end() :].strip():
            result.append("- " + line[bullet.end() :].strip())
        elif wrapped and _continues(line, previous, result, widest):
            result[-1] += " " + line.strip()
        else:
            result.append(line.strip())
        previous = line
    return result


def _continues(line: str, previous: str, result: list[str], widest: int) -> bool:
    """Whether *line* goes on with the paragraph or bullet that *previous* belongs to."""
    if not line.strip() or not previous.strip() or line.lstrip().startswith("#"):
        return False
    if len(result) == 1 or previous.lstrip().startswith("#") or previous.endswith(":"):
        return False
    if _FIELD.match(line) or _BESIDE.match(previous):
        return False
    if result[-1].startswith("- ") and line.startswith(" "):
        return True
    return len(previous) >= _WRAP_SHARE * widest and len(previous) > 40


def plain_from_markdown(text: str) -> str:
    """Markdown without its marks: headings keep ``#``, emphasis, links and code lose theirs."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(.+)\n(?:={3,}|-{3,})[ \t]*$", r"## \1", text, flags=re.MULTILINE)
    text = re.sub(
        r"^[ \t]*(?:\*\*|__)([^*_\n]{2,70}?):?(?:\*\*|__):?[ \t]*$",
        r"## \1",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"!?\[([^\]\n]*)\]\([^)\n]*\)", r"\1", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])[*_](?=\S)([^*_\n]+?)(?<=\S)[*_](?![\w*])", r"\1", text)
    return re.sub(r"`([^`\n]+)`", r"\1", text)


def guess_title(text: str) -> str:
    """The first line of *text* that could be a title."""
    for line in text.split("\n"):
        name = line.lstrip("# ").strip()
        if name and not name.startswith("- "):
            return name[:200]
    return ""
