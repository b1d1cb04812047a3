"""What a line of a unit's duty says behind its label. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from server.screens import joint_lines
from server.screens.wording import Wording


class Add(Protocol):
    """Add a text with its places filled in; values marked as said stay apart from our words."""

    def __call__(self, slug: str, /, **values: object) -> None: ...


def say(
    event: dict[str, Any], wording: Wording, add: Add, said: Callable[[str], str], tell: Callable[[str], None]
) -> None:
    """`said(text)` marks somebody's words; `tell(field)` says a field of the event as it stands."""
    kind = event["type"]
    names = wording.say("list.comma").join(event.get("names") or event.get("to") or [])
    match kind:
        case "shifts_planned":
            shifts = event["shifts"]
            first, last = (wording.exact(shifts[at]["starts_at"])[:10] for at in (0, -1))
            add("duty_line.planned", count=len(shifts), first=first, last=last)
        case "shift_changed":
            add("duty_line.shift", at=wording.exact(event["shift"]["starts_at"])[:16])
            tell("reason")
        case "shifts_cancelled":
            add("duty_line.cancelled", count=len(event["shift_ids"]))
            tell("reason")
        case "swap_requested":
            add(
                "duty_line.swap",
                who=said(event["place"]["name"]),
                post=wording.term("shift_post", event["place"]["post"]),
                instead=said(event["substitute"]["name"]),
            )
            tell("reason")
        case "swap_decided":
            add("duty_line.approved" if event["approved"] else "duty_line.declined")
            tell("reason")
        case "shift_taken_over":
            add("duty_line.now_on", names=said(names))
            tell("reason")
        case "duty_item_added":
            add(f"block.{event['kind']}")
            tell("source")
        case "handover_prepared":
            add("duty_line.items", count=len(event["items"]))
        case "handover_items_accepted":
            add("duty_line.items", count=len(event["item_ids"]))
        case "handover_signed":
            add(f"duty_line.signed_{event['side']}", name=said(event["name"]))
        case "roll_called":
            add("duty_line.called", count=len(event["asked"]))
        case "roll_asked":
            add("duty_line.asked", unit=wording.short(event["unit"]), caller=wording.short(event["caller"]))
        case "roll_answered":
            add(
                "duty_line.answered",
                unit=wording.short(event["unit"]),
                by=said(event["answered_by"]),
                channel=wording.say(f"roll.by_{event['channel']}"),
                delay=wording.span(event["delay_s"]),
            )
        case "roll_unanswered" | "roll_missed":
            add("duty_line.of", unit=wording.short(event["unit"]))
        case "roll_closed":
            add("duty_line.closed", answered=event["answered"], absent=len(event["absent"]))
        case "month_sealed":
            add(
                "duty_line.sealed",
                month=event["month"],
                name=said(event["name"]),
                final=f"{event['final']['numerator']}/{event['final']['denominator']}",
                initial=f"{event['initial']['numerator']}/{event['initial']['denominator']}",
            )
        case "duty_unmanned":
            add(f"duty_line.{event['why']}")
            add("duty_line.to", names=said(names))
        case "alarm_raised":
            add("duty_line.alarm", text=event["text_en"] if wording.lang == "en" else event["text"])
        case "alarm_called":
            add(
                "duty_line.called_out",
                step=event["step"] + 1,
                to=wording.say(f"rung.{event['called']}"),
                names=said(names or wording.say("duty_bar.no_names")),
            )
        case "alarm_taken":
            add("duty_line.taken", name=said(event["name"]))
        case "alarm_settled":
            add(f"duty_line.settled_{event['reason']}")
        case "channel_failed":
            add("duty_line.silent", name=said(event["name"]), fault=said(event["fault"]))
        case "channel_restored":
            add("duty_line.channel", name=said(event["name"]))
        case "wall_arranged":
            titles = wording.say("list.comma").join(one["title"] for one in event["scenes"])
            add("duty_line.scenes" if titles else "duty_line.no_scenes", titles=said(titles))
        case "wall_shown":
            title = event.get("title") or ""
            add("duty_line.scene" if title else "duty_line.turns", title=said(title))
        case _ if kind.startswith("joint_"):
            joint_lines.say(event, wording, add, said, tell)
        case "handover_late" | "duty_item_overdue":
            add("duty_line.to", names=said(names))
    if event.get("late_by_s", 0) >= 60:
        add("event.late_by", span=wording.span(event["late_by_s"]))
