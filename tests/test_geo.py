"""Places on the earth: distances, what lies within, and the shifted datum there and back."""

from __future__ import annotations

import random

import pytest

from server.domain import geo

QINHUANGDAO = (119.6, 39.93)


def test_the_shift_is_that_of_the_commercial_maps():
    lon, lat = geo.to_gcj02(116.404, 39.915)
    assert (lon, lat) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-12)
    assert geo.to_gcj02(139.7, 35.7) == (139.7, 35.7), "nothing is shifted outside the country's box"


def test_there_and_back_stays_within_a_centimetre_all_over_the_city():
    chance = random.Random(35649)
    shifts, worst = [], 0.0
    for _ in range(4000):
        here = (chance.uniform(118.5, 120), chance.uniform(39.3, 40.7))
        there = geo.to_gcj02(*here)
        shifts.append(geo.distance_m(here, there))
        worst = max(worst, geo.distance_m(here, geo.from_gcj02(*there)))
    assert worst < 0.01
    assert 450 < min(shifts) <= max(shifts) < 600, "so far off it would be drawn"


def test_a_degree_is_as_long_as_it_is():
    assert geo.distance_m((119, 39), (119, 40)) == pytest.approx(111_195, rel=1e-4)
    assert geo.distance_m((119, 40), (120, 40)) == pytest.approx(85_180, rel=1e-3)
    assert geo.distance_m(QINHUANGDAO, QINHUANGDAO) == 0


RING = [[119.0, 39.0], [119.2, 39.0], [119.2, 39.2], [119.0, 39.2], [119.0, 39.0]]
HOLE = [[119.08, 39.08], [119.12, 39.08], [119.12, 39.12], [119.08, 39.12], [119.08, 39.08]]
AREA = {"type": "Polygon", "coordinates": [RING, HOLE]}


def test_inside_an_area_is_inside_its_ring_and_in_no_hole():
    assert geo.contains(AREA, (119.05, 39.05))
    assert not geo.contains(AREA, (119.1, 39.1)), "in the hole"
    assert not geo.contains(AREA, (119.3, 39.1))
    assert geo.contains({"type": "MultiPolygon", "coordinates": [[RING]]}, (119.1, 39.1))
    assert not geo.contains({"type": "LineString", "coordinates": RING}, (119.05, 39.0))


@pytest.mark.parametrize(
    ("geometry", "here", "metres"),
    [
        (AREA, (119.05, 39.05), 0),
        (AREA, (119.1, 39.1), 1726),  # in the hole: to its nearest edge
        (AREA, (119.1, 39.21), 1112),
        ({"type": "LineString", "coordinates": [[119.0, 39.0], [119.2, 39.0]]}, (119.1, 39.01), 1112),
        ({"type": "LineString", "coordinates": [[119.0, 39.0], [119.1, 39.0]]}, (119.2, 39.0), 8642),
        ({"type": "MultiPoint", "coordinates": [[120.0, 39.0], [119.0, 39.01]]}, (119.0, 39.0), 1112),
        ({"type": "MultiLineString", "coordinates": [[[119.0, 39.01], [119.0, 39.02]]]}, (119.0, 39.0), 1112),
    ],
)
def test_how_far_away_the_nearest_part_of_it_is(geometry, here, metres):
    assert geo.metres_to(geometry, here) == pytest.approx(metres, abs=2)


def test_a_circle_is_a_closed_ring_at_its_radius():
    ring = geo.circle(QINHUANGDAO, 3000)
    assert ring[0] == ring[-1]
    assert all(abs(geo.distance_m(QINHUANGDAO, (lon, lat)) - 3000) < 12 for lon, lat in ring)
    assert geo.contains({"type": "Polygon", "coordinates": [ring]}, QINHUANGDAO)


def test_a_geometry_is_turned_point_by_point():
    turned = geo.turned(AREA, geo.to_gcj02)
    assert turned["coordinates"][1][0] == [round(one, 7) for one in geo.to_gcj02(119.08, 39.08)]
    assert geo.box_of([AREA]) == (119.0, 39.0, 119.2, 39.2)
    assert geo.meets(AREA, (119.1, 39.1, 120, 40))
    assert not geo.meets(AREA, (119.21, 39.1, 120, 40))
    assert geo.box_of([]) is None
