"""What `scripts/run` puts on an empty desk: a fictitious city with people at every post and drills under way.

The desk is served at once; a thread beside it makes the accounts, prints how to sign in, and says through the
public API what has happened so far. There is no default password: those of the fictitious people are random,
printed and kept in DIR/sign-in.txt (for its owner only); the administrator chooses one by a one-time link.

A desk that anybody works at is served as it is. One that was interrupted while it was being furnished is
finished at the next start: the moment it began is kept, so the same steps have the same ids and times.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select

from schemas.fields import parse_instant, wire_instant
from schemas.terms import Post
from server.parts import Parts
from server.record.tables import INCIDENT
from server.rehearsal import roster
from server.rehearsal.caller import Caller, DeskAway
from server.rehearsal.player import Player, Stopped
from server.rehearsal.scenario import shipped
from server.rehearsal.sign_ins import SignIn, seat, table, unseat
from server.serving import own_url

log = structlog.get_logger()

SIGN_INS = "sign-in.txt"
UNFINISHED = ".newcomer-unfinished"  # in the data folder while the desk is being furnished; says since when
ADMIN = "管理员"


def furnish(parts: Parts) -> threading.Thread | None:
    """Before serving: begin to furnish an empty desk, beside it. None when there is nothing to do."""
    began = _begun(parts)
    if began is None and not _is_empty(parts):
        _remind(parts)
        return None
    began = began or parts.now()
    _keep(parts, UNFINISHED, wire_instant(began) + "\n")
    thread = threading.Thread(target=_furnish, args=(parts, began), name="newcomer", daemon=True)
    thread.start()
    return thread


def _furnish(parts: Parts, began: datetime) -> None:
    scenario = shipped("newcomer")
    try:
        sign_ins = seat(parts.people, scenario.people, "newcomer")
        printed = _sign_in_page(parts, sign_ins)
        _keep(parts, SIGN_INS, printed)
        _say(printed + _admin_line(parts))
        tokens = {sign_in.person.key: sign_in.token for sign_in in sign_ins}
        for who, name, body in roster.deeds(scenario.people, began):
            with Caller(own_url(parts.settings), tokens[who]) as caller:
                caller.tell(name, body)
        stop = threading.Event()  # never set: the thread ends with the process, and the next start goes on
        player = Player(scenario, own_url(parts.settings), tokens, parts.tree, stop)
        refused = player.play(f"newcomer|{wire_instant(began)}", 0, began)
        unseat(parts.people, sign_ins)
    except (DeskAway, Stopped) as away:
        log.warning("the desk was not furnished to the end; the next start goes on", reason=str(away))
        return
    except Exception:  # the edge of this thread: the desk itself serves on
        log.exception("the desk was not furnished to the end; the next start tries again")
        return
    for one in refused:
        log.error("a step of the fictitious city was refused", step=one)
    if parts.settings.data is not None:
        (parts.settings.data / UNFINISHED).unlink(missing_ok=True)


def _is_empty(parts: Parts) -> bool:
    """Nobody has an account and nothing has been logged: the product has never been used here."""
    if parts.people.all():
        return False
    with parts.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(INCIDENT)).scalar_one() == 0


def _begun(parts: Parts) -> datetime | None:
    """When furnishing began, if it has not ended yet."""
    if parts.settings.data is None:
        return None
    try:
        return parse_instant((parts.settings.data / UNFINISHED).read_text(encoding="utf-8").strip())
    except (FileNotFoundError, ValueError):
        return None


def _keep(parts: Parts, name: str, text: str) -> None:
    """Into the data folder, readable by its owner only. A desk on PostgreSQL has none: only shown then."""
    if parts.settings.data is None:
        return
    path = parts.settings.data / name
    fresh = path.with_name(f".{name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _sign_in_page(parts: Parts, sign_ins: Sequence[SignIn]) -> str:
    url = own_url(parts.settings)
    data = parts.settings.data
    kept = "" if data is None else f"（另存于 also kept in {_shown(data / SIGN_INS)}）"
    return (
        f"\n虚构的秦皇岛，人员、单位、事件均为虚构，全部标为演练。打开 {url} ，任选一人登录：\n"
        f"A fictitious city, all of it marked as a drill. Open {url} and sign in as anybody:\n\n"
        f"{table(sign_ins, parts.tree)}\n"
        f"密码是随机生成的。The passwords are random.{kept}\n"
    )


def _admin_line(parts: Parts) -> str:
    """A fresh one-time link for the administrator, until one was used. The earlier ones end."""
    people = parts.people
    admin = people.get(ADMIN) or people.add(ADMIN, Post.ADMIN, parts.tree.root)
    if admin.has_password or admin.disabled_at:
        return ""
    hours = int(people.limits.invitation.total_seconds() // 3600)
    link = f"{own_url(parts.settings)}/invitation/{people.invite(ADMIN)}"
    return (
        f"系统管理员“{ADMIN}”用一次性链接设置密码，{hours} 小时内有效，用过之前每次启动换新：\n"
        f"The administrator chooses a password with this one-time link, valid for {hours} hours:\n  {link}\n"
    )


def _remind(parts: Parts) -> None:
    """On a desk that was furnished before: where the sign-ins are, and a new link if none was used yet."""
    data = parts.settings.data
    if data is not None and (data / SIGN_INS).exists():
        where = _shown(data / SIGN_INS)
        _say(f"登录方式见 {where} · how to sign in: {where}")
    if parts.people.get(ADMIN) is not None and (line := _admin_line(parts)):
        _say(line)


def _shown(path: Path) -> str:
    """As somebody in the present folder would name it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
