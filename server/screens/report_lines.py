"""Lines of the duty log about reports that are being written, in parts: ours, and what people said. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from server.screens.wording import Wording


class Piece(NamedTuple):
    """A text of ours by its slug, with values; those named in `said` are somebody's words."""

    slug: str
    values: dict[str, Any]
    said: tuple[str, ...] = ()


def pieces(event: dict[str, Any], draft: dict[str, Any] | None, wording: Wording) -> Iterator[Piece]:
    """What the line says behind its label."""
    named = event if event["type"] == "report_drafted" else draft
    if named is not None:
        word = wording.term("stage", named["stage"])
        if named["stage"] in ("follow_up", "daily"):
            word = f"{word} {named['ordinal']}"
        yield Piece("event.draft", {"stage": word, "form": named["form_name"]}, ("form",))
    match event["type"]:
        case "report_drafted":
            if event["recipients"]:
                units = wording.say("list.comma").join(map(wording.short, event["recipients"]))
                yield Piece("event.draft_recipients", {"units": units})
        case "report_edited":
            for slug, name in (("event.draft_fields", "changes"), ("event.draft_kept", "kept")):
                if event[name]:
                    yield Piece(slug, {"fields": _fields(event[name], wording)})
            if event["settled"]:
                yield Piece("event.draft_settled", {})
        case "report_returned" | "report_discarded":
            yield Piece("event.reason", {"reason": event["reason"]}, ("reason",))
        case "report_approved" | "report_signed":
            name = "approved" if event["type"] == "report_approved" else "signed"
            at = wording.clock(event[f"{name}_at"])[:5]
            yield Piece("event.draft_by", {"name": event[f"{name}_by"], "at": at}, ("name",))
            if event.get("issue"):
                yield Piece("event.draft_issue", {"issue": event["issue"]["text"]}, ("issue",))
        case "report_sent":
            means = wording.term("means", event["means"])
            yield Piece("event.draft_sent", {"means": means, "to": wording.short(event["recipient"])})
            if event.get("person"):
                yield Piece("event.draft_person", {"person": event["person"]}, ("person",))
            if event.get("note"):
                yield Piece("event.note", {"note": event["note"]}, ("note",))
        case "report_entered":
            if event.get("reference"):
                yield Piece("event.draft_reference", {"reference": event["reference"]}, ("reference",))


def _fields(changed: list[dict[str, Any]], wording: Wording) -> str:
    names = dict.fromkeys(one["field"] for one in changed)
    return wording.say("list.comma").join(wording.say(f"report.{name}") for name in names)
