"""Files in pieces over a line that breaks: what arrived stays, nothing is taken twice."""

from __future__ import annotations

import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, update

from server.api import uploads as api
from server.record import coming
from server.record.coming import UPLOAD, UPLOAD_PIECE, find
from server.record.unattached import STALE, Clearing
from tests import uploads
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import new_id

PIECE = 64 * 1024


def begin(room: Room, who: str, incident: str, data: bytes, **over: Any) -> httpx2.Response:
    body = {
        "incident_id": incident, "attachment_id": new_id(), "size": len(data),
        "sha256": sha256(data).hexdigest(), **over,
    }  # fmt: skip
    return room.request(who, "POST", "uploads", json=body)


def append(room: Room, who: str, one: str, offset: int, piece: bytes) -> httpx2.Response:
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
    return room.request(who, "PATCH", f"uploads/{one}", content=piece, headers=headers)


def look(room: Room, who: str, one: str) -> httpx2.Response:
    return room.request(who, "HEAD", f"uploads/{one}")


def left_lying(room: Room) -> tuple[int, int]:
    """Files on their way, and their pieces."""
    with room.parts.database.reading() as connection:
        counts = [connection.execute(select(func.count()).select_from(one)) for one in (UPLOAD, UPLOAD_PIECE)]
        files, pieces = (one.scalar_one() for one in counts)
    return files, pieces


@pytest.fixture(scope="module")
def photo() -> bytes:
    data = uploads.photo("PNG", (900, 900)) + os.urandom(3 * PIECE)
    assert len(data) > 3 * PIECE
    return data


def test_a_file_comes_in_pieces_from_where_it_stood_and_is_attached_once(room: Room, photo: bytes) -> None:
    incident = opened(room)
    one = new_id()
    said = {"attachment_id": one, "offset": 0, "size": len(photo), "complete": False}
    assert begin(room, "Song", incident, photo, attachment_id=one).json() == said
    body = {"incident_id": incident, "attachment_id": one, "file_name": "现场.png"}
    refused(room.tell("Song", "add-attachment", body), 404, "no-such-upload")
    assert append(room, "Song", one, 0, photo[:PIECE]).json()["offset"] == PIECE
    assert look(room, "Song", one).headers["upload-offset"] == str(PIECE)
    late = append(room, "Song", one, 0, photo[:PIECE])  # whose answer was lost, sent again
    refused(late, 409, "upload-offset")
    assert late.headers["upload-offset"] == str(PIECE)
    room.restart()
    at = begin(room, "Song", incident, photo, attachment_id=one).json()["offset"]
    assert at == PIECE, "a restarted server still has it"
    while at < len(photo):
        told = append(room, "Song", one, at, photo[at : at + PIECE])
        assert told.status_code == 200, told.text
        at = told.json()["offset"]
    assert told.json()["complete"]
    again = begin(room, "Song", incident, photo, attachment_id=one).json()
    assert again == {**said, "offset": len(photo), "complete": True}
    room.told("Song", "add-attachment", body)
    assert [kept["attachment_id"] for kept in room.ask("Song", f"incidents/{incident}")["attachments"]] == [
        one
    ]
    assert left_lying(room) == (0, 0), "nothing is left lying about"


def test_nobody_learns_of_anothers_file_nor_sends_to_what_he_may_not_see(
    one_room: Room, photo: bytes
) -> None:
    incident, one = opened(one_room), new_id()
    refused(begin(one_room, "Qin", incident, photo), 404, "not-found")
    refused(begin(one_room, "Qin", new_id(), photo), 404, "not-found")
    refused(begin(one_room, "Lian", incident, photo), 403, "not-your-post")
    begin(one_room, "Song", incident, photo, attachment_id=one)
    for stranger in ("Li", "Qin"):
        assert look(one_room, stranger, one).status_code == 404
        refused(append(one_room, stranger, one, 0, photo[:9]), 404, "not-found")
    assert look(one_room, "Song", one).headers["upload-offset"] == "0"
    other = begin(one_room, "Song", incident, photo + b"x", attachment_id=one)
    refused(other, 409, "attachment-exists")


