"""The gate: nobody gets in without a principal, and no other site's page acts for one who has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketDenialResponse

from server.gate.auth import Gate, exact_origin, guard, principal_of, safe_next
from server.people.people import People
from tests.small_desk import ORIGIN, Clock, application, people_in, refused, seat, sign_in, tables_in

OURS = {"Origin": ORIGIN}
TWELVE_BAD_ORIGINS = [
    "http://evil.example",
    "null",
    "",
    "http://desk.example:8080.evil.example",  # ours as a prefix
    "http://evil.example/http://desk.example:8080",
    "http://not-desk.example:8080",  # ours as a suffix
    "http://sub.desk.example:8080",
    "http://desk.example",  # another port
    "http://desk.example:80800",
    "https://desk.example:8080",  # another scheme
    "http://desk.example:8080@evil.example",  # ours as a user's name
    "HTTP://DESK.EXAMPLE:8080",  # browsers write lower case
    "http://desk.example:8080/",
    "http://desk.example:8080 http://evil.example",
    "http://[::1]:8080",
    "file://",
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(tmp_path: Path, clock: Clock) -> Iterator[People]:
    with tables_in(f"sqlite:///{tmp_path / 'fenghuo.db'}") as database:
        yield seat(people_in(database, clock))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    folder.mkdir()
    return folder


@pytest.fixture
def client(people: People, folder: Path) -> TestClient:
    return TestClient(guard(application(folder), people, {ORIGIN}), ORIGIN, follow_redirects=False)


@pytest.fixture
def token(people: People) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.add_token('Wu')}"}


@pytest.fixture
def cookie(people: People) -> dict[str, str]:
    return {"Cookie": f"fenghuo_session={sign_in(people, 'Wu').secret}"}


def denied(client: TestClient, headers: dict[str, str], path: str = "/api/v1/live") -> int:
    """The status with which the socket was refused before it opened."""
    with (
        pytest.raises(WebSocketDenialResponse) as denial,
        client.websocket_connect(path, headers=headers),
    ):
        pass
    assert denial.value.headers["content-type"] == "application/problem+json"
    return denial.value.status_code


# --- closed by default ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/thing", "/api/v1/nowhere", "/api/", "/api/v1/../sign-in"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_the_api_is_shut_to_whoever_is_not_signed_in(client: TestClient, path: str, method: str):
    response = client.request(method, path, headers=OURS)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="fenghuo"'
    if method != "HEAD":
        refused(response, 401, "not-signed-in")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/", "/sign-in"),
        ("/nowhere", "/sign-in?next=%2Fnowhere"),
        (
            "/incidents/7?tab=log&q=%E7%83%BD",
            "/sign-in?next=%2Fincidents%2F7%3Ftab%3Dlog%26q%3D%25E7%2583%25BD",
        ),
        ("//evil.example/x", "/sign-in"),
        ("/sign-in/", "/sign-in?next=%2Fsign-in%2F"),
        ("/staticky", "/sign-in?next=%2Fstaticky"),
        ("/healthz/", "/sign-in?next=%2Fhealthz%2F"),
    ],
)
def test_a_page_leads_to_the_sign_in_page_and_back(client: TestClient, path: str, to: str):
    response = client.get("http://desk.example:8080" + path)
    assert (response.status_code, response.headers["location"]) == (303, to)


def test_a_form_sent_after_the_session_ended_leads_to_the_sign_in_page(client: TestClient):
    response = client.post("/write", headers=OURS)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    swapped = client.post("/write", headers=OURS | {"HX-Request": "true"})
    assert (swapped.status_code, swapped.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("path", ["/sign-in", "/healthz", "/static/app.css"])
def test_open_paths_need_nobody(client: TestClient, path: str):
    assert client.get(path).status_code == 200


def test_the_socket_is_shut_to_whoever_is_not_signed_in(client: TestClient):
    assert denied(client, {}) == 401
    assert denied(client, OURS) == 401
    assert denied(client, OURS | {"Authorization": "Bearer fh_" + "x" * 43}) == 401
    for path in ("/healthz", "/sign-in", "/static/live"):
        assert denied(client, OURS, path) == 401, "what is open to pages is not open to sockets"


def test_a_host_header_opens_no_path(client: TestClient):
    """Starlette CVE-2026-48710: a derived URL's path is not the path that is routed."""
    for host in ("desk.example/healthz?", "desk.example:8080/static/", "x/sign-in#"):
        assert client.get("/api/v1/thing", headers={"Host": host}).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer", "Bearer ", "Bearer fh_", "Bearer fh_" + "x" * 43, "Basic V3U6eA==", "fh_", "Bearer null",
        "Bearer fh_x fh_y",
    ],
)  # fmt: skip
def test_a_wrong_authorization_is_not_made_good_by_a_cookie(
    client: TestClient, cookie: dict[str, str], authorization: str
):
    assert client.get("/api/v1/thing", headers=cookie).status_code == 200
    response = client.get("/api/v1/thing", headers=cookie | {"Authorization": authorization})
    refused(response, 401, "not-signed-in")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert client.get("/", headers=cookie | {"Authorization": authorization}).status_code == 401


