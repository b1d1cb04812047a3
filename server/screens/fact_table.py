"""The facts of an incident as its page prints them: who said what when, and where sources differ. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.terms import FACTS
from server.domain import contradictions
from server.domain.validity import is_said
from server.screens import board
from server.screens.wording import Wording, instant

#: The figures that every incident shows, said or not.
ALWAYS = ("dead", "missing", "trapped", "seriously_injured", "lightly_injured", "evacuated")
#: How much of the words of a choice is kept (schemas: an explanation).
MOST_EXPLAINED = 2_000
MOST_OF_A_SOURCE = 120
#: Choices that have a key of their own: the digits.
KEYS = 9


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said of one fact: the number, when they knew, who, by what way."""

    short: str
    known_at: str
    who: str
    source: str
    by: str
    explanation: str | None
    value: int | float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the numbers that stand side by side, and what choosing it writes down."""

    word: Word
    counts: bool  # the figures go by it meanwhile
    key: str
    known_by: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: the latest word, what other sources say instead, and every earlier word."""

    slug: str
    name: str
    short: str
    is_known: bool
    latest: Word | None
    history: tuple[Word, ...]
    choices: tuple[Choice, ...] = ()

    @property
    def others(self) -> tuple[Word, ...]:
        return tuple(one.word for one in self.choices if not one.counts)


def source_in_words(source: dict[str, Any] | None, wording: Wording) -> str:
    if not source:
        return ""
    channel = source.get("channel")
    said = [wording.term("source", channel) if channel else "", source.get("unit"), source.get("name")]
    return " ".join(one for one in said if one)


def facts(shown: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> list[Fact]:
    """Every fact that was ever said, and those that every incident shows. Numbers that contradict each other
    stand side by side until somebody chooses one."""
    recorded = list(reversed(shown["fact_history"]))
    made: list[Fact] = []
    keys = iter("123456789"[:KEYS])
    for name in FACTS:
        said = [statement for statement in recorded if name in statement["facts"]]
        if not said and name not in ALWAYS:
            continue
        ordered = sorted(said, key=lambda one: str(one["known_at"]))
        history = tuple(_word(one, one["facts"][name], wording) for one in reversed(ordered))
        standing = [_choosable(one, name) for one in said]
        differ = contradictions.contradiction(standing)
        choices: list[Choice] = []
        if differ is not None:
            numbers = [said[at] for at in (differ.latest, *differ.others)]
            choices = [
                _choice(one, numbers, name, viewer, next(keys, ""), now, wording)
                for one in _each_number_once(numbers, name)
            ]
        made.append(
            Fact(
                slug=name,
                name=wording.term("fact", name),
                short=history[0].short if history else "—",
                is_known=bool(history) and history[0].value is not None,
                latest=history[0] if history else None,
                history=history,
                choices=tuple(choices),
            )
        )
    return made


def _choosable(statement: dict[str, Any], name: str) -> contradictions.Word:
    known_at = instant(statement["known_at"])
    assert known_at is not None
    return contradictions.Word(
        contradictions.source_of(statement["known_by"], statement["source"]),
        statement["facts"][name],
        known_at,
        is_said(statement["explanation"]),
    )


def _each_number_once(statements: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Two who say the same are one choice: the newest of them speaks."""
    first: dict[Any, dict[str, Any]] = {}
    for one in statements:
        first.setdefault(one["facts"][name], one)
    return list(first.values())


def _choice(
    chosen: dict[str, Any],
    numbers: list[dict[str, Any]],
    name: str,
    viewer: str,
    key: str,
    now: datetime,
    wording: Wording,
) -> Choice:
    """To choose is to say the number again, as known to the unit that knew it, with an explanation: no clock
    begins anew by that. What nobody of our chain knew is known to it by this officer's unit."""
    value = chosen["facts"][name]
    rejected = [one for one in numbers if one["facts"][name] != value]
    explanation = wording.say(
        "choose.explanation",
        fact=wording.term("fact", name),
        chosen=_in_words(chosen, name, now, wording),
        others=wording.say("list.comma").join(_in_words(one, name, now, wording) for one in rejected),
    )
    return Choice(
        word=_word(chosen, value, wording),
        counts=chosen is numbers[0],
        key=key,
        known_by=chosen["known_by"] if chosen["in_chain"] else viewer,
        explanation=explanation[:MOST_EXPLAINED],
    )


def _in_words(statement: dict[str, Any], name: str, now: datetime, wording: Wording) -> str:
    """5（卢龙 120 14:10）: a number with who said it when."""
    source = source_in_words(statement["source"], wording)[:MOST_OF_A_SOURCE]
    who = " ".join(one for one in (wording.short(statement["known_by"]), source) if one)
    return wording.say(
        "choose.word",
        value=board.shown_number(statement["facts"][name], wording),
        who=who,
        at=wording.moment(statement["known_at"], now),
    )


def _word(statement: dict[str, Any], value: Any, wording: Wording) -> Word:
    return Word(
        short=board.shown_number(value, wording),
        known_at=statement["known_at"],
        who=wording.short(statement["known_by"]),
        source=source_in_words(statement["source"], wording),
        by=statement["by"],
        explanation=statement["explanation"],
        value=value,
    )


def occurred(shown: dict[str, Any], now: datetime, wording: Wording) -> list[Word]:
    """Every word on when it happened, the latest known first."""
    return [
        Word(
            short=_occurrence(one, now, wording),
            known_at=one["known_at"],
            who=wording.short(one["known_by"]),
            source=source_in_words(one["source"], wording),
            by=one["by"],
            explanation=one["explanation"],
        )
        for one in sorted(shown["fact_history"], key=lambda one: str(one["known_at"]), reverse=True)
        if one["occurred_at"] is not None
    ]


def _occurrence(statement: dict[str, Any], now: datetime, wording: Wording) -> str:
    precision = statement["occurred_precision"]
    if precision == "unknown":
        return wording.say("unknown.checking")
    at = wording.moment(statement["occurred_at"], now)
    return wording.say("time.about", at=at) if precision == "about" else at
