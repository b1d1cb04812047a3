"""One incident as its page prints it: figures and their history, the level and why, what is owed. Pure.

Everything comes from `reading.incident`; nothing is counted here that the record does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.rules import RuleSet
from schemas.terms import CASUALTIES
from server.screens import board, fact_table, field_lines, instruction_lines
from server.screens.board import Duty
from server.screens.duty_log import Line, because_in_words, lacks_in_words, lines
from server.screens.fact_table import Fact, Word
from server.screens.hour import Hour, Step, hour, steps
from server.screens.wording import Wording


@dataclass(frozen=True, slots=True)
class Owed:
    """An obligation, open or not, with everything one may ask about it."""

    duty: Duty
    standing: str
    standing_word: str
    rule: str
    rule_text: str
    source: str
    evidence: str
    sender: str
    recipient: str
    met_at: str | None
    excused: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """The incident, worked out for printing. `raw` is the record as the wire has it."""

    raw: dict[str, Any]
    card: board.Card
    level_why: tuple[str, ...]
    facts: tuple[Fact, ...]
    occurred: tuple[Word, ...]
    hour: Hour
    steps: tuple[Step, ...]
    owed: tuple[Owed, ...]
    settled: tuple[Owed, ...]
    drafts: tuple[dict[str, Any], ...]
    next_stage: str  # of the report that is to be written next
    reports: tuple[dict[str, Any], ...]
    orders: tuple[dict[str, Any], ...]
    instructions: tuple[instruction_lines.Panel, ...]
    next_step: dict[str, str] | None  # of an instruction, that the unit that looks has to do first
    field: field_lines.Panel
    units: tuple[str, ...]
    lacks: str  # what a written report would lack now, but for its signature
    known_by: tuple[tuple[str, str], ...]  # who may have come to know of it
    lines: tuple[Line, ...]

    @property
    def differing(self) -> tuple[Fact, ...]:
        """The facts on which sources differ, until somebody chooses."""
        return tuple(fact for fact in self.facts if fact.choices)

    @property
    def has_steps_left(self) -> bool:
        return any(not step.done for step in self.steps)


def dossier(
    shown: dict[str, Any],
    viewer: str,
    now: datetime,
    wording: Wording,
    rules: RuleSet,
    limit: int | None = None,
) -> Dossier:
    open_now = [one for one in shown["obligations"] if one["met_at"] is None and one["excused"] is None]
    log = lines(shown, wording)
    all_owed = [_owed(one, viewer, now, wording) for one in shown["obligations"]]
    waiting = [one for one in all_owed if one.standing in ("running", "due_soon", "overdue")]
    settled = [one for one in all_owed if one.standing not in ("running", "due_soon", "overdue")]
    waiting.sort(key=lambda one: (one.duty.due_at is None, one.duty.order, not one.duty.own, one.duty.id))
    settled.sort(key=lambda one: one.met_at or one.duty.started_at, reverse=True)
    return Dossier(
        raw=shown,
        card=board.card(
            {
                **shown,
                "obligations": open_now,
                "instructions": instruction_lines.steps(shown),
                "on_the_spot": field_lines.row_of(shown["field"]),
            },
            viewer,
            now,
            wording,
            rules,
        ),
        level_why=tuple(_level_why(shown, now, wording)),
        facts=tuple(fact_table.facts(shown, viewer, now, wording)),
        occurred=tuple(fact_table.occurred(shown, now, wording)),
        hour=hour(shown, now, wording),
        steps=tuple(steps(shown, now, wording, rules)),
        owed=tuple(waiting),
        settled=tuple(settled),
        drafts=tuple(_draft(one, wording) for one in reversed(shown["drafts"])),
        next_stage=_next_stage(shown, viewer),
        reports=tuple(_report(one, wording) for one in reversed(shown["reports"])),
        orders=tuple(_order(one, now, wording) for one in reversed(shown["orders"])),
        instructions=instruction_lines.panels(shown, viewer, now, wording),
        next_step=instruction_lines.next_act(shown, viewer, wording),
        field=field_lines.panel(shown, now, wording),
        units=tuple(wording.short(unit) for unit in shown["units"]),
        lacks=lacks_in_words(_lacks(shown), wording),
        known_by=tuple(
            (unit, wording.unit(unit))
            for unit in dict.fromkeys((viewer, *wording.tree.ancestors(shown["unit"])))
        ),
        lines=tuple(log[:limit]),
    )


def _level_why(shown: dict[str, Any], now: datetime, wording: Wording) -> list[str]:
    """Who judged what and when, and what the facts alone amount to."""
    said = [
        wording.say(
            "level.judged_by" if not one["possible"] else "level.possible_by",
            scale=wording.term("scale", one["scale"]),
            level=wording.term("level", one["level"]),
            by=one["by"],
            at=wording.moment(one["judged_at"], now),
            basis=one["basis"],
        )
        for one in sorted(shown["judgements"], key=lambda one: one["judged_at"], reverse=True)
    ]
    if shown["because"]:
        said.append(wording.say("level.computed", because=because_in_words(shown["because"], wording)))
    if not said:
        said.append(wording.say("level.nobody"))
    return said


def _owed(one: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> Owed:
    return Owed(
        duty=board.duty(one, viewer, now, wording),
        standing=one["standing"],
        standing_word=wording.term("standing", one["standing"]),
        rule=one["rule"],
        rule_text=one["rule_text_en"] if wording.lang == "en" else one["rule_text"],
        source=one["source"],
        evidence=one["evidence"],
        sender=wording.short(one["from"]),
        recipient=wording.short(one["to"]),
        met_at=one["met_at"],
        excused=wording.term("excused", one["excused"]) if one["excused"] else "",
    )


def _lacks(shown: dict[str, Any]) -> list[str]:
    """What would keep a written report from being valid (contract 3), before one is written."""
    place = shown["place"]
    present = {
        "place": bool(place.get("text") or place.get("division")),
        "category": shown["category"] is not None,
        "source": shown["source"] is not None,
        "casualties": any(name in shown["facts"] for name in CASUALTIES),
    }
    return [name for name, there in present.items() if not there]


def _report(one: dict[str, Any], wording: Wording) -> dict[str, Any]:
    return {
        **one,
        "stage_word": wording.term("stage", one["stage"]),
        "channel_word": wording.term("channel", one["channel"]),
        "recipient_word": wording.short(one["recipient"]),
        "lacks_word": lacks_in_words(list(one["lacks"]), wording),
    }


def _draft(one: dict[str, Any], wording: Wording) -> dict[str, Any]:
    """A report in writing as the list prints it."""
    word = wording.term("stage", one["stage"])
    sent = one["sends"] and one["state"] in ("approved", "signed")
    return {
        **one,
        "stage_word": f"{word} {one['ordinal']}" if one["stage"] in ("follow_up", "daily") else word,
        "state_word": wording.say(f"report.state.{'sent' if sent else one['state']}"),
        "issue": one["issue"]["text"] if one["issue"] else "",
        "changed_at": one["signed_at"] or one["approved_at"] or one["edited_at"] or one["drafted_at"],
        "by": one["signed_by"] or one["approved_by"] or one["edited_by"] or one["drafted_by"],
    }


def _next_stage(shown: dict[str, Any], viewer: str) -> str:
    """What is owed first in writing; else a first report, or the next one."""
    owed = [
        one
        for one in shown["obligations"]
        if one["from"] == viewer
        and one["met_at"] is None
        and one["excused"] is None
        and one["channel"] != "phone"
    ]
    if owed:
        return str(min(owed, key=lambda one: (one["due_at"] is None, one["due_at"] or ""))["stage"])
    written = [one for one in shown["drafts"] if one["unit"] == viewer and one["state"] != "discarded"]
    return "follow_up" if written or shown["reports"] else "initial"


def _order(one: dict[str, Any], now: datetime, wording: Wording) -> dict[str, Any]:
    waits = one["acknowledged_at"] is None and one["reported_at"] is None
    by = one["acknowledge_by"] if waits else one["report_by"] if one["reported_at"] is None else None
    return {
        **one,
        "to_word": wording.short(one["to"]) if one["to"] in wording.tree else None,
        "waits_for": "acknowledge" if waits else "report" if one["reported_at"] is None else "",
        "due_at": by,
        "clock": wording.countdown(by, now) if by else None,
    }
