"""Hosts on loopback that messages go out to: robots, an SMS gateway, a mail server. They note what they hear.

with Receiver() as host:
    host.answers["/ding"] = said(errcode=310000)     # a function of the request, or what is always said
    host.heard                                       # every request, in the order of its coming
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from schemas.channels import ChannelBook
from server.config.channel_file import parse_channels
from server.config.unit_file import default_units

TREE = default_units()
ALL = ("dingtalk", "wecom", "feishu", "sms", "smtp")


@dataclass
class Heard:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def text(self) -> str:
        """The words of the message, whichever way it was said."""
        if self.body[:1] != b"{":
            return self.form["content"]
        said = self.json
        return str(said["content"]["text"] if "content" in said else said["text"]["content"])


Answer = Callable[[BaseHTTPRequestHandler, Heard], None]


def says(status: int, body: bytes, **headers: str) -> Answer:
    """An answer that is always the same."""

    def answer(handler: BaseHTTPRequestHandler, _heard: Heard) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def said(**values: Any) -> Answer:
    return says(200, json.dumps(values).encode())


TAKEN = said(errcode=0, code=0, errmsg="ok")


class Receiver:
    """A robot of each kind and an SMS gateway. `url` is theirs, the path tells which."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: dict[str, Answer] = {}
        self.ended = threading.Event()  # whoever hangs may wait for it
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                heard = Heard(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body)
                receiver.heard.append(heard)
                answer = next(
                    (one for path, one in receiver.answers.items() if parts.path.startswith(path)), TAKEN
                )
                try:
                    answer(self, heard)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            do_GET = do_POST

            def log_message(self, *_said: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_of: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def at(self, path: str) -> list[Heard]:
        return [one for one in self.heard if one.path.startswith(path)]


@dataclass
class MailHost:
    """A mail server of few words. `refuses`: what it says to a recipient, instead of taking the mail."""

    refuses: bytes | None = None
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    def __enter__(self) -> Self:
        host = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                to: list[str] = []
                while line := self.rfile.readline().strip():
                    word = line.upper()
                    if word.startswith(b"RCPT"):
                        to.append(line.partition(b"<")[2].partition(b">")[0].decode())
                        self.wfile.write(host.refuses or b"250 ok\r\n")
                    elif word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = []
                        while (said := self.rfile.readline()) != b".\r\n":
                            lines.append(said)
                        mail = message_from_bytes(b"".join(lines), policy=policy.default)
                        assert isinstance(mail, EmailMessage)
                        host.mails.append((to, mail))
                        self.wfile.write(b"250 taken\r\n")
                    elif word == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    else:
                        self.wfile.write(b"250 ok\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_of: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


SECRETS = {"token": "t0ken-of-the-robot", "sign": "s1gning-secret", "sms": "gateway-key"}

HEAD = """\
alarms:
  raise: [prompt:phone_limit, overdue, level, order, instruction, help, sitrep, unmanned, handover, roll_call]
  steps:
    - {to: on_duty, after_min: 0}
    - {to: leader, after_min: 5}
    - {to: bureau, after_min: 10}
  repeat_min: 10
  repeat: 1
  too_old_min: 60
people:
  - {name: 张局长, phone: "13700000000", email: zhang@mail.example.cn, leads: ["130300"]}
channels:
"""
CHANNEL = """\
  - id: {kind}
    kind: {kind}
    name: 市局{kind}
    units: ["130300"]
    drills: {drills}
    full: {full}
"""
TOKEN = "    token: {{file: {folder}/token}}\n"
SIGN = "    sign: {{file: {folder}/sign}}\n"
MORE = {
    "dingtalk": "    url: {url}/ding\n" + TOKEN + SIGN,
    "wecom": "    url: {url}/wecom\n" + TOKEN,
    "feishu": "    url: {url}/feishu\n" + TOKEN + SIGN,
    "sms": '    url: {url}/sms\n    headers: {{X-Key: "{{secret}}"}}\n    secret: {{file: {folder}/sms}}\n'
    '    form: {{mobile: "{{phone}}", content: "{{text}}", ref: "{{id}}"}}\n'
    '    success: {{field: code, equals: ["0"]}}\n',
    "smtp": "    server: 127.0.0.1\n    port: {mail}\n    tls: none\n    from: desk@mail.example.cn\n"
    "    to: [leaders@mail.example.cn]\n",
}  # fmt: skip


def file_of(
    folder: Path, url: str, *kinds: str, mail: int = 25, drills: bool = True, full: bool = False
) -> str:
    """A channel file with these kinds of channels, its secrets put into a folder."""
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret + "\n")
    text = HEAD
    for kind in kinds:
        text += CHANNEL.format(kind=kind, drills=str(drills).lower(), full=str(full).lower())
        text += MORE[kind].format(url=url, folder=folder, mail=mail)
    return text


def book(folder: Path, url: str, *kinds: str, **options: Any) -> ChannelBook:
    return parse_channels(file_of(folder, url, *kinds, **options), "channels.yaml", TREE)
