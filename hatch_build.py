"""Builds the web UI into the package when a wheel or an sdist is made and it is not there yet."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBuild(BuildHookInterface):
    """Runs ``npm ci && npm run build`` in web/ unless the built UI is already in place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files are collected; an editable install does not need the UI."""
        root = Path(self.root)
        built = root / "src" / "qntx" / "web" / "index.html"
        if version == "editable" or built.exists() or not (root / "web").exists():
            return
        if os.environ.get("QNTX_SKIP_WEB") == "1":
            return
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit(
                "npm is needed to build the web UI - install Node 20 or newer, "
                "or set QNTX_SKIP_WEB=1 to build without the UI"
            )
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=root / "web", check=True)
        subprocess.run([npm, "run", "build"], cwd=root / "web", check=True)