def test_a_token_and_a_session_open_the_api_and_the_socket(
    client: TestClient, token: dict[str, str], cookie: dict[str, str]
):
    for headers in (
        token,
        cookie | OURS,
        {"Authorization": token["Authorization"].replace("Bearer", "bEARER")},
    ):
        assert client.get("/api/v1/thing", headers=headers).text == "Wu"
        with client.websocket_connect("/api/v1/live", headers=headers) as live:
            assert live.receive_text() == "Wu"


def test_a_session_that_ended_opens_nothing(client: TestClient, people: People, cookie: dict[str, str]):
    assert client.get("/api/v1/thing", headers=cookie).status_code == 200
    people.end_sessions("Wu")
    assert client.get("/api/v1/thing", headers=cookie).status_code == 401
    assert denied(client, cookie | OURS) == 401


def test_two_session_cookies_count_as_none(client: TestClient, people: People, cookie: dict[str, str]):
    planted = f"; fenghuo_session={sign_in(people, '李值班').secret}"
    assert client.get("/api/v1/thing", headers={"Cookie": cookie["Cookie"] + planted}).status_code == 401


def test_under_https_only_the_host_bound_cookie_counts(people: People, folder: Path, cookie: dict[str, str]):
    secret = cookie["Cookie"].partition("=")[2]
    for secure, base in ((True, "http://desk.example:8080"), (False, "https://desk.example:8080")):
        client = TestClient(guard(application(folder), people, {ORIGIN}, secure=secure), base)
        assert client.get("/api/v1/thing", headers=cookie).status_code == 401
        bound = {"Cookie": f"__Host-fenghuo_session={secret}"}
        assert client.get("/api/v1/thing", headers=bound).status_code == 200


