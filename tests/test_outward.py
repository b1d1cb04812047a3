"""Messages on the wire: what each kind of channel is told, what its answer means, what never leaves."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.channels import DRILL_PREFIX, Base, Smtp, filled
from server.outward import post
from server.outward.payloads import Outcome, Undue, call_of, mail_of
from server.outward.post import hand_over
from server.record.alarms import marked
from tests.outward import ALL, SECRETS, MailHost, Receiver, book, said, says

NOW = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
ROW: dict[str, Any] = {
    "message_id": "0c1e3a52-1111-4222-8333-444455556666",
    "text": "【烽火告警】市局 电话首报时限已到",
    "drill": False,
    "mentions": "13900000000",
    "recipient": "13800000000",
    "recipient_name": "吴某",
    "created_at": NOW,
}


@pytest.fixture
def host() -> Iterator[Receiver]:
    with Receiver() as host:
        yield host


def channel(folder: Path, url: str, kind: str, mail: int = 25) -> Base:
    return book(folder, url, kind, mail=mail).channels[0]


def signed(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


async def test_a_dingtalk_robot_is_told_with_its_token_a_signature_and_whom_to_name(
    host: Receiver, tmp_path: Path
) -> None:
    assert await hand_over(channel(tmp_path, host.url, "dingtalk"), ROW, NOW) == Outcome()
    (heard,) = host.heard
    stamp = str(int(NOW.timestamp() * 1000))
    secret = SECRETS["sign"]
    assert heard.query == {
        "access_token": SECRETS["token"],
        "timestamp": stamp,
        "sign": signed(secret, f"{stamp}\n{secret}"),
    }
    assert heard.json["msgtype"] == "text"
    assert (heard.text, heard.json["at"]["atMobiles"]) == (ROW["text"], ["13900000000"])


async def test_wecom_and_feishu_robots_are_told_in_their_own_ways(host: Receiver, tmp_path: Path) -> None:
    for kind in ("wecom", "feishu"):
        assert await hand_over(channel(tmp_path, host.url, kind), ROW, NOW) == Outcome()
    wecom, feishu = host.heard
    assert (wecom.path, wecom.query) == ("/wecom", {"key": SECRETS["token"]})
    assert wecom.json["text"] == {"content": ROW["text"], "mentioned_mobile_list": ["13900000000"]}
    stamp = str(int(NOW.timestamp()))
    assert (feishu.path, feishu.query) == (f"/feishu/{SECRETS['token']}", {})
    assert feishu.json["content"] == {"text": ROW["text"]}
    assert (feishu.json["timestamp"], feishu.json["sign"]) == (
        stamp,
        signed(f"{stamp}\n{SECRETS['sign']}", ""),
    )


async def test_an_sms_gateway_is_told_as_its_manual_wants_it(host: Receiver, tmp_path: Path) -> None:
    assert await hand_over(channel(tmp_path, host.url, "sms"), ROW, NOW) == Outcome()
    (heard,) = host.heard
    assert heard.headers["X-Key"] == SECRETS["sms"]
    assert heard.form == {"mobile": "13800000000", "content": ROW["text"], "ref": ROW["message_id"]}


async def test_mail_goes_out_with_the_messages_own_id(tmp_path: Path) -> None:
    with MailHost() as mailer:
        row = {**ROW, "recipient": "leaders@mail.example.cn"}
        assert await hand_over(channel(tmp_path, "", "smtp", mailer.port), row, NOW) == Outcome()
    ((to, mail),) = mailer.mails
    assert to == ["leaders@mail.example.cn"]
    assert mail["Message-ID"] == f"<{ROW['message_id']}@fenghuo.invalid>"
    assert mail["Subject"] == ROW["text"]
    assert mail.get_content().strip() == ROW["text"]


async def test_a_mail_server_that_refuses_is_believed(tmp_path: Path) -> None:
    for words, is_final in ((b"550 no such user\r\n", True), (b"451 later\r\n", False)):
        with MailHost(refuses=words) as mailer:
            row = {**ROW, "recipient": "nobody@mail.example.cn"}
            outcome = await hand_over(channel(tmp_path, "", "smtp", mailer.port), row, NOW)
        assert outcome == Outcome(f"SMTP {words.decode().strip()}", is_final)


REFUSALS: list[tuple[str, Any, str, bool]] = [
    ("dingtalk", said(errcode=310000, errmsg="keywords not in content"), "errcode 310000 keywords", False),
    ("wecom", said(errcode=93000, errmsg="invalid webhook url"), "errcode 93000", False),
    ("feishu", said(code=19021, msg="sign match fail"), "code 19021 sign match fail", False),
    ("dingtalk", said(errcode=False), "errcode False", False),
    ("dingtalk", said(ok=True), "errcode None", False),
    ("sms", said(code=7), "code = 7", False),
    ("sms", says(200, b"<html>"), "code = None", False),
    ("dingtalk", says(200, b"<html>\xff"), "no JSON object", False),
    ("feishu", says(200, b"[0]"), "no JSON object", False),
    ("dingtalk", says(500, b"{}"), "HTTP 500", False),
    ("dingtalk", says(429, b"{}"), "HTTP 429", False),
    ("dingtalk", says(403, b"{}"), "HTTP 403", True),
    ("dingtalk", says(302, b"", Location="http://127.0.0.1:1/elsewhere"), "HTTP 302", False),
    ("dingtalk", says(200, b"0" * 70_000), "larger than 64 KiB", False),
]


@pytest.mark.parametrize(("kind", "answer", "fault", "is_final"), REFUSALS)
async def test_only_a_plain_yes_is_taken_for_one(
    host: Receiver, tmp_path: Path, kind: str, answer: Any, fault: str, is_final: bool
) -> None:
    host.answers["/"] = answer
    outcome = await hand_over(channel(tmp_path, host.url, kind), ROW, NOW)
    assert outcome.fault is not None
    assert fault in outcome.fault
    assert outcome.is_final is is_final
    assert len(host.heard) == 1, "a redirect is not followed"


async def test_a_host_that_hangs_drips_or_is_not_there_costs_a_bounded_time(
    host: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "TRY_S", 0.6)
    monkeypatch.setattr(post, "WAIT_S", 0.3)

    def hang(_handler: Any, _heard: Any) -> None:
        host.ended.wait(20)

    def drip(handler: Any, _heard: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not host.ended.wait(0.1):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    for answer in (hang, drip):
        host.answers["/"] = answer
        outcome = await hand_over(channel(tmp_path, host.url, "dingtalk"), ROW, NOW)
        assert "no answer within" in (outcome.fault or ""), outcome
    outcome = await hand_over(channel(tmp_path, "http://127.0.0.1:1", "dingtalk"), ROW, NOW)
    assert outcome.fault is not None
    assert not outcome.is_final


async def test_no_fault_says_a_secret_back(host: Receiver, tmp_path: Path) -> None:
    host.answers["/"] = said(errcode=300001, errmsg=f"token {SECRETS['token']} is not exist")
    robot = channel(tmp_path, host.url, "dingtalk")
    assert (await hand_over(robot, ROW, NOW)).fault == "errcode 300001 token ••• is not exist"
    (tmp_path / "token").unlink()
    outcome = await hand_over(robot, ROW, NOW)
    assert outcome.fault == f"{tmp_path}/token cannot be read: No such file or directory"


@given(text=st.text(max_size=80), drill=st.booleans(), kind=st.sampled_from(ALL), mark=st.booleans())
def test_no_drill_ever_leaves_without_its_word(
    tmp_path_factory: pytest.TempPathFactory, text: str, drill: bool, kind: str, mark: bool
) -> None:
    one = channel(tmp_path_factory.getbasetemp(), "http://127.0.0.1:1", kind)
    text = text.replace("\n", " ").replace("\r", " ")
    row = {**ROW, "drill": drill, "text": marked(text, drill) if mark else text}
    secrets = dict.fromkeys(("token", "sign", "secret"), "x")

    def leaves() -> list[str]:
        if isinstance(one, Smtp):
            mail = mail_of(one, row)
            return [str(mail["Subject"]), mail.get_content()]
        call = call_of(one, row, secrets, NOW)
        body = orjson.loads(orjson.dumps(call.json)) or call.form
        return [body.get("content") if kind == "sms" else (body.get("text") or body)["content"]["text"]
                if kind == "feishu" else body["text"]["content"]]  # fmt: skip

    if drill and not str(row["text"]).startswith(DRILL_PREFIX):
        with pytest.raises(Undue):
            leaves()
        return
    for words in leaves():
        assert not drill or words.startswith(DRILL_PREFIX)
        assert mark is False or not drill or words.count(DRILL_PREFIX) >= 1


def test_what_is_filled_in_is_never_looked_at_for_places_again() -> None:
    places = {"text": "{secret}", "phone": "{text}", "secret": "key", "id": "1", "time": "2"}
    assert filled({"a": ["{text}{phone}"]}, places) == {"a": ["{secret}{text}"]}
