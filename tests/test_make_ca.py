"""The intranet's own authority: what it signed is trusted by whoever trusts it, and by nobody else; it cannot
sign for the rest of the world."""

from __future__ import annotations

import plistlib
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.product import ROOT


def make_ca(*arguments: str | Path, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make-ca", *arguments], capture_output=True, text=True
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca") / "made"
    make_ca(
        "authority", folder, "--name", "秦皇岛应急 内网", "--permit", "localhost,desk.example,127.0.0.0/8"
    )
    make_ca("server", folder, "localhost", "duty.desk.example", "127.0.0.1")
    return folder


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_with_its_certificate_is_trusted_with_the_authority_and_not_without(authority: Path) -> None:
    trusting = ssl.create_default_context(cafile=authority / "ca.crt")
    with serving(authority) as port:
        for host in ("localhost", "127.0.0.1"):
            assert httpx2.get(f"https://{host}:{port}/", verify=trusting, trust_env=False).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx2.get(f"https://localhost:{port}/", verify=ssl.create_default_context(), trust_env=False)


def test_it_cannot_sign_for_the_rest_of_the_world_even_by_hand(authority: Path, tmp_path: Path) -> None:
    assert "not among" in make_ca("server", authority, "bank.example", expect=1)
    assert "not among" in make_ca("server", authority, "10.0.0.1", expect=1)
    assert "not among" in make_ca("server", authority, "notdesk.example", expect=1)
    forged = tmp_path / "forged"
    forged.mkdir()
    for name in ("ca.key", "ca.crt"):
        (forged / name).write_bytes((authority / name).read_bytes())
    (forged / "permit").write_text("bank.example\n")
    assert "permitted subtree violation" in make_ca("server", forged, "bank.example", expect=1)
    assert not (forged / "server.crt").exists()


def test_keys_are_their_owners_alone_and_nothing_is_made_over_an_authority(authority: Path) -> None:
    for name in ("ca.key", "server.key"):
        assert (authority / name).stat().st_mode & 0o077 == 0
    again = ("authority", authority, "--name", "x", "--permit", "desk.example")
    assert "already" in make_ca(*again, expect=1)
    before = (authority / "server.crt").read_bytes()
    said = make_ca("server", authority, "localhost", "duty.desk.example", "127.0.0.1")
    assert (authority / "server.crt").read_bytes() != before, "renewed"
    assert "server.crt: until" in said
    assert "SHA-256: " in said


def test_the_profile_for_ipads_holds_the_very_certificate(authority: Path) -> None:
    profile = plistlib.loads((authority / "ca.mobileconfig").read_bytes())
    assert profile["PayloadDisplayName"] == "秦皇岛应急 内网"
    assert profile["PayloadContent"][0]["PayloadContent"] == (authority / "ca.cer").read_bytes()


@pytest.mark.parametrize("permit", ["", "a b", "*.example", "300.1.1.1/8x", "desk.example\nx=1"])
def test_what_is_no_name_and_no_network_is_refused(permit: str, tmp_path: Path) -> None:
    make_ca("authority", tmp_path / "ca", "--name", "x", "--permit", permit, expect=1)
    assert not (tmp_path / "ca" / "ca.key").exists()
