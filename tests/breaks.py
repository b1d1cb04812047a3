"""Breaks made on purpose: a line of the product, what is put in its place, and the test that must notice.

`scripts/break-on-purpose` applies one at a time in a copy of what git keeps, and expects red. The unbroken
copy must be green first, or red would prove nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.breaks_of_desk import DESK
from tests.breaks_of_embeds import OF_EMBEDS
from tests.breaks_of_field import FIELD
from tests.breaks_of_files import FILES
from tests.breaks_of_forms import OF_FORMS
from tests.breaks_of_joint import OF_THE_JOINT_DUTY
from tests.breaks_of_map import OF_THE_MAP
from tests.breaks_of_outposts import OF_OUTPOSTS
from tests.breaks_of_scene import OF_THE_SCENE
from tests.breaks_of_screens import SCREENS
from tests.breaks_of_walls import WALLS

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 180


class Break(NamedTuple):
    """What is broken, where, and who notices. `old` stands in the file exactly once."""

    name: str
    file: str
    old: str
    new: str
    test: str


BREAKS = (
    *(Break(*one) for one in FIELD),
    *(Break(*one) for one in OF_OUTPOSTS),
    *(Break(*one) for one in OF_THE_MAP),
    *(Break(*one) for one in OF_THE_JOINT_DUTY),
    *(Break(*one) for one in OF_THE_SCENE),
    *(Break(*one) for one in OF_EMBEDS),
    *(Break(*one) for one in OF_FORMS),
    Break(
        "the answer goes out before the commit",
        "server/record/store.py",
        "answers.append((work.caller, work.run(round_), None))",
        "tell([(work.caller, work.run(round_), None)])",
        "tests/test_durability.py::"
        "test_neither_answer_nor_listener_is_told_before_the_words_are_synced_to_the_disk",
    ),
    Break(
        "listeners are told before the commit",
        "server/record/store.py",
        "                round_.flush()\n",
        "                round_.flush()\n"
        "                self.on_commit(round_.published)\n"
        "                round_.published = []\n",
        "tests/test_durability.py::"
        "test_neither_answer_nor_listener_is_told_before_the_words_are_synced_to_the_disk",
    ),
    Break(
        "SQLite is not told to wait for the disk",
        "server/record/database.py",
        '"synchronous=FULL"',
        '"synchronous=NORMAL"',
        "tests/test_durability.py::test_sqlite_syncs_its_log_at_every_commit",
    ),
    Break(
        "PostgreSQL is taken at its owner's word",
        "server/record/database.py",
        '.fetchone()[0] == "off"',
        '.fetchone()[0] == "never"',
        "tests/test_durability.py::test_a_postgresql_told_to_be_careless_is_not_careless_with_our_words",
    ),
    Break(
        "no record of a command is kept",
        "server/record/store.py",
        "        round_.remember(record)\n",
        "",
        "tests/test_durability.py -k asks_again",
    ),
    Break(
        "the same command id with another body is taken for the same command",
        "server/record/store.py",
        "if before.body_sha256 != digest:",
        "if False:",
        "tests/test_commands.py::test_the_same_id_with_another_body_is_refused_and_changes_nothing",
    ),
    Break(
        "resume sends the last entry again (>= for >)",
        "server/record/reading.py",
        "STREAM_ENTRY.c.position > offset",
        "STREAM_ENTRY.c.position >= offset",
        "tests/test_streams.py -k to_the_very_entry",
    ),
    Break(
        "resume is one entry short of too far behind",
        "server/delivery/hub.py",
        "stream.head - after > self.limits.replay",
        "stream.head - after >= self.limits.replay",
        "tests/test_streams.py -k to_the_very_entry",
    ),
    Break(
        "resume forgets whose stream it is",
        "server/record/reading.py",
        ".where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.position > offset)",
        ".where(STREAM_ENTRY.c.position > offset)",
        "tests/test_streams.py -k dropped",
    ),
    Break(
        "an incident is shown to whoever knows its id",
        "server/record/reading.py",
        "        if may is None:\n",
        "        if False:\n",
        "tests/test_visibility.py -k neighbour",
    ),
    Break(
        "a command reaches what its author may not see",
        "server/record/store.py",
        "if incident is not None and not opening and author.unit not in incident.units:",
        "if False:",
        "tests/test_visibility.py::test_no_command_touches_what_its_author_may_not_see",
    ),
    Break(
        "the informer's name goes into the open stream",
        "server/record/round.py",
        "line.units, line.restricted = tuple(event.units), True",
        "line.units = tuple(event.units)",
        "tests/test_streams.py -k informer",
    ),
    Break(
        "a unit that is let in later misses the past",
        "server/record/round.py",
        "                self._carry_past(incident_id, event.units)\n",
        "                pass\n",
        "tests/test_streams.py -k let_in_later",
    ),
    Break(
        "sixty minutes exactly are late (< for <=)",
        "server/domain/onehour.py",
        "    return (end - start).total_seconds() <= limit_s",
        "    return (end - start).total_seconds() < limit_s",
        "tests/test_one_hour.py -k tv7",
    ),
    Break(
        "the hour counts from the click",
        "server/domain/onehour.py",
        '            return "upgrade", crossed, "threshold"',
        '            return "upgrade", max(j.recorded_at for j in incident.judgements), "threshold"',
        "tests/test_one_hour.py -k tv2",
    ),
    Break(
        "nothing due is a full success",
        "server/record/statistics.py",
        "else None",
        "else 1.0",
        "tests/test_one_hour.py -k tv10",
    ),
    Break(
        "the fold reads the clock",
        "server/domain/incident.py",
        "    incident.changed_at = entry.recorded_at\n",
        "    incident.changed_at = datetime.now(entry.recorded_at.tzinfo)\n",
        "tests/test_tampering.py -k nobody_touched",
    ),
    Break(
        "a report on the very second is late",
        "server/domain/reporting.py",
        "owed.met_at <= owed.due_at else",
        "owed.met_at < owed.due_at else",
        "tests/test_obligations.py -k counts_when_received",
    ),
    Break(
        "an entry's place is not in the chain",
        "server/record/ledger.py",
        'seq.to_bytes(8, "big")',
        '(0).to_bytes(8, "big")',
        "tests/test_tampering.py -k recipe",
    ),
    Break(
        "verification does not look at the streams",
        "server/safekeeping/crosscheck.py",
        "        _check_streams,\n",
        "",
        "tests/test_tampering.py -k hidden",
    ),
    Break(
        "an Origin need only end like ours",
        "server/gate/auth.py",
        "return not origins or (len(origins) == 1 and origins[0] in self.origins)",
        "return not origins or any(\n"
        '            origins[0].endswith(own.partition("//")[2]) for own in self.origins\n'
        "        )",
        "tests/test_auth.py -k another_origin",
    ),
    Break(
        "every post may do everything",
        "server/domain/permissions.py",
        "    return command in _MAY[post]",
        "    return True",
        "tests/test_visibility.py -k own_and_only_that",
    ),
    Break(
        "who does not read is never cut off",
        "server/delivery/hub.py",
        "            listener.close(TOO_SLOW, \"one send took too long, come back with after\")\n",
        "            pass\n",
        "tests/test_slow_listeners.py -k even_a_little",
    ),
    Break(
        "a withdrawn right is noticed at the next sign-in only",
        "server/api/live.py",
        "            if code is not None:\n",
        "            if False:\n",
        "tests/test_live.py",
    ),
    Break(
        "a version that met another's words is dropped",
        "server/domain/report_drafts.py",
        "elif both is None or len(both) > FIELDS[change.field]:",
        "elif both is None:\n            continue\n        elif len(both) > FIELDS[change.field]:",
        "tests/test_reports.py::test_two_who_change_the_same_words_find_both_versions_and_choose",
    ),
    Break(
        "an unsigned report counts",
        "server/domain/report_drafts.py",
        "lacks = lacking(incident, channel, draft.signed_by, draft.approved_by)",
        "lacks: list[str] = []",
        "tests/test_reports.py::"
        "test_an_unsigned_report_may_be_sent_and_ends_no_clock_until_a_leader_gave_his_word",
    ),
    Break(
        "a number is given again with the signature that came later",
        "server/domain/report_drafts.py",
        "    if draft.issue is not None:\n        return None\n",
        "",
        "tests/test_reports.py::"
        "test_an_unsigned_report_may_be_sent_and_ends_no_clock_until_a_leader_gave_his_word",
    ),
    Break(
        "what was changed since it was read is signed all the same",
        "server/domain/report_drafts.py",
        "command.version is not None and command.version != draft.version",
        "False",
        "tests/test_reports.py::test_it_is_written_reviewed_returned_signed_sent_and_received",
    ),
    Break(
        "an unknown figure is drafted as nought",
        "server/domain/report_text.py",
        "parts.append(UNKNOWN if value is None else value)",
        'parts.append(value or "0")',
        "tests/test_reports.py::"
        "test_a_first_report_is_drafted_from_the_record_and_says_what_is_being_checked",
    ),
    Break(
        "a handover is signed over a deadline that nobody has taken on",
        "server/domain/handover.py",
        "one.due_at <= now + SOON and ",
        "one.due_at <= now - SOON and ",
        "tests/test_handovers.py -k half_hour",
    ),
    Break(
        "a unit learns whether others answered",
        "server/domain/roll_calls.py",
        "units=[duty.unit, asked.caller],",
        "units=list(context.tree.subtree(asked.caller)),",
        "tests/test_roll_calls.py -k no_unit_learns",
    ),
    Break(
        "nobody taking over is nobody's alarm",
        "server/domain/duty_alarms.py",
        "if shift.taken_at is None and not shift.is_noted_late:",
        "if False:",
        "tests/test_rosters.py -k nobody_taking_over",
    ),
    Break(
        "a swap drifts to whoever stands in",
        "server/domain/duty.py",
        ".put(swap.in_return, back)",
        ".put(swap.in_return, swap.substitute)",
        "tests/test_rosters.py -k two_places",
    ),
    Break(
        "a duty that another process changed is not read again",
        "server/record/round.py",
        "            self.duties.forget(subject)\n",
        "",
        "tests/test_rosters.py -k another_process",
    ),
    Break(
        "verification does not look at the duties",
        "server/safekeeping/crosscheck.py",
        "        _check_duties,\n",
        "",
        "tests/test_roll_calls.py -k bettered",
    ),
    Break(
        "a drill leaves without its word",
        "server/outward/payloads.py",
        'if row["drill"] and not text.startswith(DRILL_PREFIX):',
        "if False:",
        "tests/test_outward.py -k no_drill_ever_leaves",
    ),
    Break(
        "what somebody took goes on calling",
        "server/domain/alarm_state.py",
        "return self.taken_at is None and self.settled_at is None",
        "return self.settled_at is None",
        "tests/test_alarms.py -k who_takes_it",
    ),
    Break(
        "two processes lease the same message",
        "server/record/outbox.py",
        "    return (_ROW.state == \"queued\") & (_ROW.next_at <= now) & free\n",
        '    return (_ROW.state == "queued") & (_ROW.next_at <= now)\n',
        "tests/test_outbox.py -k no_other_gets",
    ),
    Break(
        "a robot that refuses is taken for one that took it",
        "server/outward/payloads.py",
        "if code == 0 and not isinstance(code, bool):",
        "if True:",
        "tests/test_outward.py -k plain_yes",
    ),
    Break(
        "a bug in an alarm keeps the entry from being written",
        "server/record/alarms.py",
        "        except Exception:\n            log.exception(",
        "        except Exception:\n            raise\n            log.exception(",
        "tests/test_alarms.py -k never_the_entry",
    ),
    Break(
        "a dead server silences the desk's own alarm",
        "web/static/alarm.js",
        "      this.sound.play(loudest);",
        "",
        "tests/test_sound.py -k server_is_dead",
    ),
    Break(
        "a search looks at every stream",
        "server/record/find.py",
        ".where(STREAM_ENTRY.c.stream.in_(sought.streams))",
        ".where(STREAM_ENTRY.c.stream.like('%'))",
        "tests/test_find.py::test_a_neighbour_finds_nothing_of_a_busy_day_and_those_above_do",
    ),
    Break(
        "everybody finds who gave a tip",
        "server/search.py",
        "principal.post in READS_RESTRICTED and not principal.read_only",
        "not principal.read_only",
        "tests/test_find.py::test_an_informer_is_found_by_those_who_may_read_the_restricted_stream",
    ),
    Break(
        "the past of a shared incident gets no marks",
        "server/record/find_index.py",
        'return list(event["units"]) if event["type"] == "incident_shared" else []',
        "return []",
        "tests/test_find.py::test_who_is_let_in_later_finds_the_past_at_once",
    ),
    Break(
        "a title makes an incident a candidate for its facts as well",
        "server/record/find_index.py",
        '_SHELVES = {"log": "l", "fact": "f", "person": "p"}',
        '_SHELVES = {"person": "p"}',
        "tests/test_find.py -k read_for_no_other_kind",
    ),
    Break(
        "what is not in the index yet is not looked at",
        "server/record/find.py",
        "rows = self._connection.execute(fresh.limit(MOST_FRESH + 1)).all()",
        "rows = self._connection.execute(fresh.limit(0)).all()",
        "tests/test_find.py::test_an_incident_is_found_by_a_character_pinyin_initials_and_number",
    ),
    Break(
        "a late instruction is called late once and never chased",
        "server/domain/instructions.py",
        "        if times >= MOST_CHASES:\n",
        "        if times >= 1:\n",
        "tests/test_instructions.py -k chased_each_hour",
    ),
    Break(
        "an instruction is done when somebody answers",
        "server/domain/instructions.py",
        '        if self.check_by is not None:\n            return "check"\n',
        '        if self.check_by is not None:\n            return "done"\n',
        "tests/test_instructions.py -k acknowledged_is_not_done",
    ),
    Break(
        "a month is sealed a second time",
        "server/domain/sealing.py",
        "    if command.month in duty.sealed:\n",
        "    if False:\n",
        "tests/test_statistics.py -k sealed_once",
    ),
    Break(
        "sources that differ are not shown beside each other",
        "server/domain/contradictions.py",
        "    return Contradiction(latest, tuple(others)) if others else None\n",
        "    return None\n",
        "tests/test_contradictions.py -k the_page_shows_both",
    ),
    *(Break(*one) for one in (*DESK, *FILES, *SCREENS, *WALLS)),
)  # fmt: skip


def copied(folder: Path) -> None:
    """What git keeps of the tree as it stands, changes that are not committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def is_red(folder: Path, test: str) -> tuple[bool, str]:
    """Whether the test fails in the copy, and its last line; a test that cannot be run ends everything."""
    try:
        done = _run(folder, test)
    except subprocess.TimeoutExpired:
        return True, f"it hangs: ended after {LONGEST_S} s"
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    if done.returncode not in (0, 1):
        raise SystemExit(f"{test} could not be run:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    return done.returncode == 1, last


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *test.split()],
        cwd=folder, capture_output=True, text=True, timeout=LONGEST_S,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )  # fmt: skip


