"""Hostile input: a few thousand of those that `python -m bench.fuzz` makes, and hypothesis' own."""
