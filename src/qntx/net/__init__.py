"""HTTP that is safe to point at an address that somebody typed."""
