"""The wall as the server makes it: scenes that a desk arranges, what comes to the front, what panels say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from schemas.fields import parse_instant
from server.safekeeping.verify import verify
from server.screens import wall_scenes
from tests import words
from tests.deeds import refused
from tests.duty_deeds import CITY, LULONG, QINGLONG, happened, plan, shift, take_over
from tests.joint_deeds import asking, data, taking
from tests.joint_deeds import opened as opened_joint
from tests.room import Room
from tests.words import Body, new_id

HEADERS = {"Accept-Language": "zh"}


def scene(title: str = "防汛", main: str = "incidents", *side: str, **over: Any) -> Body:
    return {"scene_id": new_id(), "title": title, "main": main, "side": list(side), **over}


def arrange(room: Room, *scenes: Body, who: str = "Wu", unit: str = CITY) -> None:
    room.told(who, "arrange-wall", {"unit": unit, "scenes": list(scenes)})


def show(room: Room, chosen: Body | None, who: str = "Wu") -> None:
    room.told(who, "show-on-wall", {"unit": CITY, "scene_id": chosen and chosen["scene_id"]})


def opened(room: Room, who: str = "Wu", **over: Any) -> str:
    now = room.clock.ago()
    body = words.open_incident(**{"known_at": now, "occurred_at": now, **over})
    room.told(who, "open-incident", body)
    return str(body["incident_id"])


class Wall:
    """The wall of a person's unit, as it would be painted now."""

    def __init__(self, room: Room, who: str = "Wu") -> None:
        answer = room.request(who, "GET", "/wall/news", headers=HEADERS)
        assert answer.status_code == 200, answer.text
        self.html = str(answer.text)
        root = BeautifulSoup(self.html, "lxml").select_one("#wall")
        assert root is not None
        self.root = root
        self.scenes: list[dict[str, Any]] = json.loads(str(root["data-scenes"]))
        self.mode, self.now = root["data-mode"], root["data-scene"]

    def titles(self) -> list[str]:
        return [one["title"] for one in self.scenes]

    def panel(self, name: str) -> Tag:
        found = self.root.select_one(f'[data-panel="{name}"]')
        assert found is not None
        return found

    def place(self, name: str) -> str:
        return str(self.panel(name)["data-place"])

    def says(self, name: str) -> str:
        return " ".join(self.panel(name).get_text(" ").split())

    def tile(self, name: str) -> str:
        for one in self.panel("people").select(".tile"):
            if (label := one.select_one(".name")) is not None and label.get_text() == name:
                return " ".join(one.get_text(" ").split())
        raise AssertionError(name)


# --- scenes -----------------------------------------------------------------------------------------------


def test_a_desk_arranges_its_scenes_turns_to_one_and_the_log_says_so(own_room: Room) -> None:
    room = own_room
    flood, big = scene("防汛", "people", "forces", "warnings"), scene("大案", "incident", "news", seconds=60)
    assert Wall(room).titles() == ["平日"], "nothing is open, nothing is arranged"
    opened(room)
    assert Wall(room).titles() == ["总览", "处置"]
    arrange(room, flood, big)
    wall = Wall(room)
    assert (wall.titles(), wall.mode, wall.now) == (["防汛", "大案"], "rotate", flood["scene_id"])
    assert [one["seconds"] for one in wall.scenes] == [30, 60]
    assert [wall.place(one) for one in ("people", "forces", "warnings", "duty", "incidents")] == [
        "main", "side-1", "side-2", "foot-1", "off",
    ]  # fmt: skip
    show(room, big)
    assert (Wall(room).mode, Wall(room).now) == ("held", big["scene_id"])
    show(room, None)
    assert Wall(room).mode == "rotate"
    show(room, big)
    arrange(room, flood)
    assert (Wall(room).mode, Wall(room).now) == ("rotate", flood["scene_id"]), "what is gone does not stay"
    lines = [one["event"] for one in room.stream("Wu") if one["event"]["type"].startswith("wall_")]
    assert [one.get("title") for one in lines] == [None, "大案", None, "大案", None]
    assert happened(room, "wall_arranged", "Li") == [], "what hangs in a room is nobody else's"
    arrange(room, flood, big)
    assert Wall(room).mode == "rotate", "nor is it chosen when it comes again"
    arrange(room, flood)
    room.restart()
    assert Wall(room).titles() == ["防汛"]
    assert verify(room.parts.database).faults == []


