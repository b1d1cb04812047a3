"""The `after` of a list: a moment and a key, packed so that nobody takes them for something to build upon."""

from __future__ import annotations

import base64
from datetime import UTC, datetime


class BadCursor(ValueError):
    """The `after` of a list was not made by this server."""


def pack(moment: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{moment}|{key}".encode()).decode().rstrip("=")


def unpack(cursor: str) -> tuple[str, str]:
    try:
        moment, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
    except ValueError as wrong:
        raise BadCursor(cursor) from wrong
    if "\x00" in key:
        raise BadCursor(cursor)
    return moment, key


def read_moment(cursor: str, moment: str) -> datetime:
    try:
        found = datetime.fromisoformat(moment)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadCursor(cursor)
