"""One incident as its page prints it: figures and their history, the level and why, what is owed. Pure.

Everything comes from `reading.incident`; nothing is counted here that the record does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.rules import Prompt, RuleSet
from schemas.terms import FACTS
from server import board
from server.board import Duty
from server.duty_log import Line, because_in_words, facts_in_words, lacks_in_words, lines
from server.wording import Countdown, Wording, instant, utc_text

#: The figures that every incident shows, said or not.
ALWAYS = ("dead", "missing", "trapped", "seriously_injured", "lightly_injured", "evacuated")


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said of one fact: the number, when they knew, who, by what way."""

    short: str
    known_at: str
    who: str
    source: str
    by: str
    explanation: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: the latest word, what another source says instead, and every earlier word."""

    slug: str
    name: str
    short: str
    is_known: bool
    latest: Word | None
    others: tuple[Word, ...]
    history: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the countdown of domain.md 1.5.5."""

    stage: str
    text: str
    due_at: str
    done: bool
    clock: Countdown
    action: str
    is_next: bool  # of several stages that one deed settles, the one to look at


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
class Hour:
    """The one-hour figure: both clocks, the case, and what stands beside them."""

    applies: bool
    case_word: str
    basis_word: str
    start: str | None
    written: HourClock
    phone: HourClock
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HourClock:
    """One of the two clocks: pass, fail, running or not applicable."""

    result: str
    word: str
    elapsed: str
    due_at: str | None
    clock: Countdown | None


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
    reports: tuple[dict[str, Any], ...]
    orders: tuple[dict[str, Any], ...]
    units: tuple[str, ...]
    known_by: tuple[tuple[str, str], ...]  # who may have come to know of it
    lines: tuple[Line, ...]

    @property
    def has_steps_left(self) -> bool:
        return any(not step.done for step in self.steps)


def dossier(
    shown: dict[str, Any], viewer: str, now: datetime, wording: Wording, rules: RuleSet, limit: int = 300
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
        card=board.card({**shown, "obligations": open_now}, viewer, now, wording, rules),
        level_why=tuple(_level_why(shown, now, wording)),
        facts=tuple(_facts(shown, wording)),
        occurred=tuple(_occurred(shown, now, wording)),
        hour=_hour(shown, now, wording),
        steps=tuple(_steps(shown, now, wording, rules)),
        owed=tuple(waiting),
        settled=tuple(settled),
        reports=tuple(_report(one, wording) for one in reversed(shown["reports"])),
        orders=tuple(_order(one, now, wording) for one in reversed(shown["orders"])),
        units=tuple(wording.short(unit) for unit in shown["units"]),
        known_by=tuple(
            (unit, wording.unit(unit))
            for unit in dict.fromkeys((viewer, *wording.tree.ancestors(shown["unit"])))
        ),
        lines=tuple(log[:limit]),
    )


def _source(source: dict[str, Any] | None, wording: Wording) -> str:
    if not source:
        return ""
    said = [wording.term("source", source.get("channel")), source.get("unit"), source.get("name")]
    return " ".join(one for one in said if one)


def _word(statement: dict[str, Any], value: Any, wording: Wording) -> Word:
    return Word(
        short=board.shown_number(value, wording),
        known_at=statement["known_at"],
        who=wording.short(statement["known_by"]),
        source=_source(statement["source"], wording),
        by=statement["by"],
        explanation=statement["explanation"],
    )


def _facts(shown: dict[str, Any], wording: Wording) -> list[Fact]:
    """Every fact that was ever said, and those that every incident shows. Contradictions stand side by side:
    the last word of another source is shown when it differs from the latest of all."""
    said_of: dict[str, list[tuple[dict[str, Any], Any]]] = {}
    for statement in sorted(shown["fact_history"], key=lambda one: one["known_at"], reverse=True):
        for name, value in statement["facts"].items():
            said_of.setdefault(name, []).append((statement, value))
    made = []
    for name in FACTS:
        if name not in said_of and name not in ALWAYS:
            continue
        said = said_of.get(name, [])
        words = tuple(_word(statement, value, wording) for statement, value in said)
        latest = words[0] if words else None
        first_of: dict[tuple[str, str], Word] = {}
        for word in words:
            first_of.setdefault((word.who, word.source), word)
        checking = wording.say("unknown.checking")
        others = [
            word
            for word in first_of.values()
            if latest is not None and word.short not in (latest.short, checking)
        ]
        made.append(
            Fact(
                slug=name,
                name=wording.term("fact", name),
                short=latest.short if latest else "—",
                is_known=bool(said) and said[0][1] is not None,
                latest=latest,
                others=tuple(others[:2]),
                history=words,
            )
        )
    return made


