"""Attachments: what people send is taken, made anew and served as a download; what would harm is refused."""

from __future__ import annotations

import io
import socket
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pikepdf
import pytest
from PIL import Image
from sqlalchemy import text

from server.domain.attachments import MOST_BYTES, plain_name
from server.record.attachments import PIECE_TABLE
from server.record.database import Database
from server.safekeeping.verify import verify
from server.sentences import sentence
from server.uploads.spoiled import CODES
from tests import uploads, words
from tests.product import FenghuoProcess
from tests.waiting import wait_until
from tests.words import new_id


def opened(desk: FenghuoProcess, who: str = "Li", **over: Any) -> str:
    body = words.open_incident(**over)
    assert desk.tell(who, "open-incident", body).status_code == 200
    return str(body["incident_id"])


def database_of(desk: FenghuoProcess) -> Database:
    return Database(desk.database_url or f"sqlite:///{desk.folder / 'fenghuo.db'}")


def put(
    desk: FenghuoProcess, who: str, incident: str, data: bytes, name: str = "a.jpg", **ids: str
) -> httpx2.Response:
    one = ids.get("attachment_id") or new_id()
    query = {"command_id": ids.get("command_id") or new_id(), "file_name": name}
    return desk.phone(who).put(f"/api/v1/incidents/{incident}/attachments/{one}", params=query, content=data)


def shown(desk: FenghuoProcess, incident: str, who: str = "Li") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.ask(who, f"incidents/{incident}")["attachments"]
    return found


def fetched(desk: FenghuoProcess, incident: str, one: dict[str, Any], who: str = "Li") -> httpx2.Response:
    return desk.phone(who).get(f"/api/v1/incidents/{incident}/attachments/{one['attachment_id']}")


def test_a_photo_is_made_anew_and_what_the_camera_noted_is_proposed_beside_it(desk: FenghuoProcess) -> None:
    incident = opened(desk)
    sent = uploads.photo(noted=True) + b"<script>alert(1)</script>PK\x03\x04polyglot"
    assert put(desk, "Li", incident, sent, "../../etc/现场\u202egpj.exe").status_code == 200
    (one,) = shown(desk, incident)
    assert one["file_name"] == "现场gpj.jpg"
    assert (one["taken"], one["lat"], one["lon"]) == ("2026-11-23T14:05:00", 39.89, 118.85)
    assert set(one["removed"]) == {"metadata", "position"}
    answer = fetched(desk, incident, one)
    assert answer.status_code == 200
    assert sha256(answer.content).hexdigest() == one["sha256"]
    for trace in (b"SECRETPHONE", b"<script>", b"polyglot", b"Exif"):
        assert trace not in answer.content
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (640, 480), {})
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    small = desk.phone("Li").get(f"/api/v1/incidents/{incident}/attachments/{one['attachment_id']}/preview")
    with Image.open(io.BytesIO(small.content)) as image:
        assert max(image.size) <= 320


def test_a_pdf_loses_whatever_acts_and_keeps_its_pages(desk: FenghuoProcess) -> None:
    incident = opened(desk)
    assert put(desk, "Li", incident, uploads.paper(acts=True), "通报.pdf").status_code == 200
    (one,) = shown(desk, incident)
    assert {"script", "actions", "files"} <= set(one["removed"])
    content = fetched(desk, incident, one).content
    for trace in (b"JavaScript", b"app.alert", b"Launch", b"calc.exe", b"EVILEVIL", b"OpenAction"):
        assert trace not in content
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert len(pdf.pages) == 1


@pytest.mark.parametrize(
    ("make", "media"),
    [(uploads.wav, "audio/wav"), (uploads.mp3, "audio/mpeg"), (uploads.ogg, "audio/ogg")],
)
def test_a_recording_keeps_its_sound_and_nothing_else(desk: FenghuoProcess, make: Any, media: str) -> None:
    incident = opened(desk)
    assert put(desk, "Li", incident, make() + b"<html>POLYGLOT</html>", "a.html").status_code == 200
    (one,) = shown(desk, incident)
    assert one["media_type"] == media
    content = fetched(desk, incident, one).content
    assert content == make()
    assert one["removed"] == ["metadata"]


