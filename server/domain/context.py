"""What deciding works with: the person, the time, the rules, and what only the store can look up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.events import Event, LogEntry
from schemas.forms import FormBook
from schemas.outposts import Via
from schemas.terms import OUTSIDE_ACTORS, Post
from server.domain.attachments import Upload
from server.domain.incident import Incident
from server.domain.reporting import Setting


class Refused(Exception):
    """A command that cannot be done, in words for the person. `pointer` names the field; `code` the sentence.

    `kind` is `invalid` (422), `forbidden` (403), `missing` (404: no such thing that you may see) or
    `conflict` (409).
    """

    def __init__(self, code: str, pointer: str = "", kind: str = "invalid", **values: object) -> None:
        super().__init__(code)
        self.code, self.pointer, self.kind, self.values = code, pointer, kind, values


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, as far as deciding needs to know; `via`: how it came, if not from the person directly."""

    name: str
    post: Post
    unit: str
    via: Via | None = None
    device_skew_ms: int | None = None  # as it was measured where the device was in reach

    @property
    def is_above(self) -> bool:
        """Somebody at the desk above, whose deeds it has already."""
        return self.via is not None and self.via.way == "above"


def _no_forms() -> FormBook:
    raise LookupError("no forms were given")


def _no_upload(attachment_id: str) -> Upload | None:
    return None


def _nothing_told(incident_id: str) -> Iterable[LogEntry]:
    return ()


def _no_issue(series: str) -> tuple[str, int, str]:
    raise LookupError(f"nobody counts {series}")


@dataclass(frozen=True, slots=True)
class Context:
    """The time, the person, the rules and the unit tree; and what only the store can look up."""

    author: Author
    setting: Setting
    number: Callable[[str, bool], str]  # a new incident number for (unit, is drill)
    other: Callable[[str], Incident | None]  # another incident that the author may see
    forms: Callable[[], FormBook] = _no_forms  # the forms that reports are written in
    issue: Callable[[str], tuple[str, int, str]] = _no_issue  # the next of a series: where, which, as written
    upload: Callable[[str], Upload | None] = _no_upload  # a file that was received and waits
    told: Callable[[str], Iterable[LogEntry]] = _nothing_told  # an incident's log, read once more

    @property
    def now(self) -> datetime:
        return self.setting.now

    @property
    def given_at(self) -> datetime:
        """When the command was given, where it was first written down: limits said in minutes count from
        then. An outpost without the city for hours has told everybody there when an order is due."""
        via = self.author.via
        if via is None or via.way == "bundle":
            return self.now
        return min(self.now, via.recorded_at + timedelta(milliseconds=via.skew_ms or 0))


@dataclass(frozen=True, slots=True)
class Decided:
    """Events for the commanded incident, and for another one where a command touches two (merging)."""

    events: list[Event]
    elsewhere: tuple[str, list[Event]] | None = None


def actor(code: str, context: Context, pointer: str) -> str:
    """A unit of the tree or an actor code of domain.md 1.1."""
    if context.setting.tree.in_chain(code) or code in OUTSIDE_ACTORS:
        return code
    raise Refused("no-such-unit", pointer, unit=code)
