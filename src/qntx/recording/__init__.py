"""Everything that turns the output of a running job into log lines."""
