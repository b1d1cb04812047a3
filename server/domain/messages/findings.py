"""What a text says, word by word: every finding names the words it came from and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

Value = str | int | float | datetime | None


class Sure(StrEnum):
    """How far a finding may be trusted. The first two are shown as taken; nothing is taken unseen."""

    SURE = "sure"  # the text says so outright
    LIKELY = "likely"  # one reading of several, by far the likeliest; or a rounded number
    UNSURE = "unsure"  # offered, not taken


class Span(NamedTuple):
    """Characters `start` to `end` (code points, end excluded) of the text as it was given."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the text says. `value` None is an explicit unknown (核实中), never a missing one.

    `notes` are slugs for people: why it is not sure, what else was seen.
    """

    field: str
    value: Value
    span: Span
    sure: Sure = Sure.SURE
    notes: tuple[str, ...] = ()
    also: tuple[Span, ...] = ()  # further words that it was put together from
    incident: int = 0  # which of the text's incidents it is of

    @property
    def taken(self) -> bool:
        return self.sure is not Sure.UNSURE


_FOLDED = {0x3000: " ", 0xA0: " ", 0xD: "\n", 0x3007: "零", 0x25CB: "零", 0xFF5E: "~"}
_FOLDED |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5E)}
_SENTENCE_END = re.compile(r"[。!?\n;]+")


def fold(text: str) -> str:
    """The text with full-width letters, digits and punctuation made plain, one by one: offsets stay."""
    return text.translate(_FOLDED)


def blank(text: str, spans: list[Span]) -> str:
    """The text with these stretches made unreadable; offsets stay."""
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\x00" * (end - start)
    return "".join(letters)


def sentences(text: str) -> Iterator[Span]:
    """The sentences of a folded text, each with what ends it."""
    at = 0
    for end in _SENTENCE_END.finditer(text):
        yield Span(at, end.end())
        at = end.end()
    if at < len(text):
        yield Span(at, len(text))


def clauses(text: str, within: Span, breaks: str) -> Iterator[Span]:
    """The stretches of a sentence between these characters."""
    at = within.start
    for i in range(within.start, within.end):
        if text[i] in breaks:
            if i > at:
                yield Span(at, i)
            at = i + 1
    if at < within.end:
        yield Span(at, within.end)
