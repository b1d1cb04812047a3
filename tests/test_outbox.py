"""The outbox: each message once in the store, and on the wire once for each time that nobody was killed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from server.migrations import migrate
from server.record import outbox
from server.record.database import Database
from server.record.outbox import OUTBOX
from tests import words
from tests.outward import TAKEN, Heard, MailHost, Receiver, file_of, says
from tests.product import FenghuoProcess
from tests.waiting import wait_until

NOW = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
#: The product with a lease of two seconds, and quick about trying again: nobody waits a minute in a test.
QUICK = """
import sys
from datetime import timedelta
from server.outward import courier, post
from server.record import outbox
outbox.LEASE = timedelta(seconds=2)
courier.FIRST_WAIT_S = 0.2
post.TRY_S, post.WAIT_S = 1.5, 1.0
from server.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    migrate(made)
    yield made
    made.close()


def message(channel: str = "a", **over: Any) -> dict[str, Any]:
    message_id = str(uuid4())
    told = {"alarm_id": None, "unit": "130300", "channel": channel, "text": "x", "drill": False}
    return outbox.fresh(message_id, message_id, NOW, NOW + timedelta(hours=1), **told) | over


def test_what_one_has_leased_no_other_gets_until_the_lease_has_run_out(database: Database) -> None:
    for _ in range(6):
        assert outbox.add(database, message())
    first = outbox.claim(database, "a", NOW, 4)
    second = outbox.claim(database, "a", NOW, 4)
    assert (len(first), len(second), outbox.claim(database, "a", NOW, 4)) == (4, 2, [])
    assert outbox.due_channels(database, NOW) == []
    assert {one["message_id"] for one in first}.isdisjoint(one["message_id"] for one in second)
    later = NOW + outbox.LEASE
    again = outbox.claim(database, "a", later, 10)
    assert len(again) == 6
    assert not outbox.settle(database, first[0], later, state="failed"), "whose lease is over changes nothing"
    assert outbox.settle(database, again[0], later, state="sent")
    assert not outbox.settle(database, again[0], later, state="failed")


def test_many_that_claim_at_once_share_the_messages_out(database: Database) -> None:
    for _ in range(40):
        outbox.add(database, message())
    got: list[list[str]] = []

    def take() -> None:
        while rows := outbox.claim(database, "a", NOW, 3):
            got.append([one["message_id"] for one in rows])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    found = [one for some in got for one in some]
    assert (len(found), len(set(found))) == (40, 40)


def test_the_same_key_is_in_the_outbox_once(database: Database) -> None:
    one = message()
    assert outbox.add(database, one)
    assert not outbox.add(database, {**one, "message_id": str(uuid4())})


def test_ended_messages_go_after_their_time_and_waiting_ones_stay(database: Database) -> None:
    for state in ("sent", "failed", "queued"):
        outbox.add(database, message(state=state))
    outbox.forget_old(database, NOW + outbox.KEPT + timedelta(days=1))
    with database.reading() as connection:
        assert list(connection.execute(select(OUTBOX.c.state)).scalars()) == ["queued"]


# ---------------------------------------------------------------- processes


@pytest.fixture
def host() -> Iterator[Receiver]:
    with Receiver() as host:
        yield host


@pytest.fixture
def quick(furnish: Callable[..., FenghuoProcess], each_database: str, tmp_path: Path) -> FenghuoProcess:
    """A desk that is furnished and has a folder of configuration, not yet started."""
    config = tmp_path / "config"
    config.mkdir()
    desk = furnish(each_database, arguments=("--config", str(config)))
    desk.program = (sys.executable, "-c", QUICK)
    return desk


def configure(tmp_path: Path, url: str, *kinds: str, **options: Any) -> None:
    text = file_of(tmp_path, url, *kinds, **options)
    (tmp_path / "config" / "channels.yaml").write_text(text, encoding="utf-8")


