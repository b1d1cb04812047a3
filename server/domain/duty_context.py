"""What deciding about a duty works with: who acts, when, the units, and what only the store can look up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from datetime import date, datetime

from schemas.bases import AnyCommand
from schemas.duties import SealedIncident, SheetItem
from server.domain.decide import Author
from server.domain.duty import Duty
from server.domain.units import UnitTree


@dataclass(frozen=True, slots=True)
class DutyContext:
    """`other`: another unit's duty. `record`: what the open record gives a handover sheet, as of now.
    `counted`: the incidents that count under the one-hour rule from one day to another, both included.
    `rules`: the digest of the rules that were accepted last. `taken`: which ids are others' shifts."""

    author: Author
    tree: UnitTree
    now: datetime
    other: Callable[[str], Duty]
    record: Callable[[], list[SheetItem]]
    counted: Callable[[date, date], list[SealedIncident]]
    rules: Callable[[], str | None]
    taken: Callable[[Collection[str]], Container[str]]

    def signer(self, command: AnyCommand) -> str:
        """Who speaks: whoever the words are of, or else whoever is signed in."""
        return command.on_behalf_of.name if command.on_behalf_of else self.author.name
