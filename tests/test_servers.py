"""What the tests stand on is sound: databases are fresh, servers come back, the browser reads Chinese."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import redis
from playwright.async_api import Page
from sqlalchemy import text

from server.record.database import Database
from tests.conftest import LONGEST, eventually
from tests.servers import Postgres, Redis


def test_every_store_test_runs_on_an_empty_database_of_each_kind(each_database: str, database_url: str):
    database = Database(database_url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE mine (word text)"))
    assert database.engine.dialect.name == each_database
    database.close()


def test_the_files_that_are_begun_first_are_there():
    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert {f"test_{name}" for name in LONGEST} <= here
    assert len(set(LONGEST)) == len(LONGEST)


def test_a_database_can_be_copied_as_it_stands(new_database: Callable[..., str]):
    model = new_database()
    with psycopg.connect(model) as connection:
        connection.execute("CREATE TABLE person (name text)")
        connection.execute("INSERT INTO person VALUES ('吴')")
    with psycopg.connect(new_database(like=model)) as copy:
        assert copy.execute("SELECT name FROM person").fetchone() == ("吴",)


def test_postgresql_keeps_what_was_committed_when_it_is_killed(own_postgres: Postgres):
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        connection.execute("CREATE TABLE line (word text)")
        connection.execute("INSERT INTO line VALUES ('烽火')")
    own_postgres.kill9()
    own_postgres.start()
    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("SELECT word FROM line").fetchone() == ("烽火",)


def test_redis_comes_back_on_its_port_and_has_forgotten_everything(own_redis: Redis):
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("k", "v")
        own_redis.kill9()
        own_redis.start()
        assert eventually(client.ping)
        assert client.get("k") is None


async def test_the_browser_draws_chinese_and_not_boxes(page: Page):
    """A missing font draws every character as the same box, so two different ones are compared."""
    await page.set_content("<p style='font-size:40px'><span id='a'>烽</span> <span id='b'>火</span></p>")
    drawn = [await page.locator(f"#{name}").screenshot() for name in ("a", "b")]
    assert drawn[0] != drawn[1]
    assert await page.evaluate("[navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone]") == [
        "zh-CN",
        "Asia/Shanghai",
    ]
