"""Anything is found by a few words, by those who may see it, whether the index holds it yet or not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select, update

from server.record import find, find_index
from server.record.find_index import catch_up, forget, take_in
from server.record.find_tables import FIND_HEAD, FIND_MARK
from server.safekeeping.verify import verify
from tests import words
from tests.duty_deeds import plan, shift
from tests.room import Room
from tests.test_visibility import QUIET, a_busy_day
from tests.words import new_id


@pytest.fixture(params=["looked at", "in the index", "half"], autouse=True)
def indexed(request: pytest.FixtureRequest) -> str:
    """Whether the index has it before it is looked for."""
    return str(request.param)


@pytest.fixture
def settle(indexed: str) -> Any:
    def settle(room: Room) -> None:
        if indexed == "in the index":
            catch_up(room.parts.database)
        elif indexed == "half":
            forget(room.parts.database)
            with room.parts.database.reading() as connection:
                last = connection.execute(select(find_index.LEDGER.c.seq)).scalar_one()
            a_step = max(3, last // 12)
            while find_seq(room) < last // 2 and take_in(room.parts.database, a_step):
                pass

    return settle


def find_seq(room: Room) -> int:
    with room.parts.database.reading() as connection:
        return find_index.indexed_until(connection)


def opened(room: Room, who: str = "Li", **over: Any) -> str:
    body = words.open_incident(**over)
    room.told(who, "open-incident", body)
    return str(body["incident_id"])


def results(room: Room, who: str, q: str, **more: Any) -> list[dict[str, Any]]:
    return [one for group in room.ask(who, "search", q=q, **more)["groups"] for one in group["results"]]


def kinds(room: Room, who: str, q: str, **more: Any) -> set[str]:
    return {one["kind"] for one in results(room, who, q, **more)}


def of(room: Room, who: str, q: str, incident_id: str, **more: Any) -> list[dict[str, Any]]:
    """What is found of one incident: others, of the tests before, say the same."""
    return [one for one in results(room, who, q, **more) if one["incident_id"] == incident_id]


def test_an_incident_is_found_by_a_character_pinyin_initials_and_number(room: Room, settle: Any) -> None:
    one = opened(room, title="蛤泊镇鞭炮厂爆炸", place={"division": "130324", "text": "蛤泊镇西街"})
    number = room.ask("Li", f"incidents/{one}")["number"]
    settle(room)
    for q in (
        "鞭",
        "鞭炮",
        "鞭炮厂",
        "蛤泊 爆炸",
        "gebo",
        "gbzbpc",
        "bianpaochang",
        number,
        number.lower(),
        number[-4:],
    ):
        found = of(room, "Li", q, one, kind="incident")
        assert found, q
        assert found[0]["link"] == f"/incidents/{one}"
        assert found[0]["marks"], q


def test_what_was_said_in_the_log_in_facts_and_to_others_is_found_with_its_line(
    room: Room, settle: Any
) -> None:
    one = opened(
        room, source={"channel": "110", "name": "钱来电", "phone": "0335-7012345"}, words="原话里的蘑菇云"
    )
    entry = words.add_entry(one, "现场 13811119999 报告有囧况")
    room.told("Li", "add-entry", entry)
    room.told(
        "Li", "establish-facts", words.establish_facts(one, "09:00", trapped=77, explanation="核对鼹鼠")
    )
    room.told("Li", "issue-order", {**words.issue_order(one, "王三"), "text": "火速增援犀牛桥"})
    leader = dict(words.instruction_deeds(one, "130324", "獬豸"))["record-instruction"]
    room.told("Li", "record-instruction", leader)
    paper = words.draft_report(one, content={"title": "快报", "body": "貔貅路积水"})
    room.told("Li", "draft-report", paper)
    typed = [{"field": "body", "before": "貔貅路积水", "after": "貔貅路积水三米"}]
    on_paper = {"incident_id": one, "report_id": paper["report_id"]}
    room.told("Li", "edit-report", {**on_paper, "changes": typed})
    room.told("Li", "submit-report", on_paper)
    settle(room)
    lines = {
        row["event"]["type"]: at for at, row in enumerate(room.ask("Li", f"incidents/{one}")["entries"], 1)
    }
    for q, kind, event in (
        ("囧", "log", "entry_added"), ("138 1111 9999", "log", "entry_added"),
        ("蘑菇", "log", "incident_opened"),
        ("被困77", "fact", "facts_established"), ("trapped 77", "fact", "facts_established"),
        ("鼹鼠", "fact", "facts_established"), ("犀牛", "order", "order_issued"),
        ("獬豸", "order", "instruction_recorded"),
    ):  # fmt: skip
        found = [row for row in of(room, "Li", q, one) if (row["kind"], row["event"]) == (kind, event)]
        assert [row["link"] for row in found] == [f"/incidents/{one}#line-{lines[event]}-{one}"], q
    at = found[0]["link"].partition("#")[2]
    assert f'id="{at}"' in room.get("Li", f"/incidents/{one}").text
    [paper_found] = of(room, "Li", "积水三米", one, kind="report")
    assert paper_found["event"] == "report_submitted", "a text stands whole where it was put up for signature"
    assert paper_found["link"].endswith(f"/reports/{paper['report_id']}")
    [caller] = of(room, "Li", "03357012345", one, kind="person")
    assert (caller["person"]["name"], caller["person"]["phone"]) == ("钱来电", "0335-7012345")
    assert results(room, "Li", "qianlaidian", kind="person")[0]["incident_id"] == one


def test_a_struck_line_is_found_and_said_to_be_struck(room: Room, settle: Any) -> None:
    one = opened(room)
    entry = words.add_entry(one, "记错的饕餮")
    room.told("Li", "add-entry", entry)
    room.told("Li", "strike-entry", {"incident_id": one, "entry_id": entry["entry_id"], "reason": "不对"})
    settle(room)
    [found] = [row for row in of(room, "Li", "饕餮", one) if row["event"] == "entry_added"]
    assert found["struck"]


def test_people_of_rosters_and_accounts_are_found_in_ones_own_area(spare_room: Room, settle: Any) -> None:
    room = spare_room
    plan(room, shift(0, "欧阳锋", "钱某", leader="孙局"))
    settle(room)
    [found] = results(room, "Wu", "ouyang", kind="person")
    assert found["person"]["role"] == "shift"
    assert re.fullmatch(r"/roster\?unit=130300&month=\d{4}-\d\d", found["link"])
    assert room.get("Wu", found["link"]).status_code == 200
    assert results(room, "Li", "ouyang") == []
    assert [row["text"] for row in results(room, "Wu", "liang", kind="account")] == ["Liang"]
    assert [row["text"] for row in results(room, "Li", "liang", kind="account")] == ["Liang"]
    assert results(room, "Qin", "liang", kind="account") == [], "another county's people are not its business"
    assert "130324" in {row["unit"] for row in results(room, "Wu", "lulong", kind="unit")}
    assert results(room, "Qin", "lulong", kind="unit") == []


def test_the_newest_come_first_page_by_page_and_none_twice(room: Room, settle: Any) -> None:
    mark = new_id()[:8]
    one = opened(room)
    said = [f"{mark} 第{at}条" for at in range(7)]
    for text in said:
        room.told("Li", "add-entry", words.add_entry(one, text))
    settle(room)
    whole = [row["text"] for row in results(room, "Li", mark, kind="log")]
    assert whole == said[::-1]
    seen, after = [], None
    for _ in range(4):
        more = {} if after is None else {"after": after}
        [group] = room.ask("Li", "search", q=mark, kind="log", limit=2, **more)["groups"]
        seen += [row["text"] for row in group["results"]]
        after = group["next"]
    assert seen == whole
    assert after is None
    [group] = [group for group in room.ask("Li", "search", q=mark)["groups"] if group["kind"] == "log"]
    assert (len(group["results"]), bool(group["next"])) == (5, True)


def test_nothing_is_passed_over_behind_what_only_looks_like_it(room: Room, settle: Any) -> None:
    one = opened(room)

    def add(text: str, said: str) -> None:
        room.told("Li", "add-entry", {**words.add_entry(one, text), "words": said})

    add("鼍来了又有鼯", "照实")
    for _ in range(10):  # as many as are read at first; both words are there, in two texts
        add("鼍来了", "有鼯")
    settle(room)
    found = of(room, "Li", "鼍 鼯", one, kind="log", limit=1)
    assert [row["text"] for row in found] == ["鼍来了又有鼯"]


@pytest.mark.parametrize("indexed", ["in the index"], indirect=True)
def test_what_an_incident_says_by_its_title_is_read_for_no_other_kind(
    spare_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a search for a character reads every incident that was opened with facts, back to the first."""
    room, read = spare_room, []
    for _ in range(12):
        opened(room, title="鼋出没", facts={"dead": 0}, words="照实记下")
    opened(room, title="别的", facts={"dead": 0}, words="鼋")
    catch_up(room.parts.database)
    pieces_of = find.pieces_of
    monkeypatch.setattr(find, "pieces_of", lambda *said: read.append(said[1]) or pieces_of(*said))
    assert results(room, "Li", "鼋", kind="fact") == []
    assert read == []
    assert len(results(room, "Li", "鼋", kind="log")) == 1
    assert len(read) == 1


