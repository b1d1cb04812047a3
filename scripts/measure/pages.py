"""Every page of a desk with hundreds of open incidents: what a first load brings, and the server's time.

A first load is the page and everything it names, as it travels (compressed where the server does that):
sheets, scripts and what they import, pictures. What a script asks for when the page is there (`import()`)
comes later, and is counted apart. `zstd_kb`: the same for browsers that know zstd, as they do since 2024.
Server time: from sending a request over a kept connection
on loopback to its last byte.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2

from measure.desk import CITY, COUNTIES, start_desk
from measure.figures import quantile
from tests import words
from tests.product import FenghuoProcess

Say = Callable[[str], None]
MOST_BYTES, MOST_MS = 200_000, 100.0
TITLES = {
    "pages": f"Pages with open incidents: a first load (goal {MOST_BYTES // 1000} kB), server time in ms "
    f"(goal p95 {MOST_MS:g})"
}
COLUMNS = {"pages": ("page", "kb", "zstd_kb", "later_kb", "files", "html_kb", "p50_ms", "p95_ms", "within")}
_NAMED = re.compile(
    r"""<(?:link[^>]*\bhref|script[^>]*\bsrc|img[^>]*\bsrc)="([^"]+)"|\bdata-actions="([^"]+)\""""
)
_IMPORTED = re.compile(r"""(?:^|[;\n])\s*(?:import|export)\b[^;(]*?["'](\.[^"']+)["']""")
_LATER = re.compile(r"""\bimport\(["'](\.[^"']+)["']\)""")
_OF_A_SHEET = re.compile(r"""url\(["']?([^"')]+)["']?\)""")


def measure(folder: Path, *, still_open: int, rounds: int, say: Say) -> dict[str, Any]:
    desk = start_desk(folder / "pages")
    try:
        say(f"bench: {still_open} incidents are opened")
        paths = _furnish(desk, still_open)
        say(f"bench: {len(paths)} pages, {rounds} times each")
        return {"pages": [_row(desk, path, rounds) for path in paths]}
    finally:
        desk.stop()


def _furnish(desk: FenghuoProcess, still_open: int) -> list[str]:
    ids = [words.new_id() for _ in range(still_open)]
    commands = []
    for number, one in enumerate(ids):
        county = COUNTIES[number % len(COUNTIES)]
        body = words.open_incident(
            incident_id=one,
            title=f"第{number}起",
            place={"division": county, "text": f"演练场{number}号"},
            known_at=words.just_now(60 + number),
            known_by=county,
            occurred_at=...,
            occurred_precision=...,
            facts={"dead": number % 12, "injured": number % 5},
        )
        commands.append({"name": "open-incident", "body": body})
    for start in range(0, len(commands), 50):
        answer = desk.phone(CITY).post("/api/v1/commands", json={"commands": commands[start : start + 50]})
        assert answer.status_code == 200, answer.text
    one, report = ids[0], words.new_id()
    for number in range(100):
        _told(desk, "add-entry", words.add_entry(one, f"第{number}条", happened_at=words.just_now(number)))
    _told(desk, "draft-report", words.draft_report(one, report_id=report))
    incident = f"/incidents/{one}"
    return [
        "/sign-in", "/", incident, f"{incident}/reports/{report}", "/incidents", "/roster", "/handover",
        "/roll-call", "/statistics", "/exports", "/account", "/keys", "/wall",
    ]  # fmt: skip


def _told(desk: FenghuoProcess, name: str, body: dict[str, Any]) -> None:
    answer = desk.tell(CITY, name, body)
    assert answer.status_code == 200, answer.text


def _row(desk: FenghuoProcess, path: str, rounds: int) -> dict[str, Any]:
    with desk.client(None if path == "/sign-in" else CITY) as client:
        client.headers["Accept-Encoding"] = "gzip, br"
        answer = client.get(path)
        if answer.status_code != 200:  # a page that needs a person, not a program
            client.cookies = _signed_in(desk)
            del client.headers["Authorization"]
            answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        files, later = _first_load(client, desk.url + path)
        client.headers["Accept-Encoding"] = "gzip, br, zstd"
        by_zstd, _ = _first_load(client, desk.url + path)
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            took.append((time.perf_counter() - began) * 1e3)
    total, slow = sum(files.values()), quantile(took, 0.95)
    return {
        "page": re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path),
        "kb": round(total / 1e3, 1),
        "zstd_kb": round(sum(by_zstd.values()) / 1e3, 1),
        "later_kb": round(sum(later.values()) / 1e3, 1),
        "files": len(files),
        "html_kb": round(files[desk.url + path] / 1e3, 1),
        "p50_ms": round(quantile(took, 0.5), 1),
        "p95_ms": round(slow, 1),
        "within": "yes" if total <= MOST_BYTES and slow <= MOST_MS else "NO",
    }


def _signed_in(desk: FenghuoProcess) -> httpx2.Cookies:
    from tests.product import PASSWORD

    with desk.client() as client:
        said = {"name": CITY, "password": PASSWORD, "next": "/"}
        client.post("/sign-in", data=said, headers={"Origin": desk.url})
        return client.cookies


def _first_load(client: httpx2.Client, address: str) -> tuple[dict[str, int], dict[str, int]]:
    """What travels, by address; and what is asked for when the page is there."""
    found: dict[str, int] = {}
    at_the_end: list[str] = []
    waiting = [address]
    first: dict[str, int] = {}
    while waiting or at_the_end:
        if not waiting:
            first, waiting, at_the_end = first or dict(found), at_the_end, []
        one = waiting.pop()
        if one in found:
            continue
        with client.stream("GET", one) as answer:
            found[one] = sum(len(piece) for piece in answer.iter_raw())
        if answer.status_code == 200:
            whole = client.get(one)
            waiting += _names(one, whole)
            if "javascript" in whole.headers.get("content-type", ""):
                at_the_end += [urljoin(one, name) for name in _LATER.findall(whole.text)]
    first = first or found
    return first, {name: size for name, size in found.items() if name not in first}


def _names(address: str, answer: httpx2.Response) -> Iterator[str]:
    kind = answer.headers.get("content-type", "")
    if "html" in kind:
        which = _NAMED
    elif "javascript" in kind:
        which = _IMPORTED
    elif "css" in kind:
        which = _OF_A_SHEET
    else:
        return
    for groups in which.findall(answer.text):
        for name in [groups] if isinstance(groups, str) else groups:
            if name and not name.startswith("data:"):
                yield urljoin(address, name)
