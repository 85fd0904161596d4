"""schema.org JobPosting in JSON-LD: find it in a page and read its fields with care."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

from selectolax.lexbor import LexborHTMLParser

from qntx_recruiting.html_text import html_to_text
from qntx_recruiting.json_ld import is_a, json_ld

_MAX_DEPTH = 20
_EMPLOYMENT = {
    "FULL_TIME": "Full-time",
    "PART_TIME": "Part-time",
    "CONTRACTOR": "Contract",
    "TEMPORARY": "Temporary",
    "INTERN": "Internship",
    "VOLUNTEER": "Volunteer",
    "PER_DIEM": "Per diem",
}
_PERIODS = {"HOUR": "hour", "DAY": "day", "WEEK": "week", "MONTH": "month", "YEAR": "year"}
#: Fields of the posting that describe the job in prose, in the order they are read.
_PROSE = (
    ("description", ""),
    ("responsibilities", "Responsibilities"),
    ("qualifications", "Requirements"),
    ("experienceRequirements", "Experience"),
    ("educationRequirements", "Education"),
    ("skills", "Skills"),
    ("jobBenefits", "Benefits"),
)


def find_posting(page: LexborHTMLParser) -> dict[str, object] | None:
    """The first JobPosting of the page's JSON-LD, also inside arrays and ``@graph``."""
    for data in json_ld(page):
        for node in _nodes(data, 0):
            if is_a(node, "JobPosting"):
                return node
    return None


def title(posting: dict[str, object]) -> str:
    """The job's title."""
    return _plain(posting.get("title"))


def company(posting: dict[str, object]) -> str:
    """The hiring organisation's name."""
    organisation = posting.get("hiringOrganization")
    return _plain(organisation.get("name") if isinstance(organisation, dict) else organisation)


def location(posting: dict[str, object]) -> str:
    """The places of work, ``Hamburg, DE; Berlin, DE``."""
    places = posting.get("jobLocation")
    names = []
    for place in places if isinstance(places, list) else [places]:
        address = place.get("address") if isinstance(place, dict) else place
        if isinstance(address, dict):
            parts = (_plain(address.get(k)) for k in ("addressLocality", "addressCountry"))
            names.append(", ".join(part for part in parts if part))
        else:
            names.append(_plain(address))
    return "; ".join(dict.fromkeys(name for name in names if name))


def as_text(posting: dict[str, object]) -> str:
    """The posting as one text: the structured fields as lines first, then the prose."""
    lines = [
        f"# {title(posting)}",
        f"Company: {company(posting)}",
        f"Location: {location(posting)}",
        f"Employment type: {_employment(posting)}",
        f"Work mode: {'Remote' if posting.get('jobLocationType') == 'TELECOMMUTE' else ''}",
        f"Salary: {_salary(posting)}",
    ]
    head = "\n".join(line for line in lines if not line.endswith((": ", "# ")))
    blocks = [head]
    for field, heading in _PROSE:
        prose = _prose(posting.get(field))
        if prose:
            blocks.append(f"## {heading}\n\n{prose}" if heading else prose)
    return "\n\n".join(blocks)


def _nodes(data: object, depth: int) -> Iterator[dict[str, object]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(data, dict):
        yield data
        yield from _nodes(data.get("@graph"), depth + 1)
        yield from _nodes(data.get("mainEntity"), depth + 1)
    elif isinstance(data, list):
        for item in data:
            yield from _nodes(item, depth + 1)


def _prose(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {_plain(item)}" for item in value if _plain(item))
    if not isinstance(value, str):
        return _plain(value)
    # Some sites escape the markup once more: "&lt;p&gt;".
    html = unescape(value) if "&lt;" in value and "<" not in value else value
    return html_to_text(html.replace("\n", "<br>") if "<" not in html else html)


def _employment(posting: dict[str, object]) -> str:
    value = posting.get("employmentType")
    kinds = value if isinstance(value, list) else [value]
    return ", ".join(_EMPLOYMENT.get(_plain(kind), _plain(kind)) for kind in kinds if kind)


def _salary(posting: dict[str, object]) -> str:
    base = posting.get("baseSalary")
    if not isinstance(base, dict):
        return ""
    value = base.get("value")
    amount = value if isinstance(value, dict) else {"value": value}
    low, high = amount.get("minValue", amount.get("value")), amount.get("maxValue")
    numbers = [f"{n:,.0f}" for n in (_number(low), _number(high)) if n is not None]
    if not numbers:
        return ""
    period = _PERIODS.get(_plain(amount.get("unitText") or base.get("unitText")).upper(), "year")
    currency = _plain(base.get("currency") or amount.get("currency"))
    return f"{currency} {' - '.join(numbers)} per {period}".strip()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 < number < 1e9 else None


def _plain(value: object) -> str:
    """A field's text, whether it is a string, a number, or an object with a name."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("description") or value.get("credentialCategory")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(unescape(str(value)).split())
