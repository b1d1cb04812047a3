"""The pages that show the whole: the wall, and the one-hour rate."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from server.domain.units import Rank, UnitTree
from server.pages.asked import Asked, page
from server.record import reading
from server.record.statistics import rate
from server.screens import overview
from server.screens.board import by_level
from server.screens.wording import BEIJING

MOST_LISTED = 100  # incidents of each scope; the API has them all
SCOPES = ("final", "initial", "drill")


# ---------------------------------------------------------------- the wall


def _wall(asked: Asked, template: str) -> Response:
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    said = asked.parts.views.statements
    seen = overview.overview(asked.parts.database, asked.viewer, cards, asked.now, asked.wording, said)
    today = asked.now.astimezone(BEIJING).date()
    month = rate(
        asked.parts.database,
        asked.parts.tree,
        asked.viewer,
        first=today.replace(day=1),
        last=today,
        unit=asked.viewer,
        scope="initial",
        now=asked.now,
    )
    cards = by_level(cards)
    serious = [card for card in cards if card.level in ("major", "especially_major")]
    major = next((card for card in serious if not card.drill or seen.is_drill), None)
    hero = asked.dossier(major.id) if major else None
    listed = [card for card in cards if hero is None or card.id != hero.raw["id"]]
    rows = asked.rows("wall", listed)
    return asked.page(template, cards=cards, rows=rows, seen=seen, month=month, hero=hero)


def wall(asked: Asked) -> Response:
    return _wall(asked, "wall.html")


def wall_piece(asked: Asked) -> Response:
    return _wall(asked, "_wall.html")


# ---------------------------------------------------------------- the statistics


def statistics(asked: Asked) -> Response:
    query = asked.request.query_params
    today = asked.now.astimezone(BEIJING).date()
    last = _day(query.get("to")) or today
    first = _day(query.get("from")) or last.replace(day=1)
    if first > last:
        first, last = last, first
    tree = asked.parts.tree
    unit = query.get("unit", asked.viewer)
    if not tree.covers(asked.viewer, unit):
        unit = asked.viewer
    figures = {
        scope: rate(
            asked.parts.database,
            tree,
            asked.viewer,
            first=first,
            last=last,
            unit=unit,
            scope=scope,
            now=asked.now,
        )
        for scope in SCOPES
    }
    counties = [one for one in tree.children(unit) if _is_desk(tree, one)]
    rows: dict[str, dict[str, Any]] = {code: {} for code in counties}
    for scope, figure in figures.items():
        for part in figure["by_unit"]:
            rows.setdefault(part["unit"], {})[scope] = part
    counted = [figure["incidents"] for figure in figures.values()]
    listed = list(dict.fromkeys(one for ids in counted for one in ids[-MOST_LISTED:]))
    incidents = reading.plain_rows(asked.parts.database, asked.viewer, listed, asked.now)
    return asked.page(
        "statistics.html",
        figures=figures,
        rows=rows,
        scopes=SCOPES,
        first=first,
        last=last,
        unit=unit,
        units=[one for one in tree.subtree(asked.viewer) if one == asked.viewer or _is_desk(tree, one)],
        incidents=[incidents[one] for one in listed if one in incidents],
        most_listed=MOST_LISTED if any(len(ids) > MOST_LISTED for ids in counted) else 0,
        year=today.replace(month=1, day=1),
        week=today - timedelta(days=6),
    )


def _is_desk(tree: UnitTree, code: str) -> bool:
    """A county-rank desk: what the rate is told apart by."""
    unit = tree.get(code)
    return unit is not None and unit.rank is Rank.COUNTY


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def routes() -> list[Route]:
    return [
        Route("/wall", page(wall)),
        Route("/wall/news", page(wall_piece)),
        Route("/statistics", page(statistics)),
    ]
