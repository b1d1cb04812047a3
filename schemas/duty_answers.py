"""What is read of duties: who is on, the roster, handovers and roll-calls, for the documents."""

from __future__ import annotations

from typing import Literal

from schemas.alarms import AlarmKind, Rung
from schemas.bases import Shown
from schemas.duties import ItemKind, OnDuty, Posted, SheetItem, ShiftPlace
from schemas.fields import Instant

Outcome = Literal["in_time", "late", "by_phone", "missed", "unanswered", "waiting"]


class ShiftShown(Shown):
    """A shift of the roster, and what became of it."""

    shift_id: str
    unit: str
    starts_at: Instant
    ends_at: Instant
    posts: list[Posted]
    leader: OnDuty | None
    cancelled: bool
    taken_at: Instant | None
    taken_by: str | None
    ended_at: Instant | None


class Accepted(Shown):
    """Who took an item on, and when."""

    by: str
    at: Instant


class Signature(Shown):
    """Who signed for a side. `listed`: whether the roster names them for that shift."""

    name: str
    at: Instant
    listed: bool


class HandoverShown(Shown):
    """The latest handover sheet: its items as they stood, who took them on, who signed."""

    handover_id: str
    from_shift: str | None
    to_shift: str
    remarks: str | None
    by: str
    prepared_at: Instant
    is_done: bool
    items: list[SheetItem]
    accepted: dict[str, Accepted]
    signed: dict[Literal["from", "to"], Signature]


class ItemShown(Shown):
    """Something the next shift must know, not settled yet."""

    item_id: str
    kind: ItemKind
    text: str
    source: str | None
    due_at: Instant | None
    incident_id: str | None
    by: str
    added_at: Instant


class SwapShown(Shown):
    """A swap that nobody has decided yet."""

    swap_id: str
    place: ShiftPlace
    substitute: OnDuty
    in_return: ShiftPlace | None
    reason: str
    by: str
    asked_at: Instant


class AskedShown(Shown):
    """A roll-call that waits for this unit's answer."""

    roll_id: str
    caller: str
    text: str | None
    drill: bool
    asked_at: Instant
    answer_by: Instant


class NextCall(Shown):
    """Whom an alarm calls next, and when, if nobody takes it. `names` where no roster says it."""

    to: Rung
    at: Instant
    names: list[str]


class AlarmShown(Shown):
    """An alarm that nobody has taken; `called` so far. Without a `next` nobody further is called."""

    alarm_id: str
    kind: AlarmKind
    text: str
    text_en: str
    incident_id: str | None
    number: str | None
    title: str | None
    drill: bool
    due_at: Instant
    raised_at: Instant
    called: list[str]
    next: NextCall | None


class SilentChannel(Shown):
    """A channel by which nothing gets out, since when, and why."""

    channel: str
    name: str
    fault: str
    since: Instant


class DutyShown(Shown):
    """A unit's duty. `on` answers now; without `taken_over` that is only what the roster says."""

    unit: str
    as_of: Instant
    on: ShiftShown | None
    taken_over: bool
    next: ShiftShown | None
    since: Instant | None
    handover: HandoverShown | None
    items: list[ItemShown]
    swaps: list[SwapShown]
    asked: list[AskedShown]
    alarms: list[AlarmShown]
    silent: list[SilentChannel]


class ShiftList(Shown):
    """The roster of some days: the shifts that stand, in their order."""

    unit: str
    shifts: list[ShiftShown]


class RollAnswerShown(Shown):
    """What became of one unit's answer. `delay_s` counts from the asking."""

    unit: str
    outcome: Outcome
    answered_at: Instant | None
    answered_by: str | None
    delay_s: int | None
    channel: Literal["screen", "phone"] | None
    unanswered_at: Instant | None


class RollCallShown(Shown):
    """A roll-call that the caller's unit made, or was asked in: then with its own answer only."""

    roll_id: str
    caller: str
    text: str | None
    drill: bool
    asked_at: Instant
    answer_by: Instant
    is_open: bool
    answers: list[RollAnswerShown]


class RollCalls(Shown):
    """The last roll-calls, the newest first."""

    roll_calls: list[RollCallShown]


class DeskRolls(Shown):
    """What roll-calls came to for one desk. Delays are those of answers on the screen, in seconds."""

    unit: str
    asked: int
    in_time: int
    late: int
    by_phone: int
    missed: int
    unanswered: int
    waiting: int
    median_delay_s: float | None
    longest_delay_s: int | None


class RollStatistics(Shown):
    """What the roll-calls of some days came to, by desk; drills apart from what was meant."""

    by_unit: list[DeskRolls]
    drill: bool
    as_of: Instant
