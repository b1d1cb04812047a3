"""Faults made on purpose, and the history that tells what they did to the record (reliability.md 8).

Every command of a history is `ok` (answered with 2xx), `refused` (4xx) or `unknown` (no answer). The checker
decides: ok stands in the log exactly once, unknown at most once, refused never. The short forms run as tests,
the long ones by `scripts/drill`.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from server.record.ledger import canonical
from tests import words
from tests.product import FenghuoProcess
from tests.swarm import Ear, Swarm
from tests.waiting import wait_until

PAUSE = 0.02  # seconds before a command without an answer is sent again
MOST_PER_PAGE = 1_000

#: Who writes in a siege, and where their incidents lie.
CLERKS = (
    ("Wu", "130302"), ("Li", "130324"), ("Qin", "130321"), ("Li", "130324105"),
    ("Wu", "130303"), ("Qin", "130321"), ("Li", "130324"), ("Qin", "130321"),
)  # fmt: skip


@dataclass
class Said:
    """One command of a history. `mark` stands in its verbatim words, whatever its ids are."""

    mark: str
    who: str
    name: str
    body: dict[str, Any]
    outcome: Literal["ok", "refused", "unknown"] = "unknown"
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    answered_at: float = 0.0
    took_s: float = 0.0  # the try that was answered


class Clerk:
    """Writes command after command over one connection, and sends again what got no answer.

    `keyed`: a resent command is the same command. Without it, as a program would that knows of no idempotency
    key, everything is sent under new ids. `loses` is how often an answer is lost on its way; `gives_up` how
    often a lost one is not asked for again.
    """

    def __init__(
        self,
        desk: FenghuoProcess,
        who: str,
        division: str,
        seed: int,
        *,
        keyed: bool = True,
        loses: float = 0.05,
        gives_up: float = 0.2,
    ) -> None:
        self.history: list[Said] = []
        self._desk, self._who, self._division = desk, who, division
        self._random = random.Random(seed)
        self._seed, self._keyed, self._loses, self._gives_up = seed, keyed, loses, gives_up
        self._connection: http.client.HTTPConnection | None = None
        self._incidents: list[tuple[str, list[int]]] = []  # id and how many dead were last reported

    def write_until(self, stop: threading.Event, pace: float = 0.0) -> None:
        while not stop.is_set():
            self.write(stop)
            if pace:
                stop.wait(pace)
        if self._connection is not None:
            self._connection.close()

    def write(self, stop: threading.Event) -> Said:
        """One command, sent until it is answered, given up, or nobody wants to know any more."""
        said = self._next()
        self.history.append(said)
        while True:
            said.tries += 1
            is_lost = self._random.random() < self._loses
            began = time.monotonic()
            try:
                status, answer = self._post(said, is_lost)
            except (OSError, http.client.HTTPException) as failure:
                self._connection = None
                was_sent = not isinstance(failure, ConnectionRefusedError)
                if stop.is_set() or (was_sent and self._random.random() < self._gives_up):
                    return said
                stop.wait(PAUSE)
                self._renew(said)
                continue
            if status in (429, 503, 507):
                if stop.is_set():
                    return said
                stop.wait(PAUSE)
                continue
            said.outcome = "ok" if status == 200 else "refused"
            said.answer = answer
            said.answered_at = time.monotonic()
            said.took_s = said.answered_at - began
            if said.outcome == "ok" and said.name == "open-incident":
                self._incidents.append((said.body["incident_id"], [0]))
            return said

    def _renew(self, said: Said) -> None:
        if not self._keyed:
            for name in ("command_id", "entry_id"):
                if name in said.body:
                    said.body[name] = words.new_id()
            if said.name == "open-incident":
                said.body["incident_id"] = words.new_id()

    def _post(self, said: Said, is_lost: bool) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._desk.host, self._desk.port, timeout=20)
        headers = {
            "Authorization": f"Bearer {self._desk.tokens[said.who]}",
            "Content-Type": "application/json",
        }
        self._connection.request("POST", f"/api/v1/commands/{said.name}", json.dumps(said.body), headers)
        if is_lost:
            self._connection.close()
            raise ConnectionResetError("the answer is lost on its way")
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def _next(self) -> Said:
        mark = words.new_id()
        roll = self._random.random()
        if not self._incidents or roll < 0.08:
            place = {"division": self._division, "text": "围城演习"}
            known_at = words.just_now(600)
            body = words.open_incident(
                place=place, known_at=known_at, known_by="130300", occurred_at=..., occurred_precision=...
            )
            return Said(mark, self._who, "open-incident", body | {"words": mark})
        incident_id, dead = self._random.choice(self._incidents)
        if roll < 0.16:
            dead[0] += 1
            body = words.establish_facts(incident_id, known_at=words.just_now(), dead=dead[0])
            return Said(mark, self._who, "establish-facts", body | {"words": mark})
        if roll < 0.20:
            body = words.judge_level(incident_id, "larger", judged_at=words.just_now())
            return Said(mark, self._who, "judge-level", body | {"words": mark})
        if roll < 0.24:  # there is no such entry: refused, whatever happens to the desk
            body = {"command_id": words.new_id(), "incident_id": incident_id}
            body |= {"entry_id": words.new_id(), "reason": "没有这一条", "words": mark}
            return Said(mark, self._who, "strike-entry", body)
        body = words.add_entry(incident_id, f"第 {len(self.history)} 条", happened_at=words.just_now())
        return Said(mark, self._who, "add-entry", body | {"words": mark})


@contextmanager
def writing(clerks: Sequence[Clerk], pace: float = 0.0) -> Iterator[Callable[[], int]]:
    """The clerks write while the block runs. Gives a count of the commands answered so far."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(clerks)) as room:
        futures = [room.submit(clerk.write_until, stop, pace) for clerk in clerks]
        try:
            yield lambda: sum(said.outcome == "ok" for clerk in clerks for said in list(clerk.history))
        finally:
            stop.set()
        for future in futures:
            future.result()


