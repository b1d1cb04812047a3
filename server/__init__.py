"""Fenghuo (烽火): the duty desk's record, its reporting clock and its live screens."""

__version__ = "0.1.0"
