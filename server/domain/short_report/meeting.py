"""Whether two commands are the same, one of them a short report: what each carries, compared. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def mark(name: str, command_id: str, incident_id: str, short_mark: str | None) -> str | None:
    """By what a command is known again; an incident by its own digits."""
    if short_mark is not None:
        return short_mark
    return digits_of(incident_id) if name == "open-incident" else mark_of(command_id)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _words(value: str) -> str:
    folded = fold(value)
    return folded if len(folded) <= LONGEST_KEPT else sha256(folded.encode()).hexdigest()


def _place(value: Any) -> tuple[str | None, str | None]:
    text = value.text or ""
    return value.division, None if any(char in COMMAS for char in text) else fold(text) or None


def _team(value: str) -> str | None:
    return None if any(char in COMMAS for char in value) else _words(value)  # no short report carries a comma


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    return str(value) if isinstance(value, str) else value


_HOW: dict[str, Callable[[Any], Any]] = {
    "at": _minute, "happened_at": _minute, "known_at": _minute,
    "text": _words, "title": _words, "explanation": _words, "team": _team,
    "place": _place, "category": lambda value: str(value).partition("/")[0],
}  # fmt: skip
#: Made once: whatever is folded from the log passes here.
_GISTS = {name: [(one, _HOW.get(one, _plain)) for one in fields] for name, fields in CARRIED.items()}


def gist(name: str, said: BaseModel) -> Gist:
    """What a command, or its event, carries into a short report, as far as a voice tells it apart."""
    return {
        one: None if (value := getattr(said, one)) is None or value == "" else how(value)
        for one, how in _GISTS[name]
    }


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The fields in which they are not the same."""
    return [name for name in one if one[name] != other.get(name)]
