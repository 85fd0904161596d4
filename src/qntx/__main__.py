"""``python -m qntx``."""

from qntx.cli import main

main()
