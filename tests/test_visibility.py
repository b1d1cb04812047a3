"""Who sees what: units by place and sharing, posts by right. What one may not see leaves no trace anywhere.

The strongest question is asked of every route: are all answers to a neighbour, byte for byte, what they would
be if the county had never said a word?
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.routing import Mount, Route

from schemas.commands import COMMANDS
from schemas.scene import COMMANDS as SCENE_COMMANDS
from schemas.scene import SceneCommand
from server.record.store import StreamRow
from server.safekeeping.verify import verify
from tests import words
from tests.asked_of_the_map import ASKED_OF_THE_MAP, SAME_OF_THE_MAP
from tests.consultation_deeds import CONSULTED, consultation_deeds
from tests.deeds import ANSWERS, FIELD, ON_INCIDENTS, SPOT, good, opened, refused
from tests.room import CREW, Room
from tests.scene_deeds import SCENE_PAGES, good_scene, scene_deeds
from tests.uploads import receive
from tests.words import Body, new_id

UNIT_OF = {name: unit for name, _post, unit in CREW}
# What is asked of each GET route, with an incident in mind that the asker may not see. A route that has no
# row here fails the test: whoever adds one says what a stranger could hope to learn from it.
ASKED: dict[str, tuple[str, ...]] = ASKED_OF_THE_MAP | {
    "/api/v1/incidents": (
        "", "?state=all", "?state=closed", "?state=all&unit=130324", "?state=all&q=卢龙", "?state=all&q=LL-",
        "?state=all&category=hazmat", "?state=all&drill=true", "?level=major", "?limit=1",
    ),
    "/api/v1/incidents/{incident_id}": ("",), "/api/v1/log": ("", "?after=1", "?limit=1", "?after=1000000"),
    "/api/v1/obligations": (
        "", "?standing=running", "?standing=due_soon", "?standing=overdue", "?standing=met",
        "?standing=met_late", "?standing=excused", "?limit=1",
    ),
    "/api/v1/statistics/one-hour": tuple(
        f"?from=2020-01-01&to=2026-12-31&scope={scope}{unit}"
        for scope in ("final", "initial", "drill") for unit in ("", "&unit=130324")
    ),
    "/api/v1/field": ("", "?small=1"), "/api/v1/presence": ("", "?unit=130324"), "/search": ("", "?q=卢龙"),
    "/api/v1/search": ("?q=卢龙", "?q=1", "?q=举", "?q=氯&kind=incident", "?q=hazmat&unit=130324"),
    **dict.fromkeys(("/api/v1/me", "/api/v1/units", "/api/v1/field/book", "/", "/board", "/wall"), ("",)),
    "/incidents": ("", "?state=all", "?state=all&q=卢龙", "?state=all&unit=130324"), "/exports": ("",),
    **{f"/incidents/{{incident_id:uuid}}{part}": ("",) for part in ("", "/around", "/view", *CONSULTED)},
    "/incidents/{incident_id:uuid}/forms": ("",),
    "/incidents/{incident_id:uuid}/forms/{code}.pdf": ("?as_of=2020-01-01T00:00",),
    **{f"/incidents/{{incident_id:uuid}}{part}": ("",) for part in SCENE_PAGES},
    "/incidents/{incident_id:uuid}/news": ("", "?after=0"), "/devices": ("",), "/upstream": ("",),
    "/api/v1/outposts/seen": ("?incidents=00000000-0000-0000-0000-000000000000",),
    **dict.fromkeys((f"/incidents/{{incident_id:uuid}}/reports/{{report_id:uuid}}{part}"
        for part in ("", "/news", "/paper", "/report.docx", "/report.pdf")), ("",)),
    **dict.fromkeys((f"/export/{what}" for what in ("incidents", "obligations", "log", "roster", "roll-calls",
        "one-hour", "search")), ("?unit=130324&as=csv", "?as=json")),
    "/places": ("?q=卢龙",), "/duty-log": ("", "?day=2020-01-01"), "/wall/news": ("", "?after=0"),
    "/api/v1/incidents/{incident_id:uuid}/attachments/{attachment_id:uuid}": ("",),
    "/api/v1/incidents/{incident_id:uuid}/attachments/{attachment_id:uuid}/preview": ("",),
    "/statistics/incidents": ("?scope=final", "?scope=initial&unit=130324"),
    **{f"/statistics{part}": ("?as=pdf&from=2020-01-01", "?as=pdf&unit=130324") for part in ("", "/figures")},
    **{f"/api/v1/{what}": ("", "?unit=130324") for what in ("duty", "shifts", "statistics/roll-calls")},
    **{
        path: ("",)
        for path in (
            "/api/v1/roll-calls", "/duty/pieces", "/handover", "/handover/news", "/intake/drafts",
            "/roll-call", "/roll-call/news", "/roster", "/roster/news", "/upstream/line", "/channels",
            "/joint", "/joint/news", "/api/v1/joint-duties", "/wall/scenes",
        )
    },
}  # fmt: skip
#: Routes that say the same to everybody, or speak of the asker's own account only.
SAME_FOR_ALL = SAME_OF_THE_MAP | {
    "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/asyncapi.json", "/openapi.json",
    "/asyncapi.json", "/sign-in", "/invitation/{secret}", "/account", "/people", "/help/{topic}", "/keys",
    "/actions/{digest}", "/wall/waiting", "/wall/sw.js", "/carry", "/kinds", "/field", "/field/sw.js",
    "/field/manifest.webmanifest",
    "/embeds", "/embed/{panel:str}", "/frame/{embed_id:uuid}/{panel:str}",  # test_embeds.py walks all panels
}  # fmt: skip


def routes(room: Room) -> list[Route]:
    app: Any = room.app
    while not hasattr(app, "routes"):
        app = app.app
    return [route for route in app.routes if isinstance(route, Route) and not isinstance(route, Mount)]


def test_every_route_that_can_be_read_has_a_row_in_this_matrix(one_room: Room) -> None:
    read = {route.path for route in routes(one_room) if "GET" in (route.methods or ())}
    assert read - SAME_FOR_ALL == set(ASKED), "say in ASKED what a stranger could hope to learn from it"


def asked(
    room: Room, who: str, incident_id: str, by_id: bool = False
) -> Iterator[tuple[str, httpx2.Response]]:
    """Every question of the matrix, with an incident's id put in; or only those that have a place for it."""
    for path, queries in ASKED.items():
        if by_id and "{" not in path:
            continue
        for query in queries:
            url = re.sub(r"\{[^}]+\}", incident_id, path) + query
            yield url, room.request(who, "GET", url, follow_redirects=False)


