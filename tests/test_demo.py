"""The fictitious city: a day that plays by itself, and a desk that a newcomer finds furnished."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from schemas.fields import parse_instant
from server.app import make_parts
from server.config.unit_file import default_units
from server.domain.units import UnitTree
from server.rehearsal.player import Player, Stopped
from server.rehearsal.scenario import BadScenario, load, shipped
from server.rehearsal.sign_ins import new_password
from server.settings import Settings
from tests.conftest import eventually
from tests.product import FENGHUO, ROOT, FenghuoProcess
from tests.servers import free_port

pytestmark = pytest.mark.timeout(180)  # each desk of a city makes fifteen passwords, which takes its time

MINUTES = timedelta(minutes=1)
PASSWORD_FORM = r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}"


def passwords_in(printed: str) -> dict[str, str]:
    """Name and password of each line of the table."""
    return dict(re.findall(rf"^  (\S+) .* ({PASSWORD_FORM})$", printed, re.MULTILINE))


def may_sign_in(url: str, name: str, password: str) -> bool:
    with httpx2.Client(base_url=url, trust_env=False, timeout=20, headers={"Origin": url}) as browser:
        answer = browser.post("/sign-in", data={"name": name, "password": password, "next": "/"})
    return answer.status_code == 303


# --- the day ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    desk: FenghuoProcess
    printed: str


def demo(folder: Path | None, *options: str, **more: Any) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FENGHUO_")}
    data = () if folder is None else ("--data", str(folder))
    return subprocess.Popen(
        [FENGHUO, "demo", "--port", str(free_port()), *data, *options],
        cwd=ROOT, env=environment | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A desk on which the day was played once without waiting, then served as any other."""
    folder = tmp_path_factory.mktemp("demo") / "desk"
    playing = demo(folder, "--speed", "0", "--once")
    printed, complaints = playing.communicate(timeout=120)
    assert playing.returncode == 0, complaints
    desk = FenghuoProcess(folder)
    for name in ("吴敏", "秦晓东"):
        desk.tokens[name] = desk.fenghuo("token", "add", "--user", name).stdout.strip()
    desk.start()
    yield Played(desk, printed)
    desk.stop()


def whole(desk: FenghuoProcess, words: str) -> Any:
    found = desk.ask("吴敏", "incidents", state="all", q=words)["incidents"]
    assert len(found) == 1, found
    return desk.ask("吴敏", f"incidents/{found[0]['id']}")


def test_everything_in_the_day_is_a_drill_and_is_over_in_the_evening(played: Played):
    incidents = played.desk.ask("吴敏", "incidents", state="all")["incidents"]
    assert len(incidents) >= 8
    assert all(incident["drill"] for incident in incidents)
    assert {incident["state"] for incident in incidents} == {"closed", "merged"}
    owed = played.desk.ask("吴敏", "obligations")["obligations"]
    assert len(owed) > 20
    assert {one["standing"] for one in owed} == {"met", "excused"}
    log = played.desk.ask("吴敏", "log", limit=1000)["entries"]
    assert not [one["event"] for one in log if one["event"]["type"].endswith("_overdue")]
    assert played.desk.fenghuo("verify").stdout.startswith("ok: ")


def test_no_official_figure_counts_the_day_but_the_drills_figure_does(played: Played):
    assert played.desk.ask("吴敏", "statistics/one-hour")["denominator"] == 0
    drills = played.desk.ask("吴敏", "statistics/one-hour", scope="drill")
    assert (drills["numerator"], drills["denominator"]) == (1, 1)


def test_the_chemical_leak_is_upgraded_half_an_hour_after_it_was_known_and_reported_in_time(played: Played):
    leak = whole(played.desk, "液氨储罐阀门泄漏")
    assert (leak["reporting_level"], leak["final_level"]) == ("major", "larger")
    hour = leak["one_hour"]
    assert (hour["case"], hour["start_basis"], hour["result"]) == ("upgrade", "threshold", "pass")
    assert hour["phone"]["result"] == "pass"
    known, crossed = parse_instant(hour["known_at"]), parse_instant(hour["threshold_at"])
    assert crossed - known > 30 * MINUTES
    late = [entry for entry in leak["entries"] if entry.get("late_s", 0) > 600]
    assert late, "the county entered its paper log later"
    assert [entry["struck"] for entry in leak["entries"] if "听错" in entry.get("text", "")] == []
    assert sum(entry.get("struck", False) for entry in leak["entries"]) == 1
    assert {order["reported_at"] is not None for order in leak["orders"]} == {True}


