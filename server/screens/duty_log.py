"""Lines of the duty log (值班日志) as a screen prints them: every event in the words of the desk. Pure.

A line never mixes what a person said with our own words: a part is either ours or `said`, and what was said
is printed to the letter, in isolation from the direction of the text around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Any, NamedTuple

from schemas.consultations import EVENTS as CONSULTATION_EVENTS
from schemas.field_work import EVENTS as FIELD_EVENTS
from schemas.instructions import EVENTS as INSTRUCTION_EVENTS
from schemas.reports import EVENTS as REPORT_EVENTS
from schemas.scene import EVENTS as SCENE_EVENTS
from server.screens import duty_lines, field_lines, instruction_lines, report_lines, scene_lines
from server.screens.board import shown_number
from server.screens.wording import Wording, instant

#: From when on a line counts as entered late (补录), seconds.
LATE = 300
#: In an entry, how many it stands for.
REPEATS = "repeats"
#: What the log can be narrowed to.
GROUPS = ("note", "field", "fact", "report", "order", "clock", "state")


class Part(NamedTuple):
    """A piece of a line. `said`: somebody's words, not ours."""

    text: str
    said: bool = False


class Said(str):
    """A person's words on their way into a line."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `at`: when it happened; `late`: how long after that it was written down, in words."""

    key: str
    group: str
    label: str
    parts: tuple[Part, ...]
    text: str | None
    at: str
    recorded_at: str
    late: str
    by: str
    post: str
    unit: str
    behalf: dict[str, Any] | None
    via: str
    words: str | None
    entry_id: str | None = None
    struck: bool = False
    quiet: bool = False


#: Which field of an event says when it happened, where it is not when it was recorded.
_HAPPENED = {
    "entry_added": "happened_at",
    "incident_opened": "known_at",
    "facts_established": "known_at",
    "level_judged": "judged_at",
    "report_recorded": "sent_at",
    "receipt_recorded": "received_at",
    "report_approved": "approved_at",
    "report_signed": "signed_at",
    "report_sent": "sent_at",
    "report_entered": "entered_at",
    "concealment_declared": "declared_at",
    "order_acknowledged": "at",
    "order_reported": "at",
    "instruction_recorded": "given_at",
    "instruction_conveyed": "at",
    "instruction_signed_for": "at",
    "instruction_answered": "at",
    "instruction_finished": "at",
    "instruction_pressed": "at",
    "instruction_due_soon": "due_at",
    "instruction_overdue": "due_at",
    **dict.fromkeys((event.model_fields["type"].default for event in FIELD_EVENTS), "at"),
    "help_overdue": "due_at",
    "consultation_convened": "convened_at",
    "opinion_given": "at",
    "consultation_concluded": "at",
    **dict.fromkeys((event.model_fields["type"].default for event in SCENE_EVENTS), "at"),
    "scene_post_set_up": "since",
    "scene_period_set": "since",
    "sitrep_timer_set": "since",
    "sitrep_overdue": "due_at",
    "incident_closed": "at",
    "incident_reopened": "at",
    "stability_declared": "at",
    "obligation_started": "started_at",
    "obligation_met": "met_at",
    "obligation_due_soon": "due_at",
    "obligation_overdue": "due_at",
    "order_overdue": "due_at",
    "prompt_due": "due_at",
}
_GROUP = {
    "entry_added": "note",
    "entry_struck": "note",
    "attachment_added": "note",
    "attachment_struck": "note",
    "facts_established": "fact",
    "level_judged": "fact",
    "level_computed": "fact",
    "concealment_declared": "fact",
    "report_recorded": "report",
    "receipt_recorded": "report",
    "breach_explained": "report",
    **dict.fromkeys((event.model_fields["type"].default for event in REPORT_EVENTS), "report"),
    "order_issued": "order",
    "order_acknowledged": "order",
    "order_reported": "order",
    "order_overdue": "order",
    **dict.fromkeys((event.model_fields["type"].default for event in INSTRUCTION_EVENTS), "order"),
    **dict.fromkeys((event.model_fields["type"].default for event in CONSULTATION_EVENTS), "order"),
    **dict.fromkeys((event.model_fields["type"].default for event in FIELD_EVENTS), "field"),
    **dict.fromkeys((event.model_fields["type"].default for event in SCENE_EVENTS), "field"),
}
_SCENE = frozenset(event.model_fields["type"].default for event in SCENE_EVENTS)
#: Whose text is among the parts already.
_SAID_AS_PARTS = ("prompt_due", "report_recorded", "alarm_raised", "scene_objective_set")
#: Lines of the clock: written by the watch, read by eye only when one looks for them.
_CLOCK = ("obligation_", "prompt_", "clock_")


