"""The words that cross a boundary: commands in, events and answers out. No behaviour."""
