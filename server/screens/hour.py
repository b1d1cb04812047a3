"""The hour of an incident as its page prints it: both clocks, and the stages of the countdown. Pure.

Sources: domain.md 1.5.2 (the figure), 1.5.5 (the stages).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.rules import Prompt, RuleSet
from server.screens.wording import Countdown, Wording, instant, utc_text


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


def hour(shown: dict[str, Any], now: datetime, wording: Wording) -> Hour:
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


def steps(shown: dict[str, Any], now: datetime, wording: Wording, rules: RuleSet) -> list[Step]:
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
