"""An answer that comes before the whole request is there: it is seen, and nobody is taken for dead."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from server.delivery import door
from tests.product import FenghuoProcess

FILE = 24 * 1024 * 1024  # what a desk takes at most, and more than any buffer on the way holds


@pytest.fixture(scope="module")
def each_database() -> str:
    return "sqlite"


def speaker(desk: FenghuoProcess, target: str, size: int, *, method: str = "PUT") -> socket.socket:
    line = socket.create_connection((desk.host, desk.port), timeout=20)
    line.sendall(
        f"{method} {target} HTTP/1.1\r\nhost: desk\r\ncontent-length: {size}\r\n"
        f"content-type: application/json\r\n\r\n".encode()
    )
    return line


def whole_answer(line: socket.socket) -> bytes:
    said = b""
    while piece := line.recv(65536):
        said += piece
    return said


ID = "01a20e7f-41b3-7f29-acea-3cc00d18890b"  # of nothing
ATTACHMENT = f"/api/v1/incidents/{ID}/attachments/{ID}?command_id={ID}&file_name=a.jpg"
REFUSED = [
    ("PUT", ATTACHMENT, FILE, b"HTTP/1.1 401"),
    ("POST", "/api/v1/commands/add-entry", FILE, b"HTTP/1.1 4"),
    ("POST", "/nowhere", 1_100_000, b"HTTP/1.1 303"),
]


@pytest.mark.parametrize(("method", "target", "size", "status"), REFUSED)
def test_who_is_refused_in_the_middle_of_a_large_body_may_finish_speaking_and_sees_why(
    desk: FenghuoProcess, method: str, target: str, size: int, status: bytes
):
    with speaker(desk, target, size, method=method) as line:
        line.sendall(b" " * size)  # a reset would end this, or swallow the answer
        line.shutdown(socket.SHUT_WR)
        assert whole_answer(line).startswith(status)


def test_who_never_finishes_is_hung_up_on(desk: FenghuoProcess):
    beyond = door.UNWANTED_BODY_BYTES + 32 * 1024 * 1024
    with speaker(desk, "/api/v1/commands/add-entry", beyond, method="POST") as line:
        taken = 0
        with suppress(ConnectionResetError, BrokenPipeError):
            while taken < beyond:
                taken += line.send(b" " * (1 << 20))
        assert taken < beyond
    assert desk.ask("Wu", "me")["name"] == "Wu"
