"""The cookies: the session, the mark of a browser in which somebody has signed in before, and that of a
tablet, whose store outlives a session: it may hold what others have not sent yet.

Under HTTPS their names begin with `__Host-`, so that neither another host nor another path nor plain HTTP can
plant one. OWASP ASVS 5.0: 3.3.1-3.3.4.
"""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response
from starlette.types import Scope

SESSION, DEVICE, TABLET = "fenghuo_session", "fenghuo_device", "fenghuo_tablet"
DEVICE_LASTS = timedelta(days=400)  # as long as browsers keep any cookie


def is_secure(scope: Scope, always: bool = False) -> bool:
    """Whether the browser speaks HTTPS: as the server (or the proxy it trusts) says, or by the settings."""
    return always or scope.get("scheme") in ("https", "wss")


def cookie_name(name: str, secure: bool) -> str:
    return f"__Host-{name}" if secure else name


def read_cookie(scope: Scope, name: str, secure: bool) -> str | None:
    """The cookie's value. Two cookies of one name count as none: one of them was planted."""
    wanted = cookie_name(name, secure)
    found = [
        value.strip()
        for header, text in scope["headers"]
        if header == b"cookie"
        for key, separator, value in (part.partition("=") for part in text.decode("latin-1").split(";"))
        if separator and key.strip() == wanted
    ]
    return found[0] if len(found) == 1 and found[0] else None


def set_cookie(response: Response, name: str, value: str, lasts: timedelta, secure: bool) -> None:
    """HttpOnly, SameSite=Lax (a link from a message opens the desk signed in; a foreign form does not)."""
    response.set_cookie(
        cookie_name(name, secure),
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(response: Response, name: str, secure: bool) -> None:
    response.delete_cookie(cookie_name(name, secure), path="/", secure=secure, httponly=True, samesite="lax")
