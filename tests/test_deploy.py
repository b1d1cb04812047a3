"""What scripts/deploy offers is tried: through nginx and Caddy, by systemd's own checks, by restoring."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest
from websockets.asyncio.client import connect

from server.cli import _parser as command_line
from tests import uploads, words
from tests.conftest import CI
from tests.product import PASSWORD, FenghuoProcess
from tests.servers import free_port
from tests.waiting import eventually, wait_until

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "scripts" / "deploy"
NAME = "desk.example"
PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def program(name: str, remedy: str) -> str:
    """A program that this machine may lack: loudly skipped, and on CI a failure."""
    if found := shutil.which(os.environ.get(f"FENGHUO_TEST_{name.upper()}") or name, path=PATHS):
        return found
    missing = f"no {name} here: what scripts/deploy says about it is not tried. Remedy: {remedy}"
    if CI and name == "nginx":
        pytest.fail(missing)
    pytest.skip(missing)


# --- a proxy in front -------------------------------------------------------------------------------------


class Proxy:
    """nginx or Caddy with our example, on ports of its own, before a desk and a process that is not there."""

    def __init__(self, kind: str, binary: str, folder: Path, desk: FenghuoProcess, port: int) -> None:
        self.kind, self.folder, self.port, self.desk = kind, folder, port, desk
        self.plain_port, self.dead_port = free_port(), free_port()
        self._certificate()
        if kind == "nginx":
            self._write_nginx()
            self._command: Sequence[str] = [binary, "-p", str(folder), "-c", str(folder / "main.conf")]
            check = [*self._command, "-t"]
        else:
            self._write_caddy()
            file = ["--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
            self._command = [binary, "run", *file]
            check = [binary, "validate", *file]
        self._environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        checked = subprocess.run(check, env=self._environment, capture_output=True, text=True, timeout=30)
        self.verdict = checked.stdout + checked.stderr
        assert checked.returncode == 0, self.verdict
        self._log = (folder / "proxy.log").open("wb")
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def _certificate(self) -> None:
        openssl = program("openssl", "apt-get install openssl")
        made = subprocess.run(
            [
                openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
                "-keyout", str(self.folder / "desk.key"), "-out", str(self.folder / "desk.crt"),
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        self.tls = ssl.create_default_context(cafile=self.folder / "desk.crt")

    def _changed(self, text: str, changes: dict[str, str]) -> str:
        """The example with what is marked in it changed, and nothing else."""
        for here, there in changes.items():
            assert here in text, f"the example no longer says {here!r}"
            text = text.replace(here, there)
        return text

    def _write_nginx(self) -> None:
        site = self._changed(
            (DEPLOY / "nginx.conf").read_text(),
            {
                "127.0.0.1:8001": f"127.0.0.1:{self.dead_port}",
                "127.0.0.1:8002": f"127.0.0.1:{self.desk.port}",
                "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                "/etc/fenghuo/tls": str(self.folder),
            },
        )
        (self.folder / "fenghuo.conf").write_text(site)
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "main.conf").write_text(
            f"daemon off; pid {self.folder}/pid; error_log stderr warn; worker_processes 1;\n"
            + ("user root;\n" if os.geteuid() == 0 else "")
            + "events { worker_connections 500; }\n"
            f"http {{ access_log {self.folder}/access.log;\n{temporary}"
            f"include {self.folder}/fenghuo.conf; }}\n"
        )

    def _write_caddy(self) -> None:
        site = self._changed(
            (DEPLOY / "Caddyfile").read_text(),
            {
                "127.0.0.1:8001": f"127.0.0.1:{self.dead_port}",
                "127.0.0.1:8002": f"127.0.0.1:{self.desk.port}",
                f"https://{NAME} {{": f"https://{NAME}:{self.port} {{",
                "/etc/fenghuo/tls": str(self.folder),
                "\tadmin off\n": f"\tadmin off\n\thttp_port {self.plain_port}\n\thttps_port {self.port}\n",
            },
        )
        (self.folder / "Caddyfile").write_text(site)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()

    # --- asking through it ----------------------------------------------------------------------------

    def line(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """A connection from an address of this machine, to the name in the certificate."""
        plain = socket.create_connection(("127.0.0.1", self.port), 20, source_address=(source, 0))
        line = http.client.HTTPSConnection(NAME, self.port, timeout=20, context=self.tls)
        line.sock = self.tls.wrap_socket(plain, server_hostname=NAME)
        return line

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request, on a connection of its own."""
        line = self.line()
        try:
            line.request(method, path, body, {name.replace("_", "-"): said for name, said in headers.items()})
            answer = line.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def tell(self, who: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        bearer = f"Bearer {self.desk.tokens[who]}"
        content = orjson.dumps(body)
        return self.ask("POST", f"/api/v1/commands/{name}", content, Authorization=bearer)


PORTS = {"nginx": free_port(), "caddy": free_port()}


@pytest.fixture(scope="module")
def desk_behind(furnish: Any) -> Iterator[FenghuoProcess]:
    """A desk that trusts a proxy on this machine."""
    origins = ",".join(f"https://{NAME}:{port}" for port in PORTS.values())
    desk: FenghuoProcess = furnish(
        "sqlite", arguments=("--origin", origins, "--trusted-proxy", "127.0.0.1", "--secure")
    )
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture(scope="module", params=PORTS)
def proxy(request: pytest.FixtureRequest, desk_behind: FenghuoProcess) -> Iterator[Proxy]:
    """The example in front of that desk."""
    kind = str(request.param)
    binary = program(kind, "apt-get install nginx-light" if kind == "nginx" else "see caddyserver.com")
    # Not below pytest's own folder: nginx' workers may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="fenghuo-proxy-"))
    proxy = Proxy(kind, binary, folder, desk_behind, PORTS[kind])
    try:
        wait_until(lambda: _answers(proxy))
        yield proxy
    finally:
        proxy.stop()
        shutil.rmtree(folder)


def _answers(proxy: Proxy) -> bool:
    try:
        return proxy.ask("GET", "/healthz")[0] == 200
    except OSError:
        return False


async def test_a_desk_behind_a_proxy_is_heard_and_written_to_over_tls(proxy: Proxy):
    bearer = {"Authorization": f"Bearer {proxy.desk.tokens['Wu']}"}
    async with connect(
        f"wss://{NAME}:{proxy.port}/api/v1/live",
        host="127.0.0.1",
        ssl=proxy.tls,
        server_hostname=NAME,
        subprotocols=["fenghuo.v1"],  # type: ignore[list-item]
        additional_headers=bearer,
        compression=None,
        proxy=None,
    ) as live:
        await live.send('{"type":"hello","epoch":null,"after":null}')
        welcome = orjson.loads(await asyncio.wait_for(live.recv(), 10))
        assert welcome["type"] == "welcome"
        body = words.open_incident()
        status, _headers, said = await asyncio.to_thread(proxy.tell, "Li", "open-incident", body)
        assert status == 200, said
        entry = orjson.loads(await asyncio.wait_for(live.recv(), 10))
        while entry["type"] != "entry":
            entry = orjson.loads(await asyncio.wait_for(live.recv(), 10))
        assert entry["incident_id"] == body["incident_id"]
        while orjson.loads(await asyncio.wait_for(live.recv(), 10))["type"] != "beat":
            pass


def test_a_person_signs_in_through_the_proxy_with_a_cookie_that_only_tls_carries(proxy: Proxy):
    origin = f"https://{NAME}:{proxy.port}"
    form = httpx2.QueryParams({"name": "Wu", "password": PASSWORD})
    status, headers, said = proxy.ask(
        "POST",
        "/sign-in",
        str(form).encode(),
        Origin=origin,
        Content_Type="application/x-www-form-urlencoded",
    )
    assert status == 303, said
    assert headers["set-cookie"].startswith("__Host-fenghuo_"), headers
    assert "secure" in headers["set-cookie"].lower()
    assert headers["strict-transport-security"].startswith("max-age=")
    assert proxy.ask("POST", "/sign-in", str(form).encode(), Origin="https://evil.example")[0] == 403


def test_plain_http_is_sent_to_the_encrypted_address(proxy: Proxy):
    line = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=10)
    line.request("GET", "/search?q=1", headers={"Host": NAME})
    answer = line.getresponse()
    assert answer.status in (301, 308)
    assert (answer.getheader("Location") or "").startswith(f"https://{NAME}")
    assert (answer.getheader("Location") or "").endswith("/search?q=1")
    line.close()


