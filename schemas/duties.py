"""A unit's duty (值班): its roster, who is on, the handover, and the roll-call (点名). Commands and events.

What a duty's entries belong to is no incident but a unit: `unit`. An event's `units` are those whose streams
carry it: the unit itself and all above it; of a roll-call only who calls and who is asked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas import alarms, joint, walls
from schemas.duty_parts import LEADER as LEADER
from schemas.duty_parts import SHIFT_POSTS as SHIFT_POSTS
from schemas.duty_parts import DutyCommand as DutyCommand
from schemas.duty_parts import DutyEvent as DutyEvent
from schemas.duty_parts import ItemKind as ItemKind
from schemas.duty_parts import OnDuty as OnDuty
from schemas.duty_parts import Posted as Posted
from schemas.duty_parts import SealedFigure as SealedFigure
from schemas.duty_parts import SealedIncident as SealedIncident
from schemas.duty_parts import SheetItem as SheetItem
from schemas.duty_parts import ShiftPlace as ShiftPlace
from schemas.duty_parts import ShiftSaid as ShiftSaid
from schemas.fields import (
    Flag,
    Id,
    Instant,
    Minutes,
    Month,
    Said200,
    Said500,
    Said2000,
    Text500,
    Text2000,
    UnitCode,
)

# ---------------------------------------------------------------- commands


class PlanShifts(DutyCommand):
    """Shifts are planned (排班), up to a year at once. None may overlap another that stands."""

    name = "plan-shifts"

    shifts: Annotated[list[ShiftSaid], Field(min_length=1, max_length=800)]


class ChangeShift(DutyCommand):
    """A planned shift is changed by a duty leader. What is left out stays."""

    name = "change-shift"

    shift_id: Id
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    posts: Annotated[list[Posted], Field(min_length=1, max_length=30)] | None = None
    leader: OnDuty | None = None
    reason: Said2000


class CancelShifts(DutyCommand):
    """Planned shifts fall away (撤销排班); one that was taken over stays."""

    name = "cancel-shifts"

    shift_ids: Annotated[list[Id], Field(min_length=1, max_length=800)]
    reason: Said2000


class RequestSwap(DutyCommand):
    """Somebody cannot stand a shift (换班、替班): who instead, and what is taken in return."""

    name = "request-swap"

    swap_id: Id
    place: ShiftPlace
    substitute: OnDuty
    in_return: ShiftPlace | None = None
    reason: Said2000


class ApproveSwap(DutyCommand):
    """A duty leader decides about a swap (审批). Only then do the names on the roster change."""

    name = "approve-swap"

    swap_id: Id
    approved: Flag
    reason: Text2000 | None = None


class TakeOverShift(DutyCommand):
    """A shift begins without a handover (接班): nobody was on, or those who were are not there. Say why."""

    name = "take-over-shift"

    shift_id: Id
    at: Instant
    reason: Text2000 | None = None


class AddDutyItem(DutyCommand):
    """Something the next shift must know (值班事项): an instruction, a promise, a warning with its source."""

    name = "add-duty-item"

    item_id: Id
    kind: ItemKind
    text: Said2000
    source: Said200 | None = None
    due_at: Instant | None = None
    incident_id: Id | None = None


class SettleDutyItem(DutyCommand):
    """An item is done or no longer holds (办结): it leaves the sheet."""

    name = "settle-duty-item"

    item_id: Id
    at: Instant
    text: Text2000 | None = None


class PrepareHandover(DutyCommand):
    """The sheet of a handover (交接单) is made from the open record, for the team that comes."""

    name = "prepare-handover"

    handover_id: Id
    to_shift: Id
    remarks: Text2000 | None = None


class AcceptHandoverItem(DutyCommand):
    """The team that comes takes these items on (逐项接收), each by its id."""

    name = "accept-handover-item"

    handover_id: Id
    item_ids: Annotated[list[Said200], Field(min_length=1, max_length=2_000)]


class SignHandover(DutyCommand):
    """One side signs (签字). With the second signature the duty is the other team's, from that instant."""

    name = "sign-handover"

    handover_id: Id
    side: Literal["from", "to"]


