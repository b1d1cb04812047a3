"""Everything that can be done by hand, once, in both languages.

The palette (Ctrl K), the keys of every page and the card on paper are made from this list;
`tests/test_actions.py` looks for what a page can do and this cannot.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from server.screens.texts import Texts

#: Where things are done, in the order of the card, and where the palette goes for them.
PLACES = {
    "everywhere": "",
    "desk": "/",
    "intake": "/",
    "incident": "/",
    "report": "/",
    "handover": "/handover",
    "roster": "/roster",
    "roll_call": "/roll-call",
    "joint": "/joint",
    "consultation": "/",
    "scene": "/",
    "lists": "/search",
    "account": "/account",
    "map": "/map",
    "people": "/people",
    "channels": "/channels",
    "scenes": "/wall/scenes",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `name`: its text; `find`: what of a page does it (a field is gone to, anything else
    pressed). `key`: as browsers name it, two with a space between are pressed one after the other.
    `many`: there may be several, the key goes from one to the next. `press`: nothing but its key does it.
    """

    place: str
    name: str
    key: str
    find: str
    command: str = ""
    many: bool = False
    press: bool = False


def _nav(name: str, key: str, href: str) -> Action:
    return Action("everywhere", name, key, f'.top nav a[href="{href}"]')


def _act(command: str, key: str, also: str = "", place: str = "incident") -> Action:
    find = f'.acts [data-act="{command}"]' + (f", {also}" if also else "")
    return Action(place, f"form.{command}", key, find, command)


