"""`fenghuo demo`: the product on a desk of its own, where a fictitious city day plays by itself, for ever.

Everything is marked as a drill, so no figure counts it. The play goes through the public API, as any client
does; whoever watches may sign in as any of its people and take part.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from uuid import uuid4

from server.app import make_parts
from server.parts import Parts
from server.rehearsal.player import Player, Stopped
from server.rehearsal.scenario import Scenario, shipped
from server.rehearsal.sign_ins import SignIn, seat, table, unseat
from server.serving import own_url, run
from server.settings import Settings

BETWEEN_DAYS_S = 15.0


def serve_demo(
    host: str, port: int, data: Path | None, database_url: str | None, speed: float, once: bool
) -> int:
    """Serve and play until told to stop; with `once`, until the day is over. 0 when nothing was refused.

    `speed` is demo minutes in a real minute; 0: no waiting. Without `data` or `database_url` the desk is gone
    afterwards.
    """
    if speed < 0:
        raise ValueError("--speed is 0 or more: demo minutes in a real minute")
    scenario = shipped("day")
    with ExitStack() as afterwards:
        if data is None and database_url is None:
            data = Path(afterwards.enter_context(tempfile.TemporaryDirectory(prefix="fenghuo-demo-")))
            # SIGTERM ends a process at once; the folder is to be cleared away first
            signal.signal(signal.SIGTERM, _end_orderly)
        parts = make_parts(Settings(host=host, port=port, data=data, database_url=database_url))
        _refuse_a_desk_in_use(parts, scenario)
        sign_ins = seat(parts.people, scenario.people, "demo")
        _say(_welcome(parts, sign_ins, speed))

        def companion(stop: threading.Event) -> int:
            try:
                return _play(parts, scenario, sign_ins, speed, once, stop)
            except Stopped:
                return 0

        try:
            return run(parts, companion)
        finally:
            unseat(parts.people, sign_ins)


def _play(
    parts: Parts,
    scenario: Scenario,
    sign_ins: list[SignIn],
    speed: float,
    once: bool,
    stop: threading.Event,
) -> int:
    tokens = {sign_in.person.key: sign_in.token for sign_in in sign_ins}
    player = Player(scenario, own_url(parts.settings), tokens, parts.tree, stop, _say)
    while True:
        refused = player.play(str(uuid4()), speed)
        for one in refused:
            sys.stderr.write(f"demo: refused: {one}\n")
        if once:
            return 1 if refused else 0
        _say("—— 一日演练结束，稍后从头再来 · the day is over and begins again ——")
        if stop.wait(BETWEEN_DAYS_S):
            return 0


def _refuse_a_desk_in_use(parts: Parts, scenario: Scenario) -> None:
    """The demo gives its people new passwords and fills the log: not on a desk where others work."""
    ours = {person.name for person in scenario.people}
    others = [account.name for account in parts.people.all() if account.name not in ours]
    if others:
        raise ValueError(
            f"that is a desk where {others[0]} works; the demo wants one of its own: say another --data"
        )


def _welcome(parts: Parts, sign_ins: list[SignIn], speed: float) -> str:
    steps = shipped("day").steps
    hours = (steps[-1].minute - steps[0].minute) / 60
    pace = f"1 分钟演 {speed:g} 分钟" if speed else "不等待"
    return (
        f"虚构的秦皇岛一日（全部为演练），{hours:.0f} 小时，{pace}。"
        f"打开 {own_url(parts.settings)}，任选一人登录：\n"
        f"A fictitious day in Qinhuangdao, all of it a drill. Sign in as anybody:\n"
        f"{table(sign_ins, parts.tree)}"
        "密码是随机的，只显示这一次；Ctrl+C 结束。 Passwords are random and shown this once; Ctrl+C ends."
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end_orderly(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
