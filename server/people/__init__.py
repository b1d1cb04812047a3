"""Accounts, posts, passwords, sessions and tokens."""
