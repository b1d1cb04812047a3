"""What lets somebody in ends when it should, on every node and at once: on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from server.people.accounts import PERSON, SessionLimits
from server.people.credentials import (
    AccountRefused,
    TryLater,
)
from server.people.people import RIGHTS_CHANGED, SESSION_ENDED, People
from server.record.database import Database
from tests.small_desk import (
    DESK,
    OTHER,
    PASSWORD,
    UNITS,
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


# --- sessions end -----------------------------------------------------------------------------------------


def test_a_session_ends_after_twelve_hours_without_a_request(people: People, clock: Clock):
    used, idle = sign_in(people, "Wu"), sign_in(people, "Wu")
    clock.pass_by(hours=11, minutes=59, seconds=59)
    assert people.principal_for_session(used.secret) is not None
    clock.pass_by(seconds=1)
    assert people.principal_for_session(idle.secret) is None
    clock.pass_by(hours=11)
    assert people.principal_for_session(used.secret) is not None


def test_a_session_ends_after_seven_days_however_much_it_is_used(people: People, clock: Clock):
    session = sign_in(people, "Wu")
    for _ in range(7 * 24 - 1):
        clock.pass_by(hours=1)
        assert people.principal_for_session(session.secret) is not None
    clock.pass_by(hours=1)
    assert people.principal_for_session(session.secret) is None


def test_the_limits_are_settings(
    database: Database, people: People, clock: Clock, passwords: CountingPasswords
):
    limits = SessionLimits(idle=timedelta(minutes=15))
    strict = People(database, UNITS.__contains__, clock.now, limits=limits, passwords=passwords)
    session = sign_in(strict, "Wu")
    clock.pass_by(minutes=15)
    assert people.principal_for_session(session.secret) is None


def test_last_use_is_noted_at_most_once_a_minute(people: People, clock: Clock):
    session = sign_in(people, "Wu")
    person = people.get("Wu")
    assert person is not None
    seen = []
    for _ in range(5):
        clock.pass_by(seconds=25)
        people.principal_for_session(session.secret)
        (line,) = people.sessions_of(person.id)
        assert line.last_seen_at is not None
        seen.append((line.last_seen_at - line.created_at).total_seconds())
    assert seen == [0, 0, 75, 75, 75]
    assert line.id == session.session_id


def test_signing_out_ends_one_session_and_its_sockets(people: People):
    one, other = sign_in(people, "Wu"), sign_in(people, "Wu")
    listeners = [p for s in (one, other) if (p := people.principal_for_session(s.secret))]
    people.sign_out(one.session_id)
    assert people.principal_for_session(one.secret) is None
    assert people.principal_for_session(other.secret) is not None
    assert list(people.standing_of(listeners).values()) == [SESSION_ENDED, None]


def test_a_new_password_ends_the_other_sessions(people: People):
    here, there = sign_in(people, "Wu"), sign_in(people, "Wu")
    principal = people.principal_for_session(here.secret)
    assert principal is not None
    people.change_own_password(principal, PASSWORD, OTHER)
    assert people.principal_for_session(here.secret) is not None
    assert people.principal_for_session(there.secret) is None
    assert people.sign_in("Wu", PASSWORD, DESK) is None
    assert people.sign_in("Wu", OTHER, DESK) is not None


def test_ones_own_password_is_only_changed_by_who_knows_it(people: People):
    principal = people.principal_for_session(sign_in(people, "Wu").secret)
    assert principal is not None
    for _ in range(5):
        with pytest.raises(AccountRefused) as refused:
            people.change_own_password(principal, "not this one at all", OTHER)
        assert refused.value.slug == "wrong_password"
    with pytest.raises(TryLater):
        people.change_own_password(principal, PASSWORD, OTHER)
    assert people.sign_in("Wu", PASSWORD, DESK) is not None


def test_a_disabled_person_is_out_everywhere_and_enabling_brings_nothing_back(people: People):
    session, token, link = sign_in(people, "Wu"), people.add_token("Wu"), people.invite("Wu")
    listeners = [people.principal_for_session(session.secret), people.principal_for_token(token)]
    known = [listener for listener in listeners if listener is not None]
    assert len(known) == 2
    people.change("Wu", disabled=True)
    assert set(people.standing_of(known).values()) == {SESSION_ENDED}
    for _ in ("disabled", "enabled again"):
        assert people.principal_for_session(session.secret) is None
        assert people.principal_for_token(token) is None
        assert people.invited(link) is None
        people.change("Wu", disabled=False)
    assert people.sign_in("Wu", PASSWORD, DESK) is not None


def test_disabling_also_bites_what_was_only_marked_on_the_person(
    people: People, database: Database, clock: Clock
):
    session, token = sign_in(people, "Wu"), people.add_token("Wu")
    with database.writing() as connection:
        connection.execute(PERSON.update().where(PERSON.c.name == "Wu").values(disabled_at=clock.now()))
    assert people.principal_for_session(session.secret) is None
    assert people.principal_for_token(token) is None
    with pytest.raises(AccountRefused):
        people.add_token("Wu")
    with pytest.raises(AccountRefused):
        people.invite("Wu")


def test_the_last_administrator_stays_one(people: People):
    for change in ({"disabled": True}, {"post": "auditor"}):
        with pytest.raises(AccountRefused) as refused:
            people.change("Chen", **change)  # type: ignore[arg-type]
        assert refused.value.slug == "last_admin"
    people.add("Qian", "admin", "130300", PASSWORD)
    people.change("Chen", disabled=True)
    with pytest.raises(AccountRefused):
        people.change("Qian", disabled=True)
    people.change("Chen", post="auditor")  # who is disabled is no administrator to be kept
    people.change("Qian", unit="130324")


# --- rights change ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"post": "auditor"}, {"unit": "130324"}])
def test_a_listener_whose_post_or_unit_changed_is_told_so(people: People, change: dict[str, str]):
    session = sign_in(people, "Wu")
    before = people.principal_for_session(session.secret)
    assert before is not None
    people.change("Wu", **change)  # type: ignore[arg-type]
    after = people.principal_for_session(session.secret)
    assert after is not None
    assert (after.post, after.unit) == (change.get("post", "duty_officer"), change.get("unit", "130300"))
    assert after.credential_id != before.credential_id, "two sockets of one session are told apart"
    assert after.session_id == before.session_id
    standing = people.standing_of([before, after])
    assert standing == {before.credential_id: RIGHTS_CHANGED, after.credential_id: None}


def test_what_is_no_change_of_rights_closes_nobodys_socket(people: People):
    principal = people.principal_for_session(sign_in(people, "Wu").secret)
    assert principal is not None
    people.change("Wu", post="duty_officer", unit="130300", disabled=False, lang="en")
    assert people.standing_of([principal]) == {principal.credential_id: None}
    assert (person := people.get("Wu")) is not None
    assert person.lang == "en"


def test_a_made_up_credential_has_no_standing(people: People):
    principal = people.principal_for_session(sign_in(people, "Wu").secret)
    assert principal is not None
    made_up = replace(principal, credential_id="0190@1")
    assert people.standing_of([made_up]) == {"0190@1": SESSION_ENDED}
    assert people.standing_of([]) == {}


def test_the_standing_of_all_listeners_is_one_query(people: People, database: Database):
    listeners = [
        principal
        for _ in range(30)
        if (principal := people.principal_for_token(people.add_token("Wu"))) is not None
    ]
    listeners += [p for p in [people.principal_for_session(sign_in(people, "李值班").secret)] if p]
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    standing = people.standing_of(listeners)
    assert len(standing) == 31
    assert set(standing.values()) == {None}
    assert len([statement for statement in statements if "SELECT" in statement]) == 1


# --- another process --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["disable", "end-sessions", "sign-out", "password"])
def test_what_another_process_ends_is_over_within_two_seconds(
    people: People, elsewhere: People, clock: Clock, what: str
):
    session = sign_in(people, "Wu")
    principal = people.principal_for_session(session.secret)
    assert principal is not None
    match what:
        case "disable":
            elsewhere.change("Wu", disabled=True)
        case "end-sessions":
            elsewhere.end_sessions("Wu")
        case "sign-out":
            elsewhere.sign_out(session.session_id)
        case "password":
            elsewhere.set_password("Wu", OTHER)
    assert people.standing_of([principal]) == {principal.credential_id: SESSION_ENDED}, "sockets: at once"
    clock.pass_by(seconds=1.01)
    assert people.remembered_session(session.secret) is None
    assert people.principal_for_session(session.secret) is None


def test_an_answer_is_remembered_for_a_second_so_that_fifty_writes_a_second_cost_little(
    people: People, database: Database, clock: Clock
):
    token = people.add_token("Wu")
    assert people.principal_for_token(token) is not None
    database.close()
    people._database = None  # type: ignore[assignment]  # whoever asks now has only what is remembered
    clock.pass_by(seconds=0.9)
    assert people.principal_for_token(token) is not None
    assert people.remembered_token(token) is not None
    assert people.remembered_session(token) is None, "a token is no cookie"
    clock.pass_by(seconds=0.2)
    assert people.remembered_token(token) is None


def test_an_answer_read_before_a_change_is_not_remembered_after_it(
    people: People, monkeypatch: pytest.MonkeyPatch
):
    session = sign_in(people, "Wu")
    reading = people._note_seen

    def changed_meanwhile(credential_id: str, now: datetime) -> None:
        reading(credential_id, now)
        people.end_sessions("Wu")

    monkeypatch.setattr("server.people.admissions.SEEN_EVERY", timedelta(0))
    monkeypatch.setattr(people, "_note_seen", changed_meanwhile)
    assert people.principal_for_session(session.secret) is not None, "this request came before the change"
    assert people.principal_for_session(session.secret) is None


def test_a_database_that_cannot_note_the_last_use_signs_nobody_out(
    people: People, database: Database, monkeypatch: pytest.MonkeyPatch
):
    token = people.add_token("Wu")

    def full() -> None:
        raise OperationalError("UPDATE credential …", {}, Exception("database or disk is full"))

    monkeypatch.setattr(database, "writing", full)
    assert people.principal_for_token(token) is not None
