"""A break whose line is not there any more would be broken by nothing, and its test would prove nothing."""

from __future__ import annotations

import pytest

from tests.breaks import BREAKS, ROOT, Break


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_what_is_broken_on_purpose_stands_there_exactly_once(one: Break) -> None:
    assert (ROOT / one.file).read_text(encoding="utf-8").count(one.old) == 1
