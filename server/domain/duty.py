"""A unit's duty (值班) as its log tells it: roster, swaps, who is on, items, handover, roll-calls.

`apply` folds one entry in. Like an incident's fold it never refuses and asks neither clock nor unit tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from schemas import alarms as al
from schemas import duties as du
from schemas import joint as jd
from schemas import walls as wa
from schemas.events import LogEntry
from server.domain import alarm_state, joint, walls
from server.domain.alarm_state import Alarm, Silence


@dataclass(slots=True)
class Shift:
    """A shift (班次) as it stands, and what became of it. `planned_at`: since when it says what it says."""

    shift_id: str
    starts_at: datetime
    ends_at: datetime
    posts: tuple[du.Posted, ...]
    leader: du.OnDuty | None
    planned_at: datetime
    is_cancelled: bool = False
    taken_at: datetime | None = None
    taken_by: str | None = None
    ended_at: datetime | None = None
    is_noted_late: bool = False  # nobody took it over in time, and the log says so
    is_noted_gap: bool = False  # nobody is planned after it, and the log says so

    def names(self) -> list[str]:
        """Everybody on it, the leader last."""
        people = [one.name for one in self.posts] + ([self.leader.name] if self.leader else [])
        return list(dict.fromkeys(people))

    def has(self, place: du.ShiftPlace) -> bool:
        return any(post == place.post and one.name == place.name for post, one in self.places())

    def places(self) -> list[tuple[str, du.OnDuty]]:
        """(post, person), the leader's post by its own word."""
        made: list[tuple[str, du.OnDuty]] = [(one.post, one) for one in self.posts]
        return made + ([(du.LEADER, self.leader)] if self.leader else [])

    def put(self, place: du.ShiftPlace, person: du.OnDuty) -> None:
        """`person` instead of whoever holds this place."""
        if place.post == du.LEADER:
            self.leader = person
            return
        fresh = du.Posted(post=place.post, name=person.name, phone=person.phone, person_id=person.person_id)
        self.posts = tuple(
            fresh if (one.post, one.name) == (place.post, place.name) else one for one in self.posts
        )


@dataclass(slots=True)
class Swap:
    """A swap (换班) that was asked for. `approved` None: nobody has decided yet."""

    swap_id: str
    place: du.ShiftPlace
    substitute: du.OnDuty
    in_return: du.ShiftPlace | None
    reason: str
    by: str
    asked_at: datetime
    approved: bool | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    why: str | None = None


@dataclass(slots=True)
class Item:
    """Something the next shift must know (值班事项)."""

    item_id: str
    kind: str
    text: str
    due_at: datetime | None
    incident_id: str | None
    by: str
    added_at: datetime
    settled_at: datetime | None = None
    settled_by: str | None = None
    is_noted_late: bool = False
    source: str | None = None  # who issued it


@dataclass(slots=True)
class Handover:
    """The latest sheet (交接单): what stands on it, what was taken on, who signed."""

    handover_id: str
    from_shift: str | None
    to_shift: str
    items: dict[str, du.SheetItem]
    remarks: str | None
    by: str
    prepared_at: datetime
    accepted: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    signed: dict[str, tuple[str, datetime, bool]] = field(default_factory=dict)  # by side: who, when, listed

    @property
    def is_done(self) -> bool:
        return len(self.signed) == 2

    def missing(self) -> list[str]:
        """What of the sheet nobody has taken on yet."""
        return [one for one in self.items if one not in self.accepted]


@dataclass(slots=True)
class Asked:
    """A roll-call that asks this unit."""

    roll_id: str
    caller: str
    text: str | None
    drill: bool
    asked_at: datetime
    answer_by: datetime
    answered_at: datetime | None = None
    answered_by: str | None = None
    delay_s: int | None = None
    channel: str | None = None
    unanswered_at: datetime | None = None  # when the log said that it is late
    is_missed: bool = False

    @property
    def is_open(self) -> bool:
        return self.answered_at is None and not self.is_missed


@dataclass(slots=True)
class Roll:
    """A roll-call that this unit made."""

    roll_id: str
    asked: tuple[str, ...]
    text: str | None
    drill: bool
    called_at: datetime
    answer_by: datetime
    by: str
    closed_at: datetime | None = None
    answered: int = 0
    absent: tuple[str, ...] = ()