def answers(room: Room, who: str, incident_id: str) -> dict[str, tuple[int, str]]:
    return {url: (answer.status_code, _lasting(answer.text)) for url, answer in asked(room, who, incident_id)}


def _lasting(text: str) -> str:
    """Without what differs from one page to the next by itself."""
    return re.sub(r"(nonce|csrf|clock[-_]age)[^ >]*", "", text)


def a_busy_day(room: Room, who: str, **over: Any) -> set[str]:
    """Everything that can happen to an incident happens to one. Returns the words and ids that tell of it."""
    mark = new_id()[:8]
    incident = words.open_incident(
        title=f"标题{mark}", category="hazmat", facts={"dead": 12, "missing": 1},
        source={"channel": "110", "name": f"报警人{mark}", "phone": f"139{mark}"},
        words=f"原话{mark}", **over,
    )  # fmt: skip
    one = incident["incident_id"]
    room.told(who, "open-incident", incident)
    entry, report, order = (
        words.add_entry(one, f"记事{mark}"),
        words.record_report(one, text=f"报告{mark}"),
        words.issue_order(one, "王三"),
    )  # fmt: skip
    said = {"incident_id": one}
    tip = {"channel": "tip", "name": f"举报人{mark}"}
    concealed = {**said, "concealed_by": f"瞒报{mark}", "basis": mark, "declared_at": words.at("10:00")}
    on_order = {**said, "order_id": order["order_id"], "at": words.at("09:30"), "text": f"收到{mark}"}
    duplicate = words.open_incident(title=f"重复{mark}", **over)
    paper, waste = words.draft_report(one, content={"title": f"快报{mark}"}), words.draft_report(one)
    on_paper = {**said, "report_id": paper["report_id"]}
    typed = [{"field": "body", "before": "", "after": f"正文{mark}"}]
    approved = {"approved_by": f"批准{mark}", "approved_at": words.at("09:10"), "way": "phone"}
    sent = {"send_id": new_id(), "recipient": "MEM", "means": "fax", "sent_at": words.at("09:12")}
    file = receive(room, one)
    deeds: list[tuple[str, Body]] = [
        ("add-entry", entry),
        ("strike-entry", {**said, "entry_id": entry["entry_id"], "reason": f"更正{mark}"}),
        ("establish-facts", words.establish_facts(one, "09:00", dead=14, source=tip)),
        ("judge-level", words.judge_level(one, "major", basis=f"依据{mark}")),
        ("judge-level", words.judge_level(one, "major", scale="final", basis=f"核定{mark}")),
        ("record-report", report),
        ("record-receipt", words.record_receipt(one, report["report_id"], received_by=f"签收{mark}")),
        ("draft-report", paper), ("edit-report", {**on_paper, "changes": typed}), ("submit-report", on_paper),
        ("return-report", {**on_paper, "reason": f"退回{mark}"}),
        ("approve-report", on_paper | approved),
        ("send-report", {**on_paper, **sent, "person": f"接收{mark}"}),
        ("sign-report", {**on_paper, "signed_at": words.at("09:20"), "signed_by": f"签发{mark}"}),
        ("enter-report", {**on_paper, "entered_at": words.at("09:25"), "reference": mark}),
        ("draft-report", waste),
        ("discard-report", {**said, "report_id": waste["report_id"], "reason": f"作废{mark}"}),
        ("declare-concealed", concealed), ("issue-order", order), ("acknowledge-order", on_order),
        ("report-on-order", on_order),
        *words.instruction_deeds(one, room.ask(who, "me")["unit"], mark), *words.field_deeds(one, mark),
        *consultation_deeds(one, room.ask(who, "me")["unit"], mark), *scene_deeds(one, mark),
        ("add-attachment", {**said, **file, "file_name": f"照片{mark}.jpg", "note": mark}),
        ("strike-attachment", {**said, **file, "reason": f"传错{mark}"}),
        ("explain-breach", {**said, "cause": "other", "text": f"原因{mark}"}),
        ("declare-stable", {**said, "at": words.at("17:00"), "basis": mark}),
        ("close-incident", words.close_incident(one, reason=f"办结{mark}")),
        ("reopen-incident", {**said, "at": words.at("19:00"), "reason": mark}),
        ("open-incident", duplicate),
        ("merge-incident", {"incident_id": duplicate["incident_id"], "into": one}),
    ]  # fmt: skip
    leader = {"Li": "Liang", "Tian": "Tang", "Wu": "Wang"}[who]
    for name, body in deeds:
        room.told(leader if name in ("sign-report", "return-report") else who, name, body)
    assert {name for name, _body in deeds} | {"share-incident"} == set(ON_INCIDENTS), (
        "a new command: let it happen here"
    )
    return {mark, one, duplicate["incident_id"], entry["entry_id"], report["report_id"], order["order_id"],
            paper["report_id"], sent["send_id"]}  # fmt: skip


