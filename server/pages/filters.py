"""What the lists can be narrowed to, read from a link: the same for a page and for what is exported of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from schemas.terms import Category, Level
from server.domain.units import UnitTree
from server.record.lists import Wanted
from server.screens.wording import BEIJING

STATES = ("all", "open", "closed")
LONGEST_QUERY = 200


def wanted(query: Mapping[str, str], tree: UnitTree, viewer: str, limit: int) -> Wanted:
    """The incidents that a link asks for; what it says that means nothing here is left out."""
    state, level, category = query.get("state", "all"), query.get("level"), query.get("category")
    unit, drill = query.get("unit"), query.get("drill")
    return Wanted(
        state=state if state in STATES else "all",
        level=level if level in tuple(Level) else None,
        unit=unit if unit and tree.covers(viewer, unit) else None,
        category=category if (category or "").partition("/")[0] in tuple(Category) else None,
        drill={"1": True, "0": False}.get(drill or ""),
        q=query.get("q", "").replace("\x00", "").strip()[:LONGEST_QUERY] or None,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Span:
    """Beijing days, both included."""

    first: date
    last: date


def begins(at: date) -> datetime:
    """The first moment of a Beijing day."""
    return datetime.combine(at, time(), BEIJING).astimezone(UTC)


def day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def month(text: str | None) -> date | None:
    return day(f"{text}-01") if text else None


def span(query: Mapping[str, str], today: date) -> Span:
    """From … to …; without them this month as far as it has come."""
    last = day(query.get("to")) or today
    first = day(query.get("from")) or last.replace(day=1)
    return Span(min(first, last), max(first, last))
