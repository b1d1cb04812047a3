"""A program at the desk: it says commands and asks questions through the public API, as any integrator may.

No answer means unknown, never failed: the same command is sent again until the desk answers or the patience
ends. The command id makes sure that nothing happens twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
import orjson

PATIENCE_S = 60.0  # how long a desk may be away (restarted, overloaded) before we give up
ANSWER_S = 30.0  # how long one answer may take
#: Answers that mean "not now": too many requests, the store does not write, the disk is full.
NOT_NOW = frozenset({429, 502, 503, 504, 507})


class DeskAway(Exception):
    """Nobody answered for as long as our patience lasts."""


class DeskRefused(Exception):
    """The desk answered, and the answer is no."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        wrong = "; ".join(f"{one.get('pointer')}: {one.get('detail')}" for one in problem.get("errors") or ())
        said = problem.get("detail") or problem.get("title") or ""
        super().__init__(f"{status} {problem.get('type', '')}: {wrong or said}")


class Caller:
    """One person's way to the desk. May be used from several threads at once."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_s: float = PATIENCE_S,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._patience_s, self._wait = patience_s, wait
        self._client = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=ANSWER_S,
            trust_env=False,
            limits=httpx2.Limits(max_connections=16, max_keepalive_connections=16),
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def tell(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Say one command. Returns the answer once it is on disk; raises DeskRefused."""
        answer = self._ask_until_answered("POST", f"/api/v1/commands/{name}", content=orjson.dumps(body))
        return _read(answer)

    def tell_all(self, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
        """Say an ordered batch; one result each, with its `status`. Said again while the store takes none."""
        content = orjson.dumps({"commands": [{"name": name, "body": body} for name, body in commands]})
        deadline = time.monotonic() + self._patience_s
        while True:
            answer = self._ask_until_answered("POST", "/api/v1/commands", content=content)
            results: list[dict[str, Any]] = _read(answer)["results"]
            if all(result["status"] not in NOT_NOW for result in results):
                return results
            if time.monotonic() > deadline:
                raise DeskAway("the desk's store takes no writes")
            self._wait(1.0)

    def ask(self, path: str, **query: str | int) -> dict[str, Any]:
        """Read a page of the API, as `ask("incidents", state="all")`."""
        answer = self._ask_until_answered("GET", f"/api/v1/{path}", params=query)
        return _read(answer)

    def _ask_until_answered(self, method: str, path: str, **options: Any) -> httpx2.Response:
        deadline = time.monotonic() + self._patience_s
        pause = 0.1
        while True:
            try:
                answer = self._client.request(method, path, **options)
            except httpx2.TransportError as silence:
                if time.monotonic() + pause > deadline:
                    raise DeskAway(f"no answer from {self._client.base_url}: {silence}") from silence
            else:
                if answer.status_code not in NOT_NOW:
                    return answer
                if time.monotonic() + pause > deadline:
                    raise DeskAway(f"{self._client.base_url} answers {answer.status_code} and nothing else")
                pause = max(pause, _seconds_to_wait(answer))
            self._wait(pause)
            pause = min(pause * 2, 5.0)


def _seconds_to_wait(answer: httpx2.Response) -> float:
    said = answer.headers.get("Retry-After", "")
    return min(float(said), 30.0) if said.isdigit() else 0.0


def _read(answer: httpx2.Response) -> dict[str, Any]:
    """The answer's content, or DeskRefused with the problem that it names."""
    try:
        content = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        content = {"detail": "the answer is no JSON: is this the address of a desk?"}
        raise DeskRefused(answer.status_code, content) from None
    if answer.status_code != 200 or not isinstance(content, dict):
        raise DeskRefused(answer.status_code, content if isinstance(content, dict) else {})
    return content