def wait_for_more(answered: Callable[[], int], more: int) -> None:
    """Until so many more commands were answered."""
    until = answered() + more
    wait_until(lambda: answered() >= until, within=30)


def besiege(desk: FenghuoProcess, *, kills: int, seed: int, keyed: bool = True) -> list[Said]:
    """Eight clerks write while the desk is killed and started again so many times; all they said."""
    chance = random.Random(seed)
    clerks = [
        Clerk(desk, who, division, seed * 100 + number, keyed=keyed)
        for number, (who, division) in enumerate(CLERKS)
    ]
    with writing(clerks) as answered:
        for _kill in range(kills):
            wait_for_more(answered, chance.randint(10, 200))
            desk.kill9()
            desk.start()
        wait_for_more(answered, 20)
    return [said for clerk in clerks for said in clerk.history]


@dataclass
class Account:
    """What became of a history. All is well when `wrong` is empty."""

    ok: int = 0
    refused: int = 0
    unknown: int = 0
    unknown_stored: int = 0
    resent: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"acked {self.ok}, unknown {self.unknown} (stored {self.unknown_stored}), "
            f"refused {self.refused}, resent {self.resent}; doubled {self.doubled}, wrong {len(self.wrong)}"
        )


def account(desk: FenghuoProcess, history: Sequence[Said]) -> Account:
    """Compare what was answered with what stands in the log, and each answer with the place it names."""
    found = Account()
    city = whole_log(desk, "Wu")
    stored = Counter(entry["words"] for entry in city if "words" in entry)
    for said in history:
        times = stored.pop(said.mark, 0)
        found.resent += said.tries > 1
        found.doubled += times > 1
        if said.outcome == "ok":
            found.ok += 1
            if times != 1:
                found.wrong.append(f"{said.name} {said.mark} was acknowledged and is stored {times} times")
        elif said.outcome == "unknown":
            found.unknown += 1
            found.unknown_stored += times
            if times > 1:
                found.wrong.append(f"{said.name} {said.mark} had no answer and is stored {times} times")
        else:
            found.refused += 1
            if times:
                found.wrong.append(f"{said.name} {said.mark} was refused and is stored: {said.answer}")
            if said.name != "strike-entry":
                found.wrong.append(f"{said.name} {said.mark} was refused: {said.answer}")
    found.wrong += [f"nobody said {mark}" for mark in stored]
    logs = {"Wu": city, **{who: whole_log(desk, who) for who in {said.who for said in history} - {"Wu"}}}
    for said in history:
        if said.outcome == "ok" and not _is_at(logs[said.who], said):
            found.wrong.append(f"{said.mark} is not where its answer says: {said.answer}")
    return found