def test_days_drills_and_units_narrow_it_down(own_room: Room, settle: Any) -> None:
    room = own_room
    drill = opened(room, title="演练里的麒麟", drill=True)
    real = opened(room, title="真实的麒麟")
    room.clock.pass_by(days=2)
    town = opened(room, "Tian", title="镇上的麒麟", place={"division": "130324104", "text": "双望镇"})
    far = opened(room, "Qin", title="青龙的麒麟", place={"division": "130321", "text": "青龙镇"})
    settle(room)

    def found(who: str = "Wu", **more: Any) -> set[str]:
        return {row["incident_id"] for row in results(room, who, "麒麟", kind="incident", **more)}

    day = room.clock.at.strftime("%Y-%m-%d")
    assert found() == {drill, real, town, far}
    assert found(drill="true") == {drill}
    assert found(drill="false") == {real, town, far}
    assert found(unit="130324") == {drill, real, town}
    assert found(unit="130324104") == {town}
    assert found(**{"from": day}) == {town, far}
    assert found(to="2026-11-23") == {drill, real}
    assert found("Li") == {drill, real, town}
    assert room.get("Li", "search", q="麒麟", unit="130321").status_code == 404


@pytest.mark.parametrize(("who", "over", "neighbours"), QUIET, ids=[row[0] for row in QUIET])
def test_a_neighbour_finds_nothing_of_a_busy_day_and_those_above_do(
    room: Room, settle: Any, who: str, over: dict[str, Any], neighbours: tuple[str, ...]
) -> None:
    traces = a_busy_day(room, who, **over)
    mark = min(traces, key=len)
    settle(room)
    questions = (
        mark,
        f"139{mark}",
        f"举报人{mark}",
        "氯气",
        "报警人",
        "2026",
        "王三",
        "hazmat",
        "死亡14",
        "死",
    )
    answers = {
        one: [
            room.get(one, f"/api/v1/search?q={q}{more}").text for q in questions for more in ("", "&kind=log")
        ]
        + [room.get(one, f"{path}{mark}").text for path in ("/search?q=", "/export/search?as=json&q=")]
        for one in neighbours
    }
    for one, said in answers.items():
        for text in said[
            :6
        ]:  # of what nobody else says; a page that goes on would tell that there is something
            assert not [group for group in json.loads(text)["groups"] if group["results"] or group["next"]], (
                one
            )
        for text in said:
            bare = text.replace(f'"q":"{mark}"', "").replace(f'value="{mark}"', "")
            bare = re.sub(rf'(q=|“|q":"|value=")[^"&” ]*{mark}', "", bare)
            assert not [trace for trace in traces if trace in bare], one
    seers = {"Li": ("Li", "Wu"), "Tian": ("Tian", "Li", "Wu"), "Wu": ("Wu",)}[who]
    for seer in seers:
        assert kinds(room, seer, mark) >= {"incident", "log", "report", "order", "person"}, seer