def test_the_same_again_is_no_entry_and_nonsense_is_refused(spare_room: Room) -> None:
    room, one = spare_room, scene("一", "news", "people")
    arrange(room, one)
    arrange(room, one)
    assert len(happened(room, "wall_arranged")) == 1

    def told(*scenes: Body, who: str = "Wu", unit: str = CITY) -> Any:
        return room.tell(who, "arrange-wall", {"unit": unit, "scenes": list(scenes)})

    refused(told(one, one), 409, "scene-twice", "/scenes/1/scene_id")
    refused(told(scene("二", "news", "news")), 422, "panel-twice", "/scenes/0/side")
    refused(told(scene("二", "news", "people", "people")), 422, "panel-twice", "/scenes/0/side")
    refused(told(scene("二", "clock")), 422, "bad-body", "/scenes/0/main")
    refused(told(scene("二", "news", seconds=5)), 422, "bad-body", "/scenes/0/seconds")
    refused(told(one, who="Zhao"), 403, "not-your-post")
    refused(told(one, unit=LULONG), 403, "not-your-unit", "/unit")
    refused(told(one, who="Li"), 404, "no-such-unit", "/unit")
    turn = room.tell("Wu", "show-on-wall", {"unit": CITY, "scene_id": new_id()})
    refused(turn, 404, "no-such-scene", "/scene_id")


def test_the_page_of_the_scenes_is_for_the_desk_alone(one_room: Room) -> None:
    arrange(one_room, scene("<b>一</b>", "news"))
    page = one_room.get("Wu", "/wall/scenes")
    assert page.status_code == 200
    assert "&lt;b&gt;一&lt;/b&gt;" in page.text
    assert one_room.get("Zhao", "/wall/scenes").status_code == 403
    assert "一&lt;/b&gt;" not in one_room.get("Li", "/wall/scenes").text


# --- what comes to the front ------------------------------------------------------------------------------


def test_a_major_incident_comes_to_the_front_until_somebody_chooses_and_the_next_comes_again(
    spare_room: Room,
) -> None:
    room, mine = spare_room, scene("防汛", "people")
    arrange(room, mine)
    show(room, mine)
    one = opened(room, facts={"dead": 2})
    assert Wall(room).mode == "held", "an ordinary one does not take the wall"
    room.clock.pass_by(minutes=1)
    room.told("Wu", "establish-facts", words.establish_facts(one, known_at=room.clock.ago(), dead=12))
    wall = Wall(room)
    assert (wall.mode, wall.now, wall.titles()) == ("front", "front", ["重大事件", "防汛"])
    assert wall.panel("incident")["data-incident"] == one
    assert [wall.place(one) for one in ("incident", "map", "incidents")] == ["main", "side-1", "side-2"]
    room.clock.pass_by(minutes=1)
    show(room, mine)
    assert (Wall(room).mode, Wall(room).now) == ("held", mine["scene_id"])
    room.clock.pass_by(minutes=1)
    two = opened(room, facts={"dead": 31})
    wall = Wall(room)
    assert (wall.mode, wall.panel("incident")["data-incident"]) == ("front", two)
    room.told("Wu", "close-incident", words.close_incident(two, at=room.clock.ago(), outcome="handled"))
    assert Wall(room).mode == "held", "the choice was newer than the other one"


def test_a_breach_stands_in_front_for_ten_minutes(spare_room: Room) -> None:
    room = spare_room
    one = opened(room, who="Li", category="work_safety", facts={"dead": 3})
    owed = room.ask("Wu", f"incidents/{one}")["obligations"]
    due = min(parse_instant(each["due_at"]) for each in owed if each["due_at"])
    room.clock.pass_by(seconds=(due - room.clock.now()).total_seconds() - 1)
    assert Wall(room).mode == "rotate"
    room.clock.pass_by(seconds=1)
    wall = Wall(room)
    assert (wall.mode, wall.titles()[0]) == ("front", "报送超时")
    assert wall.panel("incident")["data-incident"] == one
    room.clock.pass_by(minutes=9, seconds=59)
    assert Wall(room).mode == "front"
    room.clock.pass_by(hours=3)
    assert Wall(room).titles()[0] != "报送超时"


