"""Ready-made HTML: rendered once for all who look, never older after newer, never at the entries' cost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from server.delivery import fragments as fragments_module
from server.delivery.hub import Limits
from tests.listening import CITY, EPOCH, MemoryLog, messages, serving, turn
from tests.waiting import eventually


class Painter:
    """Renders the state as the log has it, and remembers what it was asked."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.asked: list[tuple[str, str, str, list[int]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.cannot: set[int] = set()

    def __call__(
        self, stream: str, screen: str, lang: str, entries: Sequence[Mapping[str, Any]]
    ) -> Iterable[tuple[str, str]]:
        offsets = [entry["offset"] for entry in entries]
        self.asked.append((stream, screen, lang, offsets))
        self.gate.wait(5)
        if self.cannot & set(offsets):
            raise ValueError("no such sentence")
        state = self.log.head(stream)
        for incident in dict.fromkeys(entry["incident_id"] for entry in entries):
            yield incident, f"<p>{incident} {screen} {lang} as of {state}</p>"


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(20)


@pytest.fixture
def painter(log: MemoryLog) -> Painter:
    return Painter(log)


async def test_a_fragment_is_rendered_once_for_all_who_look_at_it(log: MemoryLog, painter: Painter):
    async with serving(log, fragments=painter) as room:
        desks = [await room.client(f"P{n}", screen="desk") for n in range(5)]
        wall = await room.client("Wall", screen="wall", lang="en")
        plain = await room.client("Plain")
        everybody = [*desks, wall, plain]
        await eventually(lambda: all(client.heard for client in everybody))
        room.publish()
        await eventually(lambda: all(client.of("fragment") for client in [*desks, wall]))
        assert sorted(painter.asked) == [(CITY, "desk", "zh", [21]), (CITY, "wall", "en", [21])]
        assert desks[0].of("fragment") == [
            {"type": "fragment", "target": "i0", "offset": 21, "html": "<p>i0 desk zh as of 21</p>"}
        ]
        assert [client.of("fragment") for client in desks] == [desks[0].of("fragment")] * 5
        assert wall.of("fragment")[0]["html"] == "<p>i0 wall en as of 21</p>"
        assert plain.of("fragment") == []
        for client in everybody:
            await client.leave()


async def test_entries_that_come_faster_than_rendering_share_one(log: MemoryLog, painter: Painter):
    async with serving(log, fragments=painter) as room:
        client = await room.client(screen="desk")
        await eventually(lambda: client.heard)
        painter.gate.clear()
        room.publish()
        await eventually(lambda: painter.asked)
        for _ in range(30):
            room.publish()
        await eventually(lambda: client.last == 51)
        assert client.of("fragment") == [], "entries do not wait for rendering"
        painter.gate.set()
        await eventually(lambda: any(told["offset"] == 51 for told in client.of("fragment")))
        assert [offsets for *_, offsets in painter.asked] == [[21], list(range(22, 52))]
        shown: dict[str, int] = {}
        for told in client.of("fragment"):
            assert told["offset"] >= shown.get(told["target"], 0)
            assert int(told["html"].split()[-1][:-4]) >= told["offset"], "older than its label"
            shown[told["target"]] = told["offset"]
        await client.leave()


async def test_a_rendering_that_fails_costs_only_its_own_fragment(
    log: MemoryLog, painter: Painter, caplog: pytest.LogCaptureFixture
):
    async with serving(log, fragments=painter) as room:
        client = await room.client(screen="desk")
        await eventually(lambda: client.heard)
        painter.cannot = {23}
        room.publish(5)
        await eventually(lambda: len({told["target"] for told in client.of("fragment")}) == 4)
        assert {told["target"] for told in client.of("fragment")} == {"i0", "i1", "i3", "i4"}
        assert client.offsets == [21, 22, 23, 24, 25]
        assert "no such sentence" in caplog.text
        room.publish()
        await eventually(lambda: client.of("fragment")[-1]["offset"] == 26)
        await client.leave()


