"""Everything that a page can do is in one list, in both languages: for the palette and for the card."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest
import soupsieve
from bs4 import BeautifulSoup

from schemas.commands import COMMANDS
from server.screens.actions import ACTIONS, PLACES, by_place, shown_key
from server.screens.guidance import SENTENCES, SOURCES
from server.screens.texts import Texts
from tests import words
from tests.consultation_deeds import consult, convening
from tests.duty_deeds import CITY, plan, prepare, roll, shift, take_over, wall_scene
from tests.joint_deeds import a_busy_joint_duty
from tests.room import Room
from tests.scene_deeds import a_transfer_that_waits
from tests.words import new_id

#: Whoever comes first waits until all the pages were read.
pytestmark = pytest.mark.timeout(150)
TEXTS = Texts()
#: What does something: buttons, and the links that stand among them.
DOERS = "button, summary.button, input[type=submit], nav a, .acts a, .keys a"
#: What only a browser makes, or shows only when something is wrong; `tests/test_axe.py` looks there.
MADE_LATER = {
    "act.alarm", "act.into", "act.outbox", "act.finding", "drafts.take", "roster.plan", "act.settle",
    "act.choose", "act.step", "form.strike-attachment", "act.next_step",
    "report.redraft", "act.language", "account.title", "account.language", "account.password_button",
    "session.end", "nav.people", "people.add_button", "act.change_person", "people.new_link",
    "people.end_sessions", "act.disable", "people.wall_button", "act.end_wall",
    "alarm.take", "nav.channels", "nav.devices", "nav.carry", "sound.try", "channels.test",
}  # fmt: skip
#: A report has a receipt once it is sent.
SENT_FIRST = ("report", "form.record-receipt")


def all_of(finds: list[str]) -> str:
    return f":is({', '.join(finds)})"


#: One question for each page, not one for each action: an element is asked only until one action has it.
UNLISTED = soupsieve.compile(f":is({DOERS}):not({all_of([one.find for one in ACTIONS])})")
KEYS = sorted({one.key for one in ACTIONS if one.key})
MISNAMED = soupsieve.compile(
    ":is(.acts, aside) [data-key]:not("
    + ", ".join(
        f'[data-key="{key}"]{all_of([one.find for one in ACTIONS if one.key == key])}' for key in KEYS
    )
    + ")"
)


class Lived(NamedTuple):
    """A room in which everything happened, and its pages as they were read."""

    room: Room
    pages: list[BeautifulSoup]


def unlisted(page: BeautifulSoup) -> list[str]:
    """What a page can do that no action of the list does."""
    return [str(one)[:160] for one in UNLISTED.select(page)]


def busy(room: Room) -> list[str]:
    """A desk at which everything can be done, and the paths of its pages."""
    first, second = plan(room, shift(0, hours=6.5), shift(6.5 / 24, "赵某", "钱某", leader="孙局"), shift(2))[
        :2
    ]
    now = room.clock.ago()
    body = words.open_incident(known_at=now, occurred_at=now, facts={"dead": 11}, category="hazmat")
    body["place"] = {"division": CITY, "text": "港口"}
    room.told("Wu", "open-incident", body)
    one = {"incident_id": body["incident_id"]}
    entry = {**one, "entry_id": new_id(), "kind": "call_in", "text": "来电", "happened_at": now}
    room.told("Wu", "add-entry", entry)
    for _ in range(2):
        order = {**one, "order_id": new_id(), "to": CITY, "text": "核实", "acknowledge_within_min": 5}
        room.told("Wu", "issue-order", order)
    for _ in range(2):
        room.told("Gao", "request-help", words.request_help(body["incident_id"], at=now))
    for who in ("Gao", "Wu"):
        room.told(who, "report-position", words.report_position(body["incident_id"], at=now))
    report = {**one, "report_id": new_id(), "stage": "initial", "channel": "written", "recipient": "PRV_EMB"}
    room.told("Wu", "record-report", {**report, "sent_at": now, "signed_by": "王局"})
    draft = {**one, "report_id": new_id(), "stage": "initial"}
    room.told("Wu", "draft-report", draft)
    closed = words.open_incident(known_at=now, occurred_at=now)
    room.told("Wu", "open-incident", closed)
    ended = {"incident_id": closed["incident_id"], "outcome": "handled", "at": now, "reason": "处置完毕"}
    room.told("Wu", "close-incident", ended)
    room.told("Wu", "add-duty-item", {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": "回电"})
    place = {"shift_id": second, "post": "shift_leader", "name": "赵某"}
    swap = {"unit": CITY, "swap_id": new_id(), "reason": "病假", "substitute": {"name": "周某"}}
    room.told("Wu", "request-swap", {**swap, "place": place})
    prepared = [f"/incidents/{body['incident_id']}/reports/{draft['report_id']}"]
    paths = ["/", f"/incidents/{one['incident_id']}", f"/incidents/{closed['incident_id']}", "/roster"]
    pages = [room.get("Wu", path).text for path in (*paths, "/handover")]  # before anybody took over
    room.told("Wu", "arrange-wall", {"unit": CITY, "scenes": [wall_scene()]})
    pages.append(room.get("Wu", "/wall/scenes").text)
    take_over(room, first)
    prepare(room, second)
    room.told("Wu", "call-roll", roll())
    room.told("Liang", "call-roll", roll("130324104", unit="130324"))
    a_busy_joint_duty(room)
    consult(room)
    room.told("Wu", "convene-consultation", convening(one["incident_id"], "130324", convened_at=now))
    a_transfer_that_waits(room.told, one["incident_id"], now)
    room.clock.pass_by(minutes=6)
    room.watch()
    for who in ("Wu", "Wang", "Li", "Sun", "Zhao", "Luo"):
        for path in (
            *paths,
            *prepared,
            "/handover",
            "/roll-call",
            "/joint",
            f"/incidents/{one['incident_id']}/consultations",
            f"/incidents/{one['incident_id']}/scene",
            "/map",
            "/incidents",
            "/search?q=火",
            "/statistics",
        ):
            answer = room.get(who, path)
            if answer.status_code == 200:
                pages.append(answer.text)
    for command, extra in (
        ("submit-report", {}),
        ("sign-report", {"signed_by": "王局", "signed_at": room.clock.ago(), "version": 0}),
    ):
        room.tell("Wang", command, {**one, "report_id": draft["report_id"], **extra})
        pages.append(room.get("Wang", prepared[0]).text)
    return pages


@pytest.fixture(scope="module")
def lived(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Lived]:
    """Made once for all of these tests, for each page is long."""
    with rooms("sqlite") as room:
        yield Lived(room, [BeautifulSoup(page, "lxml") for page in sorted(set(busy(room)))])


def test_whatever_a_page_can_do_the_palette_knows(lived: Lived) -> None:
    assert len(lived.pages) > 40
    assert sorted({one for page in lived.pages for one in unlisted(page)}) == []


def test_a_button_that_the_list_does_not_have_is_found() -> None:
    page = BeautifulSoup('<nav class="acts"><button data-act="launch">x</button></nav>', "lxml")
    assert unlisted(page) == ['<button data-act="launch">x</button>']


def test_whatever_the_list_has_some_page_does(lived: Lived) -> None:
    wanted = [one for one in ACTIONS if one.name not in MADE_LATER and (one.place, one.name) != SENT_FIRST]
    for page in lived.pages:
        wanted = [one for one in wanted if page.select_one(one.find) is None]
    assert wanted == []


def test_the_key_that_a_page_names_is_the_key_of_the_list(lived: Lived) -> None:
    """What stands on a button is what the card says of it."""
    assert [str(one)[:120] for page in lived.pages for one in MISNAMED.select(page)] == []


def test_a_button_that_names_another_key_is_found() -> None:
    page = BeautifulSoup(
        '<nav class="acts"><button data-act="add-entry" data-key="n">x</button>'
        '<button data-act="add-entry" data-key="o">y</button></nav>',
        "lxml",
    )
    assert [one.get_text() for one in MISNAMED.select(page)] == ["y"]


def test_every_action_has_its_name_in_both_languages_and_a_place() -> None:
    for one in ACTIONS:
        assert TEXTS.of["zh"][one.name]
        assert TEXTS.of["en"][one.name]
        assert "{" not in TEXTS.of["zh"][one.name], f"{one.name} has a gap that nobody fills"
        assert one.place in PLACES
        assert one.command == "" or one.command in COMMANDS
    assert len({(one.place, one.name) for one in ACTIONS}) == len(ACTIONS)


def test_no_letter_does_two_things_on_one_page() -> None:
    """Desk and incident are one page. Enter, Escape and ? mean what the field or dialog makes of them."""
    for places in (("desk", "incident"), *((place,) for place in PLACES if place != "lists")):
        here = [one for one in ACTIONS if one.place in ("everywhere", *places)]
        letters = [
            one.key for one in here if (len(one.key) == 1 and one.key != "?") or one.key.startswith(". ")
        ]
        assert sorted(letters) == sorted(set(letters)), places
        assert "." not in letters, "it begins the keys of the pages"


def test_the_list_is_one_file_that_changes_its_address_with_its_words(lived: Lived) -> None:
    page = lived.room.get("Wu", "/").text
    path = re.search(r'data-actions="([^"]+)"', page)[1]  # type: ignore[index]
    answer = lived.room.get("Wu", path)
    assert "immutable" in answer.headers["Cache-Control"]
    listed = answer.json()
    assert [(one["zh"], one["en"]) for one in listed] == [
        (TEXTS.of["zh"][one.name], TEXTS.of["en"][one.name]) for one in ACTIONS
    ]
    assert "immutable" not in lived.room.get("Wu", "/actions/older").headers["Cache-Control"]
    assert "/sign-in" in str(lived.room.get(None, path).url)


def test_the_card_has_every_action_in_both_languages(lived: Lived) -> None:
    soup = BeautifulSoup(lived.room.get("Wu", "/keys").text, "lxml")
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in soup.select("tr")]
    wanted = [
        [shown_key(one.key) or "Ctrl K", TEXTS.of["zh"][one.name], TEXTS.of["en"][one.name]]
        for found in by_place().values()
        for one in found
    ]
    assert rows == wanted
    assert ["Ctrl K", "命令面板", "Command palette"] in rows
    assert [". D", "值班台", "Desk"] in rows


# ---------------------------------------------------------------- help beside a rule


@pytest.mark.parametrize("topic", SOURCES)
def test_every_topic_names_the_law_that_it_is_taken_from(lived: Lived, topic: str) -> None:
    html = lived.room.get("Wu", f"/help/{topic}").text
    soup = BeautifulSoup(html, "lxml")
    cited = [one.get_text() for one in soup.select(".sources cite")]
    assert cited == [cite for cite, _part, _evidence in SOURCES[topic]]
    assert (
        len([one for one in soup.select("#help-body > p") if "hint" not in (one.get("class") or [])])
        == (SENTENCES[topic])
    )
    assert f"help.{topic}.{SENTENCES[topic] + 1}" not in TEXTS.of["zh"], "a sentence that is never shown"


def test_the_figures_of_the_help_are_those_of_the_rules_in_force(lived: Lived) -> None:
    hour = lived.room.get("Wu", "/help/hour").text
    assert "书面首报 60 分钟内送达，电话首报 30 分钟内" in hour
    graded = BeautifulSoup(lived.room.get("Wu", "/help/grading", category="hazmat/leak").text, "lxml")
    captions = [one.get_text() for one in graded.select("caption")]
    assert captions == ["事故灾难信息报送分级", "生产安全事故等级（核定）"]
    rows = {row.th.get_text(): row.td.get_text() for row in graded.select("table")[1].select("tr")}
    assert (
        rows["重大"] == "死亡 ≥ 10 · 重伤或中毒 ≥ 50 · 直接经济损失（万元） ≥ 5000"
        or "死亡 ≥ 10" in rows["重大"]
    )
    assert "国务院令493号 第三条" in graded.get_text()
    owed = BeautifulSoup(lived.room.get("Wu", "/help/obligations", category="hazmat").text, "lxml")
    ids = [one.b.get_text() for one in owed.select(".rule-list li")]
    rules = lived.room.parts.views.rules_now()
    assert ids == [one.id for one in rules.rules_for("hazmat") if one.opens]
    for category in rules.grading_for:
        assert lived.room.get("Wu", "/help/grading", category=category).status_code == 200


def test_there_is_help_beside_each_rule_and_for_no_topic_that_is_none(lived: Lived) -> None:
    asked = {str(one["data-help"]) for page in lived.pages for one in page.select("[data-help]")}
    assert asked == set(SOURCES)
    assert lived.room.get("Wu", "/help/none").status_code == 404
    assert "<script" not in lived.room.get("Wu", "/help/grading", category="<script>").text
