"""A dispatch log replayed through the public API: every time to the second, blanks blank, nothing twice."""

from __future__ import annotations

import csv
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.fields import parse_instant
from server.rehearsal import replay
from server.rehearsal.dispatch_log import TIMES, BadLog, DispatchLog, zone_named
from server.rehearsal.retelling import Telling, commands_of
from tests.conftest import eventually
from tests.product import ROOT, FenghuoProcess

REAL = ROOT.parent / "shared" / "data" / "cad_sf_fire_2016" / "calls.csv"

COLUMNS = (
    "Call Number", "Unit ID", "Incident Number", "Call Type", *TIMES[:7], "Call Final Disposition", TIMES[7],
    "Address", "City", "Unit Type", "Neighborhood  District", "Location", "RowID",
)  # fmt: skip
EVENING = "03/02/2026 "
MORNING = "03/03/2026 "

# Invented. Two units at a kitchen fire over midnight, one of whom turned back; a call of which little was
# written down; a fall with an ambulance whose hospital time stands before it left; and a kind nobody knows.
ROWS: list[dict[str, str]] = [
    {"Incident Number": "700002", "Unit ID": "M7", "Unit Type": "MEDIC", "Call Type": "Medical Incident",
     "Received DtTm": MORNING + "08:00:10 AM", "Entry DtTm": MORNING + "08:00:40 AM",
     "Dispatch DtTm": MORNING + "08:01:00 AM", "Response DtTm": MORNING + "08:02:30 AM",
     "On Scene DtTm": MORNING + "08:09:59 AM", "Transport DtTm": MORNING + "08:31:00 AM",
     "Hospital DtTm": MORNING + "08:30:00 AM", "Available DtTm": MORNING + "08:55:00 AM",
     "Address": '"The Beacon", 7 Tower St', "Location": "(39.935001, 119.600002)"},
    {"Incident Number": "700001", "Unit ID": "E1", "Unit Type": "ENGINE", "Call Type": "Structure Fire",
     "Received DtTm": EVENING + "11:52:05 PM", "Entry DtTm": EVENING + "11:52:50 PM",
     "Dispatch DtTm": EVENING + "11:53:00 PM", "Response DtTm": EVENING + "11:54:10 PM",
     "On Scene DtTm": EVENING + "11:59:59 PM", "Available DtTm": MORNING + "12:48:01 AM",
     "Address": "3000 Block of HARBOUR AVE", "Location": "(39.90, 119.61)"},
    {"Incident Number": "700003", "Unit ID": "K1", "Unit Type": "", "Call Type": "Kite In Tree",
     "Received DtTm": MORNING + "09:00:00 AM", "Address": "", "Location": ""},
    {"Incident Number": "700001", "Unit ID": "T2", "Unit Type": "TRUCK", "Call Type": "Structure Fire",
     "Received DtTm": EVENING + "11:52:05 PM", "Entry DtTm": EVENING + "11:52:50 PM",
     "Dispatch DtTm": EVENING + "11:53:20 PM", "Available DtTm": EVENING + "11:53:10 PM",
     "Address": "3000 Block of HARBOUR AVE", "Location": "(39.90, 119.61)"},
]  # fmt: skip
ENTRIES, BLANKS, INTERVALS, BACKWARD = 8 + 6 + 1 + 4, 0 + 2 + 7 + 4, 7 + 5 + 0 + 3, 2


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for row in ROWS:
            writer.writerow({"City": "Testing", "RowID": f"{row['Incident Number']}-{row['Unit ID']}"} | row)
    return path


@pytest.fixture(scope="module")
def shared_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def fresh_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def play(desk: FenghuoProcess, file: Path, *options: str) -> int:
    return replay.main([str(file), "--url", desk.url, "--token", desk.tokens["Wu"], *options])


def figures(printed: str) -> dict[str, str]:
    """The summary's first figure under each of its words."""
    lines = (
        line.split(maxsplit=2) for line in printed.splitlines() if not line.startswith(("refused:", " "))
    )
    return {line[0]: line[1] for line in lines if len(line) > 1}


def incident_of(desk: FenghuoProcess, title: str) -> Any:
    found = desk.ask("Wu", "incidents", state="all", q=title)["incidents"]
    assert len(found) == 1, found
    return desk.ask("Wu", f"incidents/{found[0]['id']}")


