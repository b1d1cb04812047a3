"""Layers that an operator brings in: read row by row, seen by whom they are for, taken out again."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from schemas.map_layers import LayerKind
from server.domain.geo import distance_m, to_gcj02
from server.domain.map_import import MOST_FEATURES, Unreadable, read
from server.migrations import HERE
from server.record.layer_deeds import DEED
from server.safekeeping.verify import verify, verify_in
from tests import words
from tests.deeds import opened
from tests.room import Room
from tests.words import Body, new_id

SHELTERS = """名称,经度,纬度,联系人,电话,容量
第一中学,119.59,39.94,王某,0335-1111111,800
体育场,119.60,39.95,,,3000
"""
SQUARE = [[118.8, 39.8], [119.0, 39.8], [119.0, 40.0], [118.8, 40.0], [118.8, 39.8]]


def shelters(text: str, datum: str = "cgcs2000") -> Any:
    return read(text.encode(), "csv", LayerKind.SHELTER, datum)


def faults(text: str) -> list[tuple[int, str | None, str]]:
    return [(one.row, one.column, one.code) for one in shelters(text).faults]


def test_a_table_is_read_by_its_chinese_columns_in_any_encoding_and_with_any_mark():
    for raw in (
        SHELTERS.encode(),
        ("\ufeff" + SHELTERS).encode(),
        SHELTERS.encode("gb18030"),
        SHELTERS.replace(",", ";").encode(),
        SHELTERS.replace(",", "\t").replace("\n", "\r\n").encode(),
    ):
        found = read(raw, "csv", LayerKind.SHELTER, "cgcs2000")
        assert not found.faults
        first, second = found.features
        assert first["geometry"] == {"type": "Point", "coordinates": [119.59, 39.94]}
        assert first["properties"]["phone"] == "0335-1111111"
        assert first["properties"]["容量" if "容量" in first["properties"] else "capacity"] == "800"
        assert "phone" not in second["properties"], "an empty cell says nothing"


def test_every_wrong_row_is_named_by_its_line_its_column_and_the_reason():
    said = (
        "名称,经度,纬度\n好,119.5,39.9\n无纬度,119.5,\n字,abc,39.9\n反,39.9,119.5\n"
        "远,190,39.9\n,119.5,39.9\n多,119.5,39.9,x\n\n末,119.5,39.9\n"
    )
    assert faults(said) == [
        (3, "lat", "empty"),
        (4, "lon", "no_number"),
        (5, "coordinates", "swapped"),
        (6, "coordinates", "off_earth"),
        (7, "name", "no_name"),
        (8, None, "too_many_cells"),
    ]
    assert [one["properties"]["name"] for one in shelters(said).features] == ["好", "末"]


@pytest.mark.parametrize(
    ("raw", "form", "code"),
    [
        (b"", "csv", "no_column"),
        ("名称,经度\n甲,119\n".encode(), "csv", "no_column"),
        ("名称,经度,纬度\n".encode(), "csv", "no_rows"),
        (b"{", "geojson", "no_json"),
        (b"[" * 200_000, "geojson", "no_json"),
        (b'{"type": "Topology"}', "geojson", "no_features"),
        (b"<kml><Placemark>", "kml", "no_xml"),
        (b'<!DOCTYPE k [<!ENTITY a "aaaa">]><kml>&a;</kml>', "kml", "doctype"),
        (b"\xff\xff\xff", "csv", "no_text"),
        (b"lon,lat,name\n" + b"119,39,x\n" * (MOST_FEATURES + 1), "csv", "too_many_rows"),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(raw: bytes, form: str, code: str):
    with pytest.raises(Unreadable) as refused:
        read(raw, form, LayerKind.SHELTER, "cgcs2000")
    assert refused.value.code == code


def test_what_comes_in_gcj02_is_kept_in_cgcs2000():
    here = (119.6, 39.93)
    lon, lat = to_gcj02(*here)
    (one,) = shelters(f"name,lon,lat\n甲,{lon!r},{lat!r}\n", "gcj02").features
    assert distance_m(here, tuple(one["geometry"]["coordinates"])) < 0.02
    (raw,) = shelters(f"name,lon,lat\n甲,{lon!r},{lat!r}\n").features
    assert distance_m(here, tuple(raw["geometry"]["coordinates"])) > 400, "what is not said is not turned"


def test_an_outline_is_made_of_areas_whose_rings_are_closed():
    points = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [119, 39]}, "properties": {}}
    bowl = {"type": "Polygon", "coordinates": [SQUARE[:4]]}
    area = {"type": "Feature", "geometry": bowl, "properties": {"name": "甲县", "gb": 156130324}}
    thin = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [SQUARE[:2]]},
        "properties": {"name": "乙"},
    }
    said = {
        "type": "FeatureCollection",
        "features": [points, area, thin, {"type": "Feature", "geometry": None}],
    }
    found = read(json.dumps(said).encode(), "geojson", LayerKind.OUTLINE, "cgcs2000")
    (one,) = found.features
    assert one["geometry"]["coordinates"][0] == SQUARE
    assert one["properties"] == {"name": "甲县", "division": "130324"}
    assert [(bad.row, bad.code) for bad in found.faults] == [
        (1, "wrong_geometry"),
        (3, "short_ring"),
        (4, "no_geometry"),
    ]


def test_a_placemark_is_read_with_what_stands_beside_it():
    said = (
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        "<Placemark><name>甲库</name><ExtendedData><Data name='电话'><value>139</value></Data></ExtendedData>"
        "<Point><coordinates>119.5,39.9,12</coordinates></Point></Placemark>"
        "<Placemark><name>乙</name><Point><coordinates>x,39.9</coordinates></Point></Placemark>"
        "</Document></kml>"
    )
    found = read(said.encode(), "kml", LayerKind.DEPOT, "cgcs2000")
    (one,) = found.features
    assert (one["properties"]["name"], one["properties"]["phone"]) == ("甲库", "139")
    assert [(bad.row, bad.column, bad.code) for bad in found.faults] == [(2, "coordinates", "no_number")]


# ---------------------------------------------------------------- at a desk


def put(room: Room, who: str, raw: str | bytes, layer_id: str | None = None, **said: Any) -> Any:
    query = {"kind": "shelter", "title": "避难场所", "source": "市局 2026", **said}
    path = f"map/layers/{layer_id or new_id()}"
    raw = raw.encode() if isinstance(raw, str) else raw
    return room.request(who, "PUT", path, params=query, content=raw)


def titles(room: Room, who: str) -> set[str]:
    return {one["title"] for one in room.ask(who, "map/layers")["layers"]}


def test_a_layer_is_seen_by_its_unit_those_above_and_where_said_those_below(own_room: Room):
    room = own_room
    for who, title, below in (
        ("Wu", "市内部", False), ("Wu", "全市公用", True), ("Li", "卢龙", True), ("He", "x", True),
    ):  # fmt: skip
        answer = put(room, who, SHELTERS, title=title, below=str(below).lower())
        assert answer.status_code == (403 if who == "He" else 200), answer.text
    assert titles(room, "Wu") == {"市内部", "全市公用", "卢龙"}
    assert titles(room, "Li") == titles(room, "Tian") == {"全市公用", "卢龙"}
    assert titles(room, "Qin") == titles(room, "He") == {"全市公用"}
    (lulong,) = [one for one in room.ask("Li", "map/layers")["layers"] if one["title"] == "卢龙"]
    path = f"map/layers/{lulong['layer_id']}"
    assert room.get("Li", path).json()["source"] == "市局 2026"
    for method in ("GET", "DELETE"):
        assert room.request("Qin", method, path).status_code == 404
    assert room.request("Wu", "DELETE", path).status_code == 403, "seen, and not the city's to remove"
    assert put(room, "Wu", SHELTERS, layer_id=lulong["layer_id"]).status_code == 409
    found = room.ask("Qin", "map/around", lon=119.59, lat=39.94, m=3000)["things"]
    assert {one["layer_id"] for one in found}.isdisjoint({lulong["layer_id"]})
    assert room.request("Li", "DELETE", path).status_code == 204
    assert "卢龙" not in titles(room, "Wu")


def test_a_file_is_taken_whole_or_not_at_all_unless_it_is_said_otherwise(room: Room):
    bad = SHELTERS + "坏,x,39.9\n"
    answer = put(room, "Wu", bad, title="坏的").json()
    assert (answer["kept"], answer["rows"], answer["faulty"]) == (False, 3, 1)
    assert answer["faults"] == [{"row": 4, "column": "lon", "detail": "“x”不是数字"}]
    assert put(room, "Wu", SHELTERS, title="坏的", look="true").json()["kept"] is False
    assert "坏的" not in titles(room, "Wu")
    one = new_id()
    assert put(room, "Wu", bad, layer_id=one, title="坏的", without_faulty="true").json()["version"] == 1
    assert put(room, "Wu", SHELTERS, layer_id=one, title="好的").json()["version"] == 2
    assert "坏的" not in titles(room, "Wu"), "the newest version counts"
    assert len(room.get("Wu", f"map/layers/{one}").json()["features"]) == 2


def test_no_outline_without_a_source_and_an_approval_number(room: Room):
    area = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
        "properties": {"name": "甲"},
    }
    raw = json.dumps(area)
    for said in ({"approval": ""}, {"approval": "随便"}, {"approval": "冀S(2024)001号", "source": " "}):
        answer = put(room, "Wu", raw, kind="outline", **said)
        assert (answer.status_code, answer.json()["type"]) == (422, "bad-query"), said
    for number in ("GS(2024)0650号", "冀S（2023）012号", "国审字(2021)第5632号"):
        assert put(room, "Wu", raw, kind="outline", title=f"界线{number}", approval=number).status_code == 200
        (one,) = [one for one in room.ask("Wu", "map/layers")["layers"] if one["title"] == f"界线{number}"]
        assert one["approval"] == number


def test_what_was_taken_out_can_be_brought_in_again(room: Room):
    one = new_id()
    assert put(room, "Wu", SHELTERS, layer_id=one).status_code == 200
    first = room.get("Wu", f"map/layers/{one}").json()["features"]
    for form in ("geojson", "kml", "csv"):
        file = room.get("Wu", f"map/layers/{one}", format=form).content
        again = read(file, form, LayerKind.SHELTER, "cgcs2000")
        assert not again.faults
        assert [
            (f["geometry"], f["properties"]["name"], f["properties"].get("phone")) for f in again.features
        ] == [(f["geometry"], f["properties"]["name"], f["properties"].get("phone")) for f in first], form


def test_what_lies_within_is_named_with_its_distance_and_its_phone(own_room: Room):
    room = own_room
    assert put(room, "Wu", SHELTERS).status_code == 200
    area = {"type": "Polygon", "coordinates": [[[119.5, 39.9], [119.7, 39.9], [119.7, 40.0], [119.5, 40.0]]]}
    outline = {"type": "Feature", "geometry": area, "properties": {"name": "市", "division": "130300"}}
    assert put(room, "Wu", json.dumps(outline), kind="outline", approval="冀S(2024)001号").status_code == 200
    shift: Body = {
        "shift_id": new_id(), "starts_at": room.clock.ago(hours=1), "ends_at": room.clock.ago(hours=-8),
        "posts": [{"post": "shift_leader", "name": "Gao", "phone": "13900000001"}],
    }  # fmt: skip
    room.told("Wu", "plan-shifts", {"unit": "130300", "shifts": [shift]})
    one = opened(room, place={"division": "130302", "lon": 119.592, "lat": 39.941})
    for who, lon in (("Gao", 119.58), ("Wu", 119.9)):
        room.told(who, "report-position", words.report_position(one, at=room.clock.ago(), lon=lon, lat=39.94))
    found = room.ask("Wu", "map/around", lon=119.59, lat=39.94, m=1500)
    assert [
        (thing["kind"], thing["name"], thing["phone"], thing["distance_m"]) for thing in found["things"]
    ] == [
        ("shelter", "第一中学", "0335-1111111", 0),
        ("incident", "卢龙县城关一处厂房起火", None, 204),
        ("person", "Gao", "13900000001", 853),
        ("shelter", "体育场", None, 1401),
    ]
    (desk,) = found["desks"]
    assert desk["people"] == [{"post": "值班长", "name": "Gao", "phone": "13900000001"}]
    assert not room.ask("Qin", "map/around", lon=119.59, lat=39.94, m=1500)["things"], "nor is it counted"
    assert room.get("Wu", "map/around", lon="x", lat=39).status_code == 422
    assert room.get("Wu", "map/around", lon=119, lat=99).status_code == 422


def test_no_more_of_the_layers_is_remembered_than_has_room(own_room: Room, monkeypatch: Any):
    layers = own_room.parts.map_layers
    for number in range(3):
        assert put(own_room, "Wu", SHELTERS, title=str(number)).status_code == 200
    first = layers.features(layers.seen_by("130300")[0]["layer_id"], 1)
    size = layers._kept_bytes
    assert size > 0
    monkeypatch.setattr("server.record.map_layers.KEPT_BYTES", size * 2)
    for _round in range(2):
        for one in layers.seen_by("130300"):
            assert layers.features(one["layer_id"], 1) == first
            assert layers._kept_bytes <= size * 2
    assert len(layers._kept) == 2


#: What somebody at the database may do, the trigger or not, and what a verification says to it.
TAMPERED = (
    ("UPDATE map_layer SET title = 'x' WHERE version = 2", "version 2 is not what was brought in"),
    ("UPDATE map_layer SET below = NOT below WHERE version = 1", "version 1 is not what was brought in"),
    ("UPDATE map_layer SET removed_at = NULL, removed_by = NULL", "version 1 is not what was brought in"),
    ("UPDATE map_layer SET removed_by = 'Gao' WHERE version = 2", "version 2 is not what was brought in"),
    ("UPDATE map_layer SET features = :other WHERE version = 1", "what is in it is not what was brought in"),
    ("DELETE FROM map_layer WHERE version = 1", "version 1 is gone"),
    ("UPDATE map_layer SET version = 3 WHERE version = 1", "version 3: nobody brought it in"),
    ("UPDATE map_layer_deed SET body = :other WHERE n = 1", "breaks at change 1"),
    ("UPDATE map_layer_deed SET chain_sm3 = :other WHERE n = 2", "breaks at change 2"),
    ("DELETE FROM map_layer_deed WHERE n = 1", "breaks at change 1"),
    ("DELETE FROM map_layer_deed WHERE n = 3", "breaks at change 3"),
    ("DELETE FROM map_layer_deed WHERE n = 4", "version 1: nobody brought it in"),
)


def test_whoever_alters_a_layer_behind_the_desks_back_is_found_out(own_room: Room):
    room, one = own_room, new_id()
    for title in ("一", "二"):
        assert put(room, "Wu", SHELTERS, layer_id=one, title=title).status_code == 200
    assert room.request("Wu", "DELETE", f"map/layers/{one}").status_code == 204
    assert put(room, "Wu", SHELTERS, title="三").status_code == 200
    database = room.parts.database
    found = verify(database)
    assert (found.faults, found.layers) == ([], 4)
    guards = "map_layer_deed_no_update", "map_layer_deed_no_delete"
    for said, fault in TAMPERED:
        with database.engine.connect() as connection, connection.begin() as undone:
            if "map_layer_deed" in said:
                with pytest.raises(DBAPIError, match="append-only"), connection.begin_nested():
                    connection.execute(text(said), {"other": b"{}"} if ":other" in said else {})
                for guard in guards if database.is_sqlite else ():
                    connection.execute(text(f"DROP TRIGGER {guard}"))
                if not database.is_sqlite:
                    connection.execute(text("ALTER TABLE map_layer_deed DISABLE TRIGGER USER"))
            values = {"other": zlib.compress(b"[]")} if ":other" in said else {}
            connection.execute(text(said).bindparams(**values))
            faults = verify_in(connection).faults
            assert any(fault in told for told in faults), (said, faults)
            assert ("trigger" in str(faults)) == ("map_layer_deed" in said), faults
            undone.rollback()
    assert verify(database).faults == []
    config = Config()
    config.set_main_option("script_location", str(HERE))
    with database.writing() as connection:
        said = connection.execute(select(DEED).order_by(DEED.c.n)).all()
        config.attributes["connection"] = connection
        command.downgrade(config, "0019")
        command.upgrade(config, "head")
        again = connection.execute(select(DEED).order_by(DEED.c.n)).all()
    assert sorted(one.body for one in again) == sorted(one.body for one in said), "as they stand"
    assert verify(database).faults == []
