"""Serves one desk in this process until it is told to stop, with a companion beside it if there is one."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable

import structlog
import uvicorn

from server.app import create_app
from server.delivery.wire import uvicorn_options
from server.parts import Parts
from server.settings import Settings

log = structlog.get_logger()

#: Runs beside the desk as a client of it; serving ends when it returns, with its exit code.
Companion = Callable[[threading.Event], int]
LAST_WORDS_S = 10.0  # how long a companion may take to end when the desk has
#: How long one thread may keep the interpreter from another that waits for it. The writer gives it up at
#: every statement and must get it back while the event loop fans out: at Python's 5 ms a dozen statements
#: would take as many times 5 ms.
TAKING_TURNS_S = 0.0005


def own_url(settings: Settings) -> str:
    """The address by which programs on this machine reach the desk."""
    every = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (compared, not bound)
    host = every.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def run(parts: Parts, companion: Companion | None = None) -> int:
    """Serve until told to stop; then tell listeners to come back, and drain within 10 s."""
    settings = parts.settings
    sys.setswitchinterval(TAKING_TURNS_S)
    config = uvicorn.Config(
        create_app(parts),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        **uvicorn_options(),
    )
    server = uvicorn.Server(config)
    gc.collect()
    gc.freeze()  # what is there by now stays: looking through it for garbage held everybody up for 0.15 s
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    sys.stdout.write(f"Fenghuo 烽火: http://{shown}:{settings.port}\n")
    sys.stdout.flush()
    stop, codes = threading.Event(), [0]

    def accompany(beside: Companion) -> None:
        try:
            codes.append(beside(stop))
        except Exception:  # the edge of its thread: told whole, and serving ends
            log.exception("what ran beside the desk failed")
            codes.append(1)
        server.should_exit = True

    thread = None
    if companion is not None:
        thread = threading.Thread(target=accompany, args=(companion,), name="companion", daemon=True)
        thread.start()
    try:
        server.run()
    except KeyboardInterrupt:
        pass  # Ctrl+C: uvicorn has drained by now, and says it again
    finally:
        stop.set()
        if thread is not None:
            thread.join(LAST_WORDS_S)
    return codes[-1] if server.started else 1