def test_what_is_too_large_is_refused_by_the_desk_or_before_it(proxy: Proxy):
    bearer = f"Bearer {proxy.desk.tokens['Wu']}"
    for size in (1_100_000, 3_000_000):
        try:
            status, _headers, said = proxy.ask(
                "POST", "/api/v1/commands/add-entry", b" " * size, Authorization=bearer
            )
        except (ConnectionError, ssl.SSLError):
            assert size == 3_000_000, "only what the proxy does not even read"
            continue
        assert status == 413, (size, status, said)


def test_a_large_photograph_comes_through_and_refusing_one_puts_no_process_aside(proxy: Proxy):
    body = words.open_incident()
    assert proxy.tell("Li", "open-incident", body)[0] == 200
    bearer = f"Bearer {proxy.desk.tokens['Li']}"
    noise = uploads.noise()
    assert len(noise) > 2 * 1024 * 1024
    for incident, expected in ((str(uuid4()), 404), (body["incident_id"], 200)):
        path = f"/api/v1/incidents/{incident}/attachments/{uuid4()}?command_id={uuid4()}&file_name=a.png"
        status, _headers, said = proxy.ask("PUT", path, noise, Authorization=bearer)
        assert status == expected, said
        assert proxy.ask("GET", "/api/v1/me", Authorization=bearer)[0] == 200, "at once, of the same process"


