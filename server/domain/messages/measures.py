"""Numbers beside those of people: magnitude, loss, areas burnt. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.domain.messages.findings import Finding, Span, Sure

_MEASURES = {
    "magnitude": re.compile(r"(\d(?:\.\d)?)级(?:左右)?的?(?:强烈)?地震|震级[:为]?\s*[Mm]?(\d(?:\.\d)?)级?"),
    "loss_wan": re.compile(
        r"(?:直接(?:经济|财产)?|经济|财产|,|共|估计)损失(?:预计|估计|初步估计|达|为|了|[:])*(?:大概|大约|约|近"
        r"|超过?)?(\d+(?:,\d{3})*(?:\.\d+)?)[余多来]?(万|亿)(?![吨亩方立公斤平])元?"
    ),
    "burnt_ha": re.compile(r"过火(?:总)?面积(?:达|为|[:])*(?:约|近|超过?)?(\d+(?:\.\d+)?)(公顷|亩)"),
    "forest_ha": re.compile(r"受害(?:森林)?面积(?:达|为|[:])*(?:约|近|超过?)?(\d+(?:\.\d+)?)(公顷|亩)"),
}


def measures(text: str) -> Iterator[Finding]:
    for field, pattern in _MEASURES.items():
        match = pattern.search(text)
        if match is None or "级以" in text[match.start() : match.end() + 2]:
            continue
        value = float((match[1] or match[2]).replace(",", ""))
        unit = match[2] if match.lastindex and match.lastindex > 1 else ""
        value = value * 10_000 if unit == "亿" else value / 15 if unit == "亩" else value
        value = round(value, 4)
        about = bool(re.search(r"约|近|超|大概|[余多来][万亿]", match[0]))
        whole = int(value) if value == int(value) else value
        sure = Sure.LIKELY if about or unit == "亩" else Sure.SURE
        yield Finding(field, whole, Span(match.start(), match.end()), sure, ("about",) if about else ())
