"""Which scene stands on the walls, and why: what was arranged, what chosen, what comes to the front. Pure.

A scene is placed, not made: each panel is there once and is moved about, so that turning from one to the next
costs nothing and a map keeps what it has loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from schemas.events import LevelComputed, LevelJudged, LogEntry
from schemas.terms import Level
from schemas.walls import Panel
from server.screens.board import Card
from server.screens.wording import Wording, instant

#: Everything that a scene may be put together from, in the order of the page.
PANELS: tuple[Panel, ...] = get_args(Panel)
#: What stands at the foot of every scene that has it nowhere else.
FOOT: tuple[Panel, ...] = ("duty", "month", "warnings")
#: What takes the place of a panel that is not there: no map on this desk, no incident to make large.
INSTEAD: tuple[Panel, ...] = ("incidents", "people", "news", "command", "forces")
SERIOUS = frozenset({"major", "especially_major"})
#: A breach stays in front for so long; after that it stands black on red in its row like any other.
BREACH_STAYS = timedelta(minutes=10)
FRONT = "front"


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene as the page has it. `incident_id`: the one that is large in it, if one is."""

    id: str
    title: str
    main: str
    side: tuple[str, ...]
    incident_id: str | None
    seconds: int

    def places(self) -> dict[str, str]:
        """Where each panel of it stands."""
        made = {self.main: "main"}
        made |= {panel: f"side-{at}" for at, panel in enumerate(self.side, start=1)}
        foot = [panel for panel in FOOT if panel not in made]
        return made | {panel: f"foot-{at}" for at, panel in enumerate(foot, start=1)}

    def foot(self) -> int:
        """How many stand at the foot."""
        return sum(place.startswith("foot") for place in self.places().values())


@dataclass(frozen=True, slots=True)
class Front:
    """What came to the front by itself: an incident that is 重大 or above, or a report that is late."""

    incident_id: str
    why: str  # level, breach
    since: datetime


@dataclass(frozen=True, slots=True)
class Program:
    """The scenes in their order, which stands now, and whether they take turns."""

    scenes: tuple[Scene, ...]
    now: Scene
    mode: str  # rotate, held, front
    front: Front | None

    def incidents(self) -> list[str]:
        """Those that are large in one of them."""
        named = (one.incident_id for one in self.scenes if one.incident_id)
        return list(dict.fromkeys(named))


def program(
    arranged: Mapping[str, Any],
    cards: Sequence[Card],
    said: Mapping[str, Sequence[LogEntry]],
    now: datetime,
    wording: Wording,
    has_map: bool,
    has_joint: bool = False,
) -> Program:
    """`cards` by level, `arranged` as `duty_reading.wall` gives it. What was chosen counts until something
    newer comes to the front. `has_joint`: a joint duty is open."""
    mine = foremost(cards)
    front = front_of(mine, said, now)
    told = instant(arranged.get("said_at"))
    chosen = arranged.get("shown")
    is_forward = front is not None and (told is None or front.since > told)
    largest = front.incident_id if front else mine[0].id if mine else None
    known = {card.id for card in cards}
    there = {"map": has_map, "joint": has_joint}
    wanted = _said(arranged) or _by_itself(mine, wording, has_joint)
    scenes = [_placed(one, known, largest, there) for one in wanted]
    if front is not None:
        title, side = wording.say(f"wall.front_{front.why}"), ("map", "incidents", "people")
        made = Scene(FRONT, title, "incident", side, None, 60)
        first = _placed(made, known, front.incident_id, there)
        scenes = [first, *scenes]
        if is_forward:
            return Program(tuple(scenes), first, "front", front)
    held = next((one for one in scenes if one.id == chosen), None)
    return Program(tuple(scenes), held or scenes[0], "held" if held else "rotate", front)


def foremost(cards: Sequence[Card]) -> list[Card]:
    """Those that may stand large and count: what is real; drills only when nothing real is open."""
    return [card for card in cards if not card.drill] or list(cards)


def front_of(cards: Iterable[Card], said: Mapping[str, Sequence[LogEntry]], now: datetime) -> Front | None:
    """What happened last of all that brings itself to the front."""
    found = []
    for card in cards:
        if card.level in SERIOUS:
            found.append(Front(card.id, "level", serious_since(card, said.get(card.id, ()))))
        for duty in card.duties:
            due = instant(duty.due_at)
            is_report = duty.action in ("report", "chase") and not duty.request
            if is_report and due is not None and due <= now < due + BREACH_STAYS:
                found.append(Front(card.id, "breach", due))
    return max(found, key=lambda one: (one.since, one.incident_id), default=None)


def serious_since(card: Card, said: Iterable[LogEntry]) -> datetime:
    """When it was said that it is 重大 or above and had not been before."""
    since: datetime | None = None
    ranks = {"computed": 0, "judged": 0}
    for entry in said:
        match entry.event:
            case LevelComputed(level=level):
                ranks["computed"] = level.rank if level else 0
            case LevelJudged(level=level, possible=False):
                ranks["judged"] = level.rank
            case _:
                continue
        if max(ranks.values()) < Level.MAJOR.rank:
            since = None
        elif since is None:
            since = entry.recorded_at
    changed = instant(card.changed_at)
    assert changed is not None
    return since or changed


def _said(arranged: Mapping[str, Any]) -> list[Scene]:
    return [
        Scene(
            id=one["scene_id"],
            title=one["title"],
            main=one["main"],
            side=tuple(one["side"]),
            incident_id=one["incident_id"],
            seconds=one["seconds"],
        )
        for one in arranged.get("scenes", ())
    ]


def _by_itself(cards: Collection[Card], wording: Wording, has_joint: bool) -> list[Scene]:
    """The scenes of a desk that has arranged none: a quiet day looks back, a busy one at what is open, and
    departments that are on duty together have a scene of their own."""
    joint = [_scene("joint", wording, "joint", "people", "forces", "news")] if has_joint else []
    if not cards:
        return [_scene("quiet", wording, "map", "duty", "month", "news"), *joint]
    return [
        _scene("overview", wording, "map", "incidents", "people", "command"),
        _scene("work", wording, "incidents", "people", "forces", "news"),
        *joint,
    ]


def _scene(slug: str, wording: Wording, main: str, *side: str) -> Scene:
    return Scene(slug, wording.say(f"wall.scene_{slug}"), main, side, None, 30)


def _placed(scene: Scene, known: Collection[str], largest: str | None, there: Mapping[str, bool]) -> Scene:
    """With nothing in it that is not there. An incident that is closed, or not this unit's, is none."""
    wanted = scene.incident_id if scene.incident_id in known else largest
    missing = {name for name, is_there in there.items() if not is_there}
    if wanted is None:
        missing.add("incident")
    side = [panel for panel in scene.side if panel not in missing]
    main = scene.main
    if main in missing:  # the first beside it moves up: a large empty place would tell of nothing
        main = side[0] if side and side[0] in INSTEAD else next(one for one in INSTEAD if one not in side)
    side = [panel for panel in side if panel != main]
    is_about = scene.incident_id in known or "incident" in (main, *side)
    return replace(scene, main=main, side=tuple(side), incident_id=wanted if is_about else None)
