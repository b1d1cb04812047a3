"""Commands that were done before, and what each came to."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Done(NamedTuple):
    """A row of `idempotency`, in the order of its columns, without the cost of an ORM object."""

    command_id: str
    body_sha256: bytes
    person_id: str
    incident_id: str | None
    number: str | None
    first_seq: int
    last_seq: int
    recorded_at: datetime
