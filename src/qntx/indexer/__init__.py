"""The one process per database that moves journal records into the store."""
