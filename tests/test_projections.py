"""State + events = fresh snapshot: every event type, every projection (E29; see `tests/projections.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from schemas.events import EVENTS
from tests.projections import DEEDS, Deed, hold_a_duty, verify_action
from tests.room import Room


@pytest.fixture(scope="module")
def theatre(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """One room in which everything happens, one thing after another."""
    with rooms("sqlite") as room:
        yield room


def test_every_event_type_has_its_deed():
    assert DEEDS.keys() == EVENTS.keys(), "a new event type: say in tests/projections.py what makes it happen"


ON_ONE_STAGE = [deed for deed in dict.fromkeys(DEEDS.values()) if deed is not hold_a_duty]


@pytest.mark.parametrize("deed", ON_ONE_STAGE, ids=lambda deed: deed.__name__)
def test_screens_that_were_open_show_what_a_fresh_look_shows(theatre: Room, deed: Deed):
    assert verify_action(theatre, deed, viewers=("Wu", "Li", "He")) == []


def test_screens_that_were_open_when_a_duty_began_show_it_as_a_fresh_look_does(
    rooms: Callable[..., AbstractContextManager[Room]],
):
    with rooms("sqlite") as room:
        assert verify_action(room, hold_a_duty, viewers=("Wu", "Li")) == []
