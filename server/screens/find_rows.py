"""What a search found, as the page and a file of it print it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from server.domain.finding import Query
from server.screens.export_rows import Columns, Row
from server.screens.wording import Wording, instant

FOUND: Columns = (
    ("kind", "find.kind"),
    ("recorded_at", "export.recorded"),
    ("number", "incident.number"),
    ("drill", "drill"),
    ("title", "search.column_title"),
    ("label", "form.kind"),
    ("text", "form.text"),
    ("struck", "export.struck"),
    ("name", "field.name"),
    ("phone", "intake.source_phone"),
    ("post", "field.post"),
    ("unit", "field.unit"),
    ("by", "export.by_whom"),
    ("link", "find.link"),
)


class Bit(NamedTuple):
    """A piece of a text: what was looked for, or what stands around it."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One result in words. `raw` is as programs get it."""

    raw: dict[str, Any]
    bits: tuple[Bit, ...]
    label: str
    beside: str
    unit: str


@dataclass(frozen=True, slots=True)
class Group:
    kind: str
    rows: tuple[Found, ...]
    next: str | None


def groups(answer: dict[str, Any], query: Query, wording: Wording) -> list[Group]:
    """Those that have something in them."""
    return [
        Group(one["kind"], tuple(_found(row, query, wording) for row in one["results"]), one["next"])
        for one in answer["groups"]
        if one["results"]
    ]


def row(one: dict[str, Any], wording: Wording) -> Row:
    person = one["person"] or {}
    unit = person.get("unit") or one["unit"]
    post = person.get("post")
    return (
        wording.say(f"find.kind.{one['kind']}"),
        instant(one["recorded_at"]),
        one["number"],
        wording.say("drill") if one["drill"] else "",
        one["title"],
        label(one, wording),
        _text(one, wording),
        wording.say("export.struck") if one["struck"] else "",
        person.get("name"),
        person.get("phone"),
        _post(person["role"], post, wording) if post else None,
        wording.unit(unit) if unit else None,
        one["by"],
        one["link"],
    )


def label(one: dict[str, Any], wording: Wording) -> str:
    """What it is: the entry's own kind, or the event's; of a person how they come to be named."""
    if one["person"] is not None:
        return wording.say(f"find.role.{one['person']['role']}")
    if one["event"] is None:
        return wording.say(f"find.kind.{one['kind']}")
    if one["event"] == "entry_added":
        return wording.term("kind", one["entry_kind"])
    return wording.say(f"event.{one['event']}.label")


def _found(one: dict[str, Any], query: Query, wording: Wording) -> Found:
    text, marks = one["text"], one["marks"]
    if "facts" in one and wording.lang == "en":
        text = _text(one, wording)
        marks = query.spans(text) or []
    person = one["person"]
    beside = ""
    if person is not None and person["post"]:
        beside = _post(person["role"], person["post"], wording)
    unit = one["unit"] or ""
    if person is not None and person["role"] == "shift":
        unit = person["unit"]
    return Found(one, _bits(text, marks), label(one, wording), beside, wording.short(unit) if unit else "")


def _post(role: str, post: str, wording: Wording) -> str:
    """Accounts have posts of ours, shifts those of a roster, others whatever was said."""
    return wording.term({"account": "post", "shift": "shift_post"}.get(role, "post"), post)


def _text(one: dict[str, Any], wording: Wording) -> str:
    if "facts" not in one or wording.lang != "en":
        return str(one["text"])
    checking = wording.say("unknown.checking")
    return ", ".join(
        f"{wording.term('fact', name)} {checking if value is None else value}"
        for name, value in one["facts"].items()
    )


def _bits(text: str, marks: list[tuple[int, int]]) -> tuple[Bit, ...]:
    made, at = [], 0
    for first, last in marks:
        made += [Bit(text[at:first], False), Bit(text[first:last], True)]
        at = last
    made.append(Bit(text[at:], False))
    return tuple(one for one in made if one.text)
