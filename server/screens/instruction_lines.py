"""Leaders' instructions on the screens: lines of the log, the panel of the incident, what is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.screens.report_lines import Piece
from server.screens.wording import Countdown, Wording

#: The command that does a step.
DOES = {
    "convey": "convey-instruction",
    "sign": "sign-for-instruction",
    "feedback": "report-on-instruction",
    "check": "finish-instruction",
}


def pieces(event: dict[str, Any], wording: Wording) -> Iterator[Piece]:
    """What a line of the log says behind its label."""
    kind = event["type"]
    if kind == "instruction_recorded":
        yield Piece("event.instruction.leader", {"leader": event["leader"]}, ("leader",))
        yield Piece("event.instruction.medium", {"medium": wording.term("medium", event["medium"])})
        units = wording.say("list.comma").join(
            dict.fromkeys(wording.short(one["unit"]) for one in event["to"])
        )
        yield Piece("event.order_to", {"to": units})
        yield Piece("event.instruction.receive_by", {"at": wording.clock(event["receive_by"])[:5]})
        yield Piece("event.report_by", {"at": wording.clock(event["feedback_by"])[:5]})
        return
    yield Piece("event.instruction.of", {"unit": wording.short(event["unit"])})
    match kind:
        case "instruction_conveyed":
            yield Piece("event.instruction.medium", {"medium": wording.term("medium", event["medium"])})
            if event.get("told"):
                yield Piece("event.instruction.told", {"told": event["told"]}, ("told",))
        case "instruction_signed_for":
            yield Piece("event.instruction.received_by", {"name": event["received_by"]}, ("name",))
        case "instruction_answered":
            yield Piece("event.instruction.done" if event["done"] else "event.instruction.going_on", {})
        case "instruction_pressed":
            yield Piece("event.report_by", {"at": wording.clock(event["feedback_by"])[:5]})
        case "instruction_due_soon" | "instruction_overdue":
            yield Piece(
                f"event.instruction.waits.{event['waits_for']}", {"owner": wording.short(event["owner"])}
            )
            if event.get("times", 1) > 1:
                yield Piece("event.instruction.times", {"times": event["times"]})
            if event["late_by_s"] >= 60:
                yield Piece("event.late_by", {"span": wording.span(event["late_by_s"])})


def steps(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """What the addressees of an incident's instructions owe next, in the shape of the board's rows."""
    return [
        {
            "addressee_id": one["addressee_id"],
            "instruction_id": whole["instruction_id"],
            "step": one["step"],
            "owner": one["owner"],
            "giver": whole["unit"],
            "unit": one["unit"],
            "since": one["since"],
            "due_at": one["due_at"],
        }
        for whole in shown["instructions"]
        for one in whole["addressees"]
        if one["step"] != "done"
    ]


def action(step: dict[str, Any], viewer: str) -> str:
    """The command that the unit that looks can do about it: its own step, or to press; else none."""
    if step["owner"] == viewer:
        return DOES[step["step"]]
    return "press-instruction" if step["giver"] == viewer else ""


def label(step: dict[str, Any], wording: Wording) -> str:
    return wording.say(f"duty.instruction.{step['step']}", to=wording.short(step["unit"]))


@dataclass(frozen=True, slots=True)
class Line:
    """One addressee on the panel. `acts`: the commands one may give, the next step's first."""

    raw: dict[str, Any]
    unit: str
    own: bool
    label: str
    owner: str
    clock: Countdown | None
    acts: tuple[str, ...]
    marks: tuple[tuple[str, str, str, str], ...]  # slug, when, by whom (said), what was said


@dataclass(frozen=True, slots=True)
class Panel:
    """An instruction and its addressees, those not done first."""

    raw: dict[str, Any]
    medium: str
    lines: tuple[Line, ...]
    open_count: int


def panels(shown: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> tuple[Panel, ...]:
    """The instructions of an incident, the latest first."""
    made = []
    for whole in reversed(shown["instructions"]):
        by_id = {one["addressee_id"]: one for one in steps({"instructions": [whole]})}
        ordered = sorted(whole["addressees"], key=lambda one: (one["step"] == "done", one["due_at"] or ""))
        lines = tuple(_line(one, by_id.get(one["addressee_id"]), viewer, now, wording) for one in ordered)
        count = sum(one.raw["step"] != "done" for one in lines)
        made.append(Panel(whole, wording.term("medium", whole["medium"]), lines, count))
    return tuple(made)


def _line(
    one: dict[str, Any], step: dict[str, Any] | None, viewer: str, now: datetime, wording: Wording
) -> Line:
    acts: list[str] = []
    if step is not None:
        gave = step["giver"] == viewer
        acts += [DOES[step["step"]]] if step["owner"] == viewer or gave else []
        if step["unit"] == viewer or gave:
            acts += ["sign-for-instruction"] if step["step"] == "convey" else []
            acts += ["report-on-instruction"] if step["step"] != "check" else []
        acts += ["press-instruction", "finish-instruction"] if gave else []
    return Line(
        raw=one,
        unit=wording.short(one["unit"]),
        own=step is not None and step["owner"] == viewer,
        label=label(step, wording) if step is not None else "",
        owner=wording.short(one["owner"]),
        clock=wording.countdown(one["due_at"], now) if one["due_at"] else None,
        acts=tuple(dict.fromkeys(acts)),
        marks=tuple(_marks(one)),
    )


def _marks(one: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What has happened on the way, in the order of the steps."""
    if one["conveyed_at"]:
        yield "conveyed", one["conveyed_at"], one["told"] or one["conveyed_by"], ""
    if one["signed_at"]:
        yield "signed_for", one["signed_at"], one["received_by"], ""
    said = [("answered", said["at"], said["by"], said["text"]) for said in one["feedback"]]
    said += [("pressed", said["at"], said["by"], said["text"]) for said in one["presses"]]
    yield from sorted(said, key=lambda mark: mark[1])
    if one["finished_at"]:
        yield "finished", one["finished_at"], one["finished_by"], one["finding"] or ""


def next_act(shown: dict[str, Any], viewer: str, wording: Wording) -> dict[str, str] | None:
    """The step that the unit that looks has to do first: its key on the incident's page does it."""
    own = [one for one in steps(shown) if action(one, viewer)]
    if not own:
        return None
    first = min(own, key=lambda one: (one["owner"] != viewer, one["due_at"] or "9", one["addressee_id"]))
    return {
        "command": action(first, viewer),
        "label": label(first, wording),
        "instruction_id": first["instruction_id"],
        "addressee_id": first["addressee_id"],
        "shown": wording.short(first["unit"]),
    }
