"""The tests' own waiting: a condition that comes true ends it, one that never does fails and says which."""

import pytest

from tests.waiting import eventually


def test_waiting_ends_when_the_condition_holds():
    looks = iter([None, [], "here"])
    assert eventually(lambda: next(looks)) == "here"


async def test_waiting_in_an_async_test_takes_async_conditions():
    looks = iter([False, True])

    async def seen() -> bool:
        return next(looks)

    assert await eventually(seen) is True


async def test_waiting_for_nothing_fails_and_names_the_condition():
    with pytest.raises(AssertionError, match=r"never_true"):
        await eventually(lambda: "never_true" == "", within=0.05)


def test_an_assertion_that_fails_means_not_yet():
    looks = iter([1, 2, 3])

    def three() -> bool:
        assert next(looks) == 3
        return True

    eventually(three)
