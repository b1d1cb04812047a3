"""The handover (交接班): the sheet from the open record, item by item, and the two signatures. Pure.

The sheet is what domain rules ask for: open incidents with what is due next, orders, the desk's own items,
what its joint duties wait for, the last roll-call. It cannot be signed by those who come while something on
it is not taken on, nor over a deadline of the next half hour that came after the sheet was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from schemas import duties as du
from server.domain.decide import Refused
from server.domain.duty import Duty, Handover, Roll, Shift
from server.domain.duty_context import DutyContext
from server.domain.incident import Incident
from server.domain.instructions import unfinished
from server.domain.joint import Period

#: A deadline that falls due within this must be taken on by name before the duty changes hands.
SOON = timedelta(minutes=30)
#: A team may come so long before its time, and no longer.
EARLIEST = timedelta(hours=6)
#: A roll-call of so long ago is still told to the next shift.
RECENT = timedelta(hours=24)


def of_incident(incident: Incident, unit: str) -> list[du.SheetItem]:
    """What an open incident gives the sheet of a unit: itself, the reports the unit owes, the orders open,
    the instructions that it gave or is to carry out."""
    level = incident.final_level or incident.reporting_level
    last = max(incident.reports.values(), key=lambda one: one.sent_at, default=None)
    facts = incident.facts()
    line = partial(
        du.SheetItem,
        incident_id=incident.id,
        number=incident.number,
        title=incident.title,
        drill=incident.drill,
        level=str(level) if level else None,
    )
    made = [
        line(
            item_id=f"incident:{incident.id}",
            block="incident",
            last_stage=str(last.stage) if last else None,
            last_sent_at=last.sent_at if last else None,
            evacuated=facts.get("evacuated"),
            to_evacuate=facts.get("to_evacuate"),
        )
    ]
    made += [
        line(
            item_id=f"report:{owed.obligation_id}",
            block="report",
            stage=str(owed.stage),
            channel=owed.channel,
            recipient=owed.recipient,
            due_at=owed.due_at,
        )
        for owed in incident.obligations.values()
        if owed.is_open and owed.sender == unit
    ]
    made += [
        line(
            item_id=f"order:{order.order_id}",
            block="order",
            recipient=order.to,
            text=order.text,
            due_at=order.report_by if order.acknowledged_at else order.acknowledge_by or order.report_by,
        )
        for order in incident.orders.values()
        if order.reported_at is None
    ]
    made += [
        line(
            item_id=f"instruction:{one.addressee_id}",
            block="instruction",
            recipient=one.unit,
            post=one.post,
            leader=whole.leader,
            given_at=whole.given_at,
            step=one.step,
            text=whole.text,
            due_at=one.clock.due_at if one.clock else None,
        )
        for whole, one in unfinished(incident.instructions)
        if unit in (whole.unit, one.unit)
    ]
    return made


def of_duty(duty: Duty, now: datetime, other: Callable[[str], Duty]) -> list[du.SheetItem]:
    """What the desk itself hands on: its open items, what its joint duties wait for, its last roll-call."""
    made = [
        du.SheetItem.model_validate(
            {
                "item_id": f"item:{item.item_id}",
                "block": item.kind,
                "text": item.text,
                "source": item.source,
                "due_at": item.due_at,
                "incident_id": item.incident_id,
            }
        )
        for item in duty.open_items()
    ]
    made += [item for period in duty.joint.values() if period.is_open for item in _of_joint(period, now)]
    last = max(duty.rolls.values(), key=lambda one: one.called_at, default=None)
    if last is not None and now - last.called_at <= RECENT:
        made.append(_of_roll(last, other))
    return made


def _of_joint(period: Period, now: datetime) -> Iterator[du.SheetItem]:
    """Of a joint duty that this desk called: requests not answered, data that is late, seats that are empty
    and must not be, and what the last one at a seat left behind."""
    line = partial(du.SheetItem, block="joint", title=period.title, drill=period.drill)
    key = f"joint:{period.period_id}"
    for one in period.requests.values():
        if one.is_open:
            yield line(
                item_id=f"{key}:request:{one.request_id}",
                step="request",
                recipient=one.to,
                text=one.text,
                due_at=one.answer_by if one.taken_at else min(one.take_by, one.answer_by),
            )
    for data in period.data.values():
        if data.stopped_at is None and data.due_at < min(now, period.ends_at):
            yield line(
                item_id=f"{key}:data:{data.data_id}:{data.due_at.isoformat()}",
                step="data",
                recipient=data.seat,
                text=data.text,
                due_at=data.due_at,
            )
    for seat in period.seats.values():
        is_missed = seat.required and period.starts_at <= now < period.ends_at
        if seat.name is None and (is_missed or seat.rest):
            yield line(
                item_id=f"{key}:seat:{seat.seat}",
                step="missing" if is_missed else "seat",
                recipient=seat.seat,
                text=seat.rest,
            )


def _of_roll(roll: Roll, other: Callable[[str], Duty]) -> du.SheetItem:
    absent = [unit for unit in roll.asked if other(unit).asked[roll.roll_id].answered_at is None]
    return du.SheetItem(
        item_id=f"roll:{roll.roll_id}",
        block="roll_call",
        drill=roll.drill,
        answered=len(roll.asked) - len(absent),
        absent=absent,
        due_at=None,
    )


def prepare(duty: Duty, command: du.PrepareHandover, context: DutyContext) -> list[du.DutyEvent]:
    if command.handover_id in duty.handovers:
        raise Refused("handover-exists", "/handover_id", kind="conflict")
    shift = coming(duty, command.to_shift, "/to_shift")
    refuse_out_of_time(shift, context.now, "/to_shift")
    return [
        du.HandoverPrepared(
            unit=duty.unit,
            units=list(context.tree.ancestors(duty.unit)),
            handover_id=command.handover_id,
            from_shift=duty.current,
            to_shift=shift.shift_id,
            items=context.record(),
            remarks=command.remarks,
        )
    ]


def coming(duty: Duty, shift_id: str, pointer: str) -> Shift:
    """A shift that may still be taken over."""
    shift = duty.shifts.get(shift_id)
    if shift is None or shift.is_cancelled:
        raise Refused("no-such-shift", pointer, kind="missing")
    if shift.taken_at is not None:
        raise Refused("shift-taken-over", pointer, kind="conflict")
    return shift


def refuse_out_of_time(shift: Shift, now: datetime, pointer: str) -> None:
    """Nobody takes over what is over, or what begins tomorrow."""
    if shift.ends_at <= now:
        raise Refused("shift-over", pointer, kind="conflict")
    if shift.starts_at - now > EARLIEST:
        raise Refused("shift-too-early", pointer)


def accept(duty: Duty, command: du.AcceptHandoverItem, context: DutyContext) -> list[du.DutyEvent]:
    handover = _open(duty, command.handover_id)
    known = {*handover.items, *(one.item_id for one in context.record())}
    for index, item_id in enumerate(command.item_ids):
        if item_id not in known:
            raise Refused("no-such-item", f"/item_ids/{index}", kind="missing")
    fresh = [one for one in dict.fromkeys(command.item_ids) if one not in handover.accepted]
    if not fresh:
        return []
    return [
        du.HandoverItemsAccepted(
            unit=duty.unit,
            units=list(context.tree.ancestors(duty.unit)),
            handover_id=command.handover_id,
            item_ids=fresh,
        )
    ]


def _open(duty: Duty, handover_id: str) -> Handover:
    handover = duty.handover
    if handover_id not in duty.handovers:
        raise Refused("no-such-handover", "/handover_id", kind="missing")
    if handover is None or handover.handover_id != handover_id or handover.is_done:
        raise Refused("handover-over", "/handover_id", kind="conflict")
    return handover


def sign(duty: Duty, command: du.SignHandover, context: DutyContext) -> list[du.DutyEvent]:
    """With the second signature the duty is the other team's, from that instant."""
    handover, name = _open(duty, command.handover_id), context.signer(command)
    if command.side in handover.signed:
        raise Refused("handover-signed", "/side", kind="conflict")
    if any(name == other for other, _at, _listed in handover.signed.values()):
        raise Refused("handover-one-hand", "/side", name=name)
    shift = coming(duty, handover.to_shift, "/handover_id")
    if command.side == "to":
        _refuse_what_is_not_taken_on(handover, context)
    elif "to" in handover.signed:  # time has passed since those who come signed
        _refuse_new_deadlines(handover, context)
    team = duty.on() if command.side == "from" else shift
    units = list(context.tree.ancestors(duty.unit))
    signed = du.HandoverSigned(
        unit=duty.unit,
        units=units,
        handover_id=command.handover_id,
        side=command.side,
        name=name,
        listed=team is not None and name in team.names(),
    )
    if not handover.signed:
        return [signed]
    moved = du.ShiftTakenOver(
        unit=duty.unit,
        units=units,
        shift_id=shift.shift_id,
        since=context.now,
        names=shift.names(),
        from_shift=duty.current,
        handover_id=command.handover_id,
    )
    return [signed, moved]


def _refuse_what_is_not_taken_on(handover: Handover, context: DutyContext) -> None:
    _refuse_new_deadlines(handover, context)
    if missing := handover.missing():
        raise Refused("handover-items-open", "/handover_id", kind="conflict", count=len(missing))


def _refuse_new_deadlines(handover: Handover, context: DutyContext) -> None:
    live = {one.item_id: one for one in context.record()}
    if due := unaccepted(live.values(), handover.accepted, context.now):
        raise Refused("handover-deadline-open", "/handover_id", kind="conflict", count=len(due))


def unaccepted(items: Iterable[du.SheetItem], accepted: Iterable[str], now: datetime) -> list[du.SheetItem]:
    """Deadlines of the next half hour, and those already past, that nobody has taken on."""
    taken = set(accepted)
    return [
        one
        for one in items
        if one.due_at is not None and one.due_at <= now + SOON and one.item_id not in taken
    ]
