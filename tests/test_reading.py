"""Reading (contract 4): lists, one incident, the log, what is owed, and the on-time rate."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from schemas.terms import Level
from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import new_id


def listed(room: Room, who: str = "Wu", **query: Any) -> list[str]:
    """The ids of a list, page by page."""
    found: list[str] = []
    after = None
    while True:
        page = room.ask(who, "incidents", **query, **({"after": after} if after else {}))
        found += [incident["id"] for incident in page["incidents"]]
        after = page["next"]
        if after is None:
            return found


@pytest.fixture(scope="module")
def few(room: Room) -> dict[str, str]:
    """Some incidents of different kinds, by name; each a minute after the one before."""
    made: dict[str, str] = {}

    def open_one(name: str, **over: Any) -> None:
        made[name] = opened(room, **over)
        room.clock.pass_by(minutes=1)

    open_one("fire", title="100%_起火\\", category="fire_accident")
    open_one("leak", title="氨气泄漏", category="hazmat/leak", facts={"dead": 3})
    open_one("blast", title="Explosion IN Factory", category="hazmat/blast", facts={"dead": 11})
    open_one("drill", title="演练", category="hazmat", drill=True)
    open_one("flood", title="洪水", category="flood", place={"division": "130321109", "text": "青龙河上游"})
    open_one("bare", title="不明情况", category=None, place=None, source=None)
    open_one("closed", title="已办结")
    room.told("Wu", "close-incident", words.close_incident(made["closed"]))
    open_one("merged", title="重复报")
    room.told("Wu", "merge-incident", {"incident_id": made["merged"], "into": made["fire"]})
    room.told("Wu", "judge-level", words.judge_level(made["leak"], "major", scale="final"))
    return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "bare flood drill blast leak fire"),
        ({"state": "open"}, "bare flood drill blast leak fire"),
        ({"state": "closed"}, "merged closed"),
        ({"state": "all"}, "merged closed bare flood drill blast leak fire"),
        ({"category": "hazmat"}, "drill blast leak"),
        ({"category": "hazmat/leak"}, "leak"),
        ({"category": "haz"}, None),
        ({"drill": "true"}, "drill"),
        ({"drill": "false"}, "bare flood blast leak fire"),
        ({"level": "major"}, "blast leak"),
        ({"level": "larger"}, ""),
        ({"unit": "130321"}, "flood"),
        ({"unit": "130321109"}, "flood"),
        ({"unit": "130324", "category": "hazmat", "drill": "0"}, "blast leak"),
        ({"unit": "130300"}, "bare flood drill blast leak fire"),
        ({"unit": "000000"}, ""),
        ({"q": "explosion in"}, "blast"),
        ({"q": "青龙河"}, "flood"),
        ({"q": "100%_起火\\"}, "fire"),
        ({"q": "%"}, "fire"),
        ({"q": "_"}, "fire"),
        ({"q": "ll-2026-d0001"}, "drill"),
        ({"q": "没有这个"}, ""),
        (
            dict.fromkeys(["level", "unit", "category", "q", "after", "drill"], ""),
            "bare flood drill blast leak fire",
        ),
    ],
)  # fmt: skip
def test_a_list_holds_what_was_asked_for_newest_first(
    room: Room, few: dict[str, str], query: dict[str, str], names: str | None
) -> None:
    if names is None:
        refused(room.get("Wu", "incidents", **query), 422, "bad-query", "?category")
        return
    assert listed(room, **query) == [few[name] for name in names.split()]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
def test_a_list_comes_in_pages_without_a_hole_or_a_double(
    room: Room, few: dict[str, str], limit: int
) -> None:
    whole = listed(room, state="all", limit=1000)
    assert listed(room, state="all", limit=limit) == whole
    assert len(whole) == len(few)


def test_a_page_goes_on_where_it_was_though_new_ones_come(room: Room, few: dict[str, str]) -> None:
    first = room.ask("Qin", "incidents", state="all", limit=1)
    assert first["next"] is None
    before = listed(room, state="all")
    page = room.ask("Wu", "incidents", state="all", limit=3)
    fresh = opened(room, title="中途新报")
    rest = listed(room, state="all", after=page["next"])
    assert [one["id"] for one in page["incidents"]] + rest == before
    assert fresh not in rest
    room.told("Wu", "close-incident", words.close_incident(fresh))
    room.told("Wu", "merge-incident", {"incident_id": fresh, "into": few["fire"]})


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("incidents", {"state": "lost"}, "state"), ("incidents", {"level": "一般"}, "level"),
        ("incidents", {"drill": "maybe"}, "drill"), ("incidents", {"limit": "0"}, "limit"),
        ("incidents", {"limit": "1001"}, "limit"), ("incidents", {"limit": "-1"}, "limit"),
        ("incidents", {"limit": "ten"}, "limit"), ("incidents", {"limit": "１"}, "limit"),
        ("incidents", {"limit": "9" * 30}, "limit"), ("incidents", {"order": "title"}, "order"),
        ("incidents", {"q": "a\x00b"}, "q"), ("incidents", {"unit": "\x00"}, "unit"),
        *[("incidents", {"after": cursor}, "after") for cursor in (
            "x", "AAAA", "雾", "=", _cursor("a|b"), _cursor("2026-01-01T00:00:00|x"), _cursor("no bar"),
            _cursor("0001-01-01T00:00:00+23:59|x"), _cursor("2026-01-01T00:00:00+00:00|\x00"),
            _cursor("a|b|c"),
        )],
        ("log", {"after": "-1"}, "after"), ("log", {"after": "9" * 20}, "after"),
        ("log", {"after": "1.5"}, "after"), ("log", {"limit": "5000"}, "limit"),
        ("log", {"stream": "130321"}, "stream"),
        ("obligations", {"standing": "late"}, "standing"), ("obligations", {"after": "x"}, "after"),
        ("obligations", {"after": _cursor("|\x00")}, "after"),
        ("obligations", {"incident": "x"}, "incident"),
        ("statistics/one-hour", {"from": "2026-13-01"}, "from"),
        ("statistics/one-hour", {"to": "today"}, "to"),
        ("statistics/one-hour", {"from": "2026-W10-1"}, "from"),
        ("statistics/one-hour", {"from": "20260301"}, "from"),
        ("statistics/one-hour", {"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ("statistics/one-hour", {"scope": "official"}, "scope"),
        ("statistics/one-hour", {"level": "major"}, "level"),
    ],
)  # fmt: skip
def test_a_question_that_means_nothing_is_refused_by_name(
    room: Room, path: str, query: dict[str, str], name: str
) -> None:
    refused(room.get("Wu", path, **query), 422, "bad-query", f"?{name}")


def test_what_is_not_there_is_404_whatever_the_id_looks_like(room: Room) -> None:
    for wrong in (new_id(), "1", "%00", "..%2f..", "雾", "x" * 3000, "0" * 36, "{0}"):
        refused(room.request("Wu", "GET", f"incidents/{wrong}"), 404, "not-found")


# ---------------------------------------------------------------- one incident


def test_an_incident_tells_everything_about_itself(room: Room) -> None:
    facts = {"dead": 1, "missing": None}
    body = words.open_incident(category="hazmat/leak", facts=facts, discovered_at=words.at("08:10"))
    one = body["incident_id"]
    room.told("Li", "open-incident", body)
    behalf = {"name": "周队长", "channel": "radio"}
    room.told("Li", "add-entry", words.add_entry(one, "泡沫覆盖", words="已覆盖", on_behalf_of=behalf))
    room.told("Li", "establish-facts", words.establish_facts(one, "09:00", dead=2, known_by="UNIT"))
    report = words.record_report(one)
    room.told("Wu", "record-report", report)
    room.told("Wu", "record-receipt", words.record_receipt(one, report["report_id"], evidence="传真"))
    room.told("Wu", "explain-breach", {"incident_id": one, "cause": "slow_approval", "text": "等签字"})
    unknown = {"incident_id": one, "cause": "fog", "text": ""}
    refused(room.tell("Wu", "explain-breach", unknown), 422, "no-such-cause", "/cause")
    shown = room.ask("Wu", f"incidents/{one}")
    assert (shown["title"], shown["unit"], shown["opened_by"]) == (body["title"], "130324", "Li")
    assert shown["place"] == {"unit": "130324", "division": "130324", "text": "卢龙县卢龙镇永平大街"}
    assert shown["facts"] == {"dead": 2, "missing": None}
    history = [(said["facts"], said["known_by"], said["in_chain"]) for said in shown["fact_history"]]
    assert history == [({"dead": 2}, "UNIT", False), (facts, "130324", True)]
    assert shown["discovered_at"] == "2026-03-02T00:10:00.000Z"
    assert shown["units"] == ["130324", "130300"]
    assert shown["breach_causes"] == [{"cause": "slow_approval", "text": "等签字", "by": "Wu"}]
    sent = shown["reports"][0]
    assert (sent["received_by"], sent["evidence"]) == ("省厅值班员 钱", "传真")
    kinds = [entry["event"]["type"] for entry in shown["entries"]]
    assert kinds[0] == "incident_opened"
    assert kinds.count("entry_added") == 1
    line = next(entry for entry in shown["entries"] if entry["event"]["type"] == "entry_added")
    assert (line["words"], line["on_behalf_of"], line["post"]) == ("已覆盖", behalf, "duty_officer")
    first = room.ask("Wu", "log", after=shown["entries"][0]["offset"] - 1, limit=1)["entries"][0]
    assert first == {name: shown["entries"][0][name] for name in first}, "the same entry as in the stream"
    in_list = next(one for one in room.ask("Wu", "incidents")["incidents"] if one["id"] == shown["id"])
    assert {name: shown[name] for name in in_list if name != "obligations"} == {
        name: value for name, value in in_list.items() if name != "obligations"
    }


# ---------------------------------------------------------------- the log


def test_the_log_is_the_stream_in_pages(room: Room) -> None:
    whole = room.stream("Wu")
    assert [entry["offset"] for entry in whole] == list(range(1, len(whole) + 1))
    page = room.ask("Wu", "log", after=3, limit=2)
    assert page["entries"] == whole[3:5]
    assert (page["stream"], page["head"]) == ("130300", len(whole))
    assert room.ask("Wu", "log", after=len(whole))["entries"] == []
    assert room.ask("Wu", "log", after=len(whole) + 1000)["entries"] == []
    assert all(entry["type"] == "entry" for entry in whole)
    moments = [entry["recorded_at"] for entry in whole]
    assert moments == sorted(moments), "the time of recording never falls"


# ---------------------------------------------------------------- what is owed


def test_what_is_owed_comes_in_pages_with_what_is_due_first(own_room: Room) -> None:
    room = own_room
    for number in range(4):
        opened(
            room,
            category="flood",
            facts={"dead": 1},
            occurred_at=room.clock.ago(minutes=number),
            known_at=room.clock.ago(),
        )
    whole = room.ask("Wu", "obligations")["obligations"]
    due = [owed["due_at"] or "9" for owed in whole]
    assert due == sorted(due)
    assert len(whole) > 8
    assert len({owed["id"] for owed in whole}) == len(whole)
    for limit in (1, 3, len(whole)):
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = room.ask("Wu", "obligations", limit=limit, **after)
            found += page["obligations"]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == whole, limit


# ---------------------------------------------------------------- the rate


def major(room: Room, occurred: str, received: str | None, **over: Any) -> str:
    """An incident of 重大, final too, that occurred then and was reported then."""
    final = over.pop("final", "major")
    said = {"category": "mine", "occurred_at": occurred, "known_at": occurred, "facts": {"dead": 12}}
    one = opened(room, **{**said, **over})
    if received is not None:
        report = words.record_report(one, sent_at=occurred)
        room.told("Wu", "record-report", report)
        room.told(
            "Wu", "record-receipt", words.record_receipt(one, report["report_id"], received_at=received)
        )
    if final:
        room.told(
            "Wu", "judge-level", words.judge_level(one, final, scale="final", judged_at=room.clock.ago())
        )
    return one


def rate(room: Room, first: str, last: str, who: str = "Wu", **query: str) -> dict[str, Any]:
    found: dict[str, Any] = room.ask(who, "statistics/one-hour", **{"from": first, "to": last}, **query)
    return found


def test_the_rate_counts_incidents_by_the_day_in_beijing_on_which_their_hour_began(own_room: Room) -> None:
    room = own_room
    midnight = major(room, "2026-05-01T00:00:00+08:00", "2026-05-01T00:59:00+08:00")
    last = major(room, "2026-05-31T23:59:59.999+08:00", "2026-06-01T01:30:00+08:00")
    before = major(room, "2026-04-30T23:59:59.999+08:00", "2026-05-01T00:10:00+08:00")
    after = major(room, "2026-05-31T16:00:00Z", None)
    may = rate(room, "2026-05-01", "2026-05-31")
    assert set(may["incidents"]) == {midnight, last}
    assert (may["numerator"], may["denominator"], may["rate"]) == (1, 2, 0.5)
    assert rate(room, "2026-04-30", "2026-04-30")["incidents"] == [before]
    june = rate(room, "2026-06-01", "2026-06-01")
    assert (june["incidents"], june["rate"]) == ([after], 0.0), "no report at all is a failure"
    assert rate(room, "2026-05-02", "2026-05-30")["rate"] is None
    assert rate(room, "0001-01-01", "9999-12-31")["denominator"] == 4
    assert june["as_of"] == "2026-11-23T06:05:00.000Z"


def test_the_rate_leaves_out_what_does_not_count(spare_room: Room) -> None:
    room = spare_room
    day = "2026-05-05T08:00:00+08:00"
    counted = major(room, day, "2026-05-05T08:30:00+08:00")
    especially = major(room, day, None, final="especially_major")
    lower = major(room, day, "2026-05-05T08:30:00+08:00", final="larger")
    unjudged = major(room, day, "2026-05-05T08:30:00+08:00", final=None)
    drill = major(room, day, "2026-05-05T09:30:00+08:00", drill=True)
    false = major(room, day, None)
    room.told("Wu", "close-incident", words.close_incident(false, outcome="false_alarm"))
    elsewhere = major(room, day, None)
    room.told("Wu", "close-incident", words.close_incident(elsewhere, outcome="outside_jurisdiction"))
    duplicate = major(room, day, None)
    room.told("Wu", "merge-incident", {"incident_id": duplicate, "into": counted})
    concealed = major(room, day, None, final="major")
    hidden = {"incident_id": concealed, "concealed_by": "矿方", "basis": "", "declared_at": room.clock.ago()}
    room.told("Wu", "declare-concealed", hidden)
    final = rate(room, "2026-05-05", "2026-05-05")
    assert set(final["incidents"]) == {counted, especially, concealed}
    assert (final["numerator"], final["denominator"]) == (1, 3)
    initial = rate(room, "2026-05-05", "2026-05-05", scope="initial")
    assert set(initial["incidents"]) == {counted, especially, concealed, lower, unjudged}
    assert (initial["numerator"], initial["denominator"]) == (3, 5)
    drills = rate(room, "2026-05-05", "2026-05-05", scope="drill")
    assert (drills["incidents"], drills["numerator"]) == ([drill], 0)


def test_an_incident_judged_major_only_at_the_end_counts_as_not_reported(spare_room: Room) -> None:
    one = major(spare_room, "2026-05-05T08:00:00+08:00", None, category="flood")
    found = rate(spare_room, "2026-05-05", "2026-05-05")
    assert (found["incidents"], found["rate"]) == ([one], 0.0)
    assert rate(spare_room, "2026-05-05", "2026-05-05", scope="initial")["incidents"] == []
    assert spare_room.ask("Wu", f"incidents/{one}")["one_hour"]["result"] == "fail"


def test_without_days_the_rate_is_of_this_month(spare_room: Room) -> None:
    room = spare_room
    one = major(room, "2026-11-01T00:00:00+08:00", None)
    major(room, "2026-10-31T23:59:00+08:00", None)
    assert room.ask("Wu", "statistics/one-hour")["incidents"] == [one]


def test_with_one_day_only_the_rate_is_up_to_it_or_from_it(spare_room: Room) -> None:
    room = spare_room
    march, may = (major(room, f"2026-0{month}-03T08:00:00+08:00", None) for month in (3, 5))
    assert room.ask("Wu", "statistics/one-hour", to="2026-05-20")["incidents"] == [may]
    assert room.ask("Wu", "statistics/one-hour", **{"from": "2026-03-03"})["incidents"] == [march, may]
    assert room.ask("Wu", "statistics/one-hour", **{"from": "2027-01-01"})["incidents"] == []


def test_a_report_still_in_time_is_running_and_no_success_yet(spare_room: Room) -> None:
    room = spare_room
    one = major(room, room.clock.ago(minutes=59), None)
    figure = room.ask("Wu", f"incidents/{one}")["one_hour"]
    assert (figure["result"], figure["phone"]["result"], figure["end"]) == ("running", "fail", None)
    room.clock.pass_by(minutes=1)
    assert room.ask("Wu", f"incidents/{one}")["one_hour"]["result"] == "running", "sixty minutes are in time"
    room.clock.pass_by(seconds=0.001)
    assert room.ask("Wu", f"incidents/{one}")["one_hour"]["result"] == "fail"


def test_every_level_can_be_asked_for(room: Room) -> None:
    for level in Level:
        assert room.get("Wu", "incidents", level=level).status_code == 200