def test_a_drill_never_takes_the_front_from_what_is_real_and_counts_for_nothing(spare_room: Room) -> None:
    room = spare_room
    opened(room, facts={"dead": 40, "injured": 9}, drill=True, title="演练堤坝")
    only = Wall(room)
    assert only.mode == "front"
    assert "is-drill" in only.root["class"]
    assert "40" in only.tile("死亡")
    opened(room, facts={"dead": 1}, title="真的火灾")
    both = Wall(room)
    assert both.mode == "rotate"
    assert "is-drill" not in both.root["class"]
    assert both.tile("死亡").startswith("死亡 1 ")
    assert "演练堤坝" not in both.says("command") + both.says("forces")
    (row,) = [one for one in both.panel("incidents").select(".wall-row") if "演练堤坝" in one.get_text()]
    assert "is-drill" in row["class"]
    assert row.select_one(".drill-mark") is not None


@pytest.mark.parametrize(
    ("main", "side", "seen"),
    [
        ("map", ("incidents", "people"), ("incidents", ("people",))),
        ("incident", ("map", "news"), ("news", ())),
        ("map", (), ("incidents", ())),
        ("map", ("duty",), ("incidents", ("duty",))),
    ],
)
def test_what_is_not_there_leaves_no_empty_place(
    main: str, side: tuple[str, ...], seen: tuple[str, tuple[str, ...]]
) -> None:
    wanted = wall_scenes.Scene("a", "", main, side, new_id(), 30)
    placed = wall_scenes._placed(wanted, known=(), largest=None, there={"map": False, "joint": False})
    assert (placed.main, placed.side, placed.incident_id) == (*seen, None)


def test_an_incident_that_is_closed_or_anothers_gives_way_to_the_most_serious(spare_room: Room) -> None:
    room = spare_room
    theirs = opened(room, who="Qin", place={"division": "130321", "text": "青龙镇"}, known_by="130321")
    mine = opened(room, who="Li", facts={"dead": 3})
    room.told("Li", "arrange-wall", {"unit": LULONG, "scenes": [scene("案", "incident", incident_id=theirs)]})
    assert Wall(room, "Li").panel("incident")["data-incident"] == mine
    assert theirs not in Wall(room, "Li").html


# --- what the panels say ----------------------------------------------------------------------------------


def test_people_are_told_with_age_and_source_and_an_unknown_is_never_nought(spare_room: Room) -> None:
    room = spare_room
    assert Wall(room).tile("死亡") == "死亡 — 无报数"
    one = opened(room, who="Li", facts={"dead": None, "missing": 2, "resettled": 30})
    assert Wall(room).tile("死亡").startswith("死亡 核实中")
    assert Wall(room).tile("失联") == "失联 2 14:05 卢龙"
    opened(room, facts={"missing": None, "resettled": 5})
    assert Wall(room).tile("失联").startswith("失联 ≥ 2 14:05 卢龙 · 1 起核实中")
    assert Wall(room).tile("安置") == "安置 35 14:05 卢龙 共 2 案"
    other = words.establish_facts(one, known_at=room.clock.ago(), missing=5)
    room.told("Wu", "establish-facts", {**other, "known_by": CITY, "source": {"channel": "119"}})
    assert "说法不一" in Wall(room).tile("失联")


