"""How a few words find a text, and what of an entry can be found at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENTS
from server.domain import telling
from server.domain.finding import LONGEST_QUERY, cut_out, fold, read_query, searched
from server.record.find_index import shelf_of, tags_of, term_tags
from server.screens.texts import FOLDER

TITLE = "卢龙县石门镇化工厂氯气泄漏"


def found(query: str, text: str, **how: bool) -> list[str] | None:
    """What of the text the query marks."""
    asked = read_query(query)
    assert asked is not None
    spans = asked.spans(text, **how)
    return None if spans is None else [text[first:last] for first, last in spans]


@pytest.mark.parametrize(
    ("query", "marks"),
    [
        ("氯", ["氯"]), ("氯气", ["氯气"]), ("石门 泄漏", ["石门", "泄漏"]), ("shimen", ["石门"]),
        ("llx", ["卢龙县"]), ("smzhgc", ["石门镇化工厂"]), ("lulong", ["卢龙"]), ("LuLong", ["卢龙"]),
        ("ｌｕｌｏｎｇ", ["卢龙"]), ("lulongxian shimen", ["卢龙县石门"]), ("lulongx", ["卢龙县"]),
    ],
)  # fmt: skip
def test_a_title_is_found_by_characters_pinyin_and_initials(query: str, marks: list[str]) -> None:
    assert found(query, TITLE, spelled=True) == marks


@pytest.mark.parametrize("query", ["ulong", "o", "石门 地震", "hgcl lulongzz", "ongxian", "氯气泄漏了"])
def test_what_is_not_said_is_not_found(query: str) -> None:
    assert found(query, TITLE, spelled=True) is None


def test_pinyin_is_read_only_where_names_stand() -> None:
    assert found("lulong", TITLE) is None


@pytest.mark.parametrize(
    "query", ["13811112222", "138-1111-2222", "138 1111 2222", "1111 2222", "+86 13811112222"]
)
@pytest.mark.parametrize(
    "text", ["来电13811112222。", "来电 138-1111-2222。", "来电１３８ １１１１ ２２２２。"]
)
def test_a_phone_is_found_however_it_is_written(query: str, text: str) -> None:
    marks = found(query, text)
    assert marks
    assert all(fold(mark)[0].isdigit() for mark in marks)


def test_digits_that_are_no_phone_do_not_grow_together() -> None:
    assert found("1220", "12 人, 20 车") is None
    assert found("12", "12 人") == ["12"]


def test_width_case_accents_and_what_nobody_sees_make_no_difference() -> None:
    assert found("ABC１２", "ａｂｃ12") == ["ａｂｃ12"]
    assert found("cafe", "Café") == ["Café"]
    assert found("火灾", "火\u200b灾") == ["火\u200b灾"]
    assert found("ss", "Straße") == ["ß"]


def test_a_query_is_cut_and_has_few_terms_and_nothing_is_no_query() -> None:
    assert read_query(" \u3000\x00 ") is None
    long = read_query("火 " * 500)
    assert long is not None
    assert len(long.text) <= LONGEST_QUERY
    assert long.options == (("火",),)


def test_a_snippet_shows_the_place_and_marks_it_there() -> None:
    text = "前" * 500 + "氯气" + "后" * 500
    asked = read_query("氯气")
    assert asked is not None
    piece, marks = cut_out(text, asked.spans(text) or [])
    assert len(piece) <= 162
    assert [piece[first:last] for first, last in marks] == ["氯气"]
    assert piece.startswith("…")
    assert piece.endswith("…")


@given(st.text(max_size=40), st.integers(0, 39), st.integers(1, 8), st.booleans())
def test_whatever_is_found_carries_the_tags_by_which_it_is_looked_for(
    text: str, start: int, length: int, spelled: bool
) -> None:
    """A tag may be true of too many, never of too few: of a piece of the text, and of its spelling."""
    piece = telling.Piece("log", text, spelled=spelled)
    marked, shelf = tags_of([piece]), shelf_of("log")
    for said in (text, searched(text, spelled=spelled)):
        asked = read_query(said[start : start + length])
        if asked is None or asked.spans(text, spelled=spelled) is None:
            continue
        by = [terms for terms in asked.options if read_query(" ".join(terms))]
        assert any(all(tag in marked for term in terms for tag in term_tags(shelf, term, 99)) for terms in by)


def test_the_words_for_numbers_are_those_of_the_screens() -> None:
    texts = json.loads((Path(FOLDER) / "zh.json").read_text(encoding="utf-8"))
    for name, word in telling.FACTS.items():
        assert texts[f"fact.{name}"].split("/")[0] == word


def test_every_event_with_words_of_people_can_be_found() -> None:
    """A new event with a text of its own is either found, or named here with the reason."""
    silent = {
        "obligation_started", "obligation_excused", "prompt_due",  # the rule's words, not anybody's
        "alarm_raised", "alarm_settled",  # ours as well
        "report_edited", "report_drafted",  # read apart
    }  # fmt: skip
    for name, event in EVENTS.items():
        fields = {"text", "reason", "basis", "note", "remarks"} & set(event.model_fields)
        if fields and name not in silent:
            assert set(telling._TEXTS.get(name, ("", ()))[1]) >= fields, name
    assert set(telling._TEXTS) <= set(EVENTS)