def test_strangers_are_counted_by_their_own_address_whatever_they_claim(proxy: Proxy):
    def knock(line: http.client.HTTPSConnection, claimed: str) -> int:
        line.request("GET", "/api/v1/me", headers={"X-Forwarded-For": claimed})
        answer = line.getresponse()
        answer.read()
        return answer.status

    last = {"nginx": 2, "caddy": 4}[proxy.kind]
    stranger, neighbour = proxy.line(f"127.0.0.{last}"), proxy.line(f"127.0.0.{last + 1}")
    statuses = [knock(stranger, "10.9.8.7")]
    for number in range(400):
        if statuses[-1] == 429:
            break
        statuses.append(knock(stranger, f"10.9.{number}.8"))
    assert statuses[0] == 401
    assert statuses[-1] == 429, "another claimed address each time does not help"
    assert knock(neighbour, f"127.0.0.{last}") == 401, "nor does it harm the neighbour"
    stranger.close()
    neighbour.close()


def test_the_figures_stay_inside(proxy: Proxy):
    assert proxy.ask("GET", "/metrics")[0] == 404
    with proxy.desk.client() as here:
        assert here.get("/metrics").status_code == 200
        assert here.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


async def test_when_no_process_answers_the_proxy_says_come_back_and_then_it_works_again(proxy: Proxy):
    body = words.open_incident()
    await asyncio.to_thread(proxy.desk.kill9)
    status, headers, said = await asyncio.to_thread(proxy.tell, "Li", "open-incident", body)
    assert status == 503, said
    assert headers["retry-after"] == "2"
    assert orjson.loads(said)["type"] == "store-unavailable"
    await asyncio.to_thread(proxy.desk.start)

    async def is_told() -> bool:
        return (await asyncio.to_thread(proxy.tell, "Li", "open-incident", body))[0] == 200

    await eventually(is_told, within=15)


