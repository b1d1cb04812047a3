"""The finer kinds of incident (`hazmat/leak`) have a name wherever people read them; others stay plain."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import TypeAdapter

from schemas.fields import CategorySlug
from schemas.kinds import FINER_KINDS
from schemas.terms import Category
from server.config.unit_file import default_units
from server.rehearsal.retelling import KINDS
from server.screens.texts import Texts
from server.screens.wording import Wording
from tests import words
from tests.room import Room

ROOT = Path(__file__).resolve().parent.parent
ZH, EN = (Wording(lang, Texts(), default_units()) for lang in ("zh", "en"))


def test_each_kind_is_a_slug_with_a_chinese_and_an_english_name() -> None:
    slug = TypeAdapter(CategorySlug)
    for one, kind in FINER_KINDS.items():
        assert slug.validate_python(one) == one
        assert not re.search(r"[A-Za-z_(),:;]", kind.name + kind.event), one
        assert re.fullmatch(r"[A-Z][a-z -]+", kind.name_en), one
        assert kind.code is None or re.fullmatch(r"1[1-4][A-Y]\d\d", kind.code), one
    coded = [kind.code for kind in FINER_KINDS.values() if kind.code]
    assert len(coded) == len(set(coded)), "one code, one kind"
    named = [ZH.category(slug) for slug in FINER_KINDS]
    assert len(named) == len(set(named)), "one name, one kind"


def test_each_kind_that_comes_with_the_product_has_a_name() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "server").rglob("*.yaml")]
    texts += [path.read_text("utf-8") for path in (ROOT / "scripts").rglob("*.py")]
    used = set(re.findall(rf"\b(?:{'|'.join(Category)})/[a-z0-9_]+", "\n".join(texts)))
    used |= {slug for _, slug in KINDS.values() if "/" in slug}
    assert used - FINER_KINDS.keys() == set()
    assert len(used) > 10


def test_a_kind_is_named_behind_its_category_and_a_strangers_is_shown_plainly() -> None:
    assert (ZH.category("hazmat/leak"), EN.category("hazmat/leak")) == (
        "危险化学品 / 泄漏",
        "Hazardous chemicals / Leak",
    )
    assert ZH.category("hazmat/boom_77") == "危险化学品 / boom 77"
    assert ZH.category("hazmat/_") == "危险化学品 / hazmat/_"
    assert ZH.category("hazmat") == "危险化学品"
    assert ZH.category(None) == "类别待定"


def test_no_page_export_or_report_shows_the_slug(one_room: Room) -> None:
    room = one_room
    ids = {}
    for slug in ("hazmat/leak", "hazmat/boom_77"):
        ids[slug] = words.new_id()
        known = {"known_at": room.clock.ago(minutes=1), "occurred_at": room.clock.ago(minutes=5)}
        room.told("Wu", "open-incident", words.open_incident(incident_id=ids[slug], category=slug, **known))
    leak = ids["hazmat/leak"]
    pages = ["/", f"/incidents/{leak}", "/incidents", "/incidents?category=hazmat/leak", "/wall"]
    for path in pages:
        shown = room.get("Wu", path).text
        assert "危险化学品 / 泄漏" in shown, path
        assert not re.search(r">[^<]*hazmat/leak", shown), path
    only = room.get("Wu", "/incidents?category=hazmat/leak").text
    assert ids["hazmat/boom_77"] not in only, "a link to a finer kind narrows to it"
    sheet = room.get("Wu", "/export/incidents?as=csv").text
    assert "危险化学品 / 泄漏" in sheet
    assert "危险化学品 / boom 77" in sheet
    assert ["hazmat/leak", "危险化学品 / 泄漏"] in room.get("Wu", "/kinds").json()
    for slug, said in (("hazmat/leak", "危险化学品泄漏事故"), ("hazmat/boom_77", "危险化学品事故")):
        report = words.draft_report(ids[slug], report_id=words.new_id())
        room.told("Wu", "draft-report", report)
        [draft] = room.ask("Wu", f"incidents/{ids[slug]}")["drafts"]
        assert f"发生一起{said}（" in draft["content"]["body"]
    told = {"facts": {}, "known_at": room.clock.ago(), "known_by": "130324", "category": "hazmat/fire"}
    room.told("Wu", "establish-facts", {"incident_id": ids["hazmat/boom_77"], **told})
    log = room.get("Wu", f"/incidents/{ids['hazmat/boom_77']}").text
    assert "类别 危险化学品 / boom 77" in log
    assert "类别 危险化学品 / 火灾" in log, "that it turned out to be another is a line of the log"
