"""The pages of the desk: the list, one incident, the search. They only read; commands change.

What a unit may not see is not found (404). Reading is done in a worker thread; rendering, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from schemas.kinds import FINER_KINDS
from schemas.terms import Category, Channel, EntryKind, Level, Scale, Stage
from server.domain.units import Rank
from server.pages import around as around_pages
from server.pages import book as book_pages
from server.pages import duties as duty_pages
from server.pages import exports as export_pages
from server.pages import figure_files as figure_file_pages
from server.pages import figures as figure_pages
from server.pages import filters
from server.pages import find as find_pages
from server.pages import guide as guide_pages
from server.pages import intake as intake_pages
from server.pages import joint as joint_pages
from server.pages import maps as map_pages
from server.pages import statistics as statistics_pages
from server.pages.asked import Asked, page
from server.record import lists
from server.screens.board import Card, Duty
from server.screens.static_files import BrowserFiles
from server.screens.views import option

#: By what way news comes in (信息来源). Any other word may stand there, too.
SOURCES = (
    "phone",
    "110",
    "119",
    "120",
    "122",
    "12345",
    "12350",
    "tip",
    "subordinate",
    "superior",
    "department",
    "patrol",
    "monitoring",
    "satellite",
    "radio",
    "media",
    "other",
)
MOST_PLACES = 8
MOST_FOUND = 100


def choices(asked: Asked, cards: Iterable[Card]) -> dict[str, Any]:
    """What the forms offer to choose from; `cards` are the open incidents."""
    rules = asked.parts.views.rules_now()
    return {
        "categories": [(str(one), asked.wording.term("category", one)) for one in Category],
        "levels": [(str(one), asked.wording.term("level", one)) for one in Level],
        "scales": [(str(one), asked.wording.term("scale", one)) for one in Scale],
        "stages": [(str(one), asked.wording.term("stage", one)) for one in Stage],
        "channels": [
            (str(one), asked.wording.term("channel", one)) for one in Channel if one is not Channel.ANY
        ],
        "kinds": [(str(one), asked.wording.term("kind", one)) for one in EntryKind],
        "causes": [
            (one.cause, one.text_en if asked.lang == "en" else one.text) for one in rules.delay_causes
        ],
        "recipients": recipients(asked),
        "forms": [
            (form.form, form.name_en if asked.lang == "en" else form.name)
            for form in asked.parts.forms.forms.values()
        ],
        "unit_names": asked.parts.views.unit_names(asked.lang),
        "incidents": [(card.id, option(card.id, f"{card.number} {card.title}")) for card in cards],
        "sources": [(slug, asked.wording.term("source", slug)) for slug in SOURCES],
    }


def recipients(asked: Asked) -> list[tuple[str, str]]:
    """To whom a report may go: those above, inside the tree and outside it."""
    here = reversed(asked.parts.tree.ancestors(asked.viewer))
    codes = ("PRV_EMB", "PRV_GOV", "MEM", "SC", *here, "CTY_GOV", "CTY_HQ", "CNT_GOV", "NTF")
    return [(code, asked.wording.unit(code)) for code in dict.fromkeys(codes)]


# ---------------------------------------------------------------- the desk


def desk(asked: Asked) -> Response:
    if asked.principal.kind == "wall":
        return RedirectResponse("/wall", 303)
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    wanted = _uuid(asked.request.query_params.get("incident", ""))
    chosen = asked.dossier(wanted or cards[0].id) if wanted or cards else None
    return asked.page(
        "desk.html",
        cards=cards,
        rows=asked.rows("desk", cards),
        chosen=chosen,
        choices=choices(asked, cards),
        waiting=len(_own(cards, drill=False)),
        waiting_drill=len(_own(cards, drill=True)),
    )


def board_piece(asked: Asked) -> Response:
    """The list again, for a page that was away too long."""
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    return asked.piece("_board.html", rows=asked.rows("desk", cards))


def _own(cards: list[Card], *, drill: bool) -> list[Duty]:
    return [duty for card in cards if card.drill is drill for duty in card.duties if duty.own]


# ---------------------------------------------------------------- one incident


def _incident(asked: Asked, template: str) -> Response:
    chosen = asked.dossier(str(asked.request.path_params["incident_id"]))
    if chosen is None:
        said = asked.wording.say("refused.no_incident")
        return asked.page("missing.html", 404, said=said)
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    return asked.page(template, chosen=chosen, choices=choices(asked, cards))


def incident_page(asked: Asked) -> Response:
    return _incident(asked, "incident.html")


def incident_view(asked: Asked) -> Response:
    """The incident whole, for the desk's middle: another one was chosen."""
    return _incident(asked, "_view.html")


def incident_news(asked: Asked) -> Response:
    """The parts of the incident that change, for a page that shows it already. No forms among them."""
    return _incident(asked, "_news.html")


def search(asked: Asked) -> Response:
    wanted = filters.wanted(asked.request.query_params, asked.parts.tree, asked.viewer, MOST_FOUND)
    found = lists.incidents(asked.parts.database, asked.parts.tree, asked.viewer, wanted, asked.now)
    return asked.page(
        "search.html",
        found=found["incidents"],
        wanted=wanted,
        more=found["next"],
        choices=choices(asked, ()),
        units=[one for one in asked.parts.tree.subtree(asked.viewer) if _is_no_township(asked, one)],
    )


def _is_no_township(asked: Asked, code: str) -> bool:
    unit = asked.parts.tree.get(code)
    return unit is not None and unit.rank is not Rank.TOWNSHIP


async def places(request: Request) -> Response:
    """Places that a few keys may mean: `[{"unit", "name"}]`, the likeliest first."""
    asked = Asked(request)
    found = asked.parts.gazetteer.find(request.query_params.get("q", ""), MOST_PLACES)
    shown = [
        {"unit": one.unit, "name": one.name_en if asked.lang == "en" else one.name, "zh": one.name}
        for one in found
    ]
    return Response(orjson.dumps(shown), media_type="application/json")


async def finer_kinds(request: Request) -> Response:
    """Every finer kind that has a name, for the intake's picker: `[[slug, name], …]`."""
    words = Asked(request).wording
    found = orjson.dumps([(slug, words.category(slug)) for slug in FINER_KINDS])
    return Response(found, media_type="application/json", headers={"Cache-Control": "private, max-age=3600"})


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def routes() -> list[BaseRoute]:
    return [
        Route("/", page(desk)),
        Route("/board", page(board_piece)),
        Route("/incidents", page(search)),
        Route("/incidents/{incident_id:uuid}", page(incident_page)),
        Route("/incidents/{incident_id:uuid}/view", page(incident_view)),
        Route("/incidents/{incident_id:uuid}/news", page(incident_news)),
        Route("/places", places),
        Route("/kinds", finer_kinds),
        *around_pages.routes(),
        *figure_pages.routes(),
        *figure_file_pages.routes(),
        *find_pages.routes(),
        *map_pages.routes(),
        *guide_pages.routes(),
        *statistics_pages.routes(),
        *intake_pages.routes(),
        *duty_pages.routes(),
        *joint_pages.routes(),
        *export_pages.routes(),
        *book_pages.routes(),
        Mount("/static", BrowserFiles()),
    ]