@dataclass(slots=True)
class Sealed:
    """A month whose figures were sealed (封账): they stay whatever becomes of the incidents."""

    month: str
    name: str
    sealed_at: datetime
    rules: str | None
    final: du.SealedFigure
    initial: du.SealedFigure
    incidents: tuple[du.SealedIncident, ...]


@dataclass(slots=True)
class Duty:
    """Everything that deciding about a unit's duty needs."""

    unit: str
    version: int = 0
    changed_at: datetime | None = None
    shifts: dict[str, Shift] = field(default_factory=dict)
    current: str | None = None  # the shift that answers now
    since: datetime | None = None
    swaps: dict[str, Swap] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    handover: Handover | None = None
    handovers: set[str] = field(default_factory=set)
    asked: dict[str, Asked] = field(default_factory=dict)
    rolls: dict[str, Roll] = field(default_factory=dict)
    sealed: dict[str, Sealed] = field(default_factory=dict)  # by month
    alarms: dict[str, Alarm] = field(default_factory=dict)
    calling: dict[str, Alarm] = field(default_factory=dict, compare=False)  # may hold some that are over
    silent: dict[str, Silence] = field(default_factory=dict)  # channels by which nothing gets out
    wall: walls.Wall = field(default_factory=walls.Wall)
    joint: dict[str, joint.Period] = field(default_factory=dict)  # joint duties that this unit opened

    def standing(self) -> list[Shift]:
        """The shifts that stand, in their order."""
        return sorted(
            (one for one in self.shifts.values() if not one.is_cancelled), key=lambda one: one.starts_at
        )

    def planned(self, at: datetime) -> Shift | None:
        """The shift that the roster has for a moment."""
        return next(
            (
                one
                for one in self.shifts.values()
                if not one.is_cancelled and one.starts_at <= at < one.ends_at
            ),
            None,
        )

    def on(self) -> Shift | None:
        """The shift that answers: the one taken over last, until another is."""
        return self.shifts[self.current] if self.current is not None else None

    def names(self) -> list[str]:
        on = self.on()
        return on.names() if on else []

    def open_alarms(self) -> list[Alarm]:
        """Asked for with every write: those that are over are left behind, not looked through for years."""
        self.calling = {key: one for key, one in self.calling.items() if one.is_open}
        return list(self.calling.values())

    def open_items(self) -> list[Item]:
        return [one for one in self.items.values() if one.settled_at is None]


def fold(unit: str, entries: Iterable[LogEntry]) -> Duty:
    """The state that these entries of one unit's duty, in order, amount to."""
    duty = Duty(unit)
    for entry in entries:
        assert isinstance(entry.event, du.DutyEvent)
        apply(duty, entry.event, entry.by, entry.recorded_at)
    return duty


