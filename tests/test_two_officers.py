"""Two officers edit one incident at once: no word is lost, no field is replaced under the cursor.

The long form: `scripts/drill E30`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser

from tests.product import FenghuoProcess
from tests.two_officers import REPLACE, described, two_officers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.add_people([("Wang", "duty_leader", "130300")])
    desk.start()
    yield desk
    desk.stop()


async def test_two_officers_and_a_county_lose_no_word_to_each_other(browser: Browser, desk: FenghuoProcess):
    edits = await two_officers(browser, desk, seconds=12, seed=4)
    assert edits.wrong == [], described(edits, 12, 4)
    assert len(edits.said) >= 6, "hardly anything was done"
    assert edits.from_outside >= 10


async def test_a_field_that_is_replaced_under_the_cursor_is_noticed(browser: Browser, desk: FenghuoProcess):
    edits = await two_officers(browser, desk, seconds=4, seed=5, meddle=REPLACE)
    assert any("Wang typed" in one for one in edits.wrong)
