"""The handover sheet as its page prints it: block by block, each item in words, with its clock. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.screens.wording import Countdown, Wording

#: Blocks in the order in which people hand over (domain rules for 交接班).
BLOCKS = (
    "report",
    "order",
    "incident",
    "instruction",
    "superior_requirement",
    "promise",
    "warning",
    "response",
    "force",
    "evacuation",
    "roll_call",
    "joint",
    "equipment",
    "material",
    "weather",
    "note",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One item. `text` is ours, `said` somebody's words."""

    item_id: str
    block: str
    text: str
    said: str
    href: str
    drill: bool
    due_at: str | None
    clock: Countdown | None
    is_soon: bool
    taken_by: str
    taken_at: str | None


def grouped(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.block, []).append(line)
    return [(block, found[block]) for block in BLOCKS if block in found]


def line(item: dict[str, Any], taken: dict[str, Any] | None, now: datetime, wording: Wording) -> Line:
    """An item of the sheet (as the wire has it), and who took it on."""
    due = item.get("due_at")
    clock = wording.countdown(due, now) if due else None
    return Line(
        item_id=item["item_id"],
        block=item["block"],
        text=_text(item, now, wording),
        said=" ".join(item[name] for name in _said_in(item) if item.get(name)),
        href=_href(item),
        drill=bool(item.get("drill")),
        due_at=due,
        clock=clock,
        is_soon=clock is not None and clock.sign not in ("calm",),
        taken_by=taken["by"] if taken else "",
        taken_at=taken["at"] if taken else None,
    )


def _said_in(item: dict[str, Any]) -> tuple[str, ...]:
    """Which fields are somebody's words; of an incident's item the number stands for the title."""
    return ("title", "text") if item["block"] == "joint" else ("leader", "text", "source")


def _href(item: dict[str, Any]) -> str:
    if item["block"] == "joint":
        return "/joint"
    return f"/incidents/{item['incident_id']}" if item.get("incident_id") else ""


def _text(item: dict[str, Any], now: datetime, wording: Wording) -> str:
    """What an item says in our own words; the incident's number stands before."""
    parts: list[str] = []
    if item.get("number"):
        parts.append(item["number"])
    match item["block"]:
        case "incident":
            parts.append(wording.term("level", item.get("level") or "none"))
            parts.append(_last(item, now, wording))
            if item.get("to_evacuate") is not None or item.get("evacuated") is not None:
                done, whole = (_number(item.get(name)) for name in ("evacuated", "to_evacuate"))
                parts.append(wording.say("handover.evacuated", done=done, whole=whole))
        case "report":
            parts.append(
                wording.say(
                    "duty.report",
                    stage=wording.term("stage", item["stage"]),
                    channel=wording.term("channel_short", item["channel"]),
                    to=wording.short(item["recipient"]),
                )
            )
        case "order":
            parts.append(wording.say("handover.order", to=wording.short(item["recipient"])))
        case "instruction" if item.get("step"):
            parts.append(
                wording.say(
                    "handover.instruction",
                    to=wording.short(item["recipient"]),
                    step=wording.say(f"instruction.step.{item['step']}"),
                    at=wording.moment(item["given_at"], now),
                )
            )
        case "joint":
            seat = wording.short(item["recipient"])
            parts.append(wording.say(f"handover.joint_{item['step']}", seat=seat))
        case "roll_call":
            absent = wording.say("list.comma").join(wording.short(one) for one in item.get("absent") or [])
            slug = "handover.roll" if absent else "handover.roll_all"
            parts.append(wording.say(slug, answered=item.get("answered") or 0, absent=absent))
    return " · ".join(part for part in parts if part)


def _last(item: dict[str, Any], now: datetime, wording: Wording) -> str:
    if not item.get("last_stage"):
        return wording.say("handover.no_report")
    at = wording.moment(item.get("last_sent_at"), now)
    return wording.say("handover.last_report", stage=wording.term("stage", item["last_stage"]), at=at)


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"
