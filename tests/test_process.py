"""The product as a process: it starts from nothing, keeps what it acknowledged, and says when it cannot."""

from __future__ import annotations

from tests import words
from tests.conftest import PEOPLE
from tests.product import FenghuoProcess


async def test_what_a_county_logs_is_on_the_citys_screen_and_not_on_another_countys(desk: FenghuoProcess):
    body = words.open_incident()
    async with desk.listen("Wu") as city, desk.listen("Qin") as neighbour:
        answer = desk.tell("Li", "open-incident", body)
        assert answer.status_code == 200
        entry = await city.entry()
        assert entry["incident_id"] == body["incident_id"]
        assert entry["offset"] == city.welcome["head"] + 1
        assert (await neighbour.next("beat"))["head"] == neighbour.welcome["head"]
    assert desk.ask("Wu", f"incidents/{body['incident_id']}")["title"] == body["title"]
    with desk.client("Qin") as client:
        assert client.get(f"/api/v1/incidents/{body['incident_id']}").status_code == 404


async def test_a_desk_that_is_killed_comes_back_with_all_it_acknowledged(own_desk: FenghuoProcess):
    told = [words.open_incident(title=f"{number}号路段积水") for number in range(5)]
    for body in told:
        assert own_desk.tell("Wu", "open-incident", body).status_code == 200
    own_desk.kill9()
    own_desk.start()
    async with own_desk.listen("Wu", {"after": 0}) as live:
        entries = await live.entries(live.welcome["head"])
    assert [entry["offset"] for entry in entries] == list(range(1, len(entries) + 1))
    opened = [entry["incident_id"] for entry in entries if entry["event"]["type"] == "incident_opened"]
    assert opened == [body["incident_id"] for body in told]
    assert own_desk.fenghuo("verify").stdout.startswith("ok: ")


def test_everyone_at_the_desk_may_ask_and_a_stranger_may_not(desk: FenghuoProcess):
    for name, _post, _unit in PEOPLE:
        with desk.client(name) as client:
            assert client.get("/api/v1/incidents").status_code == 200, name
    with desk.client() as stranger:
        assert stranger.get("/api/v1/incidents").status_code == 401


def test_an_empty_folder_becomes_a_desk_with_nobody_in_it(empty_desk: FenghuoProcess):
    empty_desk.start()
    with empty_desk.client() as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/healthz").status_code == 200
    empty_desk.add_person("Wu", "duty_officer", "130300")  # beside the running desk
    said = empty_desk.ask("Wu", "log")["entries"]
    assert {entry["by"] for entry in said} == {"fenghuo"}, "only the desk itself: which rules it goes by"


def test_a_desk_stops_when_it_is_told_to_and_starts_again(own_desk: FenghuoProcess):
    before = own_desk.ask("Wu", "log")
    own_desk.stop()
    own_desk.start()
    assert own_desk.ask("Wu", "log") == before
