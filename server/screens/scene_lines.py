"""Command on the spot in the duty log: what a line says behind its label. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server.screens.report_lines import Piece
from server.screens.wording import Wording

#: What is told as it was said, in this order; the words of each are `event.scene.NAME`.
_SAID = ("title", "group", "text", "emphasis", "leader", "outgoing", "name", "who", "unit", "phone", "forces")
_AFTER = ("why", "reason")


def pieces(event: dict[str, Any], wording: Wording) -> Iterator[Piece]:
    kind = event["type"]
    for name in _SAID:
        if event.get(name):
            yield Piece(f"event.scene.{name}", {name: event[name]}, (name,))
    if kind == "scene_group_set" and not event.get("leader"):
        yield Piece("event.scene.stood_down", {})
    if event.get("place"):
        yield Piece("event.scene.place", {"place": event["place"]["text"]}, ("place",))
    for slug in ("commander", "to"):
        if event.get(slug):
            who = " ".join(event[slug][name] for name in ("name", "role", "phone") if event[slug].get(name))
            yield Piece(f"event.scene.{slug}", {"who": who}, ("who",))
    if event.get("side"):
        yield Piece(f"event.scene.side.{event['side']}", {})
        if event.get("channel"):
            yield Piece("event.scene.by_word", {"channel": wording.say(f"scene.channel.{event['channel']}")})
    if event.get("outcome"):
        yield Piece(f"event.scene.outcome.{event['outcome']}", {})
    if event.get("priority"):
        yield Piece("event.scene.priority", {"priority": event["priority"]})
    for name in ("due", "until"):
        if event.get(name):
            yield Piece(f"event.scene.{name}", {"at": wording.exact(event[name])[:16]})
    if kind == "sitrep_timer_set":
        minutes = event.get("every_min")
        yield Piece("event.scene.every" if minutes else "event.scene.stopped", {"minutes": minutes})
    for name in _AFTER:
        if event.get(name):
            yield Piece(f"event.scene.{name}", {name: event[name]}, (name,))
    if event.get("late_by_s", 0) >= 60:
        yield Piece("event.late_by", {"span": wording.span(event["late_by_s"])})