# Whoever acts, where it happens, and who sees nothing of it.
QUIET = [
    ("Li", {}, ("Qin", "He", "Tian")),
    ("Tian", {"place": {"division": "130324104", "text": "双望镇"}}, ("Qiao",)),
    ("Wu", {"place": None}, ("Li", "He")),
]


@pytest.mark.parametrize(("who", "over", "neighbours"), QUIET, ids=[row[0] for row in QUIET])
def test_to_a_neighbour_every_answer_is_as_if_nothing_had_happened(
    room: Room, who: str, over: Body, neighbours: tuple[str, ...]
) -> None:
    own = opened(room, who="Qin", place={"division": "130321", "text": "青龙镇"}, known_by="130321")
    unseen = new_id()
    before = {one: answers(room, one, unseen) for one in neighbours}
    rows: list[StreamRow] = []
    pass_on = room.parts.store.on_commit
    room.parts.store.on_commit = lambda some: (rows.extend(some), pass_on(some))[1]
    try:
        traces = a_busy_day(room, who, **over)
    finally:
        room.parts.store.on_commit = pass_on
    assert {stream.removesuffix(":r") for stream, _offset, _body in rows} <= set(_above(room, who))
    for one in neighbours:
        after = answers(room, one, unseen)
        assert after == before[one], one
        assert not [trace for trace in traces for _status, text in after.values() if trace in text]
    for trace in traces:  # an incident's id to each neighbour, those of its parts to one: they open nothing
        told = room.get(who, f"incidents/{trace}").status_code == 200
        for one in neighbours if told else neighbours[:1]:
            for url, answer in asked(room, one, trace, by_id=True) if len(trace) == 36 else ():
                assert answer.status_code == 404, (one, url)
    assert room.get("Qin", f"incidents/{own}").status_code == 200


