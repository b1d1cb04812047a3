"""The sheet as DOCX, for WPS and Word: the same elements, in the typefaces that the form names.

The same sheet gives the same bytes: the dates in the file are the report's own.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC
from typing import Any

from docx import Document
from docx.enum.section import WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from server.documents.sheet import Sheet

RED = RGBColor(0xC8, 0x10, 0x2E)
EPOCH = (1980, 1, 1, 0, 0, 0)
#: What the format wants behind a paragraph's frame.
_AFTER_A_FRAME = tuple(
    f"w:{name}"
    for name in (
        "widowControl", "numPr", "suppressLineNumbers", "pBdr", "shd", "tabs", "suppressAutoHyphens",
        "kinsoku", "wordWrap", "overflowPunct", "topLinePunct", "autoSpaceDE", "autoSpaceDN", "bidi",
        "adjustRightInd", "snapToGrid", "spacing", "ind", "contextualSpacing", "mirrorIndents",
        "suppressOverlap", "jc", "textDirection", "textAlignment", "textboxTightWrap", "outlineLvl",
        "divId", "cnfStyle", "rPr", "sectPr", "pPrChange",
    )
)  # fmt: skip


def docx(sheet: Sheet) -> bytes:
    document = Document()
    _page(document, sheet)
    _properties(document, sheet)
    _heading(document, sheet)
    _text(document, sheet)
    _imprint(document, sheet)
    package = document.part.package
    for key, relation in list(package.rels.items()):
        if relation.reltype.endswith("/thumbnail"):  # a picture of the library's own empty page
            del package.rels[key]
    out = io.BytesIO()
    document.save(out)
    return _without_the_hour(out.getvalue())


def _without_the_hour(made: bytes) -> bytes:
    """The archive again, its members dated alike: python-docx stamps them with the hour of writing."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


# ---------------------------------------------------------------- the page


def _page(document: Any, sheet: Sheet) -> None:
    page = sheet.page
    section = document.sections[0]
    section.start_type = WD_SECTION.NEW_PAGE
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(page.top_mm), Mm(page.bottom_mm)
    section.left_margin, section.right_margin = Mm(page.left_mm), Mm(page.right_mm)
    section.header_distance, section.footer_distance = Mm(15), Mm(25)
    grid = section._sectPr.find(qn("w:docGrid"))
    if grid is None:
        grid = OxmlElement("w:docGrid")
        section._sectPr.append(grid)
    grid.set(qn("w:type"), "lines")
    grid.set(qn("w:linePitch"), str(round(_pitch(sheet) * 20)))
    document.settings.odd_and_even_pages_header_footer = True
    normal = document.styles["Normal"]
    normal.font.size = Pt(page.body_pt)
    _typeface(normal.element.get_or_add_rPr(), sheet.typefaces.body[0])
    for apart in ("autoSpaceDN", "autoSpaceDE"):  # no gap between a figure and its measure
        off = OxmlElement(f"w:{apart}")
        off.set(qn("w:val"), "0")
        normal.element.get_or_add_pPr().insert(0, off)
    for header in (section.header, section.even_page_header):
        paragraph = header.paragraphs[0]
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_after = Pt(0)
        if sheet.notice:
            _run(paragraph, sheet.notice, sheet.typefaces.hei[0], 16, RED)
    for footer, side in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT),
        (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
    ):
        paragraph = footer.paragraphs[0]
        paragraph.alignment = side
        edge = Pt(page.small_pt)
        paragraph.paragraph_format.right_indent = paragraph.paragraph_format.left_indent = edge
        _run(paragraph, "— ", sheet.typefaces.song[0], page.small_pt)
        _page_number(_run(paragraph, "", sheet.typefaces.song[0], page.small_pt))
        _run(paragraph, " —", sheet.typefaces.song[0], page.small_pt)


def _pitch(sheet: Sheet) -> float:
    """Points from line to line: 22 lines fill the type area."""
    return (297 - sheet.page.top_mm - sheet.page.bottom_mm) / 25.4 * 72 / sheet.page.lines


