"""A city's desk and a small one in the field, made from it by `fenghuo take-along`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.to_thread
import httpx2

from server.clocks import utc_now
from server.config.unit_file import default_units
from server.migrations import open_database
from server.people.people import People
from server.record import upward
from server.record.upward import Counts
from server.settings import Settings
from tests.product import FenghuoProcess
from tests.room import Room
from tests.waiting import wait_until


def taken_along(city: FenghuoProcess, folder: Path, people: str = "Li,Song") -> FenghuoProcess:
    """An outpost for Lulong with its people's tokens, not yet started; it knows the city's address."""
    city.fenghuo("take-along", str(folder), "--name", "前指一号", "--unit", "130324", "--people", people)
    with_tokens: dict[str, str] = {}
    database = open_database(Settings(data=folder))
    try:
        guests = People(database, default_units().__contains__, utc_now)
        with_tokens = {name: guests.add_token(name) for name in people.split(",")}
    finally:
        database.close()
    return FenghuoProcess(folder, tokens=with_tokens, arguments=("--upstream", city.url))


def send(desk: FenghuoProcess, who: str, *commands: tuple[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A tablet's outbox, as it sends it: one ordered batch."""
    items = [{"name": name, "body": {"command_id": str(uuid4()), **body}} for name, body in commands]
    answer = desk.phone(who).post("/api/v1/commands", json={"commands": items})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def counts(outpost: FenghuoProcess) -> dict[str, Any]:
    """How much waits, went up and was refused, as /readyz says."""
    answer = outpost.phone(None).get("/readyz")
    found: dict[str, Any] = answer.json()["upstream"]
    return found


def wait_until_handed_on(outpost: FenghuoProcess, within: float = 60) -> None:
    """Nothing waits any more."""

    def is_done() -> bool:
        try:
            return bool(counts(outpost)["waiting"] == 0)
        except httpx2.TransportError:
            return False

    wait_until(is_done, within)


class Line(httpx2.AsyncBaseTransport):
    """The line from an outpost inside the test to a city's room. It can be cut, also after the city has
    done what was asked and before the answer is back."""

    def __init__(self, city: Room) -> None:
        self.city, self.is_up, self.loses_answers = city, False, 0
        self.carried = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.is_up:
            raise httpx2.ConnectError("the line is cut", request=request)
        body = await request.aread()
        headers = dict(request.headers)
        path = request.url.raw_path.decode("ascii")
        answer = await anyio.to_thread.run_sync(
            lambda: self.city.client.request(request.method, path, content=body, headers=headers)
        )
        self.carried += 1
        if self.loses_answers:
            self.loses_answers -= 1
            raise httpx2.ReadError("the line is cut", request=request)
        return httpx2.Response(answer.status_code, content=answer.content, request=request)


def settled(outpost: Room) -> Counts:
    """Wait until nothing waits in a room that is an outpost."""
    database = outpost.parts.database
    wait_until(lambda: upward.counts(database).waiting == 0, within=30)
    return upward.counts(database)
