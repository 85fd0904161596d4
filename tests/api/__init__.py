"""The HTTP API against a real store, over real sockets."""