def _above(room: Room, who: str) -> tuple[str, ...]:
    return room.parts.tree.ancestors(UNIT_OF[who])


@pytest.mark.parametrize(("who", "over", "neighbours"), QUIET, ids=[row[0] for row in QUIET])
def test_those_above_see_all_of_it(room: Room, who: str, over: Body, neighbours: tuple[str, ...]) -> None:
    traces = a_busy_day(room, who, **over)
    seers = [name for name, _post, unit in CREW if unit in _above(room, who)]
    assert seers
    one = next(
        trace
        for trace in traces
        if len(trace) == 36 and room.get("Wu", f"incidents/{trace}").status_code == 200
    )
    for seer in seers:
        assert room.get(seer, f"incidents/{one}").status_code == 200, seer
        assert one in room.get(seer, "incidents", state="all").text, seer


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_no_command_touches_what_its_author_may_not_see(room: Room, name: str) -> None:
    if name == "open-incident":
        return
    body = good(room, name)
    before = room.ask("Wu", f"incidents/{body['incident_id']}")["version"]
    for who in ("Qin", "Qi", "Qiao", "He", "Tian"):  # whatever their post may do: it is not there
        refused(room.tell(who, name, body), 404, "no-such-incident", "/incident_id")
    unknown = {**body, "command_id": new_id(), "incident_id": new_id()}
    strange = room.tell("Qin", name, unknown)
    same = room.tell("Qin", name, {**body, "command_id": new_id()})
    assert strange.json() == same.json(), "not there and not yours look alike"
    assert room.ask("Wu", f"incidents/{body['incident_id']}")["version"] == before


def test_one_cannot_merge_into_what_one_may_not_see(room: Room) -> None:
    ours, theirs = opened(room, who="Qin", place={"division": "130321"}), opened(room)
    body = {"incident_id": ours, "into": theirs}
    refused(room.tell("Qin", "merge-incident", body), 404, "no-such-incident", "/into")


def test_numbers_count_within_a_place_and_are_not_told_to_others(own_room: Room) -> None:
    room = own_room
    for _ in range(7):
        room.told("Li", "open-incident", words.open_incident())
    qinglong = {"place": {"division": "130321", "text": "青龙镇"}}
    assert room.told("Qin", "open-incident", words.open_incident(**qinglong))["number"] == "QL-2026-0001"
    body = words.open_incident(**qinglong)
    told = room.told("Li", "open-incident", body)  # a call that came in at the wrong desk
    assert (told["offset"], "number" in told) == (None, False)
    assert room.told("Li", "open-incident", body) == {**told, "replayed": True}
    assert room.get("Li", f"incidents/{body['incident_id']}").status_code == 404
    assert room.ask("Qin", f"incidents/{body['incident_id']}")["number"] == "QL-2026-0002"
    drill = words.open_incident(drill=True)
    assert room.told("Li", "open-incident", drill)["number"] == "LL-2026-D0001"
    township = words.open_incident(place={"division": "130324104", "text": "双望镇"})
    assert room.told("Li", "open-incident", township)["number"] == "LL104-2026-0001"
    room.clock.pass_by(days=60)
    assert room.told("Li", "open-incident", words.open_incident())["number"] == "LL-2027-0001"
    assert verify(room.parts.database).faults == []


def test_offsets_are_dense_in_every_stream_whoever_else_writes(own_room: Room) -> None:
    room = own_room
    for who, place in (
        ("Li", "130324"),
        ("Qin", "130321"),
        ("Li", "130324104"),
        ("Qin", "130321"),
        ("Wu", "130302"),
    ):
        room.told(who, "open-incident", words.open_incident(place={"division": place, "text": place}))
    for who, own in (
        ("Wu", 6),
        ("Li", 2),
        ("Qin", 2),
        ("Tian", 1),
        ("He", 0),
    ):  # the city's: which rules hold
        assert [entry["offset"] for entry in room.stream(who)] == list(range(1, own + 1)), who
        assert room.ask(who, "log")["head"] == own


