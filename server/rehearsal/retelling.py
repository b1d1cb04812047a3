"""How a call of a dispatch log is told to a desk: one incident, and an entry for each time of each unit.

All ids are made from the file's own, so a second run is answered with the first one's answers and adds
nothing. Nothing is corrected: a blank becomes no entry, a step that runs backwards is kept and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from schemas.fields import wire_instant
from server.rehearsal.dispatch_log import TIMES, Call, Step, Turnout

Command = tuple[str, dict[str, Any]]
Timed = tuple[datetime, Command]

_SPACE = UUID("5f0f4e4c-7d0a-5c43-9d4e-63a1f6b3d101")

#: What each time column is called in the duty log, and which kind of entry it is.
STEPS = {
    TIMES[0]: ("接到报警", "call_in"),
    TIMES[1]: ("录入派遣台", "note"),
    TIMES[2]: ("派遣", "dispatch"),
    TIMES[3]: ("出动", "dispatch"),
    TIMES[4]: ("到场", "arrival"),
    TIMES[5]: ("离场转运", "note"),
    TIMES[6]: ("到达医院", "arrival"),
    TIMES[7]: ("处置完毕待命", "feedback"),
}
KINDS = {
    "alarms": ("自动报警", "fire_accident/alarm"),
    "citizen assist / service call": ("群众求助", "other/service"),
    "confined space / structure collapse": ("受限空间或建筑坍塌", "work_safety/collapse"),
    "electrical hazard": ("电气险情", "other/electrical"),
    "elevator / escalator rescue": ("电梯困人", "other/elevator"),
    "explosion": ("爆炸", "work_safety/explosion"),
    "extrication / entrapped (machinery, vehicle)": ("破拆救人", "other/extrication"),
    "fuel spill": ("燃油泄漏", "hazmat/fuel_spill"),
    "gas leak (natural and lp gases)": ("燃气泄漏", "hazmat/gas_leak"),
    "hazmat": ("危险化学品", "hazmat"),
    "high angle rescue": ("高空救援", "other/rescue"),
    "industrial accidents": ("生产安全事故", "work_safety"),
    "marine fire": ("船舶火灾", "marine/fire"),
    "medical incident": ("医疗急救", "other/medical"),
    "odor (strange / unknown)": ("不明异味", "other/odor"),
    "oil spill": ("溢油", "environment/oil_spill"),
    "other": ("其他警情", "other"),
    "outside fire": ("室外火灾", "fire_accident/outside"),
    "smoke investigation (outside)": ("室外烟雾查看", "fire_accident/smoke"),
    "structure fire": ("建筑火灾", "fire_accident/structure"),
    "suspicious package": ("可疑物品", "social_security"),
    "traffic collision": ("交通事故", "road_traffic_accident"),
    "train / rail fire": ("轨道交通火灾", "fire_accident/rail"),
    "train / rail incident": ("轨道交通事故", "other/rail"),
    "vehicle fire": ("车辆火灾", "fire_accident/vehicle"),
    "water rescue": ("水域救援", "other/water_rescue"),
    "watercraft in distress": ("船舶遇险", "marine/distress"),
}


@dataclass(frozen=True, slots=True)
class Telling:
    """How the file is told: where its calls are put, whether as a drill, and which moment stands for which.

    `first_at` None keeps the file's own times; otherwise the file's `origin` becomes `first_at`, and what
    follows comes `pace` times as fast.
    """

    division: str
    known_by: str
    drill: bool
    zone: str
    origin: datetime | None = None
    first_at: datetime | None = None
    pace: float = 1.0

    def at(self, moment: datetime) -> datetime:
        if self.origin is None or self.first_at is None:
            return moment
        told = self.first_at + (moment - self.origin) / self.pace
        return told.replace(microsecond=told.microsecond // 1000 * 1000)

    def id(self, *said: str) -> str:
        """The same for the same file told the same way: another way is another replay."""
        shifted = "" if self.first_at is None else f"{wire_instant(self.first_at)}x{self.pace:g}"
        return str(uuid5(_SPACE, "\x1f".join((self.division, str(self.drill), self.zone, shifted, *said))))

    def incident_id(self, call: Call) -> str:
        return self.id("incident", call.number)

    def entry_id(self, turnout: Turnout, column: str) -> str:
        return self.id("entry", turnout.row_id, column)


def kind_of(call_type: str) -> tuple[str, str]:
    """The Chinese word and our category of a call type; an unknown one keeps its own word."""
    known = KINDS.get(call_type.casefold())
    if known is not None:
        return known
    return call_type or "警情", "fire_accident" if "fire" in call_type.casefold() else "other"


def title_of(call: Call) -> str:
    return f"{kind_of(call.kind)[0]}：{call.address or '地址不详'}"[:200]


def text_of(turnout: Turnout, step: Step) -> str:
    """A line of the duty log: E39（ENGINE）到场 · On Scene DtTm 01/01/2017 12:04:18 AM."""
    kind = f"（{turnout.unit_type}）" if turnout.unit_type else ""
    text = f"{turnout.unit}{kind}{STEPS[step.column][0]} · {step.column} {step.said}"
    if step.before is not None:
        back = int((step.before.at - step.at).total_seconds())
        text += f"（时间倒序：早于“{STEPS[step.before.column][0]}”{back}秒，按原记录保留）"
    return text


def words_of(step: Step) -> str | None:
    """What the file says, to the letter, where it contradicts itself."""
    if step.before is None:
        return None
    return f"{step.before.column} {step.before.said}; {step.column} {step.said}"


def commands_of(call: Call, telling: Telling) -> list[Timed]:
    """The call as commands in the order in which a desk would have said them, each with the file's moment.

    A step that runs backwards is said after the one it follows: that is when somebody wrote it down.
    """
    incident_id = telling.incident_id(call)
    place: dict[str, Any] = {"division": telling.division, "text": f"{call.address}, {call.city}".strip(", ")}
    if call.lon is not None:
        place |= {"lon": call.lon, "lat": call.lat}
    opening = {
        "command_id": telling.id("open", call.number),
        "incident_id": incident_id,
        "title": title_of(call),
        "category": kind_of(call.kind)[1],
        "place": place,
        "known_at": wire_instant(telling.at(call.received_at)),
        "known_by": telling.known_by,
        "source": {"channel": "119", "name": f"CAD {call.number}"},
        "drill": telling.drill,
    }
    lines: list[tuple[datetime, int, Command]] = []
    for turnout in call.turnouts:
        said_at = call.received_at
        for step in turnout.steps:
            said_at = max(said_at, step.at)
            lines.append((said_at, TIMES.index(step.column), _entry(incident_id, turnout, step, telling)))
    lines.sort(key=lambda line: line[:2])
    timed: list[Timed] = [(call.received_at, ("open-incident", opening))]
    timed += [(at, command) for at, _column, command in lines]
    if call.over_at is not None:
        closing = {
            "command_id": telling.id("close", call.number),
            "incident_id": incident_id,
            "at": wire_instant(telling.at(call.over_at)),
            "reason": f"{len(call.turnouts)}个出动单位全部处置完毕",
            "outcome": "handled",
        }
        timed.append((lines[-1][0], ("close-incident", closing)))
    return timed


def _entry(incident_id: str, turnout: Turnout, step: Step, telling: Telling) -> Command:
    body = {
        "command_id": telling.id("add", turnout.row_id, step.column),
        "incident_id": incident_id,
        "entry_id": telling.entry_id(turnout, step.column),
        "kind": STEPS[step.column][1],
        "text": text_of(turnout, step),
        "happened_at": wire_instant(telling.at(step.at)),
    }
    words = words_of(step)
    return "add-entry", body if words is None else {**body, "words": words}
