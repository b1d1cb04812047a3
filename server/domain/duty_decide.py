"""Decide about a unit's duty: its state and a command in, events or a refusal out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from schemas import alarms as al
from schemas import duties as du
from schemas import joint as jd
from schemas import walls as wa
from server.domain import handover, joint_decide, roll_calls, sealing, walls
from server.domain.decide import FIRST_YEAR, FUTURE_TOLERANCE, LAST_YEAR, Refused
from server.domain.duty import Duty, Shift
from server.domain.duty_context import DutyContext

#: Nobody stands a shift of more than three days; what is longer is a slip of the keyboard.
LONGEST = timedelta(hours=72)


def decide(duty: Duty, command: du.DutyCommand, context: DutyContext) -> list[du.DutyEvent]:
    """What the command amounts to: events for this unit's duty, of a roll-call for others' too."""
    _refuse_strangers(command, context)
    _refuse_impossible_years(command)
    at = getattr(command, "at", None)
    if isinstance(at, datetime) and at > context.now + FUTURE_TOLERANCE:
        raise Refused("time-in-the-future", "/at")
    units = list(context.tree.ancestors(duty.unit))
    match command:
        case jd.JointCommand():
            return joint_decide.decide(duty, command, context)
        case du.PlanShifts():
            _refuse_bad_shifts(duty, command.shifts, context)
            return [du.ShiftsPlanned(unit=duty.unit, units=units, shifts=command.shifts)]
        case du.ChangeShift():
            return _change(duty, command, units)
        case du.CancelShifts():
            for index, shift_id in enumerate(command.shift_ids):
                handover.coming(duty, shift_id, f"/shift_ids/{index}")
            fallen = list(dict.fromkeys(command.shift_ids))
            return [du.ShiftsCancelled(unit=duty.unit, units=units, shift_ids=fallen, reason=command.reason)]
        case du.RequestSwap():
            return _request(duty, command, units)
        case du.ApproveSwap():
            return _approve(duty, command, units)
        case du.TakeOverShift():
            return _take_over(duty, command, context, units)
        case du.AddDutyItem():
            if command.item_id in duty.items:
                raise Refused("item-exists", "/item_id", kind="conflict")
            return [
                du.DutyItemAdded(
                    unit=duty.unit,
                    units=units,
                    item_id=command.item_id,
                    kind=command.kind,
                    text=command.text,
                    source=command.source,
                    due_at=command.due_at,
                    incident_id=command.incident_id,
                )
            ]
        case du.SettleDutyItem():
            item = duty.items.get(command.item_id)
            if item is None:
                raise Refused("no-such-item", "/item_id", kind="missing")
            if item.settled_at is not None:
                return []
            return [
                du.DutyItemSettled(
                    unit=duty.unit, units=units, item_id=command.item_id, at=command.at, text=command.text
                )
            ]
        case du.PrepareHandover():
            return handover.prepare(duty, command, context)
        case du.AcceptHandoverItem():
            return handover.accept(duty, command, context)
        case du.SignHandover():
            return handover.sign(duty, command, context)
        case du.CallRoll():
            return roll_calls.call(duty, command, context)
        case du.AnswerRoll():
            return roll_calls.answer(duty, command, context)
        case du.CloseRoll():
            return roll_calls.close(duty, command, context)
        case du.SealMonth():
            return sealing.seal(duty, command, context)
        case al.TakeAlarm():
            return _take_alarm(duty, command, context)
        case wa.ArrangeWall() | wa.ShowOnWall():
            return [*walls.decide(duty.wall, command, duty.unit)]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _refuse_impossible_years(said: object, pointer: str = "") -> None:
    """A year that nobody can mean: what reckons with it would leave the calendar, and end a whole round."""
    match said:
        case datetime():
            if not FIRST_YEAR <= said.year <= LAST_YEAR:
                raise Refused("time-out-of-range", pointer)
        case BaseModel():
            for name, value in said.__dict__.items():
                _refuse_impossible_years(value, f"{pointer}/{name}")
        case list() | tuple():
            for index, value in enumerate(said):
                _refuse_impossible_years(value, f"{pointer}/{index}")


def _refuse_strangers(command: du.DutyCommand, context: DutyContext) -> None:
    """A desk keeps its own roster. What lies below is seen, and not its to change; the rest is not found."""
    mine = context.author.unit
    if command.unit == mine or isinstance(command, du.AnswerRoll):
        return
    if isinstance(command, jd.JointCommand) and command.unit in context.tree:
        return  # whoever has a seat acts in it, and to the rest there is no such period
    if context.tree.covers(mine, command.unit):
        raise Refused("not-your-unit", "/unit", kind="forbidden")
    raise Refused("no-such-unit", "/unit", kind="missing", unit=command.unit)


def _refuse_bad_shifts(duty: Duty, said: Sequence[du.ShiftSaid], context: DutyContext) -> None:
    ids: set[str] = set()
    others = context.taken([one.shift_id for one in said])  # a row is known by its id, whoever chose it
    for index, one in enumerate(said):
        if one.shift_id in duty.shifts or one.shift_id in ids or one.shift_id in others:
            raise Refused("shift-exists", f"/shifts/{index}/shift_id", kind="conflict")
        ids.add(one.shift_id)
        _refuse_bad_times(one.starts_at, one.ends_at, f"/shifts/{index}/ends_at")
    taken = [(one.starts_at, one.ends_at, -1) for one in duty.standing()]
    taken += [(one.starts_at, one.ends_at, index) for index, one in enumerate(said)]
    _refuse_overlap(taken, "/shifts/{}/starts_at")


def _refuse_overlap(spans: Iterable[tuple[datetime, datetime, int]], pointer: str) -> None:
    """-1 marks what stood before: the other one is named."""
    before: tuple[datetime, datetime, int] | None = None
    for span in sorted(spans):
        if before is not None and span[0] < before[1]:
            raise Refused("shifts-overlap", pointer.format(max(span[2], before[2])))
        before = span


def _refuse_bad_times(starts_at: datetime, ends_at: datetime, pointer: str) -> None:
    if ends_at <= starts_at:
        raise Refused("ends-before-it-starts", pointer)
    if ends_at - starts_at > LONGEST:
        raise Refused("shift-too-long", pointer)


def _change(duty: Duty, command: du.ChangeShift, units: list[str]) -> list[du.DutyEvent]:
    shift = duty.shifts.get(command.shift_id)
    if shift is None or shift.is_cancelled:
        raise Refused("no-such-shift", "/shift_id", kind="missing")
    if shift.ended_at is not None:
        raise Refused("shift-over", "/shift_id", kind="conflict")
    starts_at, ends_at = command.starts_at or shift.starts_at, command.ends_at or shift.ends_at
    _refuse_bad_times(starts_at, ends_at, "/ends_at")
    others = [(one.starts_at, one.ends_at, -1) for one in duty.standing() if one is not shift]
    _refuse_overlap([*others, (starts_at, ends_at, 0)], "/starts_at")
    fresh = du.ShiftSaid(
        shift_id=shift.shift_id,
        starts_at=starts_at,
        ends_at=ends_at,
        posts=command.posts or list(shift.posts),
        leader=command.leader if "leader" in command.model_fields_set else shift.leader,
    )
    return [du.ShiftChanged(unit=duty.unit, units=units, shift=fresh, reason=command.reason)]


def _placed(duty: Duty, place: du.ShiftPlace, pointer: str) -> Shift:
    """The shift in which somebody holds this place, if it is not over."""
    shift = duty.shifts.get(place.shift_id)
    if shift is None or shift.is_cancelled:
        raise Refused("no-such-shift", f"{pointer}/shift_id", kind="missing")
    if shift.ended_at is not None:
        raise Refused("shift-over", f"{pointer}/shift_id", kind="conflict")
    if not shift.has(place):
        raise Refused("not-on-that-post", f"{pointer}/name", name=place.name)
    return shift


def _request(duty: Duty, command: du.RequestSwap, units: list[str]) -> list[du.DutyEvent]:
    if command.swap_id in duty.swaps:
        raise Refused("swap-exists", "/swap_id", kind="conflict")
    _placed(duty, command.place, "/place")
    if command.in_return is not None:
        _placed(duty, command.in_return, "/in_return")
        if command.in_return.name != command.substitute.name:
            raise Refused("swap-of-others", "/in_return/name")
    return [
        du.SwapRequested(
            unit=duty.unit,
            units=units,
            swap_id=command.swap_id,
            place=command.place,
            substitute=command.substitute,
            in_return=command.in_return,
            reason=command.reason,
        )
    ]


def _approve(duty: Duty, command: du.ApproveSwap, units: list[str]) -> list[du.DutyEvent]:
    swap = duty.swaps.get(command.swap_id)
    if swap is None:
        raise Refused("no-such-swap", "/swap_id", kind="missing")
    if swap.approved is not None:
        raise Refused("swap-decided", "/swap_id", kind="conflict")
    if command.approved:  # the roster may have changed since it was asked for
        _placed(duty, swap.place, "/swap_id")
        if swap.in_return is not None:
            _placed(duty, swap.in_return, "/swap_id")
    return [
        du.SwapDecided(
            unit=duty.unit,
            units=units,
            swap_id=command.swap_id,
            approved=command.approved,
            reason=command.reason,
        )
    ]


def _take_over(
    duty: Duty, command: du.TakeOverShift, context: DutyContext, units: list[str]
) -> list[du.DutyEvent]:
    shift = handover.coming(duty, command.shift_id, "/shift_id")
    handover.refuse_out_of_time(shift, context.now, "/shift_id")
    if duty.current is not None and not (command.reason or "").strip():
        raise Refused("reason-without-handover", "/reason")
    return [
        du.ShiftTakenOver(
            unit=duty.unit,
            units=units,
            shift_id=shift.shift_id,
            since=context.now,
            names=shift.names(),
            from_shift=duty.current,
            reason=command.reason,
        )
    ]


def _take_alarm(duty: Duty, command: al.TakeAlarm, context: DutyContext) -> list[du.DutyEvent]:
    """What is over, or taken by the same person, needs no second word; taken by another it is theirs."""
    alarm = duty.alarms.get(command.alarm_id)
    if alarm is None:
        raise Refused("no-such-alarm", "/alarm_id", kind="missing")
    name = context.signer(command)
    if alarm.taken_by is not None and alarm.taken_by != name:
        raise Refused("alarm-taken", "/alarm_id", kind="conflict", name=alarm.taken_by)
    if not alarm.is_open:
        return []
    return [
        al.AlarmTaken(
            unit=duty.unit,
            units=[duty.unit],
            alarm_id=command.alarm_id,
            name=name,
            at=command.at,
            text=command.text,
        )
    ]
