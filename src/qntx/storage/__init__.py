"""The database behind one interface."""
