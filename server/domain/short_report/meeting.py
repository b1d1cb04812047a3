"""Whether two commands are the same, one of them a short report: what each carries, compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from server.domain.short_report.alphabet import CARRIED, COMMAS, digits_of, fold, mark_of

#: The command that an event of the log comes from.
OF_EVENTS = {
    "incident_opened": "open-incident",
    "entry_added": "add-entry",
    "facts_established": "establish-facts",
    "field_status_set": "set-field-status",
    "heads_counted": "count-heads",
    "help_requested": "request-help",
    "order_acknowledged": "acknowledge-order",
}
Gist = dict[str, Any]
#: Texts of more than this are compared by their digest: an incident in memory holds no texts of its log.
LONGEST_KEPT = 64
#: What people said: compared as a voice tells it apart.
TEXTS = frozenset({"text", "title", "explanation", "team"})


def mark(name: str, command_id: str, incident_id: str, short_mark: str | None) -> str | None:
    """By what a command is known again; an incident by its own digits."""
    if short_mark is not None:
        return short_mark
    return digits_of(incident_id) if name == "open-incident" else mark_of(command_id)


def gist(name: str, said: BaseModel) -> Gist:
    """What a command, or its event, carries into a short report, as far as a voice tells it apart."""
    return {one: _said(one, getattr(said, one)) for one in CARRIED[name]}


def _said(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return int(value.timestamp()) // 60
    if name == "place":
        text = value.text or ""
        return value.division, None if any(char in COMMAS for char in text) else fold(text) or None
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if name == "category":
        return str(value).partition("/")[0]
    if name == "team" and any(char in COMMAS for char in value):
        return None  # no short report carries it
    if name in TEXTS:
        folded = fold(value)
        return folded if len(folded) <= LONGEST_KEPT else sha256(folded.encode()).hexdigest()
    return str(value) if isinstance(value, str) else value


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The fields in which they are not the same."""
    return [name for name in one if one[name] != other.get(name)]
