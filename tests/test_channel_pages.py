"""The page of the channels: do they work, what became of the messages, and a test for the administrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
from bs4 import BeautifulSoup

from tests.outward import SECRETS
from tests.product import PASSWORD
from tests.room import Room
from tests.test_alarms import connected, major, manned, outbox
from tests.words import new_id


def signed_in(room: Room, who: str) -> dict[str, str]:
    """The session cookie of somebody at the desk in person."""
    people = room.parts.people
    people.set_password(who, PASSWORD)
    session = people.sign_in(who, PASSWORD, "127.0.0.1")
    assert session is not None
    return {"cookie": f"fenghuo_session={session.secret}"}


def posted(room: Room, cookie: dict[str, str], channel: str, **said: Any) -> httpx2.Response:
    headers = {**cookie, "origin": "http://127.0.0.1:8000"}
    answer: httpx2.Response = room.client.post(
        f"/channels/{channel}/test", data={"nonce": new_id(), **said}, headers=headers, follow_redirects=False
    )
    return answer


def test_messages_are_shown_as_known_and_numbers_and_secrets_are_not(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk", "sms")
    manned(room)
    major(room)
    room.parts.store.note_channel("dingtalk", "HTTP 500 <b>").result(10)
    page = BeautifulSoup(room.get("Wu", "/channels").text, "html.parser")
    html = str(page.main)  # the head has the phones of who is on duty
    said = [one.get_text(" ", strip=True) for one in page.select("#messages tbody tr")]
    assert len(said) == 3
    assert all("待发" in one for one in said)
    assert any("吴某 139••••01" in one for one in said)
    state = page.select_one("#channel-dingtalk .channel-state")
    assert state is not None
    assert "HTTP 500 <b>" in state.get_text()
    assert "13900000001" not in html
    for secret in SECRETS.values():
        assert secret not in html
    assert not page.select('form[action$="/test"]'), "only an administrator in person sends a test"
    for who in ("Zhao", "Luo", "Song", "Sun"):
        assert room.get(who, "/channels").status_code == 403, who
    county = room.get("Li", "/channels").text
    assert "市局dingtalk" not in county
    assert "研判达到" not in county


def test_an_administrator_sends_a_test_by_each_channel(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk", "sms", "smtp")
    cookie = signed_in(room, "Chen")
    page = BeautifulSoup(room.client.get("/channels", headers=cookie).text, "html.parser")
    assert len(page.select('form[action$="/test"]')) == 3
    nonce = new_id()
    for _ in range(2):
        assert posted(room, cookie, "dingtalk", nonce=nonce).status_code in (303, 429)
    assert posted(room, cookie, "sms", recipient="139 0000 0009").status_code == 303
    assert posted(room, cookie, "smtp", recipient="chen@mail.example.cn").status_code == 303
    found = {one["channel"]: (one["recipient"], one["state"]) for one in outbox(room)}
    assert found == {
        "dingtalk": ("", "queued"),
        "sms": ("13900000009", "queued"),
        "smtp": ("chen@mail.example.cn", "queued"),
    }
    assert len(outbox(room)) == 3, "pressed twice it is one"
    assert all(one["text"].startswith("【烽火测试】") for one in outbox(room))
    room.clock.pass_by(seconds=11)
    assert posted(room, cookie, "sms", recipient="not a number").status_code == 422
    assert posted(room, cookie, "smtp", recipient="a b@c").status_code == 422
    assert posted(room, cookie, "nothing").status_code == 404
    assert posted(room, signed_in(room, "Wu"), "dingtalk").status_code == 403
    token = room.request("Chen", "POST", "/channels/dingtalk/test", data={"nonce": new_id()})
    assert token.status_code == 403, "a token is nobody in person"


def test_a_desk_without_channels_says_so(spare_room: Room) -> None:
    assert "没有设置渠道" in spare_room.get("Wu", "/channels").text
    assert Path(spare_room.folder / "config" / "channels.yaml").exists()


def test_only_a_gateways_own_word_moves_a_message_beyond_handed_over(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk")
    major(room)
    (row,) = outbox(room)
    said = {"message_id": row["message_id"], "state": "delivered"}

    def tell(who: str, **over: Any) -> httpx2.Response:
        return room.request(who, "POST", "outbox/receipts", json={**said, **over})

    assert tell("Wu").status_code == 403
    assert tell("Chen", message_id=new_id()).status_code == 404
    assert tell("Chen", state="seen").status_code == 422
    assert tell("Chen", more=1).status_code == 422
    for state, stands in (
        ("delivered", "delivered"),
        ("read", "read"),
        ("delivered", "read"),
        ("failed", "read"),
    ):
        answer = tell("Chen", state=state)
        assert (answer.status_code, answer.json()["state"]) == (200, stands)
    assert "已读（网关回报）" in room.get("Wu", "/channels").text
