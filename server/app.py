"""Wires the parts of one desk together, starts them and stops them. Nothing is decided here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import structlog
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from schemas.channels import NO_CHANNELS
from schemas.events import RulesAccepted
from schemas.map_sources import NO_SOURCES
from server.api import (
    duties,
    feeds,
    field,
    find,
    health,
    map_layers,
    maps,
    messages,
    outposts,
    receipts,
    rest,
    short_reports,
    tablets,
)
from server.api.attachments import Attachments
from server.api.live import live_endpoint, watch_rights
from server.api.uploads import Uploads
from server.clocks import Onward, utc_now
from server.config.calendar_file import default_calendar, load_calendar_or_default
from server.config.channel_file import load_channels_or_keep
from server.config.form_files import default_forms, load_forms_or_keep
from server.config.map_file import load_map_or_keep
from server.config.marked_yaml import Problem
from server.config.rulebook import Rulebook, install_defaults, load_or_keep
from server.config.rulebook import defaults as default_rules
from server.config.unit_file import default_units, dump_units, load_units_or_keep
from server.delivery.hub import Hub, Limits
from server.delivery.presence import Presence
from server.desk import Desk
from server.documents.press import Press
from server.domain.gazetteer import Gazetteer
from server.gate.auth import guard
from server.gate.problems import problem
from server.migrations import open_database
from server.pages import consultations as consultation_pages
from server.pages import embeds as embed_pages
from server.pages import forms as form_pages
from server.pages import reports as report_pages
from server.pages import routes as page_routes
from server.pages import upstream as upstream_pages
from server.pages.accounts import AccountPages
from server.pages.asked import no_such_page, page
from server.pages.channels import ChannelPages
from server.pages.devices import DevicePages
from server.pages.field import FieldApp
from server.pages.front import Front
from server.pages.given import GivenPages
from server.pages.kiosk import Kiosk
from server.pages.people import PeoplePages
from server.pages.warming import keep_warm
from server.parts import Parts
from server.people.devices import Devices
from server.people.embeds import Embeds
from server.people.outposts import Outposts
from server.people.people import People
from server.reading_room import ReadingRoom
from server.record.cataloguing import keep_catalogue
from server.record.find_index import keep_index
from server.record.map_layers import MapLayers
from server.record.outbox import oldest_waiting
from server.record.placed import Spots
from server.record.reading import StreamLog
from server.record.stalled import free_the_ledger
from server.record.store import Store, StreamRow
from server.record.unattached import clear_unattached
from server.screens.views import Views
from server.search import Searcher
from server.sentences import sentence
from server.settings import Settings
from server.watch import Watch

log = structlog.get_logger()

NO_DATABASE = (OperationalError, InternalError, PoolTimeout)
LAST_GOOD_UNITS = ".units.last-good.csv"
LAST_GOOD_FORMS = ".forms.last-good.json"
LAST_GOOD_CHANNELS = ".channels.last-good.json"
LAST_GOOD_MAP = ".map.last-good.json"


def make_parts(settings: Settings, now: Callable[[], datetime] = utc_now) -> Parts:
    """The parts of a desk, wired; nothing runs yet."""
    database = open_database(settings)
    problems: list[str] = []
    wrong_rules: list[Problem] = []
    folder = settings.config_folder
    if folder is None:
        tree, rulebook, forms = default_units(), default_rules(), default_forms()
        calendar, channels, maps_book = default_calendar(), NO_CHANNELS, NO_SOURCES
    else:
        install_defaults(folder)
        last_units = folder / LAST_GOOD_UNITS
        tree, wrong_units = load_units_or_keep(folder, last_units)
        if not wrong_units:
            last_units.write_text(dump_units(tree), encoding="utf-8")
        rulebook, wrong_rules = load_or_keep(folder, None)
        forms, wrong_forms = load_forms_or_keep(folder, folder / LAST_GOOD_FORMS)
        calendar, wrong_days = load_calendar_or_default(folder)
        channels, wrong_channels = load_channels_or_keep(folder, folder / LAST_GOOD_CHANNELS, tree)
        maps_book, wrong_maps = load_map_or_keep(folder, folder / LAST_GOOD_MAP)
        wrong = [*wrong_units, *wrong_rules, *wrong_forms, *wrong_days, *wrong_channels, *wrong_maps]
        problems = [str(one) for one in wrong]
    people = People(database, tree.__contains__, Onward(now))
    holder: list[Parts] = []
    store = Store(database, tree, lambda: holder[0].rulebook, now)
    store.forms = lambda: forms
    store.channels = channels
    store.is_outpost = settings.upstream is not None
    if wrong_rules and (accepted := store.accepted_rules) is not None:
        rulebook = Rulebook.parse(accepted)  # those in force before stay in force
    watch = Watch(database, store, now)
    views = Views(tree, database, now, lambda: holder[0].rulebook)
    hub = Hub(
        StreamLog(database),
        clock=_Clock(now),
        clock_age_ms=watch.age_ms,
        fragments=views.fragments,
        limits=Limits(look_s=settings.look_s),
    )
    relay = None
    if settings.redis_url:
        from server.delivery.relay import Relay  # a desk of one process does not wait for its client

        relay = Relay(settings.redis_url, store.deployment_id, hub)
    gazetteer = Gazetteer(tree)
    parts = Parts(
        settings=settings,
        database=database,
        tree=tree,
        gazetteer=gazetteer,
        reading_room=ReadingRoom(tree),
        rulebook=rulebook,
        forms=forms,
        press=Press(None if folder is None else folder / "fonts"),
        calendar=calendar,
        now=now,
        store=store,
        people=people,
        outposts=Outposts(database, now),
        embeds=Embeds(database, now),
        devices=Devices(database, now),
        searcher=Searcher(database, tree, gazetteer, people),
        desk=Desk(store),
        hub=hub,
        watch=watch,
        views=views,
        relay=relay,
        presence=Presence(database, tree, now, hub.listeners, relay),
        spots=Spots(database),
        map_layers=MapLayers(database, tree),
        map_book=maps_book,
        problems=problems,
    )
    if settings.upstream is not None:
        from server.outward.upward import Upward  # only an outpost speaks to a desk above

        parts.upward = Upward(settings, store, now)
    if maps_book.sources:
        from server.outward.tiles import Tiles  # a desk without a base map speaks to no host

        parts.tiles = Tiles(maps_book, None if settings.data is None else settings.data / "tiles")
    holder.append(parts)
    return parts


class _Clock:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now


def create_app(parts: Parts) -> ASGIApp:
    """The application behind its gate."""
    origin = parts.settings.own_origins()[0]
    secure = parts.settings.secure
    front = Front(parts.people, parts.tree, parts.views.texts, parts.views, origin=origin, secure=secure)
    attachments = Attachments()
    routes = [
        *health.routes(),
        *rest.routes(),
        *messages.routes(),
        *short_reports.routes(),
        *duties.routes(),
        *receipts.routes(),
        *find.routes(),
        *tablets.routes(),
        *attachments.routes(),
        *Uploads(attachments).routes(),
        *field.routes(),
        *outposts.routes(),
        *maps.routes(),
        *map_layers.routes(),
        *feeds.routes(),
        WebSocketRoute(f"{rest.BASE}/live", live_endpoint(parts.hub)),
        *AccountPages(front).routes(),
        *PeoplePages(front).routes(),
        *ChannelPages(front).routes(),
        *DevicePages(front).routes(),
        *upstream_pages.routes(),
        *report_pages.routes(),
        *consultation_pages.routes(),
        *form_pages.routes(),
        *FieldApp.made(
            parts.views, parts.settings.tablet_pin_digits, parts.settings.tablet_recovery_key
        ).routes(),
        *Kiosk(parts.views).routes(),
        *embed_pages.routes(),
        *GivenPages(front).routes(),
        *page_routes.routes(),
    ]
    app = Starlette(
        routes=routes,
        lifespan=_running,
        exception_handlers={
            HTTPException: _http_exception,
            rest.BadQuery: rest.bad_query,
            **dict.fromkeys(NO_DATABASE, _no_database),
            ClientDisconnect: _gone,
            Exception: _bug,
        },
    )
    app.state.parts = parts
    return guard(
        app,
        parts.people,
        parts.settings.own_origins(),
        secure=secure,
        is_to_forget=parts.devices.is_to_forget,
    )


@asynccontextmanager
async def _running(app: Starlette) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    loop = asyncio.get_running_loop()

    def publish(rows: list[StreamRow]) -> None:
        parts.hub.publish(rows)
        if parts.upward is not None:
            parts.upward.ring()
        if parts.relay is not None:
            parts.relay.ring(rows)

    def pass_on(rows: list[StreamRow]) -> None:
        loop.call_soon_threadsafe(publish, rows)

    parts.store.on_commit = pass_on
    parts.store.start()
    for wrong in parts.problems:
        log.error("the operator's file is not in force", problem=wrong)
    if not parts.problems and parts.store.accepted_rules != parts.rulebook.dump():
        dated = [rules.effective_from.isoformat() for rules in parts.rulebook.rule_sets]
        accepted = RulesAccepted(digest=parts.rulebook.digest, effective_from=dated)
        await asyncio.wrap_future(parts.store.note(accepted, parts.rulebook.dump()))
    await parts.watch.start()
    works = {
        "watch": parts.watch.run,
        "hub": parts.hub.run,
        "stalled": lambda: free_the_ledger(parts.database, parts.store),
        "catalogue": lambda: keep_catalogue(parts.database),
        "index": lambda: keep_index(parts.database),
        "figures": lambda: keep_warm(parts),
        "unattached": lambda: clear_unattached(parts.database, parts.now),
        "rights": lambda: watch_rights(parts.hub, parts.people.standing_of, parts.devices.revoked_among),
    }
    if parts.relay is not None:
        works |= {"relay": parts.relay.run, "presence": parts.presence.run}
    if parts.store.channels.channels or oldest_waiting(parts.database) is not None:
        from server.outward.courier import Courier  # a desk that tells nobody outside does not wait for it

        works["courier"] = Courier(parts.database, parts.store, parts.now).run
    if parts.upward is not None:
        works["upward"] = parts.upward.run
    tasks = [asyncio.create_task(keep(work, name), name=name) for name, work in works.items()]
    try:
        log.info("serving", epoch=parts.store.epoch, deployment=parts.store.deployment_id)
        yield
    finally:
        log.info("stopping", listeners=len(parts.hub.listeners()), waiting=parts.store.waiting)
        await parts.hub.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if parts.relay is not None:
            await parts.relay.close()
        await asyncio.to_thread(parts.store.stop)
        parts.database.close()


async def keep(work: Callable[[], Awaitable[None]], name: str) -> None:
    """Background work that fails is reported and started again, never silently lost."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background work failed; starting it again", work=name)
            await asyncio.sleep(1)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        if _is_a_person_looking(request):
            return await page(no_such_page)(request)
        return problem(404, "not-found", detail=sentence("not-found"))
    return problem(error.status_code, "http", detail=error.detail, headers=error.headers)


def _is_a_person_looking(request: Request) -> bool:
    """Whether a signed-in person's browser asks for a page: JSON would tell them nothing."""
    wants_html = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    signed_in = request.scope.get("state", {}).get("principal") is not None
    return wants_html and signed_in and not request.url.path.startswith("/api/")


async def _no_database(request: Request, error: Exception) -> Response:
    """The database is away, or was too slow: nothing is known to be wrong with what was asked."""
    log.warning("the database does not answer", path=request.scope["path"], error=repr(error)[:300])
    detail = sentence("store-unavailable")
    return problem(503, "store-unavailable", detail=detail, headers={"Retry-After": "2"})


async def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever asked hung up in the middle of the body: nobody reads this, and it is no bug of ours."""
    return Response(status_code=400)


async def _bug(request: Request, error: Exception) -> Response:
    """Whatever is no refusal: logged whole, one fixed sentence to the person."""
    log.error("a bug", path=request.scope["path"], exc_info=error)
    return problem(500, "internal-error", detail=sentence("internal-error"))