def major(desk: FenghuoProcess) -> None:
    now = words.just_now()
    body = words.open_incident(known_at=now, occurred_at=now, facts={"dead": 11})
    assert desk.tell("Wu", "open-incident", body).status_code == 200


def rows(desk: FenghuoProcess) -> list[dict[str, Any]]:
    url = desk.database_url or f"sqlite:///{desk.folder / 'fenghuo.db'}"
    database = Database(url)
    try:
        with database.reading() as connection:
            return [dict(row) for row in connection.execute(select(OUTBOX)).mappings()]
    finally:
        database.close()


def states(desk: FenghuoProcess) -> dict[str, str]:
    return {row["channel"]: row["state"] for row in rows(desk)}


@pytest.mark.timeout(120)
def test_a_process_killed_between_sending_and_noting_sends_once_more_and_stores_once(
    quick: FenghuoProcess, host: Receiver, tmp_path: Path
) -> None:
    configure(tmp_path, host.url, "dingtalk")
    arrived = threading.Event()

    def slow(handler: Any, heard: Heard) -> None:
        arrived.set()
        host.ended.wait(1.2)
        TAKEN(handler, heard)

    host.answers["/ding"] = slow
    quick.start()
    try:
        major(quick)
        assert arrived.wait(10)
        quick.kill9()
        assert states(quick) == {"dingtalk": "queued"}
        host.answers["/ding"] = TAKEN
        quick.start()
        wait_until(lambda: states(quick) == {"dingtalk": "sent"}, 20)
    finally:
        quick.stop()
    assert len(rows(quick)) == 1
    texts = [one.text for one in host.heard]
    assert len(texts) == 2, "once more, and no more than that"
    assert texts[0] == texts[1], "with the same number at its end"
    assert quick.fenghuo("verify").stdout.startswith("ok")


@pytest.mark.timeout(120)
def test_a_channel_that_hangs_holds_up_no_other_and_each_fault_is_told(
    quick: FenghuoProcess, host: Receiver, tmp_path: Path
) -> None:
    with MailHost() as mailer:
        configure(tmp_path, host.url, "dingtalk", "wecom", "feishu", "smtp", mail=mailer.port)
        host.answers["/ding"] = lambda _handler, _heard: bool(host.ended.wait(30)) and None
        host.answers["/wecom"] = says(403, b"")
        quick.start()
        try:
            major(quick)
            wait_until(
                lambda: (
                    {"feishu": "sent", "smtp": "sent", "wecom": "failed"}.items() <= states(quick).items()
                ),
                15,
            )
            assert states(quick)["dingtalk"] == "queued"
            wait_until(lambda: len(quick.ask("Wu", "duty")["silent"]) == 2, 20)
            silent = {one["channel"]: one["fault"] for one in quick.ask("Wu", "duty")["silent"]}
            assert silent["wecom"] == "HTTP 403"
            assert "no answer within" in silent["dingtalk"]
        finally:
            quick.stop()
        assert len(host.at("/wecom")) == 1, "who refuses for good is not asked again"
        assert sorted(to for to, _mail in mailer.mails) == [
            ["leaders@mail.example.cn"],
            ["zhang@mail.example.cn"],
        ]


@pytest.mark.timeout(120)
def test_two_processes_send_each_message_once(
    furnish: Callable[..., FenghuoProcess], host: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    configure(tmp_path, host.url, "dingtalk", "wecom", "feishu")
    first = furnish("postgresql", arguments=("--config", str(tmp_path / "config")))
    second = FenghuoProcess(
        tmp_path / "second", database_url=first.database_url, arguments=first.arguments, tokens=first.tokens
    )
    first.start()
    second.start()
    try:
        for desk in (first, second) * 5:
            major(desk)
        wait_until(lambda: {row["state"] for row in rows(first)} == {"sent"} and len(rows(first)) == 30, 30)
    finally:
        first.stop()
        second.stop()
    assert len(host.heard) == 30
    assert len({(one.path, one.text) for one in host.heard}) == 30
    assert {row["attempts"] for row in rows(first)} == {1}
