"""The title of the position and the company that offers it, where no field names them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qntx_recruiting.extraction.structure import Section, Statement
from qntx_recruiting.model.recruiting import Fact, Quote

_GENDER_MARK = re.compile(
    r"\s*[(\[]\s*(?:all genders|gn|[mwfdxi](?:\s*[/|,*]\s*[mwfdxi]){1,3})\s*[)\]]|\s*\*in\b",
    re.IGNORECASE,
)
_TITLE_LABEL = re.compile(
    r"^(?:job title|title|position|role|vacancy|stelle|stellenbezeichnung|titel)\s*:\s*",
    re.IGNORECASE,
)
_COMPANY_LINE = re.compile(
    r"^(?:company|employer|organi[sz]ation|unternehmen|arbeitgeber|firma)\s*:\s*(?P<name>[^|·•\n]{2,80})",
    re.IGNORECASE,
)
_ABOUT_HEADING = re.compile(
    r"^(?:about|über|who is|das ist|wir sind|life at|working at|why)\s+"
    r"(?P<name>[A-ZÄÖÜ0-9][\w&.\- ÄÖÜäöüß]{1,50})$",
    re.IGNORECASE,
)
_NOT_A_NAME = re.compile(
    r"^(?:us|you|the|this|our|your|me|uns|dich|sie|die|das|den|role|company|team|position|job|what|work|join)\b",
    re.IGNORECASE,
)
_LEGAL_FORM = re.compile(
    r"\b(?!(?:Die|Der|Das|The|Bei|Wir|At|Join|Unsere)\s)"
    r"(?P<name>(?:[A-ZÄÖÜ][\w.\-]*|&)(?:\s(?:[A-ZÄÖÜ][\w.\-]*|&|und|and|of|für|van|de)){0,5}?"
    r"\s(?:GmbH(?:\s& Co\.\sKG)?|gGmbH|AG|SE|KG|UG|Ltd\.?|Limited|Inc\.?|LLC|B\.V\.|N\.V\.|S\.A\."
    r"|A/S|AB|Oy|AS|ApS|plc|PLC|e\.\s?V\.|eG|NHS (?:Foundation )?Trust))(?!\w)"
)
_AT = re.compile(
    r"(?:\bat|\bbei(?: der)?|@)\s+(?P<name>[A-ZÄÖÜ][\w&.\-]*(?:\s[A-ZÄÖÜ][\w&.\-]*){0,3})"
)


def find_title(text: str) -> Fact | None:
    """The first line of *text*, without marks of gender."""
    start = 0
    for line in text.split("\n"):
        name = _TITLE_LABEL.sub("", line.lstrip("# ").strip())
        if name and not name.startswith("- "):
            begin = start + line.index(name)
            return Fact(clean_title(name), Quote(name, begin, begin + len(name)))
        start += len(line) + 1
    return None


def clean_title(title: str) -> str:
    """*title* without "(m/w/d)" and what else stands for all genders."""
    return " ".join(_GENDER_MARK.sub("", title).split()).strip(" -–|,")[:200]


def find_company(
    text: str, sections: Sequence[Section], statements: Sequence[Statement]
) -> Fact | None:
    """The company, from a line that names it, a heading "About …", or its legal form."""
    for statement in statements:
        if match := _COMPANY_LINE.match(statement.text):
            return Fact(match["name"].strip(), statement.quote_of(*match.span("name")))
    for statement in statements[:3]:
        if match := _LEGAL_FORM.search(statement.text):
            return Fact(match["name"], statement.quote_of(*match.span("name")))
    for section in sections:
        match = _ABOUT_HEADING.match(section.heading)
        if match and not _NOT_A_NAME.match(match["name"]):
            begin = text.rindex(match["name"], 0, section.start)
            name = match["name"].strip()
            return Fact(name, Quote(name, begin, begin + len(name)))
    for statement in statements:
        if match := _LEGAL_FORM.search(statement.text):
            return Fact(match["name"], statement.quote_of(*match.span("name")))
    for statement in statements[:3]:
        if match := _AT.search(statement.text):
            return Fact(match["name"], statement.quote_of(*match.span("name")))
    return None
