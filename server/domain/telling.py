"""What an entry of the log says that somebody may look for, by kind: texts, numbers, names, phones. Pure.

An entry is read here as the plain values that are stored; what it does not have is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

#: What results are grouped by, in this order.
KINDS = ("incident", "log", "fact", "report", "order", "duty", "person")

#: The words of the record for its numbers; the screens have the same in both languages.
FACTS = {
    "dead": "死亡",
    "missing": "失联",
    "trapped": "被困",
    "endangered": "涉险",
    "seriously_injured": "重伤",
    "lightly_injured": "轻伤",
    "injured": "受伤",
    "poisoned": "中毒",
    "hospital_observed": "留观",
    "evacuated": "已转移",
    "to_evacuate": "应转移",
    "resettled": "已安置",
    "to_resettle": "需安置",
    "affected": "受灾人口",
    "houses_collapsed": "倒塌房屋",
    "houses_damaged": "损坏房屋",
    "forces_people": "投入人员",
    "forces_vehicles": "投入车辆",
    "serious_pollution": "严重污染",
    "important_place_endangered": "危及重要场所",
    "loss_wan": "直接损失",
    "forest_ha": "受害森林",
    "burnt_ha": "过火面积",
    "crops_ha": "农作物受灾",
    "magnitude": "震级",
}

#: Of each event the kind it is found as, and the fields that somebody's words stand in.
_TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "entry_added": ("log", ("text",)),
    "entry_struck": ("log", ("reason",)),
    "breach_explained": ("log", ("text",)),
    "alarm_taken": ("log", ("text",)),
    "concealment_declared": ("log", ("concealed_by", "basis")),
    "level_judged": ("log", ("basis",)),
    "incident_closed": ("log", ("reason",)),
    "incident_reopened": ("log", ("reason",)),
    "stability_declared": ("log", ("basis",)),
    "incident_merged": ("log", ("into_number",)),
    "duplicate_absorbed": ("log", ("merged_number",)),
    "attachment_added": ("log", ("file_name", "note")),
    "attachment_struck": ("log", ("file_name", "reason")),
    "field_status_set": ("log", ("person", "text")),
    "help_requested": ("log", ("person", "text")),
    "help_answered": ("log", ("text",)),
    "heads_counted": ("log", ("team", "text")),
    "report_recorded": ("report", ("text", "signed_by", "verbal_approval_by")),
    "receipt_recorded": ("report", ("received_by", "evidence")),
    "report_returned": ("report", ("reason",)),
    "report_approved": ("report", ("approved_by",)),
    "report_signed": ("report", ("signed_by",)),
    "report_sent": ("report", ("person", "note")),
    "report_entered": ("report", ("reference",)),
    "report_discarded": ("report", ("reason",)),
    "order_issued": ("order", ("to", "text")),
    "order_acknowledged": ("order", ("text",)),
    "order_reported": ("order", ("text",)),
    "instruction_recorded": ("order", ("leader", "leader_post", "text")),
    "instruction_conveyed": ("order", ("told",)),
    "instruction_signed_for": ("order", ("received_by",)),
    "instruction_answered": ("order", ("text",)),
    "instruction_finished": ("order", ("text",)),
    "instruction_pressed": ("order", ("text",)),
    "consultation_convened": ("log", ("topic", "host", "input")),
    "opinion_given": ("log", ("name", "text")),
    "consultation_concluded": ("log", ("text", "area")),
    "scene_post_set_up": ("log", ("title",)),
    "transfer_proposed": ("log", ("outgoing", "reason")),
    "transfer_signed": ("log", ("name",)),
    "transfer_declined": ("log", ("name", "reason")),
    "command_taken_over": ("log", ("name",)),
    "scene_post_closed": ("log", ("reason",)),
    "scene_group_set": ("log", ("group", "leader", "unit", "forces")),
    "scene_objective_set": ("log", ("text", "who")),
    "scene_objective_ended": ("log", ("why",)),
    "scene_period_set": ("log", ("emphasis",)),
    "joint_duty_opened": ("duty", ("title",)),
    "joint_duty_extended": ("duty", ("title", "reason")),
    "joint_duty_closed": ("duty", ("reason",)),
    "joint_rest_noted": ("duty", ("text",)),
    "joint_data_asked": ("duty", ("text",)),
    "joint_data_stopped": ("duty", ("reason",)),
    "joint_data_handed_in": ("duty", ("text",)),
    "joint_request_asked": ("duty", ("text",)),
    "joint_request_answered": ("duty", ("name", "text")),
    "joint_request_chased": ("duty", ("text",)),
    "shift_changed": ("duty", ("reason",)),
    "shifts_cancelled": ("duty", ("reason",)),
    "swap_requested": ("duty", ("reason",)),
    "swap_decided": ("duty", ("reason",)),
    "shift_taken_over": ("duty", ("reason",)),
    "duty_item_added": ("duty", ("text",)),
    "duty_item_settled": ("duty", ("text",)),
    "handover_prepared": ("duty", ("remarks",)),
    "roll_called": ("duty", ("text",)),
    "roll_asked": ("duty", ("text",)),
    "roll_answered": ("duty", ("answered_by",)),
}
#: With these a report's text stands as it was then: what was typed before is put together for them.
SETTLES = frozenset({"report_submitted", "report_approved", "report_signed", "report_sent"})
#: Less than this, typed at once, is no text yet.
_TYPED = 4


class Person(NamedTuple):
    """Somebody who is named. `role`: caller, informer, shift, spoke."""

    role: str
    name: str
    phone: str
    post: str
    unit: str
    at: str = ""  # when the shift begins


class Piece(NamedTuple):
    """Something that an entry says. `also`: what it is found by besides, unseen."""

    kind: str
    text: str
    spelled: bool = False
    also: str = ""
    person: Person | None = None


#: The text of a report, by its id, as it stood when this entry was written.
Content = Callable[[str], Mapping[str, str]]


def said(entry: Mapping[str, Any], content: Content) -> Iterator[Piece]:
    """Everything of an entry that can be found."""
    event: Mapping[str, Any] = entry["event"]
    kind = event["type"]
    if kind == "incident_opened":
        parts = (event["number"], event["title"], event["place"].get("text"))
        yield Piece("incident", " ".join(str(one) for one in parts if one), spelled=True)
    place = event.get("place")
    if kind == "facts_established" and isinstance(place, dict) and place.get("text"):
        yield Piece("fact", str(place["text"]), spelled=True)
    yield from _facts(event)
    if kind in _TEXTS:
        found_as, names = _TEXTS[kind]
        text = " ".join(str(event[name]) for name in names if event.get(name))
        if text:
            yield Piece(found_as, text)
    yield from _of_reports(event, content)
    if entry.get("words"):
        yield Piece("log", str(entry["words"]))
    yield from _people(entry, event)


def _facts(event: Mapping[str, Any]) -> Iterator[Piece]:
    facts = event.get("facts")
    if not isinstance(facts, dict):
        return
    shown, also = [], []
    for name, value in facts.items():
        if name in FACTS:
            shown.append(FACTS[name] + ("核实中" if value is None else str(value)))
            also.append(f"{name.replace('_', ' ')} {'unknown' if value is None else value}")
    if event.get("explanation"):
        shown.append(str(event["explanation"]))
    if shown:
        yield Piece("fact", " ".join(shown), also=" ".join(also))


def _of_reports(event: Mapping[str, Any], content: Content) -> Iterator[Piece]:
    kind = event["type"]
    if kind == "report_drafted":
        yield Piece("report", _written(event["content"]))
    elif kind == "report_edited":
        typed = [one["put"] for one in event.get("changes", ()) if len(one["put"]) >= _TYPED]
        typed += [one["text"] for one in event.get("kept", ())]
        if typed:
            yield Piece("report", "\n".join(typed))
    elif kind in SETTLES:
        text = _written(content(event["report_id"]))
        if text:
            yield Piece("report", text)


def _written(content: Mapping[str, str]) -> str:
    return "\n".join(text for text in content.values() if text)


def _people(entry: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[Piece]:
    kind = event["type"]
    source = event.get("source")
    if isinstance(source, dict) and (source.get("name") or source.get("phone")):
        yield _person("caller", source)
    if kind == "informer_named":
        yield _person("informer", event)
    behalf = entry.get("on_behalf_of")
    if isinstance(behalf, dict):
        yield _person("spoke", behalf)
    shifts = event.get("shifts", ()) if kind == "shifts_planned" else ()
    if kind == "shift_changed":
        shifts = (event["shift"],)
    for shift in shifts:
        leader = [{**shift["leader"], "post": "leader"}] if shift.get("leader") else []
        for one in (*shift["posts"], *leader):
            yield _person("shift", {**one, "unit": event["unit"]}, shift["starts_at"])
    if kind == "swap_requested":
        substitute = {**event["substitute"], "post": event["place"]["post"], "unit": event["unit"]}
        yield _person("shift", substitute)


def _person(role: str, told: Mapping[str, Any], at: str = "") -> Piece:
    name, phone, post, unit = (str(told.get(key) or "") for key in ("name", "phone", "post", "unit"))
    text = " ".join(one for one in (name, phone) if one)
    # A caller's unit is words (某某公司), a shift's a code: only words are looked for.
    if role in ("caller", "spoke") and unit:
        text += f" {unit}"
    return Piece("person", text, spelled=True, person=Person(role, name, phone, post, unit, at))


def put_together(entries: list[Mapping[str, Any]], report_id: str) -> dict[str, str]:
    """A report's fields after these entries, in their order: what was drafted, then typed."""
    fields: dict[str, str] = {}
    for entry in entries:
        event = entry["event"]
        if event.get("report_id") != report_id:
            continue
        if event["type"] == "report_drafted":
            fields = dict(event["content"])
        elif event["type"] == "report_edited":
            for one in event.get("changes", ()):
                text, at = fields.get(one["field"], ""), one["at"]
                fields[one["field"]] = text[:at] + one["put"] + text[at + one["cut"] :]
    return fields
