"""Databases of every released schema version, as they were, opened by today's program."""
