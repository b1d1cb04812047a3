"""The real product as its own process, and its clients, in the words of a duty room.

desk = FenghuoProcess(folder)          # or FenghuoProcess(folder, database_url=…, redis_url=…)
desk.start()
desk.add_person("Wu", "duty_officer", "130300")
answer = desk.tell("Wu", "open-incident", words.open_incident())
async with desk.listen("Wu") as live:
    entry = await live.entry()
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.nursery import Child, nursery
from tests.servers import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
FENGHUO = Path(sys.executable).with_name("fenghuo")
PASSWORD = "a beacon on every tower 2026"  # everyone's, in the tests
STARTING = 30.0  # seconds a desk may take until it is ready on a busy machine
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused on loopback; a client makes its own slowly

SEVERAL_COMMANDS = """
import io, json, sys
from server.cli import main
for arguments, given in json.load(sys.stdin):
    sys.stdin = io.StringIO(given)
    if status := main(arguments):
        sys.exit(f"fenghuo {' '.join(arguments)} ended with {status}")
"""

RUNNING: weakref.WeakSet[FenghuoProcess] = weakref.WeakSet()  # whose logs a failed test shows


def _plain_environment() -> dict[str, str]:
    """This machine's, without whatever FENGHUO_ settings its owner has."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FENGHUO_")}


