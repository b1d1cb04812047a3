"""Signing in, and guessing: on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from schemas.terms import Post
from server.people.credentials import (
    AccountRefused,
    Guesses,
    Passwords,
    TryLater,
    address_key,
    check_password,
    known_device,
    new_device,
)
from server.people.people import People
from server.record.database import Database
from tests.small_desk import (
    DESK,
    OTHER,
    PASSWORD,
    STRANGER,
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


def guess(people: People, name: str, times: int, where: str = STRANGER, device: str | None = None) -> float:
    """Wrong passwords, as fast as they are looked at. The last wait that was asked for, in seconds."""
    wait = 0.0
    for number in range(times):
        try:
            assert people.sign_in(name, f"wrong {number} wrong", where, device=device) is None
        except TryLater as later:
            wait = later.seconds
    return wait


# --- signing in -------------------------------------------------------------------------------------------


def test_somebody_signs_in_and_is_who_they_are(people: People):
    session = sign_in(people, "ＷＵ")
    principal = people.principal_for_session(session.secret)
    assert principal is not None
    assert (principal.name, principal.post, principal.unit) == ("Wu", Post.DUTY_OFFICER, "130300")
    assert (principal.kind, principal.read_only, principal.lang) == ("session", False, "zh")
    assert principal.session_id == session.session_id


def test_full_width_letters_are_the_same_password(people: People):
    assert people.sign_in("Wu", "ａ ｂｅａｃｏｎ on every tower", DESK) is not None


def test_unknown_wrong_disabled_and_without_password_all_look_and_cost_the_same(
    people: People, passwords: CountingPasswords
):
    people.add("NoPassword", "duty_officer", "130300")
    people.change("李值班", disabled=True)
    nobody = passwords.nobodys
    for name, password, held_against_nobody in (
        ("Nobody", PASSWORD, True),
        ("Wu", "wrong wrong wrong", False),
        ("NoPassword", PASSWORD, True),
        ("李值班", PASSWORD, False),
        ("\0", PASSWORD, True),
        ("", PASSWORD, True),
        ("x" * 100_000, PASSWORD, True),
    ):
        passwords.held_against.clear()
        assert people.sign_in(name, password, DESK) is None
        assert len(passwords.held_against) == 1, f"{name[:20]}: exactly one password is computed, always"
        assert (passwords.held_against[0] == nobody) == held_against_nobody
    same = nobody.split("$")[:4]
    assert passwords.hash(PASSWORD).split("$")[:4] == same, "with the parameters of a real one"
    assert not passwords.fits(nobody, "")


def test_a_disabled_persons_right_password_counts_as_a_wrong_one(people: People):
    people.change("Wu", disabled=True)
    for _ in range(5):
        assert people.sign_in("Wu", PASSWORD, STRANGER) is None
    with pytest.raises(TryLater):
        people.sign_in("Wu", PASSWORD, STRANGER)


def test_each_sign_in_gets_a_secret_of_its_own(people: People):
    secrets = {sign_in(people, "Wu").secret for _ in range(5)}
    assert len(secrets) == 5
    assert all(len(secret) == 43 for secret in secrets), "256 bits"


def test_old_password_parameters_are_renewed_at_the_next_sign_in(
    people: People, database: Database, clock: Clock
):
    stronger = CountingPasswords(passes=2)
    later = People(database, UNITS.__contains__, clock.now, passwords=stronger, monotonic=clock.monotonic)
    assert later.sign_in("Wu", PASSWORD, DESK) is not None
    assert later.sign_in("Wu", PASSWORD, DESK) is not None
    assert "t=1," in stronger.held_against[0]
    assert "t=2," in stronger.held_against[1]


def test_no_more_than_two_passwords_are_computed_at_once():
    passwords = Passwords(memory_kib=64, passes=1, at_once=2)
    three_inside = threading.Barrier(3)
    met: list[bool] = []

    class Slow:
        def verify(self, _stored: str, _password: str) -> bool:
            try:
                three_inside.wait(0.2)  # would let three go on if ever three were inside
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)
            return True

    passwords._hasher = Slow()  # type: ignore[assignment]
    guessing = [threading.Thread(target=passwords.fits, args=("", "")) for _ in range(6)]
    for one in guessing:
        one.start()
    for one in guessing:
        one.join(10)
    assert met == [False] * 6


@pytest.mark.parametrize(
    "password",
    [
        "short", "123456789", "Wu", "wu12345678", "1234567890", "9876543210", "abcdefghijkl", "aaaaaaaaaaaa",
        "password123", "Fenghuo2026", "qwertyuiop", "ｑｗｅｒｔｙｕｉｏｐ", "烽火1234567890", "x" * 201,
    ],
)  # fmt: skip
def test_passwords_that_are_guessed_first_are_refused(password: str):
    with pytest.raises(AccountRefused) as refused:
        check_password(password, "Wu")
    assert refused.value.slug.startswith("password_")


@pytest.mark.parametrize(
    "password", [PASSWORD, "烽火连三月家书抵万金", "8342917765", "Tr0ub4dor&3x", " " * 3 + "leading x"]
)
def test_a_password_may_be_of_any_kind_of_characters(password: str):
    check_password(password, "Wu")
    check_password(password, "911")


# --- guessing ---------------------------------------------------------------------------------------------


def test_the_wait_after_wrong_passwords_grows_and_has_a_limit(people: People, clock: Clock):
    assert guess(people, "Wu", 5) == 0.0, "five tries are free"
    waits = []
    for _ in range(8):
        waits.append(guess(people, "Wu", 1))
        clock.pass_by(seconds=waits[-1])
        guess(people, "Wu", 1)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_stranger_who_guesses_does_not_lock_the_person_out(people: People):
    assert guess(people, "Wu", 40) > 0
    assert people.sign_in("Wu", PASSWORD, DESK) is not None, "from the desk it works at once"


def test_trying_during_the_wait_does_not_make_it_longer(people: People, clock: Clock):
    guess(people, "Wu", 6, where=DESK)
    before = guess(people, "Wu", 1, where=DESK)
    assert guess(people, "Wu", 500, where=DESK) == before
    clock.pass_by(seconds=before)
    assert people.sign_in("Wu", PASSWORD, DESK) is not None


def test_a_browser_that_signed_in_before_is_not_slowed_by_a_stranger_at_its_address(people: People):
    device = sign_in(people, "Wu").device
    assert guess(people, "Wu", 40, where=DESK) > 0, "a stranger behind the same router"
    with pytest.raises(TryLater):
        people.sign_in("Wu", PASSWORD, DESK)
    assert people.sign_in("Wu", PASSWORD, DESK, device=device) is not None


def test_a_stolen_browser_mark_buys_no_more_guesses_than_an_address(people: People):
    device = sign_in(people, "Wu").device
    assert guess(people, "Wu", 6, device=device) == 1.0
    assert people.sign_in("李值班", PASSWORD, STRANGER, device=device) is not None, "and is nothing to others"


def test_a_browser_mark_ends_with_the_password(people: People):
    device = sign_in(people, "Wu").device
    people.set_password("Wu", OTHER)
    guess(people, "Wu", 6, where=DESK)
    with pytest.raises(TryLater):
        people.sign_in("Wu", OTHER, DESK, device=device)
    for forged in ("", "x", f"{'a' * 22}.{'0' * 64}", new_device("another hash")):
        assert known_device("$argon2id$…", forged) is None


def test_one_address_cannot_try_many_names_quickly(people: People, clock: Clock):
    for number in range(30):
        assert people.sign_in(f"name {number}", PASSWORD, STRANGER) is None
    with pytest.raises(TryLater) as later:
        people.sign_in("Wu", PASSWORD, STRANGER)
    assert later.value.seconds <= 5, "short enough for an office that shares the address"
    assert people.sign_in("Wu", PASSWORD, DESK) is not None


def test_ones_own_account_does_not_buy_guesses_at_others(people: People, clock: Clock):
    with pytest.raises(TryLater):  # noqa: PT012
        for number in range(40):
            assert people.sign_in(f"name {number}", "x", STRANGER) is None
            assert people.sign_in("Wu", PASSWORD, STRANGER) is not None


def test_many_tries_at_once_are_not_all_free():
    guesses = Guesses(lambda: 0.0)
    tries = [("pair", STRANGER, "wu"), ("address", STRANGER)]
    for _ in range(5):
        guesses.begin(tries)  # none of them is answered yet
    with pytest.raises(TryLater):
        guesses.begin(tries)


def test_wrong_tries_are_forgotten_after_a_quarter_of_an_hour_and_never_fill_the_memory(clock: Clock):
    guesses = Guesses(clock.monotonic, remembered=100)
    for number in range(1000):
        guesses.begin([("pair", f"10.0.{number // 250}.{number % 250}", "wu")])
    assert len(guesses._tries) == 100
    pair = [("pair", STRANGER, "wu")]
    for _ in range(5):
        guesses.begin(pair)
    clock.pass_by(minutes=16)
    for _ in range(5):
        guesses.begin(pair)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.20.0.7", "10.20.0.7"),
        ("::ffff:10.20.0.7", "10.20.0.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_whoever_owns_a_whole_network_is_counted_once(address: str, key: str):
    assert address_key(address) == key
