"""A leader's instruction (批示) and its way: 传达 → 签收 → 办理反馈 → 办结, or 督办. Commands, events.

It goes to named addressees, each of whom goes the way alone: an instruction is done when the last of them is
done, and until then somebody owes the next step by a time that is frozen when it begins. An addressee who
says that it is done owes nothing more; the desk that recorded the instruction then owes its look at it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.bases import Command, Event
from schemas.fields import (
    Flag,
    Frozen,
    Id,
    Instant,
    Minutes,
    Said200,
    Said2000,
    Said20000,
    Text2000,
    UnitCode,
)

#: Addressees of one instruction at most: every unit of a city, with room.
MOST_ADDRESSEES = 200
#: By when an instruction is to be signed for where nobody says otherwise (our own word: no rule has one).
RECEIVE_WITHIN_MIN = 15


class Medium(StrEnum):
    """How an instruction was given, or passed on (方式)."""

    IN_PERSON = "in_person"  # 当面
    PHONE = "phone"  # 电话
    WRITTEN = "written"  # 书面批示
    MESSAGE = "message"  # 短信、即时通讯
    MEETING = "meeting"  # 会议
    VIDEO = "video"  # 视频
    FAX = "fax"  # 传真
    SYSTEM = "system"  # 系统


Step = Literal["convey", "sign", "feedback", "check", "done"]
#: What a clock of it runs for: to be signed for (签收), to be answered (反馈), to be looked at (核对).
Waits = Literal["receive", "feedback", "check"]


class AddresseeSaid(Frozen):
    """Who is to do it: a unit, and there a post or a person by name."""

    unit: UnitCode
    post: Said200 | None = None
    addressee_id: Id | None = None


# ---------------------------------------------------------------- commands


class InstructionCommand(Command):
    """A command on an instruction of an incident."""

    instruction_id: Id


class RecordInstruction(InstructionCommand):
    """A leader's instruction (批示指示), to the letter, and who is to do it. Limits count from `given_at`.

    Addressees who could not see the incident can from here on, as with an order.
    """

    name = "record-instruction"

    leader: Said200
    leader_post: Said200 | None = None
    given_at: Instant
    medium: Medium
    text: Said20000
    to: Annotated[list[AddresseeSaid], Field(min_length=1, max_length=MOST_ADDRESSEES)]
    receive_within_min: Minutes = RECEIVE_WITHIN_MIN
    feedback_within_min: Minutes


class AddresseeCommand(InstructionCommand):
    """A step of one addressee."""

    addressee_id: Id
    at: Instant


class ConveyInstruction(AddresseeCommand):
    """It was passed on to an addressee (传达): how, and who took it there."""

    name = "convey-instruction"

    medium: Medium
    told: Said200 | None = None


class SignForInstruction(AddresseeCommand):
    """An addressee has it (签收), by name."""

    name = "sign-for-instruction"

    received_by: Said200


class ReportOnInstruction(AddresseeCommand):
    """What was done about it (办理反馈). `done`: nothing is left to do; else when more will be said."""

    name = "report-on-instruction"

    text: Said20000
    done: Flag = False
    next_within_min: Minutes | None = None


class FinishInstruction(AddresseeCommand):
    """The desk that recorded it has looked: for this addressee it is done (办结)."""

    name = "finish-instruction"

    text: Text2000 | None = None


class PressInstruction(AddresseeCommand):
    """It is not done, or not answered (督办): what is wanted, and by when."""

    name = "press-instruction"

    text: Said2000
    feedback_within_min: Minutes


COMMANDS: tuple[type[InstructionCommand], ...] = (
    RecordInstruction,
    ConveyInstruction,
    SignForInstruction,
    ReportOnInstruction,
    FinishInstruction,
    PressInstruction,
)


# ---------------------------------------------------------------- events


class Addressee(Frozen):
    """One addressee as the log names them."""

    addressee_id: str
    unit: str
    post: str | None = None


class InstructionEvent(Event):
    """Something about an instruction."""

    instruction_id: str


class InstructionRecorded(InstructionEvent):
    """A leader's instruction (批示指示), its addressees and its limits."""

    type: Literal["instruction_recorded"] = "instruction_recorded"
    leader: str
    leader_post: str | None = None
    given_at: Instant
    medium: Medium
    text: str
    to: list[Addressee]
    receive_by: Instant
    feedback_by: Instant


class AddresseeEvent(InstructionEvent):
    """A step of one addressee; `unit` is theirs."""

    addressee_id: str
    unit: str


class InstructionConveyed(AddresseeEvent):
    """It was passed on (传达)."""

    type: Literal["instruction_conveyed"] = "instruction_conveyed"
    at: Instant
    medium: Medium
    told: str | None = None


class InstructionSignedFor(AddresseeEvent):
    """The addressee has it (签收)."""

    type: Literal["instruction_signed_for"] = "instruction_signed_for"
    at: Instant
    received_by: str


class InstructionAnswered(AddresseeEvent):
    """What was done about it (办理反馈). `check_by`: said to be done, and the desk is to look by then."""

    type: Literal["instruction_answered"] = "instruction_answered"
    at: Instant
    text: str
    done: bool
    feedback_by: Instant | None = None
    check_by: Instant | None = None


class InstructionFinished(AddresseeEvent):
    """For this addressee it is done (办结)."""

    type: Literal["instruction_finished"] = "instruction_finished"
    at: Instant
    text: str | None = None


class InstructionPressed(AddresseeEvent):
    """It was asked for again (督办), with a new limit; with one for signing where it was not signed for."""

    type: Literal["instruction_pressed"] = "instruction_pressed"
    at: Instant
    text: str
    feedback_by: Instant
    receive_by: Instant | None = None


class InstructionDueSoon(AddresseeEvent):
    """A limit is near (即将到时). `owner` is the unit that owes the step."""

    type: Literal["instruction_due_soon"] = "instruction_due_soon"
    waits_for: Waits
    owner: str
    due_at: Instant
    late_by_s: int


class InstructionOverdue(AddresseeEvent):
    """A limit was passed. `times`: the first, second … time that this is said of it (催办)."""

    type: Literal["instruction_overdue"] = "instruction_overdue"
    waits_for: Waits
    owner: str
    due_at: Instant
    late_by_s: int
    times: int


EVENTS: tuple[type[InstructionEvent], ...] = (
    InstructionRecorded,
    InstructionConveyed,
    InstructionSignedFor,
    InstructionAnswered,
    InstructionFinished,
    InstructionPressed,
    InstructionDueSoon,
    InstructionOverdue,
)
AnyInstructionEvent = (
    InstructionRecorded
    | InstructionConveyed
    | InstructionSignedFor
    | InstructionAnswered
    | InstructionFinished
    | InstructionPressed
    | InstructionDueSoon
    | InstructionOverdue
)