# --- who is believed --------------------------------------------------------------------------------------


def test_nobody_is_believed_about_addresses_but_the_proxy_that_the_operator_named(
    desk_behind: FenghuoProcess,
):
    line = http.client.HTTPConnection("127.0.0.1", desk_behind.port, source_address=("127.0.0.6", 0))
    for number in range(400):
        line.request("GET", "/api/v1/me", headers={"X-Forwarded-For": f"10.0.{number}.1"})
        answer = line.getresponse()
        answer.read()
        if answer.status == 429:
            break
    assert answer.status == 429, "so many claimed addresses are one"
    line.close()


# --- systemd and containers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "copied_as"),
    [
        ("fenghuo.service", "fenghuo.service"),
        ("fenghuo.service", "fenghuo@8001.service"),
        ("fenghuo-backup.service", "fenghuo-backup.service"),
        ("fenghuo-backup.timer", "fenghuo-backup.timer"),
    ],
)
def test_systemd_takes_the_units(unit: str, copied_as: str, tmp_path: Path):
    analyze = program("systemd-analyze", "a machine with systemd")
    for name in ("fenghuo.service", "fenghuo-backup.service", "fenghuo-backup.timer"):
        text = (DEPLOY / name).read_text()
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / (copied_as if name == unit else name)).write_text(text)
    checked = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / copied_as)], capture_output=True, text=True, timeout=30
    )
    said = [line for line in checked.stderr.splitlines() if str(tmp_path) in line or "fenghuo" in line]
    assert said == [], checked.stderr
    if unit.endswith(".service"):
        rated = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=45", str(tmp_path / copied_as)],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert rated.returncode == 0, rated.stdout[-300:]


def test_what_the_units_and_the_container_start_is_there():
    for unit in ("fenghuo.service", "fenghuo-backup.service"):
        (command,) = re.findall(r"^ExecStart=(\S+)", (DEPLOY / unit).read_text(), re.MULTILINE)
        named = ROOT / command.removeprefix("/opt/fenghuo/")
        assert named.exists() or named.name == "fenghuo", command
    container = (DEPLOY / "Containerfile").read_text()
    for copied in re.findall(r"^COPY (.+) \S+$", container, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists(), f"the Containerfile copies {name}"
    assert "USER fenghuo" in container


def test_every_setting_of_the_example_is_one():
    given = re.findall(r"^#?(FENGHUO_[A-Z_]+)=", (DEPLOY / "fenghuo.env.example").read_text(), re.MULTILINE)
    (flags,) = (
        one.choices["serve"]._option_string_actions
        for one in command_line()._actions
        if isinstance(one.choices, dict)
    )
    for name in given:
        assert "--" + name.removeprefix("FENGHUO_").lower().replace("_", "-") in flags, name


# --- backup -----------------------------------------------------------------------------------------------


def test_the_backup_is_restored_on_trial_and_only_the_newest_are_kept(
    desk_behind: FenghuoProcess, tmp_path: Path
):
    desk = desk_behind
    kept = tmp_path / "kept"
    kept.mkdir()
    for old in ("fenghuo-20200101T000000Z.db", "fenghuo-20210101T000000Z.db", "somebody-elses.db"):
        (kept / old).write_text("old")
    done = subprocess.run(
        [DEPLOY / "backup", kept],
        env=desk.environment | {"FENGHUO_DATA": str(desk.folder), "FENGHUO_BACKUPS_KEPT": "2"},
        capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ok: " in done.stdout
    left = sorted(path.name for path in kept.iterdir())
    assert left == ["fenghuo-20210101T000000Z.db", left[1], "somebody-elses.db"]
    said = re.findall(r"ok: (\d+) entries", done.stdout)
    assert len(said) == 3, "backed up, restored, verified"
    assert said == [said[0]] * 3
    assert int(said[0]) >= 1
