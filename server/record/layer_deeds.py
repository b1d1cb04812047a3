"""What was done to the map's layers, one entry after another, chained as the log is (`server.record.ledger`).

A layer's row can be read without these; they say whether it is as it was brought in. Append-only: triggers
refuse to change them. What is in a layer is known by the digest of its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, LargeBinary, Table, insert, select
from sqlmodel import Field, SQLModel

from schemas.fields import wire_instant
from server.record.ledger import Chains, canonical

KEPT, REMOVED = "kept", "removed"
#: What a layer is, by its row. The features are known by `sha256`.
ABOUT = ("kind", "title", "source", "approval", "datum", "below", "as_of", "count", "sha256")


class MapLayerDeedRow(SQLModel, table=True):
    """A layer was brought in, or removed. `body`: canonical JSON, the bytes that are chained."""

    __tablename__ = "map_layer_deed"

    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: bytes = Field(sa_type=LargeBinary, nullable=False)
    chain_sha256: bytes = Field(sa_type=LargeBinary, nullable=False)
    chain_sm3: bytes = Field(sa_type=LargeBinary, nullable=False)


DEED = cast(Table, MapLayerDeedRow.__table__)  # type: ignore[attr-defined]
BEGINNING = Chains.of_nothing("map layers")


def kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """A version of a layer as its row has it."""
    said = {name: row[name] for name in ABOUT}
    said["below"] = bool(said["below"])
    whose = {name: row[name] for name in ("layer_id", "version", "unit")}
    return {**whose, **said, "what": KEPT, "by": row["made_by"], "at": wire_instant(row["made_at"])}


def removed(layer_id: str, unit: str, by: str, at: datetime) -> dict[str, Any]:
    """All versions of a layer that were there until then."""
    return {"what": REMOVED, "layer_id": layer_id, "unit": unit, "by": by, "at": wire_instant(at)}


def append(connection: Connection, deed: dict[str, Any]) -> None:
    """One more, in the transaction that does it. Whoever calls holds the ledger's lock."""
    last = connection.execute(select(DEED).order_by(DEED.c.n.desc()).limit(1)).one_or_none()
    head = BEGINNING if last is None else Chains(bytes(last.chain_sha256), bytes(last.chain_sm3))
    number, body = 1 if last is None else int(last.n) + 1, canonical(deed)
    made = head.then(number, body)
    row = {"n": number, "body": body, "chain_sha256": made.sha256, "chain_sm3": made.sm3}
    connection.execute(insert(DEED), [row])
