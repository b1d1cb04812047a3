"""Tablets: a tablet makes itself known, and bundles of any tablet are brought in by whoever carries them.

What a bundle holds enters as the deed of the person whose tablet signed it, by that person's own rights; the
one who carries it needs none of them, and is named beside. The same by the network later is `replayed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anyio.to_thread import run_sync
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.fields import wire_instant
from schemas.outposts import Via
from schemas.tablets import EnrolDevice
from server.api.rest import BASE, asked_only, flag, json, language, parts_of, refusal, result_shown
from server.desk import Explained, NotSpokenFor, author_of, explain
from server.domain.bundles import BrokenBundle, Bundle, read_bundle
from server.domain.decide import Author
from server.gate.auth import principal_of
from server.gate.cookies import DEVICE_LASTS, TABLET, is_secure, set_cookie
from server.gate.limits import NotJSON, parse_json
from server.gate.problems import problem
from server.parts import Parts
from server.people.accounts import Principal
from server.people.credentials import AccountRefused
from server.people.devices import Device, DeviceRevoked, principal_on
from server.people.p256 import SIGNATURE_BYTES, is_signed, read_key, unpacked
from server.sentences import sentence


async def enrol(request: Request) -> Response:
    """POST /devices: from now on this tablet is this person's, by its public key. Harmless twice."""
    principal, parts = principal_of(request.scope), parts_of(request)
    lang = language(request, principal)
    try:
        said = EnrolDevice.model_validate(parse_json(await request.body()))
    except NotJSON as wrong:
        return problem(400, "not-json", detail=str(wrong))
    except ValidationError as wrong:
        return refusal(explain(wrong, lang))
    if principal.kind != "session":  # a program has no tablet in its hands
        return refusal(Explained(403, "not-in-person", sentence("not-in-person", lang)))
    try:
        device = await run_sync(
            parts.devices.enrol, principal, said.device_id, said.device_name, said.public_key
        )
    except DeviceRevoked:
        return refusal(Explained(410, "device-revoked", sentence("device-revoked", lang)))
    except AccountRefused as refused:
        code = {"bad_key": "bad-key", "device_taken": "device-taken", "many_devices": "many-devices"}.get(
            refused.slug, "bad-name"
        )
        pointer = {"bad-key": "/public_key", "bad-name": "/device_name"}.get(code, "/device_id")
        told = sentence(code, lang)
        errors = ({"pointer": pointer, "detail": told},)
        return refusal(Explained(409 if pointer == "/device_id" else 422, code, told, errors))
    answer = json(
        {"device_id": device.id, "device_name": device.name, "enrolled_at": wire_instant(device.enrolled_at)}
    )
    set_cookie(answer, TABLET, "1", DEVICE_LASTS, is_secure(request.scope, parts.settings.secure))
    return answer


async def bundle(request: Request) -> Response:
    """POST /bundles: the bundle itself is the body. `?look=true`: only say whose it is and what is known."""
    principal, parts = principal_of(request.scope), parts_of(request)
    lang = language(request, principal)
    only_looks = flag(asked_only(request, {"look"}), "look") or False
    try:
        found = await run_sync(read_bundle, await request.body(), _parsed)
        device = await run_sync(_trusted, parts, found)
    except BrokenBundle as broken:
        return refusal(Explained(422, broken.code, sentence(broken.code, lang)))
    except DeviceRevoked:
        return refusal(Explained(403, "bundle-revoked", sentence("bundle-revoked", lang)))
    except NotSpokenFor:
        return refusal(Explained(403, "bundle-person", sentence("bundle-person", lang)))
    shown: dict[str, Any] = {
        "bundle_id": found.header.bundle_id,
        "device": device.name,
        "person": device.person,
        "post": device.post,
        "unit": device.unit,
        "made_at": wire_instant(found.made_at),
        "count": len(found.items),
    }
    ids = [_command_id(one) for one in found.items]
    if only_looks:
        known = await run_sync(parts.store.done_among, [one for one in ids if one is not None])
        return json(shown | {"known": sum(one in known for one in ids)})
    speaker = principal_on(device, principal)
    via = Via(way="bundle", name=device.name, by=principal.name, recorded_at=found.made_at)
    author = replace(author_of(speaker), via=via)

    def speaking(_item: Mapping[str, Any]) -> tuple[Principal, Author]:
        return speaker, author

    results = await parts.desk.execute_batch(speaker, found.items, speaking)
    said = [one.get("body") if isinstance(one, Mapping) else None for one in found.items]
    done = [result_shown(body, one, lang) for body, one in zip(said, results, strict=True)]
    for one in done:  # places in that person's stream, and numbers of their unit, are nothing to the carrier
        one.pop("number", None)
        if "offset" in one:
            one["offset"] = None
    return json(shown | {"results": done})


def _parsed(line: bytes) -> Any:
    return parse_json(line)


def _trusted(parts: Parts, found: Bundle) -> Device:
    """The tablet that signed it, if it did, and its person may act here. Synchronous."""
    device = parts.devices.get(found.header.device_id)
    if device is None or device.person_id != found.header.person_id:
        raise BrokenBundle("bundle-unknown-device")
    signature = unpacked(found.signature, SIGNATURE_BYTES)
    if signature is None or not is_signed(read_key(device.public_key), found.signed, signature):
        raise BrokenBundle
    if device.revoked_at is not None:
        raise DeviceRevoked
    if device.is_disabled:
        raise NotSpokenFor
    return device


def _command_id(item: Any) -> str | None:
    body = item.get("body") if isinstance(item, Mapping) else None
    said = body.get("command_id") if isinstance(body, Mapping) else None
    return said.lower() if isinstance(said, str) and len(said) == 36 and "\x00" not in said else None


def routes() -> list[Route]:
    return [
        Route(f"{BASE}/devices", enrol, methods=["POST"]),
        Route(f"{BASE}/bundles", bundle, methods=["POST"]),
    ]
