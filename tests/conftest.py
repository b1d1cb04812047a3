"""What every test may ask for: databases, a running desk with people at it, a browser.

Read `tests/README.md` for the list. Waiting is done through `eventually` and nowhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from playwright.async_api import Browser, Page, async_playwright
from psycopg.sql import SQL, Identifier

from tests.product import RUNNING, FenghuoProcess
from tests.servers import PG_VARIABLE, REDIS_VARIABLE, Postgres, Redis
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.room import Room

__all__ = ["eventually"]

CI = os.environ.get("CI") == "true"
FenghuoProcess.forked = True  # here; drills and measurements start the installed command

# The people of every desk in the tests: name, post, unit.
PEOPLE = (
    ("Wu", "duty_officer", "130300"),  # the city's desk
    ("Li", "duty_officer", "130324"),  # a county's, Lulong
    ("Qin", "duty_officer", "130321"),  # another county's, Qinglong
    ("Zhao", "leadership", "130300"),
    ("He", "liaison", "130300-qx"),  # the weather bureau, beside the city
    ("Song", "field_commander", "130324"),
)


# --- servers ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL to make databases in: scripts/test names one; without it, we start one."""
    if given := os.environ.get(PG_VARIABLE):
        yield given
        return
    with Postgres(lasting=False) as server:
        yield server.url


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Iterator[Callable[..., str]]:
    """`new_database(like=None)`: the URL of a fresh database, empty or a copy of another; dropped later."""
    made: list[str] = []
    with psycopg.connect(postgres_server, autocommit=True) as server:

        def make(like: str | None = None) -> str:
            name = f"fenghuo_test_{uuid4().hex[:16]}"
            model = "template0" if like is None else like.rpartition("/")[2]
            server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(model)))
            made.append(name)
            return postgres_server.rpartition("/")[0] + "/" + name

        yield make
        for name in made:
            server.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def pg_url(new_database: Callable[..., str]) -> str:
    """An empty PostgreSQL database, this test's own."""
    return new_database()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, to be stopped and killed."""
    with Postgres() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis of this test's own, to be stopped and killed."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis shared with other tests: keep to keys and channels that carry the ledger's own name."""
    if given := os.environ.get(REDIS_VARIABLE):
        yield given
        return
    with Redis() as server:
        yield server.url


# --- databases --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> str:
    """A test that takes this, or anything built on it, runs once on each database."""
    return str(request.param)