def test_while_the_store_does_not_answer_nobody_is_let_in(
    client: TestClient, people: People, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    def broken(_token: str) -> None:
        raise OperationalError("SELECT …", {}, Exception("unable to open database file"))

    monkeypatch.setattr(people, "principal_for_token", broken)
    response = client.get("/api/v1/thing", headers=token)
    refused(response, 503, "store-unavailable")
    assert response.headers["retry-after"] == "2"
    assert "SELECT" not in response.text


def test_what_stands_outside_the_gate_has_no_principal():
    with pytest.raises(RuntimeError):
        principal_of({"path": "/healthz", "state": {"principal": None}})


# --- which page asks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", TWELVE_BAD_ORIGINS)
def test_another_origin_gets_nothing_whatever_it_holds(
    client: TestClient, token: dict[str, str], cookie: dict[str, str], origin: str
):
    bad = {"Origin": origin}
    for headers in (bad, token | bad, cookie | bad, cookie | bad | {"Sec-Fetch-Site": "same-origin"}):
        for path in ("/api/v1/thing", "/", "/sign-in", "/static/app.css", "/healthz"):
            refused(client.get(path, headers=headers), 403, "foreign-origin")
        refused(client.post("/sign-in", headers=headers), 403, "foreign-origin")
        refused(client.post("/api/v1/thing", headers=headers), 403, "foreign-origin")
        assert denied(client, headers) == 403


def test_two_origins_are_none_of_ours(client: TestClient, token: dict[str, str]):
    headers = [("Origin", ORIGIN), ("Origin", ORIGIN), *token.items()]
    refused(client.get("/api/v1/thing", headers=headers), 403, "foreign-origin")


def test_our_own_origin_is_welcome(client: TestClient, token: dict[str, str], cookie: dict[str, str]):
    for headers in (token | OURS, cookie | OURS):
        assert client.post("/api/v1/thing", headers=headers).status_code == 200
        with client.websocket_connect("/api/v1/live", headers=headers) as live:
            assert live.receive_text() == "Wu"


# Origin, Sec-Fetch-Site, and whether an unsafe request with a cookie goes through.
FROM_WHERE = [
    (None, None, False),
    (None, "same-origin", True),
    (None, "none", True),
    (None, "same-site", False),
    (None, "cross-site", False),
    (None, "", False),
    (ORIGIN, None, True),
    (ORIGIN, "same-origin", True),
    (ORIGIN, "same-site", False),
    (ORIGIN, "cross-site", False),
    ("http://evil.example", None, False),
    ("http://evil.example", "same-origin", False),
    ("null", "none", False),
]


@pytest.mark.parametrize(("origin", "site", "allowed"), FROM_WHERE)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_must_come_from_our_own_page(
    client: TestClient,
    cookie: dict[str, str],
    method: str,
    origin: str | None,
    site: str | None,
    allowed: bool,
):
    headers = {
        key: value for key, value in (("Origin", origin), ("Sec-Fetch-Site", site)) if value is not None
    }
    status = client.request(method, "/api/v1/thing", headers=cookie | headers).status_code
    assert status == (200 if allowed else 403)
    if method == "POST":
        assert client.post("/sign-in", headers=headers).status_code == (200 if allowed else 403)
        assert client.post("/sign-out", headers=cookie | headers).status_code == (200 if allowed else 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_link_to_us_but_not_read_from_us(
    client: TestClient, cookie: dict[str, str], site: str
):
    framed = cookie | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    refused(client.get("/api/v1/thing", headers=framed), 403, "cross-site")
    link = cookie | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200


def test_a_machine_without_an_origin_may_write_and_a_browsers_socket_may_not_be_without(
    client: TestClient, token: dict[str, str], cookie: dict[str, str]
):
    assert client.post("/api/v1/thing", headers=token).json()["by"] == "Wu"
    with client.websocket_connect("/api/v1/live", headers=token) as live:
        assert live.receive_text() == "Wu"
    assert denied(client, cookie) == 403


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Duty.Example.CN/", "https://duty.example.cn"),
        ("https://duty.example.cn:443", "https://duty.example.cn"),
        ("http://10.0.0.5:80", "http://10.0.0.5"),
        (" http://[::1]:8080 ", "http://[::1]:8080"),
    ],
)
def test_configured_origins_are_compared_as_browsers_write_them(written: str, origin: str):
    assert exact_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "duty.example.cn",
        "*",
        "https://*.example.cn",
        "null",
        "https://a/b",
        "ftp://a",
        "",
        "http://u@a",
        "http://",
    ],
)
def test_a_configured_origin_that_is_none_stops_the_start(written: str, people: People):
    with pytest.raises(ValueError, match="not an origin"):
        Gate(Starlette(), people, {written})


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("desk.example:8080", True), ("desk.example", True), ("DESK.example:8080", True),
        ("10.0.0.5:8080", True), ("10.0.0.5", False), ("evil.example", False),
        ("desk.example.evil.example", False), ("", False), ("desk.example:8080@evil.example", False),
        ("desk.example:x", False),
    ],
)  # fmt: skip
def test_a_server_that_knows_its_names_answers_to_no_other(
    people: People, folder: Path, token: dict[str, str], host: str, allowed: bool
):
    app = guard(application(folder), people, {ORIGIN}, hosts={"desk.example", "10.0.0.5:8080"})
    client = TestClient(app, ORIGIN)
    response = client.get("/api/v1/thing", headers=token | {"Host": host})
    assert response.status_code == (200 if allowed else 400)
    assert client.get("/healthz", headers={"Host": "whatever"}).status_code == 200


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/incidents/7?q=1", "/incidents/7?q=1"), ("/%E7%83%BD", "/%E7%83%BD"), (None, "/"), ("", "/"),
        ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"), ("evil", "/"),
        ("/a\\b", "/"), ("/\t/evil.example", "/"), ("/a b", "/"), ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"), ("/" + "a" * 3000, "/"), ("/\x7f", "/"),
    ],
)  # fmt: skip
def test_after_signing_in_one_lands_on_a_page_of_ours(target: str | None, safe: str):
    assert safe_next(target) == safe