def _page_number(run: Any) -> None:
    for kind, words in (("begin", None), (None, "PAGE"), ("end", None)):
        if kind is not None:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        else:
            part = OxmlElement("w:instrText")
            part.set(qn("xml:space"), "preserve")
            part.text = words
        run._r.append(part)


def _properties(document: Any, sheet: Sheet) -> None:
    core = document.core_properties
    core.author = core.last_modified_by = sheet.issuer[:255]
    core.title = sheet.title[:255]
    core.comments = core.subject = core.keywords = ""
    core.language = "zh-CN"
    core.revision = 1
    core.created = core.modified = sheet.at.astimezone(UTC).replace(tzinfo=None, microsecond=0)


# ---------------------------------------------------------------- pieces


def _typeface(properties: Any, name: str) -> None:
    fonts = properties.find(qn("w:rFonts"))
    if fonts is None:
        fonts = OxmlElement("w:rFonts")
        properties.insert(0, fonts)
    for attribute in list(fonts.attrib):  # the template's theme would win over a name
        del fonts.attrib[attribute]
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), name)
    fonts.set(qn("w:hint"), "eastAsia")


def _run(
    paragraph: Any, text: str, face: str, size: float, colour: RGBColor | None = None, tight: int = 0
) -> Any:
    """`tight`: twentieths of a point by which its characters stand closer."""
    run = paragraph.add_run(text)
    _typeface(run._r.get_or_add_rPr(), face)
    run.font.size = Pt(size)
    if tight:
        spacing = OxmlElement("w:spacing")
        spacing.set(qn("w:val"), str(tight))
        run._r.rPr.find(qn("w:sz")).addprevious(spacing)
    if colour is not None:
        run.font.color.rgb = colour
    return run


def _paragraph(document: Any, sheet: Sheet, *, indent: bool = False, exact: float | None = None) -> Any:
    paragraph = document.add_paragraph()
    form = paragraph.paragraph_format
    form.space_before = form.space_after = Pt(0)
    form.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    form.line_spacing = Pt(exact or _pitch(sheet))
    form.widow_control = False
    if indent:
        form.first_line_indent = Pt(sheet.page.body_pt * 2)
    return paragraph


def _line(paragraph: Any, side: str, eighths: int, colour: str) -> None:
    borders = OxmlElement("w:pBdr")
    border = OxmlElement(f"w:{side}")
    for name, value in (("val", "single"), ("sz", str(eighths)), ("space", "4"), ("color", colour)):
        border.set(qn(f"w:{name}"), value)
    borders.append(border)
    # of a paragraph's properties, borders stand before shading, tabs and spacing
    properties = paragraph._p.get_or_add_pPr()
    after = [qn(f"w:{name}") for name in ("shd", "tabs", "spacing", "ind", "jc", "rPr")]
    successor = next((child for child in properties if child.tag in after), None)
    if successor is None:
        properties.append(borders)
    else:
        successor.addprevious(borders)


def _tight(sheet: Sheet) -> int:
    """28 characters of 16 points are a little wider than the type area."""
    return round((_room(sheet) / sheet.page.characters - sheet.page.body_pt) * 20)


def _room(sheet: Sheet) -> float:
    """The width of the type area in points."""
    return (210 - sheet.page.left_mm - sheet.page.right_mm) / 25.4 * 72


# ---------------------------------------------------------------- 版头, 主体, 版记


def _heading(document: Any, sheet: Sheet) -> None:
    faces, page = sheet.typefaces, sheet.page
    for words in (sheet.secrecy, sheet.urgency):
        if words:
            _run(_paragraph(document, sheet), words, faces.hei[0], page.body_pt)
    size = min(page.masthead_pt, _room(sheet) / max(1, len(sheet.masthead)))
    masthead = _paragraph(document, sheet, exact=size * 1.3)
    masthead.alignment = WD_ALIGN_PARAGRAPH.CENTER
    masthead.paragraph_format.space_before = Pt(6)
    masthead.paragraph_format.space_after = Pt(14)
    _run(masthead, sheet.masthead, faces.title[0], size, RED).bold = True
    line = _paragraph(document, sheet)
    line.paragraph_format.left_indent = line.paragraph_format.right_indent = Pt(page.body_pt)
    edge = Pt(_room(sheet) - page.body_pt)
    line.paragraph_format.tab_stops.add_tab_stop(edge, WD_TAB_ALIGNMENT.RIGHT)
    _run(line, sheet.issue, faces.body[0], page.body_pt)
    if sheet.signer:
        _run(line, "\t签发人：", faces.body[0], page.body_pt)
        _run(line, sheet.signer, faces.kai[0], page.body_pt)
    rule = _paragraph(document, sheet, exact=6)
    _line(rule, "top", 12, "C8102E")