def test_what_a_phone_writes_beside_a_recording_becomes_empty_space(desk: FenghuoProcess) -> None:
    incident = opened(desk)
    assert put(desk, "Li", incident, uploads.m4a(b"SECRETPHONE"), "a.m4a").status_code == 200
    (one,) = shown(desk, incident)
    assert (one["media_type"], one["removed"]) == ("audio/mp4", ["metadata"])
    content = fetched(desk, incident, one).content
    assert content == uploads.m4a(b"SECRETPHONE").replace(b"udta", b"free").replace(b"SECRETPHONE", bytes(11))


REFUSED = {
    "file-empty": lambda: b"",
    "file-kind-unknown": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "file-kind-unknown ": lambda: b"MZ" + uploads.paper(),  # a program first, a paper behind it
    "file-broken": lambda: uploads.photo()[:2000],
    "file-broken ": lambda: uploads.ogg()[:-1] + b"x",
    "file-broken  ": lambda: uploads.m4a().replace(b"soun", b"vide"),
    "picture-too-large": uploads.png_bomb,
    "file-too-heavy": lambda: uploads.paper(bomb=400_000_000),
    "file-heic": lambda: b"\0\0\0\x18ftypheic" + bytes(100),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_taken_is_refused_by_a_sentence_and_leaves_nothing(
    desk: FenghuoProcess, code: str
) -> None:
    incident = opened(desk)
    answer = put(desk, "Li", incident, REFUSED[code](), "harmless.jpg")
    assert (answer.status_code, answer.json()["type"]) == (422, code.strip())
    assert answer.json()["detail"] not in ("", code.strip())
    assert shown(desk, incident) == []


def test_every_reason_to_refuse_a_file_has_a_sentence_in_both_languages() -> None:
    for code in CODES:
        assert sentence(code, "zh") != code != sentence(code, "en") != sentence(code, "zh")


def test_the_same_upload_again_does_nothing_twice_and_gets_the_first_answer(desk: FenghuoProcess) -> None:
    incident, ids = opened(desk), {"attachment_id": new_id(), "command_id": new_id()}
    data = uploads.photo()
    first, again = (put(desk, "Li", incident, data, **ids).json() for _ in range(2))
    assert again == {**first, "replayed": True}
    assert len(shown(desk, incident)) == 1
    other = put(desk, "Li", incident, uploads.wav(), **ids)
    assert (other.status_code, other.json()["type"]) == (409, "attachment-exists")


def test_who_may_not_see_the_incident_finds_no_attachment_and_can_add_none(desk: FenghuoProcess) -> None:
    incident = opened(desk)
    assert put(desk, "Li", incident, uploads.photo()).status_code == 200
    (one,) = shown(desk, incident)
    assert put(desk, "Qin", incident, uploads.photo()).status_code == 404
    assert put(desk, "Zhao", incident, uploads.photo()).status_code == 403
    for tail in ("", "/preview"):
        path = f"/api/v1/incidents/{incident}/attachments/{one['attachment_id']}{tail}"
        assert desk.phone("Qin").get(path).status_code == 404
        assert desk.phone("Wu").get(path).status_code == 200
        assert desk.phone(None).get(path).status_code == 401
    theirs = opened(desk, "Qin", place={"division": "130321"}, known_by="130321")
    taken = {"incident_id": theirs, "attachment_id": one["attachment_id"], "file_name": "x.jpg"}
    assert desk.tell("Qin", "add-attachment", taken).json()["type"] == "no-such-upload"


def test_an_attachment_is_struck_out_and_stays(desk: FenghuoProcess) -> None:
    incident = opened(desk)
    put(desk, "Li", incident, uploads.photo())
    (one,) = shown(desk, incident)
    strike = {"incident_id": incident, "attachment_id": one["attachment_id"], "reason": "传错"}
    assert desk.tell("Li", "strike-attachment", strike).status_code == 200
    assert shown(desk, incident)[0]["struck"] is True
    assert fetched(desk, incident, one).status_code == 200


def _raw(desk: FenghuoProcess, incident: str, length: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", desk.port), timeout=20)
    line.sendall(
        f"PUT /api/v1/incidents/{incident}/attachments/{new_id()}?command_id={new_id()}&file_name=a.jpg "
        f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {desk.tokens['Li']}\r\n{length}\r\n\r\n".encode()
    )
    return line


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 4 * 1024**3])
def test_what_is_announced_as_too_large_is_refused_before_it_is_read(desk: FenghuoProcess, size: int) -> None:
    with _raw(desk, opened(desk), f"Content-Length: {size}") as line:
        answer = b""
        while piece := line.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"file-too-large" in answer
    assert sentence("file-too-large", "zh", most=MOST_BYTES // 1024 // 1024).encode() in answer


def test_a_stream_without_an_end_is_cut_off_early_and_costs_little_memory(desk: FenghuoProcess) -> None:
    def memory() -> int:
        assert desk.process is not None
        status = Path(f"/proc/{desk.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    before, sent, answer = memory(), 0, b""
    piece = b"%x\r\n" % (1024 * 1024) + b"\xff\xd8\xff" + bytes(1024 * 1024 - 3) + b"\r\n"
    with _raw(desk, opened(desk), "Transfer-Encoding: chunked") as line:
        try:
            while sent < 4 * 1024**3:
                line.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        try:
            answer = line.recv(4096)
        except OSError:
            pass
    assert sent < 2 * MOST_BYTES + 16 * 1024 * 1024, "it was let go on"
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert memory() - before < 64 * 1024 * 1024
    assert desk.phone("Li").get("/readyz").status_code == 200


def test_an_upload_whose_line_is_cut_leaves_its_place_and_is_no_bug(own_desk: FenghuoProcess) -> None:
    """A tablet's network goes in the middle of a photo, as often as one person may send at once."""
    desk, incident = own_desk, opened(own_desk)
    for _ in range(4):
        with _raw(desk, incident, f"Content-Length: {1024 * 1024}") as line:
            line.sendall(b"\xff\xd8\xff" + bytes(100_000))
    wait_until(lambda: put(desk, "Li", incident, uploads.photo()).status_code == 200, within=10)
    assert len(shown(desk, incident)) == 1
    assert "a bug" not in desk.log


def test_verify_names_an_attachment_that_was_altered_and_it_is_not_served_whole(
    own_desk: FenghuoProcess,
) -> None:
    desk, incident = own_desk, opened(own_desk)
    put(desk, "Li", incident, uploads.photo())
    (one,) = shown(desk, incident)
    database = database_of(desk)
    try:
        assert verify(database).faults == []
        changed = PIECE_TABLE.update().where(PIECE_TABLE.c.sha256 == one["sha256"]).values(bytes=b"other")
        with database.writing() as connection:
            connection.execute(changed)
        faults = verify(database).faults
        assert [fault.split(":")[0] for fault in faults] == ["attachment"]
        assert one["attachment_id"] in faults[0]
        with pytest.raises(httpx2.TransportError):
            fetched(desk, incident, one)
        with database.writing() as connection:
            connection.execute(text("DELETE FROM attachment_piece"))
        assert len(verify(database).faults) == 2, "the file and its preview"
    finally:
        database.close()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\Windows\\a.exe", "a.jpg"),
        ("a\x00\r\nb.png", "a b.jpg"),
        ("...", "附件.jpg"),
        ("x" * 500, "x" * 100 + ".jpg"),
        ('a";filename="b.html', "afilename=b.jpg"),
    ],
)
def test_a_name_is_only_a_name(said: str, kept: str) -> None:
    assert plain_name(said, "image/jpeg") == kept