def test_an_informer_is_found_by_those_who_may_read_the_restricted_stream(room: Room, settle: Any) -> None:
    one = opened(room, source={"channel": "12350", "name": "匿名獾", "phone": "13955557777"})
    settle(room)
    for who in ("Li", "Liang", "Wu", "Wang", "Sun"):
        for q in ("匿名獾", "139-5555-7777", "nimin"):
            [found] = of(room, who, q, one)
            assert (found["restricted"], found["person"]["role"]) == (True, "informer"), who
            assert found["link"] == f"/incidents/{one}"
    for who in ("Lian", "Song", "Zhao", "Luo", "Chen", "Tian", "Qin", "He"):
        for q in ("匿名獾", "139-5555-7777", "nimin", "獾"):
            assert results(room, who, q) == [], who
        for path in ("/search?q=匿名獾", "/export/search?as=json&q=13955557777"):
            shown = room.get(who, path).text
            assert "5555-7777" not in shown
            assert f"/incidents/{one}" not in shown


def test_who_is_let_in_later_finds_the_past_at_once(room: Room, settle: Any, indexed: str) -> None:
    one = opened(room, title="共享前的夔")
    room.told("Li", "add-entry", words.add_entry(one, "早先说的夔牛"))
    settle(room)
    assert of(room, "Qin", "夔", one) == []
    room.told("Li", "share-incident", {"incident_id": one, "with": ["130321"]})
    assert {row["kind"] for row in of(room, "Qin", "夔", one)} == {"incident", "log"}
    assert of(room, "He", "夔", one) == []
    if indexed != "looked at":
        catch_up(room.parts.database)
        assert {row["kind"] for row in of(room, "Qin", "夔", one)} == {"incident", "log"}
        assert of(room, "He", "夔", one) == []