@pytest.fixture
def database_url(each_database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An empty database, this test's own, first SQLite, then PostgreSQL."""
    if each_database == "sqlite":
        return f"sqlite:///{tmp_path / 'fenghuo.db'}"
    return str(request.getfixturevalue("pg_url"))


# --- desks ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def furnish(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], FenghuoProcess]:
    """`furnish("sqlite")`: a desk with PEOPLE at it, not yet started. Made once by hand, then copied."""
    models: dict[str, FenghuoProcess] = {}

    def furnish(database: str, **options: Any) -> FenghuoProcess:
        if database not in models:
            folder = tmp_path_factory.mktemp(f"model-{database}") / "desk"
            url = None if database == "sqlite" else request.getfixturevalue("new_database")()
            fresh = FenghuoProcess(folder, database_url=url)
            fresh.add_people(PEOPLE)
            models[database] = fresh  # only now: a desk that could not be furnished is no model
        model = models[database]
        folder = tmp_path_factory.mktemp("desk") / "desk"
        url = None
        if model.folder.exists():
            shutil.copytree(model.folder, folder)
        if model.database_url is not None:
            url = request.getfixturevalue("new_database")(like=model.database_url)
        return FenghuoProcess(folder, database_url=url, tokens=model.tokens, **options)

    return furnish


@pytest.fixture(scope="module")
def desk(each_database: str, furnish: Callable[[str], FenghuoProcess]) -> Iterator[FenghuoProcess]:
    """A running desk with PEOPLE at it, shared by a module's tests: open incidents of your own in it."""
    desk = furnish(each_database)
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def own_desk(each_database: str, furnish: Callable[[str], FenghuoProcess]) -> Iterator[FenghuoProcess]:
    """A running desk with PEOPLE at it and nothing else, this test's own: kill it, count in it."""
    desk = furnish(each_database)
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture(scope="session")
def rooms(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[..., AbstractContextManager[Room]]:
    """`rooms("sqlite", at=moment)`: the product inside the test, its clock moved by hand (`tests/room.py`).

    A desk with `CREW` at it is made once, then copied. What its API says is held against the documents.
    """
    from schemas.documents import asyncapi, openapi  # not above: most tests need none of the whole product
    from tests.documents import Documents
    from tests.room import START, Clock, Room

    models: dict[str, Room] = {}
    documents = Documents(openapi(), asyncapi())

    def database(name: str, like: str | None) -> str | None:
        return None if name == "sqlite" else request.getfixturevalue("new_database")(like=like)

    def model(name: str) -> Room:
        if name not in models:
            # made before any test's day, for the log's time never falls
            long_ago = Clock(datetime(2026, 1, 1, tzinfo=UTC))
            made = Room(tmp_path_factory.mktemp(f"room-{name}") / "desk", database(name, None), long_ago)
            made.start()
            made.seat()
            made.stop()
            models[name] = made
        return models[name]

    @contextmanager
    def open_room(name: str, at: datetime = START) -> Iterator[Room]:
        like = model(name)
        folder = tmp_path_factory.mktemp("room") / "desk"
        if like.folder.exists():
            shutil.copytree(like.folder, folder)
        room = Room(folder, database(name, like.settings.database_url), Clock(at))
        room.tokens = like.tokens
        room.said = documents.afresh().check
        room.start()
        try:
            yield room
        finally:
            room.stop()

    return open_room


@pytest.fixture(scope="module")
def room(each_database: str, rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """A room shared by a module's tests, first on SQLite, then on PostgreSQL."""
    with rooms(each_database) as room:
        yield room


@pytest.fixture(scope="module")
def one_room(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """The same on SQLite alone, for what is decided before any database is asked."""
    with rooms("sqlite") as room:
        yield room


@pytest.fixture
def own_room(each_database: str, rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """A room of this test's alone: restart it, count in it."""
    with rooms(each_database) as room:
        yield room


@pytest.fixture
def spare_room(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """A room of this test's alone, on SQLite."""
    with rooms("sqlite") as room:
        yield room


@pytest.fixture
def first_day(rooms: Callable[..., AbstractContextManager[Room]]) -> Iterator[Room]:
    """A room of this test's alone (on SQLite), where day 1 of `tests/words.py` begins: let days pass."""
    from tests.words import DAY_ONE

    with rooms("sqlite", at=DAY_ONE) as room:
        yield room


@pytest.fixture
def empty_desk(tmp_path: Path) -> Iterator[FenghuoProcess]:
    """`fenghuo serve` on an empty folder, with nobody in it; not yet started."""
    desk = FenghuoProcess(tmp_path / "desk")
    yield desk
    desk.stop()


# --- the browser ------------------------------------------------------------------------------------------
CHROMIUM = os.environ.get("FENGHUO_TEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# Chromium heeds the last such list only, so what playwright turns off is said again. New is the address bar's
# pop-up: a page of its own behind each window that nobody sees, more than half of what opening one costs.
WITHOUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding",
    "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch", "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
)  # fmt: skip
# Without the others, Chromium goes looking for its maker's hosts at every start.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(WITHOUT)}",
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium (playwright's async API). Missing, it is a loud skip, and on CI a failure."""
    if not Path(CHROMIUM).exists():
        missing = "no Chromium here: no screen is tested. Remedy: apt-get install chromium fonts-noto-cjk"
        if CI:
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A fresh window of a Chinese duty officer. Anything its console calls an error fails the test."""
    context = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", service_workers="allow")
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if _is_our_fault(said.type, said.text) else None)
    yield page
    await context.close()
    assert not errors, "the page complained: " + "; ".join(errors)


def _is_our_fault(kind: str, text: str) -> bool:
    """Chromium also calls every 4xx answer and every lost connection an error; those have their own tests."""
    return kind == "error" and "Failed to load resource" not in text and "WebSocket connection" not in text


# --- the order ----------------------------------------------------------------------------------------------
#: The files that take longest, the longest first: were one of them begun last, the others would wait for it.
LONGEST = (  # those with a browser between those without: three of them at once starve each other
    "axe", "field_offline", "visibility", "demo", "field_drills", "find", "wall_screen", "screens",
    "outposts", "simulation", "two_officers", "drill", "intake_screen", "lists", "duty_screens", "tampering",
    "looks", "backup", "report_pages", "joint", "attachment_panel", "attachments", "night_shift", "documents",
    "actions", "attachments_kept", "field_locked", "metrics", "incident_screen", "durability", "figure_files",
    "field_restored", "duty_visibility", "map_page", "field_work", "sound", "cli", "carry",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By file, so that `--dist loadfile --no-loadscope-reorder` gives out the longest first."""
    rank = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


# --- a failed test shows what its desks said ----------------------------------------------------------------
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and report.when != "teardown":
        used = getattr(item, "funcargs", {}).values()
        for desk in list(RUNNING):
            if desk in used and desk.log:
                report.sections.append((f"fenghuo on port {desk.port} said", desk.log[-8000:]))
    return report


def pytest_sessionfinish() -> None:
    """Nothing is left running, whatever a test forgot."""
    for desk in list(RUNNING):
        desk.kill9()
