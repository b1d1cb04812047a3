"""What a line of a joint duty says behind its label. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.screens.wording import Wording


def say(
    event: dict[str, Any],
    wording: Wording,
    add: Callable[..., None],
    said: Callable[[str], str],
    tell: Callable[[str], None],
) -> None:
    """`said(text)` marks somebody's words; `tell(field)` says a field of the event as it stands."""
    if "asked_by" in event:
        add(
            "joint_line.between",
            asked_by=wording.short(event["asked_by"]),
            to=wording.short(event["to"]),
        )
    elif "seat" in event:
        add("joint_line.of", seat=wording.short(event["seat"]))
    match event["type"]:
        case "joint_duty_opened" | "joint_duty_extended":
            add(
                "joint_line.span",
                title=said(event["title"]),
                first=wording.exact(event["starts_at"])[:16],
                last=wording.exact(event["ends_at"])[:16],
            )
            if event["required"]:
                named = wording.say("list.comma").join(wording.short(one) for one in event["required"])
                add("joint_line.required", seats=named)
            tell("reason")
        case "joint_duty_closed":
            tell("reason")
        case "joint_seat_taken":
            add("joint_line.here", name=said(event["name"]))
            if event.get("relieved"):
                add("joint_line.relieved", name=said(event["relieved"]))
        case "joint_seat_left":
            add("joint_line.left", name=said(event["name"]))
            add("joint_line.to" if event.get("to") else "joint_line.empty", name=said(event.get("to") or ""))
        case "joint_rest_noted":
            for one in event["items"]:
                add("joint_line.rest", text=said(one["text"]), at=wording.exact(one["due_at"])[:16])
        case "joint_data_asked":
            add(
                "joint_line.every",
                minutes=event["every_min"],
                at=wording.exact(event["first_due_at"])[:16],
            )
        case "joint_data_late":
            add("joint_line.missed", count=event["missed"])
        case "joint_request_asked" | "joint_request_chased":
            add("joint_line.answer_by", at=wording.exact(event["answer_by"])[:16])
        case "joint_request_taken" | "joint_request_answered":
            add("joint_line.here", name=said(event["name"]))
        case "joint_request_late":
            add(f"joint_line.waits_{event['waits_for']}")
        case "joint_data_stopped":
            tell("reason")
