"""Compose vacancies from the rows and the text blocks of ``vacancies.json``."""

from __future__ import annotations

import random
import re
import unicodedata
from typing import Any

#: City → country and currency, where these are not Germany's.
_ABROAD = {
    "Aarhus": ("DK", "DKK"),
    "Gdańsk": ("PL", "PLN"),
    "Groningen": ("NL", "EUR"),
    "Kolding": ("DK", "DKK"),
}
#: Salaries below this are by the month.
_MONTHLY = 10_000


def compose(data: dict[str, Any], company: str) -> list[dict[str, Any]]:
    """The postings that the rows of vacancies.json stand for; always the same."""
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    return [_posting(row, number, data, company) for number, row in enumerate(rows)]


def _posting(
    row: dict[str, Any], number: int, data: dict[str, Any], company: str
) -> dict[str, Any]:
    family, city = data["families"][row["family"]], row["city"]
    country, currency = _ABROAD.get(city, ("DE", "EUR"))
    unit = "MONTH" if row["min"] < _MONTHLY else "YEAR"
    choice = random.Random(number)
    sections = [
        {"heading": "About us", "paragraphs": [f"{company} in {city}. {family['about']}"]},
        {"heading": "Your tasks", "items": _some(choice, family["tasks"], 4)},
        {"heading": "What you bring", "items": _some(choice, family["musts"], 4)},
        {"heading": "Nice to have", "items": _some(choice, family["nices"], 2)},
        {
            "heading": "We offer",
            "items": [
                f"A {unit.lower()}ly salary between {row['min']:,} and {row['max']:,} {currency}",
                *_some(choice, data["benefits"], 3),
            ],
        },
    ]
    return {
        "slug": _slug(f"{re.sub(r'[(].*[)]', '', row['title'])} {city}"),
        "title": row["title"],
        "department": family["department"],
        "city": city,
        "country": country,
        "employment": ["FULL_TIME", "PART_TIME"] if number % 3 == 0 else ["FULL_TIME"],
        "posted": row["posted"],
        "valid_through": "2027-03-31",
        "salary": {"currency": currency, "min": row["min"], "max": row["max"], "unit": unit},
        "structured": number % 2 == 0,
        "sections": sections,
    }


def _some(choice: random.Random, items: list[str], number: int) -> list[str]:
    """*number* of *items*, in their order."""
    taken = sorted(choice.sample(range(len(items)), min(number, len(items))))
    return [items[index] for index in taken]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
