"""Attachments over time: two processes, a backup, uploads that nobody attached, and what a refusal leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from server.record import unattached
from server.record.attachments import FILE, PIECE_TABLE
from server.record.database import Database
from server.record.unattached import Clearing
from server.safekeeping.verify import verify
from tests import uploads
from tests.product import FenghuoProcess
from tests.room import Room
from tests.test_attachments import _raw, fetched, opened, put, shown
from tests.waiting import wait_until
from tests.words import open_incident


def counts(database: Database) -> tuple[int, int]:
    """Files that were received, and pieces of bytes."""
    with database.reading() as connection:
        files = connection.execute(select(func.count()).select_from(FILE)).scalar_one()
        return files, connection.execute(select(func.count()).select_from(PIECE_TABLE)).scalar_one()


def test_what_is_attached_at_one_process_is_downloaded_at_the_other(
    furnish: Callable[..., FenghuoProcess],
) -> None:
    one = furnish("postgresql")
    other = FenghuoProcess(one.folder, database_url=one.database_url, tokens=one.tokens)
    for desk in (one, other):
        desk.start(until_ready=False)
    try:
        for desk in (one, other):
            desk.wait_until_ready()
        incident = opened(one)
        ids = {"attachment_id": "6b7d7a0e-3b56-4c57-9f0e-0d9f0a4f2f01"}
        ids["command_id"] = "6b7d7a0e-3b56-4c57-9f0e-0d9f0a4f2f02"
        first = put(one, "Li", incident, uploads.photo(), **ids)
        assert first.status_code == 200
        again = put(other, "Li", incident, uploads.photo(), **ids)  # its answer was lost, it goes elsewhere
        assert again.json() == {**first.json(), "replayed": True}
        (seen,) = shown(other, incident)
        assert fetched(other, incident, seen).content == fetched(one, incident, seen).content != b""
        assert put(other, "Li", incident, uploads.wav(), "b.wav").status_code == 200
        assert len(shown(one, incident)) == 2
    finally:
        for desk in (one, other):
            desk.stop()


def test_a_backup_has_the_attachments(own_desk: FenghuoProcess, tmp_path: Path) -> None:
    incident = opened(own_desk)
    assert put(own_desk, "Li", incident, uploads.photo()).status_code == 200
    (one,) = shown(own_desk, incident)
    content = fetched(own_desk, incident, one).content
    own_desk.fenghuo("backup", str(tmp_path / "kept.db"))
    restored = FenghuoProcess(tmp_path / "again", tokens=own_desk.tokens)
    restored.fenghuo("restore", str(tmp_path / "kept.db"))
    restored.start()
    try:
        assert fetched(restored, incident, one).content == content
        assert restored.fenghuo("verify").stdout.startswith("ok: ")
    finally:
        restored.stop()


def attach(room: Room, incident_id: str, name: str = "a.jpg") -> str:
    """A photo that is attached."""
    one = uploads.receive(room, incident_id)["attachment_id"]
    body = {"incident_id": incident_id, "attachment_id": one, "file_name": name}
    room.told("Li", "add-attachment", body)
    return str(one)


def test_an_upload_that_nobody_attached_is_gone_after_a_day_and_an_attachment_never(own_room: Room) -> None:
    room, database = own_room, own_room.parts.database
    body = open_incident(known_at=room.clock.ago(), occurred_at=...)
    room.told("Li", "open-incident", body)
    incident = body["incident_id"]
    kept = attach(room, incident)
    uploads.receive(room, incident)  # of the same bytes
    uploads.receive(room, incident, uploads.photo(size=(800, 600)))
    clearing, beside = Clearing(database), Clearing(database)  # a second process
    room.clock.pass_by(hours=23)
    assert clearing.look(room.clock.now()) == 0
    assert counts(database) == (3, 2)
    room.clock.pass_by(hours=2)
    assert clearing.look(room.clock.now()) + beside.look(room.clock.now()) == 2
    assert counts(database) == (1, 1), "bytes that two have stay for the one that is attached"
    room.clock.pass_by(days=400)
    assert clearing.look(room.clock.now()) + beside.look(room.clock.now()) == 0
    found = uploads.attachments.find(database, "130324", incident, kept, preview=False)
    assert found is not None
    assert uploads.attachments.piece(database, found.sha256, 0) == uploads.photo()
    assert verify(database).faults == []


def test_bytes_whose_upload_was_cut_are_gone_when_they_are_seen_a_second_time(own_room: Room) -> None:
    database = own_room.parts.database
    with database.writing() as connection:
        connection.execute(PIECE_TABLE.insert(), [{"sha256": "f" * 64, "place": 0, "bytes": b"half"}])
    clearing = Clearing(database)
    clearing.look(own_room.clock.now())
    assert counts(database) == (0, 1), "perhaps the rest is just coming"
    clearing.look(own_room.clock.now())
    assert counts(database) == (0, 0)


def test_bytes_that_are_cleared_away_while_they_come_again_are_stored_anew(
    spare_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, database = spare_room, spare_room.parts.database
    body = open_incident(known_at=room.clock.ago(), occurred_at=...)
    room.told("Li", "open-incident", body)
    uploads.receive(room, body["incident_id"])
    room.clock.pass_by(days=2)
    store: Any = uploads.attachments._store

    def cleared_in_between(*given: Any) -> Any:
        stored = store(*given)
        Clearing(database).look(room.clock.now())
        return stored

    monkeypatch.setattr(uploads.attachments, "_store", cleared_in_between)
    attach(room, body["incident_id"])
    assert counts(database) == (1, 1)
    assert verify(database).faults == []


def test_a_desk_clears_away_by_itself(spare_room: Room) -> None:
    room = spare_room
    body = open_incident(known_at=room.clock.ago(), occurred_at=...)
    room.told("Li", "open-incident", body)
    uploads.receive(room, body["incident_id"])
    room.stop()
    room.clock.pass_by(days=2)
    room.start()
    wait_until(lambda: counts(room.parts.database) == (0, 0), within=10)
    assert unattached.EVERY_S <= 3600


def test_what_is_refused_or_cut_leaves_no_file_on_the_disk(
    furnish: Callable[..., FenghuoProcess], tmp_path: Path
) -> None:
    desk = furnish("sqlite", environment={"TMPDIR": str(tmp_path)})
    desk.start()
    try:
        incident = opened(desk)
        with _raw(desk, incident, "Content-Length: 9000000") as line:
            line.sendall(b"\xff\xd8\xff" + bytes(1_000_000))
            wait_until(lambda: any(one.stat().st_size for one in tmp_path.glob("fenghuo-upload-*/came")))
        for data in (uploads.png_bomb(), uploads.paper(bomb=400_000_000), b"<html>"):
            assert put(desk, "Li", incident, data).status_code == 422
        assert put(desk, "Li", incident, uploads.photo()).status_code == 200
        wait_until(lambda: not list(tmp_path.glob("fenghuo-upload-*")))
        assert len(shown(desk, incident)) == 1
    finally:
        desk.stop()
