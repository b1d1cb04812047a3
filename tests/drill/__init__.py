"""Fault experiments (reliability.md 8): what breaks on purpose, and what must hold all the same."""
