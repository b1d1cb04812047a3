"""What is exported is what the page shows to whoever asks, to the letter, and never a formula."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx2
import openpyxl
import pytest

from server.documents import tables
from server.documents.spreadsheets import Sheet, fitting, workbook
from server.documents.tables import Table, safe, written
from server.pages import exports
from tests import words
from tests.duty_deeds import plan, roll, shift, take_over
from tests.room import Room

EVIL = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1", " =cmd|'/C calc'!A0", "＝1+1", "'=1",
    '=HYPERLINK("http://x","y")', '";=1+1', "http://evil.example/", "1e9", "007", "NULL", "true", "{=1}",
    "\u202e倒着", "𠀀字", "火\x01灾", "<script>",
)  # fmt: skip


def xlsx(answer: httpx2.Response | bytes) -> list[list[Any]]:
    body = answer if isinstance(answer, bytes) else answer.content
    return [list(row) for row in openpyxl.load_workbook(io.BytesIO(body)).worksheets[0].iter_rows()]


def rows_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)["rows"]


def csv_rows(body: bytes) -> list[list[str]]:
    assert body.startswith(b"\xef\xbb\xbf"), "or WPS and Excel show Chinese as noise"
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def table(cells: list[str]) -> Table:
    return Table("表", [("a", "甲")], [[one] for one in cells])


def opened(room: Room, who: str = "Wu", **over: Any) -> dict[str, Any]:
    body = words.open_incident(known_at=room.clock.ago(minutes=1), occurred_at=room.clock.ago(minutes=5))
    return room.told(who, "open-incident", body | over)


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_of_a_csv_begins_like_a_formula(text: str) -> None:
    [_blank, _names, [cell]] = csv_rows(b"".join(written(table([text]), "csv")))
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert cell.removeprefix("'").replace("\r\n", "\n") == fitting(text).removeprefix("'")


@pytest.mark.parametrize("text", EVIL)
def test_a_text_in_a_spreadsheet_is_a_text_and_nothing_else(text: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook([Sheet("a/b", ["=名"], [[text]])])))
    [name], [cell] = book.worksheets[0].iter_rows()
    assert name.data_type == cell.data_type == "s"
    assert cell.hyperlink is None
    if text[0] not in "\t\r\n":
        assert cell.value == fitting(text)


def test_numbers_stay_numbers_and_those_too_long_to_be_exact_stay_whole() -> None:
    [_, cells] = xlsx(workbook([Sheet("x", ["n"], [[-3, 1.5, True, 10**16, None]])]))
    assert [cell.value for cell in cells] == [-3, 1.5, True, str(10**16)][: len(cells)]
    assert csv_rows(b"".join(written(Table("x", [("n", "n")], [[-3]]), "csv")))[-1] == ["-3"]


def test_a_text_longer_than_a_cell_says_that_it_goes_on() -> None:
    assert len(fitting("字" * 40_000)) == 32_767
    assert fitting("字" * 40_000).endswith("…")
    assert fitting("字" * 32_767) == "字" * 32_767
    assert safe("火灾") == "火灾"


def test_two_sheets_of_one_name_are_both_there() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook([Sheet("值班*表", [], []), Sheet("值班 表", [], [])])))
    assert book.sheetnames == ["值班 表", "值班 表 2"]


@pytest.mark.parametrize("kind", ["xlsx", "csv", "json"])
def test_a_table_that_is_too_long_ends_with_a_sentence_that_says_so(kind: str) -> None:
    made = Table("x", [("n", "n")], iter([[1], [2], [3]]), most=2, more="还有更多")
    body = b"".join(written(made, kind))
    assert (made.written, made.cut) == (2, True)
    if kind == "json":
        assert json.loads(body) == {"about": {}, "rows": [{"n": 1}, {"n": 2}], "more": "还有更多"}
    else:
        last = xlsx(body)[-1][0].value if kind == "xlsx" else csv_rows(body)[-1][0]
        assert last == "还有更多"
    exact = Table("x", [("n", "n")], iter([[1], [2]]), most=2, more="还有更多")
    assert "还有更多".encode() not in b"".join(written(exact, "csv"))


def test_incidents_come_as_the_page_shows_them_by_the_same_link(room: Room) -> None:
    for number, text in enumerate(EVIL):
        opened(room, title=f"{text} 导出{number}" if text.strip() and "\x01" not in text else f"导出{number}")
    opened(room, title="不在其中")
    opened(room, title="导出 演练", drill=True)
    link = "?q=导出&state=open&drill=0"
    page = room.get("Wu", f"/incidents{link}").text
    found = rows_of(room.get("Wu", f"/export/incidents{link}&as=json"))
    assert len(found) == len(EVIL)
    assert [page.index(f">{one['number']}<") for one in found] == sorted(
        page.index(f">{one['number']}<") for one in found
    ), "in the page's order"
    answer = room.get("Wu", f"/export/incidents{link}&as=xlsx")
    cells = xlsx(answer)
    assert [row[3].value for row in cells[-len(EVIL) :]] == [
        one["title"].replace("\r", "\n") for one in found
    ]
    assert {cell.data_type for row in cells for cell in row} <= {"s", "n"}
    lines = csv_rows(room.get("Wu", f"/export/incidents{link}&as=csv").content)[-len(EVIL) :]
    assert [line[3] for line in lines] == [safe(one["title"]) for one in found]
    assert "attachment" in answer.headers["content-disposition"]
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_says_what_it_is_for_whom_when_in_which_zone_and_where_the_record_stood(room: Room) -> None:
    opened(room)
    about = json.loads(room.get("Wu", "/export/incidents?state=open&as=json").content)["about"]
    assert about["what"] == "事件"
    assert about["filter"] == "在办"
    assert about["by"].endswith("Wu")
    assert about["at"].endswith("+08:00")
    assert about["zone"] == "北京时间（UTC+8）"
    count, head = exports.exporting.chain_head(room.parts.database)
    assert about["stands"] == f"日志 {count} 条，链首 SHA-256 {head}"
    county = json.loads(room.get("Li", "/export/incidents?as=json").content)["about"]
    assert head not in county["stands"], "how much the others write is not theirs to know"


@pytest.mark.parametrize("what", exports.LISTS)
def test_what_a_unit_may_not_see_is_in_none_of_its_files(spare_room: Room, what: str) -> None:
    room = spare_room
    mark = f"密{words.new_id()[:6]}"
    place = {"division": "130324", "text": mark}
    done = opened(room, "Li", title=mark, place=place, facts={"dead": 11})
    room.told(
        "Li", "add-entry", words.add_entry(done["incident_id"], mark) | {"happened_at": room.clock.ago()}
    )
    plan(room, shift(0, mark), who="Li", unit="130324")
    room.told("Wu", "call-roll", roll("130324", text=mark))
    for kind in ("json", "csv"):
        seen = room.get("Wu", f"/export/{what}?unit=130324&q=密&as={kind}").content.decode()
        assert (mark in seen) is True, what
        stranger = room.get("Qin", f"/export/{what}?unit=130324&q=密&as={kind}").content.decode()
        assert mark not in stranger, what


def test_what_is_owed_is_what_the_interface_says(room: Room) -> None:
    opened(room, "Li", facts={"dead": 12})
    owed = room.ask("Wu", "obligations", limit=1000)["obligations"]
    found = rows_of(room.get("Wu", "/export/obligations?as=json"))
    assert [one["number"] for one in found] == [one["number"] for one in owed]
    assert found
    running = rows_of(room.get("Wu", "/export/obligations?standing=running&as=json"))
    assert len(running) == sum(one["standing"] == "running" for one in owed)


def test_a_day_of_the_log_has_its_lines_with_strikes_and_never_the_informer(room: Room) -> None:
    done = opened(room, source={"channel": "tip", "name": "举报人甲", "phone": "13811112222"})
    said = words.add_entry(done["incident_id"], "=错的一行") | {"happened_at": room.clock.ago()}
    room.told("Wu", "add-entry", said)
    entry = next(one for one in room.entries(done["incident_id"], "entry_added"))
    strike = {"incident_id": done["incident_id"], "entry_id": entry["entry_id"], "reason": "记错"}
    room.told("Wu", "strike-entry", strike)
    day = room.clock.at.strftime("%Y-%m-%d")
    body = room.get("Wu", f"/export/log?day={day}&as=json").content.decode()
    assert "举报人甲" not in body
    assert "13811112222" not in body
    line = next(one for one in json.loads(body)["rows"] if one["text"] and "错的一行" in one["text"])
    assert line["struck"] == "已划去"
    assert line["by"] == "Wu"
    times = [one["recorded_at"] for one in json.loads(body)["rows"]]
    assert times == sorted(times)
    assert rows_of(room.get("Wu", "/export/log?day=2020-01-01&as=json")) == []


def test_the_roster_and_the_roll_calls_of_a_month(spare_room: Room) -> None:
    room = spare_room
    first, _ = plan(room)
    take_over(room, first)
    room.told("Wu", "call-roll", roll(text="夜间抽查"))
    month = "2026-11"
    people = rows_of(room.get("Wu", f"/export/roster?month={month}&as=json"))
    assert [one["name"] for one in people] == ["吴某", "李某", "王局", "赵某", "钱某", "孙局"]
    assert people[0]["starts_at"] == "2026-11-23T08:30:00+08:00"
    asked = rows_of(room.get("Wu", f"/export/roll-calls?month={month}&as=json"))
    assert {one["text"] for one in asked} == {"夜间抽查"}
    assert len(asked) == len(room.ask("Wu", "roll-calls")["roll_calls"][0]["answers"])
    assert rows_of(room.get("Wu", "/export/roll-calls?month=2026-10&as=json")) == []


def test_the_rows_of_the_rate_are_those_it_counts(room: Room) -> None:
    opened(room, facts={"dead": 11})
    figure = room.ask("Wu", "statistics/one-hour", scope="initial")
    found = rows_of(room.get("Wu", "/export/one-hour?as=json"))
    assert sum(one["scope"] == "初判口径" for one in found) == figure["denominator"] > 0
    assert sum(one["scope"] == "初判口径" and one["result"] == "达标" for one in found) == figure["numerator"]


def test_every_export_is_noted_and_gives_its_place_back(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[dict[str, Any]] = []
    monkeypatch.setattr(exports.log, "info", lambda event, **told: noted.append({"event": event, **told}))
    for _ in range(5):
        assert room.get("Wu", "/export/incidents?q=x&as=csv").status_code == 200
    assert len(noted) == 5
    assert (
        noted[0].items()
        >= {"event": "exported", "what": "incidents", "kind": "csv", "complete": True}.items()
    )
    assert exports._places.acquire(blocking=False)
    assert exports._places.acquire(blocking=False)
    try:
        busy = room.get("Wu", "/export/incidents")
        assert busy.status_code == 503
        assert "正在导出的文件太多" in busy.text
    finally:
        exports._places.release()
        exports._places.release()


@pytest.mark.parametrize("path", ["/export/people", "/export/incidents?as=exe", "/export/log?as=../x"])
def test_what_cannot_be_exported_is_not_found(room: Room, path: str) -> None:
    assert room.get("Wu", path).status_code == 404


def test_more_rows_take_no_more_memory() -> None:
    import tracemalloc

    def peak(rows: int, kind: str) -> int:
        made = Table("x", [("a", "a"), ("b", "b")], (["火灾" * 20, f"={n}"] for n in range(rows)))
        tracemalloc.start()
        for _piece in tables.written(made, kind):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for kind in ("csv", "json", "xlsx"):
        assert peak(20_000, kind) < peak(2_000, kind) + 2_000_000, kind