def test_who_commands_what_is_out_and_who_is_on_duty(spare_room: Room) -> None:
    room = spare_room
    (first, *_rest) = plan(room)
    take_over(room, first)
    (county, *_more) = plan(room, shift(0, leader="周县长"), who="Li", unit=LULONG)
    take_over(room, county, who="Li", unit=LULONG)
    one = opened(room, who="Li")
    assert "没有登记在外力量" in Wall(room).says("forces")
    assert "卢龙 带班 周县长 现场 未报到" in Wall(room).says("command")
    for who, status in (("Song", "arrived"), ("Gao", "en_route")):
        said = {"incident_id": one, "status": status, "at": room.clock.ago()}
        room.told(who, "set-field-status", said)
    order = words.issue_order(one)
    room.told("Wu", "issue-order", order)
    wall = Wall(room)
    assert "现场 Song 卢龙 到达 14:05" in wall.says("command") or "Gao" in wall.says("command")
    assert "在外 2 途中 1 到达 1 指令 1 未签收 1" in wall.says("forces")
    read = {"incident_id": one, "order_id": order["order_id"], "at": room.clock.ago()}
    room.told("Li", "acknowledge-order", read)
    assert "未签收" not in Wall(room).says("forces")
    assert "值班长 吴某" in wall.says("duty")
    assert "王局" in wall.says("duty")
    room.told("Li", "share-incident", {"incident_id": one, "with": [QINGLONG]})
    neighbour = Wall(room, "Qin")
    assert "现场" in neighbour.says("command"), "it sees who is at the incident"
    assert "周县长" not in neighbour.html, "and not who is on duty at a desk that is not its own"


def test_warnings_in_force_stand_until_they_are_settled_and_say_when_they_should_be_over(
    own_room: Room,
) -> None:
    room, item = own_room, new_id()
    assert "没有登记的生效预警" in Wall(room).says("warnings")
    body = {"unit": CITY, "item_id": item, "kind": "warning", "text": "暴雨橙色预警"}
    room.told("Wu", "add-duty-item", {**body, "due_at": room.clock.ago(hours=-2)})
    room.told("Wu", "add-duty-item", {**body, "item_id": new_id(), "kind": "promise", "text": "回电省厅"})
    wall = Wall(room)
    assert "暴雨橙色预警 14:05 Wu · 至 16:05" in wall.says("warnings")
    assert wall.panel("warnings").select_one(".level-major") is not None
    assert "回电省厅" not in wall.html
    issued = {**body, "item_id": new_id(), "text": "大风蓝色预警", "source": "市气象台"}
    room.told("Wu", "add-duty-item", issued)
    assert "大风蓝色预警 14:05 市气象台" in Wall(room).says("warnings"), "who issued it, not who typed it"
    room.clock.pass_by(hours=2, minutes=59)
    assert "已过 16:05" in Wall(room).says("warnings")
    room.clock.pass_by(minutes=1)
    assert "暴雨" not in Wall(room).html, "what has been over for an hour is not in force"
    kept = {one["text"]: one["source"] for one in room.ask("Wu", "duty")["items"]}
    assert (kept["暴雨橙色预警"], kept["大风蓝色预警"]) == (None, "市气象台"), "the desk has it to settle"
    room.told("Wu", "settle-duty-item", {"unit": CITY, "item_id": issued["item_id"], "at": room.clock.ago()})
    assert "大风" not in Wall(room).html


def test_of_two_departments_one_sees_nothing_of_what_is_shared_with_the_other(spare_room: Room) -> None:
    """One incident is shared with the weather bureau, one is not: no panel and no count knows of that."""
    room = spare_room
    shared = opened(room, title="共享的洪水", facts={"dead": 1, "evacuated": 20})
    hidden = opened(room, title="另一部门的事", facts={"dead": 31, "evacuated": 500})
    for one, text in ((shared, "共享部门可见"), (hidden, "别人看不到")):
        room.told("Wu", "issue-order", words.issue_order(one, text=text))
    room.told("Wu", "share-incident", {"incident_id": shared, "with": ["130300-qx"]})
    room.told("Wu", "share-incident", {"incident_id": hidden, "with": ["130300-sw"]})
    wall, whole = Wall(room, "He"), Wall(room)
    for trace in (hidden, "另一部门的事", "别人看不到"):
        assert trace not in wall.html, trace
    assert wall.mode == "rotate", "what is not seen does not come to the front"
    assert wall.says("incidents").startswith("在办 1 ")
    assert wall.tile("死亡").startswith("死亡 1 ")
    assert wall.tile("已转移").startswith("已转移 20 ")
    assert "指令 1" in wall.says("forces")
    assert whole.tile("死亡").startswith("死亡 32 ")
    assert hidden in whole.html


# --- the screen itself ------------------------------------------------------------------------------------


