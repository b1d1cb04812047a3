"""What a duty has to say over every page: who asks for us, who does not answer, nobody on duty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.fields import parse_instant, wire_instant
from server.domain.duty_alarms import GRACE
from server.record import duty_reading, joint_reading, roll_reading
from server.record.database import Database
from server.screens.wording import Wording

#: A roll-call of longer ago is no alarm any more, only a figure.
CHASED_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of the bar. `roll_id`: a roll-call to be answered here, `alarm_id`: an alarm to be taken;
    `href`: where to go about it."""

    id: str
    kind: str
    text: str
    said: str = ""
    due_at: str | None = None
    roll_id: str | None = None
    href: str = ""
    drill: bool = False
    alarm_id: str | None = None
    incident_id: str | None = None
    until: str = ""  # when it is to be looked at again, for it stands no longer
    aloud: bool = False  # heard when it comes and every minute, until somebody here goes about it


def notices(database: Database, unit: str, now: datetime, wording: Wording) -> list[Notice]:
    """For one unit, as of now: what is asked of it first."""
    calling = duty_reading.calling(database, unit)
    made = [_of_alarm(one, wording) for one in calling["alarms"]]
    made += [
        Notice(
            id=f"asked-{one['roll_id']}",
            kind="asked",
            text=wording.say("duty_bar.asked", caller=wording.short(one["caller"])),
            said=one["text"] or "",
            due_at=one["answer_by"],
            roll_id=one["roll_id"],
            drill=one["drill"],
            until=wire_instant(parse_instant(one["asked_at"]) + CHASED_FOR),
        )
        for one in roll_reading.asked_of(database, unit, now - CHASED_FOR)
    ]
    made += [
        Notice(
            id=f"silent-channel-{one['channel']}",
            kind="late",
            text=wording.say("duty_bar.channel", name=one["name"]),
            said=one["fault"],
            href="/channels",
        )
        for one in calling["silent"]
    ]
    made += _of_joint(joint_reading.waiting_for(database, unit), unit, now, wording)
    made += _of_rolls(roll_reading.roll_calls(database, unit, now, limit=5), unit, now, wording)
    standing = duty_reading.on_duty(database, [unit], now).get(unit)
    if standing is not None:
        made += _of_shifts(standing, now, wording)
    return made


def _of_alarm(one: dict[str, Any], wording: Wording) -> Notice:
    """Who was called so far, and whom the countdown runs to."""
    text = one["text_en"] if wording.lang == "en" else one["text"]
    called, following = one["called"], one["next"]
    said = [" ".join(part for part in (one["number"], one["title"]) if part)]
    names = wording.say("list.comma").join(called)
    said.append(wording.say("duty_bar.called", names=names) if called else wording.say("duty_bar.no_names"))
    if following is not None:
        said.append(wording.say("duty_bar.next", to=wording.say(f"rung.{following['to']}")))
    return Notice(
        id=f"alarm-{one['alarm_id']}",
        kind="alarm",
        text=text,
        said=" · ".join(part for part in said if part),
        due_at=following["at"] if following else None,
        drill=one["drill"],
        alarm_id=one["alarm_id"],
        incident_id=one["incident_id"],
        href=f"/?incident={one['incident_id']}" if one["incident_id"] else "",
    )


def _of_joint(waiting: list[dict[str, Any]], unit: str, now: datetime, wording: Wording) -> list[Notice]:
    """What joint duties call for here, as the log says it: one line each for the own seat and what is asked
    of it; what is amiss at others' seats in one."""
    made, amiss = [], []
    for one in waiting:
        is_late = one["what"] != "request" or one["late_answer"] or (one["late_take"] and not one["taken_at"])
        owner = one["to_unit"] if one["what"] == "request" else one["seat"]
        if one["what"] == "request" and one["taken_at"] and not is_late:
            continue  # in hand: the page of the joint duty has it
        if owner != unit:
            amiss += [one] if is_late else []
            continue
        due_at = {"seat": None, "data": one.get("due_at")}.get(one["what"], one.get("answer_by"))
        slug = f"duty_bar.joint_{one['what']}"
        key = one.get("request_id") or one.get("data_id") or one["period_id"]
        made.append(
            Notice(
                id=f"joint-{key}",
                kind="late" if is_late else "asked",
                text=wording.say(slug, caller=wording.short(one.get("asked_by") or one["unit"])),
                said=one["title"] if one["what"] == "seat" else one["text"],
                due_at=wire_instant(due_at) if due_at else None,
                href="/joint",
                drill=one["drill"],
            )
        )
    if amiss:
        owners = dict.fromkeys(one["to_unit"] if one["what"] == "request" else one["seat"] for one in amiss)
        named = wording.say("list.comma").join(wording.short(one) for one in list(owners)[:4])
        text = wording.say("duty_bar.joint_amiss", count=len(amiss), units=named)
        drill = all(one["drill"] for one in amiss)
        made.append(Notice(id="joint-amiss", kind="silent", text=text, href="/joint", drill=drill))
    return made


def _of_rolls(rolls: list[dict[str, Any]], unit: str, now: datetime, wording: Wording) -> list[Notice]:
    made = []
    for roll in rolls:
        silent = [one["unit"] for one in roll["answers"] if one["outcome"] == "unanswered"]
        is_old = now - parse_instant(roll["asked_at"]) > CHASED_FOR
        if roll["caller"] == unit and silent and not is_old:
            named = wording.say("list.comma").join(wording.short(one) for one in silent[:3])
            made.append(
                Notice(
                    id=f"silent-{roll['roll_id']}",
                    kind="silent",
                    text=wording.say("duty_bar.silent", count=len(silent), units=named),
                    href="/roll-call",
                    drill=roll["drill"],
                    aloud=True,
                    until=wire_instant(parse_instant(roll["asked_at"]) + CHASED_FOR),
                )
            )
    return made


def _of_shifts(standing: dict[str, Any], now: datetime, wording: Wording) -> list[Notice]:
    on, following, is_taken = standing["on"], standing["next"], standing["taken_over"]
    if on is None:
        return [Notice(id="unmanned", kind="unmanned", text=wording.say("duty_bar.nobody"), href="/roster")]
    if not is_taken and now >= parse_instant(on["starts_at"]) + GRACE:
        return [
            Notice(id="unmanned", kind="unmanned", text=wording.say("duty_bar.not_taken"), href="/handover")
        ]
    if following is not None and now >= parse_instant(following["starts_at"]) + GRACE:
        return [Notice(id="late", kind="late", text=wording.say("duty_bar.late"), href="/handover")]
    if is_taken and following is None and now >= parse_instant(on["ends_at"]):
        return [
            Notice(id="unmanned", kind="unmanned", text=wording.say("duty_bar.unplanned"), href="/roster")
        ]
    return []
