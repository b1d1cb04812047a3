"""The page of statistics as a file: every breakdown, the stages and the months, as XLSX or as PDF on A4."""

from __future__ import annotations

from datetime import timedelta

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from server.documents.figures import Bars, FigureBook, FigureTable, figures_xlsx
from server.documents.press import DOWNLOAD, disposition
from server.documents.spreadsheets import Cell
from server.documents.tables import MEDIA
from server.domain.rates import Counted, Pair, Ratio, pair, told_apart
from server.pages.asked import Asked
from server.pages.printed import pressed, refused
from server.pages.statistics import KEYS, MONTHS, PAIRED, SPAN_NAMES, TIMING, bare_rows, labels, query_of
from server.record import breakdown
from server.record.counted import Period
from server.record.statistics import rate
from server.screens.wording import BEIJING

log = structlog.get_logger()


async def figures(request: Request) -> Response:
    """`/statistics/figures?as=xlsx|pdf` with what the page is asked for."""
    asked = Asked(request)
    kind = request.query_params.get("as", "xlsx")
    if kind not in ("xlsx", "pdf"):
        return await run_sync(refused, asked, 404, "export.none")
    if asked.principal.kind == "wall":
        return await run_sync(refused, asked, 403, "refused.not_permitted")
    book = await run_sync(_book, asked)
    local = asked.now.astimezone(BEIJING)
    plain = f"one-hour-{local:%Y%m%d-%H%M}.{kind}"
    headers = DOWNLOAD | {
        "Content-Disposition": disposition(f"{book.title} {local:%Y%m%d-%H%M}.{kind}", plain)
    }
    log.info("exported", what="figures", kind=kind, unit=asked.viewer, by=asked.principal.person_id,
             asked=str(request.query_params)[:500])  # fmt: skip
    if kind == "xlsx":
        return StreamingResponse(figures_xlsx(book), media_type=MEDIA["xlsx"], headers=headers)
    return await pressed(asked, asked.parts.press.tabled(book), headers)


def _book(asked: Asked) -> FigureBook:
    query, words = query_of(asked), asked.wording
    tree, database = asked.parts.tree, asked.parts.database
    smallest = asked.parts.settings.rates_from
    rows = breakdown.counted(database, Period(tree, asked.viewer, query.unit, query.first, query.last))
    label = labels(asked)
    tables = []
    whole = (f"{words.unit(query.unit)} {words.say('statistics.whole')}", *_cells(pair(rows), smallest))
    for by, key in KEYS.items():
        groups: dict[str, Pair] = dict.fromkeys(bare_rows(query, tree, by), pair([]))
        groups |= told_apart(rows, key)
        told = tuple((label(by, name), *_cells(one, smallest)) for name, one in groups.items())
        name = words.say(f"statistics.by_{by}")
        tables.append(FigureTable(name, _columns(asked, name), (whole, *told)))
    tables += [_drills(asked), _stages(asked, rows, smallest)]
    months = breakdown.months_before(query.last, MONTHS)
    trend = breakdown.by_month(database, tree, asked.viewer, query.unit, months)
    by_month = words.say("statistics.by_month")
    tables.append(
        FigureTable(
            words.say("statistics.trend"),
            _columns(asked, by_month),
            tuple((month, *_cells(one, smallest)) for month, one in zip(months, trend, strict=True)),
        )
    )
    tables.append(_seals(asked))
    before, _, rest = words.say("statistics.figures_page").partition("{page}")
    between, _, after = rest.partition("{pages}")
    return FigureBook(
        title=words.say("statistics.title"),
        about=(
            (words.say("field.unit"), words.unit(query.unit)),
            (words.say("statistics.period"), f"{query.first} – {query.last}"),
            (words.say("export.at"), words.exact(asked.now)),
            (words.say("export.by"), f"{words.say('post.' + asked.principal.post)} {asked.principal.name}"),
        ),
        notes=(words.say("statistics.note"), words.say("statistics.small", count=smallest)),
        tables=tuple(tables),
        plots=tuple(
            Bars(
                f"{words.say('statistics.trend')} · {words.say('statistics.' + scope)}",
                tuple(
                    (month[2:], getattr(one, scope).met, getattr(one, scope).of)
                    for month, one in zip(months, trend, strict=True)
                ),
            )
            for scope in PAIRED
        ),
        legend=(words.say("statistics.met"), words.say("statistics.missed")),
        page=(before, between, after),
        lang=asked.lang,
        at=asked.now,
        typefaces=asked.parts.forms.common.typefaces,
    )


