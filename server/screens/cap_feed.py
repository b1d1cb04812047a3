"""Open incidents as CAP 1.2 alerts in an Atom feed (RFC 4287), for programs that know warnings. Pure.

They are no public warnings: each is of restricted scope and says so. Severity is the incident's level.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from schemas.fields import parse_instant
from server.screens.wording import BEIJING

#: An incident that is closed is in the feed no more: whoever had it forgets it by itself.
LASTS = timedelta(hours=1)
ATOM, CAP = "http://www.w3.org/2005/Atom", "urn:oasis:names:tc:emergency:cap:1.2"
SEVERITY = {"especially_major": "Extreme", "major": "Severe", "larger": "Moderate", "ordinary": "Minor"}
_KIND = {
    "work_safety": "Safety", "hazmat": "CBRNE", "coal_mine": "Safety", "mine": "Safety",
    "road_traffic_accident": "Transport", "fire_accident": "Fire", "forest_fire": "Fire", "flood": "Met",
    "drought": "Met", "weather": "Met", "earthquake": "Geo", "geological_disaster": "Geo", "marine": "Met",
    "environment": "Env", "public_health": "Health", "animal_epidemic": "Health",
    "social_security": "Security",
}  # fmt: skip


_UNSAID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def when(text: str | datetime) -> str:
    """As CAP wants it: whole seconds and an offset, never Z."""
    moment = parse_instant(text)
    return moment.astimezone(BEIJING).replace(microsecond=0).isoformat()


def alert(one: dict[str, Any], sender: str, now: datetime) -> ElementTree.Element:
    """An incident of the map (a GeoJSON feature) as an alert; the elements stand in the schema's order."""
    said = one["properties"]
    made = ElementTree.Element(f"{{{CAP}}}alert")

    def put(parent: ElementTree.Element, name: str, text: str) -> None:
        ElementTree.SubElement(parent, f"{{{CAP}}}{name}").text = plain(text)

    first, latest = when(said["opened_at"]), when(said["changed_at"])
    put(made, "identifier", f"{one['id']}.{latest}")
    put(made, "sender", sender)
    put(made, "sent", latest)
    put(made, "status", "Exercise" if said["drill"] else "Actual")
    put(made, "msgType", "Alert" if latest == first else "Update")
    put(made, "scope", "Restricted")
    put(made, "restriction", "内部值班信息, 不对外发布 internal duty information, not for the public")
    if latest != first:  # what it takes the place of: the first, which every later one refers to
        put(made, "references", f"{sender},{one['id']}.{first},{first}")
    put(made, "incidents", one["id"])
    info = ElementTree.SubElement(made, f"{{{CAP}}}info")
    put(info, "language", "zh-CN")
    put(info, "category", _KIND.get((said["category"] or "").partition("/")[0], "Other"))
    put(info, "event", said["category_name"] or "突发事件")
    put(info, "urgency", "Unknown")
    put(info, "severity", SEVERITY.get(said["level"] or "", "Unknown"))
    put(info, "certainty", "Observed")
    put(info, "onset", when(said["known_at"]))
    put(info, "expires", when(now + LASTS))
    put(info, "headline", f"{'【演练】' if said['drill'] else ''}{said['title']}")
    area = ElementTree.SubElement(info, f"{{{CAP}}}area")
    put(area, "areaDesc", " ".join(filter(None, (said["unit_name"], said["place"]))))
    if one["geometry"] is not None:
        lon, lat = one["geometry"]["coordinates"]
        put(area, "circle", f"{lat},{lon} 0")
    code = ElementTree.SubElement(area, f"{{{CAP}}}geocode")
    put(code, "valueName", "GB/T 2260")
    put(code, "value", said["division"] or said["unit"])
    return made


def feed(incidents: Iterable[dict[str, Any]], about: dict[str, str], now: datetime) -> bytes:
    """`about`: the feed's `id`, `title`, `sender` and `self`."""
    ElementTree.register_namespace("", ATOM)
    ElementTree.register_namespace("cap", CAP)
    made = ElementTree.Element(f"{{{ATOM}}}feed")

    def put(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
        child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        child.text = plain(text) or None
        return child

    put(made, "id", about["id"])
    put(made, "title", about["title"])
    put(made, "updated", when(now))
    put(put(made, "author"), "name", about["sender"])
    put(made, "link", rel="self", href=about["self"], type="application/atom+xml")
    for one in incidents:
        said = one["properties"]
        entry = put(made, "entry")
        put(entry, "id", f"urn:uuid:{one['id']}")
        put(entry, "title", f"{'【演练】' if said['drill'] else ''}{said['title']}")
        put(entry, "updated", when(said["changed_at"]))
        put(entry, "content", type="application/cap+xml").append(alert(one, about["sender"], now))
    body: bytes = ElementTree.tostring(made, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def plain(text: str) -> str:
    """Without what XML has no way to say."""
    return _UNSAID.sub("", text)
