"""The one gate: who asks, from which page, how often. Pure ASGI, for pages, the API and sockets alike.

Closed by default: whatever path is not listed as open needs a principal, also one that does not exist.
Nothing here is decided by a derived URL or by the Host header (starlette CVE-2026-48710): only by the ASGI
scope's path, method and single headers.

OWASP ASVS 5.0: 3.5.1, 3.5.3, 3.7.2, 4.4.2, 4.4.3, 7.2.1, 8.3.1.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.terms import Post
from server.gate.cookies import SESSION, is_secure, read_cookie
from server.gate.headers import SecureHeaders
from server.gate.limits import MAX_BODY, BodyLimit, Rates, TokenBuckets
from server.gate.problems import problem
from server.people.credentials import address_key
from server.people.people import People, Principal

DOCUMENT_PATHS = ("/openapi.json", "/asyncapi.json", "/api/v1/openapi.json", "/api/v1/asyncapi.json")
OPEN_PATHS = (
    "/healthz", "/readyz", "/sign-in", "/invitation/*", "/static/*", "/favicon.ico",
    "/field", "/field/sw.js", "/field/manifest.webmanifest",  # an empty shell, which a tablet keeps
    "/frame/*",  # another: what stands in it comes by a token that no address names
    *DOCUMENT_PATHS,  # published: they say what the program does, and nothing of what a desk knows
)  # fmt: skip
LOOPBACK_PATHS = ("/metrics",)
ALIVE_PATHS = ("/healthz", "/readyz")  # asked by balancers that use any name for the host
FEEDS = "/api/v1/feeds"
EMBED = "/embed/"
#: What the map of an embed is drawn from, when the map is among its panels.
EMBED_MAP = ("/api/v1/map", "/api/v1/map/layers", "/map/about", "/map/words")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOKUPS_AT_ONCE = 8  # of the database's connections, what looking people up may use


#: A name or an address as browsers write it in an Origin, and nothing that could end a directive of a CSP.
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+", re.ASCII)


def principal_of(scope: Scope) -> Principal:
    """Who asks. Only for what stands behind the gate: without a principal it is a mistake in the program."""
    principal = scope.get("state", {}).get("principal")
    if not isinstance(principal, Principal):
        raise RuntimeError(f"nobody was let in to {scope.get('path')}: it stands outside the gate")
    return principal


def exact_origin(text: str) -> str:
    """An origin as browsers write it: scheme://host[:port], lower case, without the scheme's own port."""
    parts = urlsplit(text.strip().lower())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"not an origin: {text!r}; write https://duty.example.cn or http://10.0.0.5:8080")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "*" in text:
        raise ValueError(f"not an origin: {text!r}; it ends after the host and port")
    if not _HOST.fullmatch(parts.hostname):
        raise ValueError(f"not an origin: {text!r}; a name of letters, digits and hyphens (IDN as xn--…)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, usual) else f":{parts.port}")


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of ours, or the first page. Never another host."""
    if not target or len(target) > 2000 or not target.startswith("/") or target.startswith("//"):
        return "/"
    if any(character <= " " or character in "\\\x7f" for character in target):
        return "/"
    return target


@dataclass
class _Asked:
    """The headers that the gate looks at, read in one pass."""

    hosts: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    fetch_site: str | None = None
    fetch_mode: str | None = None
    is_forwarded: bool = False
    is_htmx: bool = False

    @classmethod
    def read(cls, headers: Iterable[tuple[bytes, bytes]]) -> _Asked:
        asked = cls()
        for name, raw in headers:
            if name == b"host":
                asked.hosts.append(raw.decode("latin-1"))
            elif name == b"origin":
                asked.origins.append(raw.decode("latin-1"))
            elif name == b"authorization":
                asked.authorizations.append(raw.decode("latin-1"))
            elif name == b"sec-fetch-site":
                asked.fetch_site = raw.decode("latin-1")
            elif name == b"sec-fetch-mode":
                asked.fetch_mode = raw.decode("latin-1")
            elif name in (b"x-forwarded-for", b"forwarded"):
                asked.is_forwarded = True
            elif name == b"hx-request":
                asked.is_htmx = True
        return asked


class _TurnedAway(Exception):
    """The gate's answer to a request that it does not let in."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class Gate:
    """Lets in whom `people` know, and only from our own pages."""

    def __init__(
        self,
        app: ASGIApp,
        people: People,
        origins: Collection[str],
        open_paths: Collection[str] = OPEN_PATHS,
        *,
        hosts: Collection[str] = (),
        loopback_paths: Collection[str] = LOOPBACK_PATHS,
        secure: bool = False,
        rates: Rates | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        is_to_forget: Callable[[str], bool] = lambda cookie: False,
    ) -> None:
        rates = rates or Rates()
        self.app = app
        self.people = people
        self.origins = frozenset(exact_origin(origin) for origin in origins)
        self.hosts = frozenset(host.lower() for host in hosts)
        self.secure = secure
        self._open = frozenset(path for path in open_paths if not path.endswith("/*"))
        self._open_below = tuple(path[:-1] for path in open_paths if path.endswith("/*"))
        self._loopback = frozenset(loopback_paths)
        self._credentials = TokenBuckets(rates.credential, rates.credential_burst, monotonic)
        self._strangers = TokenBuckets(rates.stranger, rates.stranger_burst, monotonic)
        self._is_to_forget = is_to_forget
        self._lookups = anyio.CapacityLimiter(LOOKUPS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        try:
            principal = await self._admit(scope, _Asked.read(scope["headers"]))
        except _TurnedAway as turned_away:
            answer = turned_away.answer
            if answer.status_code in (303, 401, 403, 410):
                answer = self._too_often(self._strangers, _address(scope)) or answer
            return await answer(scope, receive, send)
        scope["state"] = {**scope.get("state", {}), "principal": principal}
        await self.app(scope, receive, send)

    def origin_allowed(self, scope: Scope) -> bool:
        """Whether the Origin header, if there is one, is exactly one of ours. `null` is nobody's."""
        return self._is_ours(_Asked.read(scope["headers"]).origins)

    async def _admit(self, scope: Scope, asked: _Asked) -> Principal | None:
        path: str = scope["path"]
        self._check_host(path, asked)
        if not self._is_ours(asked.origins):
            raise _forbidden(
                "foreign-origin", "this server does not accept the Origin " + asked.origins[0][:200]
            )
        is_socket = scope["type"] == "websocket"
        is_safe = not is_socket and scope["method"] in SAFE_METHODS
        if not is_socket and (path in self._open or path.startswith(self._open_below)):
            if not is_safe:
                self._check_is_own_page(asked)
            return None
        if path in self._loopback and not asked.authorizations and _is_loopback(scope, asked):
            return None
        principal = await self._principal(scope, asked)
        if principal is None:
            raise _TurnedAway(await self._not_signed_in(scope, asked))
        if (wait := self._too_often(self._credentials, principal.session_id)) is not None:
            raise _TurnedAway(wait)
        if principal.kind == "outpost" and not _is_for_outposts(scope):
            raise _forbidden("not-permitted", "an outpost hands on what was done there, and nothing else")
        if principal.kind == "feed" and not (is_safe and path.startswith(FEEDS + "/")):
            raise _forbidden("not-permitted", "a feed's token reads the feeds of the map, and nothing else")
        if principal.kind == "embed" and not (is_safe and _is_for_embeds(path, principal)):
            raise _forbidden("not-permitted", "an embed's token reads its panels, and nothing else")
        if principal.kind not in ("token", "outpost", "feed", "embed"):
            self._check_cookie_use(asked, is_socket, is_safe)
        if principal.read_only and not (is_socket or is_safe or path == "/sign-out"):
            raise _forbidden("read-only", "a wall screen can only read")
        if path in self._loopback and principal.post not in (Post.ADMIN, Post.AUDITOR):
            raise _forbidden("not-permitted", "only administrators and auditors may read this from elsewhere")
        return principal

    async def _not_signed_in(self, scope: Scope, asked: _Asked) -> Response:
        """Sign in first; or, on a tablet that was revoked, forget everything."""
        cookie = read_cookie(scope, SESSION, is_secure(scope, self.secure))
        if asked.authorizations or cookie is None:
            return _sign_in_first(scope, asked)
        try:
            is_lost = await anyio.to_thread.run_sync(self._is_to_forget, cookie, limiter=self._lookups)
        except SQLAlchemyError:
            is_lost = False  # it asks again
        if not is_lost:
            return _sign_in_first(scope, asked)
        return problem(
            410,
            "device-revoked",
            detail="this tablet was revoked: everything on it is to be forgotten",
            headers={"Clear-Site-Data": '"cache", "cookies", "storage"'},
        )

    def _check_host(self, path: str, asked: _Asked) -> None:
        """Against DNS rebinding, where the names of this server are configured."""
        if not self.hosts or path in ALIVE_PATHS:
            return
        given = asked.hosts[0].lower() if len(asked.hosts) == 1 else ""
        name, colon, port = given.rpartition(":")
        if given not in self.hosts and not (colon and port.isdigit() and name in self.hosts):
            raise _TurnedAway(problem(400, "unknown-host", detail="this server does not go by that name"))

    def _is_ours(self, origins: list[str]) -> bool:
        return not origins or (len(origins) == 1 and origins[0] in self.origins)

    def _check_cookie_use(self, asked: _Asked, is_socket: bool, is_safe: bool) -> None:
        """A browser sends the cookie whoever wrote the page, so the page must be shown to be ours."""
        if is_socket:
            if not asked.origins:
                raise _forbidden("origin-missing", "a browser's socket needs an Origin")
        elif not is_safe:
            self._check_is_own_page(asked)
        elif asked.fetch_site in ("cross-site", "same-site") and asked.fetch_mode != "navigate":
            raise _forbidden("cross-site", "another site's page may link here but not read from here")

    def _check_is_own_page(self, asked: _Asked) -> None:
        """Only for unsafe requests. A foreign Origin was refused before; so if there is one, it is ours."""
        if asked.fetch_site not in (None, "same-origin", "none"):
            raise _forbidden("cross-site", "this request was started by another site's page")
        if not asked.origins and asked.fetch_site is None:
            raise _forbidden("origin-missing", "neither Origin nor Sec-Fetch-Site says which page asks")

    async def _principal(self, scope: Scope, asked: _Asked) -> Principal | None:
        """An Authorization header counts alone, right or wrong; a session only where there is none."""
        if asked.authorizations:
            scheme, _, token = asked.authorizations[0].partition(" ")
            if len(asked.authorizations) > 1 or scheme.lower() != "bearer":
                return None
            token = token.strip()
            known, look_up = (
                self.people.remembered_token(token),
                partial(self.people.principal_for_token, token),
            )
        else:
            cookie = read_cookie(scope, SESSION, is_secure(scope, self.secure))
            if cookie is None:
                return None
            known = self.people.remembered_session(cookie)
            look_up = partial(self.people.principal_for_session, cookie)
        if known is not None:
            return known
        try:
            return await anyio.to_thread.run_sync(look_up, limiter=self._lookups)
        except SQLAlchemyError:
            answer = problem(
                503,
                "store-unavailable",
                detail="whether you may come in cannot be looked up now",
                headers={"Retry-After": "2"},
            )
            raise _TurnedAway(answer) from None

    def _too_often(self, buckets: TokenBuckets, key: str) -> Response | None:
        wait = buckets.take(key)
        if wait == 0:
            return None
        return problem(
            429, "too-many-requests", detail=f"again in {wait} s", headers={"Retry-After": str(wait)}
        )


def guard(
    app: ASGIApp,
    people: People,
    origins: Collection[str],
    *,
    hosts: Collection[str] = (),
    secure: bool = False,
    rates: Rates | None = None,
    max_body: int = MAX_BODY,
    is_to_forget: Callable[[str], bool] = lambda cookie: False,
) -> ASGIApp:
    """The application behind everything in this module, in the one order that makes sense."""
    gate = Gate(
        BodyLimit(app, max_body),
        people,
        origins,
        hosts=hosts,
        secure=secure,
        rates=rates,
        is_to_forget=is_to_forget,
    )
    return SecureHeaders(gate, secure)


def _forbidden(type: str, detail: str) -> _TurnedAway:
    return _TurnedAway(problem(403, type, detail=detail))


SEEN = "/api/v1/outposts/seen"


def _is_for_outposts(scope: Scope) -> bool:
    """What the word of an outpost is good for: an ordered batch, the files that belong to it, knowing that it
    still holds, and how the incidents that it names stand."""
    asked = (scope.get("method"), scope["path"])
    if asked in (("POST", "/api/v1/commands"), ("GET", "/api/v1/me"), ("GET", SEEN)):
        return True
    return asked[0] == "PUT" and asked[1].startswith("/api/v1/incidents/")


def _is_for_embeds(path: str, principal: Principal) -> bool:
    """Its panels; and where the map is one, the map's own data."""
    if path.startswith(EMBED):
        return True
    return "map" in principal.panels and (path in EMBED_MAP or path.startswith("/api/v1/map/layers/"))


def _sign_in_first(scope: Scope, asked: _Asked) -> Response:
    """A person is led to the sign-in page and back; a program is told 401."""
    path: str = scope["path"]
    is_page = scope["type"] == "http" and not path.startswith("/api/") and not asked.authorizations
    if is_page and path not in LOOPBACK_PATHS and not asked.is_htmx:
        query = scope["query_string"].decode("latin-1")
        back = safe_next(quote(path, safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else ""))
        target = "/sign-in"
        if scope["method"] in SAFE_METHODS and back != "/":
            target += "?next=" + quote(back, safe="")
        return RedirectResponse(target, 303)
    challenge = 'Bearer realm="fenghuo"' + (', error="invalid_token"' if asked.authorizations else "")
    headers = {"WWW-Authenticate": challenge}
    if asked.is_htmx:
        headers["HX-Redirect"] = "/sign-in"
    return problem(401, "not-signed-in", detail="sign in, or send a bearer token", headers=headers)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return address_key(client[0]) if client else "unknown"


def _is_loopback(scope: Scope, asked: _Asked) -> bool:
    """Whether somebody on this very machine asks, and not a proxy on it for somebody else."""
    try:
        return not asked.is_forwarded and ipaddress.ip_address(scope["client"][0]).is_loopback
    except (KeyError, TypeError, ValueError):
        return False
