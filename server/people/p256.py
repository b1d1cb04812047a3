"""Signatures of tablets: ECDSA on P-256 with SHA-256 (ES256), as browsers make them. Only verified here.

Nothing secret is computed with, so nothing needs to take the same time each time: forty lines of the textbook
(FIPS 186-5, SEC 1) instead of a package of compiled cryptography for this alone. Tested against OpenSSL and
Chromium.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
KEY_BYTES, SIGNATURE_BYTES = 65, 64

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
_NOWHERE: _Jacobian = (1, 1, 0)


class BadKey(ValueError):
    """What is no public key of P-256."""


def read_key(text: str) -> Point:
    """A public key as it travels: base64url of the uncompressed point, without padding."""
    raw = unpacked(text, KEY_BYTES)
    if raw is None or raw[0] != 4:
        raise BadKey("not an uncompressed point of P-256 in base64url")
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if x >= P or y >= P or (y * y - (x * x * x - 3 * x + B)) % P:
        raise BadKey("not a point of P-256")
    return x, y


def unpacked(text: str, size: int) -> bytes | None:
    """The bytes of base64url text without padding, when it stands for so many and for nothing else."""
    if len(text) != -(-size * 4 // 3) or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    again = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return raw if again == text else None  # the last character's spare bits are no second spelling


def is_signed(key: Point, message: bytes, signature: bytes) -> bool:
    """Whether the holder of the key signed exactly these bytes. `signature`: r and s, 32 bytes each."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    digest = int.from_bytes(sha256(message).digest(), "big")
    x, _y, z = _sum_of(digest * inverse % N, r * inverse % N, key)
    return z != 0 and x * pow(z, -2, P) % P % N == r


def _sum_of(u: int, v: int, key: Point) -> _Jacobian:
    """u·G + v·key, both multiplied along the way (Shamir)."""
    one, two = (*G, 1), (*key, 1)
    both = _add(one, two)
    steps = (_NOWHERE, one, two, both)
    found = _NOWHERE
    for bit in range(255, -1, -1):
        found = _double(found)
        step = steps[(u >> bit & 1) | (v >> bit & 1) << 1]
        if step[2]:
            found = _add(found, step)
    return found


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not z or not y:
        return _NOWHERE
    squared = y * y % P
    four = 4 * x * squared % P
    slope = 3 * (x - z * z) * (x + z * z) % P
    new_x = (slope * slope - 2 * four) % P
    return new_x, (slope * (four - new_x) - 8 * squared * squared) % P, 2 * y * z % P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    if not one[2]:
        return other
    if not other[2]:
        return one
    (x1, y1, z1), (x2, y2, z2) = one, other
    zz1, zz2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * zz2 % P, x2 * zz1 % P
    s1, s2 = y1 * z2 * zz2 % P, y2 * z1 * zz1 % P
    if u1 == u2:
        return _double(one) if s1 == s2 else _NOWHERE
    h, r = u2 - u1, s2 - s1
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P
