"""The clock that people's rights depend on."""

from __future__ import annotations

from datetime import timedelta

from server.clocks import Onward
from tests.room import Clock


def test_a_clock_that_is_set_back_gives_nobody_their_hours_again():
    clock = Clock()
    onward = Onward(clock.now, clock.monotonic)
    signed_in = onward()
    clock.pass_by(minutes=5)
    clock.at -= timedelta(days=1)
    clock.pass_by(hours=2)
    assert onward() - signed_in == timedelta(hours=2, minutes=5)


def test_a_clock_that_is_put_right_a_little_or_set_forward_is_believed():
    clock = Clock()
    onward = Onward(clock.now, clock.monotonic)
    for by in (timedelta(seconds=-1.5), timedelta(seconds=1.9), timedelta(hours=2)):
        clock.pass_by(minutes=1)
        clock.at += by
        assert onward() == clock.now()


def test_once_the_wall_has_caught_up_it_is_believed_again():
    clock = Clock()
    onward = Onward(clock.now, clock.monotonic)
    before = onward()
    clock.at -= timedelta(minutes=10)
    clock.pass_by(minutes=1)
    assert onward() == before + timedelta(minutes=1)
    clock.at = before + timedelta(minutes=2)
    assert onward() == before + timedelta(minutes=2)