class CallRoll(DutyCommand):
    """A roll-call (点名、抽查): every unit named is asked at once and answers for itself."""

    name = "call-roll"

    roll_id: Id
    units: Annotated[list[UnitCode], Field(min_length=1, max_length=500)]
    text: Text500 | None = None
    answer_within_min: Minutes = 5
    drill: Flag = False


class AnswerRoll(DutyCommand):
    """`unit` answers a roll-call: on its own screen, or by phone, which the caller writes down."""

    name = "answer-roll"

    roll_id: Id
    at: Instant
    by: Said500 | None = None
    channel: Literal["screen", "phone"] = "screen"


class CloseRoll(DutyCommand):
    """The roll-call is over: who has not answered is absent (未应答)."""

    name = "close-roll"

    roll_id: Id


class SealMonth(DutyCommand):
    """A month's figures of the one-hour rule are sealed (封账), once it is over, and once for ever."""

    name = "seal-month"

    month: Month


COMMANDS: tuple[type[DutyCommand], ...] = (
    PlanShifts,
    ChangeShift,
    CancelShifts,
    RequestSwap,
    ApproveSwap,
    TakeOverShift,
    AddDutyItem,
    SettleDutyItem,
    PrepareHandover,
    AcceptHandoverItem,
    SignHandover,
    CallRoll,
    AnswerRoll,
    CloseRoll,
    SealMonth,
    *alarms.COMMANDS,
    *walls.COMMANDS,
    *joint.COMMANDS,
)


# ---------------------------------------------------------------- events


class ShiftsPlanned(DutyEvent):
    """Shifts were planned (排班)."""

    type: Literal["shifts_planned"] = "shifts_planned"
    shifts: list[ShiftSaid]


class ShiftChanged(DutyEvent):
    """A planned shift is now this (调整班次)."""

    type: Literal["shift_changed"] = "shift_changed"
    shift: ShiftSaid
    reason: str


class ShiftsCancelled(DutyEvent):
    """Planned shifts fell away (撤销排班)."""

    type: Literal["shifts_cancelled"] = "shifts_cancelled"
    shift_ids: list[str]
    reason: str


class SwapRequested(DutyEvent):
    """A swap or a substitute was asked for (申请换班)."""

    type: Literal["swap_requested"] = "swap_requested"
    swap_id: str
    place: ShiftPlace
    substitute: OnDuty
    in_return: ShiftPlace | None = None
    reason: str


class SwapDecided(DutyEvent):
    """A duty leader decided about a swap (换班审批)."""

    type: Literal["swap_decided"] = "swap_decided"
    swap_id: str
    approved: bool
    reason: str | None = None


class ShiftTakenOver(DutyEvent):
    """The duty is this shift's from here on (接班). `since` is that instant, `names` who answers now."""

    type: Literal["shift_taken_over"] = "shift_taken_over"
    shift_id: str
    since: Instant
    names: list[str]
    from_shift: str | None = None
    handover_id: str | None = None
    reason: str | None = None


class DutyItemAdded(DutyEvent):
    """The next shift must know this (值班事项)."""

    type: Literal["duty_item_added"] = "duty_item_added"
    item_id: str
    kind: ItemKind
    text: str
    source: str | None = None
    due_at: Instant | None = None
    incident_id: str | None = None


class DutyItemSettled(DutyEvent):
    """An item is done or no longer holds (事项办结)."""

    type: Literal["duty_item_settled"] = "duty_item_settled"
    item_id: str
    at: Instant
    text: str | None = None


class HandoverPrepared(DutyEvent):
    """The sheet of a handover as the open record gave it (交接单)."""

    type: Literal["handover_prepared"] = "handover_prepared"
    handover_id: str
    from_shift: str | None = None
    to_shift: str
    items: list[SheetItem]
    remarks: str | None = None


class HandoverItemsAccepted(DutyEvent):
    """The team that comes took these items on (逐项接收)."""

    type: Literal["handover_items_accepted"] = "handover_items_accepted"
    handover_id: str
    item_ids: list[str]


class HandoverSigned(DutyEvent):
    """One side signed the sheet (签字). `listed`: whether the roster names them for that shift."""

    type: Literal["handover_signed"] = "handover_signed"
    handover_id: str
    side: Literal["from", "to"]
    name: str
    listed: bool


