"""Running handlers: registry, context, the one door, workers and their supervisor."""
