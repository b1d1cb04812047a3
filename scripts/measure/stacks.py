"""The servers that are compared, each in a process of its own, and which of them this machine has.

Ours and what comes with our own packages are always there, the C loop where a C compiler is. The others are
no part of the product: they are measured where they are installed, and otherwise named with the line that
installs them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from measure.compiled import HERE, compiled, pinned
from measure.figures import BODY_BYTES, Usage, resident_mb
from tests.servers import free_port
from tests.waiting import wait_until

RIVALS = Path(os.environ.get("FENGHUO_RIVALS") or Path.home() / ".cache" / "fenghuo-rivals")
PYTHON_RIVALS, NODE_RIVALS = RIVALS / "python", RIVALS / "node_modules"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{more}"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
BEARER = "Sec-WebSocket-Protocol: fenghuo.v1\r\nAuthorization: Bearer %s\r\n"
HELLO = '{"type":"hello","epoch":null,"after":null}'
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
load_module {module}; worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{
  access_log off; client_body_temp_path {folder}/body; keepalive_requests 10000000;
  keepalive_timeout 1d;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /listen {{
      nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message newest;
    }}
    location = /tell {{ nchan_publisher http; nchan_channel_id all; nchan_message_buffer_length 16; }}
    location = /up {{ return 200; }}
  }}
}}
"""


@dataclass
class Running:
    """A server that is up, and how one listens to it."""

    port: int
    control: int
    process: subprocess.Popen[str]
    request: str
    hello: str = ""
    greetings: int = 0  # messages that come before a listener is one
    trigger: str = "x"
    tokens: str = ""
    pids: list[int] = field(default_factory=list)

    def usage(self) -> Usage:
        each = [Usage.of(pid) for pid in self.pids]
        return Usage(sum(one.cpu_s for one in each), sum(one.waited_s for one in each))

    def resident_kb(self) -> float:
        return sum(resident_mb(pid) for pid in self.pids) * 1024


@dataclass(frozen=True)
class Stack:
    """One way to tell many; `missing` says what this machine lacks for it, or nothing."""

    name: str
    start: Callable[[Path], Running]
    missing: str = ""


def _started(
    command: Sequence[str | Path], request: str, environment: dict[str, str] | None = None, **how: object
) -> Running:
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if environment else None,
        text=True,
        env=os.environ | (environment or {}),
        preexec_fn=lambda: pinned(0),
    )
    assert process.stdout is not None
    said = process.stdout.readline().split()
    if len(said) != 2:
        process.kill()
        process.wait()
        raise RuntimeError(f"{command[:3]} did not start")
    port, control = map(int, said)
    return Running(port, control, process, request, pids=[process.pid], **how)  # type: ignore[arg-type]


def _plain(path: str = "/api/v1/live", more: str = "") -> str:
    return REQUEST.format(path=path, more=more)


def _ours(folder: Path) -> Running:
    tokens = folder / "tokens"
    command = [sys.executable, "-m", "measure.ours", tokens]
    how = {"hello": HELLO, "greetings": 1, "tokens": str(tokens)}
    return _started(command, _plain(more=BEARER), **how)


def _loop_in_c(joined: bool) -> Callable[[Path], Running]:
    return lambda _folder: _started([compiled("loop") or "", "1" if joined else "0"], _plain())


def _in_python(kind: str) -> Callable[[Path], Running]:
    return lambda _folder: _started([sys.executable, "-m", "measure.others", kind], _plain())


def _socketio(_folder: Path) -> Running:
    path = os.pathsep.join([str(PYTHON_RIVALS), os.environ.get("PYTHONPATH", "")])
    request = _plain("/socket.io/?EIO=4&transport=websocket")
    command = [sys.executable, "-m", "measure.others", "socketio"]
    return _started(command, request, {"PYTHONPATH": path}, hello="40", greetings=2)


def _node(_folder: Path) -> Running:
    command = ["node", HERE / "others.js", str(BODY_BYTES)]
    return _started(command, _plain(), {"NODE_PATH": str(NODE_RIVALS)})


def _nchan(folder: Path) -> Running:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, module=NCHAN, port=port))
    command = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", configuration]
    process = subprocess.Popen(
        list(map(str, command)),
        text=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PATH": PATHS},
        preexec_fn=lambda: pinned(0),
    )

    def is_up() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/up", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    wait_until(is_up, within=10)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    trigger = f"POST /tell HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES}\r\n\r\n{'x' * BODY_BYTES}"
    pids = [process.pid, *map(int, children)]
    return Running(port, port, process, _plain("/listen"), trigger=trigger, pids=pids)


def _has_socketio() -> bool:
    return importlib.util.find_spec("socketio") is not None or (PYTHON_RIVALS / "socketio").is_dir()


def _has_node_ws() -> bool:
    check = ["node", "-e", "require('ws')"]
    environment = os.environ | {"NODE_PATH": str(NODE_RIVALS)}
    return bool(
        shutil.which("node") and subprocess.run(check, env=environment, capture_output=True).returncode == 0
    )


OURS, LIMIT, JOINED = "fenghuo", "C loop", "C loop joined"


def stacks() -> list[Stack]:
    """All of them, the one that the ratios refer to first."""
    no_compiler = "" if compiled("loop") else "a C compiler: apt-get install gcc"
    has_nchan = shutil.which("nginx", path=PATHS) and NCHAN.exists()
    no_nchan = "" if has_nchan else "apt-get install libnginx-mod-nchan"
    no_node = "" if _has_node_ws() else f"node, and npm install --prefix {RIVALS} ws"
    no_socketio = "" if _has_socketio() else f"pip install --target {PYTHON_RIVALS} python-socketio"
    return [
        Stack(LIMIT, _loop_in_c(False), no_compiler),
        Stack(JOINED, _loop_in_c(True), no_compiler),
        Stack(OURS, _ours),
        Stack("nchan", _nchan, no_nchan),
        Stack("node ws", _node, no_node),
        Stack("websockets broadcast", _in_python("broadcast")),
        Stack("starlette loop", _in_python("loop")),
        Stack("python-socketio", _socketio, no_socketio),
    ]


@contextmanager
def running(stack: Stack) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        Path(folder).chmod(0o755)  # nginx's worker is somebody else
        server = stack.start(Path(folder))
        try:
            yield server
        finally:
            server.process.terminate()
            try:
                server.process.wait(5)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()
            if server.process.stdout is not None:
                server.process.stdout.close()
