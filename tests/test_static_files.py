"""The browser's files: small on their way, and the same when they arrive."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from server.screens.static_files import FOLDER, STATIC_PATH
from tests.room import Room


@pytest.mark.parametrize("name", ["app.css", "desk.js"])
def test_a_file_that_never_changes_travels_packed_and_is_the_same(one_room: Room, name: str) -> None:
    for asked, packed in (("gzip, br", True), ("identity", False)):
        with one_room.client.stream(
            "GET", f"{STATIC_PATH}/{name}", headers={"Accept-Encoding": asked}
        ) as answer:
            raw = b"".join(answer.iter_raw())
        assert (answer.headers.get("content-encoding") == "gzip") is packed
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (gzip.decompress(raw) if packed else raw) == (FOLDER / name).read_bytes()


def test_under_its_plain_address_and_in_part_a_file_is_not_packed(one_room: Room) -> None:
    plain = one_room.client.get("/static/app.css", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    part = one_room.client.get(
        f"{STATIC_PATH}/app.css", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"}
    )
    assert (part.status_code, part.content) == (206, (FOLDER / "app.css").read_bytes()[:10])
    assert one_room.client.get(f"{STATIC_PATH}/none.css").status_code == 404


@pytest.mark.parametrize(
    ("asked", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("br", False)],
)
def test_what_cannot_unpack_gets_it_as_it_is(one_room: Room, asked: str, packed: bool) -> None:
    answer = one_room.client.get(f"{STATIC_PATH}/app.css", headers={"Accept-Encoding": asked})
    assert (answer.headers.get("content-encoding") == "gzip") is packed


def test_a_large_page_travels_packed_unless_its_address_says_anything(one_room: Room) -> None:
    def got(path: str, encoding: str) -> tuple[str | None, bytes]:
        request = one_room.client.build_request(
            "GET",
            path,
            headers={"Authorization": f"Bearer {one_room.tokens['Wu']}", "Accept-Encoding": encoding},
        )
        answer = one_room.client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
        answer.close()
        assert answer.status_code == 200
        assert "Accept-Encoding" in answer.headers["vary"]
        assert int(answer.headers["content-length"]) == len(raw)
        return answer.headers.get("content-encoding"), raw

    plain, html = got("/roster", "identity")
    assert plain is None
    assert len(html) > 16 * 1024, "or nothing is shown"
    packed, raw = got("/roster", "gzip")
    assert packed == "gzip"
    assert len(raw) < len(html) / 3
    assert b"</html>" in gzip.decompress(raw)
    packed, raw = got("/roster", "gzip, deflate, br, zstd")
    assert packed == "zstd"
    assert zstandard.ZstdDecompressor().decompress(raw) == html
    assert got("/roster", "zstd;q=0, gzip")[0] == "gzip"
    assert got("/roster", "br")[0] is None
    assert got("/roster?month=2026-11", "zstd, gzip")[0] is None, (
        "words of a stranger are not packed with the desk's"
    )