def test_every_time_of_the_file_stands_on_the_desk_to_the_second(
    shared_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str]
):
    assert play(shared_desk, sample) == 0
    said = figures(capsys.readouterr().out)
    assert said["entries"] == str(ENTRIES)
    assert said["intervals"] == str(INTERVALS)
    assert said["blanks"] == str(BLANKS)
    assert said["backward"] == str(BACKWARD)
    assert said["mismatches"] == "0"

    fire = incident_of(shared_desk, "HARBOUR AVE")
    assert fire["category"] == "fire_accident/structure"
    assert fire["drill"] is True
    assert (fire["place"]["lon"], fire["place"]["lat"]) == (119.61, 39.90)
    assert fire["known_at"] == "2026-03-02T15:52:05.000Z"  # 23:52:05 in Beijing
    assert fire["state"] == "closed"
    assert fire["closed_at"] == "2026-03-02T16:48:01.000Z"  # past midnight there
    on_scene = next(entry for entry in fire["entries"] if "On Scene DtTm" in entry.get("text", ""))
    assert (on_scene["kind"], on_scene["happened_at"]) == ("arrival", "2026-03-02T15:59:59.000Z")
    assert "E1" in on_scene["text"]
    assert "到场" in on_scene["text"]


def test_a_blank_stays_blank_and_a_call_that_nobody_ended_stays_open(
    shared_desk: FenghuoProcess, sample: Path
):
    assert play(shared_desk, sample) == 0
    kite = incident_of(shared_desk, "Kite In Tree")
    assert kite["state"] == "open"
    assert kite["category"] == "other"
    assert "lon" not in kite["place"]
    assert [entry["kind"] for entry in kite["entries"] if "entry_id" in entry] == ["call_in"]


def test_a_step_that_runs_backwards_is_kept_and_says_so(shared_desk: FenghuoProcess, sample: Path):
    assert play(shared_desk, sample) == 0
    fall = incident_of(shared_desk, "Beacon")
    flagged = [entry for entry in fall["entries"] if "时间倒序" in entry.get("text", "")]
    assert [entry["happened_at"] for entry in flagged] == ["2026-03-03T00:30:00.000Z"]
    assert "60秒" in flagged[0]["text"]
    assert flagged[0]["words"] == (
        "Transport DtTm 03/03/2026 08:31:00 AM; Hospital DtTm 03/03/2026 08:30:00 AM"
    )


def test_replayed_again_nothing_happens_twice(
    shared_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str]
):
    assert play(shared_desk, sample) == 0
    head = shared_desk.ask("Wu", "log", limit=1)["head"]
    told = capsys.readouterr().out
    assert play(shared_desk, sample) == 0
    again = figures(capsys.readouterr().out)
    assert again["answered"] == figures(told)["told"]  # all of it was known already
    assert shared_desk.ask("Wu", "log", limit=1)["head"] == head


def test_what_somebody_changed_on_the_desk_is_found(
    fresh_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str]
):
    assert play(fresh_desk, sample) == 0
    fire = incident_of(fresh_desk, "HARBOUR AVE")
    entry = next(entry for entry in fire["entries"] if "entry_id" in entry)
    struck = {"incident_id": fire["id"], "entry_id": entry["entry_id"], "reason": "记错了"}
    assert fresh_desk.tell("Wu", "strike-entry", struck).status_code == 200
    capsys.readouterr()
    assert play(fresh_desk, sample) == 1
    printed = capsys.readouterr().out
    assert figures(printed)["mismatches"] == "1"
    assert f"differs: 700001-E1 {TIMES[0]}" in printed


def test_told_in_another_way_it_is_another_replay(shared_desk: FenghuoProcess, sample: Path):
    log = DispatchLog(sample)
    one, other = (Telling("130300", "130300", drill, "Asia/Shanghai") for drill in (True, False))
    ids = [{body["command_id"] for call in log.calls() for _, (_, body) in commands_of(call, telling)}
           for telling in (one, other)]  # fmt: skip
    assert ids[0].isdisjoint(ids[1])
    assert len(ids[0]) == 3 + ENTRIES + 2


def test_with_now_the_first_call_comes_in_now_and_the_rest_as_fast_as_asked(
    shared_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str]
):
    began = datetime.now(UTC)
    assert play(shared_desk, sample, "--now", "--speed", "40000", "--division", "130324") == 0
    ended = datetime.now(UTC)
    assert figures(capsys.readouterr().out)["mismatches"] == "0"
    place = shared_desk.ask("Wu", "incidents", state="all", unit="130324")["incidents"]
    known = sorted(parse_instant(incident["known_at"]) for incident in place)
    assert began - timedelta(seconds=1) <= known[0]
    assert known[-1] <= ended
    # nine hours and eight minutes of the file in three quarters of a second
    assert abs((known[-1] - known[0]).total_seconds() - 32875 / 40000) < 0.01


