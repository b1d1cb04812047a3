"""Joint duty (联合值守): departments on duty together for some time. Commands and events.

A period belongs to the duty of the unit that opened it. Each department called has a seat in it (席位), signs
in and out of it, hands in data at set times and asks others for help. All who have a seat see who is there;
what one asks another is carried by these two and whoever opened the period.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.duty_parts import DutyCommand, DutyEvent, OnDuty
from schemas.fields import (
    Flag,
    Frozen,
    Id,
    Instant,
    Minutes,
    Said60,
    Said200,
    Said2000,
    Text2000,
    UnitCode,
)

#: Seats of one period at most, however they were called: every unit of a city, with room.
MOST_SEATS = 200
#: By when a request is to be taken where nobody says otherwise (our own word: no rule has one).
TAKE_WITHIN_MIN = 15

JointKind = Literal[
    "flood_season",  # 汛期
    "forest_fire",  # 森林防火期
    "major_event",  # 重大活动
    "disaster",  # 重大灾害
    "other",  # 其他
]
#: What of a request is late: nobody took it (接办), or it was not answered (答复).
JointWaits = Literal["take", "answer"]
Seats = Annotated[list[UnitCode], Field(max_length=MOST_SEATS)]


# ---------------------------------------------------------------- commands


class JointCommand(DutyCommand):
    """A command on a period of joint duty; `unit` is the unit that opened it."""

    period_id: Id


class OpenJointDuty(JointCommand):
    """Departments are called to be on duty together (启动联合值守): who must come, who may."""

    name = "open-joint-duty"

    kind: JointKind
    title: Said200
    starts_at: Instant
    ends_at: Instant
    required: Annotated[list[UnitCode], Field(min_length=1, max_length=MOST_SEATS)]
    others: Seats | None = None
    drill: Flag = False


class ExtendJointDuty(JointCommand):
    """The period ends at another time, or more departments are called (延长、增补席位)."""

    name = "extend-joint-duty"

    ends_at: Instant | None = None
    required: Seats | None = None
    reason: Said2000


class CloseJointDuty(JointCommand):
    """The joint duty is over (结束联合值守); the reason says what becomes of what is still open."""

    name = "close-joint-duty"

    reason: Said2000


class SeatCommand(JointCommand):
    """A command on a seat: the department's code."""

    seat: UnitCode
    at: Instant


class TakeJointSeat(SeatCommand):
    """Somebody signs in to a seat (席位签到), or relieves whoever holds it."""

    name = "take-joint-seat"

    phone: Said60 | None = None


class LeaveJointSeat(SeatCommand):
    """Somebody signs out (签退): to whom the seat goes, or that it stays empty. What remains is frozen."""

    name = "leave-joint-seat"

    to: OnDuty | None = None
    text: Text2000 | None = None


class AskJointData(JointCommand):
    """A department is to hand in something at set times (数据报送): 水位每小时一次. `shared`: all see it."""

    name = "ask-joint-data"

    data_id: Id
    seat: UnitCode
    text: Said200
    every_min: Minutes
    first_due_at: Instant
    shared: Flag = False


class StopJointData(JointCommand):
    """This is no longer to be handed in (停止报送)."""

    name = "stop-joint-data"

    data_id: Id
    reason: Said2000


class HandInJointData(JointCommand):
    """The department hands in what is due (报数), in its own words."""

    name = "hand-in-joint-data"

    data_id: Id
    text: Said2000
    at: Instant


class RequestCommand(JointCommand):
    """A command on a request between departments."""

    request_id: Id


class AskJointRequest(RequestCommand):
    """One seat asks another for something (协办), or the desk does (交办)."""

    name = "ask-joint-request"

    to: UnitCode
    text: Said2000
    take_within_min: Minutes = TAKE_WITHIN_MIN
    answer_within_min: Minutes


class TakeJointRequest(RequestCommand):
    """Whoever was asked takes it on (接办), by name."""

    name = "take-joint-request"

    at: Instant


class AnswerJointRequest(RequestCommand):
    """Whoever was asked answers (答复), in their own words."""

    name = "answer-joint-request"

    at: Instant
    text: Said2000


class ChaseJointRequest(RequestCommand):
    """Whoever asked asks again (催办), by when."""

    name = "chase-joint-request"

    text: Said2000
    answer_within_min: Minutes


COMMANDS: tuple[type[JointCommand], ...] = (
    OpenJointDuty,
    ExtendJointDuty,
    CloseJointDuty,
    TakeJointSeat,
    LeaveJointSeat,
    AskJointData,
    StopJointData,
    HandInJointData,
    AskJointRequest,
    TakeJointRequest,
    AnswerJointRequest,
    ChaseJointRequest,
)


# ---------------------------------------------------------------- events


class Remaining(Frozen):
    """Something that is still open when a seat is left or the period closed."""

    what: Literal["request", "data"]
    id: str
    seat: str
    text: str
    due_at: Instant


class JointEvent(DutyEvent):
    """Base of what happens in a joint duty."""

    period_id: str


class JointDutyOpened(JointEvent):
    """Departments were called to be on duty together (启动联合值守)."""

    type: Literal["joint_duty_opened"] = "joint_duty_opened"
    kind: JointKind
    title: str
    starts_at: Instant
    ends_at: Instant
    required: list[str]
    others: list[str]
    drill: bool