def test_the_same_leak_reported_by_the_public_is_merged_and_the_informer_is_not_shown_to_all(played: Played):
    again = whole(played.desk, "刺鼻白烟")
    assert again["state"] == "merged"
    assert again["merged_into"] == whole(played.desk, "液氨储罐阀门泄漏")["id"]
    assert again["source"] == {"channel": "tip"}
    assert again["informer"]["name"] == "匿名村民"


def test_nobody_saw_the_forest_fire_begin(played: Played):
    fire = whole(played.desk, "卫星监测热点")
    assert fire["nobody_could_know"] is True
    assert fire["occurred_at"] is None
    assert fire["reporting_level"] == "larger"


def test_the_shopping_centre_was_a_false_alarm(played: Played):
    alarm = whole(played.desk, "报火警")
    assert (alarm["state"], alarm["outcome"]) == ("closed", "false_alarm")
    assert {one["excused"] for one in alarm["obligations"] if one["met_at"] is None} == {"false_alarm"}


def test_counties_are_ordered_to_act_on_the_rain_warning_and_answer(played: Played):
    rain = whole(played.desk, "强降雨")
    assert {"130321", "130324", "130306"} <= {order["to"] for order in rain["orders"]}
    assert all(order["acknowledged_at"] and order["reported_at"] for order in rain["orders"])
    seen_by = {entry["unit"] for entry in rain["entries"]}
    assert {"130300", "130321", "130324", "130306", "130300-qx", "130300-sw"} <= seen_by
    assert any((entry.get("on_behalf_of") or {}).get("channel") == "satellite" for entry in rain["entries"])
    titles = {one["title"] for one in played.desk.ask("秦晓东", "incidents", state="all")["incidents"]}
    assert titles == {rain["title"]}  # 青龙 sees its own and no other county's


def test_its_people_sign_in_with_the_passwords_that_were_printed(played: Played):
    printed = passwords_in(played.printed)
    assert set(printed) == {person.name for person in shipped("day").people}
    assert len(set(printed.values())) == len(printed)
    assert may_sign_in(played.desk.url, "吴敏", printed["吴敏"])
    assert not may_sign_in(played.desk.url, "吴敏", printed["王建国"])


def test_on_a_desk_where_others_work_the_demo_does_not_begin(tmp_path: Path):
    people = make_parts(Settings(data=tmp_path / "desk")).people
    people.add("Real Wu", "duty_officer", "130300")
    playing = demo(tmp_path / "desk", "--speed", "0", "--once")
    _printed, complaints = playing.communicate(timeout=120)
    assert playing.returncode == 1
    assert "Real Wu" in complaints
    assert [account.name for account in people.all()] == ["Real Wu"]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_stopped_in_the_middle_the_demo_leaves_nothing_behind(tmp_path: Path, ending: signal.Signals):
    playing = demo(None, "--speed", "60", TMPDIR=str(tmp_path))
    try:
        assert playing.stdout is not None
        first = next(line for line in playing.stdout if line.startswith("07:40"))
        assert "接报" in first
        assert list(tmp_path.iterdir())
        playing.send_signal(ending)
        _printed, complaints = playing.communicate(timeout=40)
    finally:
        playing.kill()
    assert playing.returncode == 0
    assert "Traceback" not in complaints
    assert list(tmp_path.iterdir()) == []


# --- how it is played -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree() -> UnitTree:
    return default_units()


def write(folder: Path, steps: str, people: str = "") -> Path:
    (folder / "day").mkdir()
    wu = '- {key: wu, name: 吴敏, post: duty_officer, unit: "130300"}\n'
    (folder / "people.yaml").write_text(people or wu, encoding="utf-8")
    (folder / "day" / "a.yaml").write_text(steps, encoding="utf-8")
    return folder / "day"


