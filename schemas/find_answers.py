"""What a search over everything answers."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Instant

FoundKind = Literal["incident", "log", "fact", "report", "order", "duty", "person", "account", "unit"]


class FoundPerson(Shown):
    """Somebody who is named. `unit` is a code for those of the tree, else the words that were said."""

    role: Literal["caller", "informer", "shift", "spoke", "account"]
    name: str
    phone: str | None
    post: str | None
    unit: str | None


class FoundOne(Shown):
    """Something that was found. `marks`: where `text` says it, in code points; `link`: where it stands.

    `offset` is the entry's in the caller's stream, or in the restricted one (`restricted`).
    """

    kind: FoundKind
    text: str
    marks: list[tuple[int, int]]
    link: str
    incident_id: str | None
    number: str | None
    title: str | None
    drill: bool
    struck: bool
    restricted: bool
    offset: int | None
    event: str | None
    recorded_at: Instant | None
    by: str | None
    unit: str | None
    person: FoundPerson | None


class FoundGroup(Shown):
    """What was found of one kind, the newest first. `next`: `after` of the page that follows, with `kind`."""

    kind: FoundKind
    results: list[FoundOne]
    next: str | None


class SearchAnswer(Shown):
    """`complete` is false while the index is being made, or when the time that a search has was over."""

    q: str
    groups: list[FoundGroup]
    complete: bool
