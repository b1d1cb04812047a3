"""Starting `fenghuo` hundreds of times without reading its code anew each time: a third of a whole run.

`python -m tests.nursery FD` has the product imported and forks for whoever asks through the socket FD. What
comes out is the real command in a process of its own, with its own arguments, environment, directory and
files; only the second of importing is missing. How it ended is told by the socket that came with the request.
The nursery ends when its asker does.

The installed command itself is started by `tests/test_cli.py`, `tests/test_setup.py`, drills and the bench.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 256 * 1024  # bytes of one request: arguments and environment


class Child:
    """A forked `fenghuo`: as much of `subprocess.Popen` as the tests use."""

    def __init__(self, pid: int, status: socket.socket, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.args = list(arguments)
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                told = self._status.recv(64)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            if not told:
                raise RuntimeError("the nursery itself is gone")
            self.returncode = int(told)
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The asking side; one in each process of pytest, made when it is first wanted."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LONGEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=ROOT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def close(self) -> None:
        self._control.close()
        self._process.wait()

    def start(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], files: tuple[int, int, int]
    ) -> Child:
        """`fenghuo ARGUMENTS` with these as its standard input, output and errors."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        with theirs:
            socket.send_fds(self._control, [json.dumps(asked).encode()], [*files, theirs.fileno()])
        ours.settimeout(60)
        return Child(int(ours.recv(64)), ours, ["fenghuo", *arguments])

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        given: str | None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        with (
            tempfile.TemporaryFile() as words,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as wrong,
        ):
            words.write((given or "").encode())
            words.seek(0)
            child = self.start(
                arguments, cwd=cwd, env=env, files=(words.fileno(), out.fileno(), wrong.fileno())
            )
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise
            return subprocess.CompletedProcess(child.args, code, _text(out), _text(wrong))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


_MADE: dict[int, Nursery] = {}


def nursery() -> Nursery:
    """This process's own."""
    if os.getpid() not in _MADE:
        _MADE[os.getpid()] = Nursery()
    return _MADE[os.getpid()]


# --- the side that forks ----------------------------------------------------------------------------------
class _Cradle:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.waiting: dict[int, socket.socket] = {}  # by process id: who is told how it ended
        self.woken, self._wakes = socket.socketpair()
        for end in (self.woken, self._wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which stops its desks itself
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> list[str] | None:
        """Fork until nobody asks any more. In a child: the arguments with which it shall run."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.control, selectors.EVENT_READ)
            ready.register(self.woken, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self.woken:
                        self.woken.recv(4096)
                        self._bury()
                        continue
                    request, files, _, _ = socket.recv_fds(self.control, LONGEST, 4)
                    if not request:
                        return None
                    if not self._fork(request, files):
                        ready.close()
                        return self._born(json.loads(request), files)

    def _fork(self, request: bytes, files: list[int]) -> int:
        pid = os.fork()
        if pid:
            for one in files[:3]:
                os.close(one)
            asker = socket.socket(fileno=files[3])
            self.waiting[pid] = asker
            asker.send(str(pid).encode())
            self._bury()
        return pid

    def _bury(self) -> None:
        for pid in list(self.waiting):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                with self.waiting.pop(pid) as asker, contextlib.suppress(OSError):
                    asker.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _born(self, asked: dict[str, Any], files: list[int]) -> list[str]:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, one in enumerate(files[:3]):
            os.dup2(one, number, inheritable=True)
        for one in files:
            os.close(one)
        for end in (self.control, self.woken, self._wakes, *self.waiting.values()):
            end.close()
        os.environ.clear()
        os.environ.update(asked["env"])
        time.tzset()
        os.chdir(asked["cwd"])
        random.seed()  # or all desks would wait equally long at random
        sys.argv[:] = ["fenghuo", *asked["arguments"]]
        return [str(one) for one in asked["arguments"]]


# What `fenghuo serve` and its sisters read, also what they read only when it is needed.
READ = (
    "server.app", "server.cli", "server.serving", "uvicorn", "alembic.command", "psycopg", "redis.asyncio",
    "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg",
)  # fmt: skip


def _read_all() -> None:
    for name in READ:
        importlib.import_module(name)
    importlib.import_module("server.config.rulebook").defaults()  # every desk has a copy of the same file
    gc.collect()
    gc.freeze()
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("an import started a thread: what is forked would not have it")


if __name__ == "__main__":
    _read_all()
    arguments = _Cradle(socket.socket(fileno=int(sys.argv[1]))).serve()
    if arguments is not None:
        from server.cli import main

        gc.unfreeze()
        sys.exit(main(arguments))
