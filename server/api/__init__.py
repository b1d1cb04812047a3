"""The shells for programs: commands and reading over HTTP, the live socket, health and metrics."""
