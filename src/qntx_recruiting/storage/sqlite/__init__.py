"""Recruiting's tables on SQLite."""
