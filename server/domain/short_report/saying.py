"""A command's body into the messages of a short report. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.short_report.alphabet import (
    ALSO,
    ASIDE,
    BEIJING,
    CARRIED,
    CATEGORIES,
    COMMA,
    COMMAS,
    DIRECTIONS,
    DRILL,
    ENTRY_KINDS,
    FACTS,
    HELP,
    KINDS,
    LONGEST,
    MOST_PARTS,
    NOTHING,
    REAL,
    SPACE,
    STATUSES,
    TEAM,
    UNKNOWN,
    Unsayable,
    check_digits,
    digits_of,
    incident_mark,
    mark_of,
    order_mark,
    plain,
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The messages to be said, in order, and which parts of the command they have no place for."""

    messages: tuple[str, ...]
    left_out: tuple[str, ...]


def encode(name: str, body: dict[str, Any], sender: str) -> Encoded:
    """The messages for a command's body as it goes over the wire. Raises `Unsayable`."""
    kind = next((word for word, command in KINDS.items() if command == name), None)
    if kind is None:
        raise Unsayable(name)
    if not sender or any(char in COMMAS or char in SPACE for char in sender):
        raise Unsayable("sender")
    left_out = [
        one for one in body if one not in ASIDE and one not in CARRIED[name] and body[one] is not None
    ]
    fields, more = _SAY[name](body)
    left_out += more
    if name == "open-incident":
        mark = digits_of(body["incident_id"])
        if mark is None:
            raise Unsayable("incident_id")
    else:
        mark = mark_of(body["command_id"])
        fields = [incident_mark(body["incident_id"]), *fields]
    payload = plain("text", COMMA.join(fields))
    head = f"{COMMA}{plain('sender', sender)}{COMMA}{mark}{COMMA}"
    return Encoded(tuple(_messages(kind, head, payload)), tuple(left_out))


def _messages(kind: str, head: str, payload: str) -> list[str]:
    room = LONGEST - len(kind + head + COMMA) - 7
    if len(payload) <= room:
        return [_closed(f"{kind}{head}{payload}{COMMA}")]
    room -= len("1之2")
    if room < 1 or len(payload) > room * MOST_PARTS:
        raise Unsayable("text")
    pieces = [payload[start : start + room] for start in range(0, len(payload), room)]
    return [
        _closed(f"{kind}{number}之{len(pieces)}{head}{piece}{COMMA}")
        for number, piece in enumerate(pieces, start=1)
    ]


def _closed(before: str) -> str:
    return before + check_digits(before)


def _time(wire: str) -> str:
    moment = datetime.fromisoformat(wire.upper().replace("Z", "+00:00")).astimezone(BEIJING)
    return f"{moment:%d%H%M}"


def _word(table: dict[str, Any], value: Any, what: str) -> str:
    for word, slug in table.items():
        if slug == value:
            return word
    raise Unsayable(what)


def _number(value: float | int) -> str:
    return str(value).replace(".", "点")


def _facts_said(facts: dict[str, Any]) -> str:
    said = [
        f"{_word(FACTS, name, name)}{UNKNOWN if value is None else _number(value)}"
        for name, value in facts.items()
    ]
    return "".join(said) or NOTHING


def _also(text: str | None) -> list[str]:
    return [ALSO + text] if text else []


def _say_open(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    left_out: list[str] = []
    place = body.get("place") or {}
    left_out += [f"place.{name}" for name in ("lon", "lat") if place.get(name) is not None]
    text = place.get("text") or ""
    if text == NOTHING or any(char in COMMAS for char in text):
        left_out.append("place.text")
        text = ""
    category = body.get("category")
    if category is not None and "/" in category:
        left_out.append("category/")
        category = category.partition("/")[0]
    facts = body.get("facts")
    return [
        _time(body["known_at"]),
        body["known_by"],
        place.get("division") or NOTHING,
        _word(CATEGORIES, category, "category"),
        DRILL if body["drill"] else REAL,
        NOTHING if facts is None else _facts_said(facts),
        text or NOTHING,
        body["title"],
    ], left_out


def _say_entry(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    return [_time(body["happened_at"]), _word(ENTRY_KINDS, body["kind"], "kind"), body["text"]], []


def _say_facts(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    said = [_time(body["known_at"]), body["known_by"], _facts_said(body["facts"])]
    return [*said, *_also(body.get("explanation"))], []


def _say_status(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    said = [_time(body["at"]), _word(STATUSES, body["status"], "status")]
    return [*said, *_also(body.get("text"))], []


def _say_heads(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    said = [_time(body["at"]), f"{_word(DIRECTIONS, body['direction'], 'direction')}{body['people']}"]
    team = body.get("team")
    left_out = ["team"] if team and any(char in COMMAS for char in team) else []
    if team and not left_out:
        said.append(TEAM + team)
    return [*said, *_also(body.get("text"))], left_out


def _say_help(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    quantity = body.get("quantity")
    said = f"{_word(HELP, body['kind'], 'kind')}{'' if quantity is None else quantity}"
    return [_time(body["at"]), said, *_also(body.get("text"))], []


def _say_order(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    return [_time(body["at"]), order_mark(body["order_id"]), *_also(body.get("text"))], []


_SAY = {
    "open-incident": _say_open,
    "add-entry": _say_entry,
    "establish-facts": _say_facts,
    "set-field-status": _say_status,
    "count-heads": _say_heads,
    "request-help": _say_help,
    "acknowledge-order": _say_order,
}
