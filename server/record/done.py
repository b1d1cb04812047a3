"""Commands that were done before: what each came to, looked up for a whole round at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from server.record.tables import IDEMPOTENCY


class Done(NamedTuple):
    """A command that was done: a row of `idempotency`, without the cost of an ORM object."""

    command_id: str
    body_sha256: bytes
    person_id: str
    incident_id: str | None
    number: str | None
    first_seq: int
    last_seq: int
    recorded_at: datetime


_ASKED = select(*(IDEMPOTENCY.c[name] for name in Done._fields)).where(
    IDEMPOTENCY.c.command_id.in_(bindparam("command_ids", expanding=True))
)


def done_among(connection: Connection, command_ids: Sequence[str]) -> dict[str, Done | None]:
    """What each of these commands came to; None for those that were never done.

    One question for a round of commands: a question for each took a third of the writer's time.
    """
    found: dict[str, Done | None] = dict.fromkeys(command_ids)
    if command_ids:
        rows = connection.execute(_ASKED, {"command_ids": list(command_ids)})
        found |= {row.command_id: Done(*row) for row in rows}
    return found
