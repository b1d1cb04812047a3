"""Handing a message to a channel's host: one try, bounded in time and in what is read of the answer.

No redirects, no proxies of the environment, certificates checked; what goes wrong is told in few fixed words.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx2

from schemas.channels import Base, Smtp
from server.config.channel_file import NoSecret, read_secret
from server.outward.payloads import Call, Outcome, Undue, call_of, mail_of, outcome_of, scrubbed

#: The whole of one try, and each wait inside it.
TRY_S, WAIT_S = 10.0, 5.0
MOST_OF_AN_ANSWER = 64 * 1024

Post = Callable[[Base, Mapping[str, Any], datetime], Any]


async def hand_over(channel: Base, row: Mapping[str, Any], now: datetime) -> Outcome:
    """Try once. Every failure that the world outside can make is an outcome."""
    secrets: dict[str, str] = {}
    try:
        for name, secret in channel.secrets():
            secrets[name] = await asyncio.to_thread(read_secret, secret)
        async with asyncio.timeout(TRY_S):
            if isinstance(channel, Smtp):
                outcome = await asyncio.to_thread(_mail, channel, row, secrets)
            else:
                outcome = await _ask(channel, call_of(channel, row, secrets, now))
    except Undue as undue:
        return Outcome(str(undue), is_final=True)
    except NoSecret as missing:
        return Outcome(str(missing))
    except TimeoutError:
        return Outcome(f"{TRY_S:g} 秒内没有回答 no answer within {TRY_S:g} s")
    except httpx2.TimeoutException:
        return Outcome(f"{WAIT_S:g} 秒内没有回答 no answer within {WAIT_S:g} s")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, smtplib.SMTPException) as error:
        return Outcome(scrubbed(_said(error), secrets))
    return outcome if outcome.fault is None else Outcome(scrubbed(outcome.fault, secrets), outcome.is_final)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _trust(channel: Base) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=channel.ca_file)


async def _ask(channel: Base, call: Call) -> Outcome:
    secure = call.url.startswith("https:")
    verify = await asyncio.to_thread(_trust, channel) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    headers = {"Accept-Encoding": "identity", "User-Agent": "fenghuo", **call.headers}
    async with (
        httpx2.AsyncClient(
            trust_env=False, follow_redirects=False, verify=verify, timeout=httpx2.Timeout(WAIT_S)
        ) as client,
        client.stream(
            call.method, call.url, params=call.params, headers=headers, data=call.form, json=call.json
        ) as answer,
    ):
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MOST_OF_AN_ANSWER:
                return Outcome(f"回答过大 the answer is larger than {MOST_OF_AN_ANSWER // 1024} KiB")
        return outcome_of(channel, answer.status_code, bytes(body))


def _mail(channel: Smtp, row: Mapping[str, Any], secrets: Mapping[str, str]) -> Outcome:
    mail = mail_of(channel, row)
    try:
        if channel.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                channel.server, channel.port, timeout=WAIT_S, context=_trust(channel)
            )
        else:
            server = smtplib.SMTP(channel.server, channel.port, timeout=WAIT_S)
        with server:
            if channel.tls == "starttls":
                server.starttls(context=_trust(channel))
            if channel.user is not None:
                server.login(channel.user, secrets["password"])
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, words = next(iter(refused.recipients.values()))
        return _refused(code, words)
    except smtplib.SMTPResponseException as refused:
        return _refused(refused.smtp_code, refused.smtp_error)
    return Outcome()


def _refused(code: int, words: bytes | str) -> Outcome:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return Outcome(f"SMTP {code} {said}", is_final=500 <= code < 600)
