"""Parameters that a route does not have are refused: a misspelt filter would hide nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Litestar, Request
from litestar.routes import HTTPRoute

from qntx.errors import BadInput, did_you_mean


class Parameters:
    """What each route takes after the ``?``, and once or several times."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], set[str]] = {}
        self._several: dict[tuple[str, str], set[str]] = {}

    def learn(self, api: Litestar) -> None:
        """Know the routes of *api* that give data; pages and what monitors ask take anything."""
        for route in api.routes:
            if not isinstance(route, HTTPRoute):
                continue
            for method, (handler, takes) in route.route_handler_map.items():
                names = {one.field_alias for one in takes.expected_query_params}
                gives_data = names or route.path.startswith("/api/")
                if gives_data and handler.resolve_include_in_schema():
                    key = (route.path_format, method)
                    self._names[key] = names
                    self._several[key] = set(takes.sequence_query_parameter_names)

    def check(self, request: Request[Any, Any, Any]) -> None:
        """Raises BadInput for a parameter that is not known, or is there twice."""
        if not request.scope["query_string"]:
            return
        key = (str(request.scope.get("path_template")), str(request.method))
        known = self._names.get(key)
        if known is None:
            return
        for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
            if name not in known:
                raise BadInput(_unknown(name, known))
            if times > 1 and name not in self._several[key]:
                raise BadInput(
                    f"the parameter {name!r} is given {times} times - give it once; where several "
                    "values make sense, with commas between them"
                )


def _unknown(name: str, known: set[str]) -> str:
    meant = did_you_mean(name, known)
    takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
    return f"unknown parameter {name[:80]!r}{meant} - {takes}"
