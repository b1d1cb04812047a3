"""What a field tablet keeps of an incident, in the person's words. Pure; `shown` is as `reading` gives it.

A tablet replaces what it has by this and never folds events itself: so what it shows after a cut cannot drift
from what the record says.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.rules import RuleSet
from server.screens import board, duty_log, fact_table, instruction_lines
from server.screens.wording import Wording

MOST_OWED, MOST_ORDERS = 6, 20
#: Lines of the log that a tablet keeps of an incident; on a thin line.
LINES, FEW_LINES = 40, 8
#: What one text may take of a thin line, in characters.
LONGEST, SHORTEST = 4_000, 300


def row(
    shown: dict[str, Any], viewer: str, now: datetime, wording: Wording, rules: RuleSet
) -> dict[str, Any]:
    """An incident in one line."""
    return _of_card(board.card(shown, viewer, now, wording, rules), shown)


def _of_card(card: board.Card, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": card.id,
        "number": card.number,
        "title": card.title,
        "drill": card.drill,
        "state": shown["state"],
        "level": card.level,
        "level_word": card.level_word,
        "place": " ".join(part for part in (card.place_unit, card.place_text) if part),
        "category": card.category,
        "known_at": card.known_at,
        "changed_at": card.changed_at,
        "due_at": card.due_at,
        "version": card.version,
    }


def incident(
    shown: dict[str, Any],
    viewer: str,
    names: frozenset[str],
    now: datetime,
    wording: Wording,
    rules: RuleSet,
    *,
    small: bool,
) -> dict[str, Any]:
    """An incident whole. `names`: by which an order may call this person or this unit."""
    waiting = [one for one in shown["obligations"] if one["met_at"] is None and one["excused"] is None]
    open_now = {**shown, "obligations": waiting, "instructions": instruction_lines.steps(shown)}
    card = board.card(open_now, viewer, now, wording, rules)
    told = duty_log.lines(shown, wording)
    kept = [one for one in told if not (one.quiet and small)][: FEW_LINES if small else LINES]
    most = SHORTEST if small else LONGEST
    return _of_card(card, shown) | {
        "owed": [_owed(one) for one in card.duties[:MOST_OWED]],
        "facts": _facts(shown, viewer, now, wording),
        "orders": [_order(one, names, wording, most) for one in reversed(shown["orders"])][:MOST_ORDERS],
        "lines": [_line(one, shown, most) for one in kept],
        "lines_left_out": len(told) - len(kept),
        "inside": shown["field"]["inside"]["inside"],
        "requests": [_request(one, names, wording, most) for one in shown["field"]["requests"][:MOST_ORDERS]],
        "posts": [_post(one, names) for one in shown["scene"]["posts"] if one["commander"]],
        "sitrep_due_at": (shown["scene"]["sitrep"] or {}).get("due_at") if shown["state"] == "open" else None,
        "photos": len([one for one in shown["attachments"] if not one["struck"]]),
    }


def _owed(one: board.Duty) -> dict[str, Any]:
    return {"label": one.label, "by": one.by, "own": one.own, "due_at": one.due_at}


def _facts(shown: dict[str, Any], viewer: str, now: datetime, wording: Wording) -> list[dict[str, Any]]:
    return [
        {
            "slug": one.slug,
            "name": one.name,
            "short": one.short,
            "value": one.latest.value if one.latest else None,
            "known_at": one.latest.known_at if one.latest else None,
        }
        for one in fact_table.facts(shown, viewer, now, wording)
    ]


def _order(one: dict[str, Any], names: frozenset[str], wording: Wording, most: int) -> dict[str, Any]:
    fields = (
        "order_id", "to", "by", "issued_at", "acknowledge_by", "report_by", "acknowledged_at",
        "acknowledged_by", "reported_at",
    )  # fmt: skip
    return {name: one[name] for name in fields} | {
        "to": wording.short(one["to"]),
        "text": _cut(one["text"], most),
        "report": _cut(one["report"], most),
        "mine": one["to"] in names,
    }


def _request(one: dict[str, Any], names: frozenset[str], wording: Wording, most: int) -> dict[str, Any]:
    kind = wording.term("help_kind", one["kind"])
    answers = one["answers"]
    return {
        "request_id": one["request_id"],
        "words": kind if one["quantity"] is None else f"{kind} {one['quantity']}",
        "text": _cut(one["text"], most),
        "at": one["at"],
        "person": one["person"],
        "accepted": one["accepted"],
        "answer": _cut(max(answers, key=lambda said: str(said["recorded_at"]))["text"], most)
        if answers
        else None,
        "mine": one["person"] in names,
    }


def _post(one: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """A post on the spot; who signs by their own account sees for which side."""
    now = one["commander"]
    transfer = next((each for each in reversed(one["transfers"]) if each["state"] == "open"), None)
    handed = None
    if transfer is not None:
        accounts = {"outgoing": now["account"], "incoming": transfer["to"]["account"]}
        handed = {
            "transfer_id": transfer["transfer_id"],
            "to": transfer["to"]["name"],
            "at": transfer["at"],
            "missing": transfer["missing"],
            "mine": [side for side in transfer["missing"] if accounts[side] in names],
        }
    return {
        "post_id": one["post_id"],
        "title": one["title"],
        "place": one["place"]["text"],
        "commander": now["name"],
        "phone": now["phone"],
        "since": one["terms"][-1]["since"],
        "transfer": handed,
    }


def _line(one: duty_log.Line, shown: dict[str, Any], most: int) -> dict[str, Any]:
    entry = shown["entries"][int(one.key) - 1]
    return {
        "offset": entry["offset"],
        "type": entry["event"]["type"],
        "label": one.label,
        "words": _cut("".join(part.text for part in one.parts), most),
        "text": _cut(one.text, most),
        "at": one.at,
        "recorded_at": one.recorded_at,
        "by": one.by,
        "post": one.post,
        "unit": one.unit,
        "struck": one.struck,
        "command_id": entry.get("command_id"),
        "device_at": entry.get("device_at"),
        "skew_ms": entry.get("skew_ms"),
        "on_behalf_of": one.behalf,
    }


def _cut(text: str | None, most: int) -> str | None:
    """A text is never left out in silence: what was cut off ends in "…"."""
    return text if text is None or len(text) <= most else text[: most - 1] + "…"
