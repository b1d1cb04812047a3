"""A tablet that makes itself known, and what is answered to it and to a bundle of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.answers import Done, NotDone
from schemas.bases import Shown
from schemas.fields import Frozen, Id, Instant, Said60


class EnrolDevice(Frozen):
    """This tablet, in the hands of whoever is signed in. The private key stays where it was made."""

    device_id: Id
    device_name: Said60
    public_key: Annotated[str, Field(min_length=87, max_length=87)]


class DeviceEnrolled(Shown):
    """It is known."""

    device_id: str
    device_name: str
    enrolled_at: Instant


class BundleAnswer(Shown):
    """Whose bundle it is; after taking it over `results`, one for each command; after a look how many are
    `known` here already."""

    bundle_id: str
    device: str
    person: str
    post: str
    unit: str
    made_at: Instant
    count: int
    known: int | None = None
    results: list[Done | NotDone] | None = None
