"""Where recruiting keeps what it knows."""
