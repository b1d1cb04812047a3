"""What comes by others: a small Fenghuo in the field (前方节点) that hands on what was done there, and
bundles carried by hand. Who did it stays who did it; `Via` says how it came here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bases import Event
from schemas.fields import Frozen, Id, Instant


class Via(Frozen):
    """By what way a command came: an outpost that had recorded it, a tablet's bundle that `by` carried in, or
    the desk above, to its outpost.

    `recorded_at` is the outpost's own record of it, or when the bundle was made; `skew_ms` how far the
    clock that says so was behind ours.
    """

    way: Literal["outpost", "bundle", "above"]
    name: str
    by: str | None = None
    recorded_at: Instant
    skew_ms: int | None = None


class HandedOn(Frozen):
    """What an outpost says of each command that it hands on: who gave it, when it was written down there,
    the outpost's clock now, and how far the person's device was from it."""

    person: Id
    recorded_at: Instant
    sent_at: Instant
    device_skew_ms: int | None = Field(default=None, ge=-(2**53), le=2**53)


class HandedItem(Frozen):
    """The part of a batch's item that only an outpost may say."""

    via: HandedOn


class TakenAlong(Event):
    """An outpost was made (随行启用): from which desk, for which unit, and where that desk's log stood.

    It is the first entry there. Those of `incidents` follow as they stand at that desk; what is restricted
    was left at home.
    """

    type: Literal["taken_along"] = "taken_along"
    deployment: str
    head: str
    unit: str
    incidents: int
