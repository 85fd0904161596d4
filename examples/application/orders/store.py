"""Where orders are kept: the port that handlers ask for, and its adapter."""

from __future__ import annotations

from typing import Any, Protocol

from orders.application import APPLICATION
from qntx.config import Settings
from qntx.storage import connect


class OrderStore(Protocol):
    """Orders and their amounts."""

    def add(self, order_id: str, amount: str) -> None:
        """Keep an order; one that is known gets the new amount."""

    def all(self) -> list[tuple[str, str]]:
        """Every order with its amount, by id."""

    def close(self) -> None:
        """Give back what is held open."""


class SqliteOrders:
    """Orders in the database of the data directory."""

    def __init__(self, settings: Settings) -> None:
        self._connection: Any = connect(settings, APPLICATION)

    def add(self, order_id: str, amount: str) -> None:
        """Keep an order; one that is known gets the new amount."""
        self._connection.execute("REPLACE INTO acme_orders VALUES (?, ?)", (order_id, amount))

    def all(self) -> list[tuple[str, str]]:
        """Every order with its amount, by id."""
        found: list[tuple[str, str]] = self._connection.execute(
            "SELECT id, amount FROM acme_orders ORDER BY id"
        ).fetchall()
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


PORTS = {OrderStore: SqliteOrders}
