"""The application as it comes: shell commands, and what is installed."""

from __future__ import annotations

from typing import Any

from qntx.app import App
from qntx.config import Settings


def built_in_app(settings: Settings | None = None, **overrides: Any) -> App:
    """An `App` with all handlers: built in, of installed packages, of the settings."""
    app = App(settings, **overrides)
    app.load_configured()
    return app
