"""What a tablet holds under a PIN that is forgotten: opened with the bureau's recovery key, from the safe.

The tablet keeps the key of a person's store once more, wrapped for the public half
(web/static/field_recovery.js: ECDH on P-256, HKDF, AES-GCM). A sealed file has that, the texts that wait and
the tablet's own signing key, all sealed; with the private half a bundle is made of it, signed as the tablet
would have signed it. It is brought in at `/carry` like any other: by a named person, into the log, once.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from schemas.fields import Frozen
from server.domain.bundles import FORM, MOST_COMMANDS

SEALED, INFO = "sealed/1", b"fenghuo recovery/1"


class NotOpened(ValueError):
    """No sealed file, one that was changed, or another key's."""


class Box(Frozen):
    """Something sealed, in base64."""

    iv: str
    data: str


class Wrapped(Frozen):
    """The key of a store, for the owner of one private key."""

    to: str
    point: str
    iv: str
    wrapped: str


class Sealed(Frozen):
    """A file that a tablet's door makes."""

    fenghuo: str
    person_id: str
    name: str
    made_at: str
    recovery: Wrapped
    tablet: Box
    deeds: list[Box]


def new_pair() -> tuple[bytes, str]:
    """The private half as PEM, for the safe; the public one as it stands on tablets."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, _text(_point(private.public_key()))


def read_private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise NotOpened("that is no recovery key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise NotOpened("that is no recovery key")
    return key


def bundles_of(text: str, key: ec.EllipticCurvePrivateKey) -> list[str]:
    """The bundles of what waited, in its order."""
    try:
        sealed = Sealed.model_validate_json(text)
    except ValidationError:
        raise NotOpened("that is no sealed file of a tablet") from None
    if sealed.fenghuo != SEALED:
        raise NotOpened("that is no sealed file of a tablet")
    if sealed.recovery.to != _text(_point(key.public_key())):
        raise NotOpened("it was sealed for another recovery key")
    try:
        store = AESGCM(_store_key(sealed.recovery, key))
        tablet = _opened(store, sealed.tablet, sealed.person_id)
        deeds = [_opened(store, one, sealed.person_id) for one in sealed.deeds]
    except (InvalidTag, ValueError):
        raise NotOpened("it was changed on the way") from None
    items = [{"name": one["name"], "body": _body(one["body"])} for one in deeds]
    chunks = [items[first : first + MOST_COMMANDS] for first in range(0, len(items), MOST_COMMANDS)]
    return [_bundle(sealed, tablet, some) for some in chunks]


def _store_key(wrapped: Wrapped, key: ec.EllipticCurvePrivateKey) -> bytes:
    point = _bytes(wrapped.point)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
    by = HKDF(algorithm=SHA256(), length=32, salt=point, info=INFO).derive(shared)
    return AESGCM(by).decrypt(_bytes(wrapped.iv), _bytes(wrapped.wrapped), None)


def _opened(store: AESGCM, box: Box, person_id: str) -> dict[str, Any]:
    said = json.loads(store.decrypt(_bytes(box.iv), _bytes(box.data), person_id.encode()))
    if not isinstance(said, dict):
        raise ValueError
    return said


def _body(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "device_sent_at"}


def _bundle(sealed: Sealed, tablet: dict[str, Any], items: list[dict[str, Any]]) -> str:
    header = {
        "fenghuo": FORM, "bundle_id": str(uuid4()), "device_id": tablet["device_id"],
        "person_id": sealed.person_id, "person": sealed.name, "made_at": sealed.made_at, "count": len(items),
    }  # fmt: skip
    lines = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in (header, *items)]
    signed = "".join(lines)
    secret = int.from_bytes(_bytes(tablet["secret"]["d"]), "big")
    der = ec.derive_private_key(secret, ec.SECP256R1()).sign(signed.encode(), ec.ECDSA(SHA256()))
    signature = b"".join(one.to_bytes(32, "big") for one in utils.decode_dss_signature(der))
    return signed + json.dumps({"signature": _text(signature)}) + "\n"


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
