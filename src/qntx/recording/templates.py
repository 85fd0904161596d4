"""Templates (t-strings, from Python 3.14 on): the text they stand for, and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qntx.journal.interrupts import reraise_from_signal

_CONVERSIONS: dict[str, Callable[[object], str]] = {"a": ascii, "r": repr, "s": str}


def is_template(value: object) -> bool:
    """Whether *value* is a ``string.templatelib.Template``, which older Pythons do not have."""
    kind = type(value)
    return kind.__name__ == "Template" and kind.__module__ == "string.templatelib"


def template_text(template: Any) -> str:
    """
    What an f-string with the same words would be.

    Where a part cannot be formatted, its expression stands in its place, in braces.
    """
    parts: list[str] = []
    for part in template:
        parts.append(part if type(part) is str else _interpolated(part))
    return "".join(parts)


def template_fields(template: Any) -> dict[str, Any]:
    """The values in *template*, by their expressions."""
    return {part.expression: part.value for part in template.interpolations}


def _interpolated(part: Any) -> str:
    try:
        value = part.value
        if is_template(value) and not part.conversion and not part.format_spec:
            return template_text(value)
        if part.conversion:
            value = _CONVERSIONS[part.conversion](value)
        return format(value, part.format_spec)
    except Exception as error:  # noqa: BLE001 - the format method of the program's own class
        reraise_from_signal(error)
        return f"{{{part.expression}}}"
