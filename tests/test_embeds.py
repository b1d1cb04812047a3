"""Frames for other programs' pages: one panel each, as its unit sees it, in the pages that were named."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx2
import pytest
from bs4 import BeautifulSoup
from playwright.async_api import Browser, expect

from server.clocks import utc_now
from server.migrations import open_database
from server.pages import embeds as embed_pages
from server.people.embeds import Embeds
from server.people.people import AccountRefused
from server.screens.wall_scenes import PANELS
from server.settings import Settings
from tests import words
from tests.deeds import opened
from tests.product import FenghuoProcess
from tests.room import Room
from tests.test_channel_pages import signed_in
from tests.waiting import wait_until
from tests.words import new_id

MAP = "http://map.example.cn"
OURS = {"origin": "http://127.0.0.1:8000"}


def given(room: Room, unit: str, *panels: str, name: str = "frame") -> str:
    """A frame's token, at hand as if it were somebody's; its id."""
    one, room.tokens[name] = room.parts.embeds.give("embed", "一张图", unit, panels, [MAP], 365)
    return one


def shown(room: Room, panel: str, name: str = "frame", **query: Any) -> str:
    answer = room.client.get(
        f"/embed/{panel}", params=query, headers={"Authorization": f"Bearer {room.tokens[name]}"}
    )
    assert answer.status_code == 200, (panel, answer.text)
    return answer.text


def test_of_two_departments_no_panel_no_count_and_no_map_has_what_is_not_shared(own_room: Room) -> None:
    room = own_room
    here = {"division": "130324", "text": "柳河湾", "lon": 118.87, "lat": 39.89}
    before = {}
    for who, unit in (("he", "130300-qx"), ("qin", "130321")):
        given(room, unit, *PANELS, name=who)
        before[who] = {panel: bare(shown(room, panel, who)) for panel in PANELS}
    shared = words.open_incident(title="共享的一案", place=here, facts={"dead": 2, "missing": 1})
    other = words.open_incident(title="别人的一案", place={**here, "division": "130302"}, facts={"dead": 7})
    for one in (shared, other):
        room.told("Wu", "open-incident", one)
        room.told("Wu", "judge-level", words.judge_level(one["incident_id"], "major", basis="依据"))
        room.told(
            "Gao", "report-position", words.report_position(one["incident_id"], at=room.clock.ago(seconds=9))
        )
    room.told("Wu", "share-incident", {"incident_id": shared["incident_id"], "with": ["130300-qx"]})
    for panel in PANELS:
        said = shown(room, panel, "he", incident=other["incident_id"])
        assert "别人的一案" not in said, panel
        assert other["incident_id"] not in said, panel
        assert bare(shown(room, panel, "qin", incident=other["incident_id"])) == before["qin"][panel], panel
    assert "共享的一案" in shown(room, "incidents", "he")
    assert "共享的一案" in shown(room, "incident", "he", incident=shared["incident_id"])
    seen = room.get("he", "map").text
    assert shared["incident_id"] in seen
    assert other["incident_id"] not in seen
    assert figures(shown(room, "people", "he"))[:2] == ["2", "1"], "7 more are not counted"
    assert set(figures(shown(room, "people", "qin"))) <= {"—", "不明"}, "unknown is not 0"


def bare(html: str) -> str:
    return re.sub(r'data-(head|epoch)="[^"]*"', "", html)


def figures(html: str) -> list[str]:
    return [one.get_text(strip=True) for one in BeautifulSoup(html, "html.parser").select(".tile > b")]


def test_a_frames_token_reads_its_own_panels_and_nothing_else(own_room: Room) -> None:
    room, incident = own_room, opened(own_room, "Li")
    given(room, "130324", "month", "people")
    page = shown(room, "people")
    assert len(re.findall(r"<section", page)) == 1
    assert incident not in page, "not even in what the page's code reads"
    for panel in set(PANELS) - {"month", "people"} | {"nothing"}:
        assert room.get("frame", f"/embed/{panel}").status_code == 404, panel
    for path in ("incidents", "map", "me", "log", "feeds/cap", f"incidents/{incident}", "map/layers"):
        assert room.get("frame", path).status_code == 403, path
    for path in ("/", "/wall", "/wall/news", "/map", "/map/about", "/people", "/embeds"):
        assert room.get("frame", path).status_code == 403, path
    assert room.tell("frame", "add-entry", words.add_entry(incident, "x")).status_code == 403
    given(room, "130324", "map", name="with map")
    assert room.get("with map", "map").status_code == 200
    assert room.get("with map", f"map/replay/{incident}").status_code == 403
    for who in ("Wu", "Li", "Chen"):  # nobody's own token shows frames
        assert room.get(who, "/embed/people").status_code == 404
    assert room.client.get("/embed/people", follow_redirects=False).status_code == 303


def test_a_frame_waits_for_news_and_ends_when_it_is_taken_back(own_room: Room) -> None:
    room, one = own_room, given(own_room, "130324", "incidents")
    root = BeautifulSoup(shown(room, "incidents"), "html.parser").select_one("#wall")
    assert root is not None
    known = {"after": root["data-head"], "epoch": root["data-epoch"]}
    still = room.get("frame", "/embed/incidents", **known)
    assert (still.status_code, still.headers["fenghuo-time"][-1]) == (204, "Z")
    opened(room, "Li", title="新的一案")
    assert "新的一案" in shown(room, "incidents", **known)
    assert "新的一案" in shown(room, "incidents", after=known["after"], epoch=new_id()), "another history"
    for wrong in ({"after": "x"}, {"after": "-1"}, {"after": "9" * 30}, {"after": "1", "epoch": ""}):
        assert room.get("frame", "/embed/incidents", **({"epoch": "x"} | wrong)).status_code == 200
    held = BeautifulSoup(shown(room, "incidents"), "html.parser").select_one("#wall")
    assert held is not None
    latest = {"after": held["data-head"], "epoch": held["data-epoch"]}
    with ThreadPoolExecutor(1) as waiting:
        answer = waiting.submit(room.get, "frame", "/embed/incidents", **latest)
        wait_until(lambda: embed_pages._held._value < embed_pages.MOST_HELD, within=20)
        assert room.parts.embeds.end(one)
        opened(room, "Li", title="不该再看到的")
        assert answer.result(20).status_code == 401, "what waits is not told either"
    room.parts.people.forget()
    assert room.get("frame", "/embed/incidents", **known).status_code == 401
    assert not room.parts.embeds.end(one), "once"


def test_the_page_around_it_says_who_may_frame_it_and_holds_nothing(own_room: Room) -> None:
    room, incident = own_room, opened(own_room, "Li", title="不能露出的")
    one = given(room, "130324", "incidents")
    page = room.client.get(f"/frame/{one}/incidents?lang=en&theme=night")
    assert page.status_code == 200
    assert f"frame-ancestors {MAP}" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    for secret in ("不能露出的", incident, "卢龙", room.tokens["frame"], "130324"):
        assert secret not in page.text
    for path in (f"/frame/{new_id()}/incidents", f"/frame/{one}/nothing"):
        answer = room.client.get(path)
        assert answer.status_code == 404
        if "nothing" not in path:
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in room.client.get("/sign-in").headers["content-security-policy"]
    room.clock.pass_by(days=366)
    assert room.client.get(f"/frame/{one}/incidents").status_code == 404, "it has run out"


def posted(room: Room, cookie: dict[str, str], path: str = "/embeds", **said: Any) -> httpx2.Response:
    answer: httpx2.Response = room.client.post(
        path, data=said, headers={**cookie, **OURS}, follow_redirects=False
    )
    return answer


def test_an_administrator_gives_out_sees_and_takes_back_what_is_of_their_units(spare_room: Room) -> None:
    room, admin = spare_room, signed_in(spare_room, "Chen")
    asked: dict[str, Any] = {
        "kind": "embed", "label": "一张图 <b>", "unit": "130324", "days": "30",
        "panels": ["people", "map"], "origins": f"{MAP} http://10.0.0.5:8080",
    }  # fmt: skip
    made = posted(room, admin, **asked)
    assert made.status_code == 200
    page = BeautifulSoup(made.text, "html.parser")
    links = [one.get_text(strip=True) for one in page.select("output.link")]
    assert [re.sub(r"#.*", "", one).rpartition("/")[2] for one in links] == ["map", "people"]
    assert "<b>" not in str(page.select_one("tbody th"))
    secret = links[0].partition("#")[2]
    room.tokens["made"] = secret
    assert room.get("made", "/embed/people").status_code == 200
    again = room.client.get("/embeds", headers=admin).text
    assert secret not in again
    assert "10.0.0.5:8080" in again
    (row,) = BeautifulSoup(again, "html.parser").select('tr[id^="given-"]')
    feed = posted(room, admin, kind="feed", label="QGIS", unit="130300", days="365")
    room.tokens["gis"] = str(BeautifulSoup(feed.text, "html.parser").select_one("output.link").text)  # type: ignore[union-attr]
    assert room.get("gis", "feeds/cap").status_code == 200
    for wrong in (
        {"origins": ""}, {"origins": "*"}, {"origins": "https://a.cn/path"}, {"origins": "javascript:1"},
        {"panels": []}, {"panels": ["nothing"]}, {"days": "0"}, {"days": "99999"}, {"days": "x"},
        {"kind": "token"}, {"unit": "999999"}, {"label": ""}, {"origins": "http://a;script-src *"},
        {"origins": "http://a;sandbox"},
        {"origins": "http://灾情.cn"}, {"origins": "http://a.cn,b.cn"},
    ):  # fmt: skip
        refused = posted(room, admin, **(asked | wrong))
        assert refused.status_code == 422, wrong
        if "label" not in wrong:
            typed = BeautifulSoup(refused.text, "html.parser").select_one("#label")
            assert typed is not None
            assert typed["value"] == "一张图 <b>", "nothing typed is lost"
    for who in ("Wang", "Wu", "Sun"):
        assert room.client.get("/embeds", headers=signed_in(room, who)).status_code == 403, who
    assert room.get("Chen", "/embeds").status_code == 403, "in person"
    path = f"/embeds/{str(row['id']).removeprefix('given-')}/end"
    room.parts.people.add("Shan", "admin", "130321")
    stranger = signed_in(room, "Shan")
    assert 'id="given-' not in room.client.get("/embeds", headers=stranger).text
    assert posted(room, stranger, path).status_code == 404
    assert room.client.post(path, headers=admin, follow_redirects=False).status_code == 403, "no origin"
    assert posted(room, admin, path).status_code == 303
    assert room.get("made", "/embed/people").status_code == 401
    with pytest.raises(AccountRefused):
        room.parts.embeds.give("wall", "x", "130300", PANELS, [MAP], 1)


# ------------------------------------------------------------------------------------- in a real browser


@pytest.fixture
def own_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


class Site:
    """Another program's page on a port of its own, with frames of ours in it."""

    def __init__(self) -> None:
        site = self
        self.frames: list[str] = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(
                    f'<iframe width="900" height="500" src="{one}"></iframe>' for one in site.frames
                )
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(f"<!doctype html><title>一张图</title>{body}".encode())

            def log_message(self, *_said: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    both = Site(), Site()
    yield both
    for one in both:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
async def browsing(browser: Browser) -> AsyncIterator[Any]:
    context = await browser.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    yield context
    await context.close()


async def test_the_named_site_shows_it_live_another_never_and_taken_back_it_ends(
    browsing: Any, own_desk: FenghuoProcess, sites: tuple[Site, Site]
) -> None:
    desk, (named, other) = own_desk, sites
    database = open_database(Settings(data=desk.folder))
    embeds = Embeds(database, utc_now)
    one, secret = embeds.give("embed", "一张图", "130300", ["incidents", "map"], [named.origin], 30)
    frames = [f"{desk.url}/frame/{one}/{panel}#{secret}" for panel in ("incidents", "map")]
    named.frames = other.frames = frames
    page = await browsing.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(named.origin)
    listed, chart = (page.frame_locator("iframe").nth(at) for at in (0, 1))
    await expect(listed.locator("#embed-title")).to_contain_text("秦皇岛", timeout=30_000)
    await expect(listed.locator(".veil")).not_to_be_visible()
    place = {"division": "130324", "text": "柳河湾", "lon": 118.9, "lat": 39.9}
    told = desk.tell("Wu", "open-incident", words.open_incident(title="框里的一案", place=place))
    assert told.status_code == 200
    await expect(listed.locator(".wall-title")).to_contain_text("框里的一案", timeout=10_000)
    await expect(listed.locator(".clock").first).to_be_visible()
    await expect(chart.locator("canvas").first).to_be_visible(timeout=20_000)
    await expect(chart.locator(".veil")).not_to_be_visible()
    assert all(url.startswith((desk.url, named.origin, "blob:", "data:")) for url in asked), asked
    assert not any(secret in url.partition("#")[0] for url in asked)
    stranger = await browsing.new_page()
    await stranger.goto(other.origin)
    refused = [frame for frame in stranger.frames if frame.parent_frame]
    await expect(stranger.locator("iframe").first).to_be_visible()
    assert all(frame.url.startswith("chrome-error") for frame in refused), [one.url for one in refused]
    assert embeds.end(one)
    await expect(listed.locator(".veil")).to_contain_text("已收回", timeout=10_000)
    assert await listed.locator(".wall-title").count() == 0
    database.close()
    assert secret not in desk.log, "no token stands in a log"


async def test_a_frame_is_veiled_with_the_time_when_the_desk_does_not_answer(
    browsing: Any, own_desk: FenghuoProcess
) -> None:
    desk = own_desk
    database = open_database(Settings(data=desk.folder))
    one, secret = Embeds(database, utc_now).give("embed", "x", "130300", ["people"], ["http://a.cn"], 30)
    database.close()
    page = await browsing.new_page()
    await page.clock.install()
    await page.goto(f"{desk.url}/frame/{one}/people#{secret}")
    await expect(page.locator(".tile").first).to_be_visible(timeout=30_000)
    await expect(page.locator("body")).not_to_have_class(re.compile("is-behind"))
    await browsing.set_offline(True)
    await page.clock.fast_forward(20_000)
    await expect(page.locator("#veil-word")).to_contain_text("数据停在", timeout=20_000)
    await expect(page.locator("body")).to_have_class(re.compile("is-behind"))
    await browsing.set_offline(False)
    await page.clock.fast_forward(5_000)
    await expect(page.locator("body")).not_to_have_class(re.compile("is-behind"), timeout=20_000)
    await page.goto("about:blank")
    await page.goto(f"{desk.url}/frame/{one}/people")
    await expect(page.locator("#veil-word")).to_contain_text("地址不完整")