class RollCalled(DutyEvent):
    """A roll-call was made (点名): whom it asks stands in the caller's stream alone."""

    type: Literal["roll_called"] = "roll_called"
    roll_id: str
    asked: list[str]
    text: str | None = None
    answer_by: Instant
    drill: bool


class RollAsked(DutyEvent):
    """This unit is asked whether its desk is manned (点名)."""

    type: Literal["roll_asked"] = "roll_asked"
    roll_id: str
    caller: str
    text: str | None = None
    answer_by: Instant
    drill: bool


class RollAnswered(DutyEvent):
    """This unit answered (应答), on its screen or by phone. `delay_s` counts from the asking."""

    type: Literal["roll_answered"] = "roll_answered"
    roll_id: str
    caller: str
    at: Instant
    delay_s: int
    answered_by: str
    channel: Literal["screen", "phone"]


class RollUnanswered(DutyEvent):
    """This unit did not answer in time: the caller phones it (转电话)."""

    type: Literal["roll_unanswered"] = "roll_unanswered"
    roll_id: str
    caller: str
    due_at: Instant
    late_by_s: int


class RollMissed(DutyEvent):
    """The roll-call ended without this unit's answer (未应答)."""

    type: Literal["roll_missed"] = "roll_missed"
    roll_id: str
    caller: str


class RollClosed(DutyEvent):
    """The roll-call is over (点名结束): how many answered, and who did not."""

    type: Literal["roll_closed"] = "roll_closed"
    roll_id: str
    answered: int
    absent: list[str]


class MonthSealed(DutyEvent):
    """A month's figures were sealed (封账): by whom, under which rules (their SHA-256), and what counted."""

    type: Literal["month_sealed"] = "month_sealed"
    month: str
    name: str
    rules: str | None = None
    final: SealedFigure
    initial: SealedFigure
    incidents: list[SealedIncident]


class DutyUnmanned(DutyEvent):
    """Nobody is on duty (无人值班): nobody is planned, or nobody took the shift over. `to`: who may know."""

    type: Literal["duty_unmanned"] = "duty_unmanned"
    why: Literal["nobody_planned", "not_taken_over"]
    shift_id: str
    due_at: Instant
    late_by_s: int
    to: list[str]


class HandoverLate(DutyEvent):
    """A shift has begun and was not handed over (交接超时): the team before it still answers."""

    type: Literal["handover_late"] = "handover_late"
    shift_id: str
    due_at: Instant
    late_by_s: int
    to: list[str]


class DutyItemOverdue(DutyEvent):
    """An item's time has passed (事项超时). `to`: who is on duty."""

    type: Literal["duty_item_overdue"] = "duty_item_overdue"
    item_id: str
    due_at: Instant
    late_by_s: int
    to: list[str]


EVENTS: tuple[type[DutyEvent], ...] = (
    ShiftsPlanned,
    ShiftChanged,
    ShiftsCancelled,
    SwapRequested,
    SwapDecided,
    ShiftTakenOver,
    DutyItemAdded,
    DutyItemSettled,
    HandoverPrepared,
    HandoverItemsAccepted,
    HandoverSigned,
    RollCalled,
    RollAsked,
    RollAnswered,
    RollUnanswered,
    RollMissed,
    RollClosed,
    MonthSealed,
    DutyUnmanned,
    HandoverLate,
    DutyItemOverdue,
    *alarms.EVENTS,
    *walls.EVENTS,
    *joint.EVENTS,
)

AnyDutyEvent = (
    ShiftsPlanned
    | ShiftChanged
    | ShiftsCancelled
    | SwapRequested
    | SwapDecided
    | ShiftTakenOver
    | DutyItemAdded
    | DutyItemSettled
    | HandoverPrepared
    | HandoverItemsAccepted
    | HandoverSigned
    | RollCalled
    | RollAsked
    | RollAnswered
    | RollUnanswered
    | RollMissed
    | RollClosed
    | MonthSealed
    | DutyUnmanned
    | HandoverLate
    | DutyItemOverdue
    | alarms.AnyAlarmEvent
    | walls.AnyWallEvent
    | joint.AnyJointEvent
)
