"""The handlers that come with the runtime."""
