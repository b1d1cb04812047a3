"""What others would write for the same: three programs in Python, one message of 600 bytes to all who listen.

    python -m measure.others broadcast | loop | socketio

Each prints its port and its control port; each byte at the control port is one message. None of them keeps
anything, proves anything or asks anybody's rights.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from measure.figures import BODY_BYTES

MESSAGE = "x" * BODY_BYTES
Tell = Callable[[], Awaitable[None]]


async def control(tell: Tell, port: int) -> None:
    """Send as often as asked to, in order, and say where to ask."""

    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while waiting := await reader.read(4096):
            for _ in waiting:
                await tell()

    server = await asyncio.start_server(asked, "127.0.0.1", 0)
    print(port, server.sockets[0].getsockname()[1], flush=True)


async def broadcast() -> None:
    """The library's own way to tell many."""
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.asyncio.server import broadcast as tell_all

    connections: set[ServerConnection] = set()

    async def listening(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    async def tell() -> None:
        tell_all(connections, MESSAGE)

    async with serve(listening, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096) as server:
        await control(tell, next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()


async def _run(app: Any, tell: Tell) -> None:
    door = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="websockets-sansio", ws_per_message_deflate=False
    )
    serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[door]))
    await control(tell, door.getsockname()[1])
    await serving


async def loop() -> None:
    """What one would write first: starlette, and `for socket in sockets: await socket.send_text(text)`."""
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    sockets: set[WebSocket] = set()

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        sockets.add(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()
        sockets.discard(websocket)

    async def tell() -> None:
        for each in list(sockets):
            with contextlib.suppress(Exception):
                await each.send_text(MESSAGE)

    await _run(Starlette(routes=[WebSocketRoute("/api/v1/live", live)]), tell)


async def socketio() -> None:
    import socketio as library

    server = library.AsyncServer(async_mode="asgi", ping_interval=600)

    async def tell() -> None:
        await server.emit("entry", MESSAGE)

    await _run(library.ASGIApp(server), tell)


if __name__ == "__main__":
    uvloop.run({"broadcast": broadcast, "loop": loop, "socketio": socketio}[sys.argv[1]]())
