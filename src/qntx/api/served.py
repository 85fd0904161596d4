"""What a server needs of the application that it serves; `qntx.App` is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from qntx.application import Application
from qntx.config import Settings
from qntx.model.job import JobRequest
from qntx.runtime.registry import Registry
from qntx.runtime.requests import MakesRequests
from qntx.storage.interfaces import Store


class Served(Protocol):
    """An application, as its server sees it: it stands above the server, which cannot import it."""

    @property
    def settings(self) -> Settings:
        """Those of its data directory."""

    @property
    def store(self) -> Store:
        """What is in the data directory."""

    @property
    def registry(self) -> Registry:
        """Its handlers."""

    @property
    def ports(self) -> dict[type, Callable[[Settings], Any]]:
        """What its handlers are given."""

    @property
    def applications(self) -> list[Application]:
        """What installed packages contribute."""

    @property
    def request(self) -> MakesRequests:
        """Gives a checked request for a job."""

    def enqueue_all(self, requests: Sequence[JobRequest]) -> list[str]:
        """Put jobs on the queue, all or none; returns their ids."""
