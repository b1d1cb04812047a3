"""What a log amounts to, counted up entry by entry: states, streams, numbers. Pure.

`verify` compares the tables with it. It must not share code with what writes the tables, except the
fold itself and the rows made from a state.
"""

from __future__ import annotations

from array import array
from collections import defaultdict

from schemas import events as ev
from schemas.attachments import AttachmentAdded
from schemas.duties import DutyEvent
from schemas.events import LogEntry
from schemas.outposts import TakenAlong
from schemas.reports import Issue, ReportApproved, ReportSigned
from server.domain.duty import Duty
from server.domain.duty import apply as apply_to_duty
from server.domain.incident import Incident, apply

#: What gives a report its issue number. A union written where it is asked about would be made for each entry.
_NUMBERED = (ReportSigned, ReportApproved)


def _places() -> array[int]:
    return array("q")


class Recount:
    """Entries must be taken in the order of the ledger, each once."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.first_seq: dict[str, int] = {}  # of each incident
        self.last_seq: dict[str, int] = {}
        self.attachments: dict[tuple[str, str], int] = {}  # by which entry
        self.duties: dict[str, Duty] = {}
        self.last_duty_seq: dict[str, int] = {}
        self.streams: defaultdict[str, array[int]] = defaultdict(_places)  # the ledger's seq at 1, 2, 3 …
        self.counters: dict[str, tuple[int, int]] = {}  # the last number given out, and by which entry
        self.rules: tuple[int, str] | None = None  # the entry and digest of the rules accepted last
        self._is_outpost = False  # it begins with a part of another desk's log
        self._past: defaultdict[str, array[int]] = defaultdict(_places)  # what a unit let in later is given

    def take(self, seq: int, entry: LogEntry) -> None:
        """One entry more. What does not follow from what came before raises."""
        event, incident_id = entry.event, entry.incident_id
        if isinstance(event, DutyEvent):
            apply_to_duty(
                self.duties.setdefault(event.unit, Duty(event.unit)), event, entry.by, entry.recorded_at
            )
            self.last_duty_seq[event.unit] = seq
            for unit in dict.fromkeys(event.units):
                self.streams[unit].append(seq)
            return
        if incident_id is None:
            self.streams[entry.unit].append(seq)
            if isinstance(event, ev.RulesAccepted):
                self.rules = (seq, event.digest)
            self._is_outpost = self._is_outpost or isinstance(event, TakenAlong)
            return
        incident = self.incidents.get(incident_id)
        if incident is None:
            if not isinstance(event, ev.IncidentOpened):
                raise ValueError("nobody has opened this incident")
            incident = self.incidents[incident_id] = Incident(incident_id)
            self.first_seq[incident_id] = seq
            self._count(event.number, seq)
        apply(incident, entry)
        if isinstance(event, _NUMBERED) and event.issue is not None:
            self._count_issue(event.issue, seq)
        if isinstance(event, AttachmentAdded):
            self.attachments[incident_id, event.attachment_id] = seq
        self.last_seq[incident_id] = seq
        if isinstance(event, ev.InformerNamed):
            for unit in event.units:
                self.streams[unit + ":r"].append(seq)
        else:
            past = self._past[incident_id]
            if isinstance(event, ev.IncidentShared):
                for unit in event.units:
                    self.streams[unit].extend(past)
            for unit in incident.units:
                self.streams[unit].append(seq)
            past.append(seq)

    def _count_issue(self, issue: Issue, seq: int) -> None:
        """Issue numbers have no gaps: each is one more than the last of its series. An outpost was given only
        some of the incidents, so there they only rise."""
        last, _by = self.counters.get(issue.series, (0, 0))
        if issue.number <= last or (issue.number != last + 1 and not self._is_outpost):
            raise ValueError(f"issue {issue.number} of {issue.series} does not follow {last}")
        self.counters[issue.series] = (issue.number, seq)

    def _count(self, number: str, seq: int) -> None:
        """LL105-2026-D0003 is the third drill of LL105-2026-D."""
        head, _, tail = number.rpartition("-")
        counted = tail.removeprefix("D")
        prefix = f"{head}-{tail[: len(tail) - len(counted)]}"
        if int(counted) > self.counters.get(prefix, (0, 0))[0]:
            self.counters[prefix] = (int(counted), seq)