def test_limits_hold_for_pieces_files_people_and_all(
    one_room: Room, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, one = opened(one_room), new_id()
    refused(begin(one_room, "Song", incident, photo, size=26 * 1024 * 1024), 413, "file-too-large")
    refused(begin(one_room, "Song", incident, photo, sha256="x"), 422, "bad-body", "/sha256")
    begin(one_room, "Gao", incident, photo, attachment_id=one)
    refused(append(one_room, "Gao", one, 0, b"x" * (256 * 1024 + 1)), 413, "upload-piece-too-large")
    assert append(one_room, "Gao", one, 0, photo[:PIECE]).status_code == 200
    refused(append(one_room, "Gao", one, PIECE, photo[PIECE:] + b"x"), 413, "upload-piece-too-large")
    monkeypatch.setattr(api, "MOST_OPEN", 1)
    refused(begin(one_room, "Gao", incident, photo), 429, "too-many-uploads")
    monkeypatch.setattr(api, "MOST_BYTES_OF_ALL", len(photo))
    refused(begin(one_room, "Li", incident, photo), 503, "uploads-busy")


def test_a_garbled_file_is_forgotten_and_comes_again_from_its_beginning(one_room: Room, photo: bytes) -> None:
    incident, one = opened(one_room), new_id()
    small = photo[: 2 * PIECE]
    begin(one_room, "Song", incident, small, attachment_id=one)
    append(one_room, "Song", one, 0, small[:PIECE])
    refused(append(one_room, "Song", one, PIECE, b"\0" * PIECE), 422, "upload-garbled")
    assert look(one_room, "Song", one).status_code == 404
    assert begin(one_room, "Song", incident, small, attachment_id=one).json()["offset"] == 0


def test_what_nobody_went_on_with_goes(one_room: Room, photo: bytes) -> None:
    incident, old, fresh = opened(one_room), new_id(), new_id()
    for one in (old, fresh):
        begin(one_room, "Song", incident, photo, attachment_id=one)
        append(one_room, "Song", one, 0, photo[:PIECE])
    database, before = one_room.parts.database, one_room.clock.now() - STALE
    with database.writing() as connection:
        is_old = UPLOAD.c.attachment_id == old
        connection.execute(update(UPLOAD).where(is_old).values(touched_at=before - timedelta(seconds=1)))
    assert Clearing(database).look(one_room.clock.now()) == 1, "once an hour, whether anybody brings anything"
    with database.reading() as connection:
        kept = connection.execute(select(UPLOAD_PIECE.c.attachment_id)).scalars().all()
    assert (kept.count(old), kept.count(fresh)) == (0, 1)
    assert look(one_room, "Song", old).status_code == 404
    assert look(one_room, "Song", fresh).headers["upload-offset"] == str(PIECE)


def test_the_next_piece_may_come_to_another_machine(room: Room, photo: bytes, tmp_path: Path) -> None:
    incident, one = opened(room), new_id()
    other = Room(tmp_path / "another machine's folder", room.settings.database_url, room.clock)
    other.settings, other.tokens = room.settings, room.tokens
    other.start()
    try:
        at = begin(room, "Song", incident, photo, attachment_id=one).json()["offset"]
        turn = 0
        while at < len(photo):
            machine = (other, room)[turn % 2]
            assert begin(machine, "Song", incident, photo, attachment_id=one).json()["offset"] == at
            told = append(machine, "Song", one, at, photo[at : at + PIECE])
            assert told.status_code == 200, told.text
            at, turn = told.json()["offset"], turn + 1
        assert told.json()["complete"]
        assert turn > 2
    finally:
        other.stop()
    assert left_lying(room) == (0, 0)


def test_of_two_pieces_for_one_place_one_is_written(room: Room, photo: bytes) -> None:
    """An old line that only seemed dead, and the new one: both were told where the file stood."""
    incident, one = opened(room), new_id()
    begin(room, "Song", incident, photo, attachment_id=one)
    stands = find(room.parts.database, person_of(room, "Song"), one)
    assert stands is not None
    now = room.clock.now()
    assert coming.append(room.parts.database, stands, photo[:PIECE], now) is True
    assert coming.append(room.parts.database, stands, photo[:9], now) is False
    told = begin(room, "Song", incident, photo, attachment_id=one).json()
    assert told["offset"] == PIECE
    assert append(room, "Song", one, PIECE, photo[PIECE : 2 * PIECE]).json()["offset"] == 2 * PIECE


def person_of(room: Room, name: str) -> str:
    person = room.parts.people.get(name)
    assert person is not None
    return str(person.id)
