"""
Writes the UI's types of the API, web/src/api/schema.d.ts, from the server's OpenAPI document.

    python tools/api_types.py            write them (make types)
    python tools/api_types.py --check    end with 1 when those that are there are not what comes out

No server runs for it. Only the shapes are written, not the paths.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from difflib import unified_diff
from pathlib import Path

from node import WEB, npm

from qntx.api.server import create_api
from qntx.builtin import built_in_app

TYPES = WEB / "src" / "api" / "schema.d.ts"
SHOWN_LINES = 40


def main() -> int:
    """Write or compare the types; returns an exit code."""
    with tempfile.TemporaryDirectory(prefix="qntx-types-") as folder:
        fresh = types_of(openapi(Path(folder)), Path(folder))
    if fresh is None:
        return 1
    if sys.argv[1:] != ["--check"]:
        TYPES.write_text(fresh, "utf-8")
        return 0
    kept = TYPES.read_text("utf-8") if TYPES.exists() else ""
    if kept == fresh:
        return 0
    name = TYPES.relative_to(WEB.parent).as_posix()
    lines = unified_diff(
        kept.splitlines(), fresh.splitlines(), name, "the API now", n=2, lineterm=""
    )
    print(*list(lines)[:SHOWN_LINES], sep="\n")
    print(f"{name} is not what the API says now: run make types, and commit what it writes")
    return 1


def openapi(folder: Path) -> dict[str, object]:
    """The OpenAPI document of the server; *folder* is its data directory, and empty."""
    # Elsewhere than here, so that no qntx.toml of ours adds anything.
    with contextlib.chdir(folder):
        api = create_api(built_in_app(home=folder / "home"), token="t" * 43)
        document: dict[str, object] = api.state.described()
    return document


def types_of(document: dict[str, object], folder: Path) -> str | None:
    """The TypeScript of the document's schemas, made in *folder*; None when that failed."""
    source, made = folder / "openapi.json", folder / "schema.d.ts"
    source.write_text(json.dumps({**document, "paths": {}}), "utf-8")
    code = npm(["run", "types", "--", str(source), "--output", str(made)])
    return made.read_text("utf-8") if code == 0 else None


if __name__ == "__main__":
    raise SystemExit(main())