class JointDutyExtended(JointEvent):
    """The period ends at this time now, and these were called, too (延长、增补席位): it is new to them."""

    type: Literal["joint_duty_extended"] = "joint_duty_extended"
    title: str
    starts_at: Instant
    drill: bool
    ends_at: Instant
    required: list[str]
    reason: str


class JointDutyClosed(JointEvent):
    """The joint duty is over (结束联合值守).

    `open_requests`: in old entries alone. All seats hear this one, and none is told how much others asked."""

    type: Literal["joint_duty_closed"] = "joint_duty_closed"
    reason: str
    open_requests: int | None = None


class JointDutyRanOut(JointEvent):
    """The time of a joint duty has passed and nobody closed or extended it (到期未结束)."""

    type: Literal["joint_duty_ran_out"] = "joint_duty_ran_out"
    due_at: Instant
    late_by_s: int


class JointSeatTaken(JointEvent):
    """Somebody is at a seat (席位签到). `relieved`: who held it until then."""

    type: Literal["joint_seat_taken"] = "joint_seat_taken"
    seat: str
    name: str
    phone: str | None = None
    at: Instant
    relieved: str | None = None


class JointSeatLeft(JointEvent):
    """Somebody signed out (签退): handed on `to` somebody, or the seat is empty.

    `remaining`: in old entries alone. `joint_rest_noted` tells what remains to those whom it concerns."""

    type: Literal["joint_seat_left"] = "joint_seat_left"
    seat: str
    name: str
    at: Instant
    to: str | None = None
    remaining: int | None = None


class JointRestNoted(JointEvent):
    """What remained when a seat was left (签退遗留), line by line: for the department and who called it."""

    type: Literal["joint_rest_noted"] = "joint_rest_noted"
    seat: str
    name: str
    to: str | None = None
    items: list[Remaining]
    text: str | None = None


class JointSeatEmpty(JointEvent):
    """Nobody is at a seat that must be manned (席位无人)."""

    type: Literal["joint_seat_empty"] = "joint_seat_empty"
    seat: str
    drill: bool
    due_at: Instant
    late_by_s: int


class JointDataAsked(JointEvent):
    """A department is to hand in something at set times (数据报送)."""

    type: Literal["joint_data_asked"] = "joint_data_asked"
    data_id: str
    seat: str
    text: str
    every_min: int
    first_due_at: Instant
    shared: bool


class JointDataStopped(JointEvent):
    """This is no longer to be handed in (停止报送)."""

    type: Literal["joint_data_stopped"] = "joint_data_stopped"
    data_id: str
    seat: str
    reason: str


class JointDataHandedIn(JointEvent):
    """The department handed in what was due (报数). `next_due_at`: the next time."""

    type: Literal["joint_data_handed_in"] = "joint_data_handed_in"
    data_id: str
    seat: str
    text: str
    at: Instant
    due_at: Instant
    next_due_at: Instant


class JointDataLate(JointEvent):
    """Nothing was handed in by a set time (报数超时). `missed`: times that have passed since the last one."""

    type: Literal["joint_data_late"] = "joint_data_late"
    data_id: str
    seat: str
    missed: int
    due_at: Instant
    late_by_s: int


class RequestEvent(JointEvent):
    """Something about a request between departments: whose it is, and to whom it goes."""

    request_id: str
    asked_by: str
    to: str


class JointRequestAsked(RequestEvent):
    """One seat asked another (协办), or the desk did (交办)."""

    type: Literal["joint_request_asked"] = "joint_request_asked"
    text: str
    take_by: Instant
    answer_by: Instant


class JointRequestTaken(RequestEvent):
    """Whoever was asked took it on (接办)."""

    type: Literal["joint_request_taken"] = "joint_request_taken"
    at: Instant
    name: str


class JointRequestAnswered(RequestEvent):
    """Whoever was asked answered (答复)."""

    type: Literal["joint_request_answered"] = "joint_request_answered"
    at: Instant
    name: str
    text: str


class JointRequestChased(RequestEvent):
    """It was asked for again (催办), with a new limit."""

    type: Literal["joint_request_chased"] = "joint_request_chased"
    text: str
    answer_by: Instant


class JointRequestLate(RequestEvent):
    """A limit of a request was passed (协办超时)."""

    type: Literal["joint_request_late"] = "joint_request_late"
    waits_for: JointWaits
    due_at: Instant
    late_by_s: int


EVENTS: tuple[type[JointEvent], ...] = (
    JointDutyOpened,
    JointDutyExtended,
    JointDutyClosed,
    JointDutyRanOut,
    JointSeatTaken,
    JointSeatLeft,
    JointRestNoted,
    JointSeatEmpty,
    JointDataAsked,
    JointDataStopped,
    JointDataHandedIn,
    JointDataLate,
    JointRequestAsked,
    JointRequestTaken,
    JointRequestAnswered,
    JointRequestChased,
    JointRequestLate,
)
AnyJointEvent = (
    JointDutyOpened
    | JointDutyExtended
    | JointDutyClosed
    | JointDutyRanOut
    | JointSeatTaken
    | JointSeatLeft
    | JointRestNoted
    | JointSeatEmpty
    | JointDataAsked
    | JointDataStopped
    | JointDataHandedIn
    | JointDataLate
    | JointRequestAsked
    | JointRequestTaken
    | JointRequestAnswered
    | JointRequestChased
    | JointRequestLate
)
