"""Every file that holds experiments."""

from __future__ import annotations

from importlib import import_module

FILES = (
    "batteries",
    "crowds",
    "deadlines",
    "desk_work",
    "disks",
    "field",
    "keeping",
    "kills",
    "network",
    "outposts",
    "pure",
    "shared",
    "walls",
)


def load() -> None:
    for name in FILES:
        import_module(f"tests.drill.{name}")