def try_break(folder: Path, one: Break) -> bool:
    path = folder / one.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(one.old) != 1:
        print(f"STALE  {one.name}: its line stands {whole.count(one.old)} times in {one.file}", flush=True)
        return False
    path.write_text(whole.replace(one.old, one.new), encoding="utf-8")
    try:
        red, last = is_red(folder, one.test)
    finally:
        path.write_text(whole, encoding="utf-8")
    print(f"{'red   ' if red else 'GREEN '} {one.name}: {one.test.rpartition('/')[2]}: {last}", flush=True)
    return red


def main(arguments: list[str]) -> int:
    if "--list" in arguments:
        for one in BREAKS:
            print(f"{one.name}\n    {one.file}, noticed by {one.test}")
        return 0
    chosen = [one for one in BREAKS if all(word in f"{one.name} {one.file}" for word in arguments)]
    if not chosen:
        print("no such break; --list names them")
        return 2
    with tempfile.TemporaryDirectory(prefix="fenghuo-broken-") as folder:
        copied(Path(folder))
        for test in dict.fromkeys(one.test for one in chosen):
            red, last = is_red(Path(folder), test)
            if red:
                print(f"{test} is red without any break: {last}")
                return 1
        noticed = [try_break(Path(folder), one) for one in chosen]
    print(f"{sum(noticed)} of {len(chosen)} breaks were noticed")
    return 0 if all(noticed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
