"""Feeds for other programs: OGC API Features and CAP, by the same sight as everything else."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from server.screens.cap_feed import ATOM, CAP
from tests import words
from tests.deeds import opened
from tests.room import Room

OGC = "feeds/ogc"
HERE = {"division": "130324", "text": "柳河湾 <&>", "lon": 118.87, "lat": 39.89}


def items(room: Room, who: str, name: str = "incidents", **query: Any) -> dict[str, Any]:
    return dict(room.ask(who, f"{OGC}/collections/{name}/items", **query))


def ids(room: Room, who: str, name: str = "incidents", **query: Any) -> set[str]:
    return {one["id"] for one in items(room, who, name, **query)["features"]}


def test_the_next_page_is_of_the_same_time_and_a_box_may_go_over_the_180th_meridian(own_room: Room):
    room = own_room
    made = {opened(room, place={**HERE, "lon": lon}) for lon in (179.5, -179.5, 118.8)}
    span = "2020-01-01T00:00:00+08:00/.."
    page = items(room, "Wu", limit=1, datetime=span, bbox="118,39,119,40")
    assert (page["numberMatched"], page["numberReturned"]) == (1, 1)
    page = items(room, "Wu", limit=2, datetime=span)
    (following,) = (one["href"] for one in page["links"] if one["rel"] == "next")
    rest = room.request("Wu", "GET", following.removeprefix("http://127.0.0.1:8000"))
    assert rest.status_code == 200, rest.text
    assert {one["id"] for one in [*page["features"], *rest.json()["features"]]} == made
    assert len(ids(room, "Wu", bbox="179,39,-179,40")) == 2


def test_a_gis_finds_its_way_from_the_first_page_to_every_feature(own_room: Room):
    room = own_room
    made = {opened(room, place={**HERE, "lon": 118.5 + n / 10}) for n in range(5)}
    first = room.ask("Wu", OGC)
    for rel in ("self", "service-desc", "conformance", "data"):
        (link,) = [one for one in first["links"] if one["rel"] == rel]
        assert (
            room.client.get(
                link["href"], headers={"Authorization": f"Bearer {room.tokens['Wu']}"}
            ).status_code
            == 200
        )
    conforms = room.ask("Wu", f"{OGC}/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in conforms
    names = [one["id"] for one in room.ask("Wu", f"{OGC}/collections")["collections"]]
    assert names == ["incidents", "positions", "drawings"]
    found: set[str] = set()
    page = items(room, "Wu", limit=2)
    while True:
        assert (page["type"], page["numberMatched"]) == ("FeatureCollection", 5)
        found |= {one["id"] for one in page["features"]}
        following = [one["href"] for one in page["links"] if one["rel"] == "next"]
        if not following:
            break
        page = room.request("Wu", "GET", following[0].removeprefix("http://127.0.0.1:8000")).json()
    assert found == made
    one = room.get("Wu", f"{OGC}/collections/incidents/items/{made.pop()}")
    assert (one.json()["type"], one.headers["content-type"]) == ("Feature", "application/geo+json")
    room.told("Song", "report-position", words.report_position(one.json()["id"], at=room.clock.ago()))
    (person,) = items(room, "Wu", "positions")["features"]
    path = f"{OGC}/collections/positions/items/{person['id']}"
    assert room.ask("Wu", path)["properties"]["person"] == "Song"
    assert room.get("Wu", f"{OGC}/collections/nothing/items").status_code == 404
    assert room.get("Wu", f"{OGC}/collections/incidents/items/nothing").status_code == 404


def test_features_are_narrowed_by_box_and_by_time(own_room: Room):
    room = own_room
    old = opened(room, place=HERE, known_at=room.clock.ago(hours=5), occurred_at=...)
    new = opened(room, place={**HERE, "lon": 119.6}, known_at=room.clock.ago(minutes=5), occurred_at=...)
    nowhere = opened(room, known_at=room.clock.ago(minutes=5), occurred_at=...)
    assert ids(room, "Wu") == {old, new, nowhere}
    assert ids(room, "Wu", bbox="118,39,119,40") == {old}
    assert ids(room, "Wu", bbox="118,39,0,120,40,0") == {old, new}
    hour = room.clock.ago(hours=1)
    assert ids(room, "Wu", datetime=f"{hour}/..") == {new, nowhere}
    assert ids(room, "Wu", datetime=f"../{hour}") == {old}
    assert ids(room, "Wu", datetime=room.clock.ago(hours=5)) == {old}
    for query in (
        {"bbox": "1,2,3"}, {"bbox": "a,b,c,d"}, {"bbox": "118,41,119,40"}, {"datetime": "yesterday"},
        {"datetime": f"{room.clock.ago()}/{hour}"}, {"limit": "0"}, {"limit": "x"}, {"colour": "red"},
    ):  # fmt: skip
        assert room.get("Wu", f"{OGC}/collections/incidents/items", **query).status_code == 400, query


def test_incidents_are_cap_alerts_of_restricted_scope_and_drills_are_exercises(own_room: Room):
    room = own_room
    real = opened(room, place=HERE, facts={"dead": 11}, title="爆炸 <&> \x07", category="hazmat")
    drill = opened(room, drill=True)
    answer = room.get("Wu", "feeds/cap")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    kinds = [one.text for one in feed.iter(f"{{{CAP}}}msgType")]
    assert kinds == ["Alert", "Alert"], "nothing has changed yet"
    assert not list(feed.iter(f"{{{CAP}}}references"))
    (first,) = [one.text for one in feed.iter(f"{{{CAP}}}identifier") if str(one.text).startswith(real)]
    room.clock.pass_by(minutes=5)
    room.told("Wu", "establish-facts", words.establish_facts(real, dead=12))
    feed = ElementTree.fromstring(room.get("Wu", "feeds/cap").content)
    (update,) = [one for one in feed.iter(f"{{{CAP}}}alert") if one.findtext(f"{{{CAP}}}msgType") == "Update"]
    assert f",{first}," in str(update.findtext(f"{{{CAP}}}references")), "a receiver knows what it replaces"
    assert update.findtext(f"{{{CAP}}}info/{{{CAP}}}expires") is not None
    feed = ElementTree.fromstring(answer.content)
    found = {}
    for entry in feed.iter(f"{{{ATOM}}}entry"):
        alert = entry.find(f"{{{ATOM}}}content/{{{CAP}}}alert")
        assert alert is not None
        found[alert.findtext(f"{{{CAP}}}incidents")] = alert
        assert [one.tag.partition("}")[2] for one in alert] == [
            "identifier", "sender", "sent", "status", "msgType", "scope", "restriction", "incidents", "info",
        ]  # fmt: skip
    assert set(found) == {real, drill}
    said = {one.tag.partition("}")[2]: one.text for one in found[real].iter()}
    assert (said["status"], said["severity"], said["category"]) == ("Actual", "Severe", "CBRNE")
    assert (said["circle"], said["headline"], said["scope"]) == ("39.89,118.87 0", "爆炸 <&> ", "Restricted")
    assert said["sent"] is not None
    assert said["sent"].endswith("+08:00")
    other = {one.tag.partition("}")[2]: one.text or "" for one in found[drill].iter()}
    assert (other["status"], other["headline"][:4]) == ("Exercise", "【演练】")


def test_of_two_departments_each_feed_has_what_is_shared_and_never_the_rest(own_room: Room):
    room = own_room
    shared, other = opened(room, place=HERE), opened(room, "Qin", place={**HERE, "division": "130321"})
    for one in (shared, other):
        room.told("Gao", "report-position", words.report_position(one, at=room.clock.ago(seconds=20)))
        room.told("Wu", "draw-on-map", words.draw_on_map(one))
    room.told("Wu", "share-incident", {"incident_id": shared, "with": ["130300-qx"]})
    assert ids(room, "Wu") == {shared, other}
    for who, sees, sees_not in (("He", shared, other), ("Qin", other, shared)):
        assert ids(room, who) == {sees}
        assert items(room, who)["numberMatched"] == 1, "nor is it counted"
        assert items(room, who, "drawings")["numberMatched"] == 1
        assert room.get(who, f"{OGC}/collections/incidents/items/{sees_not}").status_code == 404
        cap = room.get(who, "feeds/cap").text
        assert sees in cap
        assert sees_not not in cap


def test_a_feeds_token_reads_the_feeds_of_its_unit_and_nothing_else(own_room: Room):
    room = own_room
    ours, theirs = opened(room, "Li"), opened(room, "Qin", place={**HERE, "division": "130321"})
    room.tokens["gis"] = room.parts.people.add_feed("130324", "一张图")
    assert ids(room, "gis") == {ours}
    assert theirs not in room.get("gis", "feeds/cap").text
    for path in ("incidents", "map", "me", "log", f"map/replay/{ours}", "/", "/map"):
        assert room.get("gis", path).status_code == 403, path
    assert room.tell("gis", "add-entry", words.add_entry(ours, "x")).status_code == 403
    with pytest.raises(Exception, match="no unit"):
        room.parts.people.add_feed("999999", "x")
    assert room.parts.people.revoke_token(room.tokens["gis"])
    assert room.get("gis", "feeds/cap").status_code == 401
