"""The pages: the desk, an incident, the search, the wall, the statistics. They only read; commands change.

What a unit may not see is not found (404). Reading is done in a worker thread; rendering, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from schemas.commands import COMMANDS
from schemas.terms import Category, Channel, EntryKind, Level, Scale, Stage
from server import overview, reading
from server.accounts import Language, Principal
from server.auth import principal_of
from server.board import Card, Duty, by_level
from server.domain.permissions import READS_RESTRICTED, may
from server.domain.units import Rank, UnitTree
from server.dossier import Dossier, dossier
from server.parts import Parts
from server.static_files import BrowserFiles
from server.statistics import rate
from server.texts import language_of
from server.wording import BEIJING, Wording

SCOPES = ("final", "initial", "drill")
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


class Asked:
    """A request with what every page needs of it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parts: Parts = request.app.state.parts
        self.principal: Principal = principal_of(request.scope)
        self.lang: Language = language_of(request)
        self.now: datetime = self.parts.now()
        self.wording: Wording = self.parts.views.wording(self.lang)
        self.epoch, self.head = "", 0

    def note_head(self) -> None:
        """Where the stream stands before anything is read: a page listens on from here and misses nothing."""
        log = reading.StreamLog(self.parts.database)
        self.epoch, self.head = log.epoch(), log.head(self.viewer)

    @property
    def viewer(self) -> str:
        return self.principal.unit

    def may(self, command: str) -> bool:
        return not self.principal.read_only and may(self.principal.post, command)

    def page(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. Blocking; call in a thread."""
        return self.parts.views(name, self.request, status=status, **self._given(), **context)

    def piece(self, name: str, **context: Any) -> HTMLResponse:
        """Pieces of a page, each with its id."""
        return self.page(name, **context)

    def _given(self) -> dict[str, Any]:
        unit = self.parts.tree.get(self.viewer)
        return {
            "words": self.wording,
            "now": self.now,
            "today": self.now.astimezone(BEIJING).strftime("%Y-%m-%d"),
            "viewer": self.viewer,
            "unit_name": self.wording.unit(self.viewer),
            "unit_rank": unit.rank if unit else "department",
            "may": self.may,
            "epoch": self.epoch,
            "head": self.head,
            "clock_age_ms": self.parts.clock_age_ms(),
            "commands": tuple(name for name in COMMANDS if self.may(name)),
        }


def page(render: Callable[[Asked], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads and renders in a worker thread."""

    async def endpoint(request: Request) -> Response:
        return await run_sync(answer, Asked(request))

    def answer(asked: Asked) -> Response:
        asked.note_head()
        return render(asked)

    return endpoint


def choices(asked: Asked) -> dict[str, Any]:
    """What the forms offer to choose from."""
    rules = asked.parts.views.rules_now()
    tree = asked.parts.tree
    here = tree.ancestors(asked.viewer)
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
        "recipients": [
            (code, asked.wording.unit(code))
            for code in dict.fromkeys(
                ("PRV_EMB", "PRV_GOV", "MEM", "SC", *reversed(here), "CTY_GOV", "CTY_HQ", "CNT_GOV", "NTF")
            )
        ],
        "units": [(unit.code, asked.wording.unit(unit.code)) for unit in tree],
        "sources": [(slug, asked.wording.term("source", slug)) for slug in SOURCES],
    }


# ---------------------------------------------------------------- the desk


def desk(asked: Asked) -> Response:
    if asked.principal.kind == "wall":
        return RedirectResponse("/wall", 303)
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    wanted = _uuid(asked.request.query_params.get("incident", ""))
    chosen = _dossier(asked, wanted or cards[0].id) if wanted or cards else None
    return asked.page(
        "desk.html", cards=cards, chosen=chosen, choices=choices(asked), waiting=len(_own(cards))
    )


def board_piece(asked: Asked) -> Response:
    """The list again, for a page that was away too long."""
    return asked.piece("_board.html", cards=asked.parts.views.cards(asked.viewer, asked.lang))


def _own(cards: list[Card]) -> list[Duty]:
    return [duty for card in cards if not card.drill for duty in card.duties if duty.own]


# ---------------------------------------------------------------- one incident


def _dossier(asked: Asked, incident_id: str) -> Dossier | None:
    shown = reading.incident(
        asked.parts.database,
        asked.viewer,
        incident_id,
        asked.now,
        restricted=asked.principal.post in READS_RESTRICTED and asked.principal.kind != "wall",
    )
    if shown is None:
        return None
    limit = 100_000 if asked.request.query_params.get("all") == "1" else 300
    rules = asked.parts.views.rules_now()
    return dossier(shown, asked.viewer, asked.now, asked.wording, rules, limit)


def _incident(asked: Asked, template: str) -> Response:
    chosen = _dossier(asked, str(asked.request.path_params["incident_id"]))
    if chosen is None:
        said = asked.wording.say("refused.no_incident")
        return asked.page("missing.html", 404, said=said)
    return asked.page(template, chosen=chosen, choices=choices(asked))


def incident_page(asked: Asked) -> Response:
    return _incident(asked, "incident.html")


def incident_view(asked: Asked) -> Response:
    """The incident whole, for the desk's middle: another one was chosen."""
    return _incident(asked, "_view.html")


def incident_news(asked: Asked) -> Response:
    """The parts of the incident that change, for a page that shows it already. No forms among them."""
    return _incident(asked, "_news.html")


def search(asked: Asked) -> Response:
    query = asked.request.query_params
    state = query.get("state", "all")
    q = query.get("q", "").strip()
    wanted = reading.Wanted(
        state=state if state in ("open", "closed", "all") else "all", q=q or None, limit=MOST_FOUND
    )
    found = reading.incidents(asked.parts.database, asked.parts.tree, asked.viewer, wanted, asked.now)
    return asked.page("search.html", found=found["incidents"], q=q, state=state, more=found["next"])


async def places(request: Request) -> Response:
    """Places that a few keys may mean: `[{"unit", "name"}]`, the likeliest first."""
    asked = Asked(request)
    found = asked.parts.gazetteer.find(request.query_params.get("q", ""), MOST_PLACES)
    shown = [
        {"unit": one.unit, "name": one.name_en if asked.lang == "en" else one.name, "zh": one.name}
        for one in found
    ]
    return Response(orjson.dumps(shown), media_type="application/json")


# ---------------------------------------------------------------- the wall


def _wall(asked: Asked, template: str) -> Response:
    cards = asked.parts.views.cards(asked.viewer, asked.lang)
    seen = overview.overview(asked.parts.database, asked.viewer, cards, asked.now, asked.wording)
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
    major = next((c for c in cards if not c.drill and c.level in ("major", "especially_major")), None)
    hero = _dossier(asked, major.id) if major else None
    return asked.page(template, cards=cards, seen=seen, month=month, hero=hero)


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
    listed = list(dict.fromkeys(one for figure in figures.values() for one in figure["incidents"]))
    incidents = reading.board_rows(asked.parts.database, asked.viewer, listed, asked.now)
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
        Route("/wall", page(wall)),
        Route("/wall/news", page(wall_piece)),
        Route("/statistics", page(statistics)),
        Mount("/static", BrowserFiles()),
    ]
