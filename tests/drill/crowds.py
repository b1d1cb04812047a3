"""Many who listen: some of them badly (E11), very many of them well (E12)."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import words
from tests.drill.desks import Hearing, careless, fleet, furnished, pause, populate, running, until_all_listen
from tests.drill.experiment import Run, experiment, percentile
from tests.faults import UNITS, refetching, whole_log
from tests.fleet import until_all_have
from tests.product import FenghuoProcess
from tests.swarm import Ear, Swarm, _masked
from tests.waiting import wait_until

EVERY_S = 0.05


def memory_mb(desk: FenghuoProcess) -> float:
    assert desk.process is not None
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{desk.process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def listening(desk: FenghuoProcess) -> int:
    """How many the desk itself counts."""
    text = desk.phone(None).get("/metrics").text
    return sum(
        int(float(count)) for count in re.findall(r"^fenghuo_listeners\{[^}]*\} (\S+)$", text, re.MULTILINE)
    )


class Talk:
    """One writer who says so many things at a pace; how long each took to be acknowledged, and to arrive."""

    def __init__(self, desk: FenghuoProcess, swarm: Swarm, size: int) -> None:
        self.desk, self.size = desk, size
        body = words.open_incident(known_at=words.just_now(), occurred_at=..., occurred_precision=...)
        self.incident = body["incident_id"]
        answer = desk.tell("Wu", "open-incident", body | {"place": {"division": "130302", "text": "人群"}})
        assert answer.status_code == 200, answer.text
        self.sent_at: dict[int, float] = {}
        self.acks: list[float] = []
        self._heard: dict[int, list[float]] = {}  # when each listener had the entry of an offset
        swarm.on_frame = self._arrived

    def say(self, count: int, every_s: float) -> None:
        began = time.monotonic()
        for number in range(count):
            pause(max(0.0, began + number * every_s - time.monotonic()))
            text = f"{number} " + "报" * (self.size // 3)
            said_at = time.monotonic()
            body = words.add_entry(self.incident, text, happened_at=words.just_now())
            answer = self.desk.tell("Wu", "add-entry", body)
            assert answer.status_code == 200, answer.text
            self.sent_at[answer.json()["offset"]] = said_at
            self.acks.append(time.monotonic() - said_at)

    def _arrived(self, ear: Ear, offset: int, _buffer: bytes, _start: int, at: float) -> None:
        if ear.group == "130300":
            self._heard.setdefault(offset, []).append(at)

    def deliveries(self) -> list[float]:
        """From each word's being sent to each listener's having it."""
        return [at - sent for offset, sent in self.sent_at.items() for at in self._heard.get(offset, [])]


class Trickle:
    """Listeners that read a kilobyte a second."""

    def __init__(self, desk: FenghuoProcess, count: int) -> None:
        self.sockets = []
        for _ in range(count):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((desk.host, desk.port))
            sock.sendall(
                "GET /api/v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Authorization: Bearer {desk.tokens['Wu']}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                + _masked(b'{"type":"hello","epoch":null,"after":null}')
            )
            sock.setblocking(False)
            self.sockets.append(sock)

    def sip(self, byte_count: int = 100) -> None:
        for sock in list(self.sockets):
            try:
                if not sock.recv(byte_count):
                    self._gone(sock)
            except BlockingIOError:
                continue
            except OSError:
                self._gone(sock)

    def _gone(self, sock: socket.socket) -> None:
        sock.close()
        self.sockets.remove(sock)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def _with_the_frozen(
    run: Run, desk: FenghuoProcess, sockets: int, frozen: int, slow: int, events: int
) -> tuple[Swarm, Talk, float, float]:
    """Some freeze, some trickle, and much is said: the swarm, the talk, when the frozen were gone, memory."""
    swarm = Swarm(desk.port, refetch=refetching(desk))
    for number in range(sockets - slow):
        swarm.add("130300", desk.tokens["Wu"], receive_buffer=4096 if number < frozen else None)
    until_all_listen(swarm)
    trickle = Trickle(desk, slow)
    pause(0.5)
    before = memory_mb(desk)
    talk = Talk(desk, swarm, 2_000)
    for ear in swarm.ears[:frozen]:
        swarm.freeze(ear)
        run.faults += 1
    run.faults += slow
    frozen_at, gone_after = time.monotonic(), float("inf")
    grown = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal gone_after, grown
        while not done.is_set():
            trickle.sip()
            grown = max(grown, memory_mb(desk) - before)
            if gone_after == float("inf") and listening(desk) <= sockets - frozen:
                gone_after = time.monotonic() - frozen_at
            pause(0.1)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()

    def say() -> None:
        talk.say(events, 0.02)
        wait_until(lambda: gone_after < float("inf") or time.monotonic() - frozen_at > 22, within=60)

    try:
        Hearing(run, [swarm], lambda: f"{len(talk.acks)} said, {listening(desk)} listen").while_doing(say)
    finally:
        done.set()
        watching.join()
        trickle.close()
    run.figures["grown_mb"] = round(grown, 1)
    return swarm, talk, gone_after, grown


@experiment("E11", "S: a fifth of the listeners freezes, some read a kilobyte a second", minutes=3)
def frozen(run: Run) -> None:
    sockets, frozen_count, slow, events = (
        run.scale(*pair) for pair in ((1_000, 100), (200, 20), (50, 5), (500, 300))
    )
    with running(furnished(run.folder / "base")) as desk:
        swarm = Swarm(desk.port)
        for _ in range(sockets - frozen_count - slow):
            swarm.add("130300", desk.tokens["Wu"])
        until_all_listen(swarm)
        talk = Talk(desk, swarm, 2_000)
        Hearing(run, [swarm], lambda: "baseline").while_doing(lambda: talk.say(run.scale(250, 80), 0.02))
        baseline = percentile(talk.deliveries(), 99)
        swarm.close()
    with running(furnished(run.folder / "crowd")) as desk:
        swarm, talk, gone_after, grown = _with_the_frozen(run, desk, sockets, frozen_count, slow, events)
        delivery, ack = percentile(talk.deliveries(), 99), percentile(talk.acks, 99)
        for ear in swarm.ears:
            swarm.thaw(ear)
        heads = {"130300": len(whole_log(desk, "Wu"))}
        until_all_have([swarm], heads, within=60)
        run.must(
            "delivery to the healthy p99",
            delivery <= max(1.0, 1.5 * baseline),
            f"{delivery:.2f} s, alone {baseline:.2f} s",
        )
        run.must("answers p99 within 200 ms", ack <= 0.2, f"{ack * 1000:.0f} ms")
        run.must("the frozen are gone within 15 s", gone_after <= 15, f"{gone_after:.1f} s")
        run.must("memory grows by 200 MB at most", grown <= 200, f"{grown:.0f} MB")
        run.must("who was cut off has everything after coming back", not swarm.faults, swarm.faults[:3])
        swarm.close()
    desk = furnished(run.folder / "kept")
    desk.program = careless("slow=kept")
    with running(desk):
        swarm, _talk, kept, _grown = _with_the_frozen(run, desk, 40, 20, 0, run.scale(500, 300))
        swarm.close()
    run.control("without limits the frozen stay for ever", kept > 20, f"{kept:.0f} s")
    run.line(
        f"S {sockets:,} sockets, {frozen_count} frozen, {slow} at 1 KB/s, {events} entries of 2 KB: "
        f"delivery to the healthy "
        f"p99 {delivery * 1000:.0f} ms (alone {baseline * 1000:.0f} ms), answers p99 {ack * 1000:.0f} ms; "
        f"frozen gone after "
        f"{gone_after:.1f} s, memory +{grown:.0f} MB; all complete after their return; without limits gone "
        f"after {kept} s",
        delivery_p99_ms=round(delivery * 1000), ack_p99_ms=round(ack * 1000), gone_s=round(gone_after, 1),
    )  # fmt: skip


# --- very many ----------------------------------------------------------------------------------------------


@contextmanager
def probing(desk: FenghuoProcess) -> Iterator[list[float]]:
    """How long the smallest answer takes, twenty times a second: what holds up the loop holds up this."""
    times: list[float] = []
    done = threading.Event()

    def probe() -> None:
        connection = http.client.HTTPConnection(desk.host, desk.port, timeout=10)
        while not done.wait(EVERY_S):
            began = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            times.append(time.monotonic() - began)

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    try:
        yield times
    finally:
        done.set()
        thread.join()


@experiment(
    "E12", "M: ten thousand listeners; S: twenty writes a second", needs=("postgresql", "redis"), minutes=18
)
def crowds(run: Run) -> None:
    _ten_thousand(run)
    _steady(run)
    desk = furnished(run.folder / "stalls")
    desk.program = careless("loop=stalls")
    with running(desk), probing(desk) as stalls:
        pause(run.scale(10, 4))
    run.faults += 1
    run.control("a loop that is blocked for a third of a second is seen", percentile(stalls, 99.9) > 0.1)


def _ten_thousand(run: Run) -> None:
    sockets, seconds = run.scale(10_000, 200), run.scale(300, 8)
    with fleet(run) as both:
        swarms = []
        grown = []
        for desk in both.desks:
            before = memory_mb(desk)
            swarm = Swarm(desk.port, keeps=False, refetch=refetching(desk))
            populate(swarm, desk, sockets // 2)
            until_all_listen(swarm, within=120)
            grown.append((memory_mb(desk) - before) * 1024 / len(swarm.ears))
            swarms.append(swarm)
        talks = [Talk(both.desks[0], swarm, 600) for swarm in swarms]
        with probing(both.desks[0]) as stalls:
            Hearing(run, swarms, lambda: f"{len(talks[0].acks)} of {seconds} s").while_doing(
                lambda: talks[0].say(seconds, 1.0)
            )
        run.faults += 1  # the crowd itself
        heads = {unit: len(whole_log(both.desks[0], who)) for who, unit in UNITS.items()}
        until_all_have(swarms, heads)
        talks[1].sent_at = talks[0].sent_at
        deliveries = [one for talk in talks for one in talk.deliveries()]
        wrong = [fault for swarm in swarms for fault in swarm.faults]
        p50, p99, ack = percentile(deliveries, 50), percentile(deliveries, 99), percentile(talks[0].acks, 99)
        run.must("(a) delivery p50 within 0.8 s, p99 within 2 s", p50 <= 0.8 and p99 <= 2, (p50, p99))
        run.must("(a) answers p99 within 200 ms", ack <= 0.2, f"{ack * 1000:.0f} ms")
        run.must("(a) 50 KB a socket at most", max(grown) <= 50, grown)
        run.must("(a) nothing is missed", not wrong, wrong[:3])
        run.line(
            f"M {sum(len(swarm.ears) for swarm in swarms):,} sockets, 1 entry/s, {seconds} s: delivery p50 "
            f"{p50 * 1000:.0f} ms "
            f"p99 {p99 * 1000:.0f} ms, answers p99 {ack * 1000:.0f} ms, {max(grown):.0f} KB a socket, "
            f"smallest answer p99.9 "
            f"{percentile(stalls, 99.9) * 1000:.0f} ms; gaps 0",
            many_p99_ms=round(p99 * 1000), kb_a_socket=round(max(grown)),
        )  # fmt: skip
        for swarm in swarms:
            swarm.close()


def _steady(run: Run) -> None:
    sockets, seconds = run.scale(500, 40), run.scale(600, 8)
    with running(furnished(run.folder / "steady")) as desk:
        swarm = Swarm(desk.port, keeps=False)
        populate(swarm, desk, sockets)
        until_all_listen(swarm)
        talk = Talk(desk, swarm, 600)
        with probing(desk) as stalls:
            Hearing(run, [swarm], lambda: f"{len(talk.acks) // 20} of {seconds} s").while_doing(
                lambda: talk.say(seconds * 20, 0.05)
            )
        heads = {unit: len(whole_log(desk, who)) for who, unit in UNITS.items()}
        until_all_have([swarm], heads)
        p99, ack, stall = (
            percentile(talk.deliveries(), 99),
            percentile(talk.acks, 99),
            percentile(stalls, 99.9),
        )
        run.must("(b) delivery p99 within 500 ms", p99 <= 0.5, f"{p99 * 1000:.0f} ms")
        run.must("(b) answers p99 within 150 ms", ack <= 0.15, f"{ack * 1000:.0f} ms")
        run.must("(b) the loop stalls for 100 ms at most (p99.9)", stall <= 0.1, f"{stall * 1000:.0f} ms")
        run.must("(b) nothing is missed", not swarm.faults, swarm.faults[:3])
        run.line(
            f"S {len(swarm.ears)} sockets, 20 writes/s, {seconds} s: delivery p99 {p99 * 1000:.0f} ms, "
            f"answers p99 "
            f"{ack * 1000:.0f} ms, smallest answer p99.9 {stall * 1000:.0f} ms; gaps 0"
        )
        swarm.close()
