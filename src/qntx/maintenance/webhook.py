"""Telling another program by HTTP: one POST with JSON, to an address that was checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from qntx.config import FetchSettings, Settings
from qntx.errors import BadInput, FetchError
from qntx.net.client import Request, Unreachable, send
from qntx.net.guard import Resolver, system_resolver
from qntx.net.urls import parse

TIMEOUT_S = 10.0


def post(
    address: str,
    body: bytes,
    settings: FetchSettings,
    *,
    timeout_s: float = TIMEOUT_S,
    resolver: Resolver = system_resolver,
) -> None:
    """
    POST *body* (JSON) to *address*, which must be public or in the setting fetch.allow_hosts.

    Connects only to what was checked, follows no redirect, reads no answer beyond its status.
    Raises FetchError: one sentence with the address and the next step.
    """
    request = Request(
        address=address,
        method="POST",
        headers={"Content-Type": "application/json"},
        content=body,
    )
    limits = settings.model_copy(update={"timeout_s": timeout_s})
    try:
        status = send(request, limits, judge=lambda head: False, resolver=resolver).head.status
    except Unreachable as error:
        raise FetchError(
            f"{address} was not told: {error.detail} - check the setting storage.webhook"
        ) from None
    if not 200 <= status < 300:
        raise FetchError(f"{address} was not told: it answered {status} - check storage.webhook")


def webhook_of(settings: Settings) -> Callable[[Any], None] | None:
    """
    What tells the address of the setting storage.webhook; None when there is none.

    Raises BadInput for an address that nothing could ever be told: better now than on the day on
    which a limit is crossed.
    """
    address = settings.storage.webhook
    if address is None:
        return None
    try:
        parse(address)
    except FetchError as error:
        raise BadInput(f"setting 'storage.webhook' cannot be used: {error.message}") from None
    return lambda told: post(address, msgspec.json.encode(told), settings.fetch)
