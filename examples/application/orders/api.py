"""The routes of orders."""

from __future__ import annotations

import msgspec
from litestar import get

from orders.store import SqliteOrders
from qntx.api.context import Server


class Orders(msgspec.Struct, frozen=True):
    """Every order with its amount."""

    orders: dict[str, str]


@get("/api/orders", sync_to_thread=True, tags=["orders"], summary="Orders")
def list_orders(server: Server) -> Orders:
    """All orders that were imported."""
    store = SqliteOrders(server.app.settings)
    try:
        return Orders(dict(store.all()))
    finally:
        store.close()


ROUTES = [list_orders]
