"""The section ``orders`` of the settings."""

from __future__ import annotations

from qntx.config import Section, Settings


class OrderSettings(Section):
    """QNTX_ORDERS__CURRENCY in the environment, ``[orders]`` in qntx.toml."""

    currency: str = "EUR"


def order_settings(settings: Settings) -> OrderSettings:
    """The section, whether or not anything in it is set."""
    return settings.section("orders", OrderSettings)