class FenghuoProcess:
    """`fenghuo serve` on a loopback port. The port stays the same when it is started again."""

    program: Sequence[str | Path] = (FENGHUO,)  # a control may serve with one safety off: tests.careless
    forked = False  # from a process that has the code read already: pytest's own desks (tests/nursery.py)
    host = "127.0.0.1"  # where it is heard; elsewhere than here in a network of its own

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.database_url = database_url
        self.redis_url = redis_url
        self.arguments = arguments
        self.environment = _plain_environment() | dict(environment or {})
        self.tokens = dict(tokens or {})  # by name
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | Child | None = None
        self._clients: dict[str, httpx2.Client] = {}  # by token, for `tell` and `ask`
        self._log = folder.parent / f"{folder.name}-{self.port}.log"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """What it printed since it was first started."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def store(self) -> tuple[str, ...]:
        """Where its log is kept, as a flag of every command."""
        if self.database_url is not None:
            return ("--database-url", self.database_url)
        return ("--data", str(self.folder))

    # --- the process ------------------------------------------------------------------------------------
    def start(self, *, until_ready: bool = True) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        bus = ("--redis-url", self.redis_url) if self.redis_url else ()
        asked = ["serve", "--host", self.host, "--port", str(self.port), *self.store, *bus, *self.arguments]
        with self._log.open("ab") as log, open(os.devnull, "rb") as nothing:
            if self.forked and tuple(self.program) == (FENGHUO,):
                files = nothing.fileno(), log.fileno(), log.fileno()
                self.process = nursery().start(asked, cwd=ROOT, env=self.environment, files=files)
            else:
                self.process = subprocess.Popen(
                    [*self.program, *asked],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=nothing,
                    stdout=log,
                    stderr=log,
                )
        RUNNING.add(self)
        if until_ready:
            self.wait_until_ready()

    def wait_until_ready(self, within: float = STARTING) -> None:
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=5, verify=TLS) as client:

            def ready() -> bool:
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"fenghuo ended instead of becoming ready:\n{self.log[-4000:]}")
                try:
                    return client.get("/readyz").status_code == 200
                except httpx2.TransportError:
                    return False

            try:
                wait_until(ready, within)
            except AssertionError as late:
                raise AssertionError(f"{late}\n{self.log[-4000:]}") from None

    def kill9(self) -> None:
        """The process is gone in the middle of whatever it did."""
        self._hang_up()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, within: float = 15.0) -> int | None:
        """As an operator stops it; gives back its exit code. Not stopping in time fails the test."""
        self._hang_up()
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"fenghuo did not stop within {within:g} s:\n{self.log[-4000:]}") from None

    def restart(self) -> None:
        self.stop()
        self.start()

    def fenghuo(
        self, *arguments: str, given: str | None = None, expect: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run another `fenghuo` command on the same desk; `expect=None` takes any exit code."""
        done = self._run(*arguments, *self.store, given=given)
        if expect is not None:
            assert done.returncode == expect, f"fenghuo {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def _run(self, *arguments: str, given: str | None) -> subprocess.CompletedProcess[str]:
        if self.forked:
            return nursery().run(arguments, cwd=ROOT, env=self.environment, given=given, timeout=60)
        return subprocess.run(
            [FENGHUO, *arguments],
            cwd=ROOT, env=self.environment, input=given, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    # --- people -----------------------------------------------------------------------------------------
    def add_person(self, name: str, post: str, unit: str) -> str:
        """An account with PASSWORD and a bearer token, which is given back and remembered by name."""
        self.fenghuo(
            "user", "add", name, "--post", post, "--unit", unit, "--password-stdin", given=PASSWORD + "\n"
        )
        self.tokens[name] = self.fenghuo("token", "add", "--user", name).stdout.strip()
        return self.tokens[name]

    def add_people(self, people: Iterable[tuple[str, str, str]]) -> None:
        """The same for several, by the same command line, but in one process: starting one takes a second."""
        commands: list[tuple[list[str], str]] = []
        names = []
        for name, post, unit in people:
            names.append(name)
            account = ["user", "add", name, "--post", post, "--unit", unit, "--password-stdin", *self.store]
            commands.append((account, PASSWORD + "\n"))
            commands.append((["token", "add", "--user", name, *self.store], ""))
        done = subprocess.run(
            [sys.executable, "-c", SEVERAL_COMMANDS],
            cwd=ROOT, env=self.environment, input=json.dumps(commands),
            capture_output=True, text=True, timeout=50,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()  # for each: the account, then the token alone on its line
        self.tokens |= dict(zip(names, lines[1::2], strict=True))

    def _bearer(self, who: str | None) -> dict[str, str]:
        return {} if who is None else {"Authorization": f"Bearer {self.tokens.get(who, who)}"}

    def client(self, who: str | None = None) -> httpx2.Client:
        """HTTP as a person (by name, or by token), or as nobody."""
        return httpx2.Client(
            base_url=self.url, headers=self._bearer(who), trust_env=False, timeout=20, verify=TLS
        )

    def async_client(self, who: str | None = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.url, headers=self._bearer(who), trust_env=False, timeout=20, verify=TLS
        )

    def phone(self, who: str | None) -> httpx2.Client:
        """The client that is kept for a person while the desk runs. Not to be closed."""
        key = "" if who is None else self.tokens.get(who, who)
        if key not in self._clients:
            self._clients[key] = self.client(who)
        return self._clients[key]

    def _hang_up(self) -> None:
        while self._clients:
            self._clients.popitem()[1].close()

    def tell(self, who: str, name: str, body: Mapping[str, Any]) -> httpx2.Response:
        """One command as a person."""
        return self.phone(who).post(f"/api/v1/commands/{name}", json={"command_id": str(uuid4()), **body})

    def ask(self, who: str, path: str, **query: Any) -> Any:
        """What a page of the reading API says to a person; anything but 200 fails the test."""
        answer = self.phone(who).get(f"/api/v1/{path.lstrip('/')}", params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    @asynccontextmanager
    async def listen(
        self, who: str | None, hello: Mapping[str, Any] | None = None, **headers: str
    ) -> AsyncIterator[Listener]:
        """The live stream as a person. Without a hello of its own: from now on. `hello={}` says nothing."""
        async with connect(
            self.url.replace("http", "ws", 1) + "/api/v1/live",
            subprotocols=["fenghuo.v1"],  # type: ignore[list-item]
            additional_headers=self._bearer(who) | headers,
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=20,
            close_timeout=2,
        ) as socket:
            listener = Listener(socket)
            if hello != {}:
                await listener.say({"type": "hello", "epoch": None, "after": None, **(hello or {})})
                listener.welcome = await listener.next("welcome")
            yield listener


class Listener:
    """One listener's socket. Everything it waits for has a limit."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}

    async def say(self, message: Mapping[str, Any]) -> None:
        await self.socket.send(json.dumps(message, ensure_ascii=False))

    async def receive(self, within: float = 10.0) -> dict[str, Any]:
        """The next frame, whatever it is."""
        frame = await asyncio.wait_for(self.socket.recv(), within)
        message = json.loads(frame)
        assert isinstance(message, dict)
        return message

    async def next(self, kind: str, within: float = 10.0) -> dict[str, Any]:
        """The next frame of a type; others in between are passed over."""
        async with asyncio.timeout(within):
            while (message := await self.receive(within)).get("type") != kind:
                pass
        return message

    async def entry(self, within: float = 10.0) -> dict[str, Any]:
        return await self.next("entry", within)

    async def entries(self, count: int, within: float = 10.0) -> list[dict[str, Any]]:
        async with asyncio.timeout(within):
            return [await self.next("entry", within) for _ in range(count)]

    async def closed(self, within: float = 10.0) -> int:
        """Wait until the other side closes, and give back its close code."""
        async with asyncio.timeout(within):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                code = self.socket.close_code
        assert code is not None
        return code
