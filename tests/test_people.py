"""Accounts, tokens, wall screens and one-time links, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import StatementError

from schemas.terms import Post
from server.people.accounts import CREDENTIAL, PERSON, new_id
from server.people.credentials import (
    AccountRefused,
    display_name,
    fingerprint,
    name_key,
)
from server.people.people import SESSION_ENDED, People
from server.record.database import Database
from tests.small_desk import (
    DESK,
    OTHER,
    PASSWORD,
    TABLES,
    Clock,
    CountingPasswords,
    empty,
    people_in,
    seat,
    sign_in,
    tables_in,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> CountingPasswords:
    return CountingPasswords()


@pytest.fixture(scope="module")
def url(each_database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests of this file, which every test finds empty."""
    if each_database == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('people') / 'fenghuo.db'}"
    return str(request.getfixturevalue("new_database")())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with tables_in(url) as database:
        empty(database)
        yield database


@pytest.fixture
def people(database: Database, clock: Clock, passwords: CountingPasswords) -> People:
    return seat(people_in(database, clock, passwords))


@pytest.fixture
def elsewhere(people: People, url: str, clock: Clock) -> Iterator[People]:
    """The same people as another process sees them: the command line beside a running server."""
    with tables_in(url) as database:
        yield people_in(database, clock, CountingPasswords())


# --- accounts ---------------------------------------------------------------------------------------------


def test_a_person_is_found_however_the_name_is_written(people: People):
    people.add(" Sòng  Jiāng ", "liaison", "130300-qx")
    for written in ("Sòng Jiāng", "sòng jiāng", "So\u0300ng Jia\u0304ng", "Sòng Jiāng", "  SÒNG JIĀNG "):
        person = people.get(written)
        assert person is not None
        assert person.name == "Sòng Jiāng"
    assert people.get("Sung") is None
    assert people.get("Wu\0") is None
    assert people.get("\ud800") is None


@pytest.mark.parametrize("double", ["wu", "WU", "Wu", "ｗｕ", "𝐖𝐔", " Wu "])
def test_two_people_cannot_have_names_that_look_alike(people: People, double: str):
    with pytest.raises(AccountRefused) as refused:
        people.add(double, "duty_officer", "130300")
    assert refused.value.slug == "name_taken"


@pytest.mark.parametrize(
    "bad",
    [
        "", "   ", "W\u202eu", "Wu\u200b", "Wu\x07", "Wu\nroot", "W\u2066u", "Wu\u2028x", "\ufeffWu",
        "\ud800", "吴" * 65, "\ufdfa" * 20,
    ],
)  # fmt: skip
def test_names_with_invisible_or_direction_changing_characters_are_refused(people: People, bad: str):
    with pytest.raises(AccountRefused) as refused:
        people.add(bad, "duty_officer", "130300")
    assert refused.value.slug == "bad_name"


@pytest.mark.parametrize(
    ("post", "unit", "slug"),
    [
        ("king", "130300", "unknown_post"),
        ("auditor", "999999", "unknown_unit"),
        ("", "130300", "unknown_post"),
    ],
)
def test_a_post_or_unit_that_does_not_exist_is_refused(people: People, post: str, unit: str, slug: str):
    with pytest.raises(AccountRefused) as refused:
        people.add("Zhao", post, unit)
    assert refused.value.slug == slug
    with pytest.raises(AccountRefused):
        people.change(
            "Wu", post=post or None, unit=unit if unit == "999999" else None, disabled=None, lang="fr"
        )
    assert people.get("Zhao") is None


def test_only_fingerprints_of_secrets_are_on_disk(people: People, database: Database):
    session, token = sign_in(people, "Wu"), people.add_token("Wu", "replay")
    link = people.invite("李值班")
    wall = people.wall_session("130300", "大厅")
    with database.reading() as connection:
        stored = "".join(
            str(tuple(row)) for table in TABLES for row in connection.execute(table.select()).all()
        )
    assert fingerprint(token) in stored
    for secret in (session.secret, token, link, wall.secret, PASSWORD, session.device or ""):
        assert secret
        assert secret not in stored
    assert "$argon2id$" in stored


def test_identities_are_version_seven_and_in_order_of_making(clock: Clock):
    earlier = new_id(clock.now())
    clock.pass_by(seconds=0.002)
    later = new_id(clock.now())
    assert earlier < later
    assert earlier[14] == "7"
    assert earlier[19] in "89ab"


def test_a_time_without_a_zone_is_never_stored(database: Database, people: People):
    naive = datetime(2026, 1, 1, 8, 0)  # noqa: DTZ001
    with pytest.raises(StatementError, match="without a zone"), database.writing() as connection:
        connection.execute(PERSON.update().values(disabled_at=naive))
    assert (person := people.get("Wu")) is not None
    assert person.created_at == datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
    assert person.created_at.tzinfo is UTC


# --- tokens, walls, links ---------------------------------------------------------------------------------


def test_a_machines_token_works_until_it_is_revoked(people: People, clock: Clock):
    token, other = people.add_token("Wu", "replay"), people.add_token("Wu")
    assert token.startswith("fh_")
    clock.pass_by(days=300)
    principal = people.principal_for_token(token)
    assert principal is not None
    assert (principal.name, principal.kind) == ("Wu", "token")
    assert sorted(line.label for line in people.tokens_of("Wu")) == ["", "replay"]
    assert people.revoke_token(token) is True
    assert people.revoke_token(token) is False
    assert people.principal_for_token(token) is None
    assert people.standing_of([principal]) == {principal.credential_id: SESSION_ENDED}
    (left,) = people.tokens_of("Wu")
    assert people.revoke_token(left.id) is True
    assert people.principal_for_token(other) is None


