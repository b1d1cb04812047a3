"""What people at a desk say, as bodies of commands (contract 3): every part can be said otherwise.

    desk.tell("Wu", "open-incident", words.open_incident(title="北戴河新区沿海公路危化品泄漏"))

Ids are fresh each time, times are Beijing's. Day 1 is 2026-03-02, a Monday with nothing special about it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from schemas.fields import Facts

BEIJING = timezone(timedelta(hours=8))
DAY_ONE = datetime(2026, 3, 2, tzinfo=BEIJING)

Body = dict[str, Any]


def new_id() -> str:
    return str(uuid4())


def moment(clock: str, day: int = 1) -> datetime:
    """`moment("08:35", day=1)`: Beijing time. Seconds may follow: "09:59:30"; "25:10" is 01:10 next day."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return DAY_ONE + timedelta(days=day - 1, hours=hours, minutes=minutes, seconds=sum(seconds))


def at(clock: str, day: int = 1) -> str:
    """The same as the wire wants it: 2026-03-02T08:35:00+08:00."""
    return moment(clock, day).isoformat()


def just_now(seconds_ago: float = 0) -> str:
    """The present, for what must not be old: a running clock, a listener's latency."""
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="milliseconds")


def _said(body: Body, over: Body) -> Body:
    """A part that is said to be `...` is left out."""
    said = {"command_id": new_id(), **body, **over}
    return {name: value for name, value in said.items() if value is not ...}


def open_incident(**over: Any) -> Body:
    """A fire in Lulong town, known to the county desk at 08:35, half an hour after it broke out."""
    body: Body = {
        "incident_id": new_id(),
        "title": "卢龙县城关一处厂房起火",
        "category": "fire_accident",
        "place": {"division": "130324", "text": "卢龙县卢龙镇永平大街"},
        "known_at": at("08:35"),
        "known_by": "130324",
        "occurred_at": at("08:00"),
        "occurred_precision": "exact",
        "source": {"channel": "110", "name": "报警人", "phone": "0335-0000000"},
        "drill": False,
    }
    return _said(body, over)


def establish_facts(incident_id: str, clock: str = "08:35", day: int = 1, **over: Any) -> Body:
    """Figures as keywords: `establish_facts(id, "14:10", dead=11, missing=None)`; so are other parts."""
    figures = {name: over.pop(name) for name in list(over) if name in Facts.model_fields}
    body: Body = {
        "incident_id": incident_id,
        "known_at": at(clock, day),
        "known_by": "130324",
        "facts": figures,
    }
    return _said(body, over)


def judge_level(incident_id: str, level: str, clock: str = "08:40", day: int = 1, **over: Any) -> Body:
    body: Body = {
        "incident_id": incident_id,
        "level": level,
        "scale": "reporting",
        "judged_at": at(clock, day),
        "basis": "现场指挥部核报",
        "possible": False,
    }
    return _said(body, over)


def draft_report(incident_id: str, **over: Any) -> Body:
    """A first report, drafted from the record."""
    return _said({"incident_id": incident_id, "report_id": new_id(), "stage": "initial"}, over)


def record_report(incident_id: str, clock: str = "08:50", day: int = 1, **over: Any) -> Body:
    """The first written report, signed, to the province's emergency bureau."""
    body: Body = {
        "incident_id": incident_id,
        "report_id": new_id(),
        "stage": "initial",
        "channel": "written",
        "recipient": "PRV_EMB",
        "sent_at": at(clock, day),
        "signed_by": "带班领导 赵",
    }
    return _said(body, over)


def record_receipt(incident_id: str, report_id: str, clock: str = "08:58", day: int = 1, **over: Any) -> Body:
    body: Body = {
        "incident_id": incident_id,
        "report_id": report_id,
        "received_at": at(clock, day),
        "received_by": "省厅值班员 钱",
    }
    return _said(body, over)


def add_entry(incident_id: str, text: str, clock: str = "08:45", day: int = 1, **over: Any) -> Body:
    body: Body = {
        "incident_id": incident_id,
        "entry_id": new_id(),
        "kind": "note",
        "text": text,
        "happened_at": at(clock, day),
    }
    return _said(body, over)


def issue_order(incident_id: str, to: str = "130324", **over: Any) -> Body:
    body: Body = {
        "incident_id": incident_id,
        "order_id": new_id(),
        "to": to,
        "text": "立即核实伤亡情况,二十分钟内反馈",
        "acknowledge_within_min": 5,
        "report_within_min": 20,
    }
    return _said(body, over)


