"""The vocabulary of the recruiting application: ix commands and attestations."""
