"""A day of the duty log, bound: all of that day, numbered pages, signatures, the chain and its code."""

from __future__ import annotations

import io
import re
import struct
import zlib

import typst
import zxingcpp
from pypdf import PdfReader

from server.documents.book import qr_svg
from server.safekeeping.verify import verify
from tests import words
from tests.duty_deeds import a_busy_duty
from tests.room import Room
from tests.words import new_id

NAUGHTY = '#import "x" $x$ *a* <b> 你好'


def pages_of(room: Room, who: str = "Wu", **query: str) -> list[str]:
    answer = room.get(who, "/duty-log", **query)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "application/pdf"
    return [re.sub(r"\s", "", page.extract_text()) for page in PdfReader(io.BytesIO(answer.content)).pages]


def heads(text: str) -> list[str]:
    return re.findall(r"(?:SHA-256|SM3)([0-9a-f]{64})", text)


def test_the_book_has_every_entry_of_the_day_and_who_was_on_and_who_signed(own_room: Room) -> None:
    room = own_room
    a_busy_duty(room)
    body = words.open_incident(title=NAUGHTY, known_at=room.clock.ago(), occurred_at=...)
    room.told("Wu", "open-incident", body)
    entry = {"entry_id": new_id(), "kind": "call_in", "text": NAUGHTY, "happened_at": room.clock.ago(days=1)}
    room.told("Wu", "add-entry", {"incident_id": body["incident_id"], **entry})
    positions = [one["offset"] for one in room.stream("Wu")]
    pages = pages_of(room)
    text = "".join(pages)
    assert re.sub(r"\s", "", NAUGHTY) in text
    assert "11-2214:05" in text, "what happened on another day says which"
    for said in (
        "2026年11月23日",
        "当日未完",
        "值班长吴某",
        "带班领导王局",
        "交班Wu",
        "接班Wang",
        "带班领导：",
    ):
        assert said in text, said
    assert all(f"第{number}页共{len(pages)}页" in page for number, page in enumerate(pages, start=1))
    assert str(positions[-1]) in text
    found = verify(room.parts.database)
    assert found.head in heads(text)
    assert found.head_sm3 in heads(text)
    assert all(found.head[:16] in page for page in pages), "every page is under the head"


def test_a_day_that_is_over_never_changes_and_begins_where_the_one_before_ended(own_room: Room) -> None:
    room = own_room
    a_busy_duty(room)
    end_of_first = verify(room.parts.database).head
    room.clock.pass_by(hours=24)
    body = words.open_incident(known_at=room.clock.ago(), occurred_at=...)
    room.told("Wu", "open-incident", body)
    first = room.get("Wu", "/duty-log", day="2026-11-23").content
    second = "".join(pages_of(room))
    assert end_of_first in heads(second), "the chain when the second day began"
    assert body["title"] in second
    one = "".join(pages_of(room, day="2026-11-23"))
    assert "当日未完" not in one
    assert end_of_first in heads(one)
    assert body["title"] not in one
    room.told("Wu", "open-incident", words.open_incident(known_at=room.clock.ago(), occurred_at=...))
    assert room.get("Wu", "/duty-log", day="2026-11-23").content == first


def test_another_unit_has_a_book_of_its_own_and_nobody_has_tomorrows(spare_room: Room) -> None:
    room = spare_room
    body = words.open_incident(known_at=room.clock.ago(), occurred_at=...)
    room.told("Li", "open-incident", body)
    assert body["title"] in "".join(pages_of(room, "Li"))
    assert body["title"] not in "".join(pages_of(room, "Qin"))
    assert "当日没有记录" in "".join(pages_of(room, "Qin"))
    for day in ("2026-11-24", "x", "0001-01-01", "2026-13-01"):
        assert room.get("Wu", "/duty-log", day=day).status_code == 404


def test_the_head_in_a_countys_book_moves_with_its_own_entries_alone(spare_room: Room) -> None:
    """How much the others write is not theirs to know; what they have is under the head all the same."""
    room = spare_room
    room.told("Li", "open-incident", words.open_incident(known_at=room.clock.ago(), occurred_at=...))
    own = heads("".join(pages_of(room, "Li")))
    assert verify(room.parts.database).head in own
    elsewhere = words.open_incident(place={"division": "130321"}, known_by="130321", occurred_at=...)
    room.told("Qin", "open-incident", elsewhere)
    assert heads("".join(pages_of(room, "Li"))) == own
    assert verify(room.parts.database).head in heads("".join(pages_of(room, "Wu")))
    room.told("Li", "open-incident", words.open_incident(known_at=room.clock.ago(), occurred_at=...))
    assert heads("".join(pages_of(room, "Li"))) != own


def test_an_informers_name_is_not_in_the_book(spare_room: Room) -> None:
    room = spare_room
    source = {"channel": "tip", "name": "密告人", "phone": "13912345678"}
    room.told(
        "Wu", "open-incident", words.open_incident(source=source, known_at=room.clock.ago(), occurred_at=...)
    )
    text = "".join(pages_of(room))
    assert "密告人" not in text
    assert "13912345678" not in text


def test_the_printed_code_is_read_back_to_the_letter() -> None:
    said = "FENGHUO-DUTYLOG 1\nunit=130300\nsha256=" + "0f" * 32 + "\nsm3=" + "a5" * 32
    source = (
        b'#set page(width: 42mm, height: 42mm, margin: 0pt)\n#image(bytes(sys.inputs.code), format: "svg")'
    )
    made = typst.Compiler(source, sys_inputs={"code": qr_svg(said)}).compile(format="png", ppi=220)
    assert isinstance(made, bytes)
    assert [one.text for one in zxingcpp.read_barcodes(_grey(made))] == [said]


def _grey(png: bytes) -> memoryview:
    """The red of a PNG's pixels as rows of bytes: 8 bits, RGBA, as typst writes it."""
    width, height = struct.unpack(">II", png[16:24])
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, size = zlib.decompress(packed), width * 4
    above, rows = bytearray(size), bytearray()
    for row in range(height):
        kind, *line = raw[row * (size + 1) : (row + 1) * (size + 1)]
        for i in range(size):
            left = line[i - 4] if i >= 4 else 0
            corner = above[i - 4] if i >= 4 else 0
            guess = left + above[i] - corner
            nearest = min((left, above[i], corner), key=lambda one: abs(guess - one))
            line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, nearest)[kind]) & 0xFF
        above = bytearray(line)
        rows += above[0::4]
    return memoryview(bytes(rows)).cast("B", shape=[height, width])