OPENING = (
    '- {time: "08:00", who: wu, do: open-incident, incident: fire, title: 起火, category: fire_accident, '
    'place: null, known_by: "130300", source: null}\n'
)


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("- [", "a.yaml"),
        ("just words", "no list of steps"),
        (OPENING.replace("who: wu", "who: ghost"), "unknown person ghost"),
        (OPENING.replace("do: open-incident", "do: explode"), "command explode"),
        (OPENING.replace("title:", "drill: false, title:"), "says drill"),
        (OPENING.replace("title:", "tilte:"), "tilte"),
        (OPENING + OPENING.replace("08:00", "07:59"), "before the incident's step above"),
        (OPENING.replace("08:00", "8 o'clock"), "time"),
    ],
)
def test_a_story_with_a_mistake_in_it_is_named_before_it_is_played(
    tmp_path: Path, steps: str, complaint: str
):
    with pytest.raises(BadScenario, match=complaint):
        load(write(tmp_path, steps))


def test_a_moment_is_now_unless_a_step_says_how_long_ago(tmp_path: Path):
    late = OPENING.replace("who: wu", "ago: 40, who: wu").replace("source:", "occurred_at: 5, source:")
    scenario = load(write(tmp_path, late + OPENING))
    now = datetime(2026, 3, 2, 4, tzinfo=UTC)
    _name, body = scenario.compose(0, "first", now)
    assert parse_instant(body["known_at"]) == now - 40 * MINUTES
    assert parse_instant(body["occurred_at"]) == now - 45 * MINUTES
    assert body["drill"] is True
    assert parse_instant(scenario.compose(1, "first", now)[1]["known_at"]) == now
    assert scenario.compose(0, "first", now)[1] == body
    assert scenario.compose(0, "second", now)[1]["incident_id"] != body["incident_id"]


def test_an_hour_of_the_day_takes_as_long_as_was_asked_and_stopping_does_not_wait_for_it(
    tmp_path: Path, tree: UnitTree
):
    scenario = load(write(tmp_path, OPENING + OPENING.replace("08:00", "09:00").replace("fire,", "other,")))
    said: list[str] = []
    stop = threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        stop.set()  # before the first step is said, nobody being there to hear it

    player = Player(scenario, "http://127.0.0.1:9", {"wu": "x"}, tree, stop, tell)
    with pytest.raises(Stopped):
        player.play("key", 1.0)
    assert said == ["08:00 秦皇岛市 吴敏 接报 · 起火"]


@pytest.mark.parametrize("name", ["day", "newcomer"])
def test_the_stories_shipped_have_somebody_at_every_post_and_only_real_places(name: str, tree: UnitTree):
    scenario = shipped(name)
    posts = {person.post for person in scenario.people}
    assert posts >= {"duty_officer", "duty_leader", "liaison", "field_commander", "leadership", "auditor"}
    for place in (
        step.model_extra["place"] for step in scenario.steps if "place" in (step.model_extra or {})
    ):
        assert place["division"] in tree, place
    units = {unit for step in scenario.steps for unit in (step.model_extra or {}).get("with", ())}
    assert all(unit in tree for unit in units | {person.unit for person in scenario.people})


# --- the newcomer's desk ----------------------------------------------------------------------------------


@pytest.fixture
def unfurnished(tmp_path: Path) -> Iterator[FenghuoProcess]:
    """`serve --newcomer` on an empty folder, not yet started."""
    desk = FenghuoProcess(tmp_path / "desk", arguments=("--newcomer",))
    yield desk
    desk.stop()


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FenghuoProcess]:
    """The same, started and finished. The last of its tests stop and start it again."""
    desk = FenghuoProcess(tmp_path_factory.mktemp("newcomer") / "desk", arguments=("--newcomer",))
    desk.start()
    eventually(lambda: is_furnished(desk), within=90)
    yield desk
    desk.stop()


def is_furnished(desk: FenghuoProcess) -> bool:
    return (desk.folder / "sign-in.txt").exists() and not (desk.folder / ".newcomer-unfinished").exists()


def invitation_in(printed: str) -> str:
    found = re.findall(r"http://\S+/invitation/\S+", printed)
    assert found, printed
    return str(found[-1])


