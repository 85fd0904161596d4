"""The JSON-LD of a page, with the liberties that those who write it take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec
from selectolax.lexbor import LexborHTMLParser

#: What hid scripts from browsers and XML parsers long ago, and is still written around them.
_WRAPPING = re.compile(
    r"\A(?:\s|<!--|/[/*]?\s*<!\[CDATA\[(?:\s*\*/)?)+|(?:\s|-->|(?:/[/*]\s*)?\]\]>(?:\s*\*/)?)+\Z"
)


def json_ld(page: LexborHTMLParser) -> Iterator[object]:
    """What each block of JSON-LD in *page* says; those that cannot be read are left out."""
    for script in page.css('script[type^="application/ld+json"]'):
        text = _WRAPPING.sub("", script.text(deep=True))
        try:
            yield msgspec.json.decode(text)
            continue
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        try:
            # Line breaks within a string are no JSON, and in many a description.
            data = json.loads(text, strict=False)
            json.dumps(data, ensure_ascii=False).encode()  # half a character cannot be kept
        except (ValueError, RecursionError):
            continue
        yield data


def is_a(node: dict[str, object], name: str) -> bool:
    """Whether *node* is of the schema.org type *name*: plain, or as ``https://schema.org/name``."""
    kinds = node.get("@type")
    return any(
        isinstance(kind, str) and re.split("[/:#]", kind)[-1] == name
        for kind in (kinds if isinstance(kinds, list) else [kinds])
    )
