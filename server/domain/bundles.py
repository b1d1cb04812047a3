"""A bundle (随身带入): a tablet's outbox as a text that somebody else can carry, on a stick or as QR codes.

    {"fenghuo": "bundle/1", "bundle_id": …, "device_id": …, "person_id": …, "person": …, "made_at": …,
     "count": 2}
    {"name": "add-entry", "body": {…}}
    {"name": "establish-facts", "body": {…}}
    {"signature": "…"}

One JSON object a line, each line ended by LF. The signature (ECDSA on P-256 with SHA-256, r and s, base64url)
is over every byte before its line: a byte that was changed, a line that was lost or added, is noticed.
Whoever carries it changes nothing and needs to understand nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.fields import Frozen, Id, Instant, Said60, Said200

FORM = "bundle/1"
MOST_COMMANDS = 1_000


class BrokenBundle(ValueError):
    """What is no bundle, or one that did not arrive whole. `code` is the fixed word."""

    def __init__(self, code: str = "bundle-broken") -> None:
        super().__init__(code)
        self.code = code


class Header(Frozen):
    """The first line."""

    fenghuo: Said60
    bundle_id: Id
    device_id: Id
    person_id: Id
    person: Said200
    made_at: Instant
    count: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as it was read: nothing is believed of it before its signature is."""

    header: Header
    items: list[Any]
    signed: bytes
    signature: str

    @property
    def made_at(self) -> datetime:
        return self.header.made_at


def read_bundle(raw: bytes, parse: Callable[[bytes], Any]) -> Bundle:
    """The parts of a bundle. `parse` reads one line of JSON and raises ValueError for what is none."""
    body = raw.removesuffix(b"\n")
    signed, cut, last = body.rpartition(b"\n")
    lines = signed.split(b"\n")
    if not cut or not 2 <= len(lines) <= MOST_COMMANDS + 1:
        raise BrokenBundle
    try:
        header = Header.model_validate(parse(lines[0]))
        items = [parse(line) for line in lines[1:]]
        seal = parse(last)
    except ValueError:
        raise BrokenBundle from None
    if header.fenghuo != FORM:
        raise BrokenBundle("bundle-form-unknown")
    if header.count != len(items) or not isinstance(seal, dict) or set(seal) != {"signature"}:
        raise BrokenBundle
    if not isinstance(seal["signature"], str):
        raise BrokenBundle
    return Bundle(header, items, signed + b"\n", seal["signature"])
