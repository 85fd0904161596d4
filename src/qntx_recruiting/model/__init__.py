"""Plain data of recruiting: no input, no output, no clock."""
