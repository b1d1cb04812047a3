"""A report on paper: opened and read back, the same bytes each time, words that are only words."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from docx import Document
from docx.oxml.ns import qn
from pypdf import PdfReader

from schemas.forms import Typefaces
from server.config.form_files import default_forms
from server.documents import plain
from server.documents.docx import docx
from server.documents.fonts import NoChineseType, Shelf
from server.documents.pdf import pdf
from server.documents.press import Busy, Press, disposition, file_name
from server.documents.sheet import Run, Sheet, printable
from tests import words
from tests.deeds import opened
from tests.room import Room

BLNS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "sec_blns" / "blns.json"
COMMON = default_forms().common
SHELF = Shelf()


def paper(**over: Any) -> Sheet:
    made = Sheet(
        drill=False,
        notice="",
        secrecy="内部资料 注意保存",
        urgency="特急",
        masthead="秦皇岛市应急管理局值班快报",
        issue="〔2026〕第12期（首报）",
        signer="王某",
        title="卢龙县柳河湾镇液氨泄漏，4人留院观察",
        addressees="河北省应急管理厅，市委、市政府总值班室：",
        paragraphs=(
            (Run("据报告，发生泄漏。", "body"),),
            (Run("一、处置。", "hei"), Run("正在堵漏。", "body")),
            (Run("（一）力量。", "kai"),),
        ),
        attachments=("1. 现场照片", "2. 疏散范围图"),
        issuer="秦皇岛市应急管理局",
        date="2026年11月24日",
        drafter_line="报告时间：14时52分　编辑：赵某",
        copy_to="市公安局",
        printed_by="秦皇岛市应急管理局应急指挥中心",
        printed_on="2026年11月24日印发",
        at=datetime(2026, 11, 24, 6, 52, tzinfo=UTC),
        typefaces=COMMON.typefaces,
        page=COMMON.page,
    )
    return replace(made, **over)


def read_pdf(made: bytes) -> list[str]:
    return [re.sub(r"\s", "", page.extract_text()) for page in PdfReader(io.BytesIO(made)).pages]


def read_docx(made: bytes) -> Any:
    return Document(io.BytesIO(made))


WANTED = [
    "内部资料 注意保存", "特急", "秦皇岛市应急管理局值班快报", "〔2026〕第12期（首报）", "签发人：王某",
    "卢龙县柳河湾镇液氨泄漏，4人留院观察", "河北省应急管理厅，市委、市政府总值班室：", "据报告，发生泄漏。",
    "一、处置。正在堵漏。", "（一）力量。", "附件：1. 现场照片", "2. 疏散范围图", "秦皇岛市应急管理局",
    "2026年11月24日", "报告时间：14时52分", "抄送：市公安局", "2026年11月24日印发",
]  # fmt: skip


def test_every_element_is_on_the_paper_in_its_order() -> None:
    for text in (
        "".join(read_pdf(pdf(paper(), SHELF))),
        "".join(one.text for one in read_docx(docx(paper())).paragraphs),
    ):
        text = re.sub(r"\s", "", text)
        at = 0
        for said in WANTED:
            found = text.find(re.sub(r"\s", "", said), at)
            assert found >= 0, said
            at = found


def test_the_page_and_the_typefaces_are_those_of_the_standard() -> None:
    document = read_docx(docx(paper()))
    section = document.sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    assert (round(section.top_margin.mm), round(section.left_margin.mm)) == (37, 28)
    by_text = {run.text: run for one in document.paragraphs for run in one.runs}
    for text, face, size in (
        ("秦皇岛市应急管理局值班快报", "方正小标宋简体", None),
        ("卢龙县柳河湾镇液氨泄漏，4人留院观察", "方正小标宋简体", 22),
        ("据报告，发生泄漏。", "仿宋_GB2312", 16),
        ("一、处置。", "黑体", 16),
        ("（一）力量。", "楷体_GB2312", 16),
        ("王某", "楷体_GB2312", 16),
    ):
        run = by_text[text]
        fonts = run._r.rPr.find(qn("w:rFonts"))
        assert fonts.get(qn("w:eastAsia")) == face, text
        assert size is None or run.font.size.pt == size, text
    masthead = by_text["秦皇岛市应急管理局值班快报"]
    assert str(masthead.font.color.rgb) == "C8102E"
    page = PdfReader(io.BytesIO(pdf(paper(), SHELF))).pages[0]
    assert [round(float(side) / 72 * 25.4) for side in page.mediabox[2:]] == [210, 297]


def test_every_typeface_of_the_pdf_is_in_the_file() -> None:
    page = PdfReader(io.BytesIO(pdf(paper(), SHELF))).pages[0]
    fonts = page["/Resources"]["/Font"]  # type: ignore[index]
    assert fonts
    for font in fonts.values():
        (inner,) = font.get_object()["/DescendantFonts"]
        descriptor = inner.get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), (
            "a reader without the typeface would show boxes"
        )


def test_the_same_report_gives_the_same_bytes_and_another_gives_others() -> None:
    for write in (docx, lambda sheet: pdf(sheet, Shelf())):
        assert write(paper()) == write(paper())
        assert write(paper()) != write(paper(title="另一个标题"))


def test_a_drill_says_so_on_every_page_and_in_the_name_of_the_file() -> None:
    long = tuple((Run("情况正在核实。" * 20, "body"),) for _ in range(12))
    drill = paper(drill=True, notice="演练", paragraphs=long)
    pages = read_pdf(pdf(drill, SHELF))
    assert len(pages) > 2
    assert all("演练" in page for page in pages)
    section = read_docx(docx(drill)).sections[0]
    for header in (section.header, section.even_page_header):
        assert "演练" in header.paragraphs[0].text
    assert file_name(drill, "pdf").startswith("演练")
    assert "演练" not in "".join(read_pdf(pdf(paper(), SHELF)))


def test_pages_are_numbered_as_the_standard_has_it() -> None:
    long = tuple((Run("情况正在核实。" * 20, "body"),) for _ in range(12))
    pages = read_pdf(pdf(paper(paragraphs=long), SHELF))
    for number, page in enumerate(pages, start=1):
        assert f"—{number}—" in page


def test_a_heading_stands_on_the_page_of_what_follows_it() -> None:
    line, after = (Run("情况正在核实。", "body"),), (Run("正在堵漏。" * 4, "body"),)
    pages_with_it = set()
    for lines in range(6, 16):  # somewhere in between the heading meets the foot of the first page
        paragraphs = (*[line] * lines, (Run("一、处置", "hei"),), after)
        pages = read_pdf(pdf(paper(paragraphs=paragraphs, attachments=()), SHELF))
        (number,) = (at for at, page in enumerate(pages) if "一、处置" in page)
        assert "正在堵漏" in pages[number], lines
        pages_with_it.add(number)
    assert pages_with_it == {0, 1}


CODE = [
    '#panic("x")', "#{1/0}", "$x^2$", "*bold* _it_ `raw`", "#import \"/etc/passwd\"", "@label <label>",
    "{{ 7*7 }}", "{% raise %}", "<w:p>&amp;</w:p>", "]]>", "\\u{41}", "// comment", "= heading", "- list",
]  # fmt: skip


@pytest.mark.parametrize("said", CODE)
def test_what_looks_like_code_is_printed_as_it_is(said: str) -> None:
    sheet = paper(title=said, paragraphs=((Run(said, "body"),),), signer=said, issuer=said)
    wanted = re.sub(r"\s", "", said)
    assert "".join(read_pdf(pdf(sheet, SHELF))).count(wanted) >= 3
    document = read_docx(docx(sheet))
    assert [one.text for one in document.paragraphs].count(said) >= 3


def test_characters_that_nothing_can_print_are_left_out_and_break_nothing() -> None:
    nasty = "甲\x00\x01\x0b\x1b\x7f乙\u202e丙\u2066\ufeff\uffff\ufffe丁\r\n戊\r己\u2028庚"
    assert printable(nasty) == "甲乙丙丁\n戊\n己\n庚"
    whole = "".join(map(chr, range(0, 0x3100)))
    sheet = paper(title=printable(whole)[:200], paragraphs=((Run(printable(whole), "body"),),))
    assert read_docx(docx(sheet)).paragraphs
    assert read_pdf(pdf(sheet, SHELF))


@pytest.mark.skipif(not BLNS.exists(), reason="the list of naughty strings is not here")
def test_the_list_of_naughty_strings_comes_out_of_the_docx_as_it_went_in() -> None:
    nasty = [printable(one).replace("\n", " ") for one in json.loads(BLNS.read_text(encoding="utf-8"))]
    sheet = paper(paragraphs=tuple((Run(one, "body"),) for one in nasty))
    told = [one.text for one in read_docx(docx(sheet)).paragraphs]
    assert [one for one in nasty if one and one not in told] == []
    assert pdf(sheet, SHELF).startswith(b"%PDF")


def test_without_chinese_type_nothing_is_printed_and_it_is_said_why(one_room: Room, tmp_path: Path) -> None:
    bare = Shelf(tmp_path, system=False)
    with pytest.raises(NoChineseType):
        pdf(paper(), bare)
    one = opened(one_room)
    draft = words.draft_report(one)
    one_room.told("Wu", "draft-report", draft)
    base = f"/incidents/{one}/reports/{draft['report_id']}"
    one_room.parts.press.shelf, kept = bare, one_room.parts.press.shelf
    try:
        answer = one_room.get("Wu", f"{base}/report.pdf")
        assert answer.status_code == 503
        assert "fonts-noto-cjk" in answer.text
        assert one_room.get("Wu", f"{base}/report.docx").status_code == 200, "that needs no type of ours"
    finally:
        one_room.parts.press.shelf = kept


def test_a_typeface_that_is_not_here_is_stood_in_for_by_one_that_is() -> None:
    wanted = COMMON.typefaces.model_dump() | {"body": ("没有这种字体", "Nothing Of The Kind")}
    faces = SHELF.faces(Typefaces.model_validate(wanted))
    assert all(faces.values())
    assert "Nothing Of The Kind" not in faces["body"]


# ---------------------------------------------------------------- the download


def test_a_download_is_a_file_and_nothing_else(one_room: Room) -> None:
    one = opened(one_room, title='a/b\\c:"*?<>|.泄漏', drill=True)
    draft = words.draft_report(one)
    one_room.told("Wu", "draft-report", draft)
    for kind, begins in (("pdf", b"%PDF"), ("docx", b"PK")):
        path = f"/incidents/{one}/reports/{draft['report_id']}/report.{kind}"
        answer = one_room.get("Wu", path)
        assert answer.status_code == 200
        assert answer.content.startswith(begins)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        told = answer.headers["content-disposition"]
        match = re.fullmatch(r"attachment; filename=\"([ -~]+)\"; filename\*=UTF-8''([!-~]+)", told)
        assert match, told
        assert match[1].startswith("drill-")
        name = unquote(match[2])
        assert name.startswith("演练")
        assert not set(name) & set('\\/:*?"<>|')
        assert one_room.get("Qin", path).status_code == 404
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        told = archive.read("_rels/.rels").decode()
        for target in re.findall(r'Target="/?([^"]+)"', told):
            assert target in archive.namelist(), "a part that is referred to and is not there"


def test_a_name_is_no_longer_than_a_file_system_takes_and_cannot_end_the_header() -> None:
    name = file_name(paper(title="长" * 300), "pdf")
    assert len(name.encode()) < 255
    told = disposition('a"\r\nX: y; filename=b', "plain.pdf")
    assert "\r" not in told
    assert told.count('"') == 2


async def test_more_than_can_be_printed_in_good_time_is_refused() -> None:
    press = Press()
    press._waiting = 16
    with pytest.raises(Busy):
        await press.printed("docx", paper())
    press._waiting = 0
    made = await press.printed("docx", paper())
    press._waiting = 16
    assert await press.printed("docx", paper()) is made, "what was printed before is there at once"


def test_the_plain_text_is_what_is_on_the_paper() -> None:
    told = plain.text(paper())
    for said in WANTED[:-1]:  # who printed it when is of the paper alone
        assert said in told
