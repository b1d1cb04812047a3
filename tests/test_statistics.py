"""The statistics page and the sealed months: recounted from the log, and frozen once they are sealed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, text

from schemas.events import LOG_ENTRY
from server.domain.incident import fold
from server.domain.onehour import one_hour
from server.domain.rates import spread
from server.record.tables import ENTRY
from server.safekeeping.verify import verify, verify_in
from tests.deeds import refused
from tests.duty_deeds import CITY, LULONG, QINGLONG, happened
from tests.room import Room
from tests.words import open_incident, record_receipt, record_report

MONTH = "2026-03"
SPAN = {"from": "2026-03-01", "to": "2026-03-31"}


def instant(day: int, minute: int = 0) -> str:
    """Of March, 08:00 in Beijing."""
    return (datetime(2026, 3, day, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()


def happen(room: Room, day: int, unit: str = LULONG, minutes: int | None = 50, **over: Any) -> str:
    """Twelve trapped at eight o'clock; the written report is received so many minutes later."""
    body = open_incident(
        place={"division": unit, "text": "某矿"},
        category=over.pop("category", "mine"),
        occurred_at=instant(day),
        occurred_precision="exact",
        known_at=instant(day, 5),
        facts=over.pop("facts", {"trapped": 12}),
        **over,
    )
    room.told("Wu", "open-incident", body)
    one = str(body["incident_id"])
    if minutes is not None:
        said = record_report(one, "08:50") | {"sent_at": instant(day, minutes - 1)}
        room.told("Wu", "record-report", said)
        got = record_receipt(one, str(said["report_id"]), "08:58") | {"received_at": instant(day, minutes)}
        room.told("Wu", "record-receipt", got)
    return one


def judge_final(room: Room, one: str, level: str) -> None:
    body = {"incident_id": one, "level": level, "scale": "final", "judged_at": room.clock.ago()}
    room.told("Wang", "judge-level", {**body, "basis": "核定"})


def a_busy_month(room: Room) -> dict[str, str]:
    made = {
        "met": happen(room, 2),
        "late": happen(room, 3, minutes=75),
        "silent": happen(room, 4, QINGLONG, minutes=None),
        "other": happen(room, 5, QINGLONG, category="work_safety"),
        "small": happen(room, 6, facts={"trapped": 1}),
        "drill": happen(room, 7, drill=True),
    }
    for name in ("met", "silent"):
        judge_final(room, made[name], "major")
    return made


def recount(room: Room, units: set[str]) -> dict[str, tuple[int, int]]:
    """By hand from the log: every incident of March whose figure applies, drills left out."""
    logs: dict[str, list[Any]] = {}
    with room.parts.database.reading() as connection:
        for incident_id, body in connection.execute(
            select(ENTRY.c.incident_id, ENTRY.c.body).order_by(ENTRY.c.seq)
        ):
            if incident_id is not None:
                logs.setdefault(incident_id, []).append(LOG_ENTRY.validate_json(bytes(body)))
    found: dict[str, list[bool]] = {"final": [], "initial": []}
    for incident_id, entries in logs.items():
        state = fold(incident_id, entries)
        figure = one_hour(state, room.clock.now())
        assert state.place is not None
        if state.drill or not figure.applies or state.place.unit not in units:
            continue
        passed = figure.result == "pass"
        if state.final_level is not None and state.final_level.is_major:
            found["final"].append(passed)
        if state.was_reported_major:
            found["initial"].append(passed)
    return {scope: (sum(results), len(results)) for scope, results in found.items()}


def table(html: str, name: str) -> dict[str, str]:
    """A table's rows as words, by their heading."""
    part = html[html.index(f'id="{name}"') :]
    rows = re.findall(r"<tr.*?</tr>", part[: part.index("</table>")], re.S)
    made = {}
    for row in rows:
        head = re.search(r'<th scope="row">(.*?)</th>(.*)', row, re.S)
        if head:
            heading, cells = (
                " ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in head.groups()
            )
            made[heading] = cells
    return made


def ratios(cells: str) -> list[str]:
    return re.findall(r"\d+/\d+", cells)


def test_the_figures_are_what_a_recount_of_the_log_gives_with_drills_left_out(own_room: Room) -> None:
    room = own_room
    a_busy_month(room)
    rows = table(room.get("Wu", "/statistics", **SPAN).text, "rates")
    counted = recount(room, {LULONG, QINGLONG})
    assert counted == {"final": (1, 2), "initial": (2, 4)}, "the month is as busy as it was meant to be"
    whole = next(cells for name, cells in rows.items() if name.endswith("合计"))
    assert ratios(whole)[:2] == [f"{met}/{of}" for met, of in counted.values()]
    assert ratios(whole)[2] == "1/1", "the drill stands in its own column"
    assert "%" not in whole, "of four there is no rate"
    by = {
        key: table(room.get("Wu", "/statistics", by=key, **SPAN).text, "rates")
        for key in ("month", "category", "level", "shift")
    }
    assert ratios(by["month"][MONTH]) == ["1/2", "2/4"]
    assert ratios(by["level"]["重大"]) == ["1/2", "2/4"]
    assert ratios(by["shift"]["无接班记录"]) == ["1/2", "2/4"]
    assert sorted(ratios(cells)[-1] for name, cells in by["category"].items() if "合计" not in name) == [
        "1/1",
        "1/3",
    ]


def test_each_figure_opens_into_the_rows_that_it_counts(spare_room: Room) -> None:
    room = spare_room
    made = a_busy_month(room)

    def listed(**query: str) -> set[str]:
        html = room.get("Wu", "/statistics/incidents", **SPAN, **query).text
        return set(re.findall(r'id="row-([0-9a-f-]+)"', html))

    assert listed(scope="final") == {made["met"], made["silent"]}
    assert listed(scope="initial", by="unit", key=LULONG) == {made["met"], made["late"]}
    assert listed(scope="initial", result="missed") == {made["late"], made["silent"]}
    assert listed(scope="drill") == {made["drill"]}


