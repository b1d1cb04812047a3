"""What the screens say, before any browser: words for everything, unknowns kept apart, no markup made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from jinja2 import UndefinedError

from schemas.commands import COMMANDS
from schemas.consultations import ConsultationCommand
from schemas.events import EVENTS, LOG_ENTRY, EntryAdded, IncidentShared, LogEntry, ObligationExcused
from schemas.instructions import Medium, Step, Waits
from schemas.scene import SceneCommand
from schemas.terms import (
    FACTS,
    OUTSIDE_ACTORS,
    Category,
    Channel,
    EntryKind,
    Level,
    Post,
    Precision,
    Scale,
    Stage,
    Standing,
)
from server.config.rulebook import defaults
from server.config.unit_file import default_units
from server.domain import onehour
from server.pages.routes import SOURCES
from server.screens import board, duty_log, overview
from server.screens.rendering import Renderer
from server.screens.texts import Texts
from server.screens.views import BROWSER_TEXTS, to_the_letter
from server.screens.wording import Wording
from tests import words
from tests.deeds import ON_INCIDENTS
from tests.product import FenghuoProcess

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
TEXTS = Texts()
TREE = default_units()
ZH, EN = (Wording(lang, TEXTS, TREE) for lang in ("zh", "en"))
NOW = datetime(2026, 11, 23, 6, 26, 8, tzinfo=UTC)  # 14:26:08 in Beijing
RULES = defaults().in_force(NOW)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


# --- words for everything ---------------------------------------------------------------------------------


def named() -> list[tuple[str, str]]:
    """Every slug that may come out of the record, with the group of texts that names it."""
    senders = {owed.sender for owed in RULES.rules if owed.opens}
    groups: dict[str, Any] = {
        "level": [*Level, "none", "below"],
        "scale": Scale,
        "stage": Stage,
        "channel": Channel,
        "channel_short": Channel,
        "standing": Standing,
        "kind": EntryKind,
        "category": [*Category, "none"],
        "category_keys": Category,
        "precision": Precision,
        "post": Post,
        "fact": FACTS,
        "source": SOURCES,
        "excused": get_args(ObligationExcused.model_fields["reason"].annotation),
        "event.shared": get_args(IncidentShared.model_fields["why"].annotation),
        "hour_case": get_args(onehour.Case),
        "hour_basis": get_args(onehour.Basis),
        "hour_result": get_args(onehour.Result),
        "lacks": ["place", "category", "source", "time", "casualties", "approval"],
        "medium": Medium,
        "instruction.step": get_args(Step),
        "event.instruction.waits": get_args(Waits),
        "outcome": ["handled", "false_alarm", "outside_jurisdiction"],
        "cause": [cause.cause for cause in RULES.delay_causes],
        "form": ON_INCIDENTS,
        "actor": [*OUTSIDE_ACTORS, *sorted(senders & set(_actors()))],
    }
    conferring = {name for name in ON_INCIDENTS if issubclass(COMMANDS[name], ConsultationCommand)}
    commanding = {name for name in ON_INCIDENTS if issubclass(COMMANDS[name], SceneCommand)}
    elsewhere = {"open-incident", *conferring, *commanding}
    groups["form"] = [name for name in ON_INCIDENTS if name not in elsewhere]
    groups["scene_form"] = sorted(commanding)
    groups["consultation_form"] = sorted(conferring)
    return [(group, str(slug)) for group, slugs in groups.items() for slug in slugs]


def _actors() -> list[str]:
    return [slug.removeprefix("actor.") for slug in TEXTS.of["zh"] if slug.startswith("actor.")]


@pytest.mark.parametrize(("group", "slug"), named())
def test_every_word_of_the_record_has_its_word_on_the_screen_in_both_languages(group: str, slug: str):
    for lang in ("zh", "en"):
        assert f"{group}.{slug}" in TEXTS.of[lang]  # type: ignore[index]


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_event_has_its_line_in_the_duty_log(kind: str):
    for lang in ("zh", "en"):
        if kind != EntryAdded.model_fields["type"].default:  # a person's entry is called by its kind
            assert TEXTS.of[lang][f"event.{kind}.label"]  # type: ignore[index]


def test_every_text_that_a_script_asks_for_is_sent_to_it():
    asked: dict[str, str] = {}
    for path in (WEB / "static").glob("*.js"):
        said = re.findall(r'"((?:js|time)\.\w+)"', path.read_text(encoding="utf-8"))
        asked |= dict.fromkeys(said, path.name)
    assert len(asked) > 30
    del asked["time.moment"]  # a selector
    assert {slug: name for slug, name in asked.items() if slug not in TEXTS.of["zh"]} == {}
    assert {slug for slug in asked if not slug.startswith(BROWSER_TEXTS)} == set()


def test_the_english_screen_has_no_chinese_left_in_it():
    chinese = {
        slug
        for slug, text in TEXTS.of["en"].items()
        if re.search(r"[\u3400-\u9fff]", text)
        and not slug.startswith(("category_keys.", "nav.language", "other_language", "tablet.language"))
    }
    # Examples of what may be typed; a short report is read aloud in Chinese, whatever the screen speaks.
    typed = {"intake.place_hint", "intake.time_hint", "roster.paste_hint", "short.hint"}
    assert chinese == typed


# --- times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "zh", "en"),
    [
        ("2026-11-23T14:05:00+08:00", "14:05", "14:05"),
        ("2026-11-23T00:00:00+08:00", "00:00", "00:00"),
        ("2026-11-22T23:10:00+08:00", "昨 23:10", "yest. 23:10"),
        ("2026-11-20T08:00:00+08:00", "11-20 08:00", "11-20 08:00"),
        ("2025-11-23T14:05:00+08:00", "2025-11-23 14:05", "2025-11-23 14:05"),
        (None, "—", "—"),
    ],
)
def test_times_are_said_as_people_say_them(said: str | None, zh: str, en: str):
    assert (ZH.moment(said, NOW), EN.moment(said, NOW)) == (zh, en)


@pytest.mark.parametrize(
    ("left", "word", "digits", "sign"),
    [
        (31 * 60, "剩", "31:00", "calm"),
        (30 * 60, "剩", "30:00", "near"),
        (15 * 60 + 1, "剩", "15:01", "near"),
        (15 * 60, "剩", "15:00", "amber"),
        (5 * 60, "剩", "05:00", "red"),
        (0, "剩", "00:00", "red"),
        (-1, "已超", "00:01", "past"),
        (-3661, "已超", "1时01分", "past"),
        (90_000, "剩", "1天", "calm"),
    ],
)
def test_a_clock_says_how_long_is_left_and_changes_its_sign_in_time(
    left: int, word: str, digits: str, sign: str
):
    assert ZH.countdown(NOW + timedelta(seconds=left), NOW) == (word, digits, sign)


def test_a_duty_without_a_figure_in_the_law_is_owed_at_once():
    assert ZH.countdown(None, NOW) == ("立即", "", "once")


def test_places_are_not_said_twice():
    assert ZH.place({"unit": "130324", "text": "卢龙县卢龙镇永平大街"}) == ("", "卢龙县卢龙镇永平大街")
    assert ZH.place({"unit": "130324100", "text": "永平大街"})[0].startswith("卢龙县 ")
    assert ZH.place({"unit": "130371"}) == ("经济技术开发区", "")


def test_units_are_called_as_people_call_them():
    assert [ZH.short(code) for code in ("130324", "130371", "130372", "PRV_EMB", "130300")] == [
        "卢龙",
        "经济技术开发区",
        "北戴河新区",
        "省厅",
        "市局",
    ]
    assert [EN.short(code) for code in ("130371", "130300-qx")] == [
        "Economic and Technological Development Zone",
        "Meteorological Bureau",
    ]
    for wording in (ZH, EN):
        counties = [wording.short(code) for code in TREE.subtree(TREE.root) if len(code) == len("130304")]
        assert len(set(counties)) == len(counties) > 9


# --- the board --------------------------------------------------------------------------------------------


def row(**over: Any) -> dict[str, Any]:
    return {
        "id": "i1",
        "number": "LL-2026-0001",
        "title": "液氨泄漏",
        "category": "hazmat/leak",
        "place": {"unit": "130324", "text": "柳河湾"},
        "unit": "130324",
        "drill": False,
        "state": "open",
        "level": None,
        "near_miss": False,
        "judged": True,
        "known_at": ago(minutes=10),
        "version": 1,
        "changed_at": ago(minutes=1),
        "facts": {},
        "obligations": [],
        **over,
    }


def owed(minutes: float | None, **over: Any) -> dict[str, Any]:
    return {
        "id": f"o{minutes}",
        "from": "130300",
        "to": "PRV_EMB",
        "stage": "initial",
        "channel": "written",
        "started_at": ago(minutes=30),
        "due_at": None if minutes is None else (NOW + timedelta(minutes=minutes)).isoformat(),
        **over,
    }


def card(**over: Any) -> board.Card:
    return board.card(row(**over), "130300", NOW, ZH, RULES)


def test_the_most_urgent_is_on_top_and_what_has_no_deadline_is_last():
    cards = [
        card(id="calm"),
        card(id="later", obligations=[owed(50)]),
        card(id="first", obligations=[owed(-3)]),
    ]
    assert [one.id for one in board.in_order(cards)] == ["first", "later", "calm"]


def test_on_the_wall_a_drill_never_stands_above_the_real_thing():
    drill = card(id="drill", drill=True, level="major", obligations=[owed(-3)])
    cards = [drill, card(id="real", level="larger")]
    assert [one.id for one in board.by_level(cards)] == ["real", "drill"]


def test_what_the_desk_owes_itself_is_told_from_what_it_waits_for():
    duties = card(obligations=[owed(8), owed(12, **{"from": "130324", "to": "130300"})]).duties
    assert [(duty.own, duty.action, duty.by, duty.label) for duty in duties] == [
        (True, "report", "", "首报书面 → 省厅"),
        (False, "chase", "卢龙", "首报书面 → 本级"),
    ]


def test_an_unjudged_incident_owes_a_judgement_five_minutes_after_it_was_known():
    (judge,) = card(judged=False, known_at=ago(minutes=3)).duties
    assert (judge.action, judge.clock) == ("judge", ("剩", "02:00", "red"))
    assert card(judged=True).duties == ()


def test_an_unknown_number_is_never_shown_as_nought():
    figures = card(facts={"dead": None, "missing": 0}).figures
    assert [(one.name, one.short) for one in figures] == [("死亡", "核实中"), ("失联", "0")]


def said(incident: str, minutes: float, **facts: int | None) -> LogEntry:
    body = {
        "incident_id": incident,
        "event": {
            "type": "facts_established",
            "known_at": ago(minutes=minutes),
            "known_by": "130324",
            "in_chain": True,
            "facts": facts,
        },
        "by": "Li",
        "post": "duty_officer",
        "unit": "130324",
        "recorded_at": ago(minutes=minutes),
    }
    return LOG_ENTRY.validate_python(body)


def test_the_wall_adds_up_what_is_known_and_counts_what_is_being_checked():
    log = [said("a", 30, dead=3), said("a", 10, dead=4), said("b", 5, dead=None), said("a", 20, dead=9)]
    dead, missing, *_ = overview.totals(log, ZH)
    assert (dead.value, dead.checking, dead.as_of) == (4, 1, "2026-11-23T06:16:08.000Z")
    assert missing.value is None


# --- nothing is taken for markup --------------------------------------------------------------------------


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("nasty", ["<b>1</b>", "a\r\nb\rc", "\u202e倒", "&amp;", "{{ 7*7 }}", "' \" `"])
def test_a_text_comes_back_to_the_letter(nasty: str):
    environment = Renderer().environment
    environment.finalize = to_the_letter
    html = environment.from_string('<p title="{{ text }}">{{ text }}</p>').render(text=nasty)
    parser = _Texts()
    parser.feed(html)
    assert parser.text == nasty
    assert "\r" not in html  # a browser would read a bare one as a line feed
    assert "<b>" not in html


def test_a_misspelt_name_in_a_template_is_an_error_and_no_gap():
    with pytest.raises(UndefinedError):
        Renderer().environment.from_string("{{ cart.title }}").render()


def test_scripts_make_no_markup_and_evaluate_nothing():
    for path in (WEB / "static").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for wrong in (
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            ".style.",
        ):
            assert wrong not in text, f"{path.name}: {wrong}"


# --- files ------------------------------------------------------------------------------------------------


def _vendor_check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, root / "scripts" / "vendor", "--check"], capture_output=True, text=True, timeout=30
    )


def test_the_vendored_files_are_those_of_the_manifest():
    done = _vendor_check(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_vendored_file_that_was_touched_added_or_taken_away_is_found(tmp_path: Path):
    for part in ("scripts", "web/static/vendor", "tests/vendor"):
        shutil.copytree(ROOT / part, tmp_path / part)
    vendor = tmp_path / "web" / "static" / "vendor"
    with (vendor / "htmx" / "htmx.esm.min.js").open("a") as file:
        file.write(" ")
    (vendor / "more.js").write_text("")
    (vendor / "htmx" / "LICENSE").unlink()
    done = _vendor_check(tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3


# --- the pieces that the stream sends ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def each_database() -> str:
    return "sqlite"


async def test_a_screen_gets_the_row_of_what_changed_and_nothing_when_it_is_over(desk: FenghuoProcess):
    async with desk.listen("Wu", {"screen": "desk"}) as live:
        body = words.open_incident(title="<b>液氨</b> 泄漏")
        assert desk.tell("Li", "open-incident", body).status_code == 200
        piece = await live.next("fragment")
        assert piece["target"] == f"incident-{body['incident_id']}"
        assert "&lt;b&gt;液氨&lt;/b&gt; 泄漏" in piece["html"]
        assert "研判级别" in piece["html"]
        closing = words.close_incident(body["incident_id"], day=1)
        assert desk.tell("Li", "close-incident", closing).status_code == 200
        while (piece := await live.next("fragment"))["html"]:
            pass
        assert piece["target"] == f"incident-{body['incident_id']}"


async def test_an_english_screen_gets_english_rows(desk: FenghuoProcess):
    async with desk.listen("Wu", {"screen": "desk", "lang": "en"}) as live:
        assert desk.tell("Li", "open-incident", words.open_incident()).status_code == 200
        assert "Judge the level" in (await live.next("fragment"))["html"]


@pytest.mark.parametrize("path", ["/", "/incidents", "/wall", "/statistics"])
def test_a_page_answers_at_once_and_in_whole(desk: FenghuoProcess, path: str):
    with desk.client("Wu") as client:
        answer = client.get(path)
    assert answer.status_code == 200
    assert answer.text.rstrip().endswith("</html>")


def test_an_incident_of_another_county_is_not_there(desk: FenghuoProcess):
    body = words.open_incident()
    assert desk.tell("Li", "open-incident", body).status_code == 200
    with desk.client("Qin") as client:
        for path in ("", "/view", "/news"):
            assert client.get(f"/incidents/{body['incident_id']}{path}").status_code == 404


def test_an_address_that_leads_nowhere_is_a_page_to_a_person_and_a_problem_to_a_program(desk: FenghuoProcess):
    with desk.client("Wu") as client:
        page = client.get("/nothing-here", headers={"Accept": "text/html,*/*"})
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert ZH.say("missing.page") in page.text
        for path, accept in (("/nothing-here", "*/*"), ("/api/v1/nothing-here", "text/html")):
            answer = client.get(path, headers={"Accept": accept})
            assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
    with desk.client() as nobody:
        assert nobody.get("/static/nothing.css", headers={"Accept": "text/html"}).json()["status"] == 404


def test_who_may_not_act_sees_no_forms(desk: FenghuoProcess):
    body = words.open_incident()
    assert desk.tell("Li", "open-incident", body).status_code == 200
    pages = {}
    for name in ("Wu", "Zhao"):
        with desk.client(name) as client:
            pages[name] = client.get(f"/incidents/{body['incident_id']}").text
    assert "<form" in pages["Wu"]
    assert "data-command=" in pages["Wu"]
    assert "data-command=" not in pages["Zhao"]
    assert "data-act=" not in pages["Zhao"]


def test_browser_files_may_be_kept_only_under_the_address_of_their_content(desk: FenghuoProcess):
    with desk.client() as client:
        page = client.get("/sign-in").text
        path = re.search(r'href="(/static/[0-9a-f]{12}/app\.css)"', page)
        assert path is not None
        kept, asked = client.get(path[1]), client.get("/static/app.css")
    assert "immutable" in kept.headers["cache-control"]
    assert asked.headers["cache-control"] == "no-cache"
    assert kept.text == asked.text


def test_a_place_is_found_by_its_initials(desk: FenghuoProcess):
    with desk.client("Wu") as client:
        assert client.get("/places", params={"q": "llsm"}).json()[0]["name"] == "卢龙县 石门镇"
        assert client.get("/places", params={"q": ""}).json() == []


def test_said_and_ours_are_kept_apart_in_a_line():
    parts = duty_log.fill("签发 {by}, 完", by=duty_log.Said("<王>"))
    assert parts == [("签发 ", False), ("<王>", True), (", 完", False)]
