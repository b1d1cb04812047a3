"""What is read of an incident's consultations (会商), for the documents."""

from __future__ import annotations

from schemas.bases import Shown
from schemas.consultations import ConsultationKind, Meeting
from schemas.fields import Instant


class OpinionShown(Shown):
    """A department's opinion, to the letter. `is_late`: given when it was concluded already."""

    opinion_id: str
    part_of: str
    name: str
    text: str
    at: Instant
    by: str
    recorded_at: Instant
    is_late: bool


class ConclusionShown(Shown):
    """What was concluded; `orders` are the ids of what its measures became."""

    at: Instant
    text: str
    area: str | None
    until: Instant | None
    may_become_major: bool
    orders: list[str]
    by: str


class ConsultationShown(Shown):
    """A consultation about an incident; `missing` has said nothing yet."""

    consultation_id: str
    kind: ConsultationKind
    topic: str
    convened_at: Instant
    convener: str
    host: str | None
    input: str | None
    by: str
    participants: list[str]
    missing: list[str]
    meeting: Meeting | None
    opinions: list[OpinionShown]
    conclusion: ConclusionShown | None
