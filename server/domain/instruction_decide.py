"""What commands on a leader's instruction amount to, or why they cannot be done. Pure.

The addressee signs and answers; whoever recorded the instruction (or is above that desk) passes it on,
presses and finishes. The recording desk may also write down what an addressee said by phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from schemas import events as ev
from schemas import instructions as ins
from server.domain.context import Context, Refused
from server.domain.incident import Incident
from server.domain.instructions import CHECK_WITHIN, Addressee, Instruction
from server.domain.validity import is_said


def decide(incident: Incident, command: ins.InstructionCommand, context: Context) -> Sequence[ev.Event]:
    if isinstance(command, ins.RecordInstruction):
        return _record(incident, command, context)
    assert isinstance(command, ins.AddresseeCommand)
    whole, one = _named(incident, command)
    _refuse_others(whole, one, command, context)
    if one.step == "done":
        raise Refused("instruction-done", "/addressee_id", kind="conflict")
    if command.at < whole.given_at:
        raise Refused("before-instruction", "/at")
    about: dict[str, Any] = {
        "instruction_id": whole.instruction_id,
        "addressee_id": one.addressee_id,
        "unit": one.unit,
    }
    match command:
        case ins.ConveyInstruction():
            if one.has_it:
                raise Refused("instruction-signed", "/addressee_id", kind="conflict")
            return [ins.InstructionConveyed(**about, at=command.at, medium=command.medium, told=command.told)]
        case ins.SignForInstruction():
            if one.signed_at is not None:
                return []  # saying "received" twice is not an error
            return [ins.InstructionSignedFor(**about, at=command.at, received_by=command.received_by)]
        case ins.ReportOnInstruction():
            following = None
            if not command.done and command.next_within_min is not None:
                following = context.given_at + timedelta(minutes=command.next_within_min)
            return [
                ins.InstructionAnswered(
                    **about,
                    at=command.at,
                    text=command.text,
                    done=command.done,
                    feedback_by=following,
                    check_by=context.given_at + CHECK_WITHIN if command.done else None,
                )
            ]
        case ins.FinishInstruction():
            if one.step != "check" and not is_said(command.text):
                raise Refused("finish-needs-words", "/text")
            return [ins.InstructionFinished(**about, at=command.at, text=command.text)]
        case ins.PressInstruction():
            limit = context.given_at + timedelta(minutes=command.feedback_within_min)
            return [
                ins.InstructionPressed(
                    **about,
                    at=command.at,
                    text=command.text,
                    feedback_by=limit,
                    receive_by=None if one.has_it else min(limit, _signed_by(context.given_at)),
                )
            ]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _signed_by(now: datetime) -> datetime:
    return now + timedelta(minutes=ins.RECEIVE_WITHIN_MIN)


def _record(incident: Incident, command: ins.RecordInstruction, context: Context) -> list[ev.Event]:
    if command.instruction_id in incident.instructions:
        raise Refused("instruction-exists", "/instruction_id", kind="conflict")
    if not incident.is_open:
        raise Refused("incident-closed", "/incident_id", kind="conflict")
    to: list[ins.Addressee] = []
    for index, said in enumerate(command.to):
        if said.unit not in context.setting.tree:
            raise Refused("no-such-unit", f"/to/{index}/unit", unit=said.unit)
        own = str(uuid5(UUID(command.instruction_id), f"{said.unit}|{said.post or ''}"))
        one = ins.Addressee(addressee_id=said.addressee_id or own, unit=said.unit, post=said.post)
        if any(one.addressee_id == other.addressee_id for other in to) or any(
            (one.unit, one.post) == (other.unit, other.post) for other in to
        ):
            raise Refused("addressee-twice", f"/to/{index}")
        to.append(one)
    recorded = ins.InstructionRecorded(
        instruction_id=command.instruction_id,
        leader=command.leader,
        leader_post=command.leader_post,
        given_at=command.given_at,
        medium=command.medium,
        text=command.text,
        to=to,
        receive_by=command.given_at + timedelta(minutes=command.receive_within_min),
        feedback_by=command.given_at + timedelta(minutes=command.feedback_within_min),
    )
    fresh = [unit for unit in dict.fromkeys(one.unit for one in to) if unit not in incident.units]
    return [*([ev.IncidentShared(units=fresh, why="ordered")] if fresh else []), recorded]


def _named(incident: Incident, command: ins.AddresseeCommand) -> tuple[Instruction, Addressee]:
    whole = incident.instructions.get(command.instruction_id)
    if whole is None:
        raise Refused("no-such-instruction", "/instruction_id", kind="missing")
    one = whole.addressees.get(command.addressee_id)
    if one is None:
        raise Refused("no-such-addressee", "/addressee_id", kind="missing")
    return whole, one


def _refuse_others(
    whole: Instruction, one: Addressee, command: ins.AddresseeCommand, context: Context
) -> None:
    """Who sees the incident sees the instruction; whose it is not leaves it alone."""
    own = context.author.unit
    if own in context.setting.tree.ancestors(whole.unit):
        return
    if own == one.unit and isinstance(command, ins.SignForInstruction | ins.ReportOnInstruction):
        return
    raise Refused("not-your-instruction", "/addressee_id", kind="forbidden")