def _text(document: Any, sheet: Sheet) -> None:
    faces, page = sheet.typefaces, sheet.page
    title = _paragraph(document, sheet, exact=_pitch(sheet) + 4)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    title.paragraph_format.space_before = title.paragraph_format.space_after = Pt(_pitch(sheet) / 2)
    _run(title, sheet.title, faces.title[0], page.title_pt).bold = True
    if sheet.addressees:
        addressees = _paragraph(document, sheet)
        _run(addressees, sheet.addressees, faces.body[0], page.body_pt, tight=_tight(sheet))
    for runs in sheet.paragraphs:
        paragraph = _paragraph(document, sheet, indent=True)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        for run in runs:
            _run(paragraph, run.text, getattr(faces, run.face)[0], page.body_pt, tight=_tight(sheet))
    for index, one in enumerate(sheet.attachments):
        paragraph = _paragraph(document, sheet, indent=True)
        if index == 0:
            paragraph.paragraph_format.space_before = Pt(_pitch(sheet) / 2)
        else:
            paragraph.paragraph_format.left_indent = Pt(page.body_pt * 3)
        _run(paragraph, ("附件：" if index == 0 else "") + one, faces.body[0], page.body_pt)
    for index, (words, room) in enumerate(((sheet.issuer, 2), (sheet.date, 3))):
        if words:
            paragraph = _paragraph(document, sheet)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            paragraph.paragraph_format.right_indent = Pt(page.body_pt * room)
            paragraph.paragraph_format.keep_with_next = index == 0 and bool(sheet.date)
            if index == 0:
                paragraph.paragraph_format.space_before = Pt(_pitch(sheet))
            _run(paragraph, words, faces.body[0], page.body_pt)


def _imprint(document: Any, sheet: Sheet) -> None:
    page, face = sheet.page, sheet.typefaces.body[0]
    lines: list[tuple[str, str]] = [(sheet.drafter_line, "")]
    if sheet.copy_to:
        lines.append((f"抄送：{sheet.copy_to}", ""))
    if sheet.printed_by or sheet.printed_on:
        lines.append((sheet.printed_by, sheet.printed_on))
    for index, (left, right) in enumerate(lines):
        paragraph = _paragraph(document, sheet, exact=page.small_pt * 1.6)
        form = paragraph.paragraph_format
        form.keep_with_next = True
        _at_the_foot(paragraph, sheet)
        _line(paragraph, "top", 8 - index, "000000")  # like borders of neighbours would become one box
        form.tab_stops.add_tab_stop(Pt(_room(sheet)), WD_TAB_ALIGNMENT.RIGHT)
        _run(paragraph, left, face, page.small_pt)
        if right:
            _run(paragraph, f"\t{right}", face, page.small_pt)
    last = _paragraph(document, sheet, exact=6)
    _at_the_foot(last, sheet)
    _line(last, "top", 8, "000000")


def _at_the_foot(paragraph: Any, sheet: Sheet) -> None:
    """Paragraphs that say the same of their frame stand in one: at the foot of the last page's type area."""
    frame = OxmlElement("w:framePr")
    for name, value in (
        ("w", str(round(_room(sheet) * 20))), ("wrap", "notBeside"), ("vAnchor", "margin"),
        ("hAnchor", "margin"), ("xAlign", "left"), ("yAlign", "bottom"),
    ):  # fmt: skip
        frame.set(qn(f"w:{name}"), value)
    paragraph._p.get_or_add_pPr().insert_element_before(frame, *_AFTER_A_FRAME)
