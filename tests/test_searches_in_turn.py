"""Searches have places of their own: however long they take, nobody who reads a page waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from server import search
from tests import words
from tests.room import Room
from tests.waiting import wait_until

ALL = search.SEARCHES_AT_ONCE + search.SEARCHES_WAITING
AT_ONCE_S = 20  # beyond that it waits for the searches


class Held:
    """Searches that stand still until they are let go."""

    def __init__(self, room: Room, pool: ThreadPoolExecutor) -> None:
        self._room, self._pool = room, pool
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def hold(self, really: Any) -> Any:
        def held(*said: Any) -> Any:
            self.begun.release()
            assert self.go.wait(60)
            return really(*said)

        return held

    def ask(self, path: str, **headers: str) -> Future[httpx2.Response]:
        return self._pool.submit(self._room.request, "Wu", "GET", path, headers=headers)

    def fill(self, path: str) -> list[Future[httpx2.Response]]:
        """All places are taken, and all those to wait in."""
        asked = [self.ask(path) for _ in range(ALL)]
        for _ in range(search.SEARCHES_AT_ONCE):
            assert self.begun.acquire(timeout=AT_ONCE_S)
        wait_until(lambda: self._room.parts.searcher.searching == ALL)
        return asked


@pytest.fixture
def held(one_room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    with ThreadPoolExecutor(2 * ALL) as pool:
        held = Held(one_room, pool)
        monkeypatch.setattr(search, "find", held.hold(search.find))
        try:
            yield held
        finally:
            held.go.set()


@pytest.mark.parametrize("path", ["/api/v1/search?q=火", "/search?q=火"])
def test_pages_and_programs_read_while_searches_hold_every_place(
    one_room: Room, held: Held, path: str
) -> None:
    body = words.open_incident()
    one_room.told("Wu", "open-incident", body)
    one = body["incident_id"]
    searches = held.fill(path)
    for reading in (
        "/", "/wall", "/search", f"/incidents/{one}", f"/api/v1/incidents/{one}", "/api/v1/incidents",
        "/api/v1/log", "/api/v1/obligations",
    ):  # fmt: skip
        assert held.ask(reading).result(AT_ONCE_S).status_code == 200, reading
    assert not any(one.done() for one in searches)
    assert not held.begun.acquire(blocking=False), "more at once than there are places"
    held.go.set()
    assert [one.result(AT_ONCE_S).status_code for one in searches] == [200] * ALL
    assert one_room.parts.searcher.searching == 0


def test_who_would_wait_too_long_is_told_so_in_the_own_language_and_when_to_ask_again(held: Held) -> None:
    searches = held.fill("/api/v1/search?q=火")
    for lang, said in (("zh", "同时查找的人太多"), ("en", "Too many searches")):
        busy = held.ask("/api/v1/search?q=火", **{"Accept-Language": lang}).result(AT_ONCE_S)
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "2")
        assert busy.json()["type"] == "searches-busy"
        assert said in busy.json()["detail"]
    page = held.ask("/search?q=鞭炮").result(AT_ONCE_S)
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert "同时查找的人太多" in page.text
    assert 'value="鞭炮"' in page.text, "the words are to be typed again"
    held.go.set()
    assert all(one.result(AT_ONCE_S).status_code == 200 for one in searches)
    assert held.ask("/api/v1/search?q=火").result(AT_ONCE_S).status_code == 200


def test_a_search_that_is_refused_gives_its_place_back(one_room: Room) -> None:
    for _ in range(ALL + 1):
        refused = one_room.get("Wu", "/api/v1/search", q="火", kind="log", after="nonsense")
        assert refused.status_code == 422
    assert one_room.get("Wu", "/api/v1/search?q=火").status_code == 200