def _occurred(shown: dict[str, Any], now: datetime, wording: Wording) -> list[Word]:
    """Every word on when it happened, the latest known first."""
    return [
        Word(
            short=_occurrence(one, now, wording),
            known_at=one["known_at"],
            who=wording.short(one["known_by"]),
            source=_source(one["source"], wording),
            by=one["by"],
            explanation=one["explanation"],
        )
        for one in sorted(shown["fact_history"], key=lambda one: one["known_at"], reverse=True)
        if one["occurred_at"] is not None
    ]


def _occurrence(statement: dict[str, Any], now: datetime, wording: Wording) -> str:
    precision = statement["occurred_precision"]
    if precision == "unknown":
        return wording.say("unknown.checking")
    at = wording.moment(statement["occurred_at"], now)
    return wording.say("time.about", at=at) if precision == "about" else at


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


def _hour(shown: dict[str, Any], now: datetime, wording: Wording) -> Hour:
    figure = shown["one_hour"]
    limit, phone_limit = 3600, 1800
    notes = []
    for name in ("desk_elapsed_s", "grading_lag_s", "discovery_delay_s"):
        if figure[name] is not None and (name != "grading_lag_s" or figure[name] > 0):
            notes.append(wording.say(f"hour.{name}", span=wording.span(figure[name])))
    if figure["sent_in_time"] and figure["end"] is None:
        notes.append(wording.say("hour.sent_in_time"))
    return Hour(
        applies=figure["applies"],
        case_word=wording.term("hour_case", figure["case"] or "none"),
        basis_word=wording.term("hour_basis", figure["start_basis"] or "none"),
        start=figure["start"],
        written=_hour_clock(figure["start"], figure, limit, now, wording),
        phone=_hour_clock(figure["start"], figure["phone"], phone_limit, now, wording),
        notes=tuple(notes),
    )


def _hour_clock(
    start: str | None, figure: dict[str, Any], limit: int, now: datetime, wording: Wording
) -> HourClock:
    begun, result = instant(start), figure["result"]
    due = begun + timedelta(seconds=limit) if begun else None
    waits = due is not None and figure["end"] is None
    return HourClock(
        result=result,
        word=wording.term("hour_result", result),
        elapsed="" if figure["elapsed_s"] is None else wording.span(figure["elapsed_s"]),
        due_at=utc_text(due) if due is not None and waits else None,
        clock=wording.countdown(due, now) if waits else None,
    )


_STEP_ACTION = {"judged": "judge", "phoned": "phone", "written": "written", "never": "written"}


def _steps(shown: dict[str, Any], now: datetime, wording: Wording, rules: RuleSet) -> list[Step]:
    """The stages of the hour as `reporting` counts them: for what is unjudged, or 较大 and above."""
    level, known = shown["reporting_level"], instant(shown["known_at"])
    if shown["state"] != "open" or known is None or level == "ordinary":
        return []
    figure = shown["one_hour"]
    start = instant(figure["threshold_at"]) if figure["case"] == "upgrade" else known
    assert start is not None
    due = {one.stage: start + timedelta(minutes=one.after_min) for one in rules.prompts}
    looked_at: dict[str, str] = {}
    for prompt in rules.prompts:
        action = _STEP_ACTION[prompt.until]
        if action not in looked_at or due[looked_at[action]] < now:
            looked_at[action] = prompt.stage
    return [
        Step(
            stage=prompt.stage,
            text=prompt.text_en if wording.lang == "en" else prompt.text,
            due_at=utc_text(due[prompt.stage]),
            done=_is_moot(prompt, shown, start),
            clock=wording.countdown(due[prompt.stage], now),
            action=_STEP_ACTION[prompt.until],
            is_next=looked_at[_STEP_ACTION[prompt.until]] == prompt.stage,
        )
        for prompt in rules.prompts
    ]


def _is_moot(prompt: Prompt, shown: dict[str, Any], start: datetime) -> bool:
    sent = [one for one in shown["reports"] if (instant(one["sent_at"]) or start) >= start]
    if any(one["channel"] == "written" and one["valid"] for one in sent):
        return True
    if prompt.until == "judged":
        return any(
            one["scale"] == "reporting" and (instant(one["judged_at"]) or start) >= start
            for one in shown["judgements"]
        )
    return prompt.until == "phoned" and any(one["channel"] == "phone" for one in sent)


def _report(one: dict[str, Any], wording: Wording) -> dict[str, Any]:
    return {
        **one,
        "stage_word": wording.term("stage", one["stage"]),
        "channel_word": wording.term("channel", one["channel"]),
        "recipient_word": wording.short(one["recipient"]),
        "lacks_word": lacks_in_words(list(one["lacks"]), wording),
    }


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


__all__ = ["Dossier", "dossier", "facts_in_words"]
