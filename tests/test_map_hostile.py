"""Files of places that mean harm or are merely odd: none stops the desk, none comes out as a formula."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from schemas.map_layers import LayerKind
from server.domain.geo import metres_to
from server.domain.map_import import Unreadable, read
from server.screens.layer_files import FORMS

ABOUT = dict.fromkeys(("layer_id", "version", "kind", "title", "source", "approval", "as_of", "unit"), "")


def geojson(text: str, kind: LayerKind = LayerKind.SHELTER, datum: str = "cgcs2000") -> Any:
    return read(text.encode(), "geojson", kind, datum)


def point(coordinates: str, properties: str = '{"name": "甲"}', form: str = '"Point"') -> str:
    where = f'{{"type": {form}, "coordinates": {coordinates}}}'
    return f'{{"type": "Feature", "geometry": {where}, "properties": {properties}}}'


@pytest.mark.parametrize("nested", ["Placemark", "Polygon", "Folder"])
def test_elements_within_elements_are_refused_before_each_is_read_again_for_each(nested: str):
    deep = 300_000 // len(nested)
    inside = f"<{nested}>" * deep + "<coordinates>1,2 2,3 3,4 1,2</coordinates>" + f"</{nested}>" * deep
    began = time.process_time()
    with pytest.raises(Unreadable) as refused:
        read(f"<kml><Placemark>{inside}</Placemark></kml>".encode(), "kml", LayerKind.AREA, "cgcs2000")
    assert refused.value.code == "too_deep"
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (point(f"[1{'0' * 400}, 39.9]"), "off_earth"),
        (point("[1e999, 39.9]"), "off_earth"),
        (point("[NaN, 39.9]"), "no_coordinates"),
        (point("[true, 39.9]"), "no_coordinates"),
        (point("[119, 39.9]", form="[]"), "wrong_geometry"),
        (point("[119, 39.9]", form="{}"), "wrong_geometry"),
        (point("[119, 39.9]", form='"\\ud800"'), "wrong_geometry"),
    ],
)
def test_numbers_and_words_that_are_none_are_a_fault_of_their_row(said: str, code: str):
    (fault,) = geojson(said).faults
    assert fault.code == code
    json.dumps(fault.values, ensure_ascii=False).encode()  # and it can be said


def test_half_a_character_is_no_text_that_could_not_be_kept():
    (one,) = geojson(
        point("[119, 39.9]", '{"name": "甲\\ud800", "\\udfff": "x", "note": "\\ud83d\\ude00"}')
    ).features
    assert one["properties"]["name"] == "甲"
    assert one["properties"]["note"] == "😀", "a whole one stays"
    for form in FORMS.values():
        assert form.write(ABOUT, [one])


def test_what_a_feature_says_of_its_place_beside_its_geometry_is_not_kept_and_moves_nothing():
    """A table of the layer would have two columns of the name; in another datum they are 500 m apart."""
    (one,) = geojson(
        point("[119.6, 39.93]", '{"name": "甲", "lng": 119.0, "纬度": 38, "geometry": "x"}')
    ).features
    assert one["geometry"]["coordinates"] == [119.6, 39.93]
    table = FORMS["csv"].write(ABOUT, [one])
    (again,) = read(table, "csv", LayerKind.SHELTER, "cgcs2000").features
    assert again["geometry"] == one["geometry"]
    two = "name,lon,lat,经度\n甲,119.6,39.93,1\n".encode()
    with pytest.raises(Unreadable) as refused:
        read(two, "csv", LayerKind.SHELTER, "cgcs2000")
    assert refused.value.code == "column_twice"


def test_no_cell_of_a_table_is_a_formula_neither_below_nor_as_the_name_of_a_column():
    said = {"name": "=1+1", "=cmd|' /C calc'!A0": "x", "phone": "+86 335 1", "note": "＝1", "a": " \t@SUM(1)"}
    (one,) = geojson(point("[119, 39.9]", json.dumps(said))).features
    table = FORMS["csv"].write(ABOUT, [one]).decode("utf-8-sig")
    cells = [cell.strip('"') for line in table.splitlines() for cell in line.split(",")]
    assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "＝"))] == []
    (again,) = read(table.encode(), "csv", LayerKind.SHELTER, "cgcs2000").features
    said = {name: text.strip() for name, text in one["properties"].items()}
    assert again["properties"] == said, "and it is read as what it was"


def test_a_table_whose_degrees_have_underscores_is_not_read_as_something_else():
    (fault,) = read("name,lon,lat\n甲,11_9.6,39.9\n".encode(), "csv", LayerKind.SHELTER, "cgcs2000").faults
    assert (fault.column, fault.code) == ("lon", "no_number")


def test_from_a_place_to_a_line_beyond_the_180th_meridian_is_the_short_way():
    line = {"type": "LineString", "coordinates": [[-179.9, 10.0], [-179.8, 10.0]]}
    assert 21_000 < metres_to(line, (179.9, 10.0)) < 22_500
