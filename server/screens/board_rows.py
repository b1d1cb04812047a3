"""The rows of the board as HTML, kept from one look to the next: of five hundred open incidents few have
changed.

A row is worked out and rendered once for each version of its incident, with marks where its clocks go; the
clocks are filled in for whoever looks. The marks hold a number that nobody outside knows, so no text can
pass for one.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from schemas.rules import RuleSet
from server.record import reading
from server.record.database import Database
from server.screens.board import Card, card, in_order
from server.screens.wording import BEIJING, Countdown, Wording, instant

#: Boards that are kept, each of one unit in one language: those looked at last.
MOST_BOARDS = 64

#: Renders a template with these values, in the board's language.
Render = Callable[..., str]


@dataclass(slots=True)
class _Row:
    """An incident's card, and by template its row in pieces, and which part of which clock goes where."""

    version: int
    card: Card
    due: tuple[float | None, ...]
    pieces: dict[str, tuple[list[str], list[tuple[int, int, int]]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Board:
    """What is kept of a unit's board; with other rules or on another day nothing of it holds.

    It stands as of a place in the unit's stream. Whatever changes a board is in that stream: until there is
    more in it all of this holds.
    """

    rules: RuleSet
    day: date
    head: int
    rows: dict[str, _Row] = field(default_factory=dict)


class BoardRows:
    """Synchronous; may be used from several threads at once."""

    def __init__(self, database: Database, render: Render) -> None:
        self._database, self._render, self._log = database, render, reading.StreamLog(database)
        self._boards: OrderedDict[tuple[str, str], _Board] = OrderedDict()
        self._mark = f"\ue000{secrets.token_hex(8)}:"
        self._clock = re.compile(f"{self._mark}([0-9]+):([012])\ue001")

    def cards(self, viewer: str, now: datetime, wording: Wording, rules: RuleSet) -> list[Card]:
        """The open incidents of a unit, what is due next first. Their clocks are for `html` to fill in."""
        return in_order(row.card for row in self._looked_at(viewer, now, wording, rules).rows.values())

    def html(
        self, template: str, cards: Iterable[Card], viewer: str, now: datetime, wording: Wording
    ) -> list[Markup]:
        """These cards' rows, their clocks as they stand now."""
        board = self._boards.get((viewer, wording.lang))
        rows = board.rows if board is not None else {}
        kept = [_kept(rows.get(one.id), one) for one in cards]
        clocks = iter(wording.countdowns((due for row in kept for due in row.due), now))
        return [self._filled(template, row, [next(clocks) for _ in row.due], wording) for row in kept]

    def _looked_at(self, viewer: str, now: datetime, wording: Wording, rules: RuleSet) -> _Board:
        """The board as it stands: what changed since it was looked at last is read and worked out anew."""
        key, day = (viewer, wording.lang), now.astimezone(BEIJING).date()
        head = self._log.head(viewer)  # before the rows are read: they may be newer, never older
        known = self._boards.get(key)
        before: dict[str, _Row] = {}
        if known is not None and known.rules is rules and known.day == day:
            if known.head == head:
                return known
            before = known.rows
        versions = reading.board_versions(self._database, viewer)
        changed = [one for one, version in versions if one not in before or before[one].version != version]
        fresh: dict[str, Any] = {}
        if changed:
            fresh = reading.board_rows(self._database, viewer, changed, now)
        board = _Board(rules, day, head)
        for one, _version in versions:
            if one in fresh:
                if fresh[one]["state"] == "open":  # it may have been closed between the two looks
                    board.rows[one] = _row(fresh[one], viewer, now, wording, rules)
            elif one in before:
                board.rows[one] = before[one]
        self._boards[key] = board
        self._boards.move_to_end(key)
        while len(self._boards) > MOST_BOARDS:
            self._boards.popitem(last=False)
        return board

    def _filled(self, template: str, row: _Row, clocks: list[Countdown], wording: Wording) -> Markup:
        if template not in row.pieces:
            row.pieces[template] = self._pieces(template, row.card, wording)
        parts, places = row.pieces[template]
        made = parts.copy()
        for at, duty, part in places:
            made[at] = clocks[duty][part]
        return Markup("".join(made))  # noqa: S704 (rendered by an autoescaping template; clocks are our own words)

    def _pieces(
        self, template: str, one: Card, wording: Wording
    ) -> tuple[list[str], list[tuple[int, int, int]]]:
        marked = replace(one, duties=tuple(self._marked(at, duty) for at, duty in enumerate(one.duties)))
        html = self._render(template, wording.lang, card=marked)
        parts: list[str] = []
        places: list[tuple[int, int, int]] = []
        last = 0
        for found in self._clock.finditer(html):
            parts += [html[last : found.start()], ""]
            places.append((len(parts) - 1, int(found[1]), int(found[2])))
            last = found.end()
        return [*parts, html[last:]], places

    def _marked(self, at: int, duty: Any) -> Any:
        return replace(duty, clock=Countdown(*(f"{self._mark}{at}:{part}\ue001" for part in range(3))))


def _row(row: dict[str, Any], viewer: str, now: datetime, wording: Wording, rules: RuleSet) -> _Row:
    return _of(card(row, viewer, now, wording, rules))


def _of(one: Card) -> _Row:
    dues = (instant(duty.due_at) for duty in one.duties)
    return _Row(one.version, one, tuple(None if due is None else due.timestamp() for due in dues))


def _kept(row: _Row | None, one: Card) -> _Row:
    """The row of this card; a new one when somebody has looked meanwhile and it has changed."""
    return row if row is not None and row.card is one else _of(one)
