"""Deeds at a desk in the test: a right body for every command, and what an answer has to look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from tests import words
from tests.room import Room
from tests.words import Body, new_id

ANSWER = {"command_id", "epoch", "offset", "incident_id", "number", "recorded_at", "replayed"}


def opened(room: Room, who: str = "Wu", **over: Any) -> str:
    body = words.open_incident(**over)
    room.told(who, "open-incident", body)
    return str(body["incident_id"])


def good(room: Room, name: str) -> Body:
    """A body that is right, for an incident that is as the command needs it."""
    if name == "open-incident":
        return words.open_incident()
    one = opened(room)
    entry, report, order = words.add_entry(one, "记录"), words.record_report(one), words.issue_order(one)
    if name == "strike-entry":
        room.told("Wu", "add-entry", entry)
    if name == "record-receipt":
        room.told("Wu", "record-report", report)
    if name in ("acknowledge-order", "report-on-order"):
        room.told("Wu", "issue-order", order)
    if name == "reopen-incident":
        room.told("Wu", "close-incident", words.close_incident(one))
    said = {"command_id": new_id(), "incident_id": one}
    on_order = {**said, "order_id": order["order_id"], "at": words.at("09:30")}
    closing = {**said, "at": words.at("18:00"), "reason": "处置完毕"}
    bodies: dict[str, Callable[[], Body]] = {
        "add-entry": lambda: entry,
        "strike-entry": lambda: {**said, "entry_id": entry["entry_id"], "reason": "记错了"},
        "establish-facts": lambda: words.establish_facts(one, dead=1, missing=None),
        "judge-level": lambda: words.judge_level(one, "larger"),
        "record-report": lambda: report,
        "record-receipt": lambda: words.record_receipt(one, report["report_id"]),
        "declare-concealed": lambda: {
            **said, "concealed_by": "矿方", "basis": "媒体报道", "declared_at": words.at("10:00"),
        },
        "share-incident": lambda: {**said, "with": ["130321"]},
        "issue-order": lambda: order,
        "acknowledge-order": lambda: on_order,
        "report-on-order": lambda: on_order,
        "merge-incident": lambda: {**said, "into": opened(room)},
        "close-incident": lambda: closing,
        "reopen-incident": lambda: closing,
        "declare-stable": lambda: {**said, "at": words.at("18:00"), "basis": "三日无新增"},
        "explain-breach": lambda: {**said, "cause": "slow_approval", "text": "等签字"},
    }  # fmt: skip
    return bodies[name]()


def refused(answer: httpx2.Response, status: int, type: str, pointer: str | None = None) -> dict[str, Any]:
    """A refusal as RFC 9457 wants it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (said["type"], said["status"]) == (type, status)
    assert said["title"]
    assert "Traceback" not in answer.text
    if pointer is not None:
        assert pointer in [error["pointer"] for error in said["errors"]], said
        assert all(error["detail"] for error in said["errors"])
    return said


def entry_of(room: Room, done: dict[str, Any], who: str = "Wu") -> dict[str, Any]:
    """The first entry that a command became."""
    entries = room.entries(done["incident_id"], who=who)
    return next(entry for entry in entries if entry.get("command_id") == done["command_id"])