async def test_a_screen_that_returns_is_shown_what_changed_meanwhile(log: MemoryLog, painter: Painter):
    async with serving(log, fragments=painter) as room:
        steady = await room.client("Steady", screen="desk", epoch=EPOCH, after=20)
        await eventually(lambda: steady.heard)
        room.publish(3)
        await eventually(lambda: len(steady.of("fragment")) == 3)
        renderings = len(painter.asked)
        back = await room.client("Back", screen="desk", epoch=EPOCH, after=21)
        await eventually(lambda: len(back.of("fragment")) == 3)
        assert len(painter.asked) == renderings, "what is known need not be rendered again"
        current = await room.client("Current", screen="desk", epoch=EPOCH, after=23)
        await eventually(lambda: current.heard)
        further = await room.client("Further", screen="desk", epoch=EPOCH, after=16)
        await eventually(lambda: further.of("fragment"))
        await eventually(
            lambda: {told["target"] for told in further.of("fragment")} >= {"i3", "i4", "i5", "i6"}
        )
        assert painter.asked[renderings:] == [(CITY, "desk", "zh", [17, 18, 19, 20])]
        room.publish()
        await eventually(lambda: all(c.of("fragment")[-1]["offset"] == 24 for c in (steady, back, further)))
        assert not {"i0", "i1"} & {told["target"] for told in current.of("fragment")}, "its page shows those"
        for client in (steady, back, further, current):
            await client.leave()


async def test_a_screen_that_reads_the_state_again_is_shown_nothing_old(log: MemoryLog, painter: Painter):
    async with serving(log, fragments=painter) as room:
        fresh = await room.client(screen="desk", epoch="another", after=3)
        await eventually(lambda: fresh.heard)
        room.publish()
        await eventually(lambda: fresh.of("fragment"))
        assert [offsets for *_, offsets in painter.asked] == [[21]]
        await fresh.leave()


async def test_a_stalled_screen_gets_the_latest_of_each_target_when_it_reads_again(painter: Painter):
    log = painter.log
    log.size = 4000
    async with serving(log, fragments=painter, limits=Limits(waiting_s=60)) as room:
        steady = await room.client("Steady", screen="desk")
        slow = await room.raw(receive_buffer=4096)
        await slow.listen(screen="desk")
        await eventually(lambda: len(room.hub.listeners()) == 2 and steady.heard)
        for _ in range(300):
            head = room.log.head(CITY) + 1
            room.publish()
            while steady.last < head:
                await turn()
        await eventually(lambda: steady.of("fragment")[-1]["offset"] == 320)
        raw = b""
        told: list[dict[str, Any]] = []

        async def has_caught_up() -> bool:
            nonlocal raw
            with contextlib.suppress(TimeoutError):
                for _ in range(100):
                    raw += await slow.receive(within=0.1)
            told[:] = messages(raw)[0]
            latest = {each["target"]: each["html"] for each in told if each["type"] == "fragment"}
            return latest == {each["target"]: each["html"] for each in steady.of("fragment")}

        await eventually(has_caught_up)
        assert [each["offset"] for each in told if each["type"] == "entry"] == list(range(21, 321))
        assert len([each for each in told if each["type"] == "fragment"]) < 300, "it was not behind at all"
        shown: dict[str, int] = {}
        for each in told:
            if each["type"] == "fragment":
                assert each["offset"] >= shown.get(each["target"], 0)
                shown[each["target"]] = each["offset"]
        slow.close()
        await steady.leave()


async def test_a_picture_that_outgrows_its_memory_sends_who_is_behind_to_read_again(
    log: MemoryLog, painter: Painter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fragments_module, "KEPT_TARGETS", 3)
    async with serving(log, fragments=painter) as room:
        steady = await room.client("Steady", screen="desk", epoch=EPOCH, after=20)
        await eventually(lambda: steady.heard)
        room.publish(7)
        await eventually(lambda: len(steady.of("fragment")) == 7)
        back = await room.client("Back", screen="desk", epoch=EPOCH, after=21)
        await eventually(lambda: len({told["target"] for told in back.of("fragment")}) >= 6)
        assert back.offsets == list(range(22, 28))
        await back.leave()
        await steady.leave()


async def test_nothing_is_rendered_for_nobody(log: MemoryLog, painter: Painter):
    async with serving(log, fragments=painter) as room:
        client = await room.client(screen="desk")
        plain = await room.client("Plain")
        await eventually(lambda: client.heard and plain.heard)
        await client.leave()
        await eventually(lambda: len(room.hub.listeners()) == 1)
        room.publish(3)
        await eventually(lambda: plain.last == 23)
        assert painter.asked == []
        await plain.leave()
