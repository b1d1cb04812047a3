"""The messages of a short report, as pasted or typed by ear, into a command. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from server.domain.short_report.alphabet import (
    ALSO,
    BEIJING,
    CATEGORIES,
    COMMAS,
    DIRECTIONS,
    DRILL,
    ENTRY_KINDS,
    FACTS,
    HELP,
    INCIDENT_DIGITS,
    KINDS,
    MARK_DIGITS,
    NOTHING,
    OPEN_DIGITS,
    ORDER_DIGITS,
    REAL,
    SPACE,
    STATUSES,
    TEAM,
    UNKNOWN,
    Garbled,
    check_digits,
    fold,
    incident_of,
)

_HEAD = re.compile(r"([开记数态清援收])(?:([1-9])之([1-9]))?([0-9]{0,10})")
_FACT = re.compile(rf"({'|'.join(FACTS)})({UNKNOWN}|[0-9]+(?:点[0-9]+)?)")
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,39}")


@dataclass(slots=True)
class Decoded:
    """What a report says. `body` has no ids but what the report carries; the marks name the rest.

    `missing`: the parts (from 1) of `parts` that have not been given yet; then there is no body.
    """

    name: str
    sender: str
    mark: str
    body: dict[str, Any] = field(default_factory=dict)
    incident_mark: str = ""
    order_mark: str = ""
    parts: int = 1
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    number: int
    parts: int
    sender: str
    mark: str
    payload: str
    begins: int  # where the payload begins in the message, from 1


def decode(messages: Sequence[str], now: datetime) -> Decoded:
    """What these messages, in any order, say. `now` tells which month a day belongs to. Raises `Garbled`."""
    if not messages:
        raise Garbled("form")
    parts: dict[int, _Part] = {}
    for index, message in enumerate(messages):
        try:
            part = _part(message)
        except Garbled as wrong:
            raise Garbled(wrong.code, wrong.at, wrong.by, index) from None
        first = next(iter(parts.values()), part)
        same = (part.name, part.parts, part.sender, part.mark) == (
            first.name, first.parts, first.sender, first.mark,
        )  # fmt: skip
        before = parts.setdefault(part.number, part)
        if not same or before.payload != part.payload:
            raise Garbled("parts", message=index)
    first = next(iter(parts.values()))
    said = Decoded(first.name, first.sender, first.mark, parts=first.parts)
    said.missing = tuple(number for number in range(1, first.parts + 1) if number not in parts)
    if not said.missing:
        ordered = [parts[number] for number in range(1, first.parts + 1)]
        _read(said, "".join(one.payload for one in ordered), ordered[0].begins, now)
    return said


def _part(message: str) -> _Part:
    raw = message.strip(SPACE)
    folded = fold(raw)
    tail = re.fullmatch(r"(.*，)([0-9]{2})([0-9]{5})", folded, re.DOTALL)
    if tail is None:
        raise Garbled("form", max(1, len(raw) - 6))
    if int(tail[2]) != len(folded):
        raise Garbled("length", _suspect(raw), len(folded) - int(tail[2]))
    if check_digits(tail[1]) != tail[2] + tail[3]:
        raise Garbled("check", _suspect(raw))
    return _structure(raw)


def _suspect(raw: str) -> int | None:
    """The place of a field that cannot be right, if there is one."""
    try:
        part = _structure(raw)
        if part.parts == 1:
            said = Decoded(part.name, part.sender, part.mark)
            _read(said, part.payload, part.begins, datetime(2026, 1, 31, 23, 59, tzinfo=BEIJING))
    except Garbled as wrong:
        return wrong.at
    return None


def _split(raw: str, most: int) -> list[tuple[int, str]]:
    """The first fields and the rest, each with its place from 0."""
    found: list[tuple[int, str]] = []
    start = 0
    for place, char in enumerate(raw):
        if len(found) == most:
            break
        if char in COMMAS:
            found.append((start, raw[start:place]))
            start = place + 1
    return [*found, (start, raw[start:])]


def _structure(raw: str) -> _Part:
    fields = _split(raw, 3)
    if len(fields) < 4:
        raise Garbled("field", len(raw))
    head = _HEAD.fullmatch(fold(fields[0][1]))
    if head is None or head[4]:
        raise Garbled("field", fields[0][0] + 1)
    name = KINDS[head[1]]
    number, parts = int(head[2] or 1), int(head[3] or 1)
    if number > parts or (head[2] and parts == 1):
        raise Garbled("field", fields[0][0] + 1)
    sender = fields[1][1].strip(SPACE)
    if not sender:
        raise Garbled("field", fields[1][0] + 1)
    digits = OPEN_DIGITS if name == "open-incident" else MARK_DIGITS
    mark = fold(fields[2][1])
    if not re.fullmatch(rf"[0-9]{{{digits}}}", mark):
        raise Garbled("field", fields[2][0] + 1)
    start, rest = fields[3]
    last = max((place for place, char in enumerate(rest) if char in COMMAS), default=len(rest))
    return _Part(name, number, parts, sender, mark, rest[:last], start + 1)


class _Fields:
    """A payload's fields, one after the other, each with its place in the message."""

    def __init__(self, payload: str, begins: int, now: datetime) -> None:
        self.left, self.at, self.now = payload, begins, now

    @property
    def is_over(self) -> bool:
        return self.left is _OVER

    def rest(self) -> str:
        """All that is left, as it was written."""
        if self.is_over:
            raise Garbled("field", self.at)
        said, self.left = self.left, _OVER
        return said

    def next(self) -> tuple[int, str]:
        """The next field, to the letter, and its place."""
        (_start, said), *more = _split(self.rest(), 1)
        at = self.at
        self.at += len(said) + 1
        if more:
            self.left = more[0][1]
        return at, said.strip(SPACE)

    def digits(self, count: int) -> str:
        at, said = self.next()
        if not re.fullmatch(rf"[0-9]{{{count}}}", fold(said)):
            raise Garbled("field", at)
        return fold(said)

    def word(self, table: dict[str, Any]) -> Any:
        at, said = self.next()
        if said not in table:
            raise Garbled("field", at)
        return table[said]

    def counted(self, table: dict[str, Any], optional: bool) -> tuple[Any, int | None]:
        at, said = self.next()
        found = re.fullmatch(rf"({'|'.join(table)})([0-9]{{0,6}})", fold(said))
        if found is None or not (found[2] or optional) or found[2].startswith("0"):
            raise Garbled("field", at)
        return table[found[1]], int(found[2]) if found[2] else None

    def unit(self) -> str:
        at, said = self.next()
        plain = "".join(chr(ord(one) - 0xFEE0) if "！" <= one <= "～" else one for one in said)
        if not _UNIT.fullmatch(plain):
            raise Garbled("field", at)
        return plain

    def facts(self) -> dict[str, Any] | None:
        at, said = self.next()
        plain = fold(said)
        if plain == NOTHING:
            return None
        found = _FACT.findall(plain)
        if "".join(word + number for word, number in found) != plain or not found:
            raise Garbled("field", at)
        return {FACTS[word]: _value(number) for word, number in found}

    def time(self) -> str:
        at, said = self.next()
        plain = fold(said)
        if not re.fullmatch(r"[0-9]{6}", plain):
            raise Garbled("field", at)
        day, hour, minute = int(plain[:2]), int(plain[2:4]), int(plain[4:])
        latest = (self.now + timedelta(minutes=2)).astimezone(BEIJING)
        for back in range(62):
            date = (latest - timedelta(days=back)).date()
            if date.day != day or hour > 23 or minute > 59:
                continue
            moment = datetime(date.year, date.month, date.day, hour, minute, tzinfo=BEIJING)
            if moment <= latest:
                return moment.isoformat()
        raise Garbled("field", at)

    def also(self, mark: str = ALSO) -> str | None:
        """What follows a mark: a text to the end, to the letter; another only to the next comma."""
        if self.is_over or not self.left.lstrip(SPACE).startswith(mark):
            return None
        return self.rest().lstrip(SPACE)[1:] if mark == ALSO else self.next()[1][1:]

    def end(self) -> None:
        if not self.is_over:
            raise Garbled("field", self.at)


