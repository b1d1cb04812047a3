"""Tablets that are known here: bundles that others carry in, and what becomes of a tablet that was lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric import ec

from server.gate.cookies import TABLET
from server.people.p256 import BadKey, is_signed, read_key, unpacked
from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened
from tests.product import PASSWORD, FenghuoProcess
from tests.room import Room
from tests.tablets import Tablet, packed
from tests.test_channel_pages import signed_in
from tests.words import new_id


def carried(room: Room, who: str, raw: bytes, **query: str) -> httpx2.Response:
    return room.request(who, "POST", "bundles", content=raw, params=query)


def known(room: Room, folder: Path, who: str = "Song") -> Tablet:
    tablet = Tablet(room, who, folder)
    answer = tablet.enrol()
    assert answer.status_code == 200
    assert f"{TABLET}=1" in answer.headers["set-cookie"]
    return tablet


def test_a_bundle_enters_as_the_deed_of_whoever_signed_it_at_its_own_times(
    room: Room, tmp_path: Path
) -> None:
    tablet = known(room, tmp_path)
    one = opened(room)
    entry = words.add_entry(one, "桥面塌陷", happened_at=room.clock.ago(hours=3))
    entry["device_at"] = room.clock.ago(hours=3)
    order = words.issue_order(one)
    raw = tablet.bundle(
        ("add-entry", entry), ("issue-order", order), ("close-incident", words.close_incident(one))
    )
    looked = carried(room, "He", raw, look="true").json()
    assert (looked["person"], looked["count"], looked["known"]) == ("Song", 3, 0)
    assert room.entries(one, "entry_added") == [], "looking takes nothing"

    done = carried(room, "He", raw)
    assert done.status_code == 200, done.text
    results = done.json()["results"]
    assert [result["status"] for result in results] == [200, 200, 403], "by the rights of Song, not of He"
    assert not any(result.get("offset") or result.get("number") for result in results)
    [written] = room.entries(one, "entry_added")
    assert (written["by"], written["unit"]) == ("Song", "130324")
    assert written["event"]["happened_at"] == written["device_at"]
    assert (written["via"]["way"], written["via"]["by"], written["via"]["name"]) == (
        "bundle",
        "He",
        "前指平板",
    )
    later = room.told("Song", "add-entry", entry)
    assert (later["replayed"], later["via"]["by"]) == (True, "He"), "the same by the network later"
    own = room.told("Song", "add-entry", fresh := words.add_entry(one, "自己发的"))
    assert "via" not in own | room.told("Song", "add-entry", fresh), "what nobody brought"
    assert [one["replayed"] for one in carried(room, "Wu", raw).json()["results"][:2]] == [True, True]
    assert carried(room, "Wu", raw, look="true").json()["known"] == 2
    page = BeautifulSoup(room.get("Wu", f"/incidents/{one}").text, "html.parser")
    assert any("He" in hint.text and "前指平板" in hint.text for hint in page.select(".via"))
    found = verify(room.parts.database)
    assert (found.first_bad, found.faults) == (None, [])


def test_what_was_changed_on_the_way_is_refused_whole(one_room: Room, tmp_path: Path) -> None:
    room, tablet = one_room, known(one_room, tmp_path)
    one = opened(room)
    entry = words.add_entry(one, "三人被困")
    raw = tablet.bundle(("add-entry", entry), ("add-entry", words.add_entry(one, "第二条")))
    lines = raw.split(b"\n")
    other = known(room, tmp_path, "Gao")
    mended = json.loads(lines[0]) | {"count": 1}
    stranger = Tablet(room, "Song", tmp_path)
    changed = {
        "a character": raw.replace("三人".encode(), "五人".encode()),
        "a line lost": b"\n".join([lines[0], *lines[2:]]),
        "a line lost, the count mended": b"\n".join([json.dumps(mended).encode(), *lines[2:]]),
        "lines exchanged": b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
        "cut short": raw[: len(raw) // 2],
        "no signature": b"\n".join(lines[:-2]),
        "signature of nothing": b"\n".join(
            [*lines[:-2], json.dumps({"signature": packed(bytes(64))}).encode()]
        ),
        "nothing": b"",
        "a binary": b"\xff\xfe\x00" * 40,
        "signed by another": raw.replace(tablet.id.encode(), other.id.encode()),
        "an unknown tablet": stranger.bundle(("add-entry", entry)),
        "another's name": other.bundle(("add-entry", entry), person_id=json.loads(lines[0])["person_id"]),
        "another form": tablet.bundle(("add-entry", entry), fenghuo="bundle/9"),
    }
    for what, wrong in changed.items():
        for query in ({}, {"look": "true"}):
            answer = carried(room, "Wu", wrong, **query)
            assert answer.status_code == 422, f"{what}: {answer.text}"
            assert answer.json()["type"].startswith("bundle-"), what
    assert room.entries(one, "entry_added") == []
    raw = tablet.bundle(("add-entry", entry))
    assert carried(room, "Zhao", raw).json()["results"][0]["status"] == 200


def test_nothing_is_taken_of_a_tablet_that_was_revoked_or_a_person_who_left(
    spare_room: Room, tmp_path: Path
) -> None:
    room, tablet = spare_room, known(spare_room, tmp_path)
    raw = tablet.bundle(("add-entry", words.add_entry(opened(room), "迟到的")))
    room.parts.people.change("Song", disabled=True)
    assert carried(room, "Wu", raw).json()["type"] == "bundle-person"
    room.parts.people.change("Song", disabled=False)
    room.parts.devices.revoke(tablet.id, "Wang")
    assert carried(room, "Wu", raw).json()["type"] == "bundle-revoked"


def test_a_tablet_is_one_persons_with_one_key_and_only_in_person(one_room: Room, tmp_path: Path) -> None:
    room, tablet = one_room, known(one_room, tmp_path)
    assert tablet.enrol().status_code == 200, "the same again"
    assert tablet.enrol(public_key=Tablet(room, "Song", tmp_path).public_key).json()["type"] == "device-taken"
    assert Tablet(room, "Gao", tmp_path, id=tablet.id).enrol().status_code == 409
    for wrong in ("A" * 87, packed(b"\x04" + b"\x01" * 64), tablet.public_key[:-1] + "!"):
        assert tablet.enrol(device_id=new_id(), public_key=wrong).status_code == 422
    said = {"device_id": new_id(), "device_name": "x", "public_key": tablet.public_key}
    assert room.request("Song", "POST", "devices", json=said).status_code == 403, "a program has no tablet"
    assert tablet.enrol(device_id=new_id(), device_name="\u202eevil").json()["type"] == "bad-name"


def test_signing_out_on_a_tablet_leaves_what_waits_there(spare_room: Room, tmp_path: Path) -> None:
    room, ours = spare_room, {"origin": "http://127.0.0.1:8000"}
    stranger, tablet = signed_in(room, "Qi"), known(spare_room, tmp_path)
    marked = {"cookie": f"{signed_in(room, 'Li')['cookie']}; {TABLET}=1"}
    for cookie, query, cleared in (
        (stranger, "", '"cache", "storage"'),  # a browser that others use: nothing stays in it
        (signed_in(room, "Gao"), "?tablet", '"cache"'),  # by the tablet's own button
        (tablet.cookie, "", '"cache"'),  # by another page's button, on a tablet that is known
        (marked, "", '"cache"'),  # ... to somebody else: what he has not sent yet lies there, too
    ):
        answer = room.client.post(f"/sign-out{query}", headers=cookie | ours, follow_redirects=False)
        assert (answer.status_code, answer.headers["clear-site-data"]) == (303, cleared)


def test_a_lost_tablet_is_out_at_once_and_is_told_to_forget_everything(
    spare_room: Room, tmp_path: Path
) -> None:
    room, tablet = spare_room, known(spare_room, tmp_path)
    assert tablet.asks("GET", "/api/v1/me").status_code == 200
    leader, stranger = signed_in(room, "Wang"), signed_in(room, "Qi")
    ours = {"origin": "http://127.0.0.1:8000"}
    path = f"/devices/{tablet.id}/revoke"
    assert room.client.post(path, headers=stranger | ours, follow_redirects=False).status_code == 404
    assert tablet.id not in room.client.get("/devices", headers=stranger).text
    assert room.client.post(path, headers=tablet.cookie | ours, follow_redirects=False).status_code == 403
    page = room.client.get("/devices", headers=leader)
    assert page.status_code == 200
    assert "前指平板" in page.text
    assert room.client.post(path, headers=leader | ours, follow_redirects=False).status_code == 303
    for method, where in (("GET", "/api/v1/me"), ("GET", "/"), ("POST", "/api/v1/commands")):
        answer = tablet.asks(method, where)
        assert (answer.status_code, answer.json()["type"]) == (410, "device-revoked"), where
        assert '"storage"' in answer.headers["clear-site-data"]
    again = Tablet(room, "Song", tmp_path, id=tablet.id)
    again.public_key = tablet.public_key
    assert again.enrol().json()["type"] == "device-revoked", "signed in anew, the tablet stays out"
    shown = BeautifulSoup(room.client.get("/devices", headers=leader).text, "html.parser")
    row = shown.select_one(f"#device-{tablet.id}")
    assert row is not None
    assert "Wang" in row.text
    assert "已令其清除" in row.text


async def test_the_socket_of_a_lost_tablet_ends_within_two_seconds_and_says_why(
    furnish: Callable[[str], FenghuoProcess], tmp_path: Path
) -> None:
    from websockets.asyncio.client import connect

    desk = furnish("sqlite")
    desk.start()
    try:
        with desk.client() as browser:
            ours = {"origin": desk.url}
            form = {"name": "Song", "password": PASSWORD}
            assert browser.post("/sign-in", data=form, headers=ours).status_code == 303
            key = packed(b"\x04" + _generator())
            said = {"device_id": new_id(), "device_name": "平板", "public_key": key}
            assert browser.post("/api/v1/devices", json=said, headers=ours).status_code == 200
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        address = desk.url.replace("http", "ws", 1) + "/api/v1/live"
        headers = {"Cookie": cookie, "Origin": desk.url}
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            await socket.send(json.dumps({"type": "hello", "epoch": None, "after": None}))
            await socket.recv()
            _revoke(desk, said["device_id"])
            await asyncio.wait_for(socket.wait_closed(), 4.0)  # 2 s, and a busy machine
            assert (socket.close_code, socket.close_reason) == (4001, "device-revoked")
    finally:
        desk.stop()


def _generator() -> bytes:
    """The public key of the secret 1: a point, and nobody's key."""
    numbers = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def _revoke(desk: FenghuoProcess, device_id: str) -> None:
    from server.clocks import utc_now
    from server.migrations import open_database
    from server.people.devices import Devices
    from server.settings import Settings

    database = open_database(Settings(data=desk.folder))
    try:
        assert Devices(database, utc_now).revoke(device_id, "Wang")
    finally:
        database.close()


def test_signatures_of_openssl_hold_and_nothing_near_them_does(one_room: Room, tmp_path: Path) -> None:
    tablet = Tablet(one_room, "Song", tmp_path)
    key = read_key(tablet.public_key)
    for number in range(8):
        message = f"第{number}条".encode() * number
        signature = tablet.sign(message)
        assert is_signed(key, message, signature)
        assert not is_signed(key, message + b"x", signature)
        for place in (0, 31, 32, 63):
            bent = bytearray(signature)
            bent[place] ^= 1
            assert not is_signed(key, message, bytes(bent))
    assert not is_signed(key, b"", bytes(64))
    assert not is_signed(key, b"", b"\xff" * 64)
    with pytest.raises(BadKey):
        read_key(packed(b"\x04" + bytes(64)))
    assert unpacked("AB", 1) is None, "spare bits are no second spelling"
