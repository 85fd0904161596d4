"""HTML to readable text with headings and bullets, without network access or scripts."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "head", "nav", "form", "button"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "fieldset", "figure"}
    | {"footer", "header", "hr", "main", "ol", "p", "pre", "section", "table", "tr", "ul", "body"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# Deeper nesting than this is not rendered: no person writes it.
_MAX_ELEMENT_DEPTH = 200
#: Parsers take time that grows with the square of the depth; pages of people reach some 50.
MAX_OPEN_ELEMENTS = 2_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Elements that have no end, or that end by themselves where the next one begins.
_UNNESTED = frozenset(
    {"br", "img", "input", "meta", "link", "hr", "source", "wbr", "col", "area", "base", "embed"}
    | {"p", "li", "td", "th", "tr", "dt", "dd", "option", "path", "use", "circle", "rect", "line"}
)


def html_to_text(html: str) -> str:
    """The visible text of a page or fragment: ``## heading``, ``- item``, blank lines between."""
    if nested_too_deeply(html):
        html = re.sub(r"<[^>]*>", " ", html)
    root = LexborHTMLParser(html).body
    if root is None:
        return ""
    parts: list[str] = []
    _render(root, parts, 0)
    lines = [re.sub(r"[^\S\n]+", " ", line).strip() for line in "".join(parts).split("\n")]
    text = "\n".join(line for line in lines if line not in ("-", "##"))
    text = re.sub(
        r"^(- .*)\n\n(?=- )", r"\1\n", re.sub(r"\n{3,}", "\n\n", text), flags=re.MULTILINE
    )
    return text.strip()


def nested_too_deeply(html: str) -> bool:
    """Whether *html* opens so many elements inside each other that it must not be parsed."""
    depth = 0
    for match in _TAG.finditer(html):
        if match[2].lower() not in _UNNESTED:
            depth += -1 if match[1] else 1
            if depth > MAX_OPEN_ELEMENTS:
                return True
    return False


def _render(node: LexborNode, parts: list[str], depth: int) -> None:
    for child in node.iter(include_text=True):
        tag = child.tag
        if tag == "-text":
            parts.append(re.sub(r"\s+", " ", child.text(deep=False)))
        elif tag == "br":
            parts.append("\n")
        elif tag in _SKIPPED or depth > _MAX_ELEMENT_DEPTH:
            continue
        elif tag in _HEADINGS or _is_bold_paragraph(child):
            parts.append(f"\n\n## {_one_line(child)}\n\n")
        elif tag == "li":
            parts.append("\n- ")
            _render(child, parts, depth + 1)
            parts.append("\n")
        elif tag in _BLOCKS:
            # A paragraph inside a list item continues its line instead of starting a new block.
            edge = "" if node.tag == "li" and tag in ("p", "div") else "\n\n"
            parts.append(edge or " ")
            _render(child, parts, depth + 1)
            parts.append(edge or " ")
        else:
            _render(child, parts, depth + 1)
            parts.append(" " if tag in ("td", "th") else "")


def _is_bold_paragraph(node: LexborNode) -> bool:
    """Whether a paragraph is one bold phrase, the way many editors write headings."""
    if node.tag not in ("p", "div"):
        return False
    children = [c for c in node.iter(include_text=True) if c.tag != "-text" or c.text().strip()]
    if len(children) != 1 or children[0].tag not in ("b", "strong"):
        return False
    return 1 < len(_one_line(node)) <= 70


def _one_line(node: LexborNode) -> str:
    return " ".join(node.text(separator=" ").split())
