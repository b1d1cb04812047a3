"""Commands that short reports say: the table that the server's codec and the browser's are held to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

NOW = datetime.fromisoformat("2026-11-23T14:30:00+08:00")
INCIDENT = "0192f3a0-0000-7000-8000-0000000a1b2c"
COMMAND = "0192f3a0-0000-7000-9000-a1b2c3d4e5f6"
ORDER = "0192f3a0-0000-7000-9000-0000075bcd15"
OPENED = "fe2e6040-5000-8000-8000-0000075bcd15"


def of(**said: Any) -> dict[str, Any]:
    return {"command_id": COMMAND, "incident_id": INCIDENT, **said}


AT = "2026-11-23T14:05:00+08:00"
#: Command, body, sender, what is left out.
TABLE: tuple[tuple[str, dict[str, Any], str, list[str]], ...] = (
    ("request-help", of(at=AT, kind="boats", quantity=3, text="堤上三人, 水深1.5m"), "宋某", []),
    ("request-help", of(at="2026-11-22T23:59:00+08:00", kind="other"), "Song", []),
    ("set-field-status", of(at=AT, status="withdrawn", text="全队撤出；无伤"), "宋某", []),
    ("set-field-status", of(at="2026-10-31T08:00:00+08:00", status="en_route"), "宋某", []),
    ("count-heads", of(at=AT, direction="in", people=12, team="一队", text="东口"), "宋某", []),
    ("count-heads", of(at=AT, direction="out", people=100_000), "宋某", []),
    ("count-heads", of(at=AT, direction="out", people=5, team="一队,二队"), "宋某", ["team"]),
    ("establish-facts", of(known_at=AT, known_by="130324", 
                           facts={"dead": 3, "missing": None, "loss_wan": 2.5},
                           explanation="重复统计", occurred_at=AT), "宋某", ["occurred_at"]),
    ("acknowledge-order", of(at=AT, order_id=ORDER, text="收到"), "宋某", []),
    ("add-entry", of(happened_at=AT, kind="arrival", text="  消防 2 车 12 人到\n附近中断|绕行 "), "宋某", []),
    ("add-entry", of(happened_at=AT, kind="note", text="堤防渗水加剧，" * 30), "宋某", []),
    ("open-incident", {"command_id": COMMAND, "incident_id": OPENED, "title": "柳河湾液氨泄漏，三人被困",
                       "category": "hazmat/leak", "known_at": AT, "known_by": "130300-qx", "drill": False,
                       "place": {"division": "130324104", "text": "柳河湾", "lon": 118.9, "lat": None},
                       "facts": {"trapped": 3}, "source": {"channel": "110"}}, "宋某",
     ["source", "place.lon", "category/"]),
    ("open-incident", {"command_id": COMMAND, "incident_id": OPENED, "title": "演练", "category": None,
                       "known_at": AT, "known_by": "130324", "drill": True, "place": None, "source": None},
     "宋某", []),
)  # fmt: skip
#: A message, what is wrong with it, near which character.
GARBLED: tuple[tuple[str, str, int | None], ...] = (
    ("", "form", 1),
    ("收到收到", "form", 1),
    ("援，宋某，39920415，048213，231405，船艇3，附堤上三人，0000000", "length", None),
    ("援，宋某，39920415，048213，231405，船挺3，附堤上三人，4500000", "check", 29),
    ("援，宋某，3992041，048213，231405，船艇3，附堤上三人，3700000", "length", 6),
)


def carried(name: str, body: dict[str, Any], left_out: list[str]) -> dict[str, Any]:
    """Of a body, what its short report says: as it must be heard."""
    if name != "open-incident":
        ids = ("command_id", "incident_id", "order_id")
        return {one: value for one, value in body.items() if one not in (*ids, *left_out)}
    said = {one: value for one, value in body.items() if one not in ("command_id", "source")}
    if said["place"] is not None:
        said["place"] = {one: said["place"][one] for one in ("division", "text") if one in said["place"]}
    if said["category"] is not None:
        said["category"] = said["category"].partition("/")[0]
    return said
