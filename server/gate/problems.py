"""What went wrong, said to a machine: RFC 9457 `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from starlette.responses import Response


def problem(
    status: int,
    type: str,
    title: str | None = None,
    detail: str | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that refuses.

    `type` is a fixed word to program against (`command-id-reused`), `detail` is for people, `errors` names
    each wrong field: `{"pointer": "/facts/dead", "detail": …}`. Never a traceback.
    """
    body = problem_shown(status, type, title, detail, errors)
    return Response(
        orjson.dumps(body), status, headers=dict(headers or {}), media_type="application/problem+json"
    )


def problem_shown(
    status: int,
    type: str,
    title: str | None = None,
    detail: str | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
) -> dict[str, object]:
    """The content of such an answer."""
    body: dict[str, object] = {"type": type, "title": title or HTTPStatus(status).phrase, "status": status}
    if detail is not None:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return body
