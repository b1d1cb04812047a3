"""Two people change one text at once: both changes are taken, or neither is thrown away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.drafts import splice_of, spliced
from server.domain.merging import merged
from server.domain.report_review import difference

TEXT = st.text("甲乙。\nab", max_size=60)


@pytest.mark.parametrize(
    ("before", "theirs", "mine", "both"),
    [
        ("一。\n二。", "一。\n二。", "一改。\n二。", "一改。\n二。"),
        ("一。\n二。", "一改。\n二。", "一。\n二。", "一改。\n二。"),
        ("一。\n二。\n三。", "一改。\n二。\n三。", "一。\n二。\n三改。", "一改。\n二。\n三改。"),
        ("死亡2人，受伤3人。", "死亡3人，受伤3人。", "死亡2人，受伤5人。", "死亡3人，受伤5人。"),
        ("一。\n", "一。\n二。\n", "一。\n三。\n", "一。\n二。\n三。\n"),
        ("一。\n二。\n三。\n", "一。\n三。\n", "一。\n二。\n三改。\n", "一。\n三改。\n"),
        ("死亡2人。", "死亡3人。", "死亡4人。", None),
        ("", "甲", "乙", "甲\n乙"),
        ("甲", "", "甲乙", None),
    ],
)
def test_changes_in_two_places_are_both_taken_and_in_one_place_none_is_lost(
    before: str, theirs: str, mine: str, both: str | None
) -> None:
    assert merged(before, theirs, mine) == both


@given(TEXT, TEXT)
def test_who_changes_alone_is_taken_at_his_word(before: str, after: str) -> None:
    assert merged(before, before, after) == after
    assert merged(before, after, before) == after
    assert merged(before, after, after) == after


@given(st.text("。\nab", max_size=60), st.data())
def test_what_two_put_in_is_both_there_once_and_in_its_place(before: str, data: st.DataObject) -> None:
    here, there = (data.draw(st.integers(0, len(before))) for _ in range(2))
    theirs, mine = before[:here] + "甲" + before[here:], before[:there] + "乙" + before[there:]
    both, other_way = merged(before, theirs, mine), merged(before, mine, theirs)
    assert (both is None) == (other_way is None), "who came first does not decide whether it fits"
    if both is None:
        between = before[min(here, there) : max(here, there)]
        assert len(set(between)) < 2, "only where it cannot be told which stands first"
        return
    assert both.replace("甲", "") == mine or "\n" in before or not before
    assert (both.count("甲"), both.count("乙")) == (1, 1)


def test_what_one_put_in_between_two_paragraphs_stays_whole_beside_what_the_other_changed() -> None:
    before = "".join(f"第{number}段。\n" for number in range(20))
    theirs = before.replace("第3段。\n", "第3段改。\n").replace("第17段。\n", "")
    mine = before.replace("第10段。\n", "第10段。\n新的一段。\n")
    assert merged(before, theirs, mine) == theirs.replace("第10段。\n", "第10段。\n新的一段。\n")


def test_a_text_made_to_be_slow_is_not() -> None:
    """20,000 characters of one kind: to compare all with all would stand still for minutes."""
    before, theirs, mine = "\n" * 20_000, "\n" * 19_999 + "甲", "乙" + "\n" * 19_999
    assert merged(before, theirs, mine) is not None
    assert difference("。" * 20_000, "。" * 19_000)[0][0] == "gone"


@given(TEXT, TEXT)
def test_the_log_keeps_a_change_as_the_stretch_that_differs(before: str, after: str) -> None:
    assert spliced(before, splice_of("body", before, after)) == after


@given(TEXT, TEXT)
def test_a_difference_has_both_texts_in_it(before: str, after: str) -> None:
    pieces = difference(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "gone") == after
