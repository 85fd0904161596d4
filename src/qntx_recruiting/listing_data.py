"""Vacancies in the structured data of a page: JSON-LD of the types ItemList and JobPosting."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from selectolax.lexbor import LexborHTMLParser

from qntx_recruiting.json_ld import is_a, json_ld

_MAX_DEPTH = 20


class Listed(msgspec.Struct, frozen=True):
    """An entry of a list; the dates as they are written, empty where there is none."""

    url: str
    title: str
    posted: str = ""
    modified: str = ""


def listed_in(page: LexborHTMLParser) -> tuple[list[Listed], bool]:
    """The entries that the page's JSON-LD lists, and whether it describes one posting: itself."""
    entries: list[Listed] = []
    own = 0
    for data in json_ld(page):
        for node, in_list in _nodes(data, 0, False):
            if is_a(node, "JobPosting"):
                url = _address(node)
                if url and in_list:
                    entries.append(_entry(url, node))
                elif not in_list:
                    own += 1
                    if url:
                        entries.append(_entry(url, node))
            elif in_list and is_a(node, "ListItem"):
                url, item = _address(node), node.get("item")
                if url and not (isinstance(item, dict) and "@type" in item):
                    entries.append(_entry(url, node))
    one = own == 1 and len(entries) <= 1
    return ([] if one else entries), one


def _entry(url: str, node: dict[str, object]) -> Listed:
    return Listed(
        url,
        _string(node.get("title")) or _string(node.get("name")),
        _string(node.get("datePosted"))[:10],
        _string(node.get("dateModified")),
    )


def _nodes(data: object, depth: int, in_list: bool) -> Iterator[tuple[dict[str, object], bool]]:
    """Every object of *data*, each with whether it stands in an ItemList (or a plain array)."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(data, dict):
        yield data, in_list
        inside = in_list or is_a(data, "ItemList")
        for value in data.values():
            if isinstance(value, dict | list):
                yield from _nodes(value, depth + 1, inside)
    elif isinstance(data, list):
        for item in data:
            yield from _nodes(item, depth + 1, in_list)


def _address(node: dict[str, object]) -> str:
    for field in ("url", "item", "mainEntityOfPage", "@id"):
        value = node.get(field)
        if isinstance(value, dict):
            value = value.get("@id") or value.get("url")
        # An @id may be any name; only an address is of use here.
        if isinstance(value, str) and (field == "url" or "/" in value):
            return value
    return ""


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
