"""The roll-call (点名、抽查): asked of many at once, answered by each for itself, or phoned. Pure.

What is asked of a unit and what it answers are entries of that unit's own duty, carried by its stream and the
caller's and by no other: no unit learns whether others answered.
"""

from __future__ import annotations

from datetime import timedelta

from schemas import duties as du
from server.domain.decide import Refused
from server.domain.duty import Duty
from server.domain.duty_context import DutyContext


def call(duty: Duty, command: du.CallRoll, context: DutyContext) -> list[du.DutyEvent]:
    if command.roll_id in duty.rolls:
        raise Refused("roll-exists", "/roll_id", kind="conflict")
    asked = list(dict.fromkeys(command.units))
    for index, unit in enumerate(asked):
        if unit == duty.unit or not context.tree.covers(duty.unit, unit):
            raise Refused("not-below", f"/units/{index}", unit=unit)
        if command.roll_id in context.other(unit).asked:  # an answer names no caller: ids must not meet
            raise Refused("roll-exists", "/roll_id", kind="conflict")
    until = context.now + timedelta(minutes=command.answer_within_min)
    called = du.RollCalled(
        unit=duty.unit,
        units=[duty.unit],
        roll_id=command.roll_id,
        asked=asked,
        text=command.text,
        answer_by=until,
        drill=command.drill,
    )
    return [called] + [
        du.RollAsked(
            unit=unit,
            units=[unit, duty.unit],
            roll_id=command.roll_id,
            caller=duty.unit,
            text=command.text,
            answer_by=until,
            drill=command.drill,
        )
        for unit in asked
    ]


def answer(duty: Duty, command: du.AnswerRoll, context: DutyContext) -> list[du.DutyEvent]:
    """A screen speaks for its own unit; what was said by phone is written down by who called."""
    asked = duty.asked.get(command.roll_id)
    mine = context.author.unit
    if asked is None or mine not in (duty.unit, asked.caller):
        raise Refused("no-such-roll", "/roll_id", kind="missing")
    if mine != (asked.caller if command.channel == "phone" else duty.unit):
        raise Refused("not-your-answer", "/channel", kind="forbidden")
    if asked.answered_at is not None:
        return []  # saying "here" twice is not an error
    if asked.is_missed:
        raise Refused("roll-closed", "/roll_id", kind="conflict")
    # On a screen the moment is when we have it on disk; what was said by phone was said before.
    at = context.now if command.channel == "screen" else max(command.at, asked.asked_at)
    return [
        du.RollAnswered(
            unit=duty.unit,
            units=[duty.unit, asked.caller],
            roll_id=command.roll_id,
            caller=asked.caller,
            at=at,
            delay_s=max(0, int((at - asked.asked_at).total_seconds())),
            answered_by=command.by or context.signer(command),
            channel=command.channel,
        )
    ]


def close(duty: Duty, command: du.CloseRoll, context: DutyContext) -> list[du.DutyEvent]:
    roll = duty.rolls.get(command.roll_id)
    if roll is None:
        raise Refused("no-such-roll", "/roll_id", kind="missing")
    if roll.closed_at is not None:
        return []
    absent = [unit for unit in roll.asked if context.other(unit).asked[command.roll_id].answered_at is None]
    closed = du.RollClosed(
        unit=duty.unit,
        units=[duty.unit],
        roll_id=command.roll_id,
        answered=len(roll.asked) - len(absent),
        absent=absent,
    )
    missed = [
        du.RollMissed(unit=unit, units=[unit, duty.unit], roll_id=command.roll_id, caller=duty.unit)
        for unit in absent
    ]
    return [closed, *missed]