def test_a_cursor_of_another_stream_or_of_nobodys_making_is_refused(room: Room) -> None:
    one = opened(room)
    for at in range(3):
        room.told("Li", "add-entry", words.add_entry(one, f"翻页 {at}"))
    [group] = room.ask("Li", "search", q="翻页", kind="log", limit=1)["groups"]
    for bad in ("x", "MQ", find.pack("99999999999", "o"), find.pack("1", "z"), find.pack("-1", "o"),
                find.pack("9" * 40, "o"), find.pack("²", "o")):  # fmt: skip
        assert room.get("Li", "search", q="翻页", kind="log", after=bad).status_code == 422, bad
    assert room.get("Lian", "search", q="翻页", kind="log", after=find.pack("1", "r")).status_code == 422
    assert room.get("Li", "search", q="翻页", after=group["next"]).status_code == 422
    assert room.client.get("/api/v1/search?q=x").status_code == 401


@pytest.mark.parametrize("query", ["", "q=", "q=%20", "q=" + "x" * 201, "q=x&kind=people", "q=x&limit=0",
                                   "q=x&from=2026", "q=x&drill=2", "q=x&order=old", "q=%00"])  # fmt: skip
def test_what_means_nothing_is_refused_by_the_api_and_passed_over_by_the_page(room: Room, query: str) -> None:
    assert room.get("Wu", f"/api/v1/search?{query}").status_code == 422
    assert room.get("Wu", f"/search?{query}").status_code == 200


def test_special_characters_mean_themselves(room: Room, settle: Any) -> None:
    one = opened(room)
    room.told(
        "Li", "add-entry", words.add_entry(one, "价格 100% 折_扣 \\ 'a' <script>alert(1)</script> \"q\" * OR")
    )
    room.told("Li", "add-entry", words.add_entry(one, "价格 1000 折扣"))
    settle(room)
    for q in ("100%", "折_扣", "\\", "'a'", "<script>alert(1)", '"q"', "* OR"):
        assert len(of(room, "Li", q, one, kind="log")) == 1, q
    page = room.get("Li", "/search", q="<script>alert(1)").text
    assert "<script>alert" not in page
    assert "<mark>&lt;script&gt;alert(1)</mark>" in page


def test_the_page_marks_the_words_and_its_files_have_the_same_rows(room: Room, settle: Any) -> None:
    one = opened(room, title="麋鹿场火灾")
    room.told("Li", "add-entry", words.add_entry(one, "=麋鹿已转移"))
    settle(room)
    page = room.get("Li", "/search?q=麋鹿").text
    assert page.count("<mark>麋鹿</mark>") >= 2
    assert f'href="/incidents/{one}#line-' in page
    rows = room.get("Li", "/export/search?q=麋鹿&as=json").json()["rows"]
    assert [row["text"] for row in rows] == [row["text"] for row in results(room, "Li", "麋鹿")]
    assert "'=麋鹿已转移" in room.get("Li", "/export/search?q=麋鹿&as=csv").content.decode()
    assert room.get("Li", "/export/search?q=麋鹿&kind=log").status_code == 200
    assert (
        "Log"
        in room.get(
            "Li",
            "/search?q=麋鹿",
        ).text
        or "日志" in page
    )


def test_the_index_of_a_log_told_in_pieces_is_that_told_at_once_and_can_be_made_anew(own_room: Room) -> None:
    room, database = own_room, own_room.parts.database
    a_busy_day(room, "Li")
    while take_in(database, 7):
        pass

    def marks() -> dict[tuple[str, int], bytes]:
        with database.reading() as connection:
            return {(row.tag, row.block): bytes(row.members) for row in connection.execute(select(FIND_MARK))}

    before = marks()
    assert before
    forget(database)
    assert marks() == {}
    catch_up(database)
    assert marks() == before
    assert verify(database).faults == []
    with database.writing() as connection:
        connection.execute(update(FIND_HEAD).values(seq=10_000_000))
    assert verify(database).faults == ["table: find_head is not where the log was"] or any(
        "find_head" in fault for fault in verify(database).faults
    )


def test_what_the_index_is_too_far_behind_to_find_is_said_to_be_missing(
    own_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = own_room
    one = opened(room, title="很早的貘")
    for at in range(6):
        room.told("Li", "add-entry", words.add_entry(one, f"后来 {at}"))
    monkeypatch.setattr(find, "MOST_FRESH", 4)
    answer = room.ask("Li", "search", q="貘")
    assert answer["complete"] is False
    assert "索引还在建立" in room.get("Li", "/search?q=貘").text
    catch_up(room.parts.database)
    answer = room.ask("Li", "search", q="貘")
    assert answer["complete"] is True
    assert [row["incident_id"] for group in answer["groups"] for row in group["results"]] == [one]
