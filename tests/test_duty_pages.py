"""The pages of the duty: what they say, in both languages, and that nothing said is ever taken for markup."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from tests import words
from tests.duty_deeds import CITY, LULONG, accept_all, plan, prepare, roll, shift, take_over
from tests.room import Room
from tests.test_channel_pages import signed_in
from tests.words import new_id

PAGES = (
    "/",
    "/roster",
    "/handover",
    "/roll-call",
    "/incidents",
    "/statistics",
)  # the wall has a panel of its own: test_walls
NAUGHTY = '<img src=x onerror=alert(1)>"&{{7*7}}'


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


def busy(room: Room, name: str = "吴某") -> tuple[str, str]:
    """A desk with everything that a duty has, said in these words."""
    first, second = plan(
        room,
        shift(0, name, "李某", leader=name, hours=6.5),
        shift(6.5 / 24, "赵某", name, leader="孙局"),
    )
    take_over(room, first)
    item = {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": name}
    room.told("Wu", "add-duty-item", item)
    room.told(
        "Wu", "open-incident", words.open_incident(title=name, known_at=room.clock.ago(), occurred_at=...)
    )
    swap = {
        "unit": CITY, "swap_id": new_id(), "reason": name, "substitute": {"name": name},
        "place": {"shift_id": second, "post": "shift_leader", "name": "赵某"},
    }  # fmt: skip
    room.told("Wu", "request-swap", swap)
    room.told("Wu", "call-roll", roll(text=name))
    return first, second


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_who_is_on_now_and_next_with_their_phones(spare_room: Room, path: str) -> None:
    busy(spare_room)
    html = spare_room.get("Wu", path).text
    head = html[html.index('id="on-duty"') : html.index("</details></span>")]
    assert "吴某" in head
    assert 'href="tel:0335-0000001"' in head
    assert "赵某" in head, "and next"
    assert "未接班" not in head


@pytest.mark.parametrize("path", PAGES)
def test_a_desk_without_a_roster_has_pages_that_say_nothing_of_it(spare_room: Room, path: str) -> None:
    answer = spare_room.get("Wu", path)
    assert answer.status_code == 200
    assert '<span id="on-duty" class="on-duty" data-shift=""></span>' in answer.text
    assert re.search(r'id="duty-bar"[^>]*hidden', answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_that_was_said_is_ever_taken_for_markup(spare_room: Room, path: str) -> None:
    busy(spare_room, NAUGHTY)
    prepare(spare_room, spare_room.ask("Wu", "duty")["next"]["shift_id"])
    for who in ("Wu", "Li"):
        html = spare_room.get(who, path).text
        assert "<img" not in html


@pytest.mark.parametrize("path", PAGES)
def test_a_roll_call_asks_on_every_page_of_the_desk_that_is_asked(spare_room: Room, path: str) -> None:
    called = roll(text="夜间抽查")
    spare_room.told("Wu", "call-roll", called)
    html = spare_room.get("Li", path).text
    assert f'data-roll="{called["roll_id"]}"' in html
    assert "市局 点名" in text_of(html)
    assert f'data-roll="{called["roll_id"]}"' not in spare_room.get("He", path).text
    pieces = spare_room.get("Li", "/duty/pieces").text
    assert "没有人" not in text_of(pieces), "it keeps no roster here"
    assert '<span id="on-duty" class="on-duty" data-shift=""></span>' in pieces
    assert "在岗，应答" in text_of(pieces)


def test_a_roll_call_asks_on_the_pages_about_people_and_channels_too(spare_room: Room) -> None:
    """They are for somebody in person, whom a token is not."""
    room = spare_room
    room.parts.people.add("Chu", "admin", LULONG)
    cookie = signed_in(room, "Chu")
    plan(room, shift(0, "卢某", "龙某", leader="卢局"), who="Li", unit=LULONG)
    called = roll(text="夜间抽查")
    room.told("Wu", "call-roll", called)
    for path in ("/account", "/people", "/channels"):
        html = room.client.get(path, headers=cookie).text
        assert f'data-roll="{called["roll_id"]}"' in html, path
        assert f'data-stream="{LULONG}"' in html, "it hears nothing that comes later"
        assert "listed.js" in html
        assert "卢某" in text_of(html[: html.index("<main")]), path


def test_the_bar_says_what_is_amiss_and_stops_when_it_is_not(spare_room: Room) -> None:
    room = spare_room
    first, _second = plan(room)

    def bar(who: str = "Wu") -> str:
        html = room.get(who, "/duty/pieces").text
        return " ".join(text_of(html[html.index('id="duty-bar"') :].partition(">")[2]).split())

    assert "本班尚无人接班" in bar()
    take_over(room, first)
    assert bar() == ""
    room.clock.pass_by(hours=18, minutes=34)
    assert "下一班 没有" not in bar()
    room.clock.pass_by(minutes=2)
    assert "下一班已到时，尚未交接" in bar()
    take_over(room, _second, reason="上一班已离岗")
    room.told("Wu", "call-roll", roll(within=1))
    room.clock.pass_by(minutes=2)
    assert "点名 2 个单位未应答，转电话：" in bar()
    assert "点名：请应答" in bar("Li")
    room.clock.pass_by(hours=24)
    assert "下一班没有排人" in bar()


# ---------------------------------------------------------------- the roster


def reading(room: Room, who: str = "Wu", **said: str) -> str:
    return str(room.request(who, "POST", "/roster/reading", data=said).text)


def test_pasted_lines_are_shown_before_they_are_planned_and_planned_as_shown(spare_room: Room) -> None:
    room = spare_room
    pasted = "2026-12-01 值班长 张三 13900000001; 信息岗 李四; 带班 王局\n昨天 张三\n2026-12-02 值班长 赵六"
    html = reading(room, text=pasted)
    assert room.ask("Wu", "shifts")["shifts"] == [], "nothing is planned by reading"
    assert "第 2 行：没有日期" in text_of(html)
    body = json.loads(unescape(re.search(r'data-body="([^"]*)"', html)[1]))  # type: ignore[index]
    room.told("Wu", "plan-shifts", {"unit": CITY, "shifts": body})
    first, second = room.ask("Wu", "shifts", **{"from": "2026-12-01", "to": "2026-12-02"})["shifts"]
    assert [(one["post"], one["name"]) for one in first["posts"]] == [
        ("shift_leader", "张三"), ("information", "李四"),
    ]  # fmt: skip
    assert first["leader"] == {"name": "王局"}
    assert second["leader"] is None


def test_teams_in_turn_fill_a_year_in_one_command_and_unpublished_years_are_named(spare_room: Room) -> None:
    room = spare_room
    html = reading(
        room, teams="值班长 甲\n值班长 乙\n值班长 丙", first="2026-12-01", last="2027-11-30", apart="1",
        hours="24", change="08:30",
    )  # fmt: skip
    assert "2027 年节假日安排尚未公布" in text_of(html)
    body = json.loads(unescape(re.search(r'data-body="([^"]*)"', html)[1]))  # type: ignore[index]
    assert len(body) == 365
    room.told("Wu", "plan-shifts", {"unit": CITY, "shifts": body})
    page = room.get("Wu", "/roster", month="2027-02").text
    assert "2027 年节假日安排尚未公布" in text_of(page)
    days = re.findall(r'<td class="cell day-unknown cover-(\w+)', page)
    assert (days.count("all"), days.count("part"), days.count("none")) == (334, 1, 30)


@pytest.mark.parametrize(
    "said",
    [
        {"text": ""},
        {"text": "\x00"},
        {"teams": "值班长 甲", "first": "x", "last": "2026-12-01"},
        {"teams": "值班长 甲", "first": "2026-12-02", "last": "2026-12-01"},
        {"teams": "带班 甲", "first": "2026-12-01", "last": "2026-12-02"},
        {"teams": "值班长 甲", "first": "0001-01-01", "last": "9999-12-31", "hours": "7", "change": "99"},
        {"text": "<script>alert(1)</script>"},
    ],
)
def test_what_cannot_be_read_is_said_and_breaks_nothing(spare_room: Room, said: dict[str, str]) -> None:
    answer = spare_room.request("Wu", "POST", "/roster/reading", data=said)
    assert answer.status_code == 200
    assert "没有读出班次" in text_of(answer.text)
    assert "<script" not in answer.text


def test_a_month_shows_holidays_and_make_up_workdays_and_days_with_nobody(spare_room: Room) -> None:
    html = spare_room.get("Wu", "/roster", month="2026-10").text
    assert "国庆节" in text_of(html)
    assert "调休上班" in text_of(html)
    assert "国办发明电〔2025〕7号" in html
    for strange in ("2026-13", "x", "0000-00", "99999-01"):
        assert spare_room.get("Wu", "/roster", month=strange).status_code == 200
    html = spare_room.get("Wu", "/roster", unit="130321").text
    assert "青龙满族自治县" in html
    assert "plan-shifts" not in html.partition("<main")[2], "another desk's roster is looked at"
    assert "青龙满族自治县" not in spare_room.get("Li", "/roster", unit="130321").text


# ---------------------------------------------------------------- handover and roll-call


def test_the_sheet_says_what_is_open_who_took_it_on_and_who_signed(spare_room: Room) -> None:
    room = spare_room
    _first, second = busy(room)
    one = prepare(room, second)
    html = room.get("Wang", "/handover").text
    assert f'data-handover="{one}"' in html
    assert "答应过的事" in html
    assert "待接收" in html
    accept_all(room, one)
    assert "待接收 0" in text_of(room.get("Wang", "/handover").text)
    for who, side in (("Wu", "from"), ("Wang", "to")):
        room.told(who, "sign-handover", {"unit": CITY, "handover_id": one, "side": side})
    shown = text_of(room.get("Wang", "/handover").text)
    assert "已交接" in shown
    assert "不在班表" in shown, "Wu and Wang are not on the roster"


def test_what_fell_due_after_the_sheet_was_made_stands_on_top_of_it(spare_room: Room) -> None:
    room = spare_room
    _first, second = busy(room)
    prepare(room, second)
    assert "制单后新到时的事项" not in room.get("Wu", "/handover").text
    now = room.clock.ago()
    room.told(
        "Wu",
        "open-incident",
        words.open_incident(known_at=now, occurred_at=now, facts={"dead": 11}, category="hazmat"),
    )
    html = room.get("Wu", "/handover").text
    assert "制单后新到时的事项" in html
    assert 'data-item="report:' in html


def test_the_roll_calls_page_has_the_phone_of_who_is_on_there(spare_room: Room) -> None:
    room = spare_room
    plan(room, shift(0, "卢某"), who="Li", unit=LULONG)
    room.told("Wu", "call-roll", roll())
    room.clock.pass_by(minutes=6)
    html = room.get("Wu", "/roll-call").text
    assert "卢某" in html
    assert "未应答，打电话" in html
    county = room.get("Li", "/roll-call").text
    assert "本单位被点名" in county
    assert "青龙" not in county[county.index('id="rolls"') :], "of the others it learns nothing"


def test_pages_stay_small_with_a_years_roster(spare_room: Room) -> None:
    room = spare_room
    plan(room, *[shift(day, "吴某", "李某", "赵某", "钱某") for day in range(-30, 330)])
    assert len(room.get("Wu", "/roster").content) < 200 * 1024