ACTIONS = (
    Action("everywhere", "act.palette", "Control+k", '#palette, .keys [data-key="Control+K"]'),
    Action("everywhere", "act.help", "?", "[data-help]", many=True),
    Action("everywhere", "act.card", ". k", 'a[href="/keys"]'),
    Action("everywhere", "roll.answer", "F9", ".answer-here", "answer-roll"),
    Action("everywhere", "alarm.take", ". t", ".take-here", "take-alarm", many=True),
    Action("everywhere", "act.store", "Control+Enter", "form.act-form .primary"),
    Action("everywhere", "act.close", "Escape", "[data-close], [data-help-close]"),
    _nav("nav.desk", ". d", "/"),
    _nav("find.title", ". f", "/search"),
    _nav("nav.map", ". g", "/map"),
    _nav("nav.roster", ". r", "/roster"),
    _nav("nav.handover", ". h", "/handover"),
    Action("everywhere", "nav.roll_call", "F8", '.top nav a[href="/roll-call"], .keys a[href="/roll-call"]'),
    _nav("nav.joint", ". j", "/joint"),
    _nav("nav.statistics", ". s", "/statistics"),
    _nav("nav.wall", ". w", "/wall"),
    _nav("nav.people", ". p", "/people"),
    Action("everywhere", "nav.channels", ". c", 'a[href="/channels"]'),
    Action("everywhere", "scenes.title", ". v", 'a[href="/wall/scenes"]'),
    _nav("nav.devices", ". b", "/devices"),
    _nav("nav.carry", ". i", "/carry"),
    Action("everywhere", "account.title", ". a", '.top a[href="/account"]'),
    Action("everywhere", "on_duty.now", ". o", "#on-duty-more summary"),
    Action("everywhere", "nav.theme", ". n", "#theme-switch"),
    Action("everywhere", "act.language", ". l", "#language-switch"),
    Action("everywhere", "act.sound", ". m", "#sound-switch"),
    Action("everywhere", "sound.try", ". y", "#sound-bar button", many=True),
    Action("everywhere", "nav.sign_out", ". q", 'form[action="/sign-out"] button'),
    # --- the desk
    Action("desk", "js.intake", "F2", '.keys [data-key="F2"]', "open-incident"),
    Action("desk", "desk.filter", "/", '#filter, .keys [data-key="/"]'),
    Action("desk", "act.next", "j", "#board", press=True),
    Action("desk", "act.previous", "k", "#board", press=True),
    Action("desk", "act.open", "Enter", "#board", press=True),
    Action("desk", "desk.sort", "s", "#sort"),
    Action("desk", "export.title", "m", '.keys a[href="/exports"]'),
    Action("desk", "act.alarm", "!", "#alarms button", many=True),
    Action("desk", "short.title", "*", "[data-short-report]", "add-entry"),
    Action("desk", "act.short", "", "#short-report button", "add-entry", many=True),
    # --- the intake line
    Action("intake", "act.field", "Enter", "#intake-title", "open-incident"),
    Action("intake", "act.unknown", "?", "#intake-occurred", "open-incident"),
    Action("intake", "act.into", "Alt+1", "#alike button, #alike li", "open-incident", many=True),
    Action("intake", "alike.own", "", "#intake [data-own]", "open-incident"),
    Action("intake", "intake.submit", "", "#intake button[type=submit]", "open-incident"),
    Action("intake", "act.clear", "", "#intake [data-clear], #intake .chip button", "open-incident"),
    Action("intake", "drafts.take", "", "#drafts button", "open-incident", many=True),
    Action("intake", "act.outbox", "", "#outbox button", "open-incident", many=True),
    Action("intake", "reading.take", "Enter", "#reading-take", "open-incident"),
    Action("intake", "reading.leave", "Escape", "#reading-leave", "open-incident"),
    Action("intake", "act.finding", "", "#reading-body button", "open-incident", many=True),
    # --- an incident, on the desk and on its own page
    _act("add-entry", "n", '.keys [data-key="n"]'),
    _act("establish-facts", "f"),
    _act("judge-level", "l"),
    _act("draft-report", "w"),
    _act("record-report", "r"),
    _act("issue-order", "o"),
    _act("record-instruction", "i"),
    Action("incident", "act.next_step", "b", '.acts [data-key="b"]', "convey-instruction"),
    Action("incident", "act.step", "", ".instruction [data-act], [data-set-addressee_id]",
           "convey-instruction", many=True),
    Action("incident", "attach.choose", "u", "[data-attach]", "add-attachment"),
    Action("incident", "form.strike-attachment", "", '[data-act="strike-attachment"]', "strike-attachment",
           many=True),
    _act("close-incident", "x"),
    _act("reopen-incident", "z"),
    Action("incident", "form.more", "v", ".more-acts summary"),
    _act("share-incident", ">"),
    _act("merge-incident", "&"),
    _act("declare-stable", "="),
    _act("declare-concealed", "c"),
    _act("explain-breach", "e"),
    Action("incident", "act.owed", "a", ".owed-line button", many=True),
    Action("incident", "form.acknowledge-order", "y", '.order [data-act="acknowledge-order"]',
           "acknowledge-order", many=True),
    Action("incident", "form.report-on-order", "p", '.order [data-act="report-on-order"]',
           "report-on-order", many=True),
    Action("incident", "form.record-receipt", "d", '.report [data-act="record-receipt"]',
           "record-receipt", many=True),
    Action("incident", "line.strike", "-", ".line .strike", "strike-entry", many=True),
    Action("incident", "act.log", "q", ".filters button", many=True),
    Action("incident", "form.answer-help", "+", '[data-act="answer-help"]', "answer-help", many=True),
    Action("incident", "field.copy", "", "[data-copied]", many=True),
    _act("set-field-status", ""),
    _act("count-heads", ""),
    _act("request-help", ""),
    Action("incident", "incident.history", "h", ".figures summary", many=True),
    Action("incident", "around.title", "g", "#around summary"),
    Action("incident", "act.choose", "1", "[data-choose]", many=True),
    Action("incident", "consultation.title", "@", "[data-consultations]"),
    Action("incident", "ics.title", "", "[data-forms]"),
    Action("incident", "scene.title", "#", "[data-scene]"),
    Action("incident", "incident.open_page", "t", ".open-page"),
    # --- a report that is being written
    _act("submit-report", "u", place="report"),
    _act("approve-report", "v", place="report"),
    _act("sign-report", "s", place="report"),
    _act("return-report", "b", place="report"),
    _act("send-report", "m", place="report"),
    Action("report", "form.record-receipt", "c", '.acts [data-act="record-receipt"][data-key="c"]',
           "record-receipt"),
    _act("enter-report", "e", place="report"),
    _act("discard-report", "x", place="report"),
    Action("report", "act.pdf", "p", '.acts a[href$="/report.pdf"]'),
    Action("report", "act.docx", "d", '.acts a[href$="/report.docx"]'),
    Action("report", "report.print", "o", '.acts a[href$="/paper"]'),
    Action("report", "report.redraft", "y", ".redraft button", "edit-report"),
    Action("report", "act.copy_script", "h", '[data-copy^="script-"]'),
    Action("report", "act.copy_text", "t", '[data-copy^="words-"]'),
    Action("report", "act.copy_field", "f", '[data-copy^="field-"]', many=True),
    Action("report", "act.settle", "w", "[data-settle]", "edit-report", many=True),
    Action("report", "act.save", "Control+s", "#report-text", "edit-report", press=True),
    # --- the handover, and the book of the day
    Action("handover", "handover.prepare", "p", '[data-do="prepare"]', "prepare-handover"),
    Action("handover", "act.next_item", "j", ".sheet-line", press=True),
    Action("handover", "act.previous_item", "k", ".sheet-line", press=True),
    Action("handover", "handover.accept", "Enter", '[data-do="accept"]', "accept-handover-item", many=True),
    Action("handover", "handover.accept_all", "a", '[data-do="accept-all"]', "accept-handover-item"),
    Action("handover", "act.sign", "s", '[data-do="sign"]', "sign-handover", many=True),
    Action("handover", "duty_form.take-over-shift", "t", '.now-next [data-do="take-over"]',
           "take-over-shift"),
    Action("handover", "duty_form.add-duty-item", "n", '[data-opens="form-add-duty-item"]', "add-duty-item"),
    Action("handover", "duty_form.settle-duty-item", "x", '[data-do="settle"]', "settle-duty-item",
           many=True),
    Action("handover", "book.make", "b", 'form[action="/duty-log"] button'),
    # --- the roster
    Action("roster", "duty_form.request-swap", "w", '[data-opens="form-request-swap"]', "request-swap",
           many=True),
    Action("roster", "duty_form.change-shift", "c", '[data-opens="form-change-shift"]', "change-shift",
           many=True),
    Action("roster", "duty_form.cancel-shifts", "x", '[data-opens="form-cancel-shifts"]', "cancel-shifts",
           many=True),
    Action("roster", "act.swap", "a", "[data-swap]", "approve-swap", many=True),
    Action("roster", "roster.paste", "v", 'form[data-reading] [name="text"]', "plan-shifts"),
    Action("roster", "roster.rotate", "t", 'form[data-reading] [name="teams"]', "plan-shifts"),
    Action("roster", "roster.read", "", "form[data-reading] button", "plan-shifts", many=True),
    Action("roster", "roster.plan", "", "#plan", "plan-shifts"),
    Action("roster", "act.month", "[", '#roster .filters-line a, #month-title a', many=True),
    Action("roster", "act.unit", "u", '#roster [name="unit"]'),
    Action("roster", "act.show", "",
           '#roster .filters-line button, #roster form.inline button, form[action="/statistics"] button'),
    # --- the map
    Action("map", "map.tools", "n", ".map-acts button, #film button", many=True),
    Action("map", "form.draw-on-map", "p", "#map-plot > summary, #plot-form button", many=True),
    Action("map", "map.import", "i", "#map-import > summary, #import-form button", many=True),
    # --- the roll-call
    Action("roll_call", "roll.call", "c", "#call button[type=submit]", "call-roll"),
    Action("roll_call", "roll.all", "a", "#call [data-all]", "call-roll", many=True),
    Action("roll_call", "roll.phone", "t", '[data-do="phone"]', "call-roll", many=True),
    Action("roll_call", "roll.close", "x", '#rolls [data-do="close"]', "close-roll"),
    # --- the joint duty
    Action("joint", "joint_form.open-joint-duty", "o", '[data-opens="form-open-joint-duty"]',
           "open-joint-duty"),
    Action("joint", "joint_form.take-joint-seat", "s",
           '[data-do="sign-in"]', "take-joint-seat", many=True),
    Action("joint", "joint_form.leave-joint-seat", "x",
           '[data-do="sign-out"]', "leave-joint-seat", many=True),
    Action("joint", "joint_form.hand-in-joint-data", "r", '[data-do="hand-in"]', "hand-in-joint-data",
           many=True),
    Action("joint", "joint_form.ask-joint-request", "n", '[data-opens="form-ask-joint-request"]',
           "ask-joint-request", many=True),
    Action("joint", "joint_form.take-joint-request", "t", '[data-do="take-request"]', "take-joint-request",
           many=True),
    Action("joint", "joint_form.answer-joint-request", "a", '[data-do="answer-request"]',
           "answer-joint-request", many=True),
    Action("joint", "joint_form.chase-joint-request", "c", '[data-do="chase-request"]',
           "chase-joint-request", many=True),
    Action("joint", "joint_form.ask-joint-data", "d", '[data-opens="form-ask-joint-data"]', "ask-joint-data",
           many=True),
    Action("joint", "joint_form.stop-joint-data", "", '[data-do="stop-data"]', "stop-joint-data", many=True),
    Action("joint", "joint_form.extend-joint-duty", "e", '[data-opens="form-extend-joint-duty"]',
           "extend-joint-duty", many=True),
    Action("joint", "joint_form.close-joint-duty", "q", '[data-opens="form-close-joint-duty"]',
           "close-joint-duty", many=True),
    # --- the consultations of an incident
    Action("consultation", "consultation_form.convene-consultation", "n",
           '[data-opens="form-convene-consultation"]', "convene-consultation"),
    Action("consultation", "consultation_form.give-opinion", "o", '[data-opens="form-give-opinion"]',
           "give-opinion", many=True),
    Action("consultation", "consultation_form.conclude-consultation", "c",
           '[data-opens="form-conclude-consultation"]', "conclude-consultation", many=True),
    Action("consultation", "consultation_form.note-meeting", "v", '[data-opens="form-note-meeting"]',
           "note-meeting", many=True),
    Action("consultation", "consultation.join", "j", "a[data-join]", many=True),
    Action("consultation", "act.minutes_pdf", "p", 'a[href$="/minutes.pdf"]', many=True),
    Action("consultation", "act.minutes_docx", "d", 'a[href$="/minutes.docx"]', many=True),
    # --- command on the spot
    *(
        Action("scene", f"scene_form.{command}", key, f'[data-opens="form-{command}"]', command, many=True)
        for command, key in (
            ("set-up-scene-post", "n"), ("move-scene-post", "m"), ("close-scene-post", "q"),
            ("propose-transfer", "h"), ("sign-transfer", "s"), ("decline-transfer", "d"),
            ("set-scene-group", "g"), ("set-scene-objective", "o"), ("end-scene-objective", "e"),
            ("set-scene-period", "p"), ("set-sitrep-timer", "t"),
        )
    ),
    # --- search, statistics, accounts
    Action("lists", "export.title", "e", 'button[formaction^="/export"]', many=True),
    Action("lists", "statistics.figures", "t", 'button[formaction="/statistics/figures"]', many=True),
    Action("lists", "statistics.trend_rows", "v", ".trend-rows summary"),
    Action("lists", "statistics.seal", "", "[data-seal]", "seal-month", many=True),
    Action("lists", "search.q", "/", 'input[type="search"][name="q"]'),
    Action("lists", "act.search", "", 'form[role="search"] button'),
    Action("lists", "statistics.from", "/", 'form[action="/statistics"] [name="from"]'),
    Action("account", "account.language", "", 'form[action="/account/language"] button'),
    Action("account", "account.password_button", "", 'form[action="/account/password"] button'),
    Action("account", "session.end", "", 'form[action="/account/sessions/end"] button', many=True),
    Action("people", "people.add_button", "", 'form[action="/people"] button'),
    Action("people", "act.change_person", "", 'form[action$="/change"] button', many=True),
    Action("people", "people.new_link", "", 'form[action$="/invitation"] button', many=True),
    Action("people", "people.end_sessions", "", 'form[action$="/end-sessions"] button', many=True),
    Action("people", "act.disable", "", 'form[action$="able"] button', many=True),
    Action("people", "people.wall_button", "", 'form[action="/people/walls"] button'),
    Action("people", "act.end_wall", "", 'form[action$="/end"][action^="/people/walls"] button', many=True),
    Action("scenes", "scenes.show", "", '[data-do="show"]', "show-on-wall", many=True),
    Action("scenes", "scenes.turn", "", '[data-do="turn"]', "show-on-wall"),
    Action("scenes", "scenes.add", "", '[data-do="add"]', "arrange-wall", many=True),
    Action("scenes", "scenes.up", "", '[data-do="up"]', "arrange-wall", many=True),
    Action("scenes", "scenes.remove", "", '[data-do="remove"]', "arrange-wall", many=True),
    Action("scenes", "scenes.store", "", "#scenes .primary", "arrange-wall"),
    Action("scenes", "scenes.clear", "", '[data-do="clear"]', "arrange-wall"),
    Action("channels", "channels.test", "", 'form[action$="/test"] button', many=True),
)  # fmt: skip


