"""What /metrics tells: every figure that an operator watches, and that it moves with what happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from server.record import outbox
from tests import words
from tests.outward import book
from tests.product import FenghuoProcess
from tests.room import Room

#: Issue by issue what the runbook and its alarms are about.
FIGURES = {
    "fenghuo_entries": "writes",
    "fenghuo_commits": "writes",
    "fenghuo_commit_seconds": "commit time",
    "fenghuo_fanout_seconds": "fan-out lag",
    "fenghuo_listeners": "listeners per stream",
    "fenghuo_listeners_behind": "queue depth",
    "fenghuo_commands_waiting": "queue depth",
    "fenghuo_clock_age_seconds": "clock age",
    "fenghuo_resumes": "resume kinds",
    "fenghuo_refused": "refused by kind",
    "fenghuo_closes": "cut-offs by code",
    "fenghuo_doorbells": "news between processes",
    "fenghuo_frames": "frames sent",
    "fenghuo_frame_bytes": "bytes sent",
    "process_resident_memory_bytes": "memory",
    "process_open_fds": "open files",
}


def figures(text: str) -> dict[str, float]:
    """Every sample, as `name{label}`."""
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_figure_of_the_runbook_is_there(spare_room: Room):
    answer = spare_room.get("Chen", "/metrics")
    assert answer.status_code == 200, answer.text
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert FIGURES.keys() - families == set()


async def test_they_move_with_what_happens(own_desk: FenghuoProcess):
    desk = own_desk
    before = figures(desk.phone(None).get("/metrics").text)
    body = words.open_incident()
    async with desk.listen("Wu", {"after": 0}) as live:
        assert desk.tell("Li", "open-incident", body).status_code == 200
        await live.entry()
        assert desk.tell("Li", "close-incident", {**words.close_incident(words.new_id())}).status_code == 404
        after = figures(desk.phone(None).get("/metrics").text)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown("fenghuo_entries_total") >= 1
    assert grown("fenghuo_commits_total") >= 1
    assert grown("fenghuo_commit_seconds_count") >= 1
    assert grown("fenghuo_fanout_seconds_count") >= 1
    assert grown("fenghuo_frames_total") >= 1
    assert grown("fenghuo_frame_bytes_total") > 100
    assert grown("fenghuo_listeners{130300}") == 1
    assert sum(grown(name) for name in after if name.startswith("fenghuo_resumes_total{")) == 1
    assert grown("fenghuo_refused_total{no-such-incident}") == 1
    assert after["fenghuo_clock_age_seconds"] < 5


def test_messages_are_counted_beside_the_event_loop_and_a_store_that_fails_hides_no_other_figure(
    one_room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(one_room.parts.store, "channels", book(tmp_path, "http://127.0.0.1:9", "dingtalk"))

    def counted(_database: object) -> dict[tuple[str, str], int]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return {("dingtalk", "sent"): 3}

    monkeypatch.setattr(outbox, "counts", counted)
    said = one_room.get("Chen", "/metrics").text
    assert 'fenghuo_messages{channel="dingtalk",state="sent"} 3.0' in said

    def failing(_database: object) -> dict[tuple[str, str], int]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(outbox, "counts", failing)
    said = one_room.get("Chen", "/metrics").text
    assert "fenghuo_messages{" not in said
    assert "fenghuo_listeners" in said
