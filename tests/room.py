"""The whole product inside the test, with a clock moved by hand: for what would take hours or a process each.

    room.tell("Wu", "open-incident", words.open_incident())
    room.clock.pass_by(minutes=60)
    room.watch()

Everything is the real thing but the network and the time: requests go through the gate, commands through the
store onto the disk. Nothing looks at the clock by itself; `watch()` is one look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx2
from starlette.testclient import TestClient

from server.app import create_app, make_parts
from server.parts import Parts
from server.settings import Settings
from server.watch import Watch

#: Every post at the city's desk, a duty officer in each other kind of unit, and who only looks.
CREW = (
    ("Wu", "duty_officer", "130300"),
    ("Wang", "duty_leader", "130300"),
    ("Zhao", "leadership", "130300"),
    ("Sun", "auditor", "130300"),
    ("Chen", "admin", "130300"),
    ("Luo", "liaison", "130300"),
    ("Gao", "field_commander", "130300"),
    ("Li", "duty_officer", "130324"),  # Lulong
    ("Lian", "leadership", "130324"),
    ("Song", "field_commander", "130324"),
    ("Tian", "duty_officer", "130324104"),  # a township of Lulong
    ("Liang", "duty_leader", "130324"),
    ("Tang", "duty_leader", "130324104"),
    ("Qin", "duty_officer", "130321"),  # Qinglong
    ("Qi", "duty_leader", "130321"),
    ("Qiao", "leadership", "130321"),
    ("He", "liaison", "130300-qx"),  # the weather bureau
)
START = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)  # 14:05 in Beijing


class Clock:
    """The wall's clock and the machine's own, moved by hand."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.running_s = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.running_s

    def pass_by(self, **span: float) -> None:
        passed = timedelta(**span)
        self.at += passed
        self.running_s += passed.total_seconds()

    def ago(self, **span: float) -> str:
        """A moment before now, as the wire wants it."""
        return (self.at - timedelta(**span)).isoformat()


class _HandWatch(Watch):
    """A watch that looks only when it is told to."""

    async def run(self) -> None:
        await anyio.sleep_forever()


class Room:
    """A desk in this process. `restart()` as after a stop; the clock goes on."""

    def __init__(self, folder: Path, database_url: str | None, clock: Clock | None = None) -> None:
        self.settings = Settings(
            data=None if database_url else folder,
            database_url=database_url,
            config=folder / "config" if database_url else None,
        )
        self.folder = folder
        self.clock = clock or Clock()
        self.tokens: dict[str, str] = {}
        self.said: Callable[[httpx2.Response], None] = lambda answer: None
        self._life: ExitStack | None = None

    def start(self) -> None:
        self.parts: Parts = make_parts(self.settings, now=self.clock.now)
        self.parts.watch = _HandWatch(
            self.parts.database, self.parts.store, self.clock.now, self.clock.monotonic
        )
        self.app = create_app(self.parts)
        self._life = ExitStack()
        client = TestClient(self.app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        self.client = self._life.enter_context(client)

    def stop(self) -> None:
        if self._life is not None:
            self._life.close()
            self._life = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def seat(self, people: Iterable[tuple[str, str, str]] = CREW) -> None:
        for name, post, unit in people:
            self.parts.people.add(name, post, unit)
            self.tokens[name] = self.parts.people.add_token(name)

    def request(self, who: str | None, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = dict(options.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        path = path if path.startswith("/") else f"/api/v1/{path}"
        answer: httpx2.Response = self.client.request(method, path, headers=headers, **options)
        self.said(answer)
        return answer

    def tell(self, who: str, name: str, body: Mapping[str, Any], **options: Any) -> httpx2.Response:
        """One command as a person."""
        said = {"command_id": str(uuid4()), **body}
        return self.request(who, "POST", f"commands/{name}", json=said, **options)

    def told(self, who: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One command that is done."""
        answer = self.tell(who, name, body)
        assert answer.status_code == 200, answer.text
        done: dict[str, Any] = answer.json()
        return done

    def get(self, who: str | None, path: str, **query: Any) -> httpx2.Response:
        return self.request(who, "GET", path, params=query or None)

    def ask(self, who: str, path: str, **query: Any) -> Any:
        answer = self.get(who, path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def watch(self) -> None:
        """One look of the watch at what has come due."""
        portal = self.client.portal
        assert portal is not None
        portal.call(self.parts.watch.look)

    def entries(self, incident_id: str, kind: str | None = None, who: str = "Wu") -> list[dict[str, Any]]:
        """The entries of an incident, or those of one event type."""
        found = self.ask(who, f"incidents/{incident_id}")["entries"]
        return [entry for entry in found if kind in (None, entry["event"]["type"])]

    def stream(self, who: str, after: int = 0) -> list[dict[str, Any]]:
        """Everything that is in a person's stream after an offset."""
        found: list[dict[str, Any]] = []
        while page := self.ask(who, "log", after=after, limit=1000)["entries"]:
            found += page
            after = page[-1]["offset"]
        return found