def record_instruction(incident_id: str, *units: str, **over: Any) -> Body:
    """A deputy mayor's word by phone at 09:00: to be signed for in 15 minutes, answered in 60."""
    body: Body = {
        "incident_id": incident_id,
        "instruction_id": new_id(),
        "leader": "李副市长",
        "given_at": at("09:00"),
        "medium": "phone",
        "text": "全力搜救,严防次生灾害,一小时内报结果",
        "to": [{"unit": unit, "addressee_id": new_id()} for unit in units or ("130324",)],
        "feedback_within_min": 60,
    }
    return _said(body, over)


def step(instruction: Body, clock: str = "09:30", which: int = 0, **over: Any) -> Body:
    """What every step of one addressee of an instruction names."""
    body: Body = {
        "incident_id": instruction["incident_id"],
        "instruction_id": instruction["instruction_id"],
        "addressee_id": instruction["to"][which]["addressee_id"],
        "at": at(clock),
    }
    return _said(body, over)


def instruction_deeds(incident_id: str, unit: str, mark: str) -> list[tuple[str, Body]]:
    """An instruction's whole way, every text with a mark in it."""
    said = record_instruction(incident_id, unit, text=f"批示{mark}")
    return [
        ("record-instruction", said),
        ("convey-instruction", step(said, medium="phone", told=f"接话{mark}")),
        ("sign-for-instruction", step(said, received_by=f"收{mark}")),
        ("report-on-instruction", step(said, text=f"办理{mark}", done=True)),
        ("press-instruction", step(said, text=f"督办{mark}", feedback_within_min=10)),
        ("finish-instruction", step(said, text=f"结{mark}")),
    ]


def report_position(incident_id: str, clock: str = "09:05", **over: Any) -> Body:
    """By the river, as a tablet sees it."""
    return _said(
        {"incident_id": incident_id, "at": at(clock), "lon": 118.89172, "lat": 39.89166, "accuracy_m": 12},
        over,
    )


def set_field_status(incident_id: str, status: str, clock: str = "09:05", **over: Any) -> Body:
    return _said({"incident_id": incident_id, "at": at(clock), "status": status}, over)


def request_help(incident_id: str, clock: str = "09:10", **over: Any) -> Body:
    body = {
        "incident_id": incident_id,
        "request_id": new_id(),
        "at": at(clock),
        "kind": "boats",
        "quantity": 3,
    }
    return _said(body, over)


def answer_help(request: Body, clock: str = "09:12", **over: Any) -> Body:
    named = {name: request[name] for name in ("incident_id", "request_id")}
    return _said({**named, "at": at(clock), "accepted": True}, over)


def count_heads(incident_id: str, direction: str, people: int, clock: str = "09:15", **over: Any) -> Body:
    body = {"incident_id": incident_id, "count_id": new_id(), "at": at(clock)}
    return _said({**body, "direction": direction, "people": people}, over)


def draw_on_map(incident_id: str, clock: str = "09:20", **over: Any) -> Body:
    """A perimeter of three corners."""
    body = {
        "incident_id": incident_id,
        "drawing_id": new_id(),
        "at": at(clock),
        "kind": "perimeter",
        "shape": "area",
        "points": [[118.88, 39.88], [118.9, 39.88], [118.89, 39.9]],
    }
    return _said(body, over)


def field_deeds(incident_id: str, mark: str) -> list[tuple[str, Body]]:
    """What somebody on the spot does in a day, every text with a mark in it."""
    wanted = request_help(incident_id, text=f"求援{mark}")
    drawn = draw_on_map(incident_id, label=f"火场{mark}")
    behalf = {"name": f"队长{mark}", "unit": f"救援队{mark}", "channel": "电台"}
    return [
        ("report-position", report_position(incident_id, on_behalf_of=behalf)),
        ("set-field-status", set_field_status(incident_id, "arrived", text=f"到达{mark}")),
        ("request-help", wanted),
        ("answer-help", answer_help(wanted, text=f"答复{mark}")),
        ("count-heads", count_heads(incident_id, "in", 5, team=f"一队{mark}", text=mark)),
        ("draw-on-map", drawn),
        ("erase-from-map", {name: drawn[name] for name in ("incident_id", "drawing_id", "at")}),
    ]


def close_incident(incident_id: str, clock: str = "18:00", day: int = 1, **over: Any) -> Body:
    body: Body = {"incident_id": incident_id, "at": at(clock, day), "reason": "明火已灭,人员清点完毕"}
    return _said(body, over)