# ---------------------------------------------------------------- sharing


def test_a_unit_that_is_let_in_later_hears_the_incident_as_it_stands(own_room: Room) -> None:
    room = own_room
    opened(room, who="Qin", place={"division": "130321"})
    tip = {"channel": "12350", "name": "举报人", "phone": "13900000000"}
    one = opened(room, who="Li", source=tip)
    room.told("Li", "add-entry", words.add_entry(one, "先前"))
    before = room.stream("Qin")[-1]["offset"]
    room.told("Li", "share-incident", {"incident_id": one, "with": ["130321", "130321"]})
    room.told("Li", "add-entry", words.add_entry(one, "往后"))
    heard = room.stream("Qin", after=before)
    assert [entry["offset"] for entry in heard] == list(range(before + 1, before + 1 + len(heard)))
    kinds = [entry["event"]["type"] for entry in heard]
    assert (kinds[0], kinds[-2:]) == ("incident_opened", ["incident_shared", "entry_added"])
    assert [entry["event"] for entry in heard] == [entry["event"] for entry in room.entries(one, who="Li")]
    assert "举报人" not in str(heard)
    shown = room.ask("Qin", f"incidents/{one}")
    assert [entry["offset"] for entry in shown["entries"]] == [entry["offset"] for entry in heard]
    assert one in [incident["id"] for incident in room.ask("Qin", "incidents")["incidents"]]
    assert room.tell("Qin", "add-entry", words.add_entry(one, "我方已派人")).status_code == 200
    assert room.get("He", f"incidents/{one}").status_code == 404
    room.told("Wu", "share-incident", {"incident_id": one, "with": ["130300-qx"]})
    assert room.get("He", f"incidents/{one}").status_code == 200
    statistics = room.ask("Qin", "statistics/one-hour", **{"from": "2026-01-01", "to": "2026-12-31"})
    assert statistics["incidents"] == [], "a shared incident counts where it happened"
    assert verify(room.parts.database).faults == []


def test_sharing_with_nobody_new_writes_nothing(room: Room) -> None:
    one = opened(room)
    before = room.ask("Wu", f"incidents/{one}")["version"]
    done = room.told("Wu", "share-incident", {"incident_id": one, "with": ["130300", "130324"]})
    assert done["offset"] is None
    assert room.ask("Wu", f"incidents/{one}")["version"] == before
    body = {"incident_id": one, "with": ["130321", "nowhere"]}
    refused(room.tell("Wu", "share-incident", body), 422, "no-such-unit", "/with/1")
    assert room.get("Qin", f"incidents/{one}").status_code == 404


def test_an_order_to_a_unit_lets_it_in_and_its_words_stand_with_the_order(room: Room) -> None:
    one = opened(room, who="Li")
    room.told("Li", "issue-order", words.issue_order(one, "130321", words="请青龙增援"))
    heard = room.entries(one, who="Qin")
    assert [entry["event"]["type"] for entry in heard][-2:] == ["incident_shared", "order_issued"]
    assert "words" not in heard[-2]
    assert heard[-1]["words"] == "请青龙增援"


def test_an_incident_that_moves_to_another_county_goes_to_both(room: Room) -> None:
    one = opened(room, who="Li", category="flood")
    moved = words.establish_facts(one, "09:00", place={"division": "130321109", "text": "上游"})
    room.told("Li", "establish-facts", moved)
    for who in ("Li", "Qin", "Wu"):
        assert room.ask(who, f"incidents/{one}")["unit"] == "130321109", who
    kinds = [entry["event"]["type"] for entry in room.entries(one, who="Qin")]
    assert kinds[0] == "incident_opened"
    assert "incident_shared" in kinds
    body = words.establish_facts(one, place={"division": "110101"})
    refused(room.tell("Li", "establish-facts", body), 422, "division-unknown", "/place/division")