def apply(duty: Duty, event: du.DutyEvent, by: str, at: datetime) -> None:  # a flat match over events
    """Fold what `by` wrote down at `at` into the duty."""
    duty.version += 1
    duty.changed_at = at
    match event:
        case du.ShiftsPlanned():
            for said in event.shifts:
                duty.shifts[said.shift_id] = _shift(said, at)
        case du.ShiftChanged():
            _change(duty.shifts[event.shift.shift_id], event.shift, at)
        case du.ShiftsCancelled():
            for shift_id in event.shift_ids:
                duty.shifts[shift_id].is_cancelled = True
        case du.SwapRequested():
            duty.swaps[event.swap_id] = Swap(
                event.swap_id, event.place, event.substitute, event.in_return, event.reason, by, at
            )
        case du.SwapDecided():
            swap = duty.swaps[event.swap_id]
            swap.approved, swap.decided_by, swap.decided_at, swap.why = event.approved, by, at, event.reason
            if event.approved:
                _swap(duty, swap)
        case du.ShiftTakenOver():
            if duty.current is not None:
                duty.shifts[duty.current].ended_at = event.since
            shift = duty.shifts[event.shift_id]
            shift.taken_at, shift.taken_by = event.since, by
            duty.current, duty.since = event.shift_id, event.since
        case du.DutyItemAdded():
            duty.items[event.item_id] = Item(
                event.item_id,
                event.kind,
                event.text,
                event.due_at,
                event.incident_id,
                by,
                at,
                source=event.source,
            )
        case du.DutyItemSettled():
            item = duty.items[event.item_id]
            item.settled_at, item.settled_by = event.at, by
        case du.HandoverPrepared():
            duty.handovers.add(event.handover_id)
            items = {one.item_id: one for one in event.items}
            duty.handover = Handover(
                event.handover_id, event.from_shift, event.to_shift, items, event.remarks, by, at
            )
        case du.HandoverItemsAccepted():
            assert duty.handover is not None
            for item_id in event.item_ids:
                duty.handover.accepted[item_id] = (by, at)
        case du.HandoverSigned():
            assert duty.handover is not None
            duty.handover.signed[event.side] = (event.name, at, event.listed)
        case du.RollCalled():
            duty.rolls[event.roll_id] = Roll(
                event.roll_id, tuple(event.asked), event.text, event.drill, at, event.answer_by, by
            )
        case du.RollAsked():
            duty.asked[event.roll_id] = Asked(
                event.roll_id, event.caller, event.text, event.drill, at, event.answer_by
            )
        case du.RollAnswered():
            asked = duty.asked[event.roll_id]
            asked.answered_at, asked.answered_by = event.at, event.answered_by
            asked.delay_s, asked.channel = event.delay_s, event.channel
        case du.RollUnanswered():
            duty.asked[event.roll_id].unanswered_at = at
        case du.RollMissed():
            duty.asked[event.roll_id].is_missed = True
        case du.RollClosed():
            roll = duty.rolls[event.roll_id]
            roll.closed_at, roll.answered, roll.absent = at, event.answered, tuple(event.absent)
        case du.MonthSealed():
            duty.sealed[event.month] = Sealed(
                event.month,
                event.name,
                at,
                event.rules,
                event.final,
                event.initial,
                tuple(event.incidents),
            )
        case du.DutyUnmanned(why="nobody_planned"):
            duty.shifts[event.shift_id].is_noted_gap = True
        case du.DutyUnmanned() | du.HandoverLate():
            duty.shifts[event.shift_id].is_noted_late = True
        case du.DutyItemOverdue():
            duty.items[event.item_id].is_noted_late = True
        case jd.JointEvent():
            joint.fold(duty.joint, event, by, at)
        case al.AlarmRaised():
            alarm_state.fold(duty.alarms, duty.silent, event, at)
            duty.calling[event.alarm_id] = duty.alarms[event.alarm_id]
        case (
            al.AlarmCalled() | al.AlarmTaken() | al.AlarmSettled() | al.ChannelFailed() | al.ChannelRestored()
        ):
            alarm_state.fold(duty.alarms, duty.silent, event, at)
        case wa.WallArranged() | wa.WallShown():
            walls.fold(duty.wall, event, at)
        case _:
            raise AssertionError(f"{event.type} is not folded")


def _shift(said: du.ShiftSaid, at: datetime) -> Shift:
    return Shift(said.shift_id, said.starts_at, said.ends_at, tuple(said.posts), said.leader, at)


def _change(shift: Shift, said: du.ShiftSaid, at: datetime) -> None:
    """Other times are a new plan: what was noted of the old one counts no more."""
    if (shift.starts_at, shift.ends_at) != (said.starts_at, said.ends_at):
        shift.planned_at, shift.is_noted_late, shift.is_noted_gap = at, False, False
    shift.starts_at, shift.ends_at = said.starts_at, said.ends_at
    shift.posts, shift.leader = tuple(said.posts), said.leader


def _swap(duty: Duty, swap: Swap) -> None:
    """Exactly these two places change hands, and no others: a swap does not drift."""
    back = _holder(duty, swap.place)
    duty.shifts[swap.place.shift_id].put(swap.place, swap.substitute)
    if swap.in_return is not None and back is not None:
        duty.shifts[swap.in_return.shift_id].put(swap.in_return, back)


def _holder(duty: Duty, place: du.ShiftPlace) -> du.OnDuty | None:
    for post, one in duty.shifts[place.shift_id].places():
        if (post, one.name) == (place.post, place.name):
            return du.OnDuty(name=one.name, phone=one.phone, person_id=one.person_id)
    return None
