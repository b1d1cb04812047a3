"""The one-hour figure (一小时报送): cases, clock and result exactly as domain.md 1.5.2 and 1.5.3.

Three cases. INITIAL: from the occurrence (or discovery, or knowledge, as the facts allow). UPGRADE: a lower
level had been judged and reported, and the threshold was crossed after the initial window: from the moment
the crossing fact was known, not from the click. CONCEALED: from the occurrence of what was concealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.terms import Channel, Level, Scale, Stage
from server.domain.incident import Incident, Report

Case = Literal["initial", "upgrade", "concealed"]
Basis = Literal["occurred", "discovered", "known", "threshold"]
Result = Literal["pass", "fail", "running", "not_applicable"]


@dataclass(frozen=True, slots=True)
class PhoneClock:
    """The phone report's half hour (电话报告)."""

    start: datetime | None
    end: datetime | None
    elapsed_s: int | None
    result: Result


@dataclass(frozen=True, slots=True)
class OneHour:
    """Results kept side by side, never mixed. Spans in seconds; None where an end is missing."""

    applies: bool
    case: Case | None
    start: datetime | None
    start_basis: Basis | None
    known_at: datetime | None
    threshold_at: datetime | None
    end: datetime | None
    elapsed_s: int | None
    result: Result
    phone: PhoneClock
    desk_elapsed_s: int | None
    grading_lag_s: int | None
    discovery_delay_s: int | None
    sent_in_time: bool


def seconds(start: datetime, end: datetime) -> int:
    """Whole seconds from start to end, the fraction dropped towards the earlier second."""
    return int((end - start).total_seconds() // 1)


def threshold_at(incident: Incident) -> datetime | None:
    """t_thr: when the facts held by the chain, or a named officer's judgement, first reached 重大."""
    return incident.level_reached_at(Level.MAJOR)


def judged_and_reported_lower(incident: Incident, before: datetime) -> bool:
    """Whether a lower level had been judged and then reported upward before this moment."""
    judged_at = incident.judged_lower_at()
    return judged_at is not None and any(
        judged_at <= report.sent_at < before and report.recipient != "NTF"
        for report in incident.reports.values()
    )


def official_start(incident: Incident) -> tuple[Case, datetime, Basis] | None:
    """The case, the moment from which the hour counts, and what that moment is; None below 重大."""
    crossed = threshold_at(incident)
    known = incident.known_at()
    if crossed is None or known is None or incident.one_hour is None:
        return None
    if incident.concealed_by is None:
        after_window = (crossed - known).total_seconds() > incident.one_hour.window_s
        if after_window and judged_and_reported_lower(incident, crossed):
            return "upgrade", crossed, "threshold"
    case: Case = "initial" if incident.concealed_by is None else "concealed"
    occurred, _about = incident.occurred()
    discovered = incident.discovered_at()
    unseen = incident.nobody_could_know and case == "initial"
    if occurred is not None and not unseen:
        return case, occurred, "occurred"
    if discovered is not None:
        return case, discovered, "discovered"
    return case, known, "known"


def one_hour(incident: Incident, now: datetime) -> OneHour:
    """The figure as it stands at `now`."""
    known = incident.known_at()
    begun = official_start(incident)
    terms = incident.one_hour
    if begun is None or known is None or terms is None:
        nothing = PhoneClock(None, None, None, "not_applicable")
        return OneHour(
            False,
            None,
            None,
            None,
            known,
            None,
            None,
            None,
            "not_applicable",
            nothing,
            None,
            None,
            _discovery_delay(incident),
            False,
        )
    case, start, basis = begun
    crossed = threshold_at(incident)
    assert crossed is not None
    by_minute = basis == "occurred" and incident.occurred()[1]
    written = [
        report
        for report in incident.reports.values()
        if report.channel == Channel.WRITTEN
        and report.valid
        and report.stage in (Stage.INITIAL, Stage.UPGRADE)
        and report.recipient in terms.recipients
        and report.sent_at >= crossed
    ]
    ends = [report.received_at for report in written if report.received_at is not None]
    end = min(ends, default=None)
    not_before = crossed if case == "upgrade" else None
    phoned = min(_phone_calls(incident, terms.recipients, not_before), default=None)
    desk_start = crossed if case == "upgrade" else known
    judged = [j.judged_at for j in incident.judgements if j.scale is Scale.REPORTING and j.level.is_major]
    return OneHour(
        applies=True,
        case=case,
        start=start,
        start_basis=basis,
        known_at=known,
        threshold_at=crossed,
        end=end,
        elapsed_s=None if end is None else seconds(start, end),
        result=_result(start, end, now, terms.limit_s, by_minute),
        phone=PhoneClock(
            start,
            phoned,
            None if phoned is None else seconds(start, phoned),
            _result(start, phoned, now, terms.phone_limit_s, by_minute),
        ),
        desk_elapsed_s=None if end is None else seconds(desk_start, end),
        grading_lag_s=max(0, seconds(crossed, min(judged))) if judged else None,
        discovery_delay_s=_discovery_delay(incident),
        sent_in_time=any(_within(start, r.sent_at, terms.limit_s, by_minute) for r in written),
    )


def first_written(incident: Incident) -> Report | None:
    """The first valid written report to a required recipient, received or not."""
    terms, crossed = incident.one_hour, threshold_at(incident)
    reports = [
        report
        for report in incident.reports.values()
        if report.channel == Channel.WRITTEN
        and report.valid
        and terms is not None
        and report.recipient in terms.recipients
        and (crossed is None or report.sent_at >= crossed)
    ]
    return min(reports, key=lambda report: report.sent_at, default=None)


def _phone_calls(incident: Incident, recipients: list[str], not_before: datetime | None) -> list[datetime]:
    return [
        report.sent_at
        for report in incident.reports.values()
        if report.channel == Channel.PHONE
        and report.recipient in recipients
        and (not_before is None or report.sent_at >= not_before)
    ]


def _within(start: datetime, end: datetime, limit_s: int, by_minute: bool) -> bool:
    """In time: sixty minutes exactly are in time. Where only the minute is known, whole minutes compare."""
    if by_minute:
        whole = [moment.replace(second=0, microsecond=0) for moment in (start, end)]
        return (whole[1] - whole[0]).total_seconds() <= limit_s
    return (end - start).total_seconds() <= limit_s


def _result(start: datetime, end: datetime | None, now: datetime, limit_s: int, by_minute: bool) -> Result:
    if end is not None:
        return "pass" if _within(start, end, limit_s, by_minute) else "fail"
    return "running" if _within(start, now, limit_s, by_minute) else "fail"


def _discovery_delay(incident: Incident) -> int | None:
    """From the occurrence to the discovery; when upgraded, to the crossing fact. No failure of the desk."""
    occurred, _about = incident.occurred()
    if occurred is None:
        return None
    begun = official_start(incident)
    if begun is not None and begun[0] == "upgrade":
        return seconds(occurred, begun[1])
    discovered = incident.discovered_at()
    return None if discovered is None else seconds(occurred, discovered)
