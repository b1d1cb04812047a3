"""The shells for people: pages and forms."""
