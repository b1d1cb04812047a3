"""A consultation (会商) as the log of its incident tells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from schemas import consultations as con
from server.domain.entered import Entered


@dataclass(slots=True)
class Opinion:
    """One department's opinion (部门意见), to the letter."""

    opinion_id: str
    part_of: str
    name: str
    text: str
    at: datetime
    by: str
    recorded_at: datetime
    is_late: bool  # given when it was concluded already


@dataclass(slots=True)
class Consultation:
    """A consultation, as far as it has come. `told` is the event by which it began."""

    told: con.ConsultationConvened
    by: str
    recorded_at: datetime
    meeting: con.Meeting | None
    opinions: dict[str, Opinion] = field(default_factory=dict)
    concluded: con.ConsultationConcluded | None = None
    concluded_by: str | None = None

    def missing(self) -> list[str]:
        """Who takes part and has said nothing yet."""
        heard = {one.part_of for one in self.opinions.values()}
        return [unit for unit in self.told.participants if unit not in heard]


Consultations = dict[str, Consultation]


def apply(kept: Consultations, event: con.ConsultationEvent, entry: Entered) -> None:
    """Fold one entry in."""
    if isinstance(event, con.ConsultationConvened):
        kept[event.consultation_id] = Consultation(event, entry.by, entry.recorded_at, event.meeting)
        return
    one = kept[event.consultation_id]
    match event:
        case con.MeetingNoted():
            before = one.meeting.model_dump(exclude_none=True) if one.meeting else {}
            one.meeting = con.Meeting(**(before | event.meeting.model_dump(exclude_none=True)))
        case con.OpinionGiven():
            one.opinions[event.opinion_id] = Opinion(
                event.opinion_id,
                event.part_of,
                event.name,
                event.text,
                event.at,
                entry.by,
                entry.recorded_at,
                one.concluded is not None,
            )
        case con.ConsultationConcluded():
            one.concluded, one.concluded_by = event, entry.by
        case _:
            raise AssertionError(f"{event.type} is not folded")