def _columns(asked: Asked, first: str) -> tuple[str, ...]:
    say = asked.wording.say
    made = [first]
    for scope in PAIRED:
        name = say(f"statistics.{scope}")
        made += [f"{name} {say('statistics.' + one)}" for one in ("met", "due", "rate")]
    return tuple(made)


def _cells(one: Pair, smallest: int) -> tuple[Cell, ...]:
    return (*_figure(one.final, smallest), *_figure(one.initial, smallest))


def _figure(one: Ratio, smallest: int) -> tuple[Cell, Cell, Cell]:
    """Of too few there is a count and no rate."""
    share = one.rate(smallest)
    return one.met, one.of, None if share is None else f"{100 * share:.1f}%"


def _drills(asked: Asked) -> FigureTable:
    query, say = query_of(asked), asked.wording.say
    found = rate(
        asked.parts.database, asked.parts.tree, asked.viewer,
        first=query.first, last=query.last, unit=query.unit, scope="drill", now=asked.now,
    )  # fmt: skip
    rows = tuple(
        (asked.wording.unit(one["unit"]), one["numerator"], one["denominator"]) for one in found["by_unit"]
    )
    columns = (say("statistics.by_unit"), say("statistics.met"), say("statistics.due"))
    return FigureTable(say("statistics.drill"), columns, rows, say("statistics.none"))


def _stages(asked: Asked, rows: list[Counted], smallest: int) -> FigureTable:
    say = asked.wording.say
    spreads = TIMING.spreads(asked.parts.database, rows, asked.now, smallest)
    told = tuple(
        (say(f"stage_span.{name}"), spreads[name].count, _minutes(spreads[name].median_s),
         _minutes(spreads[name].p90_s))
        for name in SPAN_NAMES
    )  # fmt: skip
    columns = ("stage", "count", "median_minutes", "p90_minutes")
    return FigureTable(say("statistics.stages"), tuple(say(f"statistics.{one}") for one in columns), told)


def _minutes(seconds: float | None) -> Cell:
    return None if seconds is None else round(seconds / 60, 1)


def _seals(asked: Asked) -> FigureTable:
    """The months that are sealed: the figures as they were, and as they would be today."""
    query, words = query_of(asked), asked.wording
    today = asked.now.astimezone(BEIJING).date()
    months = breakdown.months_before(today.replace(day=1) - timedelta(days=1), MONTHS)
    found = breakdown.seals(asked.parts.database, asked.parts.tree, query.unit, months)
    rows = []
    for month in months:
        if (one := found.get(month)) is not None:
            figures = [f"{ratio.met}/{ratio.of}" for ratio in (one.sealed.final, one.sealed.initial)]
            figures += [f"{ratio.met}/{ratio.of}" for ratio in (one.now.final, one.now.initial)]
            rows.append((month, *figures, f"{one.name} {words.exact(one.sealed_at)}"))
    final, initial = words.say("statistics.final"), words.say("statistics.initial")
    columns = (
        words.say("statistics.by_month"),
        final,
        initial,
        words.say("statistics.today", figure=final),
        words.say("statistics.today", figure=initial),
        words.say("statistics.sealed_by"),
    )
    return FigureTable(words.say("statistics.seals"), columns, tuple(rows), words.say("statistics.unsealed"))


def routes() -> list[Route]:
    return [Route("/statistics/figures", figures)]
