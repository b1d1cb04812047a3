"""Layers that operators brought in, in the database: every process reads them, and backups have them.

A layer belongs to a unit. That unit and those above it see it, and those below where it is said so. One that
is brought in again is a new version; what was there before stays in its row. Synchronous: call in a thread.
Whatever is done to them is chained (`layer_deeds`), so that a verification sees what was altered.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

import orjson
from sqlalchemy import LargeBinary, Table, and_, func, insert, select, update
from sqlmodel import Field, SQLModel

from schemas.fields import wire_instant
from server.domain.units import UnitTree
from server.record import layer_deeds
from server.record.columns import UTCDateTime
from server.record.database import Database

MOST_LAYERS = 60  # of one unit, at a time
KEPT_BYTES = (
    24 * 1024 * 1024
)  # of JSON whose features are remembered; as objects they are some eight times that


class MapLayerRow(SQLModel, table=True):
    """A version of a layer. `features`: JSON, packed. Removed: no longer shown, still here."""

    __tablename__ = "map_layer"

    layer_id: str = Field(primary_key=True, max_length=36)
    version: int = Field(primary_key=True)
    unit: str = Field(max_length=40, index=True)
    kind: str = Field(max_length=20)
    title: str = Field(max_length=120)
    source: str = Field(max_length=300)
    approval: str | None = Field(default=None, max_length=60)
    datum: str = Field(max_length=10)
    below: bool
    as_of: str | None = Field(default=None, max_length=40)
    count: int
    sha256: str = Field(max_length=64)
    features: Any = Field(sa_type=LargeBinary, nullable=False)
    made_by: str = Field(max_length=255)
    made_at: datetime = Field(sa_type=UTCDateTime)
    removed_by: str | None = Field(default=None, max_length=255)
    removed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


LAYER = cast(Table, MapLayerRow.__table__)  # type: ignore[attr-defined]
_ABOUT = [column for column in LAYER.c if column.name != "features"]


class LayerRefused(ValueError):
    """`code` is the fixed word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MapLayers:
    """The layers of a desk. Any thread may ask."""

    def __init__(self, database: Database, tree: UnitTree) -> None:
        self._database, self._tree = database, tree
        self._kept: OrderedDict[tuple[str, int], tuple[int, list[dict[str, Any]]]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def seen_by(self, viewer: str) -> list[dict[str, Any]]:
        """The layers that a unit may see, outlines first, without what is in them."""
        newest = (
            select(LAYER.c.layer_id, func.max(LAYER.c.version).label("version"))
            .group_by(LAYER.c.layer_id)
            .subquery()
        )
        same = and_(LAYER.c.layer_id == newest.c.layer_id, LAYER.c.version == newest.c.version)
        query = select(*_ABOUT).join(newest, same).where(LAYER.c.removed_at.is_(None))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(LAYER.c.made_at)).mappings().all()
        seen = [self._shown(row, viewer) for row in rows if self._may_see(viewer, row)]
        return sorted(seen, key=lambda one: one["kind"] != "outline")

    def _may_see(self, viewer: str, row: Any) -> bool:
        unit = str(row["unit"])
        if viewer == unit or self._tree.covers(viewer, unit):
            return True
        return bool(row["below"]) and self._tree.covers(unit, viewer)

    def _shown(self, row: Any, viewer: str) -> dict[str, Any]:
        names = (
            "layer_id",
            "version",
            "unit",
            "kind",
            "title",
            "source",
            "approval",
            "datum",
            "below",
            "as_of",
        )
        return {
            **{name: row[name] for name in names},
            "features": row["count"],
            "made_by": row["made_by"],
            "made_at": wire_instant(row["made_at"]),
            "own": row["unit"] == viewer,
        }

    def one(self, viewer: str, layer_id: str) -> dict[str, Any] | None:
        """A layer that the unit may see, or None."""
        return next((one for one in self.seen_by(viewer) if one["layer_id"] == layer_id), None)

    def features(self, layer_id: str, version: int) -> list[dict[str, Any]]:
        """What is in a version. Who may see it is asked before."""
        key = (layer_id, version)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        query = select(LAYER.c.features).where(LAYER.c.layer_id == layer_id, LAYER.c.version == version)
        with self._database.reading() as connection:
            packed = connection.execute(query).scalar_one()
        body = zlib.decompress(bytes(packed))
        found: list[dict[str, Any]] = orjson.loads(body)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (len(body), found)
                self._kept_bytes += len(body)
            while self._kept_bytes > KEPT_BYTES:
                _key, (size, _features) = self._kept.popitem(last=False)
                self._kept_bytes -= size
        return found

    def keep(
        self,
        layer_id: str,
        unit: str,
        said: dict[str, Any],
        features: list[dict[str, Any]],
        by: str,
        now: datetime,
    ) -> int:
        """A layer, or a new version of one of this unit's. Another unit's id is refused."""
        body = orjson.dumps(features)
        with self._database.writing() as connection:
            self._database.lock_ledger(connection)
            before = connection.execute(
                select(LAYER.c.unit, LAYER.c.version)
                .where(LAYER.c.layer_id == layer_id)
                .order_by(LAYER.c.version.desc())
                .limit(1)
            ).one_or_none()
            if before is not None and before.unit != unit:
                raise LayerRefused("not-your-layer")
            living = connection.execute(
                select(func.count(func.distinct(LAYER.c.layer_id))).where(
                    LAYER.c.unit == unit, LAYER.c.removed_at.is_(None), LAYER.c.layer_id != layer_id
                )
            ).scalar_one()
            if living >= MOST_LAYERS:
                raise LayerRefused("too-many-layers")
            version = 1 if before is None else int(before.version) + 1
            row = {
                **said,
                "layer_id": layer_id,
                "version": version,
                "unit": unit,
                "count": len(features),
                "sha256": sha256(body).hexdigest(),
                "features": zlib.compress(body, 6),
                "made_by": by,
                "made_at": now,
            }
            connection.execute(insert(LAYER), [row])
            layer_deeds.append(connection, layer_deeds.kept(row))
        return version

    def remove(self, layer_id: str, unit: str, by: str, now: datetime) -> bool:
        """No longer shown; whether there was one of this unit's."""
        own = (LAYER.c.layer_id == layer_id, LAYER.c.unit == unit, LAYER.c.removed_at.is_(None))
        with self._database.writing() as connection:
            self._database.lock_ledger(connection)
            done = connection.execute(update(LAYER).where(*own).values(removed_at=now, removed_by=by))
            if done.rowcount > 0:
                layer_deeds.append(connection, layer_deeds.removed(layer_id, unit, by, now))
            return done.rowcount > 0
