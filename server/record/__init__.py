"""The record on disk: log, chain, unit streams, obligations and tables, written in one transaction."""