def test_those_who_saw_a_duplicate_see_the_incident_and_the_other_way_round(room: Room) -> None:
    ours, theirs = (
        opened(room, who="Li"),
        opened(room, who="Qin", place={"division": "130321"}, known_by="130321"),
    )
    room.told("Wu", "merge-incident", {"incident_id": ours, "into": theirs})
    for who in ("Li", "Qin"):
        assert room.ask(who, f"incidents/{theirs}")["state"] == "open", who
        assert room.ask(who, f"incidents/{ours}")["merged_into"] == theirs, who
    absorbed = room.entries(theirs, "duplicate_absorbed", who="Qin")[0]
    assert "late_s" not in absorbed, "the merging is done now"


# ---------------------------------------------------------------- posts


DESK = set(ON_INCIDENTS)
ON_SCENE = {one.name for one in SCENE_COMMANDS} - {"set-sitrep-timer"}
MAY = {
    "Wu": DESK - {"sign-report", "return-report"}, "Wang": DESK,
    "Gao": FIELD | SPOT | {"give-opinion"} | ON_SCENE,
    "Luo": ANSWERS | {"give-opinion"}
    | FIELD - {"open-incident", "establish-facts", "judge-level", "issue-order"},
    "Zhao": set(), "Sun": set(), "Chen": set(),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_each_post_does_what_is_its_own_and_only_that(one_room: Room, name: str) -> None:
    room = one_room
    body = good(room, name)
    for who in MAY:
        if name not in MAY[who]:
            refused(room.tell(who, name, body), 403, "not-your-post")
    for who in MAY:
        if name in MAY[who]:
            if issubclass(COMMANDS[name], SceneCommand):
                body = good_scene(room, name, opened(room), who)
            answer = room.tell(who, name, body)
            assert answer.status_code == 200, (who, answer.text)
            body = good(room, name)


@pytest.mark.parametrize("who", MAY)
def test_everyone_reads(one_room: Room, who: str) -> None:
    for path in ("incidents", "obligations", "log", "statistics/one-hour", "me", "units"):
        assert one_room.get(who, path).status_code == 200


def test_every_post_stands_in_the_list_above() -> None:
    posts = {name: post for name, post, unit in CREW if unit == "130300"}
    assert len({posts[name] for name in MAY}) == len(set(posts.values())) == 7


def test_a_body_is_not_looked_at_before_the_right_to_send_it(room: Room) -> None:
    one = opened(room)
    refused(room.tell("Zhao", "judge-level", {"incident_id": one, "level": "terrible"}), 403, "not-your-post")
    refused(room.tell("Zhao", "judge-level", {"incident_id": 7}), 403, "not-your-post")


# ---------------------------------------------------------------- numbers


def test_statistics_are_for_ones_own_area(room: Room) -> None:
    period = {"from": "2026-01-01", "to": "2026-12-31"}
    for who, unit, status in (
        ("Wu", "130324", 200), ("Wu", "130324104", 200), ("Li", "130324104", 200), ("Li", "130324", 200),
        ("Li", "130300", 404), ("Li", "130321", 404), ("Tian", "130324", 404), ("He", "130300", 404),
        ("Wu", "130999", 404), ("Li", "nowhere", 404),
    ):  # fmt: skip
        answer = room.get(who, "statistics/one-hour", unit=unit, **period)
        assert answer.status_code == status, (who, unit)
        if status == 404:
            refused(answer, 404, "not-found")


def test_a_countys_figures_hold_nothing_of_the_rest_of_the_city(own_room: Room) -> None:
    room = own_room
    for who, division in (("Li", "130324"), ("Tian", "130324104"), ("Qin", "130321"), ("Wu", "130302")):
        one = opened(
            room, who=who, place={"division": division, "text": division}, facts={"dead": 30}, category="mine"
        )
        room.told(who, "judge-level", words.judge_level(one, "major", scale="final"))
    period = {"from": "2026-03-01", "to": "2026-03-31"}
    for who, count, units in (
        ("Wu", 4, ["130302", "130321", "130324"]), ("Li", 2, ["130324"]), ("Tian", 1, ["130324"]),
        ("Qin", 1, ["130321"]), ("He", 0, []),
    ):  # fmt: skip
        found = room.ask(who, "statistics/one-hour", **period)
        assert (found["denominator"], len(found["incidents"])) == (count, count), who
        assert [row["unit"] for row in found["by_unit"]] == units
        assert sum(row["denominator"] for row in found["by_unit"]) == count
        assert found["rate"] == (0.0 if count else None)
