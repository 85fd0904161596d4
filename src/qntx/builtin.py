"""The application as it comes: the recruiting handlers, shell commands, and what they need."""

from __future__ import annotations

from typing import Any

from qntx.app import App
from qntx.config import Settings
from qntx_recruiting.ingest_jd import HANDLERS
from qntx_recruiting.scrape_vacancies import HANDLERS as SCRAPER_HANDLERS
from qntx_recruiting.wiring import PORTS


def built_in_app(settings: Settings | None = None, **overrides: Any) -> App:
    """An `App` with all handlers: built in, of installed packages, of the settings."""
    app = App(settings, **overrides)
    app.registry.include(HANDLERS)
    app.registry.include(SCRAPER_HANDLERS)
    app.ports.update(PORTS)
    app.load_configured()
    return app
