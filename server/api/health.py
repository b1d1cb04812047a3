"""Is it alive, is it ready, how does it do: /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.delivery.door import handshakes_waiting
from server.durations import Durations
from server.parts import Parts
from server.record import duty_reading, outbox

if TYPE_CHECKING:
    from server.outward.upward import UpwardState

log = structlog.get_logger()

STORE_S = 2.0
CLOCK_MS = 10_000


async def healthz(_request: Request) -> Response:
    """The process is alive and its loop turns."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The first request will work: the store takes writes, the watch runs, nobody is being sent away."""
    parts: Parts = request.app.state.parts
    checks: dict[str, str] = {}
    try:
        await asyncio.wait_for(asyncio.wrap_future(parts.store.look()), STORE_S)
        checks["store"] = "ok"
    except TimeoutError:
        checks["store"] = f"does not answer within {STORE_S:g} s"
    except Exception as failure:
        checks["store"] = str(failure)
    age = parts.watch.age_ms()
    checks["clock"] = "ok" if age <= CLOCK_MS else f"last looked {age / 1000:.1f} s ago"
    checks["bus"] = "draining" if parts.hub.is_draining else "ok"
    ready = all(state == "ok" for state in checks.values())
    if parts.relay is not None and not parts.hub.is_draining and (fault := parts.relay.fault()) is not None:
        checks["bus"] = f"degraded: {fault}; news of other processes comes within a second"
    if parts.store.channels.channels:
        try:
            silent = await asyncio.wait_for(asyncio.to_thread(_silent, parts), STORE_S)
        except TimeoutError:
            silent = []  # the store's own check says so
        checks["channels"] = f"degraded: no message gets out by {', '.join(silent)}" if silent else "ok"
    body = {"ready": ready, "checks": checks, "clock_age_ms": age, "problems": parts.problems}
    if parts.upward is not None:  # an outpost without its desk above is ready all the same
        try:
            stands = await asyncio.wait_for(asyncio.to_thread(parts.upward.state), STORE_S)
        except (TimeoutError, SQLAlchemyError):
            pass  # the store's own check says so
        else:
            waiting = f"; {stands.waiting} wait to be handed on" if stands.waiting else ""
            is_well = stands.fault is None
            checks["upstream"] = "ok" if is_well else f"degraded: {stands.fault}{waiting}"
            body["upstream"] = stands.shown()
    return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")


def _silent(parts: Parts) -> list[str]:
    """The channels by which nothing gets out. A desk without them is ready all the same."""
    try:
        calling = [duty_reading.calling(parts.database, one) for one in parts.store.channels.units()]
    except SQLAlchemyError:
        return []  # the store's own check says so
    return sorted({one["channel"] for found in calling for one in found["silent"]})


def _histogram(name: str, words: str, durations: Durations) -> Metric:
    return HistogramMetricFamily(name, words, durations.buckets(), durations.total)


@dataclass(frozen=True, slots=True)
class _Outward:
    """How the messages out of the house stand; read beside the event loop."""

    counts: dict[tuple[str, str], int]
    oldest: datetime | None


def _outward(parts: Parts) -> _Outward | None:
    try:
        return _Outward(outbox.counts(parts.database), outbox.oldest_waiting(parts.database))
    except SQLAlchemyError:
        return None  # /readyz says what is wrong with the store