def test_a_session_is_no_token_and_a_token_no_session(people: People):
    session, token = sign_in(people, "Wu"), people.add_token("Wu")
    for _ in ("unknown", "remembered"):
        assert people.principal_for_token(session.secret) is None
        assert people.principal_for_session(token) is None
        assert people.principal_for_session(token.removeprefix("fh_")) is None
        assert people.principal_for_session(session.secret) is not None
        assert people.principal_for_token(token) is not None
    (line,) = people.tokens_of("Wu")
    people.sign_out(line.id)
    assert people.revoke_token(session.session_id) is False
    assert people.principal_for_token(token) is not None
    assert people.principal_for_session(session.secret) is not None


def test_what_a_credential_is_stands_in_its_row_and_not_in_how_it_looks(people: People, database: Database):
    token = people.add_token("Wu")
    with database.writing() as connection:
        connection.execute(CREDENTIAL.update().values(kind="session"))
    assert people.principal_for_token(token) is None
    assert people.principal_for_session(token) is None


@pytest.mark.parametrize("junk", ["", "fh_", "x" * 43, "fh_" + "x" * 43, "\0" * 43, "吴" * 43, "x" * 100_000])
def test_junk_is_nobodys_secret(people: People, junk: str):
    assert people.principal_for_session(junk) is None
    assert people.principal_for_token(junk) is None
    assert people.invited(junk) is None


def test_a_wall_screen_reads_only_and_stays_for_ninety_days_untouched(people: People, clock: Clock):
    wall = people.wall_session("130300", "大厅大屏")
    principal = people.principal_for_session(wall.secret)
    assert principal is not None
    assert (principal.kind, principal.read_only) == ("wall", True)
    assert (principal.post, principal.unit, principal.name) == (Post.LEADERSHIP, "130300", "大厅大屏")
    assert people.standing_of([principal]) == {principal.credential_id: None}
    clock.pass_by(days=89, hours=23)
    assert people.principal_for_session(wall.secret) is not None
    assert [line.label for line in people.walls()] == ["大厅大屏"]
    clock.pass_by(hours=1)
    assert people.principal_for_session(wall.secret) is None
    assert people.walls() == []
    with pytest.raises(AccountRefused):
        people.wall_session("999999", "x")


def test_a_wall_link_starts_one_wall_screen(people: People):
    link = people.invite_wall("130324", "卢龙大屏")
    invited = people.invited(link)
    assert invited is not None
    assert (invited.name, invited.unit, invited.label) == (None, "130324", "卢龙大屏")
    with pytest.raises(AccountRefused):
        people.accept_invitation(link, OTHER)
    wall = people.accept_wall(link)
    principal = people.principal_for_session(wall.secret)
    assert principal is not None
    assert principal.unit == "130324"
    with pytest.raises(AccountRefused):
        people.accept_wall(link)
    with pytest.raises(AccountRefused):
        people.accept_wall(people.invite("Wu"))
    people.sign_out(wall.session_id)
    assert people.principal_for_session(wall.secret) is None


def test_a_one_time_link_works_once(people: People):
    people.add("Zhao", "leadership", "130300")
    link = people.invite("Zhao")
    for _ in range(3):
        assert people.invited(link) is not None, "looking at it does not use it up"
    with pytest.raises(AccountRefused) as refused:
        people.accept_invitation(link, "zhao")
    assert refused.value.slug == "password_short", "a bad password does not use it up either"
    people.accept_invitation(link, OTHER)
    assert people.sign_in("Zhao", OTHER, DESK) is not None
    with pytest.raises(AccountRefused) as refused:
        people.accept_invitation(link, PASSWORD)
    assert refused.value.slug == "dead_link"
    assert people.invited(link) is None
    assert people.sign_in("Zhao", OTHER, DESK) is not None


def test_of_two_who_use_a_link_at_once_one_gets_it(people: People, elsewhere: People):
    link = people.invite("Wu")
    start, done = threading.Barrier(2), []

    def accept(side: People, password: str) -> None:
        start.wait(5)
        try:
            side.accept_invitation(link, password)
            done.append(password)
        except AccountRefused:
            pass

    both = [
        threading.Thread(target=accept, args=one) for one in ((people, OTHER), (elsewhere, PASSWORD + "!"))
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(10)
    assert len(done) == 1
    assert people.sign_in("Wu", done[0], DESK) is not None


def test_a_link_runs_out_and_a_newer_one_replaces_it(people: People, clock: Clock):
    first = people.invite("Wu")
    second = people.invite("Wu")
    assert people.invited(first) is None
    clock.pass_by(hours=23, minutes=59)
    assert people.invited(second) is not None
    clock.pass_by(minutes=1)
    assert people.invited(second) is None
    with pytest.raises(AccountRefused):
        people.accept_invitation(second, OTHER)


def test_a_new_password_by_link_ends_every_session_there_was(people: People):
    session = sign_in(people, "Wu")
    people.accept_invitation(people.invite("Wu"), OTHER)
    assert people.principal_for_session(session.secret) is None


def test_a_password_changed_while_the_old_one_is_being_checked_lets_nobody_in(
    people: People, elsewhere: People, passwords: CountingPasswords, monkeypatch: pytest.MonkeyPatch
):
    checked = passwords.fits

    def changed_meanwhile(stored: str, password: str) -> bool:
        fits = checked(stored, password)
        elsewhere.set_password("Wu", OTHER)
        return fits

    monkeypatch.setattr(passwords, "fits", changed_meanwhile)
    assert people.sign_in("Wu", PASSWORD, DESK) is None


def test_names_keep_their_spelling(people: People):
    assert [person.name for person in people.all()] == ["Chen", "Wu", "He", "李值班"]
    assert display_name(" 李  值班 ") == "李 值班"
    assert name_key("ＬＩ　Ming") == "li ming"
