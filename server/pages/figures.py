"""The pages that show the whole: the wall, and the scenes that the desk arranges for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from server.pages.asked import Asked, page
from server.record import duty_reading, joint_reading
from server.record.statistics import rate
from server.screens import overview, wall_joint, wall_panels, wall_scenes
from server.screens.board import by_level
from server.screens.dossier import Dossier
from server.screens.static_files import DIGEST, FOLDER
from server.screens.wall_scenes import PANELS, Program
from server.screens.wording import BEIJING

#: What draws the map; a desk that has none has no panel for it either.
MAP = "map/panel.js"
HAS_MAP = (FOLDER / MAP).is_file()
#: So many rows of a panel fit on any wall; what is more is counted.
MOST_COMMANDED, MOST_FORCES, MOST_WARNINGS = 12, 10, 6
#: Incidents worked out to stand large: those of some units' walls in both languages.
MOST_KEPT = 64
_KEPT: OrderedDict[tuple[Any, ...], Dossier] = OrderedDict()
_LOCK = Lock()


def _wall(asked: Asked, template: str) -> Response:
    return asked.page(template, **picture(asked))


def picture(asked: Asked, only: str | None = None, large: str | None = None) -> dict[str, Any]:
    """All that a wall's panels print, for a template. `only`: that panel alone; `large`: its incident."""
    parts, viewer, now, wording = asked.parts, asked.viewer, asked.now, asked.wording
    cards = by_level(parts.views.cards(viewer, asked.lang))
    seen = overview.overview(parts.database, viewer, cards, now, wording, parts.views.statements)
    arranged = duty_reading.wall(parts.database, viewer)
    periods = joint_reading.joint_duties(parts.database, parts.tree, viewer, now, None)
    joint = wall_joint.together(periods, wording)
    program = wall_scenes.program(arranged, cards, seen.said, now, wording, HAS_MAP, bool(joint))
    mine = wall_scenes.foremost(cards)
    versions = {one.id: one.version for one in cards}
    large = program.now.incident_id if only is None else large if large in versions else None
    heroes = _large(asked, program.incidents() if only is None else filter(None, [large]), versions)
    whole, forces = wall_panels.forces(mine, seen.said)
    today = now.astimezone(BEIJING).date()
    first = today.replace(day=1)
    scope = "initial"
    month = rate(
        parts.database, parts.tree, viewer, first=first, last=today, unit=viewer, scope=scope, now=now
    )
    warnings = wall_panels.in_force(parts.views.in_force.of(viewer), now, wording)
    return dict(
        only=only,
        large=large,
        cards=cards,
        rows=asked.rows("wall", cards),
        seen=seen,
        month=month,
        smallest=parts.settings.rates_from,
        program=program,
        places=program.now.places() if only is None else {only: "main"},
        heroes=heroes,
        commanded=wall_panels.commands(
            mine[:MOST_COMMANDED], seen.said, _leaders(asked, {one.unit for one in mine}), wording
        ),
        unnamed=len(mine[MOST_COMMANDED:]),
        whole=whole,
        forces=forces[:MOST_FORCES],
        more_forces=len(forces[MOST_FORCES:]),
        warnings=warnings[:MOST_WARNINGS],
        more_warnings=len(warnings[MOST_WARNINGS:]),
        joint=joint,
        scenes=_scenes(program),
        release=DIGEST,
        wall_map=MAP if HAS_MAP else "",
        is_kiosk=asked.principal.kind == "wall",
        says=_says(asked),
    )


def _large(asked: Asked, wanted: Iterable[str], versions: Mapping[str, int]) -> list[tuple[str, Dossier]]:
    """The incidents that are large in some scene. Every wall of a unit asks for the same after each entry:
    worked out once for a version and minute; the seconds are counted by the page."""
    minute = asked.now.replace(second=0, microsecond=0)
    whose = (asked.epoch, asked.viewer, asked.lang, asked.reads_restricted)
    found = []
    for one in wanted:
        key = (*whose, one, versions[one], minute)
        made = _KEPT.get(key) or asked.dossier(one)
        if made is None:
            continue
        found.append((one, made))
        with _LOCK:
            _KEPT[key] = made
            _KEPT.move_to_end(key)
            while len(_KEPT) > MOST_KEPT:
                _KEPT.popitem(last=False)
    return found


def _scenes(program: Program) -> str:
    """For the page's own code, which turns from one to the next."""
    return orjson.dumps(
        [
            {
                "id": one.id,
                "title": one.title,
                "seconds": one.seconds,
                "incident": one.incident_id,
                "places": one.places(),
            }
            for one in program.scenes
        ]
    ).decode()


def _says(asked: Asked) -> str:
    """What the wall's own code says; other pages do not carry it."""
    texts = asked.parts.views.texts.of[asked.lang]
    said = {slug: text for slug, text in texts.items() if slug.startswith("wall_says.")}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


def _leaders(asked: Asked, units: Iterable[str]) -> Callable[[str], str]:
    """The leader on duty at a desk, of one's own and those below: nobody else's roster is told."""
    tree = asked.parts.tree
    desks = {unit: tree.county_of(unit) or unit for unit in units}
    mine = [one for one in set(desks.values()) if tree.covers(asked.viewer, one)]
    standing = duty_reading.on_duty(asked.parts.database, mine, asked.now)

    def leader(unit: str) -> str:
        on: dict[str, Any] | None = (standing.get(desks.get(unit, unit)) or {}).get("on")
        return on["leader"]["name"] if on and on["leader"] else ""

    return leader


def wall(asked: Asked) -> Response:
    return _wall(asked, "wall.html")


def wall_piece(asked: Asked) -> Response:
    return _wall(asked, "_wall.html")


def scenes_page(asked: Asked) -> Response:
    """What stands on the unit's walls, and the scenes as they are arranged."""
    if not asked.may("arrange-wall"):
        return asked.page("refused.html", 403, said=asked.wording.say("refused.not_permitted"))
    parts, viewer = asked.parts, asked.viewer
    cards = by_level(parts.views.cards(viewer, asked.lang))
    with parts.database.reading() as connection:
        said = parts.views.statements.of(connection, wall_scenes.foremost(cards))
    arranged = duty_reading.wall(parts.database, viewer)
    has_joint = joint_reading.has_open(parts.database, parts.tree, viewer)
    return asked.page(
        "wall_scenes.html",
        cards=cards,
        all_panels=PANELS,
        scenes=arranged.get("scenes", []),
        shown=arranged.get("shown"),
        version=arranged.get("said_at") or "",
        program=wall_scenes.program(arranged, cards, said, asked.now, asked.wording, HAS_MAP, has_joint),
    )


def routes() -> list[Route]:
    return [
        Route("/wall/scenes", page(scenes_page)),
        Route("/wall", page(wall)),
        Route("/wall/news", page(wall_piece)),
    ]
