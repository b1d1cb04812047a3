"""A desk of a few people, in memory of the test: for tests of the gate and of the pages behind it.

Nothing here starts a server. The clock is moved by hand, and passwords are computed with the least memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from server.domain.units import Rank, Unit, UnitTree
from server.gate.auth import principal_of
from server.people.accounts import CREDENTIAL, INVITATION, PERSON
from server.people.credentials import Passwords
from server.people.people import People, SessionSecret
from server.record.database import Database

PASSWORD, OTHER = "a beacon on every tower", "nine bends in the river"
ORIGIN = "http://desk.example:8080"
DESK, STRANGER = "10.20.0.7", "203.0.113.9"
TABLES = [PERSON, CREDENTIAL, INVITATION]  # in the order in which one refers to another

UNITS = UnitTree(
    [
        Unit("130300", "秦皇岛市", "Qinhuangdao", Rank.CITY, None),
        Unit("130324", "卢龙县", "Lulong County", Rank.COUNTY, "130300"),
        Unit("130321", "青龙满族自治县", "Qinglong County", Rank.COUNTY, "130300"),
        Unit("130300-qx", "市气象局", "Weather bureau", Rank.DEPARTMENT, "130300"),
    ]
)


class Clock:
    """The wall's clock and the machine's own, moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
        self.running_s = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.running_s

    def pass_by(self, **span: float) -> None:
        passed = timedelta(**span)
        self.at += passed
        self.running_s += passed.total_seconds()


class CountingPasswords(Passwords):
    """Argon2 with the least memory, which notes against what each password was held."""

    def __init__(self, passes: int = 1) -> None:
        super().__init__(memory_kib=64, passes=passes)
        self.held_against: list[str] = []

    def fits(self, stored: str, password: str) -> bool:
        self.held_against.append(stored)
        return super().fits(stored, password)


@contextmanager
def tables_in(database_url: str) -> Iterator[Database]:
    """The tables of people in a database, where they are not there yet."""
    database = Database(database_url)
    SQLModel.metadata.create_all(database.engine, tables=TABLES)
    yield database
    database.close()


def empty(database: Database) -> None:
    """Nobody is at the desk any more."""
    with database.writing() as connection:
        for table in reversed(TABLES):
            connection.execute(table.delete())


def people_in(database: Database, clock: Clock, passwords: Passwords | None = None) -> People:
    return People(
        database,
        UNITS.__contains__,
        clock.now,
        passwords=passwords or CountingPasswords(),
        monotonic=clock.monotonic,
    )


def seat(people: People) -> People:
    """Wu at the city's desk, Li at a county's, Chen who administers, He at the weather bureau."""
    people.add("Wu", "duty_officer", "130300", PASSWORD)
    people.add("李值班", "duty_officer", "130324", PASSWORD)
    people.add("Chen", "admin", "130300", PASSWORD)
    people.add("He", "liaison", "130300-qx", PASSWORD)
    return people


def sign_in(people: People, name: str, password: str = PASSWORD, where: str = DESK) -> SessionSecret:
    session = people.sign_in(name, password, where)
    assert session is not None
    return session


# --- a product of few pages, to stand behind the gate -----------------------------------------------------


async def who(request: Request) -> Response:
    principal = request.state.principal
    return PlainTextResponse(principal.name if principal else "nobody in particular")


async def write(request: Request) -> Response:
    return JSONResponse({"by": principal_of(request.scope).name, "bytes": len(await request.body())})


async def listen(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(principal_of(websocket.scope).name)
    await websocket.close()


def application(folder: Path) -> Starlette:
    """Pages, an API and a socket that answer with whom the gate let in."""
    (folder / "app.css").write_text("p {}")
    return Starlette(
        routes=[
            Route("/", who),
            Route("/sign-in", who, methods=["GET", "POST"]),
            Route("/sign-out", write, methods=["POST"]),
            Route("/healthz", who),
            Route("/metrics", who),
            Route("/write", write, methods=["POST"]),
            Route("/api/v1/thing", who),
            Route("/api/v1/thing", write, methods=["POST", "PUT", "PATCH", "DELETE"]),
            WebSocketRoute("/api/v1/live", listen),
            Mount("/static", StaticFiles(directory=folder)),
        ]
    )


def refused(response: Any, status: int, type: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said = response.json()
    assert (said["type"], said["status"]) == (type, status)
    assert said["title"]
