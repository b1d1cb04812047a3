"""A consultation (会商) about an incident: who takes part, what each says, the conclusion. Commands, events.

An opinion is kept to the letter, by whom and when. What is concluded becomes orders with limits in the same
step, and a judgement where the incident may become major.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.bases import Command, Event
from schemas.fields import (
    Flag,
    Frozen,
    Id,
    Instant,
    Minutes,
    Said60,
    Said200,
    Said500,
    Said20000,
    Text500,
    Text20000,
    UnitCode,
)

MOST_PARTICIPANTS = 100
MOST_MEASURES = 50

ConsultationKind = Literal[
    "routine",  # 日常会商
    "rolling",  # 滚动会商
    "intensified",  # 加密会商
    "special",  # 专题会商
]
#: Where the video meeting is joined: an address of the web and nothing else, for it is printed as a link.
MeetingLink = Annotated[
    str, StringConstraints(strict=True, pattern=r"^https?://[^\s<>\"'\\^`{|}]+$", max_length=500)
]


class Meeting(Frozen):
    """The video meeting (视频会商): its system, number, link, and where its recording lies."""

    system: Said60 | None = None
    number: Said60 | None = None
    link: MeetingLink | None = None
    recording: Said200 | None = None


class MeasureSaid(Frozen):
    """A measure (措施), which becomes an order: to whom, what, by when."""

    order_id: Id
    to: Said500
    text: Said20000
    acknowledge_within_min: Minutes | None = None
    report_within_min: Minutes


# ---------------------------------------------------------------- commands


class ConsultationCommand(Command):
    """A command on a consultation about an incident."""

    consultation_id: Id


class ConveneConsultation(ConsultationCommand):
    """A consultation is called together (发起会商). Participants who could not see the incident can now."""

    name = "convene-consultation"

    kind: ConsultationKind
    topic: Said500
    convened_at: Instant
    participants: Annotated[list[UnitCode], Field(min_length=1, max_length=MOST_PARTICIPANTS)]
    host: Said200 | None = None
    input: Text20000 | None = None
    meeting: Meeting | None = None


class NoteMeeting(ConsultationCommand):
    """The video meeting's number, link or recording, as they become known (会议号、录像编号)."""

    name = "note-meeting"

    meeting: Meeting


class GiveOpinion(ConsultationCommand):
    """A department's opinion (部门意见), to the letter. The convener writes down what was said aloud."""

    name = "give-opinion"

    opinion_id: Id
    part_of: UnitCode | None = None
    text: Said20000
    at: Instant


class ConcludeConsultation(ConsultationCommand):
    """What was concluded (会商结论), and the measures: each becomes an order.

    `may_become_major`: it may reach 重大, which has to be reported from here on.
    """

    name = "conclude-consultation"

    at: Instant
    text: Said20000
    area: Text500 | None = None
    until: Instant | None = None
    may_become_major: Flag = False
    measures: Annotated[list[MeasureSaid], Field(max_length=MOST_MEASURES)] | None = None


COMMANDS: tuple[type[ConsultationCommand], ...] = (
    ConveneConsultation,
    NoteMeeting,
    GiveOpinion,
    ConcludeConsultation,
)


# ---------------------------------------------------------------- events


class ConsultationEvent(Event):
    """Something about a consultation."""

    consultation_id: str


class ConsultationConvened(ConsultationEvent):
    """A consultation was called together (发起会商)."""

    type: Literal["consultation_convened"] = "consultation_convened"
    kind: ConsultationKind
    topic: str
    convened_at: Instant
    convener: str
    participants: list[str]
    host: str | None = None
    input: str | None = None
    meeting: Meeting | None = None


class MeetingNoted(ConsultationEvent):
    """What is known of the video meeting (会议号、录像编号)."""

    type: Literal["meeting_noted"] = "meeting_noted"
    meeting: Meeting


class OpinionGiven(ConsultationEvent):
    """A department's opinion (部门意见), to the letter."""

    type: Literal["opinion_given"] = "opinion_given"
    opinion_id: str
    part_of: str
    name: str
    text: str
    at: Instant


class ConsultationConcluded(ConsultationEvent):
    """What was concluded (会商结论), and the orders that its measures became."""

    type: Literal["consultation_concluded"] = "consultation_concluded"
    at: Instant
    text: str
    area: str | None = None
    until: Instant | None = None
    may_become_major: bool
    orders: list[str]


EVENTS: tuple[type[ConsultationEvent], ...] = (
    ConsultationConvened,
    MeetingNoted,
    OpinionGiven,
    ConsultationConcluded,
)
AnyConsultationEvent = ConsultationConvened | MeetingNoted | OpinionGiven | ConsultationConcluded