def shown_key(key: str) -> str:
    """Control+k as people read it: Ctrl K; Enter: ⏎."""
    words = {"Control": "Ctrl", "Enter": "⏎", "Escape": "Esc"}
    return " ".join(words.get(one, one.upper() if len(one) == 1 else one) for one in _pieces(key))


def _pieces(key: str) -> list[str]:
    return [piece for part in key.split(" ") for piece in part.split("+")]


def by_place() -> dict[str, list[Action]]:
    """For the card: what is done where, in its order."""
    return {place: [one for one in ACTIONS if one.place == place] for place in PLACES}


@lru_cache(maxsize=4)
def as_json(texts: Texts) -> bytes:
    """The list for the browser, every name in both languages."""
    return orjson.dumps([_said(one, texts) for one in ACTIONS])


def _said(one: Action, texts: Texts) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": f"{one.place}.{one.name}",
        "zh": name_of(one, "zh", texts),
        "en": name_of(one, "en", texts),
        "place": {"zh": texts.of["zh"][f"place.{one.place}"], "en": texts.of["en"][f"place.{one.place}"]},
        "key": one.key,
        "shown": shown_key(one.key),
        "find": one.find,
        "go": PLACES[one.place],
    }
    return said | {
        name: value
        for name, value in (("command", one.command), ("many", one.many), ("press", one.press))
        if value
    }


def name_of(one: Action, lang: str, texts: Texts) -> str:
    return texts.of["en" if lang == "en" else "zh"][one.name]


def digest(texts: Texts) -> str:
    """Changes with the list: browsers keep it until then."""
    return hashlib.sha256(as_json(texts)).hexdigest()[:12]
