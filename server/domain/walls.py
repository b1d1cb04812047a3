"""A unit's wall screens as its log tells of them, and what may be said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas import walls as wa
from server.domain.decide import Refused


@dataclass(slots=True)
class Wall:
    """The scenes in their order, the one that was chosen to stay, and when somebody said so last."""

    scenes: tuple[wa.Scene, ...] = ()
    shown: str | None = None
    said_at: datetime | None = None

    def scene(self, scene_id: str | None) -> wa.Scene | None:
        return next((one for one in self.scenes if one.scene_id == scene_id), None)


def decide(wall: Wall, command: wa.ArrangeWall | wa.ShowOnWall, unit: str) -> list[wa.AnyWallEvent]:
    """The same arrangement again is no entry: walls that show it already have nothing to learn. The same
    choice again is one: it was made after whatever has come to the front since, and counts more than that."""
    said = {"unit": unit, "units": [unit]}  # what hangs in this room concerns nobody above it
    if isinstance(command, wa.ArrangeWall):
        ids = [one.scene_id for one in command.scenes]
        for index, scene in enumerate(command.scenes):
            if scene.scene_id in ids[:index]:
                raise Refused("scene-twice", f"/scenes/{index}/scene_id", kind="conflict")
            if scene.main in scene.side or len(set(scene.side)) < len(scene.side):
                raise Refused("panel-twice", f"/scenes/{index}/side")
        if tuple(command.scenes) == wall.scenes:
            return []
        return [wa.WallArranged(**said, scenes=command.scenes)]
    chosen = wall.scene(command.scene_id)
    if command.scene_id is not None and chosen is None:
        raise Refused("no-such-scene", "/scene_id", kind="missing")
    return [wa.WallShown(**said, scene_id=command.scene_id, title=chosen.title if chosen else None)]


def fold(wall: Wall, event: wa.AnyWallEvent, at: datetime) -> None:
    """A scene that is no more does not stay."""
    match event:
        case wa.WallArranged():
            wall.scenes = tuple(event.scenes)
            if wall.scene(wall.shown) is None:
                wall.shown = None
        case wa.WallShown():
            wall.shown = event.scene_id
            wall.said_at = at
