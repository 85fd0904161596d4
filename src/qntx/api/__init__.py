"""The HTTP face: API, live stream and web UI on one port."""
