"""E06: two processes in networks of their own, and the lines between them cut, both ways and one way."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import psycopg

from tests import words
from tests.conftest import PEOPLE
from tests.drill.desks import careless, lags, pause, said_by, until_all_listen
from tests.drill.experiment import Run, experiment, percentile
from tests.drill.machine import program
from tests.faults import UNITS, Clerk, account, refetching, whole_log, writing
from tests.fleet import ORIGIN, state, until_all_have
from tests.product import FENGHUO, FenghuoProcess
from tests.servers import Postgres, Redis
from tests.swarm import Swarm
from tests.waiting import wait_until

HUB, NODE = "10.98.0.1", "10.98.0.2"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class OpenPostgres(Postgres):
    """Heard on the veth, too."""

    def _command(self) -> list[str]:
        return [part.replace("=127.0.0.1", f"=127.0.0.1,{HUB}") for part in super()._command()]

    def start(self) -> None:
        super().start()
        rules = self.folder / "data" / "pg_hba.conf"
        if HUB not in rules.read_text():
            rules.write_text(rules.read_text() + f"host all all {HUB}/24 trust\n")
            with psycopg.connect(self.url, autocommit=True) as hand:
                hand.execute("SELECT pg_reload_conf()")


class OpenRedis(Redis):
    def _command(self) -> list[str]:
        command = list(super()._command())
        at = command.index("127.0.0.1")
        return [*command[: at + 1], HUB, *command[at + 1 :], "--protected-mode", "no"]


class Network:
    """Two network namespaces with one line between them: `hub`, where we are, and `node`."""

    def __init__(self) -> None:
        self.hub, self.node = f"fhhub{os.getpid()}", f"fhnode{os.getpid()}"
        self.cuts = 0

    def ip(self, *arguments: str) -> None:
        subprocess.run([program("ip") or "ip", *arguments], check=True, capture_output=True)

    @contextmanager
    def laid(self) -> Iterator[Network]:
        """The namespaces, with this thread and all that it starts in `hub`."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        with ExitStack() as stack:
            stack.callback(os.close, home)
            for name in (self.hub, self.node):
                self.ip("netns", "add", name)
                stack.callback(self.ip, "netns", "delete", name)
            ends = ("veth", "peer", "name", "node", "netns", self.node)
            self.ip("link", "add", "hub", "netns", self.hub, "type", *ends)
            for name, end, address in ((self.hub, "hub", HUB), (self.node, "node", NODE)):
                self.ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
                self.ip("-n", name, "link", "set", end, "up")
                self.ip("-n", name, "link", "set", "lo", "up")
            there = os.open(f"/run/netns/{self.hub}", os.O_RDONLY)
            stack.callback(os.close, there)
            self._enter(there)
            stack.callback(self._enter, home)
            yield self

    def _enter(self, namespace: int) -> None:
        if _libc.setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def _nft(self, rules: str) -> None:
        command = [program("ip") or "ip", "netns", "exec", self.node, program("nft") or "nft", "-f", "-"]
        subprocess.run(command, input=rules, text=True, check=True, capture_output=True)

    def cut(self, server_port: int | None = None, own_port: int | None = None, ways: str = "both") -> None:
        """No packet of the node goes to (`out`) or comes from (`in`) that port any more."""
        port = server_port or own_port
        comes, goes = ("sport", "dport") if server_port else ("dport", "sport")
        rules = "table inet cut {\n"
        if ways in ("both", "in"):
            rules += f"chain i {{ type filter hook input priority 0; tcp {comes} {port} drop; }}\n"
        if ways in ("both", "out"):
            rules += f"chain o {{ type filter hook output priority 0; tcp {goes} {port} drop; }}\n"
        self._nft(rules + "}\n")
        self.cuts += 1

    def heal(self) -> None:
        self._nft("flush ruleset\n")


@contextmanager
def _two(
    run: Run, network: Network, name: str, cut_off: tuple[str | Path, ...]
) -> Iterator[list[FenghuoProcess]]:
    """A process beside the databases, and one (`cut_off`) behind the line."""
    with OpenPostgres() as postgres, OpenRedis() as redis:
        beside = FenghuoProcess(
            run.folder / f"{name}-beside", database_url=postgres.url, redis_url=redis.url,
            arguments=("--origin", ORIGIN),
        )  # fmt: skip
        beside.folder.mkdir()
        beside.add_people(PEOPLE)
        behind = FenghuoProcess(
            run.folder / f"{name}-behind",
            database_url=postgres.url.replace("127.0.0.1", HUB),
            redis_url=redis.url.replace("127.0.0.1", HUB),
            arguments=("--origin", ORIGIN),
            tokens=beside.tokens,
        )
        behind.host = NODE
        behind.program = (program("ip") or "ip", "netns", "exec", network.node, *cut_off)
        for desk in (beside, behind):
            desk.start()
        behind.database_port, behind.redis_port = postgres.port, redis.port  # type: ignore[attr-defined]
        try:
            yield [beside, behind]
        finally:
            network.heal()
            for desk in (beside, behind):
                desk.kill9()


def _tells(desk: FenghuoProcess, patience: float) -> tuple[int | None, float]:
    """The status of one command (None: no answer), and how long it took."""
    body = words.open_incident(known_at=words.just_now(), occurred_at=..., occurred_precision=...)
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {desk.tokens['Li']}"}
    try:
        with httpx2.Client(base_url=desk.url, trust_env=False, timeout=patience) as client:
            status = client.post("/api/v1/commands/open-incident", json=body, headers=headers).status_code
    except httpx2.TransportError:
        return None, time.monotonic() - began
    return status, time.monotonic() - began


