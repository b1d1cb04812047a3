"""Signatures of tablets: ECDSA on P-256 with SHA-256 (ES256), as browsers make them. Only verified here."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

KEY_BYTES, SIGNATURE_BYTES = 65, 64


class BadKey(ValueError):
    """What is no public key of P-256."""


def read_key(text: str) -> EllipticCurvePublicKey:
    """A public key as it travels: base64url of the uncompressed point, without padding."""
    from cryptography.hazmat.primitives.asymmetric import ec  # read when the first tablet comes

    raw = unpacked(text, KEY_BYTES)
    if raw is None or raw[0] != 4:
        raise BadKey("not an uncompressed point of P-256 in base64url")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        raise BadKey("not a point of P-256") from None


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


def is_signed(key: EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    """Whether the holder of the key signed exactly these bytes. `signature`: r and s, 32 bytes each."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