def test_a_desk_that_is_killed_in_between_still_ends_up_with_all_of_it(
    fresh_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str]
):
    ended: list[int] = []
    player = threading.Thread(target=lambda: ended.append(play(fresh_desk, sample, "--speed", "9000")))
    player.start()  # three and a half seconds
    eventually(lambda: fresh_desk.ask("Wu", "incidents", state="all")["incidents"])
    fresh_desk.kill9()
    fresh_desk.start()
    player.join(timeout=40)
    assert ended == [0]
    assert figures(capsys.readouterr().out)["mismatches"] == "0"
    assert fresh_desk.fenghuo("verify").stdout.startswith("ok: ")


def test_rows_of_an_incident_may_stand_anywhere_in_the_file(sample: Path):
    log = DispatchLog(sample)
    calls = list(log.calls())
    assert [call.number for call in calls] == ["700001", "700002", "700003"]  # as they came in
    assert [turnout.unit for turnout in calls[0].turnouts] == ["E1", "T2"]
    assert calls[1].address == '"The Beacon", 7 Tower St'
    assert [call.number for call in log.calls(1)] == ["700001"]


def test_local_times_are_read_in_the_zone_that_is_named(sample: Path):
    there = next(DispatchLog(sample, zone_named("-08:00")).calls(1))
    here = next(DispatchLog(sample, zone_named("Asia/Shanghai")).calls(1))
    assert there.received_at - here.received_at == timedelta(hours=16)
    with pytest.raises(ValueError, match="no time zone"):
        zone_named("Mars/Olympus")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column Incident Number"),
        (",".join(COLUMNS) + "\n" + "x," * 3 + "\n", "too few"),
        (",".join(COLUMNS) + "\n1,E1,1,Fire,yesterday" + "," * 13 + "\n", "is no time: 'yesterday'"),
        (",".join(COLUMNS) + "\n1,E1,1,Fire" + "," * 14 + "\n", "no time at all"),
    ],
)
def test_what_is_no_dispatch_log_is_refused_by_line_and_reason(tmp_path: Path, text: str, complaint: str):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(BadLog, match=complaint):
        list(DispatchLog(path).calls())


def test_who_forgets_something_is_told_what(
    shared_desk: FenghuoProcess, sample: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
):
    monkeypatch.delenv("FENGHUO_TOKEN", raising=False)
    assert replay.main([str(sample), "--url", shared_desk.url]) == 1
    assert "FENGHUO_TOKEN" in capsys.readouterr().err
    assert replay.main([str(sample), "--url", shared_desk.url, "--token", "nonsense"]) == 1
    assert "401" in capsys.readouterr().err
    assert play(shared_desk, sample, "--now") == 1
    assert "--speed" in capsys.readouterr().err
    assert play(shared_desk, sample.with_name("missing.csv")) == 1
    assert "missing.csv" in capsys.readouterr().err
    assert play(shared_desk, sample, "--division", "999999") == 1
    assert "refuses all of it" in capsys.readouterr().err
    asked = [str(sample), "--url", shared_desk.url, "--token", shared_desk.tokens["Zhao"]]
    assert replay.main(asked) == 1  # 领导席 may read, but not write
    assert "403" in capsys.readouterr().err


def test_the_script_runs_from_anywhere(shared_desk: FenghuoProcess, sample: Path):
    done = subprocess.run(
        [ROOT / "scripts" / "replay", sample.name, "--url", shared_desk.url],
        cwd=sample.parent,
        env={**os.environ, "FENGHUO_TOKEN": shared_desk.tokens["Wu"]},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert figures(done.stdout)["mismatches"] == "0"
    assert "told 100 %" in done.stderr


def test_a_real_dispatch_log_comes_back_to_the_second(
    fresh_desk: FenghuoProcess, capsys: pytest.CaptureFixture[str]
):
    if not REAL.exists():
        pytest.skip("no real dispatch log in ../shared/data: tested with invented rows only")
    assert play(fresh_desk, REAL, "--limit", "60") == 0
    said = figures(capsys.readouterr().out)
    assert said["mismatches"] == "0"
    assert int(said["entries"]) > 400