def test_what_a_wall_keeps_for_bad_times_tells_nothing_and_is_for_walls_alone(one_room: Room) -> None:
    waiting = one_room.request("Wu", "GET", "/wall/waiting", headers=HEADERS)
    worker = one_room.get("Wu", "/wall/sw.js")
    assert "连不上服务器" in waiting.text
    assert worker.headers["Service-Worker-Allowed"] == "/wall"
    files = json.loads(worker.text.split("const FILES = ", 1)[1].split(";\n", 1)[0])
    assert files[0] == "/wall/waiting"
    for path in files:
        assert one_room.get("Wu", path).status_code == 200, path
    for answer in (waiting, one_room.get("Li", "/wall/waiting")):
        for told in ("Wu", "秦皇岛", CITY, "卢龙"):
            assert told not in answer.text


def test_a_wall_screen_sees_its_unit_and_cannot_arrange_itself(one_room: Room) -> None:
    secret = one_room.parts.people.wall_session(LULONG, "卢龙大屏").secret
    cookie = {"Cookie": f"fenghuo_session={secret}", "Origin": "http://127.0.0.1:8000"}
    page = one_room.request(None, "GET", "/wall", headers=cookie | HEADERS)
    assert page.status_code == 200
    assert 'data-kiosk="1"' in page.text
    assert f'data-unit="{LULONG}"' in page.text
    assert "卢龙大屏" in page.text
    for path in ("/wall/scenes", "/people"):
        assert one_room.request(None, "GET", path, headers=cookie).status_code == 403
    body = {"command_id": new_id(), "unit": LULONG, "scenes": []}
    answer = one_room.request(None, "POST", "commands/arrange-wall", json=body, headers=cookie)
    assert answer.status_code == 403


# --- the joint duty ---------------------------------------------------------------------------------------


def test_departments_on_duty_together_stand_on_the_wall_who_is_missing_first_and_what_is_late(
    own_room: Room,
) -> None:
    room = own_room
    assert Wall(room).root.select_one("#panel-joint") is None
    arrange(room, scene("联防", "joint", "news"))
    assert Wall(room).place("news") == "main", "with no joint duty what stands beside it moves up"
    arrange(room)
    period = opened_joint(room)
    wall = Wall(room)
    assert wall.titles() == ["平日", "联合值守"]
    assert "必到席位在岗 0/2" in wall.says("joint")
    room.told("He", "take-joint-seat", taking(room, period))
    asked = data(room, period, shared=True)
    room.told("Wu", "ask-joint-data", asked)
    handed = {**period, "data_id": asked["data_id"], "at": room.clock.ago(), "text": "57.2 米"}
    room.told("Li", "hand-in-joint-data", handed)
    room.told("He", "ask-joint-request", asking(period, text="只给卢龙"))
    room.clock.pass_by(minutes=20)
    wall = Wall(room)
    rows = [" ".join(one.get_text(" ").split()) for one in wall.panel("joint").select("li")]
    assert rows[0] == "主汛期联合值守 必到席位在岗 1/2 协办待答 1 超时 1 汛期 · 至 11-25 14:05"
    assert rows[1:] == [
        "卢龙 ■ 缺席 超时 1 自 14:05",
        "气象局 He 自 14:05",
        "青龙 空",
        "卢龙 洋河水库水位 57.2 米 14:05",
    ]
    neighbour = Wall(room, "Qin")
    assert "1/2" in neighbour.says("joint"), "it has a seat"
    assert "协办待答" not in neighbour.says("joint"), "what others asked each other is not its to know"
    assert "超时" not in neighbour.says("joint")
    assert Wall(room, "Tian").root.select_one("#panel-joint") is None
    room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
    assert Wall(room).titles() == ["平日"]


def test_of_joint_duties_what_is_real_stands_before_a_drill(own_room: Room) -> None:
    room = own_room
    opened_joint(room, title="真的")
    room.clock.pass_by(minutes=1)
    opened_joint(room, title="练的", drill=True)
    heads = Wall(room).panel("joint").select(".joint-head")
    assert [("is-drill" in one["class"], "演练" in one.get_text()) for one in heads] == [
        (False, False),
        (True, True),
    ]
