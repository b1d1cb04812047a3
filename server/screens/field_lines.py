"""People on the spot (现场) on the screens: their lines of the log. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server.screens.report_lines import Piece
from server.screens.wording import Wording


def pieces(event: dict[str, Any], repeats: int, wording: Wording) -> Iterator[Piece]:
    """What a line of the log says behind its label. `repeats`: how many positions this one stands for."""
    kind = event["type"]
    if kind == "help_overdue":
        yield Piece("event.help.of", {"kind": wording.term("help_kind", event["kind"])})
        yield Piece("event.help.asked_by", {"person": event["asked_by"]}, ("person",))
        if event["late_by_s"] >= 60:
            yield Piece("event.late_by", {"span": wording.span(event["late_by_s"])})
        return
    yield Piece("event.field.person", {"person": event["person"]}, ("person",))
    match kind:
        case "position_reported":
            yield Piece("event.field.position", {"lat": f"{event['lat']:.5f}", "lon": f"{event['lon']:.5f}"})
            if event.get("accuracy_m") is not None:
                yield Piece("event.field.accuracy", {"m": round(event["accuracy_m"])})
            if repeats > 1:
                yield Piece("event.field.repeats", {"times": repeats})
        case "field_status_set":
            yield Piece("event.field.status", {"status": wording.term("field_status", event["status"])})
        case "help_requested":
            yield _wanted(event, wording)
            yield Piece("event.help.answer_by", {"at": wording.clock(event["answer_by"])[:5]})
        case "help_answered":
            yield Piece("event.help.accepted" if event["accepted"] else "event.help.declined", {})
            yield Piece("event.help.of", {"kind": wording.term("help_kind", event["kind"])})
            yield Piece("event.help.asked_by", {"person": event["asked_by"]}, ("person",))
        case "heads_counted":
            yield Piece(f"event.heads.{event['direction']}", {"people": event["people"]})
            if event.get("team"):
                yield Piece("event.heads.team", {"team": event["team"]}, ("team",))


def _wanted(event: dict[str, Any], wording: Wording) -> Piece:
    what = wording.term("help_kind", event["kind"])
    if event.get("quantity") is None:
        return Piece("event.help.of", {"kind": what})
    return Piece("event.help.so_many", {"kind": what, "quantity": event["quantity"]})
