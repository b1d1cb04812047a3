"""The parts of a running desk, as the shells ask for them. `app.py` makes it; nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from schemas.forms import FormBook
from schemas.map_sources import MapBook
from server.config.rulebook import Rulebook
from server.delivery.hub import Hub
from server.delivery.presence import Presence
from server.desk import Desk
from server.documents.press import Press
from server.domain.gazetteer import Gazetteer
from server.domain.units import UnitTree
from server.domain.workdays import Calendar
from server.people.devices import Devices
from server.people.embeds import Embeds
from server.people.outposts import Outposts
from server.people.people import People
from server.reading_room import ReadingRoom
from server.record.database import Database
from server.record.map_layers import MapLayers
from server.record.placed import Spots
from server.record.store import Store
from server.screens.views import Views
from server.search import Searcher
from server.settings import Settings
from server.watch import Watch

if TYPE_CHECKING:
    from server.delivery.relay import Relay
    from server.outward.tiles import Tiles
    from server.outward.upward import Upward


@dataclass(slots=True)
class Parts:
    """One desk. `problems` names what is wrong with the operator's files, in force or not."""

    settings: Settings
    database: Database
    tree: UnitTree
    gazetteer: Gazetteer
    reading_room: ReadingRoom
    rulebook: Rulebook
    forms: FormBook
    press: Press
    calendar: Calendar
    now: Callable[[], datetime]
    store: Store
    people: People
    outposts: Outposts
    embeds: Embeds
    devices: Devices
    searcher: Searcher
    desk: Desk
    hub: Hub
    watch: Watch
    views: Views
    relay: Relay | None
    presence: Presence
    spots: Spots
    map_layers: MapLayers
    map_book: MapBook
    upward: Upward | None = None  # of an outpost: what hands on to the desk above
    tiles: Tiles | None = None  # of a desk that has a base map
    problems: list[str] = field(default_factory=list)

    def rules(self) -> Rulebook:
        return self.rulebook

    def clock_age_ms(self) -> int:
        return self.watch.age_ms()
