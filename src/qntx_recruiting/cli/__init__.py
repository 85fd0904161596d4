"""Recruiting's commands of ``qntx``."""
