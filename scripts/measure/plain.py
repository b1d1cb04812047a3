"""What one would write first: starlette, and `for socket in sockets: await socket.send_text(text)`.

    python -m measure.plain PORT

It answers the same two addresses as the product, but keeps nothing on disk, proves nothing, asks nobody's
rights and loses whatever it was sending when somebody stops reading. All it shares is the framework.
"""

from __future__ import annotations

import contextlib
import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: list[WebSocket] = []
offset = 0


async def live(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="fenghuo.v1")
    await websocket.receive_text()
    await websocket.send_text(
        json.dumps({"type": "welcome", "epoch": "plain", "head": offset, "resume": "nothing"})
    )
    sockets.append(websocket)
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.receive_text()
    sockets.remove(websocket)


async def add_entry(request: Request) -> JSONResponse:
    global offset
    body = await request.json()
    offset += 1
    entry = {"type": "entry", "offset": offset, **body}
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    for socket in list(sockets):
        with contextlib.suppress(Exception):
            await socket.send_text(text)
    return JSONResponse({"command_id": body["command_id"], "offset": offset})


app = Starlette(
    routes=[
        WebSocketRoute("/api/v1/live", live),
        Route("/api/v1/commands/add-entry", add_entry, methods=["POST"]),
        Route("/readyz", lambda request: PlainTextResponse("ok")),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws_per_message_deflate=False
    )