@experiment("E06", "M: partitions between process, database, Redis and clients", needs=("namespaces", "nft", "ip", "postgresql", "redis"), minutes=8)  # fmt: skip  # noqa: E501
def partitions(run: Run) -> None:
    seconds = run.scale(60, 8)
    with Network().laid() as network:
        with _two(run, network, "two", (FENGHUO,)) as (beside, behind):
            _partitions(run, network, beside, behind, seconds)
        with _two(run, network, "patient", careless("database=waited-for")) as (_beside, patient):
            network.cut(server_port=patient.database_port)  # type: ignore[attr-defined]
            status, took = _tells(patient, 9)
            run.control(
                "a process that waits for a vanished database hangs",
                status is None or took > 5,
                f"{took:.1f} s",
            )
            network.heal()
        run.faults += network.cuts


def _partitions(
    run: Run, network: Network, beside: FenghuoProcess, behind: FenghuoProcess, seconds: int
) -> None:
    swarms = []
    for desk in (beside, behind):
        swarm = Swarm(desk.port, refetch=refetching(beside), host=desk.host)
        for who, unit in UNITS.items():
            for _ in range(run.scale(20, 3)):
                swarm.add(unit, desk.tokens[who])
        until_all_listen(swarm)
        swarms.append(swarm)
    here = [
        Clerk(beside, who, division, n, loses=0.0)
        for n, (who, division) in enumerate((("Wu", "130302"), ("Li", "130324")))
    ]
    there = [
        Clerk(behind, who, division, 10 + n, loses=0.0)
        for n, (who, division) in enumerate((("Wu", "130303"), ("Qin", "130321")))
    ]
    refused: list[float] = []
    stale: list[bool] = []
    beats: list[int] = []
    healed: list[float] = []
    stretches: list[tuple[float, float]] = []
    database, doorbell = behind.database_port, behind.redis_port  # type: ignore[attr-defined]
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            for swarm in swarms:
                swarm.poll(0.005)

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    try:
        with writing([*here, *there], pace=0.05) as answered:
            wait_until(lambda: answered() > 40)
            for ways in ("both", "in", "out"):
                network.cut(server_port=database, ways=ways)
                cut_at = time.monotonic()
                status, took = _tells(behind, 15)
                refused.append(took)
                run.must(
                    f"cut from the database ({ways}): refused, not hung",
                    status == 503 and took <= 5,
                    (status, took),
                )
                pause(max(6.0, seconds - took))
                stale.append(behind.phone(None).get("/readyz").status_code == 503)
                acked = [
                    said for said in said_by(there) if said.outcome == "ok" and said.answered_at > cut_at + 5
                ]
                beats.append(len(acked))
                status, _took = _tells(beside, 10)
                run.must(f"the other goes on meanwhile ({ways})", status == 200, status)
                network.heal()
                healed.append(_ready_again(behind))
                run.progress(f"database {ways}: refused in {took:.1f} s, well again {healed[-1]:.1f} s after")
            network.cut(server_port=doorbell)
            began = time.monotonic()
            pause(seconds)
            stretches.append((began + 2, time.monotonic() - 3))
            network.heal()
            wait_until(lambda: state(behind)["checks"]["bus"] == "ok", within=20)
            network.cut(own_port=behind.port)
            pause(seconds)
            network.heal()
            healed.append(_ready_again(behind))
            before = answered()
            wait_until(lambda: answered() > before + 20, within=40)
    finally:
        done.set()
        listening.join()
    heads = {unit: len(whole_log(beside, who)) for who, unit in UNITS.items()}
    until_all_have(swarms, heads, within=40)
    found = account(beside, said_by([*here, *there]))
    wrong = [fault for swarm in swarms for fault in swarm.faults]
    without = [lag for since, until in stretches for lag in lags(swarms[1], here, since, until)]
    run.must("a process cut from its database says that it is not ready", all(stale), stale)
    run.must("it acknowledges nothing meanwhile", not any(beats), beats)
    run.must("well again within 15 s after healing", max(healed) <= 15, healed)
    run.must(
        "without Redis it has the other's entries within 3 s",
        without and max(without) <= 3,
        max(without, default=None),
    )
    run.must("acknowledged = stored", not found.wrong, found.wrong[:5])
    run.must("nothing is missed or twice", not wrong, wrong[:5])
    run.must("who heard nothing for 15 s came back by itself", swarms[1].veiled or swarms[1].closed_by_server)
    run.must("the log is whole", beside.fenghuo("verify").stdout.startswith("ok: "))
    for swarm in swarms:
        swarm.close()
    run.line(
        f"M in two networks, {network.cuts} partitions of {seconds} s (database both, in, out; Redis; "
        f"clients): refused "
        f"after {max(refused):.1f} s at most, stale acks {sum(beats)}, ready again {max(healed):.1f} s "
        f"after healing at "
        f"most; acked {found.ok} = stored {found.ok}, unknown {found.unknown}; without Redis p99 "
        f"{percentile(without, 99):.2f} s; gaps 0, dup 0",
        refused_s=round(max(refused), 2), healed_s=round(max(healed), 2),
    )  # fmt: skip


def _ready_again(desk: FenghuoProcess) -> float:
    began = time.monotonic()

    def ready() -> bool:
        try:
            with httpx2.Client(base_url=desk.url, trust_env=False, timeout=3) as client:
                return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    wait_until(ready, within=30)
    return time.monotonic() - began
