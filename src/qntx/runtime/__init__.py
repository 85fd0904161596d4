"""Running handlers: registry, context, the one entry point, workers and their supervisor."""
