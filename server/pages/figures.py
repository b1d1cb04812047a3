"""The pages that show the whole: the wall."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from server.pages.asked import Asked, page
from server.record.statistics import rate
from server.screens import overview
from server.screens.board import by_level
from server.screens.wording import BEIJING

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
    smallest = asked.parts.settings.rates_from
    return asked.page(template, cards=cards, rows=rows, seen=seen, month=month, smallest=smallest, hero=hero)


def wall(asked: Asked) -> Response:
    return _wall(asked, "wall.html")


def wall_piece(asked: Asked) -> Response:
    return _wall(asked, "_wall.html")


def routes() -> list[Route]:
    return [
        Route("/wall", page(wall)),
        Route("/wall/news", page(wall_piece)),
    ]
