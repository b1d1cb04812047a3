"""The warnings and responses that a unit's desk has noted and not settled, for screens that ask each minute.

A duty has years of entries. What was read of them stays, and only what came since is read: an item is noted
once and settled once, and nothing else changes it.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import select

from schemas.duties import DutyItemAdded, DutyItemSettled
from schemas.events import LOG_ENTRY
from schemas.fields import wire_instant
from server.record.database import Database
from server.record.duty_rows import subject_of
from server.record.tables import ENTRY

KINDS = frozenset({"warning", "response"})
TYPES = ("duty_item_added", "duty_item_settled")


class InForce:
    """Synchronous; may be used from several threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[int, dict[str, dict[str, Any]]]] = {}
        self._lock = threading.Lock()

    def of(self, unit: str) -> list[dict[str, Any]]:
        """In the order in which they were noted."""
        with self._lock:
            last, items = self._known.get(unit, (0, {}))
            query = (
                select(ENTRY.c.seq, ENTRY.c.body)
                .where(ENTRY.c.subject == subject_of(unit), ENTRY.c.seq > last, ENTRY.c.event_type.in_(TYPES))
                .order_by(ENTRY.c.seq)
            )
            with self._database.reading() as connection:
                fresh = connection.execute(query).all()
            for seq, body in fresh:
                last = seq
                entry = LOG_ENTRY.validate_json(bytes(body))
                match entry.event:
                    case DutyItemAdded(kind=kind) as added if kind in KINDS:
                        items[added.item_id] = {
                            "kind": kind,
                            "text": added.text,
                            "source": added.source,
                            "due_at": wire_instant(added.due_at) if added.due_at else None,
                            "by": entry.by,
                            "added_at": wire_instant(entry.recorded_at),
                        }
                    case DutyItemSettled():
                        items.pop(entry.event.item_id, None)
                    case _:
                        pass
            self._known[unit] = (last, items)
            return list(items.values())
