"""The map's layers against the chain of what was done to them: each row, and the bytes in it.

What no chain can know without a witness: that its end was cut off together with the rows. Its head is printed
beside the log's.
"""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, select

from schemas.fields import wire_instant
from server.record.layer_deeds import BEGINNING, DEED, KEPT, kept
from server.record.map_layers import LAYER
from server.safekeeping.verdict import Verdict, readable

Version = tuple[str, int]


def check_layers(connection: Connection, verdict: Verdict) -> None:
    """Every deed is linked to the one before; every row is what the deeds made of it, and no row is more."""
    with readable(verdict, "layers"):
        expected = _told(connection, verdict)
        if expected is None:
            return
        query = select(LAYER).order_by(LAYER.c.layer_id, LAYER.c.version)
        for row in connection.execute(query.execution_options(yield_per=1)).mappings():
            name = f"{row['layer_id']} version {row['version']}"
            wanted = expected.pop((row["layer_id"], int(row["version"])), None)
            if wanted is None:
                verdict.fault("layer", f"{name}: nobody brought it in")
            elif (kept(dict(row)), _removal(row)) != wanted:
                verdict.fault("layer", f"{name} is not what was brought in")
            elif not _is_whole(row):
                verdict.fault("layer", f"{name}: what is in it is not what was brought in")
        for layer_id, version in expected:
            verdict.fault("layer", f"{layer_id} version {version} is gone")


def _told(connection: Connection, verdict: Verdict) -> dict[Version, tuple[dict[str, Any], Any]] | None:
    """The rows as the chain has them, each with its removal; None where the chain itself is broken."""
    head = BEGINNING
    made: dict[Version, tuple[dict[str, Any], Any]] = {}
    for number, deed in enumerate(connection.execute(select(DEED).order_by(DEED.c.n)), start=1):
        body = bytes(deed.body)
        head = head.then(number, body)
        if deed.n != number or (bytes(deed.chain_sha256), bytes(deed.chain_sm3)) != (head.sha256, head.sm3):
            verdict.fault("layer", f"the chain of the map's layers breaks at change {number}")
            return None
        verdict.layers, said = number, orjson.loads(body)
        if said["what"] == KEPT:
            made[said["layer_id"], said["version"]] = (said, None)
            continue
        for key, (version, removal) in made.items():
            if key[0] == said["layer_id"] and removal is None:
                made[key] = (version, (said["by"], said["at"]))
    verdict.layers_head = head.sha256.hex()
    return made


def _removal(row: Any) -> tuple[str, str] | None:
    if row["removed_at"] is None:
        return None
    return row["removed_by"], wire_instant(row["removed_at"])


def _is_whole(row: Any) -> bool:
    try:
        return sha256(zlib.decompress(bytes(row["features"]))).hexdigest() == str(row["sha256"])
    except zlib.error:
        return False
