"""The sections of the settings that belong to recruiting, and typed access to them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from qntx import config
from qntx.config import Section, Settings


class LlmSettings(Section):
    """Where the language model answers (OpenAI-compatible wire)."""

    enabled: bool = True
    base_url: str = "http://localhost:11434/v1"
    model: str = "llama3.2:3b"
    timeout_s: float = 120.0
    api_key: str | None = None


class FetchSettings(config.FetchSettings):
    """Limits of everything that is fetched by URL, and the manners of who fetches."""

    #: Politeness, for each host and over all workers together: requests within any 60 seconds, and
    #: seconds between two of them. A longer Crawl-delay of its robots.txt is kept up to the bound.
    max_requests_per_minute: int = Field(default=60, ge=1, le=100_000)
    delay_s: float = Field(default=0.5, ge=0, le=3600)
    max_crawl_delay_s: float = Field(default=30.0, ge=0, le=3600)
    #: A site that asks to come back later (429, 503 with Retry-After) is waited for so long.
    max_retry_after_s: float = Field(default=120.0, ge=0, le=3600)
    #: An address under which the people of a site can reach you; part of the User-Agent.
    contact: str = ""


class FileSettings(Section):
    """Folders below which remote callers may have files read."""

    roots: list[Path] = Field(default_factory=list)


class ScoringSettings(Section):
    """When a candidate counts as qualified."""

    threshold: float = 0.6


def llm_settings(settings: Settings) -> LlmSettings:
    """The section ``llm``."""
    return settings.section("llm", LlmSettings)


def fetch_settings(settings: Settings) -> FetchSettings:
    """The section ``fetch``, with what recruiting adds to it."""
    return settings.section("fetch", FetchSettings)


def file_settings(settings: Settings) -> FileSettings:
    """The section ``files``."""
    return settings.section("files", FileSettings)


def scoring_settings(settings: Settings) -> ScoringSettings:
    """The section ``scoring``."""
    return settings.section("scoring", ScoringSettings)
