"""State + events = fresh snapshot (E29): for every event type, on the desk, the tablet and the wall.

A screen has what it was given when it was opened, and applies what the stream brings. After whatever happens
it must show what somebody sees who opens it only now. Nothing may change on a screen that no entry tells of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

import orjson
from sqlalchemy import func, select

from schemas.events import LOG_ENTRY, ClockStepped, RulesAccepted
from schemas.fields import parse_instant
from schemas.outposts import TakenAlong
from server.domain.incident import Incident, apply, fold
from server.domain.short_report.alphabet import mark_of
from server.record.projections import incident_row, obligation_rows
from server.record.reading import incident_shown, obligation_shown
from server.record.tables import ENTRY
from tests import words
from tests.consultation_deeds import MADE
from tests.deeds import opened
from tests.duty_deeds import a_busy_duty
from tests.outward import book
from tests.room import Room
from tests.scene_deeds import MADE_ON_SCENE
from tests.uploads import receive
from tests.words import new_id

#: Who looks: the city, a county, its township, another county, a department that is let in now and then.
VIEWERS = {"Wu": "130300", "Li": "130324", "Tian": "130324104", "Qin": "130321", "He": "130300-qx"}
BOARDS = {"desk": "/board", "wall": "/wall/news"}
HEARD_ONLY = ("type", "offset")
ROW = re.compile(r'(<li id="(incident-[^"]+)".*?\n</li>)', re.DOTALL)
BAR = re.compile(r'<div id="duty-bar".*?\n</div>', re.DOTALL)
CLOCK = re.compile(
    r'<span class="clock is-\w+"( data-due="[^"]+")><span class="word">[^<]*</span> '
    r'<span class="digits">[^<]*</span></span>'
)


def _drop(values: Iterable[tuple[str, Any]], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in values if name not in names}


class Screens:
    """The screens of one viewer: opened at some moment, then kept up to date by the stream alone."""

    def __init__(self, room: Room, who: str) -> None:
        self.room, self.who, self.unit = room, who, VIEWERS[who]
        self.rows = {screen: self._fresh_rows(screen) for screen in BOARDS}
        self.bar = self._fresh_bar()
        self.head = room.ask(who, "log", after=0, limit=1)["head"]
        self.incidents = self._folded(room.stream(who)) if self.head else {}

    def hear(self) -> list[dict[str, Any]]:
        """What the stream has brought since, applied as each screen does it."""
        news = self.room.stream(self.who, after=self.head)
        self.head += len(news)
        for screen, rows in self.rows.items():
            for target, html in self.room.parts.views.fragments(self.unit, screen, "zh", news):
                if target == "duty-bar" and screen == "desk":
                    self.bar = _still(html)
                if not target.startswith("incident-"):
                    continue  # who is on duty stands on every page: test_duty_pages
                if html:
                    rows[target] = _still(html)
                else:
                    rows.pop(target, None)
        for entry in news:
            self._fold(self.incidents, entry)
        return news

    def differences(self) -> list[str]:
        """Where they show something else than a fresh look."""
        wrong = []
        for screen, rows in self.rows.items():
            fresh = self._fresh_rows(screen)
            if rows != fresh:
                differing = {one for one in rows.keys() | fresh.keys() if rows.get(one) != fresh.get(one)}
                one = sorted(differing)[0]
                wrong.append(
                    f"{screen} of {self.who}: {len(differing)} rows, as {one}: has {rows.get(one)!r:.300}, "
                    f"fresh is {fresh.get(one)!r:.300}"
                )
        bar, ends = self._fresh_bar(), re.findall(r'data-until="([^"]+)"', self.bar)
        looks_again = any(parse_instant(one) <= self.room.clock.now() for one in ends)  # as its page does
        if self.bar != bar and not looks_again:
            wrong.append(f"the bar of {self.who}: has {self.bar!r:.300}, fresh is {bar!r:.300}")
        told_now = self._fresh_incidents()
        for told in told_now:
            own = self.incidents.get(told["id"])
            kept = None if own is None else self._as_told(own)
            if kept != told:
                names = [name for name in told if kept is None or kept.get(name) != told[name]]
                wrong.append(
                    f"tablet of {self.who}: {told['number']}: {names}: has "
                    f"{[kept and kept.get(name) for name in names]!r:.300}, "
                    f"fresh is {[told[name] for name in names]!r:.300}"
                )
        unseen = self.incidents.keys() - {told["id"] for told in told_now}
        wrong += [f"tablet of {self.who}: {one} is not there any more" for one in unseen]
        return wrong

    # --- the boards ---------------------------------------------------------------------------------------

    def _page(self, path: str) -> str:
        answer = self.room.request(self.who, "GET", path, headers={"Accept-Language": "zh"})
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def _fresh_rows(self, screen: str) -> dict[str, str]:
        return {target: _still(row) for row, target in ROW.findall(self._page(BOARDS[screen]))}

    def _fresh_bar(self) -> str:
        """What the duty has to say over every page of the desk."""
        found = BAR.search(self._page("/"))
        assert found is not None
        return _still(found[0])

    # --- the tablet: no page of ours, the entries themselves ------------------------------------------------

    def _folded(self, entries: Iterable[dict[str, Any]]) -> dict[str, Incident]:
        found: dict[str, Incident] = {}
        for entry in entries:
            self._fold(found, entry)
        return found

    @staticmethod
    def _fold(incidents: dict[str, Incident], entry: dict[str, Any]) -> None:
        if entry.get("incident_id") is None:
            return
        said = LOG_ENTRY.validate_json(orjson.dumps(_drop(entry.items(), HEARD_ONLY)))
        if entry["incident_id"] not in incidents:
            incidents[entry["incident_id"]] = fold(entry["incident_id"], [said])
        else:
            apply(incidents[entry["incident_id"]], said)

    def _as_told(self, incident: Incident) -> dict[str, Any]:
        now = self.room.clock.now()
        owed = [row for row in obligation_rows(incident) if row["met_at"] is None and row["excused"] is None]
        shown = incident_shown(incident_row(incident), [], now)
        shown["obligations"] = sorted((obligation_shown(row, now) for row in owed), key=lambda one: one["id"])
        return json.loads(json.dumps(shown))

    def _fresh_incidents(self) -> list[dict[str, Any]]:
        found, after = [], None
        while True:
            page = self.room.ask(
                self.who, "incidents", state="all", limit=200, **({"after": after} if after else {})
            )
            found += page["incidents"]
            after = page["next"]
            if after is None:
                break
        for one in found:
            one["obligations"].sort(key=lambda owed: owed["id"])
        return found


def _still(row: str) -> str:
    """A row without what its page itself paints anew every second: how long is left until a known moment."""
    return CLOCK.sub(r"\1", row.strip())


# --- what makes each event happen ---------------------------------------------------------------------------

Deed = Callable[[Room], None]
DEEDS: dict[str, Deed] = {**MADE, **MADE_ON_SCENE}


def makes(*kinds: str) -> Callable[[Deed], Deed]:
    def enlist(deed: Deed) -> Deed:
        for kind in kinds:
            DEEDS[kind] = deed
        return deed

    return enlist


def _open(room: Room, minutes_ago: float = 1, **over: Any) -> str:
    known, occurred = room.clock.ago(minutes=minutes_ago), room.clock.ago(minutes=90)
    over = {"known_at": known, "occurred_at": occurred, **over}
    return opened(room, **over)


def _now(room: Room) -> str:
    return room.clock.now().isoformat()


def _of(incident: str, **body: Any) -> dict[str, Any]:
    return {"command_id": new_id(), "incident_id": incident, **body}


@makes("incident_opened", "obligation_started", "level_computed")
def open_one(room: Room) -> None:
    _open(room, category="work_safety", facts={"dead": 3}, known_at=_now(room))


@makes("informer_named")
def tip(room: Room) -> None:
    _open(room, source={"channel": "12350", "name": "举报人", "phone": "0335-1"})


@makes("entry_added")
def add(room: Room) -> None:
    room.told("Li", "add-entry", words.add_entry(_open(room), "现场回报", happened_at=_now(room)))


@makes("entry_struck")
def strike(room: Room) -> None:
    one = _open(room)
    entry = words.add_entry(one, "记错", happened_at=_now(room))
    room.told("Li", "add-entry", entry)
    room.told("Li", "strike-entry", _of(one, entry_id=entry["entry_id"], reason="记错"))


@makes("facts_established")
def facts(room: Room) -> None:
    said = words.establish_facts(_open(room), known_at=_now(room), dead=2, missing=None, evacuated=140)
    room.told("Li", "establish-facts", said)


@makes("attachment_added", "attachment_struck")
def attach(room: Room) -> None:
    one = _open(room)
    file = receive(room, one)
    room.told("Li", "add-attachment", _of(one, **file, file_name="现场.jpg"))
    room.told("Li", "strike-attachment", _of(one, **file, reason="传错"))


@makes("level_judged")
def judge(room: Room) -> None:
    room.told("Wu", "judge-level", words.judge_level(_open(room), "major", judged_at=_now(room)))


@makes("report_recorded", "receipt_recorded", "obligation_met")
def report(room: Room) -> None:
    one = _open(room, category="work_safety", facts={"dead": 3})
    sent = words.record_report(one, sent_at=_now(room))
    room.told("Wu", "record-report", sent)
    room.told("Wu", "record-receipt", words.record_receipt(one, sent["report_id"], received_at=_now(room)))


@makes("concealment_declared")
def conceal(room: Room) -> None:
    one = _open(room, category="coal_mine")
    room.told("Wu", "declare-concealed", _of(one, concealed_by="矿方", basis="核查", declared_at=_now(room)))


@makes("incident_shared")
def share(room: Room) -> None:
    one = _open(room)
    room.told("Li", "add-entry", words.add_entry(one, "共享之前", happened_at=_now(room)))
    room.told("Wu", "share-incident", _of(one, **{"with": ["130300-qx", "130321"]}))
    room.told("Li", "add-entry", words.add_entry(one, "共享之后", happened_at=_now(room)))


@makes("order_issued", "order_acknowledged", "order_reported")
def order(room: Room) -> None:
    one = _open(room)
    said = words.issue_order(one)
    room.told("Wu", "issue-order", said)
    for name in ("acknowledge-order", "report-on-order"):
        room.told("Li", name, _of(one, order_id=said["order_id"], at=_now(room)))


@makes("order_overdue")
def forget_order(room: Room) -> None:
    room.told("Wu", "issue-order", words.issue_order(_open(room)))
    room.clock.pass_by(minutes=21)
    room.watch()


@makes(
    "instruction_recorded", "instruction_conveyed", "instruction_signed_for", "instruction_answered",
    "instruction_finished", "instruction_pressed",
)  # fmt: skip
def instruct(room: Room) -> None:
    one = _open(room)
    said = words.record_instruction(one, "130324", "130300-qx", given_at=_now(room))
    room.told("Wu", "record-instruction", said)
    for who, name, more in (
        ("Wu", "convey-instruction", {"medium": "phone"}),
        ("Li", "sign-for-instruction", {"received_by": "李四"}),
        ("Li", "report-on-instruction", {"text": "在办"}),
        ("Wu", "press-instruction", {"text": "再报", "feedback_within_min": 20}),
        ("Li", "report-on-instruction", {"text": "办结", "done": True}),
        ("Wu", "finish-instruction", {}),
    ):
        room.told(who, name, words.step(said, at=_now(room), **more))


@makes("instruction_due_soon", "instruction_overdue")
def forget_instruction(room: Room) -> None:
    room.told("Wu", "record-instruction", words.record_instruction(_open(room), given_at=_now(room)))
    room.clock.pass_by(minutes=10)
    room.watch()
    room.clock.pass_by(minutes=10)
    room.watch()


@makes("map_drawn", "map_erased")
@makes("position_reported", "field_status_set", "help_requested", "help_answered", "heads_counted")
def work_on_the_spot(room: Room) -> None:
    one = _open(room)
    for name, said in words.field_deeds(one, "甲"):
        room.told("Wu", name, {**said, "at": _now(room)})
    room.told("Song", "request-help", words.request_help(one, at=_now(room)))


@makes("short_report_confirmed", "short_report_differs")
def say_it_twice(room: Room) -> None:
    one = _open(room)
    for status in ("arrived", "engaged"):
        said = words.set_field_status(one, status, at=_now(room))
        by_radio = {
            "short_mark": mark_of(said["command_id"]),
            "on_behalf_of": {"name": "Song", "channel": "radio"},
        }
        heard = "arrived" if status == "arrived" else "withdrawn"
        room.told("Wu", "set-field-status", {**said, **by_radio, "command_id": new_id(), "status": heard})
        room.told("Song", "set-field-status", said)


@makes("help_overdue")
def leave_help_unanswered(room: Room) -> None:
    room.told("Song", "request-help", words.request_help(_open(room), at=_now(room)))
    room.clock.pass_by(minutes=11)
    room.watch()


@makes("incident_merged", "duplicate_absorbed")
def merge(room: Room) -> None:
    one, other = _open(room, facts={"dead": 1}), _open(room, minutes_ago=20, facts={"dead": 4})
    room.told("Li", "merge-incident", _of(other, into=one))


@makes("incident_closed", "incident_reopened")
def close_and_reopen(room: Room) -> None:
    one, other = _open(room), _open(room)
    for incident in (one, other):
        room.told("Li", "close-incident", _of(incident, at=_now(room), reason="处置完毕"))
    room.told("Li", "reopen-incident", _of(one, at=_now(room), reason="复燃"))


@makes("stability_declared")
def stable(room: Room) -> None:
    one = _open(room, category="flood")
    room.told("Wu", "declare-stable", _of(one, at=_now(room), basis="水位回落"))


@makes("breach_explained", "obligation_overdue", "obligation_due_soon", "prompt_due")
def let_pass(room: Room) -> None:
    one = _open(room, category="work_safety", facts={"dead": 3}, known_at=_now(room))
    for _ in range(13):
        room.clock.pass_by(minutes=10)
        room.watch()
    room.told("Wu", "explain-breach", _of(one, cause="slow_approval", text="等签字"))


@makes("obligation_excused")
def excuse(room: Room) -> None:
    one = _open(room, category="work_safety", facts={"dead": 3})
    said = _of(one, at=_now(room), reason="误报", outcome="false_alarm")
    room.told("Wu", "close-incident", said)


@makes("clock_stepped")
def step(room: Room) -> None:
    room.parts.store.note(ClockStepped(by_s=-31.5, noticed="running")).result(timeout=10)


@makes("taken_along")
def take_along(room: Room) -> None:
    origin = TakenAlong(deployment=new_id(), head="0" * 64, unit="130324", incidents=0)
    room.parts.store.note(origin).result(timeout=10)


@makes("rules_accepted")
def accept_rules(room: Room) -> None:
    accepted = RulesAccepted(digest="0" * 64, effective_from=["2026-11-23"])
    room.parts.store.note(accepted, f"{room.parts.rulebook.dump()} ").result(timeout=10)


@makes(
    "report_drafted", "report_edited", "report_submitted", "report_returned", "report_approved",
    "report_sent", "report_signed", "report_entered", "report_discarded",
)  # fmt: skip
def write_reports(room: Room) -> None:
    one = _open(room, category="work_safety", facts={"dead": 1})
    room.told("Li", "add-entry", words.add_entry(one, "封控完毕", happened_at=_now(room)))
    paper, waste = words.draft_report(one), words.draft_report(one)
    for draft in (paper, waste):
        room.told("Wu", "draft-report", draft)
    typed = [{"field": "phone", "before": "", "after": "0335-0000000"}]
    send = {"send_id": new_id(), "recipient": "PRV_EMB", "means": "fax"}
    for who, name, more in (
        ("Wu", "edit-report", {"changes": typed}),
        ("Wu", "submit-report", {}),
        ("Wang", "return-report", {"reason": "补充"}),
        ("Wu", "approve-report", {"approved_by": "王某", "approved_at": _now(room), "way": "phone"}),
        ("Wu", "send-report", {**send, "sent_at": _now(room)}),
        ("Wang", "sign-report", {"signed_at": _now(room)}),
        ("Wu", "enter-report", {"entered_at": _now(room), "reference": "7"}),
    ):
        room.told(who, name, _of(one, report_id=paper["report_id"], **more))
    room.told("Wu", "discard-report", _of(one, report_id=waste["report_id"], reason="重复"))


@makes(
    "duty_item_added", "duty_item_overdue", "duty_item_settled", "duty_unmanned", "handover_items_accepted",
    "handover_late", "handover_prepared", "handover_signed", "month_sealed", "roll_answered", "roll_asked",
    "roll_called", "roll_closed", "roll_missed", "roll_unanswered", "shift_changed", "shift_taken_over",
    "shifts_cancelled", "shifts_planned", "swap_decided", "swap_requested", "wall_arranged", "wall_shown",
)  # fmt: skip
def hold_a_duty(room: Room) -> None:
    """A busy duty and the night after it, on the room's first day: its shifts change by that day's clock."""
    a_busy_duty(room)
    for _ in range(30):
        room.clock.pass_by(hours=1)
        room.watch()


@makes(
    "alarm_raised", "alarm_called", "alarm_taken", "alarm_settled", "channel_failed", "channel_restored",
)  # fmt: skip
def call_out(room: Room) -> None:
    """An alarm that is taken and one that is over; a channel that falls silent and speaks again."""
    store, before = room.parts.store, room.parts.store.channels
    store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    try:
        one, _other = (_open(room, facts={"dead": 11}) for _ in range(2))
        for alarm in room.ask("Wu", "duty")["alarms"]:
            if alarm["incident_id"] == one:
                taken = {"unit": "130300", "alarm_id": alarm["alarm_id"], "at": _now(room)}
                room.told("Wu", "take-alarm", taken)
            else:
                done = _of(alarm["incident_id"], at=_now(room), reason="误报", outcome="false_alarm")
                room.told("Li", "close-incident", done)
        for fault in ("HTTP 500", None):
            store.note_channel("dingtalk", fault).result(timeout=10)
    finally:
        store.channels = before


def _kinds(room: Room, since: int) -> set[str]:
    """The event types that were written since an entry, in whichever stream."""
    with room.parts.database.reading() as connection:
        return set(connection.execute(select(ENTRY.c.event_type).where(ENTRY.c.seq > since)).scalars())


def _written(room: Room) -> int:
    with room.parts.database.reading() as connection:
        return int(connection.execute(select(func.max(ENTRY.c.seq))).scalar() or 0)


def kinds_of(deed: Deed) -> set[str]:
    """The event types that a deed makes happen."""
    return {kind for kind, one in DEEDS.items() if one is deed}


def verify_action(room: Room, deed: Deed, viewers: Iterable[str] = VIEWERS) -> list[str]:
    """Open every screen, make this happen, apply what the streams bring, compare with a fresh look."""
    since = _written(room)
    screens = [Screens(room, who) for who in viewers]
    heard: list[list[dict[str, Any]]] = []

    def then_all_hear(act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *said, **more: (act(*said, **more), heard.extend(one.hear() for one in screens))[0]

    # What stood on a screen before the next thing happened is what may stay there wrongly.
    with patch.multiple(room, told=then_all_hear(room.told), watch=then_all_hear(room.watch)):
        deed(room)
    heard += [screen.hear() for screen in screens]
    wrong = [difference for screen in screens for difference in screen.differences()]
    wrong += [f"{kind} did not happen" for kind in kinds_of(deed) - _kinds(room, since)]
    if not any(heard):
        wrong.append("no stream brought anything")
    return wrong
