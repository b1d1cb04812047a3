"""The chain over the log's stored bytes, in SHA-256 and SM3 (GB/T 32905): who alters the past breaks it.

    leaf    = H(0x00 || bytes)
    chain_0 = H(0x02 || "DUTYLOG1" || deployment id)
    chain_n = H(0x01 || "DUTYLOG1" || seq, 8 bytes big-endian || chain_(n-1) || leaf_n)

The bytes are canonical JSON (RFC 8785: UTF-8, sorted keys, no spaces; strings to the letter, never
normalised), and exactly these bytes are stored, hashed and sent; verification never serialises again.
The chain proves when we recorded something, not when it happened.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from server.record.sm3 import sm3_digest

_DOMAIN = b"DUTYLOG1"


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of plain values. Keys are ASCII, figures have at most four decimals."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of_body(name: str, body: bytes) -> bytes | None:
    """What a command's body is known by; None when these bytes are no body."""
    try:
        return sha256(canonical({"name": name, **orjson.loads(body)})).digest()
    except (orjson.JSONDecodeError, TypeError):
        return None


_LEAF, _LINK, _SEED = b"\x00", b"\x01" + _DOMAIN, b"\x02" + _DOMAIN


class Chains(NamedTuple):
    """The head of both chains after some entry: 32 bytes each."""

    sha256: bytes
    sm3: bytes

    @classmethod
    def of_nothing(cls, deployment_id: str) -> Chains:
        seed = _SEED + deployment_id.encode()
        return cls(sha256(seed).digest(), sm3_digest(seed))

    def then(self, seq: int, body: bytes) -> Chains:
        """The head after entry `seq` with these stored bytes."""
        leaf, place = _LEAF + body, _LINK + seq.to_bytes(8, "big")
        return Chains(
            sha256(place + self.sha256 + sha256(leaf).digest()).digest(),
            sm3_digest(place + self.sm3 + sm3_digest(leaf)),
        )
