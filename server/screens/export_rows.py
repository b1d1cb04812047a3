"""Rows of the lists as a file has them: the words of the screens, instants as instants. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from schemas.events import LOG_ENTRY, plain
from server.screens import duty_log
from server.screens.wording import Wording, instant

Value = str | int | float | bool | datetime | None
Row = Sequence[Value]
#: A column's name for programs, and the text that names it for people.
Columns = tuple[tuple[str, str], ...]

INCIDENT: Columns = (
    ("number", "incident.number"),
    ("drill", "drill"),
    ("level", "form.level"),
    ("title", "search.column_title"),
    ("place", "intake.place"),
    ("category", "intake.category"),
    ("unit", "field.unit"),
    ("known_at", "incident.known"),
    ("occurred_at", "incident.occurred"),
    ("state", "people.state"),
    ("outcome", "statistics.result"),
    ("closed_at", "incident.closed"),
)
OBLIGATION: Columns = (
    ("number", "incident.number"),
    ("drill", "drill"),
    ("title", "search.column_title"),
    ("from", "export.from"),
    ("to", "export.to"),
    ("stage", "export.stage"),
    ("channel", "export.channel"),
    ("started_at", "export.started"),
    ("due_at", "export.due"),
    ("met_at", "export.met"),
    ("standing", "people.state"),
    ("rule", "export.rule"),
    ("source", "export.source"),
)
LOG: Columns = (
    ("at", "export.happened"),
    ("recorded_at", "export.recorded"),
    ("number", "incident.number"),
    ("drill", "drill"),
    ("kind", "form.kind"),
    ("text", "form.text"),
    ("struck", "export.struck"),
    ("words", "export.words"),
    ("by", "export.by_whom"),
    ("post", "field.post"),
    ("unit", "field.unit"),
)
SHIFT: Columns = (
    ("starts_at", "export.starts"),
    ("ends_at", "export.ends"),
    ("post", "field.post"),
    ("name", "field.name"),
    ("phone", "intake.source_phone"),
    ("taken_at", "export.taken"),
    ("taken_by", "export.taken_by"),
)
ROLL: Columns = (
    ("asked_at", "export.asked"),
    ("text", "form.text"),
    ("drill", "drill"),
    ("unit", "field.unit"),
    ("outcome", "statistics.result"),
    ("answered_at", "export.answered"),
    ("answered_by", "export.by_whom"),
    ("delay_s", "export.delay"),
)
COUNTED: Columns = (
    ("scope", "export.scope"),
    ("result", "statistics.result"),
    *(one for one in INCIDENT if one[0] not in ("drill", "outcome", "closed_at")),
)
KEPT = 64  # incidents that are kept worked out while a log is written


def _drill(one: dict[str, Any], words: Wording) -> str:
    return words.say("drill") if one["drill"] else ""


def incident(one: dict[str, Any], words: Wording) -> Row:
    return [
        one["number"],
        _drill(one, words),
        words.term("level", one["level"] or "none"),
        one["title"],
        " ".join(filter(None, words.place(one["place"]))),
        words.category(one["category"]),
        words.unit(one["unit"]),
        instant(one["known_at"]),
        instant(one["occurred_at"]),
        words.say(f"state.{one['state']}"),
        words.say(f"outcome.{one['outcome']}") if one["outcome"] else "",
        instant(one["closed_at"]),
    ]


def counted(one: dict[str, Any], scope: str, passed: bool, words: Wording) -> Row:
    row = dict(zip((name for name, _ in INCIDENT), incident(one, words), strict=True))
    row["scope"] = words.say(f"statistics.{scope}")
    row["result"] = words.say("statistics.met" if passed else "statistics.missed")
    return [row[name] for name, _ in COUNTED]


def obligation(one: dict[str, Any], words: Wording) -> Row:
    return [
        one["number"],
        _drill(one, words),
        one["title"],
        words.unit(one["from"]),
        words.short(one["to"]),
        words.term("stage", one["stage"]),
        words.term("channel_short", one["channel"]),
        instant(one["started_at"]),
        instant(one["due_at"]) or words.say("js.at_once"),
        instant(one["met_at"]),
        words.term("standing", one["standing"]),
        one["rule_text_en" if words.lang == "en" else "rule_text"],
        one["source"],
    ]


def shifts(found: Iterable[dict[str, Any]], words: Wording) -> Iterator[Row]:
    """A row for each person on a shift."""
    for one in found:
        people = [(words.term("shift_post", person["post"]), person) for person in one["posts"]]
        if one["leader"]:
            people.append((words.say("shift.leader"), one["leader"]))
        for post, person in people:
            yield [
                instant(one["starts_at"]),
                instant(one["ends_at"]),
                post,
                person["name"],
                person.get("phone"),
                instant(one["taken_at"]),
                one["taken_by"],
            ]


def roll(one: dict[str, Any], words: Wording) -> Row:
    return [
        one["asked_at"],
        one["text"],
        _drill(one, words),
        words.unit(one["unit"]),
        words.say(f"outcome_roll.{one['outcome']}"),
        instant(one["answered_at"]),
        one["answered_by"],
        one["delay_s"],
    ]


def log(
    entries: Iterable[tuple[int, str | None, bytes]],
    shown: Callable[[str], dict[str, Any] | None],
    words: Wording,
) -> Iterator[Row]:
    """Lines of a stream in the order in which they were written down.

    `shown(incident)` works an incident out as its page does, or says None where it may not be seen.
    """
    kept: OrderedDict[str, _Worked | None] = OrderedDict()
    for offset, incident_id, body in entries:
        if incident_id is None:
            one = LOG_ENTRY.validate_json(body)
            entry = one.model_dump(mode="json", exclude_none=True) | {"event": plain(one.event)}
            yield _log_row(duty_log.line(entry, offset, words, {}, {}), "", "", words)
            continue
        if incident_id not in kept:
            found = shown(incident_id)
            kept[incident_id] = _Worked(found) if found is not None else None
            if len(kept) > KEPT:
                kept.popitem(last=False)
        worked = kept[incident_id]
        if worked is not None and (shown_entry := worked.entries.get(offset)) is not None:
            line = duty_log.line(shown_entry, offset, words, worked.owed, worked.reports)
            yield _log_row(line, worked.number, words.say("drill") if worked.drill else "", words)


class _Worked:
    """An incident worked out, as far as the lines of its log need it."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.number, self.drill = str(shown["number"]), bool(shown["drill"])
        self.owed = {one["id"]: one for one in shown["obligations"]}
        self.reports = {one["report_id"]: one for one in [*shown["reports"], *shown["drafts"]]}
        self.entries = {one["offset"]: one for one in shown["entries"] if not _is_typing(one["event"])}


def _is_typing(event: dict[str, Any]) -> bool:
    """A report is saved as it is typed; no line of a day for every few keys."""
    return bool(event["type"] == "report_edited" and not event["kept"] and not event["settled"])


def _log_row(line: duty_log.Line, number: str, drill: str, words: Wording) -> Row:
    said = "".join(part.text for part in line.parts)
    behalf = " ".join(str(value) for value in (line.behalf or {}).values())
    return [
        instant(line.at),
        instant(line.recorded_at),
        number,
        drill,
        line.label,
        " ".join(filter(None, (said.strip(), line.text))),
        words.say("export.struck") if line.struck else "",
        line.words,
        f"{line.by} ({behalf})" if behalf else line.by,
        line.post,
        line.unit,
    ]
