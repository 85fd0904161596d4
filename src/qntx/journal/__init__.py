"""Append-only, crash-safe segments in which every captured record waits for the indexer."""