def lines(shown: dict[str, Any], wording: Wording) -> list[Line]:
    """The log of an incident (as `reading.incident` gives it), newest first."""
    owed = {one["id"]: one for one in shown["obligations"]}
    reports = {one["report_id"]: one for one in [*shown["reports"], *shown["drafts"]]}
    entries = without_keystrokes(list(enumerate(shown["entries"], start=1)))
    made = [line(entry, number, wording, owed, reports) for number, entry in entries]
    made.reverse()
    return made


def without_keystrokes(entries: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """A report is saved as it is typed: of one person's changes in a row, only the last is a line here. So it
    is with a person's positions on the way.

    The record and the stream have every one of them.
    """
    kept: list[tuple[int, dict[str, Any]]] = []
    for number, said in entries:
        entry = said
        if kept and _is_same_way(kept[-1][1], entry):
            _number, last = kept.pop()
            entry = {**entry, REPEATS: last.get(REPEATS, 1) + 1}
        elif kept and _is_typing(kept[-1][1]) and _is_typing(entry):
            last = kept[-1][1]
            if all(last[name] == entry[name] for name in ("by", "unit")) and (
                last["event"]["report_id"] == entry["event"]["report_id"]
            ):
                kept.pop()
        kept.append((number, entry))
    return kept


def _is_typing(entry: dict[str, Any]) -> bool:
    event: dict[str, Any] = entry["event"]
    return bool(event["type"] == "report_edited" and not event["kept"] and not event["settled"])


def _is_same_way(last: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Two positions of one person, one after the other."""
    if entry["event"]["type"] != "position_reported" or last["event"]["type"] != "position_reported":
        return False
    of = ("person", "unit")
    same = all(last["event"].get(name) == entry["event"].get(name) for name in of)
    return same and last.get("incident_id") == entry.get("incident_id")


def line(
    entry: dict[str, Any], number: int, wording: Wording, owed: dict[str, Any], reports: dict[str, Any]
) -> Line:
    event = entry["event"]
    kind = event["type"]
    at = event.get(_HAPPENED.get(kind, "")) or entry.get("occurred_at") or entry["recorded_at"]
    is_clock = kind.startswith(_CLOCK)
    by_itself = entry["post"] == "clock"
    moment, recorded = instant(at), instant(entry["recorded_at"])
    assert moment is not None
    assert recorded is not None
    gap = (recorded - moment).total_seconds()
    label = (
        wording.term("kind", event["kind"]) if kind == "entry_added" else wording.say(f"event.{kind}.label")
    )
    return Line(
        key=str(number),
        group="clock" if is_clock else _GROUP.get(kind, "state"),
        label=label,
        parts=tuple(_parts(event, wording, owed, reports, entry.get(REPEATS, 1))),
        text=event.get("text") if kind not in _SAID_AS_PARTS else None,
        at=at,
        recorded_at=entry["recorded_at"],
        late=wording.span(gap) if gap >= LATE and not is_clock else "",
        by="" if by_itself else entry["by"],
        post=wording.term("post", entry["post"]),
        unit=wording.say("event.by_clock") if by_itself else wording.short(entry["unit"]),
        behalf=entry.get("on_behalf_of"),
        via=_via(entry.get("via"), wording),
        words=entry.get("words"),
        entry_id=event.get("entry_id") if kind == "entry_added" else None,
        struck=bool(entry.get("struck")),
        quiet=is_clock or kind in ("incident_shared", "level_computed", "report_edited"),
    )


def _via(via: dict[str, Any] | None, wording: Wording) -> str:
    """By what way it came, if its author did not send it here."""
    if via is None:
        return ""
    at = wording.exact(via["recorded_at"])
    return wording.say(f"line.via.{via['way']}", name=via["name"], by=via.get("by", ""), at=at)


def fill(template: str, **values: object) -> list[Part]:
    """A text with its places filled in, in parts: `Said` values stay apart from our words."""
    parts: list[Part] = []
    for literal, name, _spec, _conversion in Formatter().parse(template):
        if literal:
            parts.append(Part(literal))
        if name is not None:
            value = values[name]
            parts.append(Part(str(value), isinstance(value, Said)))
    return parts


def facts_in_words(facts: dict[str, Any], wording: Wording) -> str:
    """死亡 4 · 失联 核实中."""
    return " · ".join(
        f"{wording.term('fact', name)} {shown_number(value, wording)}" for name, value in facts.items()
    )


def _parts(
    event: dict[str, Any], wording: Wording, owed: dict[str, Any], reports: dict[str, Any], repeats: int
) -> list[Part]:
    """What the line says behind its label."""
    kind = event["type"]
    made: list[Part] = []

    def add(slug: str, /, **values: object) -> None:
        if made:
            made.append(Part(" · "))
        made.extend(fill(wording.texts.of[wording.lang][slug], **values))

    def said(field: str, slug: str | None = None) -> None:
        if event.get(field):
            add(slug or f"event.{field}", **{field: Said(event[field])})

    match kind:
        case "entry_added":
            pass
        case "entry_struck":
            said("reason")
        case "attachment_added" | "attachment_struck":
            add("event.file", name=Said(event["file_name"]))
            if kind == "attachment_added":
                add("event.file_kind", kind=wording.term("media", event["media_type"]))
                add("event.file_size", size=f"{max(1, round(event['size'] / 1024))} KB")
                said("note")
            said("reason")
        case "incident_opened":
            add("event.number", number=event["number"])
            add("event.known_by", unit=wording.short(event["known_by"]))
            source = event.get("source") or {}
            if source.get("channel"):
                add("event.source", channel=wording.term("source", source["channel"]))
            if event.get("category"):
                add("event.category", category=wording.category(event["category"]))
            if event.get("facts"):
                add("event.facts", facts=facts_in_words(event["facts"], wording))
        case "facts_established":
            add("event.facts", facts=facts_in_words(event["facts"], wording))
            add("event.known_by", unit=wording.short(event["known_by"]))
            for name in ("occurred_at", "discovered_at"):
                if event.get(name):
                    add(f"event.{name}", at=wording.exact(event[name]))
            if (event.get("place") or {}).get("text"):
                add("event.place", text=Said(event["place"]["text"]))
            if event.get("category"):
                add("event.category", category=wording.category(event["category"]))
            said("explanation")
        case "level_judged":
            slug = "event.judged_possible" if event["possible"] else "event.judged"
            add(
                slug, scale=wording.term("scale", event["scale"]), level=wording.term("level", event["level"])
            )
            said("basis")
        case "level_computed":
            level = wording.term("level", event.get("level") or "below")
            add("event.computed", level=level)
            if event.get("near_miss"):
                add("event.near_miss")
            if event["because"]:
                add("event.because", because=because_in_words(event["because"], wording))
        case "report_recorded":
            add(
                "event.report",
                stage=wording.term("stage", event["stage"]),
                channel=wording.term("channel", event["channel"]),
                to=wording.short(event["recipient"]),
            )
            said("signed_by")
            said("verbal_approval_by")
            if event["lacks"]:
                add("event.lacks", lacks=lacks_in_words(event["lacks"], wording))
            said("text", "event.report_text")
        case (
            "report_drafted"
            | "report_edited"
            | "report_submitted"
            | "report_returned"
            | "report_approved"
            | "report_signed"
            | "report_sent"
            | "report_entered"
            | "report_discarded"
        ):
            for piece in report_lines.pieces(event, reports.get(event["report_id"]), wording):
                values = {
                    name: Said(value) if name in piece.said else value for name, value in piece.values.items()
                }
                add(piece.slug, **values)
        case "receipt_recorded":
            report = reports.get(event["report_id"])
            if report is not None:
                add(
                    "event.report",
                    stage=wording.term("stage", report["stage"]),
                    channel=wording.term("channel", report["channel"]),
                    to=wording.short(report["recipient"]),
                )
            said("received_by")
            said("evidence")
        case "concealment_declared":
            said("concealed_by")
            said("basis")
        case "incident_shared":
            add("event.units", units="、".join(wording.short(one) for one in event["units"]))
            add(f"event.shared.{event['why']}")
        case "order_issued":
            named = wording.short(event["to"]) if event["to"] in wording.tree else Said(event["to"])
            add("event.order_to", to=named)
            for name in ("acknowledge_by", "report_by"):
                if event.get(name):
                    add(f"event.{name}", at=wording.clock(event[name])[:5])
        case "order_acknowledged" | "order_reported":
            pass
        case "order_overdue":
            add(f"event.order_overdue.{event['what']}")
        case "consultation_convened":
            add("event.consultation.kind", kind=wording.term("consultation_kind", event["kind"]))
            add("event.consultation.topic", topic=Said(event["topic"]))
            named = wording.say("list.comma").join(wording.short(one) for one in event["participants"])
            add("event.consultation.with", units=named)
        case "opinion_given":
            add("event.consultation.opinion", unit=wording.short(event["part_of"]), name=Said(event["name"]))
        case "meeting_noted":
            add("event.consultation.meeting", meeting=Said(" ".join(event["meeting"].values())))
        case "consultation_concluded":
            if event["may_become_major"]:
                add("event.consultation.major")
            if event["orders"]:
                add("event.consultation.orders", count=len(event["orders"]))
        case _ if kind.startswith("instruction_") or _GROUP.get(kind) == "field":
            if kind in _SCENE:
                own = scene_lines.pieces(event, wording)
            elif _GROUP.get(kind) == "field":
                own = field_lines.pieces(event, repeats, wording)
            else:
                own = instruction_lines.pieces(event, wording)
            for piece in own:
                values = {
                    name: Said(value) if name in piece.said else value for name, value in piece.values.items()
                }
                add(piece.slug, **values)
        case "incident_merged":
            add("event.merged_into", number=event["into_number"])
        case "duplicate_absorbed":
            add("event.absorbed", number=event["merged_number"])
        case "incident_closed":
            if event.get("outcome"):
                add(f"outcome.{event['outcome']}")
            said("reason")
        case "incident_reopened":
            said("reason")
        case "stability_declared":
            said("basis")
        case "breach_explained":
            add("event.cause", cause=wording.term("cause", event["cause"]))
        case "obligation_started" | "obligation_met" | "obligation_excused":
            made += _duty_parts(event, wording, owed)
        case "obligation_due_soon" | "obligation_overdue":
            made += _duty_parts(event, wording, owed)
            if event["late_by_s"] >= 60:
                add("event.late_by", span=wording.span(event["late_by_s"]))
        case "prompt_due":
            add("event.prompt", text=event["text_en" if wording.lang == "en" else "text"])
            if event["late_by_s"] >= 60:
                add("event.late_by", span=wording.span(event["late_by_s"]))
        case "clock_stepped":
            add("event.stepped", by=f"{event['by_s']:+.1f}")
        case "rules_accepted":
            add("event.rules", days="、".join(event["effective_from"]))
        case "taken_along":
            add("event.taken_along", count=event["incidents"])
        case "informer_named":
            said("name", "event.informer")
        case _:
            duty_lines.say(event, wording, add, Said, said)
    return made


def _duty_parts(event: dict[str, Any], wording: Wording, owed: dict[str, Any]) -> list[Part]:
    duty = owed.get(event["obligation_id"])
    if duty is None:
        return [Part(event.get("rule", ""))]
    said = wording.say(
        "event.duty",
        sender=wording.short(duty["from"]),
        stage=wording.term("stage", duty["stage"]),
        channel=wording.term("channel_short", duty["channel"]),
        to=wording.short(duty["to"]),
    )
    parts = [Part(said)]
    if event["type"] == "obligation_started" and duty["due_at"]:
        parts.append(Part(wording.say("event.until", at=wording.exact(duty["due_at"])[:16])))
    if event["type"] == "obligation_excused":
        parts.append(Part(" · " + wording.say(f"excused.{event['reason']}")))
    return parts


def because_in_words(because: list[str], wording: Wording) -> str:
    """`dead 11 ≥ 10` in the words of the screen. What is no fact's name stays as it is."""
    made = []
    for reason in because:
        name, _, rest = reason.partition(" ")
        words = "+".join(wording.term("fact", one) for one in name.split("+"))
        made.append(f"{words} {rest}")
    return wording.say("list.semicolon").join(made)


def lacks_in_words(lacks: list[str], wording: Wording) -> str:
    return wording.say("list.comma").join(wording.term("lacks", one) for one in lacks)
