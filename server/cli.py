"""The command line: `fenghuo serve`, people and tokens, verify, backup, restore, demo.

Every flag is also an environment variable FENGHUO_…; whatever takes --data takes --database-url in its place.
All of it works on a stopped desk and beside a running one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from schemas.terms import Post
from server.clocks import utc_now
from server.config.unit_file import default_units, load_units_or_keep
from server.log_lines import log_to_stderr
from server.migrations import open_database
from server.people.people import AccountRefused, People
from server.record.book import entry_of_head
from server.record.database import trouble_of
from server.record.find_index import forget
from server.safekeeping.backup import BackupRefused, backup, restore
from server.safekeeping.verify import verify
from server.settings import Settings, network

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 1 when not, 2 for a wrong call."""
    log_to_stderr()
    parsed = _parser().parse_args(arguments)
    try:
        status = parsed.run(parsed)
    except (AccountRefused, BackupRefused, ValueError, OSError) as refused:
        print(f"fenghuo: {refused}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        if (said := trouble_of(error)) is None:
            raise
        print(f"fenghuo: {said}", file=sys.stderr)
        return 1
    return int(status or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fenghuo", description="Fenghuo 烽火: the duty desk")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = _store(commands.add_parser("serve", help="serve the whole product on one port"))
    _flag(serve, "--host", default="127.0.0.1")
    _flag(serve, "--port", default="8000", type=int)
    _flag(serve, "--redis-url", help="redis://…, where processes on one database tell each other of news")
    _flag(serve, "--config", help="folder with rules/ and units.csv; DIR/config of --data otherwise")
    _flag(serve, "--origin", help="how browsers address this desk, comma-separated, as https://desk.local")
    _switch(serve, "--secure", help="browsers come by HTTPS only, through a proxy")
    _flag(serve, "--trusted-proxy", help="address or network of the proxy in front, comma-separated")
    _flag(serve, "--rates-from", default="5", type=int, help="statistics of fewer incidents give no rate")
    _flag(
        serve,
        "--tablet-pin-digits",
        default="4",
        type=int,
        help="the fewest digits of a tablet's PIN, 4 to 12",
    )
    _flag(
        serve,
        "--tablet-recovery-key",
        help="recovery.pub: what opens a tablet's texts when a PIN is forgotten",
    )
    _flag(serve, "--tablet-lock-minutes", default="5", type=int, help="a tablet nobody touches locks itself")
    _flag(serve, "--upstream", help="the desk above: what is done here is handed on to it (an outpost)")
    _flag(serve, "--upstream-token-file", help="the outpost's secret; DIR/upstream.token of --data otherwise")
    _flag(serve, "--upstream-ca", help="the authority by which the desk above is known (PEM)")
    _switch(serve, "--newcomer", help="fill an empty desk with a fictitious city and print sign-ins")
    serve.set_defaults(run=_serve)

    user = commands.add_parser("user", help="people").add_subparsers(dest="deed", required=True)
    add = _store(user.add_parser("add", help="make an account"))
    add.add_argument("name")
    _flag(add, "--post", required=True, choices=[str(post) for post in Post])
    _flag(add, "--unit", required=True, help="a unit's code, as 130324")
    _flag(add, "--lang", default="zh", choices=["zh", "en"])
    _switch(add, "--password-stdin", help="read the password from standard input, one line")
    add.set_defaults(run=_user_add)
    change = _store(user.add_parser("change", help="another post or unit; live rights change within 2 s"))
    change.add_argument("name")
    _flag(change, "--post", choices=[str(post) for post in Post])
    _flag(change, "--unit")
    change.set_defaults(run=_user_change)
    for deed, words in (("disable", "nobody gets in by this account any more"), ("enable", "let in again")):
        one = _store(user.add_parser(deed, help=words))
        one.add_argument("name")
        one.set_defaults(run=_user_disable, disabled=deed == "disable")
    invite = _store(user.add_parser("invite", help="print a one-time link to set a password"))
    invite.add_argument("name")
    invite.set_defaults(run=_user_invite)
    people = _store(user.add_parser("list", help="who has an account"))
    people.set_defaults(run=_user_list)

    token = commands.add_parser("token", help="bearer tokens").add_subparsers(dest="deed", required=True)
    fresh = _store(token.add_parser("add", help="print a bearer token, alone on its line"))
    _flag(fresh, "--user", default="")
    _flag(fresh, "--feed", default="", help="instead, of this unit: reads the map's feeds and nothing else")
    _flag(fresh, "--label", default="")
    fresh.set_defaults(run=_token_add, refuse=fresh.error)
    revoke = _store(token.add_parser("revoke", help="end a token, by the token or its id"))
    revoke.add_argument("token")
    revoke.set_defaults(run=_token_revoke)

    check = _store(commands.add_parser("verify", help="check the chain of the log and all made from it"))
    _flag(check, "--head", default="", help="a printed head: after which entry did the chain stand there?")
    check.set_defaults(run=_verify)
    along = _store(commands.add_parser("take-along", help="make a desk for the field from this one"))
    along.add_argument("folder", type=Path, help="a new folder: the outpost's --data")
    _flag(along, "--name", required=True, help="how the outpost is called in the log, as 前指一号")
    _flag(along, "--unit", required=True, help="whose open incidents and people go along, as 130324")
    _flag(along, "--people", required=True, help="names of those who go along, comma-separated")
    _flag(along, "--days", default="14", type=int, help="how long its word and its one-time links hold")
    along.set_defaults(run=_take_along)
    pair = commands.add_parser("recovery-key", help="make the pair by which a forgotten PIN loses nothing")
    pair.add_argument(
        "folder", type=Path, help="gets recovery.key, for the safe, and recovery.pub, for serve"
    )
    pair.set_defaults(run=_recovery_key_new)
    unseal = commands.add_parser("unseal", help="make bundles for /carry of a tablet's sealed file")
    unseal.add_argument("file", type=Path)
    _flag(unseal, "--key", required=True, help="recovery.key, from the safe")
    unseal.set_defaults(run=_unseal)
    index = commands.add_parser("index", help="by which anything is found").add_subparsers(
        dest="deed", required=True
    )
    rebuild = _store(index.add_parser("rebuild", help="empty it; the running desk makes it anew"))
    rebuild.set_defaults(run=_index_rebuild)
    keep = _store(commands.add_parser("backup", help="copy everything into one file, while serving"))
    keep.add_argument("file", type=Path)
    keep.set_defaults(run=_backup)
    back = _store(commands.add_parser("restore", help="fill an empty desk from a backup; a new epoch begins"))
    back.add_argument("file", type=Path)
    back.set_defaults(run=_restore)

    words = (
        "a fictitious city day that plays by itself, marked as drill; on a desk of its own that is then gone"
    )
    demo = _store(commands.add_parser("demo", help=words))
    _flag(demo, "--host", default="127.0.0.1")
    _flag(demo, "--port", default="8000", type=int)
    _flag(demo, "--speed", default="60", type=float, help="demo minutes in a real minute (60); 0: at once")
    _switch(demo, "--once", help="end when the day is over")
    demo.set_defaults(run=_demo)
    return parser


def _env(name: str) -> str | None:
    return os.environ.get(f"FENGHUO_{name.upper()}") or None


def _flag(
    parser: argparse.ArgumentParser,
    flag: str,
    *,
    default: str | None = None,
    required: bool = False,
    **options: Any,
) -> None:
    """A flag that may come from the environment; said in both, the flag wins."""
    given = _env(flag.removeprefix("--").replace("-", "_"))
    parser.add_argument(flag, default=given or default, required=required and given is None, **options)


def _switch(parser: argparse.ArgumentParser, flag: str, help: str) -> None:
    given = _env(flag.removeprefix("--").replace("-", "_")) or ""
    parser.add_argument(
        flag, action="store_true", default=given.lower() in ("1", "true", "yes", "on"), help=help
    )


def _store(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", help="folder of the embedded desk")
    parser.add_argument("--database-url", help="postgresql://… instead of --data")
    return parser


def _where(parsed: argparse.Namespace) -> Settings:
    """Where the desk is. A flag wins over the environment whole: --data is not overruled by a
    FENGHUO_DATABASE_URL that somebody set long ago."""
    data, url = parsed.data, parsed.database_url
    if not data and not url:
        data, url = _env("data"), _env("database_url")
    where = Settings(data=Path(data) if data else None, database_url=url or None)
    if where.data is not None and where.database_url is not None:
        _two_places(where.data, where.database_url)
    return where


def _two_places(data: Path, url: str) -> None:
    """The database wins, and says so: the folder may be named for its `config/` (a container's always is),
    or because somebody takes the desk in it for the one that is served."""
    from sqlalchemy import make_url  # shown without its password

    told = {"database": make_url(url).render_as_string(), "data": str(data)}
    if (data / "fenghuo.db").exists():
        log.warning(
            "a database and a folder with another desk in it are named: that desk is not used", **told
        )
    else:
        log.info("the desk is in the database; of the folder only config/ is read", **told)


def _settings(parsed: argparse.Namespace) -> Settings:
    given = _where(parsed)
    if given.data is None and given.database_url is None:
        raise ValueError("say where the desk is: --data DIR or --database-url URL")
    return given


def _existing(parsed: argparse.Namespace) -> Settings:
    """The same, of a desk that is there already: looking at one makes none."""
    given = _settings(parsed)
    if given.database_url is None and given.data is not None and not (given.data / "fenghuo.db").exists():
        raise ValueError(f"there is no desk in {given.data}")
    return given


# ---------------------------------------------------------------- serving


def _serve(parsed: argparse.Namespace) -> int:
    settings = replace(
        _settings(parsed),
        host=parsed.host,
        port=parsed.port,
        redis_url=parsed.redis_url,
        config=Path(parsed.config) if parsed.config else None,
        origins=_listed(parsed.origin),
        secure=parsed.secure,
        trusted_proxies=tuple(network(one) for one in _listed(parsed.trusted_proxy)),
        rates_from=parsed.rates_from,
        tablet_recovery_key=_recovery_key(parsed.tablet_recovery_key),
        tablet_pin_digits=min(12, max(4, parsed.tablet_pin_digits)),
        tablet_lock_minutes=max(1, parsed.tablet_lock_minutes),
        upstream=parsed.upstream,
        upstream_token_file=Path(parsed.upstream_token_file) if parsed.upstream_token_file else None,
        upstream_ca=Path(parsed.upstream_ca) if parsed.upstream_ca else None,
    )
    from server.app import make_parts  # half of a start is reading this: no other command waits for it
    from server.serving import run

    parts = make_parts(settings)
    if parsed.newcomer:
        from server.rehearsal.newcomer import furnish

        furnish(parts)
    return run(parts)


def _listed(said: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (said or "").split(",") if one.strip())


# ---------------------------------------------------------------- people


@contextmanager
def _people(parsed: argparse.Namespace) -> Iterator[People]:
    settings = _settings(parsed)
    tree = default_units()
    if settings.config_folder is not None and (settings.config_folder / "units.csv").exists():
        tree, _problems = load_units_or_keep(settings.config_folder, None)
    with closing(open_database(settings)) as database:
        yield People(database, tree.__contains__, utc_now)


def _user_add(parsed: argparse.Namespace) -> int:
    password = sys.stdin.readline().rstrip("\r\n") if parsed.password_stdin else None
    with _people(parsed) as people:
        account = people.add(parsed.name, parsed.post, parsed.unit, password, parsed.lang)
    print(f"{account.name}: {account.post}, {account.unit}")
    return 0


def _user_change(parsed: argparse.Namespace) -> int:
    with _people(parsed) as people:
        account = people.change(parsed.name, post=parsed.post, unit=parsed.unit)
    print(f"{account.name}: {account.post}, {account.unit}")
    return 0


def _user_disable(parsed: argparse.Namespace) -> int:
    with _people(parsed) as people:
        account = people.change(parsed.name, disabled=parsed.disabled)
    print(f"{account.name}: {'disabled' if parsed.disabled else 'enabled'}")
    return 0


def _user_invite(parsed: argparse.Namespace) -> int:
    with _people(parsed) as people:
        print("/invitation/" + people.invite(parsed.name))
    return 0


def _user_list(parsed: argparse.Namespace) -> int:
    with _people(parsed) as people:
        accounts = people.all()
    for account in accounts:
        print(f"{account.name}\t{account.post}\t{account.unit}\t{'disabled' if account.disabled_at else ''}")
    return 0


def _token_add(parsed: argparse.Namespace) -> int:
    if bool(parsed.user) == bool(parsed.feed):
        parsed.refuse("say whose: either --user NAME or --feed UNIT")
    with _people(parsed) as people:
        if parsed.feed:
            print(people.add_feed(parsed.feed, parsed.label or "feed"))
        else:
            print(people.add_token(parsed.user, parsed.label))
    return 0


def _token_revoke(parsed: argparse.Namespace) -> int:
    with _people(parsed) as people:
        if not people.revoke_token(parsed.token):
            raise ValueError("there is no such token, or it was revoked before")
    return 0


# ---------------------------------------------------------------- the record


def _verify(parsed: argparse.Namespace) -> int:
    with closing(open_database(_existing(parsed))) as database:
        found = verify(database, helped=len(os.sched_getaffinity(0)) > 1)
        stood = entry_of_head(database, parsed.head) if parsed.head else None
    if found.first_bad is None and not found.faults:
        if parsed.head and stood is None:
            print("bad: the chain never had that head")
            return 1
        print(f"ok: {found.entries} entries, head {found.head or '0' * 64}")
        if found.layers:
            print(f"map layers: {found.layers} changes, head {found.layers_head}")
        if stood is not None:
            print(f"the printed head stood after entry {stood[0]}, recorded {stood[1].isoformat()}")
        return 0
    # where only a table differs, it is from the log's last entry that it does
    print(f"bad: first bad entry {found.first_bad or found.entries}")
    for fault in found.faults[:200]:
        print(fault)
    return 1


def _take_along(parsed: argparse.Namespace) -> int:
    from server.safekeeping.take_along import take_along

    settings = _existing(parsed)
    with closing(open_database(settings)) as database:
        taken = take_along(
            database,
            settings,
            parsed.folder,
            name=parsed.name,
            unit=parsed.unit,
            people=_listed(parsed.people),
            days=parsed.days,
        )
    print(f"ok: {taken.incidents} open incidents, {taken.entries} entries, {len(taken.links)} people")
    for name, secret in taken.links.items():
        print(f"{name}\t/invitation/{secret}")
    return 0


def _recovery_key(file: str | None) -> str:
    """The public half, looked at before a tablet gets it."""
    from server.people.p256 import read_key

    if not file:
        return ""
    text = Path(file).read_text(encoding="ascii").strip()
    read_key(text)
    return text


def _recovery_key_new(parsed: argparse.Namespace) -> int:
    from server.people.recovery import new_pair

    pem, public = new_pair()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(
        os.open(parsed.folder / "recovery.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
    ) as file:
        file.write(pem)
    (parsed.folder / "recovery.pub").write_text(public + "\n", encoding="ascii")
    print(f"ok: {parsed.folder}/recovery.key goes into the safe, recovery.pub to serve --tablet-recovery-key")
    return 0


def _unseal(parsed: argparse.Namespace) -> int:
    from server.people.recovery import bundles_of, read_private

    texts = bundles_of(parsed.file.read_text(encoding="utf-8"), read_private(Path(parsed.key).read_bytes()))
    for number, text in enumerate(texts, 1):
        made = parsed.file.with_suffix(f".{number}.fenghuo")
        made.write_text(text, encoding="utf-8")
        print(f"ok: {made}: bring it in at /carry")
    return 0


def _index_rebuild(parsed: argparse.Namespace) -> int:
    with closing(open_database(_existing(parsed))) as database:
        forget(database)
    print("ok: the index is empty, and is made anew while the desk serves")
    return 0


def _backup(parsed: argparse.Namespace) -> int:
    with closing(open_database(_existing(parsed))) as database:
        entries = backup(database, parsed.file)
    print(f"ok: {entries} entries in {parsed.file}")
    return 0


def _restore(parsed: argparse.Namespace) -> int:
    entries, epoch = restore(parsed.file, _settings(parsed))
    print(f"ok: {entries} entries; a new epoch begins: {epoch}")
    return 0


def _demo(parsed: argparse.Namespace) -> int:
    from server.rehearsal.demo import serve_demo

    where = _where(parsed)
    return serve_demo(
        host=parsed.host,
        port=parsed.port,
        data=where.data,
        database_url=where.database_url,
        speed=parsed.speed,
        once=parsed.once,
    )


if __name__ == "__main__":
    sys.exit(main())