_OVER = "\x00"


def _value(number: str) -> int | float | None:
    if number == UNKNOWN:
        return None
    return float(number.replace("点", ".")) if "点" in number else int(number)


def _read(said: Decoded, payload: str, begins: int, now: datetime) -> None:
    fields = _Fields(payload, begins, now)
    if said.name != "open-incident":
        said.incident_mark = fields.digits(INCIDENT_DIGITS)
    body = said.body
    match said.name:
        case "open-incident":
            body["incident_id"] = incident_of(said.mark)
            body["known_at"], body["known_by"] = fields.time(), fields.unit()
            at, division = fields.next()
            if division != NOTHING and not re.fullmatch(r"[0-9]{6}([0-9]{3}){0,2}", fold(division)):
                raise Garbled("field", at)
            body["category"] = fields.word(CATEGORIES)
            body["drill"] = fields.word({DRILL: True, REAL: False})
            if (facts := fields.facts()) is not None:
                body["facts"] = facts
            _at, text = fields.next()
            place = {
                name: value
                for name, value in (("division", fold(division)), ("text", text))
                if value != NOTHING
            }
            body["place"] = place or None
            body["title"] = fields.rest()
        case "add-entry":
            body["happened_at"], body["kind"], body["text"] = (
                fields.time(), fields.word(ENTRY_KINDS), fields.rest(),
            )  # fmt: skip
        case "establish-facts":
            body["known_at"], body["known_by"] = fields.time(), fields.unit()
            body["facts"] = fields.facts() or {}
            _put(body, "explanation", fields.also())
        case "set-field-status":
            body["at"], body["status"] = fields.time(), fields.word(STATUSES)
            _put(body, "text", fields.also())
        case "count-heads":
            body["at"] = fields.time()
            body["direction"], body["people"] = fields.counted(DIRECTIONS, optional=False)
            _put(body, "team", fields.also(TEAM))
            _put(body, "text", fields.also())
        case "request-help":
            body["at"] = fields.time()
            body["kind"], quantity = fields.counted(HELP, optional=True)
            _put(body, "quantity", quantity)
            _put(body, "text", fields.also())
        case "acknowledge-order":
            body["at"], said.order_mark = fields.time(), fields.digits(ORDER_DIGITS)
            _put(body, "text", fields.also())
    fields.end()


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        body[name] = value
