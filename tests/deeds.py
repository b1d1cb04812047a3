"""Deeds at a desk in the test: a right body for every command, and what an answer has to look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from schemas.commands import COMMANDS, Command
from schemas.consultations import ConsultationCommand
from schemas.scene import SceneCommand
from tests import words
from tests.consultation_deeds import good_consultation
from tests.room import Room
from tests.scene_deeds import good_scene
from tests.uploads import receive
from tests.words import Body, new_id

#: Commands on an incident; those on a unit's duty are in `tests/duty_deeds.py`.
ON_INCIDENTS = [name for name, kind in COMMANDS.items() if issubclass(kind, Command)]
#: What posts on the spot may do, and what a liaison may there.
FIELD = {
    "open-incident", "add-entry", "strike-entry", "establish-facts", "judge-level", "issue-order",
    "acknowledge-order", "report-on-order", "sign-for-instruction", "report-on-instruction",
    "add-attachment", "strike-attachment",
}  # fmt: skip
DRAWS = {"draw-on-map", "erase-from-map"}
SPOT = DRAWS | {"report-position", "set-field-status", "request-help", "count-heads"}
ANSWERS = DRAWS | {"answer-help"}
ANSWER = {"command_id", "epoch", "offset", "incident_id", "number", "recorded_at", "replayed"}


def opened(room: Room, who: str = "Wu", **over: Any) -> str:
    body = words.open_incident(**over)
    room.told(who, "open-incident", body)
    return str(body["incident_id"])


def whose(name: str) -> str:
    """Who at the city's desk gives a command: whoever signs is not who writes."""
    return "Wang" if name in ("sign-report", "return-report") else "Wu"


def good(room: Room, name: str) -> Body:
    """A body that is right, for an incident that is as the command needs it."""
    if name == "open-incident":
        return words.open_incident()
    one = opened(room)
    if issubclass(COMMANDS[name], ConsultationCommand):
        return good_consultation(room, name, one)
    if issubclass(COMMANDS[name], SceneCommand):
        return good_scene(room, name, one)
    entry, report, order = words.add_entry(one, "记录"), words.record_report(one), words.issue_order(one)
    if name == "strike-entry":
        room.told("Wu", "add-entry", entry)
    if name == "record-receipt":
        room.told("Wu", "record-report", report)
    if name in ("acknowledge-order", "report-on-order"):
        room.told("Wu", "issue-order", order)
    instruction = words.record_instruction(one)
    if name.endswith("-instruction") and name != "record-instruction":
        room.told("Wu", "record-instruction", instruction)
    if name == "reopen-incident":
        room.told("Wu", "close-incident", words.close_incident(one))
    said = {"command_id": new_id(), "incident_id": one}
    paper = words.draft_report(one)
    if name.endswith("-report") and name not in ("draft-report", "record-report"):
        room.told("Wu", "draft-report", paper)
    if name == "return-report":
        room.told("Wu", "submit-report", {"incident_id": one, "report_id": paper["report_id"]})
    on_paper = {**said, "report_id": paper["report_id"]}
    on_order = {**said, "order_id": order["order_id"], "at": words.at("09:30")}
    if name.endswith("-attachment"):
        file = receive(room, one)
        if name == "strike-attachment":
            room.told("Wu", "add-attachment", {**file, "incident_id": one, "file_name": "现场.jpg"})
    else:
        file = {}
    drawing = words.draw_on_map(one)
    if name == "erase-from-map":
        room.told("Wu", "draw-on-map", drawing)
    wanted = words.request_help(one)
    if name == "answer-help":
        room.told("Gao", "request-help", wanted)
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
        "record-instruction": lambda: instruction,
        "convey-instruction": lambda: words.step(instruction, medium="phone", told="值班员"),
        "sign-for-instruction": lambda: words.step(instruction, received_by="李四"),
        "report-on-instruction": lambda: words.step(instruction, text="正在搜救"),
        "finish-instruction": lambda: words.step(instruction, text="现场已核"),
        "press-instruction": lambda: words.step(instruction, text="速报", feedback_within_min=30),
        "merge-incident": lambda: {**said, "into": opened(room)},
        "close-incident": lambda: closing,
        "reopen-incident": lambda: closing,
        "declare-stable": lambda: {**said, "at": words.at("18:00"), "basis": "三日无新增"},
        "draft-report": lambda: paper,
        "edit-report": lambda: {
            **on_paper, "changes": [{"field": "reviewed_by", "before": "", "after": "孙某"}],
        },
        "submit-report": lambda: on_paper,
        "return-report": lambda: {**on_paper, "reason": "补充现场指挥"},
        "approve-report": lambda: {
            **on_paper, "approved_by": "王某", "approved_at": words.at("08:50"), "way": "phone",
        },
        "sign-report": lambda: {**on_paper, "signed_at": words.at("08:55")},
        "send-report": lambda: {
            **on_paper, "send_id": new_id(), "recipient": "PRV_EMB", "means": "fax",
            "sent_at": words.at("08:56"),
        },
        "enter-report": lambda: {**on_paper, "entered_at": words.at("09:00"), "reference": "G-1"},
        "discard-report": lambda: {**on_paper, "reason": "重复起草"},
        "add-attachment": lambda: {**said, **file, "file_name": "现场.jpg", "note": "东侧"},
        "strike-attachment": lambda: {**said, **file, "reason": "传错了"},
        "report-position": lambda: words.report_position(one),
        "set-field-status": lambda: words.set_field_status(one, "arrived"),
        "request-help": lambda: wanted,
        "answer-help": lambda: words.answer_help(wanted),
        "count-heads": lambda: words.count_heads(one, "in", 12, team="一队"),
        "draw-on-map": lambda: drawing,
        "erase-from-map": lambda: {**said, "drawing_id": drawing["drawing_id"], "at": words.at("09:50")},
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
