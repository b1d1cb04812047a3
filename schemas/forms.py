"""The shape of the forms that reports are written in (报送文书): data that the bureau edits.

`config/forms/common.yaml` holds the words, the elements and the typefaces that all forms share; every other
file is one form. Texts have places in braces, `{place}`, and nothing else that is carried out: no code, no
markup.
"""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from schemas.reports import FIELDS, FieldName, FormSlug
from schemas.terms import FACTS, Category, Level, Stage

#: What a text may have filled in. An unknown value prints as 核实中; `when` leaves a paragraph out instead.
PLACES: dict[str, str] = {
    "unit": "本单位名称",
    "issuer": "发文机关",
    "year": "年",
    "number": "期号",
    "ordinal": "续报序号（一、二、三）",
    "mark": "首报、续报一 …",
    "place": "事发地点",
    "what": "事件标题",
    "event": "事件标题，缺地点时前面加地点",
    "kind": "事件类别",
    "toll": "伤亡，只说已知的（标题用）",
    "progress": "疏散转移（标题用）",
    "source": "信息来源",
    "received": "接报时间",
    "occurred": "事发时间",
    "as_of": "数字截至时间",
    "casualties": "伤亡失联被困，逐项",
    "people": "转移安置",
    "losses": "灾情损失",
    "forces": "投入力量",
    "measures": "处置记录（力量调派、到达、反馈、交办）",
    "instructions": "领导指示",
    "level": "级别",
    "basis": "级别依据",
    "previous": "上一份报告（首报 14时52分）",
    "changes": "与上一份相比的数字变化",
    "now": "报告时间（14时52分）",
    "date": "日期",
    "phone": "值班电话",
    "drafter": "编辑",
}
#: What the lines that are printed, and not written by people, may have filled in.
PRINTED = frozenset({"unit", "issuer", "year", "number", "ordinal", "mark", "date"})


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _filled(text: str) -> str:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as wrong:
        raise ValueError(f"the braces are not right: {wrong}") from wrong
    for _literal, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in PLACES or spec or conversion:
            raise ValueError(f"{{{name}}} is no place; there are {', '.join(PLACES)}")
    return text


def _printed(text: str) -> str:
    _filled(text)
    for _literal, name, _spec, _conversion in Formatter().parse(text):
        if name is not None and name not in PRINTED:
            raise ValueError(f"{{{name}}} cannot stand here; {', '.join(sorted(PRINTED))} can")
    return text


Words = Annotated[str, Field(min_length=1, max_length=60)]
Template = Annotated[str, Field(max_length=2_000), AfterValidator(_filled)]
Printed = Annotated[str, Field(max_length=200), AfterValidator(_printed)]
Typeface = Annotated[str, Field(pattern=r"^[\w .\-]{1,60}$")]
Millimetres = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=6, le=72, allow_inf_nan=False)]


class FormPart(BaseModel):
    """Base of what stands in a form file: unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paragraph(FormPart):
    """A paragraph of a drafted text. With `when` it stands there only if one of these is known."""

    text: Template
    when: Annotated[tuple[Annotated[str, Field(max_length=30)], ...], BeforeValidator(_listed)] = ()


def _paragraph(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class Drafted(FormPart):
    """What is drafted for one kind of report: its title, and its paragraphs."""

    title: Template
    body: tuple[Annotated[Paragraph, BeforeValidator(_paragraph)], ...] = Field(min_length=1, max_length=40)
    script: tuple[Annotated[Paragraph, BeforeValidator(_paragraph)], ...] = ()


class Element(FormPart):
    """Something a report should have (domain.md 1.4.2).

    `look`: in the record, in a field of the report, in its words, or for a signature.
    """

    name: Words
    name_en: Words
    look: Literal["record", "field", "text", "approval"]
    words: tuple[Words, ...] = ()


class Typefaces(FormPart):
    """Typefaces by use, the wanted one first, then what may stand in for it."""

    title: tuple[Typeface, ...] = Field(min_length=1)
    body: tuple[Typeface, ...] = Field(min_length=1)
    hei: tuple[Typeface, ...] = Field(min_length=1)
    kai: tuple[Typeface, ...] = Field(min_length=1)
    song: tuple[Typeface, ...] = Field(min_length=1)


class Page(FormPart):
    """The page (GB/T 9704-2012): A4, margins in millimetres, lines and characters of the type area."""

    top_mm: Millimetres
    bottom_mm: Millimetres
    left_mm: Millimetres
    right_mm: Millimetres
    lines: Annotated[StrictInt, Field(ge=10, le=60)]
    characters: Annotated[StrictInt, Field(ge=10, le=60)]
    masthead_pt: Points
    title_pt: Points
    body_pt: Points
    small_pt: Points


def _with_later_kinds(value: object) -> object:
    """An operator's file of before this kind of report was there has no word for it, and stays good."""
    return {Stage.CHECK_BACK.value: "核查反馈", **value} if isinstance(value, dict) else value


