"""A tablet without a browser: a key pair of its own, and bundles signed with it, by OpenSSL."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2

from tests.room import Room
from tests.test_channel_pages import signed_in
from tests.words import new_id


def _openssl(*arguments: str, given: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw_signature(der: bytes) -> bytes:
    """r and s of 32 bytes each, of OpenSSL's DER."""
    found, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        found += der[at + 2 : at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return found


@dataclass
class Tablet:
    """In the hands of one person, who is signed in on it."""

    room: Room
    who: str
    folder: Path
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._key = str(self.folder / f"{self.id}.pem")
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self._key)
        der = _openssl("ec", "-in", self._key, "-pubout", "-outform", "DER", "-conv_form", "uncompressed")
        self.public_key = packed(der[-65:])

    @cached_property
    def cookie(self) -> dict[str, str]:
        """Signed in on it, which ends what the person was signed in on before."""
        return signed_in(self.room, self.who)

    def asks(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = self.cookie | {"origin": "http://127.0.0.1:8000"} | options.pop("headers", {})
        answer: httpx2.Response = self.room.client.request(
            method, path, headers=headers, follow_redirects=False, **options
        )
        return answer

    def enrol(self, **over: Any) -> httpx2.Response:
        said = {"device_id": self.id, "device_name": "前指平板", "public_key": self.public_key} | over
        return self.asks("POST", "/api/v1/devices", json=said)

    def bundle(self, *commands: tuple[str, Mapping[str, Any]], **over: Any) -> bytes:
        """These commands as they would be carried."""
        person = self.room.parts.people.get(self.who)
        assert person is not None
        header = {
            "fenghuo": "bundle/1",
            "bundle_id": new_id(),
            "device_id": self.id,
            "person_id": person.id,
            "person": self.who,
            "made_at": self.room.clock.now().isoformat(),
            "count": len(commands),
        } | over
        lines = [header, *({"name": name, "body": body} for name, body in commands)]
        text = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        return text + json.dumps({"signature": packed(self.sign(text))}).encode() + b"\n"

    def sign(self, message: bytes) -> bytes:
        return raw_signature(_openssl("dgst", "-sha256", "-sign", self._key, given=message))
