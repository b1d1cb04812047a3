"""The operator's base maps: what the file may say, what is fetched and kept, and that no key gets out."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from schemas.map_sources import MapBook
from server.config.map_file import BadMapFile, default_map, load_map_or_keep, parse_map
from server.outward import tiles as tiles_module
from server.outward.pmtiles import BadTiles, TileFile, tile_id
from server.outward.tiles import Tiles
from tests.room import Room

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
WMTS = "https://t0.example.cn/vec_c/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"


def book(folder: Path, **over: Any) -> MapBook:
    key = folder / "key"
    key.write_text("SECRETKEY\n")
    source = {
        "id": "vec", "name": "矢量", "url": WMTS, "key": {"file": str(key)}, "matrix": "c",
        "datum": "cgcs2000", "approval": "GS(2024)0568号", **over,
    }  # fmt: skip
    source = {name: value for name, value in source.items() if value is not ...}
    return MapBook.model_validate({"home": [118.5, 39.3, 119.95, 40.65], "sources": [source]})


class Host:
    """A host of tiles in the test: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: httpx2.Response | Exception = httpx2.Response(200, content=PNG)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx2.Response(self.answer.status_code, content=self.answer.content)

    def tiles(self, made: MapBook, folder: Path | None) -> Tiles:
        return Tiles(made, folder, httpx2.MockTransport(self))