def test_a_newcomer_finds_a_city_at_work_and_how_to_sign_in_at_every_post(furnished: FenghuoProcess):
    desk = furnished
    page = desk.folder / "sign-in.txt"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    passwords = passwords_in(page.read_text(encoding="utf-8"))
    assert passwords == passwords_in(desk.log)
    assert len(passwords) == len(shipped("newcomer").people)
    assert may_sign_in(desk.url, "吴敏", passwords["吴敏"])
    assert may_sign_in(desk.url, "周慧", passwords["周慧"])
    assert "was refused" not in desk.log

    desk.tokens["吴敏"] = desk.fenghuo("token", "add", "--user", "吴敏").stdout.strip()
    incidents = desk.ask("吴敏", "incidents", state="all")["incidents"]
    assert len(incidents) >= 12
    assert all(incident["drill"] for incident in incidents)
    assert {incident["state"] for incident in incidents} == {"open", "closed", "merged"}
    major = next(incident for incident in incidents if incident["level"] == "major")
    hour = desk.ask("吴敏", f"incidents/{major['id']}")["one_hour"]
    assert hour["result"] == "running"
    standings = {one["standing"] for one in desk.ask("吴敏", "obligations")["obligations"]}
    assert standings >= {"running", "overdue", "met"}
    rain = next(incident for incident in incidents if "强降雨" in incident["title"])
    texts = [entry.get("text", "") for entry in desk.ask("吴敏", f"incidents/{rain['id']}")["entries"]]
    assert max(map(len, texts)) > 1000
    assert desk.fenghuo("verify").stdout.startswith("ok: ")


def test_the_administrator_gets_in_by_a_link_that_works_once_and_is_new_at_each_start_until_then(
    furnished: FenghuoProcess,
):
    desk = furnished
    first = invitation_in(desk.log)
    printed = len(desk.log)
    desk.restart()
    eventually(lambda: "/invitation/" in desk.log[printed:])
    assert "sign-in.txt" in desk.log[printed:]
    assert not passwords_in(desk.log[printed:])
    second = invitation_in(desk.log)
    chosen = {"password": "seven lanterns on the wall", "again": "seven lanterns on the wall"}
    with httpx2.Client(trust_env=False, headers={"Origin": desk.url}, timeout=20) as browser:
        assert browser.post(first, data=chosen).status_code >= 400  # ended by the second
        assert browser.post(second, data=chosen).status_code == 303
        assert browser.post(second, data=chosen).status_code >= 400
    assert may_sign_in(desk.url, "管理员", chosen["password"])


def test_started_again_the_desk_is_the_same_and_tells_where_the_sign_ins_are(furnished: FenghuoProcess):
    people, incidents = (furnished.ask("吴敏", path) for path in ("me", "incidents"))
    printed = len(furnished.log)
    furnished.restart()
    assert "sign-in.txt" in furnished.log[printed:]
    assert "/invitation/" not in furnished.log[printed:]  # the administrator has been in
    assert furnished.ask("吴敏", "me") == people
    now = furnished.ask("吴敏", "incidents")
    assert [one["id"] for one in now["incidents"]] == [one["id"] for one in incidents["incidents"]]


def test_a_desk_that_somebody_works_at_is_served_as_it_is(unfurnished: FenghuoProcess):
    desk = unfurnished
    desk.add_person("Wu", "duty_officer", "130300")
    desk.start()
    assert desk.ask("Wu", "incidents", state="all")["incidents"] == []
    assert desk.fenghuo("user", "list").stdout.count("\n") == 1
    assert not (desk.folder / "sign-in.txt").exists()


def test_killed_while_it_is_being_furnished_a_desk_is_finished_at_the_next_start(
    unfurnished: FenghuoProcess,
):
    desk = unfurnished
    desk.start()
    eventually(lambda: (desk.folder / "sign-in.txt").exists(), within=90)
    desk.kill9()
    assert (desk.folder / ".newcomer-unfinished").exists()
    desk.start()
    eventually(lambda: is_furnished(desk), within=90)
    desk.tokens["吴敏"] = desk.fenghuo("token", "add", "--user", "吴敏").stdout.strip()
    incidents = desk.ask("吴敏", "incidents", state="all")["incidents"]
    opened = [step for step in shipped("newcomer").steps if step.do == "open-incident"]
    assert len(incidents) == len(opened)
    assert "was refused" not in desk.log
    passwords = passwords_in((desk.folder / "sign-in.txt").read_text(encoding="utf-8"))
    assert may_sign_in(desk.url, "李强", passwords["李强"])


def test_no_two_desks_have_a_password_in_common():
    made = {new_password() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(PASSWORD_FORM, password) for password in made)
