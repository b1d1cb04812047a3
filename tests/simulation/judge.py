"""What must be true of a history, whatever happened in it (reliability.md 8, a to g)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from server.safekeeping.verify import verify_in
from tests.simulation.disk import Disk
from tests.simulation.world import CALM_S, Outcome, World, live_through

STAGES = ("obligation_overdue", "obligation_due_soon", "prompt_due", "order_overdue")


def judged(seed: int, disk: Disk) -> Outcome:
    """Live through a seed, and say what was wrong with it."""
    world = live_through(seed, disk)
    found = Outcome(seed, world.trace_hash(), world.wrong, world.faults)
    entries = _entries(disk)
    found.entries = len(entries)
    _liveness(world)
    _history(world, entries, found)
    _painted(world)
    _streams(world, entries)
    _stages(world, entries)
    with disk.engine.connect() as connection, connection.begin():
        world.wrong += [f"verify: {fault}" for fault in verify_in(connection).faults[:5]]
    found.seconds = world.calm_s
    return found


def _entries(disk: Disk) -> list[dict[str, Any]]:
    rows = disk._raw.execute("SELECT seq, restricted, body FROM entry ORDER BY seq").fetchall()
    return [{**orjson.loads(body), "seq": seq, "hidden": bool(hidden)} for seq, hidden, body in rows]


def _liveness(world: World) -> None:
    if not world.is_level:
        behind = [f"{guest.name} {guest.last}/{world.disk.head(guest.unit)}" for guest in world.guests]
        world.wrong.append(
            f"not level {CALM_S:g} s after the last fault: {behind}, overdue {world.still_overdue}"
        )


def _history(world: World, entries: list[dict[str, Any]], found: Outcome) -> None:
    stored = Counter(entry["words"] for entry in entries if "words" in entry)
    for writer in world.writers:
        stream = world.disk.truth.get(writer.author.unit, [])
        for said in writer.history:
            times = stored.pop(said.mark, 0)
            if said.outcome == "ok":
                found.acked += 1
                if times == 0 and said.name == "share-incident":
                    continue  # that unit saw it already: done, and nothing to write down
                if times != 1:
                    world.wrong.append(f"{said.name} was acknowledged and is stored {times} times")
                offset = said.answer["offset"]
                if said.answer["epoch"] == world.epoch and not _tells(stream, offset, said.mark):
                    world.wrong.append(f"{said.name} is not where its answer says: {offset}")
            elif said.outcome == "unknown" and times > 1:
                world.wrong.append(f"{said.name} had no answer and is stored {times} times")
            elif said.outcome == "refused" and times:
                world.wrong.append(f"{said.name} was refused and is stored: {said.answer}")
            if said.outcome == "refused":
                found.refusals[said.answer["code"]] += 1
                if said.answer["code"] == "command-id-reused" or said.answer["code"].endswith("-exists"):
                    world.wrong.append(f"{said.name} was taken for another: {said.answer['code']}")
    world.wrong += [f"nobody said {mark}" for mark in stored]


def _tells(stream: list[bytes], offset: int | None, mark: str) -> bool:
    """Whether the entry there is of this command: its own, or one that the clock made of it."""
    if offset is None or not 1 <= offset <= len(stream):
        return False
    for body in reversed(stream[:offset]):
        entry = orjson.loads(body)
        if entry.get("words") == mark:
            return True
        if entry["by"] != "fenghuo" and "command_id" in entry:
            return False
    return False


def _painted(world: World) -> None:
    for guest in world.guests:
        truth = world.disk.truth.get(guest.unit, [])
        if world.is_level and guest.painted != truth:
            world.wrong.append(f"{guest.name} shows something else than stream {guest.unit}")


def _streams(world: World, entries: list[dict[str, Any]]) -> None:
    """Each unit's stream carries the incidents that it may see, whole and in order, and nothing else."""
    seen: dict[str, set[str]] = {}
    by_incident: dict[str | None, list[dict[str, Any]]] = {}
    for entry in entries:
        by_incident.setdefault(entry.get("incident_id"), []).append(entry)
        event = entry["event"]
        if event["type"] in ("incident_opened", "incident_shared"):
            for unit in event["units"]:
                seen.setdefault(unit, set()).add(entry["incident_id"])
    for unit in {guest.unit for guest in world.guests}:
        told: dict[str | None, list[dict[str, Any]]] = {}
        for body in world.disk.truth.get(unit, []):
            entry = orjson.loads(body)
            told.setdefault(entry.get("incident_id"), []).append(entry)
        for incident_id, heard in told.items():
            if incident_id is None:
                continue
            if incident_id not in seen.get(unit, set()):
                world.wrong.append(f"{unit} was told of an incident that it may not see")
            whole = [_bare(entry) for entry in by_incident.get(incident_id, []) if not entry["hidden"]]
            if heard != whole:
                world.wrong.append(f"{unit} has not the whole of an incident: {len(heard)} of {len(whole)}")


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("seq", "hidden")}


def _stages(world: World, entries: list[dict[str, Any]]) -> None:
    """What time brings stands there once, and not before its time; the log's own time never falls."""
    stages = Counter()
    before = ""
    for entry in entries:
        event = entry["event"]
        if entry["recorded_at"] < before:
            world.wrong.append(f"entry {entry['seq']} is recorded before the one ahead of it")
        before = entry["recorded_at"]
        if event["type"] not in STAGES:
            continue
        key = (
            entry["incident_id"],
            event["type"],
            event.get("obligation_id"),
            event.get("stage"),
            event.get("what"),
        )
        stages[key] += 1
        is_early = entry["recorded_at"] < event["due_at"] and event["type"] != "obligation_due_soon"
        if is_early and not world.faults["clock stepped"]:
            world.wrong.append(f"{event['type']} stands there before its time")
    world.wrong += [f"{key[1]} stands there {times} times" for key, times in stages.items() if times > 1]
