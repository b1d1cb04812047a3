"""The command line (contract 1): what each form does, prints and ends with, beside a desk and alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from pysqlite3 import dbapi2 as sqlite

from server.cli import main
from server.record.database import Database
from tests import words
from tests.product import FENGHUO, PASSWORD, ROOT, FenghuoProcess
from tests.room import CREW, Room
from tests.servers import free_port

Answer = tuple[int, str, str]


@pytest.fixture
def fenghuo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Run one command in this process: (exit code, standard output, standard error)."""
    for name in list(os.environ):
        if name.startswith("FENGHUO_"):
            monkeypatch.delenv(name)

    def run(*arguments: str | Path, given: str = "", **environment: str) -> Answer:
        import io

        for name, value in environment.items():
            monkeypatch.setenv(f"FENGHUO_{name.upper()}", value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        capsys.readouterr()
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        for name in environment:
            monkeypatch.delenv(f"FENGHUO_{name.upper()}")
        structlog.reset_defaults()  # it was told to write to this call's standard error
        return code, said.out, said.err

    return run


@pytest.fixture
def store(each_database: str, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Where a desk is to be, as a flag: a folder, then a PostgreSQL."""
    if each_database == "sqlite":
        return ("--data", str(tmp_path / "desk"))
    return ("--database-url", request.getfixturevalue("new_database")())


@pytest.fixture(scope="module")
def kept(rooms: Any) -> Any:
    """A desk with a few entries, closed: its folder, to be copied."""
    with rooms("sqlite") as room:
        for number in range(4):
            room.told("Wu", "open-incident", words.open_incident(title=f"第{number}件"))
        head = room.ask("Wu", "log", limit=1)["head"]
        yield room.folder, room.parts.store.epoch, head, dict(room.tokens)


@pytest.fixture
def desk_folder(kept: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    shutil.copytree(kept[0], folder)
    return folder


# ---------------------------------------------------------------- people and tokens


def test_an_account_and_its_token_are_made_on_an_empty_place(
    fenghuo: Callable[..., Answer], store: tuple[str, ...]
) -> None:
    add = ("user", "add", "李值班", "--post", "duty_officer", "--unit", "130324")
    assert fenghuo(*add, "--password-stdin", *store, given=PASSWORD + "\n")[0] == 0
    code, out, _err = fenghuo(*add, *store)
    assert (code, out) == (1, "")
    code, out, err = fenghuo("token", "add", "--user", "李值班", *store)
    assert code == 0
    assert len(out.splitlines()) == 1
    assert out.strip() == out.rstrip("\n") != ""
    assert err == ""
    again = fenghuo("token", "add", "--user", "李值班", *store)[1]
    assert again != out, "each token is another"
    assert "李值班\tduty_officer\t130324" in fenghuo("user", "list", *store)[1]
    assert fenghuo("user", "change", "李值班", "--post", "duty_leader", *store)[0] == 0
    assert "duty_leader" in fenghuo("user", "list", *store)[1]
    assert fenghuo("token", "revoke", out.strip(), *store)[0] == 0
    assert fenghuo("token", "revoke", out.strip(), *store)[0] == 1
    assert fenghuo("user", "invite", "李值班", *store)[1].startswith("/invitation/")
    assert fenghuo("user", "disable", "李值班", *store)[0] == 0
    assert fenghuo("user", "enable", "李值班", *store)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        (("user", "add", "x", "--post", "duty_officer", "--unit", "999999"), "", 1),
        (("user", "add", "x", "--post", "king", "--unit", "130300"), "", 2),
        (("user", "add", "x", "--post", "admin"), "", 2),
        (("user", "add", "x", "--post", "admin", "--unit", "130300", "--password-stdin"), "short\n", 1),
        (("user", "add", "", "--post", "admin", "--unit", "130300"), "", 1),
        (("token", "add", "--user", "nobody"), "", 1),
        (("token", "add"), "", 2),
        (("user", "change", "nobody", "--unit", "130300"), "", 1),
        (("fly",), "", 2),
        ((), "", 2),
    ],
)
def test_a_wrong_call_says_so_on_standard_error_and_nothing_else(
    fenghuo: Callable[..., Answer], tmp_path: Path, arguments: tuple[str, ...], given: str, code: int
) -> None:
    place = ("--data", tmp_path / "desk") if arguments[:1] not in ((), ("fly",)) else ()
    found, out, err = fenghuo(*arguments, *place, given=given)
    assert (found, out) == (code, "")
    assert err.strip()
    assert "Traceback" not in err


def test_without_a_place_a_command_says_what_is_missing(fenghuo: Callable[..., Answer]) -> None:
    for command in (("verify",), ("user", "list"), ("backup", "x.db"), ("serve",)):
        code, out, err = fenghuo(*command)
        assert (code, out) == (1, "")
        assert "--data DIR or --database-url URL" in err


def test_every_flag_is_an_environment_variable_and_the_flag_wins(
    fenghuo: Callable[..., Answer], tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    said = {"data": str(here), "post": "auditor", "unit": "130300", "password_stdin": "1", "lang": "en"}
    code, out, _err = fenghuo("user", "add", "Sun", given=PASSWORD + "\n", **said)
    assert (code, out) == (0, "Sun: auditor, 130300\n")
    code, out, _err = fenghuo("user", "add", "Ma", "--post", "admin", given=PASSWORD + "\n", **said)
    assert out == "Ma: admin, 130300\n"
    assert fenghuo("token", "add", data=str(here), user="Sun", label="wall")[0] == 0
    unreachable = "postgresql://nobody@127.0.0.1:1/none"
    code, out, _err = fenghuo("user", "list", "--data", here, database_url=unreachable, data=str(there))
    assert (code, len(out.splitlines())) == (0, 2), "a flag is not overruled by what was set long ago"
    assert not there.exists()


def test_a_folder_named_beside_a_database_is_said_to_be_no_desk(
    fenghuo: Callable[..., Answer], tmp_path: Path
) -> None:
    here, url = tmp_path / "here", f"sqlite:///{tmp_path / 'there.db'}"
    both = ("user", "list", "--data", here, "--database-url", url)
    code, out, err = fenghuo(*both)
    assert (code, out) == (0, "")
    (line,) = map(json.loads, err.splitlines())
    assert (line["level"], line["data"], line["database"]) == ("info", str(here), url)
    assert fenghuo("user", "add", "Sun", "--post", "auditor", "--unit", "130300", "--data", here)[0] == 0
    code, out, err = fenghuo(*both)
    assert (code, out) == (0, ""), "Sun is in the folder's desk"
    assert json.loads(err)["level"] == "warning"
    assert "not used" in err
    assert fenghuo("user", "list", "--data", here)[2] == ""
    code, out, err = fenghuo("user", "list", data=str(here), database_url=url)
    assert json.loads(err)["level"] == "warning", "as a container has it"


def test_a_line_about_a_database_has_no_password(tmp_path: Path) -> None:
    from argparse import Namespace

    from server import cli

    with structlog.testing.capture_logs() as lines:
        cli._where(Namespace(data=str(tmp_path), database_url="postgresql://wu:geheim@db/fenghuo"))
    assert lines[0]["database"] == "postgresql://wu:***@db/fenghuo"


def test_every_option_of_every_command_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the parser itself, so that a new flag cannot be forgotten."""
    import argparse

    from server import cli

    def options(parser: argparse.ArgumentParser) -> set[str]:
        found = set()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    found |= options(sub)
            elif action.option_strings and action.dest != "help":
                found.add(action.dest)
        return found

    def defaults(parser: argparse.ArgumentParser) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    found |= defaults(sub)
            elif action.option_strings and action.dest != "help":
                found[action.dest] = action.default
        return found

    names = options(cli._parser())
    assert {
        "host",
        "port",
        "data",
        "database_url",
        "redis_url",
        "post",
        "unit",
        "password_stdin",
        "user",
    } <= names
    for name in names:
        monkeypatch.setenv(f"FENGHUO_{name.upper()}", "1")
    given = defaults(cli._parser())
    for name in names - {"data", "database_url"}:  # these two are taken together: see the test above
        assert given[name] in ("1", True), name


# ---------------------------------------------------------------- verify


def test_verify_says_ok_with_the_number_of_entries_and_the_head(
    fenghuo: Callable[..., Answer], desk_folder: Path
) -> None:
    code, out, _err = fenghuo("verify", "--data", desk_folder)
    assert code == 0
    assert out.startswith("ok: ")
    words_ = out.removeprefix("ok: ").rstrip("\n").split(", head ")
    assert (words_[0], len(words_[1])) == ("5 entries", 64)
    int(words_[1], 16)


@pytest.mark.parametrize(
    ("tampering", "entry"),
    [
        ("UPDATE entry SET body = replace(body, '第2件', '第9件') WHERE seq = 4", 4),
        ("DELETE FROM entry WHERE seq = 3", 3),
        ("UPDATE incident SET final_level = 4 WHERE title = '第1件'", 3),
        ("UPDATE counter SET last = 77", 5),
    ],
)  # fmt: skip
def test_verify_names_the_first_bad_entry_and_ends_with_one(
    fenghuo: Callable[..., Answer], desk_folder: Path, tampering: str, entry: int
) -> None:
    database = Database.in_folder(desk_folder)
    with database.writing() as connection:
        for (name,) in connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(tampering)
    database.close()
    code, out, _err = fenghuo("verify", "--data", desk_folder)
    assert (code, out.splitlines()[0]) == (1, f"bad: first bad entry {entry}")


def test_looking_at_a_desk_that_is_not_there_makes_none(
    fenghuo: Callable[..., Answer], tmp_path: Path
) -> None:
    for command in (("verify",), ("backup", tmp_path / "copy.db")):
        code, _out, err = fenghuo(*command, "--data", tmp_path / "no-such-desk")
        assert code == 1
        assert "there is no desk" in err
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- backup and restore


def test_a_restored_desk_has_everything_and_a_new_epoch(
    fenghuo: Callable[..., Answer], desk_folder: Path, kept: Any, store: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    assert fenghuo("backup", file, "--data", desk_folder)[0] == 0
    code, _out, err = fenghuo("backup", file, "--data", desk_folder)
    assert code == 1, "a backup is never overwritten"
    assert "exists" in err
    assert fenghuo("restore", file, *store)[0] == 0
    code, out, _err = fenghuo("verify", *store)
    assert (code, out) == (0, fenghuo("verify", "--data", desk_folder)[1])
    url = store[1] if "://" in store[1] else None
    room = Room(tmp_path / "room" if url else Path(store[1]), url)
    room.tokens = kept[3]
    room.start()
    try:
        page = room.ask("Wu", "log")
        assert page["head"] >= kept[2]
        assert page["epoch"] != kept[1]
        assert len(room.ask("Wu", "incidents")["incidents"]) == 4
    finally:
        room.stop()
    code, _out, err = fenghuo("restore", file, *store)
    assert code == 1
    assert "not empty" in err


def _schema_flipped(file: Path) -> None:
    text = file.read_bytes()
    file.write_bytes(text.replace(b"CREATE TABLE entry (", b"CREATE TABLE entry \xac"))
    assert file.read_bytes() != text


@pytest.mark.parametrize(
    "damage",
    [_schema_flipped, lambda file: os.truncate(file, file.stat().st_size // 2)],
    ids=["its schema is no text", "half of it"],
)
@pytest.mark.parametrize("command", ["verify", "serve", "backup"])
def test_a_damaged_file_is_named_in_one_line_and_nothing_is_served_from_it(
    fenghuo: Callable[..., Answer],
    desk_folder: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    command: str,
) -> None:
    with closing(sqlite.connect(desk_folder / "fenghuo.db")) as hand:
        hand.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it in the one file
    damage(desk_folder / "fenghuo.db")
    more = {"serve": ("--port", "0"), "backup": (str(tmp_path / "copy.db"),)}.get(command, ())
    code, said, wrong = fenghuo(command, *more, "--data", str(desk_folder))
    assert (code, said) == (1, "")
    assert wrong.startswith("fenghuo: the database file is damaged (database disk image is malformed"), wrong
    assert wrong.count("\n") == 1
    assert not (tmp_path / "copy.db").exists()


def test_a_database_that_is_not_there_is_named_in_one_line(fenghuo: Callable[..., Answer]) -> None:
    nobody = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    code, said, wrong = fenghuo("verify", "--database-url", nobody)
    assert (code, said) == (1, "")
    assert wrong.startswith("fenghuo: the database does not answer: "), wrong


def test_restore_refuses_a_folder_with_anything_in_it_and_a_file_that_is_no_backup(
    fenghuo: Callable[..., Answer], desk_folder: Path, tmp_path: Path
) -> None:
    file, target = tmp_path / "copy.db", tmp_path / "target"
    fenghuo("backup", file, "--data", desk_folder)
    target.mkdir()
    (target / "letter.txt").write_text("x")
    code, _out, err = fenghuo("restore", file, "--data", target)
    assert (code, "not empty" in err) == (1, True)
    (target / "letter.txt").unlink()
    for wrong in (tmp_path / "missing.db", ROOT / "README.md"):
        assert fenghuo("restore", wrong, "--data", target)[0] == 1
    assert list(target.iterdir()) == [], "nothing half done stays behind"
    assert fenghuo("restore", file, "--data", target)[0] == 0


# ---------------------------------------------------------------- serving


async def test_beside_a_running_desk_people_come_backups_are_made_and_listeners_are_sent_away_in_time(
    furnish: Callable[[str], FenghuoProcess], tmp_path: Path
) -> None:
    desk = furnish("sqlite")
    desk.start()
    try:
        desk.add_person("新人", "duty_officer", "130302")  # beside the running desk
        assert desk.ask("新人", "me")["unit"] == "130302"
        assert desk.tell("Wu", "open-incident", words.open_incident()).status_code == 200
        assert desk.fenghuo("verify").stdout.startswith("ok: 2 entries, head ")
        desk.fenghuo("backup", str(tmp_path / "copy.db"))
        assert desk.tell("Wu", "open-incident", words.open_incident()).status_code == 200
        async with desk.listen("Wu", {"after": 1, "epoch": None}) as live:
            epoch = live.welcome["epoch"]
            process = desk.process
            assert process is not None
            began = time.monotonic()
            process.terminate()
            assert await live.closed() == 4012
            code = await asyncio.to_thread(process.wait, 15)
            assert time.monotonic() - began < 10
            assert code in (0, -15)
        desk.process = None
        other = FenghuoProcess(tmp_path / "restored", tokens=desk.tokens)
        subprocess.run(
            [FENGHUO, "restore", tmp_path / "copy.db", "--data", other.folder],
            check=True,
            capture_output=True,
        )
        other.start()
        try:
            async with other.listen("Wu", {"after": 2, "epoch": epoch}) as live:
                assert live.welcome["resume"] == "refresh", "what was acknowledged after the backup is gone"
                assert live.welcome["epoch"] != epoch
                assert live.welcome["head"] == 2
        finally:
            other.stop()
    finally:
        desk.stop()


def test_a_port_that_is_taken_is_told_and_not_served(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [FENGHUO, "serve", "--port", str(taken.getsockname()[1]), "--data", tmp_path / "desk"],
            capture_output=True, text=True, timeout=50,
        )  # fmt: skip
    assert done.returncode != 0
    assert "address already in use" in done.stderr.lower()


def test_the_default_tree_is_the_citys(one_room: Room) -> None:
    """The city, nine county-rank desks, the townships under them, the departments beside."""
    units = one_room.ask("Wu", "units")["units"]
    ranks = {
        rank: [unit for unit in units if unit["rank"] == rank]
        for rank in ("city", "county", "township", "department")
    }
    assert [unit["code"] for unit in ranks["city"]] == ["130300"]
    assert [unit["code"] for unit in ranks["county"]] == [
        "130302", "130303", "130304", "130306", "130321", "130322", "130324", "130371", "130372",
    ]  # fmt: skip
    assert len(ranks["township"]) > 60
    assert len(ranks["department"]) >= 12
    assert {unit["parent"] for unit in ranks["county"] + ranks["department"]} == {"130300"}
    assert {unit for _name, _post, unit in CREW} <= {unit["code"] for unit in units}