async def test_a_tile_is_fetched_with_the_key_once_and_kept(tmp_path: Path):
    made, host = book(tmp_path), Host()
    for _process in range(2):
        tiles = host.tiles(made, tmp_path / "tiles")
        for _look in range(3):
            tile = await tiles.tile(made.sources[0], 9, 425, 71)
            assert tile is not None
            assert (tile.body, tile.media_type, tile.is_old) == (PNG, "image/png", False)
    assert host.asked == ["https://t0.example.cn/vec_c/wmts?TILEMATRIX=9&TILEROW=71&TILECOL=425&tk=SECRETKEY"]
    kept = [path for path in (tmp_path / "tiles").rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert "SECRETKEY" not in str(kept[0])


async def test_an_old_tile_is_fetched_anew_and_given_as_it_was_when_the_host_is_away(tmp_path: Path):
    made, host = book(tmp_path, keep_days=1), Host()
    tiles = host.tiles(made, tmp_path / "tiles")
    await tiles.tile(made.sources[0], 3, 1, 2)
    (kept,) = [path for path in (tmp_path / "tiles").rglob("*") if path.is_file()]
    os.utime(kept, (time.time() - 2 * 86_400,) * 2)
    for answer in (
        httpx2.ConnectError("SECRETKEY"),
        httpx2.Response(403),
        httpx2.Response(200, content=b"<html>"),
    ):
        host.answer = answer
        old = await host.tiles(made, tmp_path / "tiles").tile(made.sources[0], 3, 1, 2)
        assert old is not None
        assert (old.body, old.is_old) == (PNG, True), answer
        assert await host.tiles(made, tmp_path / "tiles").tile(made.sources[0], 3, 7, 7) is None
    silent = host.tiles(made, tmp_path / "tiles")
    host.answer = httpx2.ConnectError("")
    for _look in range(2):  # the second asks nobody, and what is given is as old
        assert (old := await silent.tile(made.sources[0], 3, 1, 2)) is not None
        assert old.is_old
    host.answer = httpx2.Response(200, content=PNG + b"2")
    fresh = await tiles.tile(made.sources[0], 3, 1, 2)
    assert fresh is not None
    assert fresh.body == PNG + b"2"


async def test_what_lies_outside_a_maps_levels_is_not_asked_of_its_host(tmp_path: Path):
    for matrix, levels in (
        ("c", {4, 5, 6}),
        ("w", {3, 4, 5}),
    ):  # `c` counts from one
        made, host = book(tmp_path, matrix=matrix, min_zoom=3, max_zoom=5), Host()
        tiles = host.tiles(made, None)
        given = {z for z in range(12) if await tiles.tile(made.sources[0], z, 0, 0) is not None}
        assert given == levels
        assert len(host.asked) == 3


async def test_what_another_process_removed_meanwhile_does_not_cost_the_tile(
    tmp_path: Path, monkeypatch: Any
):
    made, host = book(tmp_path).model_copy(update={"cache_mb": 1}), Host()
    monkeypatch.setattr(tiles_module, "LOOK_EVERY", 1)
    monkeypatch.setattr(Path, "is_file", lambda path: path.suffix != ".d" and not path.is_dir())
    gone = tmp_path / "tiles" / "gone"
    gone.parent.mkdir()
    gone.symlink_to(tmp_path / "nothing")  # listed, and then not there
    assert await host.tiles(made, tmp_path / "tiles").tile(made.sources[0], 9, 1, 0) is not None


async def test_what_is_kept_stays_below_its_limit_the_oldest_goes_first(tmp_path: Path, monkeypatch: Any):
    made, host = book(tmp_path).model_copy(update={"cache_mb": 1}), Host()
    monkeypatch.setattr(tiles_module, "LOOK_EVERY", 10)
    host.answer = httpx2.Response(200, content=PNG + b"x" * 200_000)
    tiles = host.tiles(made, tmp_path / "tiles")
    for x in range(10):
        await tiles.tile(made.sources[0], 9, x, 0)
        (newest,) = (tmp_path / "tiles").rglob(f"9/{x}/0")
        os.utime(newest, (1_000_000 + x,) * 2)
    kept = sorted(int(path.parent.name) for path in (tmp_path / "tiles").rglob("*") if path.is_file())
    assert sum(1 for _one in kept) * 200_000 <= 1024 * 1024
    assert 0 not in kept
    nothing = host.tiles(made.model_copy(update={"cache_mb": 0}), tmp_path / "none")
    assert await nothing.tile(made.sources[0], 9, 1, 1) is not None
    assert not (tmp_path / "none").exists()


def test_the_file_is_refused_by_line_and_reason(tmp_path: Path):
    assert default_map().sources == []
    (tmp_path / "key").write_text("k")
    good = (
        "home: [118.5, 39.3, 119.95, 40.65]\nsources:\n  - id: vec\n    name: 矢量\n"
        f"    url: {WMTS}\n    key: {{file: {tmp_path}/key}}\n"
        "    datum: cgcs2000\n    approval: GS(2024)0568号\n"
    )
    assert parse_map(good, "map.yaml").sources[0].matrix == "w"
    for before, after, line, words in (
        ("    approval: GS(2024)0568号\n", "", 3, "approval"),
        ("datum: cgcs2000", "datum: bd09", 7, "gcj02"),
        ("{z}", "7", 3, "{z}"),
        ("https://", "http://", 5, "private address"),
        ("tk={key}", "tk=k", 3, "belong together"),
        ("/key}", "/nowhere}", 6, "cannot be read"),
        ("[118.5,", "[120.5,", 1, "west, south"),
        ("id: vec", "id: vec\n    labels: [cva]", 4, "over: true"),
    ):
        with pytest.raises(BadMapFile) as bad:
            parse_map(good.replace(before, after, 1), "map.yaml")
        assert (bad.value.line, words in bad.value.reason) == (line, True), (before, bad.value)
    path, kept = tmp_path / "map.yaml", tmp_path / "kept.json"
    path.write_text(good, encoding="utf-8")
    assert len(load_map_or_keep(tmp_path, kept)[0].sources) == 1
    path.write_text("home: 1", encoding="utf-8")
    book_, problems = load_map_or_keep(tmp_path, kept)
    assert len(book_.sources) == len(problems) == 1, "what was good last stays in force"
    assert "SECRET" not in kept.read_text()


def number(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def pmtiles(tiles: dict[tuple[int, int, int], bytes], kind: int = 2) -> bytes:
    """A file as the specification wants it: root directory, one leaf, tiles."""
    ids = sorted((tile_id(*one), body) for one, body in tiles.items())
    last, columns = 0, [number(len(ids)), b"", b"", b"", b""]
    for at, (id_, body) in enumerate(ids):
        columns[1] += number(id_ - last)
        columns[2] += number(1)
        columns[3] += number(len(body))
        columns[4] += number(1 if at == 0 else 0)  # each lies behind the one before
        last = id_
    leaf = gzip.compress(b"".join(columns))
    root = gzip.compress(number(1) + number(ids[0][0]) + number(0) + number(len(leaf)) + number(1))
    head = bytearray(127)
    head[:8] = b"PMTiles\x03"
    data = b"".join(body for _id, body in ids)
    leaves, body = 127 + len(root), 127 + len(root) + len(leaf)
    places = {8: 127, 16: len(root), 40: leaves, 48: len(leaf), 56: body, 64: len(data)}
    for at, value in places.items():
        head[at : at + 8] = value.to_bytes(8, "little")
    head[97], head[98], head[99] = 2, 1, kind
    return bytes(head) + root + leaf + data


def test_a_file_of_tiles_is_read_by_its_directories(tmp_path: Path):
    assert [tile_id(*one) for one in ((0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0), (2, 0, 0))] == [
        0, 1, 2, 3, 4, 5,
    ]  # fmt: skip
    assert tile_id(12, 3423, 1763) == 19078479, "the example of the specification"
    wanted = {
        (z, x, y): PNG + repr((z, x, y)).encode()
        for z, x, y in ((1, 0, 1), (3, 5, 2), (3, 7, 7), (9, 425, 71))
    }
    file = tmp_path / "city.pmtiles"
    file.write_bytes(pmtiles(wanted))
    tiles = TileFile(file)
    for place, body in wanted.items():
        assert tiles.tile(*place) == (body, "image/png")
    assert tiles.tile(3, 0, 0) is None
    assert tiles.tile(0, 0, 0) is None
    file.write_bytes(pmtiles(wanted, kind=1))
    with pytest.raises(BadTiles, match="no pictures"):
        tiles.tile(1, 0, 1)


def test_a_browser_gets_tiles_from_this_server_and_neither_host_nor_key(spare_room: Room, tmp_path: Path):
    room = spare_room
    file = tmp_path / "city.pmtiles"
    file.write_bytes(pmtiles({(3, 5, 2): PNG}))
    made = book(tmp_path)
    both = made.model_copy(
        update={
            "sources": [*made.sources, *book(tmp_path, id="file", url=..., key=..., file=str(file)).sources]
        }
    )
    host = Host()
    room.parts.map_book, room.parts.tiles = both, host.tiles(both, tmp_path / "tiles")
    about = room.request("Wu", "GET", "/map/about")
    assert [one["approval"] for one in about.json()["sources"]] == ["GS(2024)0568号"] * 2
    assert "example.cn" not in about.text
    assert str(tmp_path) not in about.text
    assert room.request("Wu", "GET", "/map/tiles/vec/9/425/71").content == PNG
    answer = room.request("Li", "GET", "/map/tiles/file/3/5/2")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    for path in ("file/3/5/3", "vec/3/8/0", "vec/30/0/0", "nothing/3/5/2"):
        assert room.request("Wu", "GET", f"/map/tiles/{path}").status_code == 404
    assert room.request(None, "GET", "/map/tiles/file/3/5/2", follow_redirects=False).status_code in (
        303,
        401,
    )
    host.answer = httpx2.Response(500)
    gone = room.request("Wu", "GET", "/map/tiles/vec/9/1/1")
    assert gone.status_code == 404
    assert "SECRETKEY" not in gone.text
