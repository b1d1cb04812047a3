"""What a browser is told never to do with our pages. OWASP ASVS 5.0: 3.4.1, 3.4.3-3.4.6."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.gate.cookies import is_secure

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)

PERMISSIONS = (
    b"camera=(self), geolocation=(self), microphone=(self), display-capture=(), payment=(), serial=(), usb=()"
)
#: Never a page of their own: what is said of pages says nothing there, forty times over on a first visit.
PARTS = (".js", ".mjs", ".css")


class SecureHeaders:
    """The headers that tell a browser what never to do with our pages. What a route sets itself stays."""

    def __init__(self, app: ASGIApp, secure: bool = False, csp: str = CSP) -> None:
        self.app = app
        self.secure = secure
        self._always: tuple[tuple[bytes, bytes], ...] = (
            (b"content-security-policy", csp.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        )
        self._of_pages: tuple[tuple[bytes, bytes], ...] = (
            (b"permissions-policy", PERMISSIONS),
            (b"cross-origin-opener-policy", b"same-origin"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        wanted = self._always
        if not scope["path"].startswith("/static/") or not scope["path"].endswith(PARTS):
            wanted += self._of_pages
        if not scope["path"].startswith("/static/"):
            wanted += ((b"cache-control", b"no-store"),)
        if is_secure(scope, self.secure):
            wanted += ((b"strict-transport-security", b"max-age=31536000; includeSubDomains"),)

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                given += [header for header in wanted if header[0] not in names]
                message = {**message, "headers": given}
            await send(message)

        await self.app(scope, receive, guarded)
