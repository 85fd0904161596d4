"""What is paid: currency, range and period, and never a training budget or a funding round."""

from __future__ import annotations

import re
from typing import Literal

from qntx_recruiting.extraction.phrases import pattern
from qntx_recruiting.extraction.structure import Statement
from qntx_recruiting.model.recruiting import Salary

Period = Literal["year", "month", "day", "hour"]

_PERIODS: tuple[Period, ...] = ("hour", "day", "month", "year")

_CURRENCIES = {
    mark: code
    for code, marks in {
        "EUR": "€ eur euro euros",
        "USD": "$ us$ usd dollars",
        "GBP": "£ gbp pounds",
        "CHF": "chf sfr fr. franken francs",
        "PLN": "pln zł",
        "SEK": "sek",
        "DKK": "dkk",
        "NOK": "nok",
        "CAD": "cad ca$",
        "AUD": "aud a$",
        "INR": "inr ₹",
        "JPY": "jpy ¥",
        "CZK": "czk",
        "HUF": "huf",
        "RON": "ron",
    }.items()
    for mark in marks.split()
}
_MARK = "|".join(sorted((re.escape(name) for name in _CURRENCIES), key=len, reverse=True))
_AMOUNT = r"\d{1,3}(?:[.,' ’\u202f]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{1,2})?"
_THOUSANDS = r"\s?(?:k\b|T€|TEUR|Tsd\.?)"
_BEFORE = rf"(?<![A-Za-z])(?:{_MARK})"
_BEHIND = rf"(?:{_MARK})(?![A-Za-z])"
_RANGE = re.compile(
    rf"(?P<c1>{_BEFORE})?\s?(?<![\d.,])(?P<low>{_AMOUNT})(?P<k1>{_THOUSANDS})?\s?(?P<c2>{_BEHIND})?"
    rf"(?:\s?(?:-|–|—|to|bis(?: zu)?|und|and)\s?(?P<c3>{_BEFORE})?\s?(?P<high>{_AMOUNT})"
    rf"(?P<k2>{_THOUSANDS})?\s?(?P<c4>{_BEHIND})?)?",
    re.IGNORECASE,
)
_UP_TO = re.compile(r"(?:up to|bis zu|max(?:imum|\.)?|höchstens)\s*$", re.IGNORECASE)


def find_salary(statement: Statement) -> Salary | None:
    """What *statement* says is paid for the job, or None."""
    text = statement.text
    topical = statement.section == "salary" or pattern("salary topic").search(text)
    if not topical:
        return None
    for match in _RANGE.finditer(text):
        salary = _salary(statement, match)
        if salary is not None:
            return salary
    return None


def _salary(statement: Statement, match: re.Match[str]) -> Salary | None:
    text = statement.text
    mark = match["c1"] or match["c2"] or match["c3"] or match["c4"]
    thousands = match["k1"] or match["k2"]
    if mark is None and (thousands is None or ("€" not in thousands and "EUR" not in thousands)):
        return None
    near = text[max(0, match.start() - 40) : match.end() + 40]
    if pattern("other money").search(near):
        return None
    low = _amount(match["low"], match["k1"] or match["k2"])
    high = _amount(match["high"], match["k2"] or match["k1"]) if match["high"] else None
    period = _period(text, match, high or low)
    if period is None or (high is not None and high < low):
        return None
    if high is None and _UP_TO.search(text[: match.start()]):
        return _make(statement, match, mark, None, low, period)
    return _make(statement, match, mark, low, high if high is not None else low, period)


def _make(
    statement: Statement,
    match: re.Match[str],
    mark: str | None,
    low: float | None,
    high: float | None,
    period: Period,
) -> Salary:
    return Salary(
        currency=_CURRENCIES.get((mark or "€").lower(), "EUR"),
        minimum=low,
        maximum=high,
        period=period,
        quote=statement.quote(),
    )


def _amount(text: str, thousands: str | None) -> float:
    grouped = re.fullmatch(r"(\d{1,3}(?:[.,' ’\u202f]\d{3})+)(?:[.,]\d{2})?", text)
    digits = re.sub(r"\D", "", grouped[1]) if grouped else text.replace(",", ".")
    return float(digits) * (1000 if thousands else 1)


def _period(text: str, match: re.Match[str], amount: float) -> Period | None:
    """The period named next to the amount or anywhere in the statement, else by size."""
    for area in (text[match.end() : match.end() + 40], text):
        for period in _PERIODS:
            if pattern(f"per {period}").search(area):
                return period
    if amount >= 12_000:
        return "year"
    return "month" if amount >= 1_000 else None
