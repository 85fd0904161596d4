"""The handlers of orders."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orders.settings import order_settings
from orders.store import OrderStore
from qntx import JobContext, Registry

HANDLERS = Registry()


class ImportOrders(msgspec.Struct, frozen=True):
    """The CSV file to import: a line for each order, its id and its amount."""

    path: str


@HANDLERS.handler("orders.import", max_attempts=3)
def import_orders(ctx: JobContext, payload: ImportOrders) -> dict[str, int]:
    """Keep every order of the file."""
    store = ctx.get(OrderStore)
    currency = order_settings(ctx.settings).currency
    lines = Path(payload.path).read_text("utf-8").splitlines()
    with ctx.emit.stage("import", f"Importing {len(lines)} orders"):
        for line in lines:
            order_id, amount = line.split(",")
            with ctx.emit.task(order_id):
                store.add(order_id, f"{amount} {currency}")
                ctx.emit.info(f"{amount} {currency}")
    return {"orders": len(lines)}