def _is_at(log: Sequence[dict[str, Any]], said: Said) -> bool:
    """Whether the offset of the answer names an entry of this command: its own or one that followed."""
    offset = said.answer["offset"]
    if not 1 <= offset <= len(log):
        return False
    own = [n for n, entry in enumerate(log[:offset], start=1) if entry.get("words") == said.mark]
    return len(own) == 1 and all(entry["by"] == "fenghuo" for entry in log[own[0] : offset])


def whole_log(desk: FenghuoProcess, who: str) -> list[dict[str, Any]]:
    """A person's stream from its first entry to its head, which is checked to be dense."""
    entries: list[dict[str, Any]] = []
    with desk.client(who) as client:
        while True:
            query = {"after": len(entries), "limit": MOST_PER_PAGE}
            page = client.get("/api/v1/log", params=query).raise_for_status().json()
            entries += page["entries"]
            if len(entries) >= page["head"]:
                break
            assert page["entries"], f"{who}'s stream ends at {len(entries)}, its head is {page['head']}"
    assert [entry["offset"] for entry in entries] == list(range(1, len(entries) + 1))
    return entries


def ask_again(desk: FenghuoProcess, history: Sequence[Said], most: int = 100) -> list[str]:
    """Send acknowledged commands once more; what is wrong with the answers."""
    wrong = []
    acked = [said for said in history if said.outcome == "ok"]
    with desk.client() as client:
        for said in acked[:: max(1, len(acked) // most)]:
            answer = client.post(
                f"/api/v1/commands/{said.name}",
                json=said.body,
                headers={"Authorization": f"Bearer {desk.tokens[said.who]}"},
            )
            expected = {**said.answer, "replayed": True}
            if answer.status_code != 200 or answer.json() != expected:
                wrong.append(f"{said.mark}: {answer.status_code} {answer.text}, first {said.answer}")
    return wrong


# --- listeners that are dropped ---------------------------------------------------------------------------

#: Who listens in a storm, by name and how many of a hundred.
LISTENERS = (("Wu", 30), ("Li", 25), ("Qin", 25), ("Zhao", 10), ("He", 10))
#: Where the clerks of a storm write: each county only about itself, the city about a third one.
STORM_CLERKS = (("Li", "130324"), ("Qin", "130321"), ("Wu", "130302"))
UNITS = {"Wu": "130300", "Zhao": "130300", "Li": "130324", "Qin": "130321", "He": "130300-qx"}
HOW = ("reset", "close", "goodbye", "freeze")


@dataclass
class Storm:
    """What was heard and said while listeners were dropped."""

    swarm: Swarm
    history: list[Said]
    logs: dict[str, list[dict[str, Any]]]  # by person, as the log has them
    drops: int = 0
    wrong: list[str] = field(default_factory=list)


def refetching(desk: FenghuoProcess) -> Callable[[Ear, int, int], Iterator[bytes]]:
    """How an ear that is sent to read the state again does it: from the log of its unit."""

    def refetch(ear: Ear, after: int, head: int) -> Iterator[bytes]:
        with desk.client(ear.token) as client:
            while after < head:
                query = {"after": after, "limit": MOST_PER_PAGE}
                page = client.get("/api/v1/log", params=query).raise_for_status().json()
                for entry in page["entries"]:
                    if entry["offset"] <= head:
                        yield as_heard(entry)
                after += len(page["entries"])

    return refetch


def storm(desk: FenghuoProcess, *, listeners: int, drops: int, entries: int, seed: int) -> Storm:
    """Listeners are dropped at random moments while clerks write; then everybody may catch up."""
    chance = random.Random(seed)

    swarm = Swarm(desk.port, refetch=refetching(desk))
    for who, share in LISTENERS:
        for _ in range(max(1, listeners * share // 100)):
            swarm.add(UNITS[who], desk.tokens[who])
    clerks = [
        Clerk(desk, who, division, seed * 100 + number, loses=0.0)
        for number, (who, division) in enumerate(STORM_CLERKS)
    ]
    found = Storm(swarm, [], {})
    frozen: list[Ear] = []
    with writing(clerks) as answered:
        while (done := answered()) < entries or found.drops < drops:
            swarm.poll(0.005)
            if found.drops < drops and found.drops * entries <= done * drops * chance.uniform(0.8, 1.2):
                found.drops += 1
                if frozen and chance.random() < 0.7:
                    swarm.drop(frozen.pop(), "reset")
                ear, how = chance.choice(swarm.ears), chance.choice(HOW)
                if how == "freeze":
                    swarm.freeze(ear)
                    frozen.append(ear)
                else:
                    swarm.drop(ear, how)
    for ear in frozen:
        swarm.thaw(ear)
    found.history = [said for clerk in clerks for said in clerk.history]
    found.logs = {who: whole_log(desk, who) for who in UNITS}
    heads = {UNITS[who]: len(log) for who, log in found.logs.items()}

    def all_heard() -> bool:
        swarm.poll(0)
        return not swarm.behind(heads)

    try:
        wait_until(all_heard, within=30)
    except AssertionError:
        found.wrong = [f"{ear.group} stays at {ear.last}" for ear in swarm.behind(heads)]
    found.wrong += [*swarm.faults, *_misheard(found)]
    swarm.close()
    return found


def as_heard(entry: dict[str, Any]) -> bytes:
    """An entry of a page of the log, as the bytes that the socket sends."""
    body = canonical({name: value for name, value in entry.items() if name not in ("type", "offset")})
    return b'{"type":"entry","offset":%d,' % entry["offset"] + body[1:]


def _misheard(found: Storm) -> list[str]:
    """Whether what was heard is the log, and nothing of what was said about others."""
    wrong = []
    secrets = {who: _secrets(found, who) for who, _division in STORM_CLERKS}
    for who, log in found.logs.items():
        heard = found.swarm.heard[UNITS[who]]
        # the clock may have written more since the log was read
        if heard.entries[: len(log)] != [as_heard(entry) for entry in log]:
            wrong.append(f"{who} heard something else than the log of {UNITS[who]} has")
        if max(heard.heads, default=0) > len(heard.entries):
            wrong.append(f"{who} was told of {max(heard.heads)} entries and has {len(heard.entries)}")
        if UNITS[who] == "130300":
            continue
        said = b"\n".join([*heard.entries, *heard.others])
        for other, words_of_others in secrets.items():
            if UNITS[other] != UNITS[who]:
                wrong += [f"{who} heard of {other}'s {word!r}" for word in words_of_others if word in said]
    return wrong


def _secrets(found: Storm, who: str) -> set[bytes]:
    """Every id, number, title and text of one clerk, as bytes that nobody else may hear."""
    told: set[str] = set()
    for said in found.history:
        if said.who == who:
            told |= {value for name, value in said.body.items() if name.endswith("_id")} | {said.mark}
            told |= {said.answer["number"]} if "number" in said.answer else set()
    return {word.encode() for word in told}
