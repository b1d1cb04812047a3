"""Statistics as a workbook and on paper have the page's figures; each on the page opens into its rows."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from tests.duty_deeds import CITY
from tests.room import Room
from tests.test_statistics import MONTH, SPAN, a_busy_month, happen, judge_final


@pytest.fixture
def march(own_room: Room) -> Room:
    a_busy_month(own_room)
    return own_room


def page(room: Room, who: str = "Wu", **more: Any) -> BeautifulSoup:
    return BeautifulSoup(room.get(who, "/statistics", **(SPAN | more)).text, "html.parser")


def sheets(room: Room, who: str = "Wu", **more: Any) -> dict[str, list[list[Any]]]:
    answer = room.get(who, "/statistics/figures", **(SPAN | {"as": "xlsx"} | more))
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return {one.title: [[cell.value for cell in row] for row in one.iter_rows()] for one in book.worksheets}


def below(rows: list[list[Any]], first: str) -> list[list[Any]]:
    """The rows of a sheet under the line of its columns."""
    at = next(place for place, row in enumerate(rows) if row[0] == first and len([*filter(None, row)]) > 2)
    return rows[at + 1 :]


def test_every_breakdown_has_its_sheet_with_the_pages_figures(march: Room) -> None:
    found = sheets(march)
    assert list(found) == [
        "单位", "月份", "事件类别", "级别", "班次（带班领导）", "演练口径", "各环节用时",
        "近 12 个月", "月度封账",
    ]  # fmt: skip
    for by, name in (("unit", "单位"), ("month", "月份"), ("category", "事件类别"), ("level", "级别"),
                     ("shift", "班次（带班领导）")):  # fmt: skip
        shown = {}
        for row in page(march, by=by).select("#rates tbody tr"):
            ratios = [cell.get_text() for cell in row.select("td:not(.is-drill)")]
            shown[row.th.get_text(strip=True)] = [re.search(r"(\d+)/(\d+)", one) for one in ratios]
        filed = {row[0]: row[1:7] for row in below(found[name], name)}
        assert filed.keys() == shown.keys()
        for label, pairs in shown.items():
            figures = [int(part) for one in pairs for part in (one.groups() if one else (0, 0))]
            assert [filed[label][at] for at in (0, 1, 3, 4)] == figures, (by, label)


def test_few_have_a_count_and_no_rate_and_many_have_one(march: Room) -> None:
    whole = below(sheets(march)["单位"], "单位")[0]
    assert whole[5] == 4
    assert whole[6] is None
    for _ in range(3):
        happen(march, 9)
    whole = below(sheets(march)["单位"], "单位")[0]
    assert (whole[4], whole[5], whole[6]) == (5, 7, "71.4%")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_paper_is_a4_with_the_same_words_and_every_page_numbered(march: Room, lang: str) -> None:
    who = "Wu"
    if lang == "en":
        march.parts.people.change(who, lang="en")
    answer = march.get(who, "/statistics/figures", **SPAN, **{"as": "pdf"})
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "application/pdf"
    paper = PdfReader(io.BytesIO(answer.content))
    assert [round(float(side)) for side in paper.pages[0].mediabox[2:]] == [595, 842]
    text = "".join(one.extract_text() for one in paper.pages)
    words = {
        "zh": ("一小时报送达标率", "秦皇岛市", "核定口径", "初判口径", "卢龙县", "获知→研判", "级别"),
        "en": ("By reporting level", "Lulong", "Median (minutes)"),
    }[lang]
    flat = text.replace("\n", "").replace(" ", "")
    for word in words:
        assert word.replace(" ", "") in flat, word
    assert ("第1页" if lang == "zh" else "Page1of") in flat
    again = march.get(who, "/statistics/figures", **SPAN, **{"as": "pdf"})
    assert again.content == answer.content


def test_an_empty_desk_has_tables_too(own_room: Room) -> None:
    assert below(sheets(own_room)["事件类别"], "事件类别")[0][1:7] == [0, 0, None, 0, 0, None]
    assert own_room.get("Wu", "/statistics/figures?as=pdf").status_code == 200
    assert own_room.get("Wu", "/statistics/figures?as=exe").status_code == 404


def test_a_unit_gets_its_own_figures_whatever_it_asks_for(march: Room) -> None:
    own = sheets(march, "Qin", unit=CITY)["单位"]
    assert own[0][1] == "青龙满族自治县"
    assert [row[0] for row in below(own, "单位") if "卢龙" in str(row[0])] == []


def test_every_figure_on_the_page_opens_into_as_many_rows_as_it_says(march: Room) -> None:
    march.told("Wang", "seal-month", {"unit": CITY, "month": MONTH})
    judge_final(march, happen(march, 20), "major")
    opened = 0
    for by in ("unit", "month", "category", "level", "shift"):
        for link in page(march, by=by).select('a[href^="/statistics/incidents"]'):
            said = re.search(r"(?:\d+/)?(\d+)", link.get_text())
            assert said is not None
            rows = BeautifulSoup(march.get("Wu", link["href"]).text, "html.parser").select("#rows tr")
            assert len(rows) == int(said[1]), link["href"]
            opened += 1
        plain = [one for one in page(march, by=by).select("b.ratio") if one.find_parent("a") is None]
        assert plain == [], "a figure that opens into nothing"
    assert opened > 40
    hrefs = " ".join(one["href"] for one in page(march).select("a[href]"))
    assert "stage=known_received" in hrefs
    assert f"sealed={MONTH}" in hrefs


def test_the_longest_of_a_stage_stand_first(march: Room) -> None:
    rows = march.get("Wu", "/statistics/incidents", **SPAN, stage="known_received").text
    spans = [
        row.select("td.number")[1].get_text() for row in BeautifulSoup(rows, "html.parser").select("#rows tr")
    ]
    assert spans == ["1时10分", "45:00", "45:00"]
