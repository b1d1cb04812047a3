"""People on the spot (现场) on the screens: lines of the log, an incident's panel, what is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import asin, atan2, cos, pi, radians, sin, sqrt
from typing import Any

from schemas.map_symbols import SYMBOLS
from server.screens.report_lines import Piece
from server.screens.wording import Countdown, Wording


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
        case "short_report_confirmed" | "short_report_differs":
            yield Piece("event.short.command", {"command": wording.say(f"form.{event['command']}")})
            yield Piece(f"event.short.{event['came']}", {})
            if event.get("fields"):
                names = (wording.say(f"short.field.{one}") for one in event["fields"])
                yield Piece("event.short.fields", {"fields": wording.say("list.comma").join(names)})
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
        case "map_drawn" | "map_erased":
            yield Piece("event.map.what", {"what": drawn_named(event, wording)})
            if event.get("label"):
                yield Piece("event.map.label", {"label": event["label"]}, ("label",))
        case "heads_counted":
            yield Piece(f"event.heads.{event['direction']}", {"people": event["people"]})
            if event.get("team"):
                yield Piece("event.heads.team", {"team": event["team"]}, ("team",))


def drawn_named(drawn: dict[str, Any], wording: Wording) -> str:
    """What was plotted: the sign's name, or the kind of line or area."""
    symbol = SYMBOLS.get(drawn.get("symbol") or "")
    if symbol is None:
        return wording.term("drawing_kind", drawn["kind"])
    return symbol.en if wording.lang == "en" else symbol.zh


def _wanted(event: dict[str, Any], wording: Wording) -> Piece:
    what = wording.term("help_kind", event["kind"])
    if event.get("quantity") is None:
        return Piece("event.help.of", {"kind": what})
    return Piece("event.help.so_many", {"kind": what, "quantity": event["quantity"]})


# ---------------------------------------------------------------- the panel, and what boards show of it


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person of the panel. `where`: the position in words, `far` which way from the incident's place."""

    raw: dict[str, Any]
    unit: str
    status: str
    where: str
    far: str
    copied: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for help of the panel."""

    raw: dict[str, Any]
    label: str
    unit: str
    clock: Countdown | None


@dataclass(frozen=True, slots=True)
class Panel:
    """Those on the spot, those inside, and what waits for an answer: first what is open."""

    raw: dict[str, Any]
    people: tuple[Somebody, ...]
    open: tuple[Wanted, ...]
    answered: tuple[Wanted, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.people or self.open or self.answered or self.raw["counts"])


def panel(shown: dict[str, Any], now: datetime, wording: Wording) -> Panel:
    field = shown["field"]
    wanted = [_request(one, now, wording) for one in field["requests"]]
    return Panel(
        raw=field,
        people=tuple(_somebody(one, shown["place"], wording) for one in field["people"]),
        open=tuple(one for one in wanted if one.raw["open"]),
        answered=tuple(one for one in wanted if not one.raw["open"]),
    )


def _request(one: dict[str, Any], now: datetime, wording: Wording) -> Wanted:
    clock = wording.countdown(one["answer_by"], now) if one["open"] else None
    return Wanted(one, label(one, wording), _unit(one["unit"], wording), clock)


def label(one: dict[str, Any], wording: Wording) -> str:
    """What is asked for: 船艇 3."""
    what = wording.term("help_kind", one["kind"])
    return what if one["quantity"] is None else f"{what} {one['quantity']}"


def _unit(unit: str | None, wording: Wording) -> str:
    return wording.short(unit) if unit is not None and unit in wording.tree else unit or ""


def _somebody(one: dict[str, Any], place: dict[str, Any], wording: Wording) -> Somebody:
    position = one["position"]
    where = far = copied = ""
    if position is not None:
        lat, lon = f"{position['lat']:.5f}", f"{position['lon']:.5f}"
        where = wording.say("event.field.position", lat=lat, lon=lon)
        if position["accuracy_m"] is not None:
            where += " " + wording.say("field.accuracy", m=round(position["accuracy_m"]))
        copied = f"{lat},{lon}"
        if place.get("lon") is not None and place.get("lat") is not None:
            metres, degrees = bearing((place["lon"], place["lat"]), (position["lon"], position["lat"]))
            far = _far(metres, degrees, wording)
    status = wording.term("field_status", one["status"]) if one["status"] else ""
    return Somebody(one, _unit(one["unit"], wording), status, where, far, copied)


def _far(metres: float, degrees: float, wording: Wording) -> str:
    if metres < 50:
        return wording.say("field.at_the_place")
    way = wording.say(f"bearing.{round(degrees / 45) % 8}")
    if metres < 1000:
        return wording.say("field.metres", way=way, m=int(round(metres, -1)))
    return wording.say("field.kilometres", way=way, km=f"{metres / 1000:.1f}")


EARTH_M = 6_371_008.8


def bearing(here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
    """How far in metres and which way (0 is north, 90 east) one point lies from another (lon, lat)."""
    lon1, lat1, lon2, lat2 = (radians(degrees) for degrees in (*here, *there))
    east = lon2 - lon1
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin(east / 2) ** 2
    way = atan2(sin(east) * cos(lat2), cos(lat1) * sin(lat2) - sin(lat1) * cos(lat2) * cos(east))
    return 2 * EARTH_M * asin(min(1.0, sqrt(half))), way * 180 / pi % 360


def row_of(field: dict[str, Any]) -> dict[str, Any]:
    """An incident's `field` in the shape of the board's rows."""
    names = ("request_id", "kind", "quantity", "person", "unit", "recorded_at", "answer_by")
    return {
        "inside": field["inside"]["inside"],
        "discrepancy": field["inside"]["discrepancy"],
        "waiting": [{name: one[name] for name in names} for one in field["requests"] if one["open"]],
    }
