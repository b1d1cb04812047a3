"""A message as each kind of channel wants it, and what its answer means. Pure.

An answer is believed as far as it goes: a robot that says 0 has taken the message, and nobody has read it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import orjson

from schemas.channels import DRILL_PREFIX, Base, DingTalk, Feishu, Sms, Smtp, WeCom, filled

MOST_OF_A_FAULT = 200
#: Of all refusals those that may be none the next time.
_AGAIN = frozenset({408, 425, 429})


class Undue(Exception):
    """The text of a drill that does not say so: it stays in the house, whoever made it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a channel's host."""

    method: str
    url: str
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    json: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Without a fault the channel took it; `is_final`: trying again would change nothing."""

    fault: str | None = None
    is_final: bool = False


def text_of(row: Mapping[str, Any]) -> str:
    """The text that goes out. The last look at a drill: everything that leaves comes through here."""
    text = str(row["text"])
    if row["drill"] and not text.startswith(DRILL_PREFIX):
        raise Undue("演练消息没有演练字样 the text of a drill does not begin with its word")
    return text


def one_line(text: str) -> str:
    """The text without anything that ends a line or is not to be seen."""
    return "".join(one if one.isprintable() else " " for one in text)


def call_of(channel: Base, row: Mapping[str, Any], secrets: Mapping[str, str], now: datetime) -> Call:
    """The request by which a message goes out."""
    text = text_of(row)
    mobiles = [one for one in str(row["mentions"]).split(",") if one]
    match channel:
        case DingTalk():
            params = {"access_token": secrets["token"]}
            if channel.sign is not None:
                stamp = str(int(now.timestamp() * 1000))
                signed = _hmac(secrets["sign"], f"{stamp}\n{secrets['sign']}")
                params |= {"timestamp": stamp, "sign": signed}
            body = {
                "msgtype": "text",
                "text": {"content": text},
                "at": {"atMobiles": mobiles, "isAtAll": False},
            }
            return Call("POST", channel.url, params, json=body)
        case WeCom():
            body = {"msgtype": "text", "text": {"content": text, "mentioned_mobile_list": mobiles}}
            return Call("POST", channel.url, {"key": secrets["token"]}, json=body)
        case Feishu():
            said: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
            if channel.sign is not None:
                stamp = str(int(now.timestamp()))
                said |= {"timestamp": stamp, "sign": _hmac(f"{stamp}\n{secrets['sign']}", "")}
            return Call("POST", f"{channel.url.rstrip('/')}/{secrets['token']}", json=said)
        case Sms():
            places = {
                "phone": str(row["recipient"]),
                "text": text,
                "id": str(row["message_id"]),
                "time": now.strftime("%Y%m%d%H%M%S"),
                "secret": secrets.get("secret", ""),
            }
            return Call(
                channel.method,
                channel.url,
                filled(channel.query, places),
                filled(channel.headers, places),
                filled(channel.form, places),
                filled(channel.body, places),
            )
        case _:
            raise AssertionError(f"{channel.id} is spoken to in another way")


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def outcome_of(channel: Base, status: int, body: bytes) -> Outcome:
    """What an answer says."""
    if not 200 <= status < 300:
        return Outcome(f"HTTP {status}", is_final=400 <= status < 500 and status not in _AGAIN)
    match channel:
        case DingTalk() | WeCom():
            return _by_code(body, ("errcode",), ("errmsg",))
        case Feishu():
            return _by_code(body, ("code", "StatusCode"), ("msg", "StatusMessage"))
        case Sms() if channel.success is not None:
            said = _read(body)
            for name in channel.success.field.split("."):
                said = said.get(name) if isinstance(said, dict) else None
            if any(str(said) == str(one) for one in channel.success.equals):
                return Outcome()
            return Outcome(f"{channel.success.field} = {_short(said)}")
        case _:
            return Outcome()


def _by_code(body: bytes, codes: tuple[str, ...], words: tuple[str, ...]) -> Outcome:
    said = _read(body)
    if not isinstance(said, dict):
        return Outcome("回答不是 JSON the answer is no JSON object")
    code = next((said[one] for one in codes if one in said), None)
    if code == 0 and not isinstance(code, bool):
        return Outcome()
    told = next((said[one] for one in words if one in said), "")
    return Outcome(f"{codes[0]} {_short(code)} {_short(told)}".strip())


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _short(said: Any) -> str:
    return "".join(one for one in str(said) if one.isprintable())[:MOST_OF_A_FAULT]


def mail_of(channel: Smtp, row: Mapping[str, Any]) -> EmailMessage:
    """The message as mail. Its id is that of the message: a server may know a second one by it."""
    text = text_of(row)
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = channel.sender, str(row["recipient"])
    mail["Subject"] = one_line(text)[:120]
    mail["Message-ID"] = f"<{row['message_id']}@fenghuo.invalid>"
    mail["Date"] = row["created_at"]
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text + "\n")
    return mail


def scrubbed(fault: str, secrets: Mapping[str, str]) -> str:
    """A fault without any secret in it: a host may say it back."""
    for secret in secrets.values():
        fault = fault.replace(secret, "•••")
    return fault[:MOST_OF_A_FAULT]
