"""``python -m qntx.cli``."""

from qntx.cli import main

main()
