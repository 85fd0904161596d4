"""``qntx orders``."""

from __future__ import annotations

import click


@click.command("orders")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the orders that were imported."""
    from orders.store import SqliteOrders
    from qntx.cli import settings_of

    store = SqliteOrders(settings_of(ctx))
    for order_id, amount in store.all():
        click.echo(f"{order_id}  {amount}")
    store.close()
