"""Drives the listeners of a measurement: `crowd.c` where a C compiler is, the same in Python where none is.

    with crowd([port], 5000, request=…, control=…) as listeners:
        listeners.ready_s
        listeners.run(40, in_flight=1, seconds=4)["ms"]

Run as a module this is the one in Python; it takes the same arguments and answers the same lines.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from measure.compiled import compiled, pinned

AT_ONCE = 100


class Crowd:
    """Listeners in a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.ready_s = float(self._answer()["ready_s"])

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the listeners ended early")
        return dict(json.loads(line))

    def ask(self, line: str) -> dict[str, Any]:
        self.tell(line)
        return self._answer()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def run(self, count: int, *, in_flight: int, seconds: float) -> dict[str, Any]:
        """Messages one after another, or several in flight; how long each took to the last listener."""
        return self.ask(f"run {count} {in_flight} {seconds:g}")

    def pace(self, rate: float, count: int) -> dict[str, Any]:
        return self.ask(f"pace {rate:g} {count}")

    def state(self) -> dict[str, Any]:
        return self.ask("state")


@contextmanager
def crowd(
    ports: Sequence[int],
    listeners: int,
    *,
    request: str,
    hello: str = "",
    greetings: int = 0,
    control: int = 0,
    trigger: str = "x",
    tokens: str = "",
    in_python: bool = False,
) -> Iterator[Crowd]:
    """That many listeners, all of them live."""
    program = None if in_python else compiled("crowd")
    command: list[str] = [program] if program else [sys.executable, "-m", "measure.crowd_in_python"]
    doors = ",".join(map(str, ports))
    numbers = map(str, (control, listeners, AT_ONCE, greetings))
    process = subprocess.Popen(
        [*command, doors, *numbers, request, hello, trigger, tokens],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: pinned(1),
    )
    try:
        yield Crowd(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
