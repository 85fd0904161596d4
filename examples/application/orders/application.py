"""What orders add to qntx. Nothing is imported here but the description's own classes."""

from __future__ import annotations

from qntx.application import Application, Command, Page

APPLICATION = Application(
    name="orders",
    registries=("orders.jobs:HANDLERS",),
    ports="orders.store:PORTS",
    settings={"orders": "orders.settings:OrderSettings"},
    migrations={"sqlite": "orders.migrations"},
    routes=("orders.api:ROUTES",),
    commands={"orders": Command("orders.cli:command", "List the orders that were imported.")},
    codes={"import": "orders.codes:resolve"},
    pages=(Page("/api/orders", "Orders"),),
)
