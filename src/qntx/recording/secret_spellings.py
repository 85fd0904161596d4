"""The spellings under which a secret turns up: as it is, escaped, quoted, encoded."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

#: Shorter values are not masked by value: a secret "a" would blank every "a".
MIN_SECRET = 8
#: Lines of a secret of several lines are secrets themselves from this length on.
MIN_LINE = 16


def spellings(secret: str) -> list[str]:
    """The spellings under which a secret turns up."""
    if len(secret) < MIN_SECRET:
        return []
    data = secret.encode("utf-8", "surrogatepass")
    forms = [
        secret,
        repr(secret)[1:-1],
        repr(data)[2:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        data.hex(),
    ]
    lines = secret.splitlines()
    if len(lines) > 1:
        stripped = (line.strip() for line in lines)
        forms += [x for x in stripped if len(x) >= MIN_LINE and not x.startswith("-----")]
    return [form for form in dict.fromkeys(forms) if len(form) >= MIN_SECRET]
