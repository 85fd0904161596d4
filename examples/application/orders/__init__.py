"""Orders: a small application of qntx that has one of everything it can contribute."""
