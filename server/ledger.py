"""The chain over the log's stored bytes, in SHA-256 and SM3 (GB/T 32905): who alters the past breaks it.

    leaf    = H(0x00 || bytes)
    chain_0 = H(0x02 || "DUTYLOG1" || deployment id)
    chain_n = H(0x01 || "DUTYLOG1" || seq, 8 bytes big-endian || chain_(n-1) || leaf_n)

The bytes are canonical JSON (RFC 8785: UTF-8, sorted keys, no spaces; strings to the letter, never
normalised), and exactly these bytes are stored, hashed and sent; verification never serialises again.
The chain proves when we recorded something, not when it happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from server.sm3 import sm3_digest

_DOMAIN = b"DUTYLOG1"


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of plain values. Keys are ASCII, figures have at most four decimals."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


@dataclass(frozen=True, slots=True)
class Chains:
    """The head of both chains after some entry: 32 bytes each."""

    sha256: bytes
    sm3: bytes

    @classmethod
    def of_nothing(cls, deployment_id: str) -> Chains:
        seed = b"\x02" + _DOMAIN + deployment_id.encode()
        return cls(_sha256(seed), sm3_digest(seed))

    def then(self, seq: int, body: bytes) -> Chains:
        """The head after entry `seq` with these stored bytes."""
        return Chains(
            _link(_sha256, seq, self.sha256, body),
            _link(sm3_digest, seq, self.sm3, body),
        )


def _link(digest: Callable[[bytes], bytes], seq: int, before: bytes, body: bytes) -> bytes:
    leaf = digest(b"\x00" + body)
    return digest(b"\x01" + _DOMAIN + seq.to_bytes(8, "big") + before + leaf)