class _Figures(Collector):
    def __init__(self, parts: Parts, outward: _Outward | None, upward: UpwardState | None) -> None:
        self._parts, self._outward, self._upward = parts, outward, upward

    def _of_upward(self) -> list[Metric]:
        """How it stands with the desk above; nothing where there is none."""
        stands = self._upward
        if stands is None:
            return []
        commands = GaugeMetricFamily(
            "fenghuo_upstream_commands", "Commands for the desk above, by state", labels=["state"]
        )
        for state in ("waiting", "handed", "refused"):
            commands.add_metric([state], getattr(stands, state))
        age = 0.0 if stands.oldest is None else (self._parts.now() - stands.oldest).total_seconds()
        return [
            commands,
            GaugeMetricFamily(
                "fenghuo_upstream_up", "Whether the desk above is reached", int(stands.fault is None)
            ),
            GaugeMetricFamily("fenghuo_upstream_oldest_seconds", "Age of the oldest that waits", age),
        ]

    def collect(self) -> list[Metric]:
        """Figures of this process, read when asked."""
        parts = self._parts
        tally = parts.hub.tally
        listeners = GaugeMetricFamily("fenghuo_listeners", "Listeners by stream", labels=["stream"])
        for stream, count in sorted(parts.hub.listeners_by_stream().items()):
            listeners.add_metric([stream], count)
        resumes = CounterMetricFamily("fenghuo_resumes", "Welcomes by kind of resume", labels=["kind"])
        for kind, count in sorted(tally.resumes.items()):
            resumes.add_metric([kind], count)
        closes = CounterMetricFamily("fenghuo_closes", "Sockets ended by us, by close code", labels=["code"])
        for code, count in sorted(tally.closes.items()):
            closes.add_metric([str(code)], count)
        doorbells = CounterMetricFamily("fenghuo_doorbells", "Doorbells between processes", labels=["kind"])
        if parts.relay is not None:
            for kind, count in asdict(parts.relay.tally).items():
                doorbells.add_metric([kind], count)
        refused = CounterMetricFamily(
            "fenghuo_refused", "Commands refused, by the word given", labels=["kind"]
        )
        for kind, count in sorted(parts.desk.refusals.items()):
            refused.add_metric([kind], count)
        messages = GaugeMetricFamily(
            "fenghuo_messages", "Messages out of the house, by state", labels=["channel", "state"]
        )
        waits = GaugeMetricFamily("fenghuo_messages_oldest_seconds", "Age of the oldest message that waits")
        if self._outward is not None:
            for (channel, state), count in sorted(self._outward.counts.items()):
                messages.add_metric([channel, state], count)
            since = self._outward.oldest
            waits.add_metric([], 0 if since is None else (parts.now() - since).total_seconds())
        upward = self._of_upward()
        behind = sum(not listener.is_level for listener in parts.hub.listeners())
        return [
            doorbells,
            refused,
            _histogram(
                "fenghuo_commit_seconds",
                "A round of writes, from its turn to the disk",
                parts.store.commit_times,
            ),
            _histogram(
                "fenghuo_fanout_seconds", "From an entry's coming to the last level listener's", tally.lag
            ),
            GaugeMetricFamily("fenghuo_listeners_behind", "Listeners that have not everything yet", behind),
            CounterMetricFamily("fenghuo_entries", "Entries written by this process", parts.store.written),
            CounterMetricFamily("fenghuo_commits", "Commits made by this process", parts.store.rounds),
            GaugeMetricFamily("fenghuo_commands_waiting", "Commands that queue", parts.store.waiting),
            GaugeMetricFamily("fenghuo_clock_age_seconds", "Age of the watch", parts.watch.age_ms() / 1000),
            CounterMetricFamily("fenghuo_frames", "Frames sent to listeners", tally.frames),
            CounterMetricFamily("fenghuo_frame_bytes", "Bytes sent to listeners", tally.bytes),
            CounterMetricFamily("fenghuo_log_pages", "Pages of the log read for listeners", tally.log_pages),
            GaugeMetricFamily("fenghuo_handshakes_waiting", "Sockets not yet let in", handshakes_waiting()),
            messages,
            waits,
            listeners,
            resumes,
            closes,
            *upward,
        ]


async def metrics(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    outward = None
    if parts.store.channels.channels:
        try:
            outward = await asyncio.wait_for(asyncio.to_thread(_outward, parts), STORE_S)
        except TimeoutError:
            log.warning("the messages out of the house could not be counted in time")
    upward = None
    if parts.upward is not None:
        try:
            upward = await asyncio.wait_for(asyncio.to_thread(parts.upward.state), STORE_S)
        except (TimeoutError, SQLAlchemyError):
            log.warning("what is to be handed on could not be counted in time")
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Figures(parts, outward, upward))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def routes() -> list[Route]:
    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
