"""Signing in and out, one-time links, one's account, the people page: as people and strangers use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from bs4 import BeautifulSoup
from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from schemas.terms import Post
from server.config.rulebook import defaults as default_rules
from server.domain.units import UnitTree
from server.gate.auth import guard
from server.pages.accounts import AccountPages
from server.pages.front import Front
from server.pages.people import PeoplePages
from server.people.people import People
from server.record.database import Database
from server.record.store import Store
from server.screens.texts import Texts
from server.screens.views import Views
from tests.small_desk import (
    ORIGIN,
    OTHER,
    PASSWORD,
    UNITS,
    Clock,
    CountingPasswords,
    people_in,
    seat,
    sign_in,
    tables_in,
)

TEXTS = Texts()


@dataclass(frozen=True)
class Parts:
    """What pages ask of a desk."""

    database: Database
    tree: UnitTree
    now: Callable[[], datetime]
    views: Views
    upward: None = None

    def clock_age_ms(self) -> int:
        return 0


PARTS: WeakKeyDictionary[People, Parts] = WeakKeyDictionary()


async def desk(request: Request) -> Response:
    return PlainTextResponse(request.state.principal.name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> CountingPasswords:
    return CountingPasswords()


@pytest.fixture
def people(tmp_path: Path, clock: Clock, passwords: CountingPasswords) -> Iterator[People]:
    with tables_in(f"sqlite:///{tmp_path / 'fenghuo.db'}") as database:
        SQLModel.metadata.create_all(database.engine)
        Store(database, UNITS, default_rules, clock.now)  # a log begins, with nothing in it
        people = seat(people_in(database, clock, passwords))
        PARTS[people] = Parts(database, UNITS, clock.now, Views(UNITS, database, clock.now, texts=TEXTS))
        yield people


class Browser:
    """A browser at an address: it keeps its cookies and says from which page it comes."""

    def __init__(self, people: People, address: str = "10.20.0.7", base: str = ORIGIN) -> None:
        front = Front(people, UNITS, TEXTS, PARTS[people].views, origin=ORIGIN)
        app = Starlette(
            routes=[*AccountPages(front).routes(), *PeoplePages(front).routes(), Route("/{rest:path}", desk)]
        )
        app.state.parts = PARTS[people]
        origin = base.replace("http:", "https:") if base.startswith("https") else base
        self.http = TestClient(
            guard(app, people, {origin}),
            base,
            client=(address, 50000),
            headers={"Origin": origin, "User-Agent": "Chromium 156"},
            follow_redirects=False,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.http.get(path, headers=headers)

    def post(self, path: str, **form: str) -> Any:
        return self.http.post(path, data=form)

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "/") -> Any:
        return self.post("/sign-in", name=name, password=password, next=next)


@pytest.fixture
def browser(people: People) -> Browser:
    return Browser(people)


@pytest.fixture
def chens(people: People) -> Browser:
    """The browser in which the administrator has signed in."""
    browser = Browser(people)
    assert browser.sign_in("Chen").status_code == 303
    return browser


def said(response: Any) -> str:
    """What the page says to whoever must be told something."""
    told = BeautifulSoup(response.text, "html.parser").select_one("main [role=alert], main [role=status]")
    return told.get_text() if told else ""


def identity(people: People, name: str) -> str:
    person = people.get(name)
    assert person is not None
    return person.id


# --- signing in and out -----------------------------------------------------------------------------------


def test_wu_signs_in_and_lands_where_wu_was_going(browser: Browser):
    first = browser.get("/incidents/7?tab=log")
    assert first.headers["location"] == "/sign-in?next=%2Fincidents%2F7%3Ftab%3Dlog"
    page = BeautifulSoup(browser.get(first.headers["location"]).text, "html.parser")
    field = page.find("input", {"name": "next"})
    assert field is not None
    signed_in = browser.sign_in("wu", next=str(field["value"]))
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/incidents/7?tab=log")
    assert browser.get("/").text == "Wu"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_nobody_is_led_away_from_the_desk_by_signing_in(browser: Browser, target: str):
    assert browser.sign_in("Wu", next=target).headers["location"] == "/"
    assert 'value="/"' in Browser(browser_people(browser)).get(f"/sign-in?next={target}").text


def browser_people(browser: Browser) -> People:
    app: Any = browser.http.app
    while not hasattr(app, "people"):
        app = app.app
    people = app.people
    assert isinstance(people, People)
    return people


def test_the_session_cookie_is_kept_from_scripts_and_from_other_sites(people: People):
    cookies = Browser(people).sign_in("Wu").headers.get_list("set-cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("fenghuo_session="))
    parts = {part.strip().lower() for part in session.split(";")[1:]}
    assert parts == {"httponly", "samesite=lax", "path=/", "max-age=604800"}
    secure = Browser(people, base="https://desk.example").sign_in("Wu").headers.get_list("set-cookie")
    for name in ("__Host-fenghuo_session=", "__Host-fenghuo_device="):
        cookie = next(cookie for cookie in secure if cookie.startswith(name))
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)


def test_a_stranger_cannot_tell_which_names_exist(people: People, passwords: CountingPasswords):
    people.add("NoPassword", "duty_officer", "130300")
    people.change("He", disabled=True)
    pages = set()
    for number, name in enumerate(("Wu", "Nobody", "NoPassword", "He")):
        passwords.held_against.clear()
        answer = Browser(people, f"203.0.113.{number}").sign_in(name, "wrong wrong wrong")
        assert answer.status_code == 401
        assert len(passwords.held_against) == 1
        headers = {key: value for key, value in answer.headers.items() if key != "content-length"}
        pages.add((answer.text.replace(f'value="{name}"', ""), str(headers)))
    assert len(pages) == 1
    assert TEXTS.say("zh", "sign_in.wrong") in pages.pop()[0]


def test_too_many_wrong_tries_are_asked_to_wait_and_the_desk_is_not_among_them(people: People, clock: Clock):
    stranger, wu = Browser(people, "203.0.113.9"), Browser(people)
    assert [stranger.sign_in("Wu", "wrong wrong").status_code for _ in range(7)] == [401] * 5 + [429] * 2
    answer = stranger.sign_in("Wu", PASSWORD)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "1 秒后再试" in said(answer)
    unknown = Browser(people, "203.0.113.10")
    assert [unknown.sign_in("Nobody", "wrong").status_code for _ in range(7)] == [401] * 5 + [429] * 2
    assert wu.sign_in("Wu").status_code == 303
    clock.pass_by(seconds=1)
    assert stranger.sign_in("Wu", PASSWORD).status_code == 303


def test_the_desks_browser_is_known_again_behind_an_address_it_shares_with_a_stranger(people: People):
    wu, stranger = Browser(people, "10.20.0.7"), Browser(people, "10.20.0.7")
    assert wu.sign_in("Wu").status_code == 303
    assert wu.post("/sign-out").status_code == 303
    assert 429 in [stranger.sign_in("Wu", "wrong wrong").status_code for _ in range(50)]
    assert wu.sign_in("Wu").status_code == 303


def test_each_sign_in_replaces_the_session_of_that_browser(people: People, browser: Browser):
    browser.sign_in("Wu")
    before = browser.http.cookies["fenghuo_session"]
    browser.sign_in("李值班")
    assert browser.http.cookies["fenghuo_session"] != before
    assert people.principal_for_session(before) is None
    assert browser.get("/").text == "李值班"


def test_a_wrong_try_keeps_the_session_there_was(people: People, browser: Browser):
    browser.sign_in("Wu")
    assert browser.sign_in("Chen", "wrong wrong").status_code == 401
    assert browser.get("/").text == "Wu"


def test_signing_out_ends_the_session_and_clears_the_browser(people: People, browser: Browser):
    browser.sign_in("Wu")
    secret = browser.http.cookies["fenghuo_session"]
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "fenghuo_session" not in browser.http.cookies
    assert people.principal_for_session(secret) is None
    assert browser.get("/").status_code == 303
    browser.sign_in("Wu")
    assert browser.get("/sign-out").status_code != 303, "a link or an image signs nobody out"
    assert browser.get("/").text == "Wu"


@pytest.mark.parametrize(
    "form",
    [{}, {"name": "Wu"}, {"password": PASSWORD}, {"name": "\0", "password": "\0"}, {"name": "x" * 60_000}],
)
def test_half_a_sign_in_form_is_a_wrong_one(browser: Browser, form: dict[str, str]):
    assert browser.post("/sign-in", **form).status_code == 401


def test_a_file_is_no_password(browser: Browser):
    answer = browser.http.post("/sign-in", data={"name": "Wu"}, files={"password": b"x"})
    assert answer.status_code in (400, 401)


# --- one-time links ---------------------------------------------------------------------------------------


def test_the_first_administrator_chooses_a_password_with_a_link_that_works_once(
    people: People, browser: Browser
):
    people.add("首任", "admin", "130300")
    path = f"/invitation/{people.invite('首任')}"
    for _ in range(2):
        assert "首任" in browser.get(path).text, "looking does not use it up"
    assert browser.post(path, password=OTHER, again=PASSWORD).status_code == 422
    assert said(browser.post(path, password="1234567890", again="1234567890")) == TEXTS.say(
        "zh", "refused.password_obvious"
    )
    done = browser.post(path, password=OTHER, again=OTHER)
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert browser.sign_in("首任", OTHER).status_code == 303
    for answer in (browser.get(path), browser.post(path, password=PASSWORD, again=PASSWORD)):
        assert answer.status_code == 410
        assert "首任" not in answer.text
    assert people.sign_in("首任", OTHER, "10.20.0.7") is not None


def test_a_made_up_link_says_nothing_about_anybody(browser: Browser):
    for secret in ("x", "x" * 43, "%00", "../account"):
        assert browser.get(f"/invitation/{secret}").status_code in (303, 404, 410)


def test_another_sites_page_cannot_use_a_link(people: People, browser: Browser):
    path = f"/invitation/{people.invite('Wu')}"
    form = {"password": OTHER, "again": OTHER}
    assert browser.http.post(path, data=form, headers={"Origin": "http://evil.example"}).status_code == 403
    assert browser.http.post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post(path, **form).status_code == 303


def test_a_wall_link_makes_a_browser_a_wall_screen(people: People, chens: Browser):
    page = chens.post("/people/walls", unit="130300", label="大厅")
    link = BeautifulSoup(page.text, "html.parser").find(id="link")
    assert link is not None
    path = link.get_text().removeprefix(ORIGIN)
    wall = Browser(people, "10.20.0.99")
    assert "大厅" in wall.get(path).text
    started = wall.post(path)
    assert (started.status_code, started.headers["location"]) == (303, "/wall")
    assert wall.get("/wall").text == "大厅"
    for page_path in ("/account", "/people"):
        assert wall.get(page_path).status_code == 403
    assert Browser(people).get(path).status_code == 410
    (line,) = people.walls()
    assert chens.post(f"/people/walls/{line.id}/end").status_code == 303
    assert wall.get("/wall").status_code == 303


# --- one's own account ------------------------------------------------------------------------------------


def test_wu_changes_the_password_and_other_sessions_end(people: People, browser: Browser):
    browser.sign_in("Wu")
    other = Browser(people)
    other.sign_in("Wu")
    wrong = browser.post("/account/password", current="wrong", password=OTHER, again=OTHER)
    assert (wrong.status_code, said(wrong)) == (422, TEXTS.say("zh", "refused.wrong_password"))
    done = browser.post("/account/password", current=PASSWORD, password=OTHER, again=OTHER)
    assert (done.status_code, said(done)) == (200, TEXTS.say("zh", "account.password_done"))
    assert browser.get("/").text == "Wu"
    assert other.get("/").status_code == 303
    statuses = [
        browser.post("/account/password", current="wrong", password=OTHER, again=OTHER).status_code
        for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]


def test_wu_reads_the_desk_in_english(browser: Browser):
    browser.sign_in("Wu")
    assert "我的登录" in browser.get("/account").text
    assert browser.post("/account/language", lang="en").headers["location"] == "/account"
    page = browser.get("/account")
    assert "My sessions" in page.text
    assert '<html lang="en">' in page.text
    assert browser.post("/account/language", lang="fr").status_code == 422
    assert '<html lang="en">' in browser.get("/account").text


def test_before_signing_in_the_language_is_asked_for_or_the_browsers(browser: Browser):
    assert "登录" in browser.get("/sign-in").text
    assert "Password" in browser.get("/sign-in?lang=en").text
    assert "Password" in browser.get("/sign-in", **{"Accept-Language": "en-GB,en;q=0.9"}).text
    assert "密码" in browser.get("/sign-in?lang=zh", **{"Accept-Language": "en"}).text


def test_wu_ends_a_forgotten_session_of_wus_but_nobody_elses(people: People, browser: Browser):
    browser.sign_in("Wu")
    forgotten, lis = sign_in(people, "Wu"), sign_in(people, "李值班")
    page = browser.get("/account").text
    assert forgotten.session_id in page
    assert "Chromium 156" in page
    assert lis.session_id not in page
    assert browser.post("/account/sessions/end", session=lis.session_id).status_code == 404
    assert people.principal_for_session(lis.secret) is not None
    assert browser.post("/account/sessions/end", session=forgotten.session_id).status_code == 303
    assert people.principal_for_session(forgotten.secret) is None
    other = sign_in(people, "Wu")
    browser.post("/account/sessions/end", session="others")
    assert people.principal_for_session(other.secret) is None
    assert said(browser.get("/account?done=account.session_ended")) == TEXTS.say(
        "zh", "account.session_ended"
    )
    assert said(browser.get("/account?done=refused.disabled")) == "", "an address cannot make us say anything"


def test_a_machines_token_opens_no_page_about_people(people: People):
    token = {"Authorization": f"Bearer {people.add_token('Chen')}"}
    browser = Browser(people)
    for path in ("/account", "/people"):
        assert browser.get(path, **token).status_code == 403
    for path in ("/people", "/account/password", "/sign-out", f"/people/{identity(people, 'Wu')}/disable"):
        assert browser.http.post(path, headers=token).status_code == 403
    assert people.sign_in("Wu", PASSWORD, "10.20.0.7") is not None


# --- the people page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Wu", "He", "李值班"])
def test_only_an_administrator_opens_the_people_page(people: People, browser: Browser, name: str):
    browser.sign_in(name)
    wu = identity(people, "Wu")
    assert browser.get("/people").status_code == 403
    for path in ("/people", "/people/walls", f"/people/{wu}/disable", f"/people/{wu}/invitation"):
        assert browser.post(path, name="Mine", post="admin", unit="130300").status_code == 403
    assert people.get("Mine") is None
    assert people.sign_in("Wu", PASSWORD, "10.20.0.7") is not None


def test_an_administrator_adds_somebody_and_hands_over_a_link(people: People, chens: Browser):
    page = chens.post("/people", name="赵总", post="leadership", unit="130300")
    link = BeautifulSoup(page.text, "html.parser").find(id="link")
    assert link is not None
    assert link.get_text().startswith(f"{ORIGIN}/invitation/")
    path = link.get_text().removeprefix(ORIGIN)
    assert path not in chens.get("/people").text, "shown this once"
    Browser(people).post(path, password=OTHER, again=OTHER)
    principal = people.principal_for_session(sign_in(people, "赵总", OTHER).secret)
    assert principal is not None
    assert principal.post is Post.LEADERSHIP


@pytest.mark.parametrize(
    ("form", "slug"),
    [
        ({"name": "wu", "post": "auditor", "unit": "130300"}, "name_taken"),
        ({"name": "W\u202eu", "post": "auditor", "unit": "130300"}, "bad_name"),
        ({"name": "Zhao", "post": "king", "unit": "130300"}, "unknown_post"),
        ({"name": "Zhao", "post": "auditor", "unit": "999999"}, "unknown_unit"),
        ({}, "unknown_unit"),
    ],
)
def test_what_cannot_be_added_is_said_in_words(chens: Browser, form: dict[str, str], slug: str):
    answer = chens.post("/people", **form)
    assert (answer.status_code, said(answer)) == (422, TEXTS.say("zh", f"refused.{slug}"))


def test_an_administrator_changes_ends_disables_and_enables(people: People, chens: Browser):
    session, wu = sign_in(people, "Wu"), identity(people, "Wu")
    assert chens.post(f"/people/{wu}/change", post="auditor", unit="130324").status_code == 303
    principal = people.principal_for_session(session.secret)
    assert principal is not None
    assert (principal.post, principal.unit) == (Post.AUDITOR, "130324")
    chens.post(f"/people/{wu}/end-sessions")
    assert people.principal_for_session(session.secret) is None
    chens.post(f"/people/{wu}/disable")
    assert people.sign_in("Wu", PASSWORD, "10.20.0.7") is None
    assert chens.post(f"/people/{wu}/invitation").status_code == 422
    chens.post(f"/people/{wu}/enable")
    assert people.sign_in("Wu", PASSWORD, "10.20.0.7") is not None
    last = chens.post(f"/people/{identity(people, 'Chen')}/disable")
    assert (last.status_code, said(last)) == (422, TEXTS.say("zh", "refused.last_admin"))
    assert chens.post(f"/people/{wu}/promote").status_code == 404


def test_a_countys_administrator_reaches_nobody_outside_the_county(people: People):
    people.add("县管", "admin", "130324", PASSWORD)
    browser = Browser(people)
    browser.sign_in("县管")
    page = browser.get("/people").text
    assert "李值班" in page
    assert not re.search(r"\bWu\b|Chen|130321|秦皇岛", page)
    people.wall_session("130300", "市局大屏")
    (wall,) = people.walls()
    assert "市局大屏" not in browser.get("/people").text
    assert browser.post(f"/people/walls/{wall.id}/end").status_code == 404
    for name in ("Wu", "Chen"):
        for action in ("disable", "invitation", "end-sessions", "change"):
            answer = browser.post(f"/people/{identity(people, name)}/{action}", post="auditor", unit="130324")
            assert answer.status_code == 404, "who is out of reach is not there"
    li = identity(people, "李值班")
    for form in ({"post": "admin", "unit": "130300"}, {"post": "admin", "unit": "130321"}):
        assert browser.post(f"/people/{li}/change", **form).status_code == 422
        assert browser.post("/people", name="Mine", **form).status_code == 422
        assert browser.post("/people/walls", label="Mine", **form).status_code == 422
    assert browser.post(f"/people/{li}/change", post="liaison", unit="130324").status_code == 303


@pytest.mark.parametrize("person_id", ["0", "00000000-0000-7000-8000-000000000000", "%00", "x'--"])
def test_a_person_who_does_not_exist_is_not_found(chens: Browser, person_id: str):
    assert chens.post(f"/people/{person_id}/disable").status_code in (404, 405)


NASTY = "<img src=x onerror=alert(1)>\"'{{1213*7}}"


def test_a_name_is_never_taken_for_markup(people: People, chens: Browser):
    people.add(NASTY, "duty_officer", "130300", PASSWORD)
    browser = Browser(people)
    browser.sign_in(NASTY)
    pages = [chens.get("/people"), browser.get("/account"), Browser(people).sign_in(NASTY, "wrong")]
    pages.append(Browser(people).get(f"/invitation/{people.invite(NASTY)}"))
    for page in pages:
        soup = BeautifulSoup(page.text, "html.parser")
        assert not soup.find("img")
        assert NASTY in unescape(page.text)
        assert "8491" not in re.sub(r"[0-9a-f-]{12,}", "", page.text)
