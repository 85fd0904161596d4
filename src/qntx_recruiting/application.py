"""What recruiting adds to qntx; found by the entry point ``qntx.apps``."""

from __future__ import annotations

from qntx.application import Application, Command, Page

APPLICATION = Application(
    name="recruiting",
    registries=("qntx_recruiting.ingest_jd:HANDLERS", "qntx_recruiting.scrape_vacancies:HANDLERS"),
    ports="qntx_recruiting.wiring:PORTS",
    settings={
        "llm": "qntx_recruiting.settings:LlmSettings",
        "fetch": "qntx_recruiting.settings:FetchSettings",
        "files": "qntx_recruiting.settings:FileSettings",
        "scoring": "qntx_recruiting.settings:ScoringSettings",
    },
    migrations={"sqlite": "qntx_recruiting.storage.sqlite.migrations"},
    routes=("qntx_recruiting.api:ROUTES",),
    commands={
        "ix": Command(
            "qntx_recruiting.cli.ix:command",
            "Ingest a job description from a URL, a file:// address or a path.",
        ),
        "candidates": Command(
            "qntx_recruiting.cli.candidates:command", "Import and list candidates."
        ),
    },
    codes={"ix": "qntx_recruiting.ats.ix:resolve"},
    pages=(
        Page("/jds", "Job descriptions", below=("/jds/{id:str}", "/attestations")),
        Page("/candidates", "Candidates", below=("/candidates/{id:str}",)),
    ),
    requires=(
        "httpx2",
        "lxml-html-clean",
        "mammoth",
        "protego",
        "pypdfium2",
        "rapidfuzz",
        "selectolax",
        "trafilatura",
    ),
    install="pip install 'qntx-pulse[recruiting]'",
)
