"""What is done to the map's layers is chained, as the log is

Layers that are there already begin the chain as they stand. A process of the version before that brings one
in meanwhile is found by `fenghuo verify`, until the layer is brought in once more.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime
from server.record.sm3 import sm3_digest

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_DOMAIN = b"DUTYLOG1"
_ABOUT = ("kind", "title", "source", "approval", "datum", "below", "as_of", "count", "sha256")
_LAYER = sa.table(
    "map_layer",
    *(sa.column(name) for name in ("layer_id", "unit", *(one for one in _ABOUT if one != "below"))),
    sa.column("version", sa.Integer()),
    sa.column("below", sa.Boolean()),
    *(sa.column(name) for name in ("made_by", "removed_by")),
    *(sa.column(name, UTCDateTime()) for name in ("made_at", "removed_at")),
)


def upgrade() -> None:
    deeds = op.create_table(
        "map_layer_deed",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("chain_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("chain_sm3", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_map_layer_deed")),
    )
    rows = list(_chained(op.get_bind().execute(sa.select(_LAYER)).mappings().all()))
    if rows:
        op.bulk_insert(deeds, rows)
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER map_layer_deed_no_{deed.lower()} BEFORE {deed} ON map_layer_deed "
                "BEGIN SELECT RAISE(ABORT, 'map_layer_deed is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER map_layer_deed_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON map_layer_deed "
        "FOR EACH STATEMENT EXECUTE FUNCTION fenghuo_append_only()"
    )


def _chained(layers: Any) -> Iterator[dict[str, Any]]:
    deeds: dict[tuple[datetime, int, str, int], dict[str, Any]] = {}
    for one in layers:
        who = {"layer_id": one["layer_id"], "unit": one["unit"]}
        said = {name: one[name] for name in _ABOUT} | {"version": one["version"], "what": "kept"}
        key = (one["made_at"], 0, one["layer_id"], one["version"])
        deeds[key] = {**who, **said, "by": one["made_by"], "at": _wire(one["made_at"])}
        if one["removed_at"] is not None:
            gone = {"what": "removed", "by": one["removed_by"], "at": _wire(one["removed_at"])}
            deeds[one["removed_at"], 1, one["layer_id"], 0] = {**who, **gone}
    seed = b"\x02" + _DOMAIN + b"map layers"
    first, second = sha256(seed).digest(), sm3_digest(seed)
    for number, key in enumerate(sorted(deeds), start=1):
        body = orjson.dumps(deeds[key], option=orjson.OPT_SORT_KEYS)
        place = b"\x01" + _DOMAIN + number.to_bytes(8, "big")
        first = sha256(place + first + sha256(b"\x00" + body).digest()).digest()
        second = sm3_digest(place + second + sm3_digest(b"\x00" + body))
        yield {"n": number, "body": body, "chain_sha256": first, "chain_sm3": second}


def _wire(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def downgrade() -> None:
    op.drop_table("map_layer_deed")
