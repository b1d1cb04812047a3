"""A pasted message as it is shown: its text with the found words marked, and each finding as a chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from schemas.fields import wire_instant
from server.domain.messages.findings import Finding
from server.domain.messages.reading import FACTS, Reading
from server.screens.wording import BEIJING, Wording

#: Fields of the intake form, and of the findings that only help to understand a text.
_ONLY_SHOWN = ("as_of", "occurred_day")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text, and the numbers of the chips it stands for."""

    text: str
    chips: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Chip:
    """A finding: `number` is its key, `field` and `value` are for the form."""

    number: int
    field: str
    label: str
    shown: str
    words: str
    value: str
    typed: str
    sure: str
    taken: bool
    usable: bool
    incident: int
    notes: tuple[str, ...]
    precision: str


def chips(text: str, reading: Reading, wording: Wording, now: datetime) -> list[Chip]:
    """The findings in the order in which people speak, numbered from 1."""
    return [_chip(number, text, one, wording, now) for number, one in enumerate(reading.findings, start=1)]


def _chip(number: int, text: str, one: Finding, wording: Wording, now: datetime) -> Chip:
    value, shown, typed = _said(one, wording, now)
    precision = ""
    if one.field == "occurred_at":
        precision = "exact" if "exact" in one.notes else "about"
    notes = tuple(wording.say(f"reading.note.{note}") for note in one.notes if note not in ("exact", "about"))
    if "about" in one.notes:
        shown = wording.say("time.about", at=shown)
    return Chip(
        number,
        one.field,
        _label(one.field, wording),
        shown,
        text[one.span.start : one.span.end],
        value,
        typed,
        str(one.sure),
        one.taken and one.field not in _ONLY_SHOWN,
        one.field not in _ONLY_SHOWN,
        one.incident,
        notes,
        precision,
    )


def _label(field: str, wording: Wording) -> str:
    if field in FACTS:
        return wording.term("fact", field)
    return wording.say(f"reading.field.{field.removeprefix('source.')}")


def _said(one: Finding, wording: Wording, now: datetime) -> tuple[str, str, str]:
    """For the form, for the eye, and as a person would type it."""
    if isinstance(one.value, datetime):
        local = one.value.astimezone(BEIJING)
        return wire_instant(one.value), wording.moment(one.value, now), local.strftime("%Y-%m-%d %H:%M")
    if one.value is None:
        return "?", wording.say("unknown.checking"), "?"
    text = str(one.value)
    if one.field == "division":
        return text, wording.place_unit(text), text
    if one.field == "category":
        return text, wording.category(text), text
    if one.field == "source.channel":
        return text, wording.term("source", text), text
    return text, text, text


def pieces(text: str, findings: Sequence[Finding], incident: int) -> list[Piece]:
    """The text cut at the edges of what was found in it. The title is a whole clause: it is not marked."""
    spans: list[tuple[int, int, int]] = []
    for number, one in enumerate(findings, start=1):
        if one.field == "title" or (one.incident != incident and not one.field.startswith("source.")):
            continue
        spans += [(span.start, span.end, number) for span in (one.span, *one.also)]
    edges = sorted({0, len(text), *(at for start, end, _ in spans for at in (start, end))})
    found = []
    for start, end in pairwise(edges):
        numbers = tuple(sorted({number for first, last, number in spans if first <= start and end <= last}))
        found.append(Piece(text[start:end], numbers))
    return found
