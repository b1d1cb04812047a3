"""How much anybody may send and do, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

from server.gate.auth import Gate, guard
from server.gate.headers import SecureHeaders
from server.gate.limits import BodyLimit, NotJSON, Rates, TokenBuckets, parse_json
from server.gate.problems import problem
from server.people.people import People, Principal
from tests.small_desk import ORIGIN, Clock, application, people_in, refused, seat, tables_in


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


# --- what one may, and how often --------------------------------------------------------------------------


def test_a_wall_screen_can_only_read(client: TestClient, people: People):
    wall = {"Cookie": f"fenghuo_session={people.wall_session('130300', '大厅').secret}"} | {"Origin": ORIGIN}
    assert client.get("/api/v1/thing", headers=wall).text == "大厅"
    with client.websocket_connect("/api/v1/live", headers=wall) as live:
        assert live.receive_text() == "大厅"
    for path in ("/api/v1/thing", "/write"):
        refused(client.post(path, headers=wall), 403, "read-only")
    assert client.post("/sign-out", headers=wall).status_code == 200


def test_metrics_are_for_this_machine_and_for_administrators(people: People, folder: Path):
    def read(address: str, **headers: str) -> int:
        client = TestClient(guard(application(folder), people, {ORIGIN}), ORIGIN, client=(address, 5))
        return client.get("/metrics", headers=headers).status_code

    assert read("127.0.0.1") == 200
    assert read("::1") == 200
    assert read("127.0.0.1", **{"X-Forwarded-For": "203.0.113.9"}) == 401, "a proxy for somebody else"
    assert read("127.0.0.1", Forwarded="for=203.0.113.9") == 401
    assert read("10.20.0.7") == 401
    assert read("10.20.0.7", Authorization=f"Bearer {people.add_token('Chen')}") == 200
    for address in ("10.20.0.7", "127.0.0.1"):
        assert read(address, Authorization=f"Bearer {people.add_token('Wu')}") == 403


def at_rates(
    people: People, clock: Clock, folder: Path, rates: Rates, address: str = "10.20.0.7"
) -> TestClient:
    gate = Gate(application(folder), people, {ORIGIN}, rates=rates, monotonic=clock.monotonic)
    return TestClient(gate, ORIGIN, client=(address, 5), follow_redirects=False)


def test_a_credential_has_a_rate_of_its_own(people: People, clock: Clock, folder: Path):
    client = at_rates(people, clock, folder, Rates(credential=2, credential_burst=5))
    wu, li = ({"Authorization": f"Bearer {people.add_token(name)}"} for name in ("Wu", "李值班"))
    assert [client.get("/api/v1/thing", headers=wu).status_code for _ in range(6)] == [200] * 5 + [429]
    response = client.get("/api/v1/thing", headers=wu)
    refused(response, 429, "too-many-requests")
    assert response.headers["retry-after"] == "1"
    assert client.get("/api/v1/thing", headers=li).status_code == 200
    clock.pass_by(seconds=1)
    assert [client.get("/api/v1/thing", headers=wu).status_code for _ in range(3)] == [200, 200, 429]


def test_a_flood_of_strangers_slows_nobody_who_has_a_credential(people: People, clock: Clock, folder: Path):
    client = at_rates(people, clock, folder, Rates(stranger=20, stranger_burst=60))
    wu = {"Authorization": f"Bearer {people.add_token('Wu')}"}
    statuses = [client.get("/api/v1/thing").status_code for _ in range(80)]
    assert statuses == [401] * 60 + [429] * 20
    assert client.get("/api/v1/thing", headers=wu).status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/sign-in").status_code == 200
    assert at_rates(people, clock, folder, Rates()).get("/api/v1/thing").status_code == 401


def test_rates_are_kept_for_a_limited_number_of_keys(clock: Clock):
    buckets = TokenBuckets(1, 1, clock.monotonic, remembered=50)
    for number in range(500):
        assert buckets.take(str(number)) == 0
    assert len(buckets._buckets) == 50
    assert buckets.take("499") == 1


# --- bodies -----------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_whether_announced_or_not(
    people: People, folder: Path, token: dict[str, str]
):
    client = TestClient(guard(application(folder), people, {ORIGIN}, max_body=1000), ORIGIN)
    assert client.post("/api/v1/thing", headers=token, content=b"x" * 1000).json()["bytes"] == 1000
    refused(client.post("/api/v1/thing", headers=token, content=b"x" * 1001), 413, "too-large")
    streamed: Callable[[int], Iterator[bytes]] = lambda times: (b"x" * 100 for _ in range(times))  # noqa: E731
    assert client.post("/api/v1/thing", headers=token, content=streamed(10)).json()["bytes"] == 1000
    refused(client.post("/api/v1/thing", headers=token, content=streamed(11)), 413, "too-large")


def test_half_a_body_is_never_answered_as_if_it_were_whole():
    async def careless(scope: Any, receive: Any, send: Any) -> None:
        try:
            while (await receive()).get("more_body"):
                pass
        except Exception:
            await PlainTextResponse("all is well")(scope, receive, send)

    client = TestClient(BodyLimit(careless, 10))
    refused(client.post("/", content=(b"x" * 6 for _ in range(2))), 413, "too-large")
    assert client.post("/", content=b"x" * 10, headers={"Content-Length": "-1"}).status_code == 413


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"nul", b"NaN", b'{"a": NaN}', b"[Infinity]", b"[-Infinity]", b'"\xff"',
        b'"\\ud800"', b"[1,]",
        b"[" * 33 + b"]" * 33, b'{"a":' * 33 + b"1" + b"}" * 33, b"[" * 100_000, b"{} {}", b"'a'",
        b"[[1],[2]," + b"[" * 32 + b"]" * 32 + b"]",
        b'{"a": 1, "a": 1}', b'[{"b": {"a": ":", "a": 2}}]', b'{"a": 1, "\\u0061": 2}',
        b'{"a": "\\u003a", "a": ":"}', b'{"a": "\\u003A\\u003a", "b": {"c": 1, "c": 2}}',
    ],
)  # fmt: skip
def test_what_is_no_json_of_ours_is_refused(text: bytes):
    with pytest.raises(NotJSON):
        parse_json(text)


def test_json_as_deep_and_as_wide_as_anybody_needs_is_read():
    assert parse_json(b"[" * 32 + b"]" * 32)
    assert parse_json(b"[[]," + b"[" * 31 + b"]" * 31 + b"]")
    assert len(parse_json(b"[" + b",".join([b"[[1]]"] * 1000) + b"]")) == 1000
    assert parse_json('{"烽火": null}'.encode()) == {"烽火": None}


def test_a_name_may_stand_in_several_objects_and_a_colon_anywhere():
    assert parse_json(b'[{"a": 1}, {"a": {"a": ":::"}}]') == [{"a": 1}, {"a": {"a": ":::"}}]
    assert parse_json(b'{"a": "\\u003a\\u003A", ":": 1.0}') == {"a": "::", ":": 1.0}


# --- every answer -----------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers_that_protect_the_screen(client: TestClient, token: dict[str, str]):
    answers = [
        client.get("/sign-in"),
        client.get("/"),
        client.get("/api/v1/thing"),
        client.get("/api/v1/thing", headers=token),
        client.get("/api/v1/nowhere", headers=token),
        client.get("/api/v1/thing", headers={"Origin": "http://evil.example"}),
        client.post("/api/v1/thing", headers=token, content=b"x" * 2**21),
        client.get("/static/app.css"),
    ]
    assert [answer.status_code for answer in answers] == [200, 303, 401, 200, 404, 403, 413, 200]
    with pytest.raises(WebSocketDenialResponse) as denial, client.websocket_connect("/api/v1/live"):
        pass
    for answer in [*answers, denial.value]:
        csp = answer.headers["content-security-policy"].split("; ")
        assert {
            "default-src 'none'",
            "script-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        } <= set(csp)
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        is_part = answer is answers[-1]  # a script: what is said of pages says nothing there
        for of_pages in ("cross-origin-opener-policy", "permissions-policy"):
            assert (of_pages in answer.headers) != is_part
        assert "strict-transport-security" not in answer.headers
        is_static = answer is answers[-1]
        assert (answer.headers.get("cache-control") == "no-store") != is_static


def test_what_a_page_says_for_itself_stays(people: People):
    own = {"Cache-Control": "private", "Content-Security-Policy": "default-src 'none'; sandbox"}
    client = TestClient(SecureHeaders(PlainTextResponse("a photograph", headers=own)), ORIGIN)
    for name, value in own.items():
        assert client.get("/").headers.get_list(name) == [value]


def test_under_https_browsers_are_told_to_stay_there(people: People, folder: Path):
    client = TestClient(guard(application(folder), people, {ORIGIN}), "https://desk.example:8080")
    assert client.get("/sign-in").headers["strict-transport-security"].startswith("max-age=31536000")


def test_a_problem_names_each_wrong_field():
    answer = problem(422, "bad-body", "Wrong", "…", [{"pointer": "/facts/dead", "detail": "not a number"}])
    assert answer.media_type == "application/problem+json"
    assert b'"errors":[{"pointer":"/facts/dead","detail":"not a number"}]' in bytes(answer.body)
    assert b"errors" not in bytes(problem(404, "unknown-incident").body)


async def test_the_gate_passes_on_what_is_no_request(people: People):
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guarded: ASGIApp = guard(app, people, {ORIGIN})
    await guarded({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_one_request_does_not_leave_its_principal_to_the_next(people: People, token: dict[str, str]):
    shared: dict[str, Any] = {"bus": object()}
    seen: list[Principal | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"]["principal"])
        assert scope["state"]["bus"] is shared["bus"]
        await PlainTextResponse("")(scope, receive, send)

    gate = Gate(app, people, {ORIGIN})

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await gate({**scope, "state": shared}, receive, send)

    client = TestClient(with_state)
    client.get("/api/v1/thing", headers=token)
    client.get("/healthz")
    assert [principal and principal.name for principal in seen] == ["Wu", None]
    assert "principal" not in shared


def test_an_unknown_socket_is_closed_like_any_other(client: TestClient, token: dict[str, str]):
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/nowhere", headers=token),
    ):
        pass
