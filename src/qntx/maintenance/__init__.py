"""What keeps a data directory safe to leave running: retention, size watch, metrics of both."""
