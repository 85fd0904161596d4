"""What was spent on metered services."""

from __future__ import annotations

from qntx.storage.interfaces import Store


def test_nothing_was_spent_where_no_application_keeps_what_was(store: Store) -> None:
    """Limits may be set all the same: jobs go on."""
    store.prepare()
    assert store.model_usage.calls_since(0) == 0
    assert store.model_usage.cost_since(0) == 0.0