def test_a_county_sees_its_own_and_the_city_all(spare_room: Room) -> None:
    room = spare_room
    made = a_busy_month(room)
    rows = table(room.get("Li", "/statistics", unit=CITY, **SPAN).text, "rates")
    assert ratios(next(cells for name, cells in rows.items() if name.endswith("合计")))[:2] == ["1/1", "1/2"]
    html = room.get("Li", "/statistics/incidents", scope="initial", unit=CITY, **SPAN).text
    assert made["silent"] not in html
    room.told("Liang", "seal-month", {"unit": LULONG, "month": MONTH})
    assert [one["unit"] for one in happened(room, "month_sealed")] == [LULONG], "the city sees it"
    assert happened(room, "month_sealed", "Qin") == []
    assert "Liang" in table(room.get("Wu", "/statistics", unit=LULONG).text, "seals")[MONTH]


def test_a_month_is_sealed_once_when_it_is_over_and_by_a_leader(spare_room: Room) -> None:
    room = spare_room
    refused(
        room.tell("Wang", "seal-month", {"unit": CITY, "month": "2026-11"}), 422, "month-not-over", "/month"
    )
    refused(room.tell("Wu", "seal-month", {"unit": CITY, "month": MONTH}), 403, "not-your-post")
    for wrong in ("2026-13", "2026-3", "1800-01", "2026-03-01"):
        refused(room.tell("Wang", "seal-month", {"unit": CITY, "month": wrong}), 422, "bad-body", "/month")
    room.told("Wang", "seal-month", {"unit": CITY, "month": MONTH})
    refused(room.tell("Wang", "seal-month", {"unit": CITY, "month": MONTH}), 409, "month-sealed", "/month")
    room.told("Liang", "seal-month", {"unit": LULONG, "month": MONTH})
    room.restart()
    refused(room.tell("Wang", "seal-month", {"unit": CITY, "month": MONTH}), 409, "month-sealed", "/month")
    html = room.get("Wang", "/statistics").text
    assert f'data-seal="{MONTH}"' not in html
    assert 'data-seal="2026-04"' in html
    assert "data-seal" not in room.get("Wu", "/statistics").text


def test_sealed_figures_stay_when_an_old_incident_changes_and_the_difference_is_named(own_room: Room) -> None:
    room = own_room
    made = a_busy_month(room)
    room.told("Wang", "seal-month", {"unit": CITY, "month": MONTH})
    (sealed,) = happened(room, "month_sealed")
    assert (sealed["final"], sealed["initial"]) == (
        {"numerator": 1, "denominator": 2},
        {"numerator": 2, "denominator": 4},
    )
    assert sealed["name"] == "Wang"
    assert re.fullmatch("[0-9a-f]{64}", sealed["rules"])
    assert {one["incident_id"] for one in sealed["incidents"]} == {
        made[name] for name in ("met", "late", "silent", "other")
    }
    assert "无变动" in table(room.get("Wu", "/statistics").text, "seals")[MONTH]
    judge_final(room, made["met"], "larger")
    judge_final(room, made["other"], "major")
    judge_final(room, made["late"], "major")
    happen(room, 9)
    row = table(room.get("Wu", "/statistics").text, "seals")[MONTH]
    assert ratios(row) == ["1/2", "1/3", "2/4", "3/5"], row
    assert row.count("不再计入核定口径") == 1
    assert row.count("封账后计入") == 1
    assert len(re.findall("(?<!不再)计入核定口径", row)) == 2
    (again,) = happened(room, "month_sealed")
    assert again == sealed
    assert verify(room.parts.database).faults == []


def test_verification_finds_a_sealed_figure_that_was_bettered(own_room: Room) -> None:
    room = own_room
    a_busy_month(room)
    room.told("Wang", "seal-month", {"unit": CITY, "month": MONTH})
    assert verify(room.parts.database).faults == []
    for deed in ("UPDATE month_seal SET final_met = 2", "DELETE FROM month_seal"):
        with room.parts.database.engine.connect() as connection, connection.begin() as doubt:
            connection.execute(text(deed))
            faults = verify_in(connection).faults
            doubt.rollback()
        assert any("month_seal" in one for one in faults), deed


@pytest.mark.parametrize(
    ("spans", "expected"),
    [([], (0, None, None)), ([60, 120], (2, 90, None)), (list(range(1, 11)), (10, 5.5, 9))],
)
def test_median_and_p90_are_spans_that_were_taken_and_of_too_few_there_is_no_p90(
    spans: list[float], expected: tuple[int, float | None, float | None]
) -> None:
    found = spread(spans, 5)
    assert (found.count, found.median_s, found.p90_s) == expected


def test_the_stages_say_how_long_each_took(spare_room: Room) -> None:
    room = spare_room
    for day in (2, 3, 4, 5, 8):
        happen(room, day, minutes=40 + day)
    rows = table(room.get("Wu", "/statistics", **SPAN).text, "stages")
    assert rows["获知→送达（全程）"].split() == ["5", "39:00", "43:00"]
    assert rows["研判→起草"].split() == ["0", "—", "—"]


def test_the_page_is_small_and_draws_without_a_style_or_a_script_of_its_own(spare_room: Room) -> None:
    room = spare_room
    a_busy_month(room)
    html = room.get("Wu", "/statistics", **SPAN).text
    assert len(html.encode()) < 60_000
    assert 'class="plot-met"' in html, "filled"
    assert 'class="plot-missed"' in html, "hatched"
    assert " style=" not in html
