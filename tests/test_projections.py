"""State + events = fresh snapshot: every event type, every projection (E29; see `tests/projections.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from schemas.events import EVENTS
from tests.projections import DEEDS, Deed, verify_action
from tests.room import Room


@pytest.fixture(scope="module")
def theatre(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """One room in which everything happens, one thing after another."""
    with rooms("sqlite") as room:
        yield room


def test_every_event_type_has_its_deed():
    assert DEEDS.keys() == EVENTS.keys(), "a new event type: say in tests/projections.py what makes it happen"


@pytest.mark.parametrize("deed", dict.fromkeys(DEEDS.values()), ids=lambda deed: deed.__name__)
def test_screens_that_were_open_show_what_a_fresh_look_shows(theatre: Room, deed: Deed):
    assert verify_action(theatre, deed, viewers=("Wu", "Li", "He")) == []