class Common(FormPart):
    """Words, elements, typefaces and page that all forms share."""

    categories: dict[Category, Words]
    facts: dict[str, Words]
    units_of_facts: dict[str, Annotated[str, Field(max_length=10)]]
    levels: dict[Level, Words]
    stages: Annotated[dict[Stage, Words], BeforeValidator(_with_later_kinds)]
    sources: dict[str, Words]
    elements: dict[Annotated[str, Field(pattern=r"^[a-z_]{2,30}$")], Element]
    typefaces: Typefaces
    page: Page


class Form(FormPart):
    """One form. Texts by kind of report; a kind that is not there cannot be written in this form."""

    form: FormSlug
    name: Words
    name_en: Words
    masthead: Printed
    issuers: dict[Literal["city", "county", "township", "department"], Printed]
    issue: Printed
    marks: dict[Stage, Printed]
    defaults: dict[FieldName, Annotated[str, Field(max_length=500)]] = Field(default_factory=dict)
    urgency: dict[Stage, Annotated[str, Field(max_length=20)]] = Field(default_factory=dict)
    printed_by: Printed = ""
    texts: dict[Stage, Drafted] = Field(min_length=1)
    elements: dict[Stage, tuple[str, ...]]


class FormBook(FormPart):
    """All forms, with what they share."""

    common: Common
    forms: dict[str, Form]

    def form_for(self, slug: str | None, stage: Stage) -> Form | None:
        """The form asked for, or the first that has this kind of report; None when there is none."""
        if slug is not None:
            found = self.forms.get(slug)
            return found if found is not None and stage in found.texts else None
        return next((form for form in self.forms.values() if stage in form.texts), None)

    def complaints(self) -> list[tuple[str, tuple[str | int, ...], str]]:
        """What one part says in view of another and may not: (file, place in it, reason)."""
        found: list[tuple[str, tuple[str | int, ...], str]] = []
        wanted: dict[str, set[str]] = {
            "categories": {*Category},
            "facts": {*FACTS},
            "levels": {*Level},
            "stages": {*Stage},
        }
        for name, words in wanted.items():
            for missing in sorted(words - set(getattr(self.common, name))):
                found.append(("common", (name,), f"has no word for {missing}"))
            for strange in sorted(set(getattr(self.common, name)) - words):
                found.append(("common", (name, strange), f"{strange} is unknown here"))
        for slug, element in self.common.elements.items():
            if element.look == "field" and slug not in FIELDS:
                found.append(("common", ("elements", slug), f"{slug} is no field of a report"))
            if element.look == "record" and slug not in RECORDED:
                known = ", ".join(sorted(RECORDED))
                found.append(("common", ("elements", slug), f"of the record, only {known} can be looked at"))
            if element.look == "text" and not element.words:
                found.append(("common", ("elements", slug), "needs the words that tell that it is there"))
        for form in self.forms.values():
            for stage, elements in form.elements.items():
                for index, one in enumerate(elements):
                    if one not in self.common.elements:
                        found.append((form.form, ("elements", stage, index), f"there is no element {one}"))
            for stage, text in form.texts.items():
                for part, paragraphs in (("body", text.body), ("script", text.script)):
                    for index, paragraph in enumerate(paragraphs):
                        for name in paragraph.when:
                            if name not in PLACES:
                                found.append((form.form, ("texts", stage, part, index), f"no place {name}"))
            for rank in ("city", "county", "township", "department"):
                if rank not in form.issuers:
                    found.append((form.form, ("issuers",), f"does not say who issues for a {rank}"))
        return found


#: Elements that are looked up in the record itself.
RECORDED = frozenset({"place", "category", "source", "time", "casualties", "level"})
