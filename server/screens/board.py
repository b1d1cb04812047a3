"""The board: open incidents as cards, each with its running clocks. Pure; rows as `reading` gives them.

A card is what a row of the desk or the wall prints; templates only print. What is owed by the unit that looks
(`own`) is work to do, what others owe it is to be chased.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.rules import RuleSet
from schemas.terms import Level
from server.screens import field_lines, instruction_lines
from server.screens.wording import Countdown, Wording, instant, utc_text

#: The figures of a card, in the order of their weight.
CARD_FACTS = ("dead", "missing", "trapped", "seriously_injured", "injured", "evacuated")
LEVEL_RANK = {str(level): level.rank for level in Level}
FAR = "9999"  # sorts after every deadline


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to be done, with its clock."""

    id: str
    action: str  # which form does it: report, chase, judge
    own: bool
    label: str
    by: str  # who owes it, in short; empty when it is the unit that looks
    due_at: str | None
    started_at: str
    clock: Countdown
    stage: str = ""
    channel: str = ""
    sender: str = ""
    recipient: str = ""
    instruction: str = ""
    addressee: str = ""
    request: str = ""

    @property
    def order(self) -> str:
        """Sorts by deadline; what is owed "at once" by when it began."""
        return self.due_at or self.started_at


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of people with its word. `value` None: an explicit unknown."""

    slug: str
    name: str
    value: float | int | None
    short: str


@dataclass(frozen=True, slots=True)
class Card:
    """An open incident as one row."""

    id: str
    number: str
    title: str
    drill: bool
    level: str | None
    judged: bool
    near_miss: bool
    level_word: str
    county: str
    place_unit: str
    place_text: str
    category: str
    known_at: str | None
    changed_at: str
    due_at: str | None
    duties: tuple[Duty, ...]
    figures: tuple[Figure, ...]
    version: int
    inside: int = 0
    discrepancy: int = 0
    help_wanted: int = 0
    unit: str = ""

    @property
    def first(self) -> Duty | None:
        return self.duties[0] if self.duties else None


def card(row: dict[str, Any], viewer: str, now: datetime, wording: Wording, rules: RuleSet) -> Card:
    """A row of the board as the unit `viewer` sees it."""
    duties = [duty(owed, viewer, now, wording) for owed in row["obligations"]]
    duties += [step_owed(step, viewer, now, wording) for step in row.get("instructions", ())]
    spot = row.get("on_the_spot") or {"inside": 0, "discrepancy": 0, "waiting": []}
    duties += [help_owed(one, row, viewer, now, wording) for one in spot["waiting"]]
    if (judge := judgement_owed(row, viewer, now, wording, rules)) is not None:
        duties.append(judge)
    duties.sort(key=lambda one: (one.due_at is None, one.order, not one.own, one.id))
    level = row["level"]
    place = row["place"]
    place_unit, place_text = wording.place(place)
    return Card(
        id=row["id"],
        number=row["number"],
        title=row["title"],
        drill=row["drill"],
        level=level,
        judged=row["judged"],
        near_miss=row["near_miss"],
        level_word=wording.term("level", level or "none"),
        county=wording.short(wording.tree.county_of(place["unit"]) or place["unit"]),
        place_unit=place_unit,
        place_text=place_text,
        category=wording.category(row["category"]),
        known_at=row["known_at"],
        changed_at=row["changed_at"],
        due_at=duties[0].due_at if duties else None,
        duties=tuple(duties),
        figures=figures(row["facts"], wording),
        version=row["version"],
        inside=spot["inside"],
        discrepancy=spot["discrepancy"],
        help_wanted=len(spot["waiting"]),
        unit=place["unit"],
    )


def in_order(cards: Iterable[Card]) -> list[Card]:
    """What is due next first; without a deadline last, the newest of them first."""
    newest = sorted(cards, key=lambda one: one.known_at or "", reverse=True)
    return sorted(newest, key=lambda one: one.due_at or FAR)


def by_level(cards: Iterable[Card]) -> list[Card]:
    """As the wall has them: the highest level first, real before drill; among equals what is due next."""
    return sorted(in_order(cards), key=lambda one: (one.drill, -LEVEL_RANK.get(one.level or "", 0)))


def duty(owed: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> Duty:
    """An open obligation. What is sent by the unit that looks is its own to do."""
    own = owed["from"] == viewer
    return Duty(
        id=owed["id"],
        action="report" if own else "chase",
        own=own,
        label=wording.say(
            "duty.report",
            stage=wording.term("stage", owed["stage"]),
            channel=wording.term("channel_short", owed["channel"]),
            to=wording.say("unit.us") if owed["to"] == viewer else wording.short(owed["to"]),
        ).strip(),
        by="" if own else wording.short(owed["from"]),
        due_at=owed["due_at"],
        started_at=owed["started_at"],
        clock=wording.countdown(owed["due_at"], now),
        stage=owed["stage"],
        channel=owed["channel"],
        sender=owed["from"],
        recipient=owed["to"],
    )


def step_owed(step: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> Duty:
    """The next step of an addressee of a leader's instruction."""
    own = step["owner"] == viewer
    return Duty(
        id=f"instruction-{step['instruction_id']}-{step['addressee_id']}",
        action=instruction_lines.action(step, viewer) or "look",
        own=own,
        label=instruction_lines.label(step, wording),
        by="" if own else wording.short(step["owner"]),
        due_at=step["due_at"],
        started_at=step["since"],
        clock=wording.countdown(step["due_at"], now),
        instruction=step["instruction_id"],
        addressee=step["addressee_id"],
    )


def help_owed(one: dict[str, Any], row: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> Duty:
    """An answer to a request for help: every desk from the place's upwards owes it, until one gives it."""
    return Duty(
        id=f"help-{one['request_id']}",
        action="answer-help",
        own=wording.tree.covers(viewer, row["unit"]),
        label=wording.say("duty.help", what=field_lines.label(one, wording), person=one["person"]),
        by="",
        due_at=one["answer_by"],
        started_at=one["recorded_at"],
        clock=wording.countdown(one["answer_by"], now),
        request=one["request_id"],
    )


def judgement_owed(
    row: dict[str, Any], viewer: str, now: datetime, wording: Wording, rules: RuleSet
) -> Duty | None:
    """T+5 of domain.md 1.5.5: as long as nobody has judged the level, somebody has to."""
    prompt = next((one for one in rules.prompts if one.until == "judged"), None)
    known = instant(row["known_at"])
    if row["judged"] or prompt is None or known is None or row["state"] != "open":
        return None
    due = known + timedelta(minutes=prompt.after_min)
    own = wording.tree.covers(viewer, row["unit"])
    return Duty(
        id=f"judge-{row['id']}",
        action="judge",
        own=own,
        label=wording.say("duty.judge"),
        by="",
        due_at=utc_text(due),
        started_at=row["known_at"],
        clock=wording.countdown(due, now),
    )


def figures(facts: dict[str, Any], wording: Wording) -> tuple[Figure, ...]:
    """What was said of people, in the order of weight; what nobody said is not there."""
    return tuple(
        Figure(name, wording.term("fact", name), facts[name], shown_number(facts[name], wording))
        for name in CARD_FACTS
        if name in facts
    )


def shown_number(value: float | int | None, wording: Wording) -> str:
    """An unknown is 核实中, never 0."""
    return wording.say("unknown.checking") if value is None else f"{value:,}"
