"""The figures of fanout as one SVG, for the README: bars, so that no colour has to be told from another.

Ours is the filled bar; the others are outlines. All that is shown is also written.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from measure.stacks import JOINED, OURS

WIDTH, ROW, LEFT, RIGHT, TOP = 840, 26, 190, 210, 78
INK, PAPER, FAINT, FILL = "#1a1d21", "#ffffff", "#8a9099", "#0b5cad"  # contrast with paper: at least 4.5


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} × {names[0] if names else platform.machine()}, Linux {platform.release()}"


def _bars(title: str, unit: str, figures: list[tuple[str, float, str]], at: int) -> tuple[list[str], int]:
    """One group of bars below another; the longest that is not far out of the frame sets the scale."""
    values = sorted(value for _, value, _ in figures)
    ours = next((value for name, value, _ in figures if name == OURS), values[0])
    longest = max(value for value in values if value <= max(4 * ours, values[0]))
    space = WIDTH - LEFT - RIGHT
    lines = [f'<text x="16" y="{at}" class="h">{escape(title)}</text>']
    for number, (name, value, words) in enumerate(figures):
        y = at + 14 + number * ROW
        length = space * min(1.0, value / longest)
        kind = "ours" if name == OURS else "other"
        lines.append(f'<text x="{LEFT - 10}" y="{y + 14}" class="n">{escape(name)}</text>')
        wide = f"{max(1.0, length):.1f}"
        lines.append(f'<rect x="{LEFT}" y="{y + 2}" width="{wide}" height="16" class="{kind}"/>')
        if value > longest:  # broken off: it would be a long picture
            lines.append(f'<path d="M{LEFT + space - 22} {y} l-6 20 m10 -20 l-6 20" class="cut"/>')
        lines.append(
            f'<text x="{LEFT + length + 8:.1f}" y="{y + 14}">{value:,.1f} {unit}{escape(words)}</text>'
        )
    return lines, at + 14 + len(figures) * ROW + 34


def drawn(rows: Sequence[dict[str, Any]], at: datetime | None = None) -> str:
    """The largest number of listeners up to 5,000 of this run."""
    sizes = {row["listeners"] for row in rows}
    listeners = max((size for size in sizes if size <= 5_000), default=max(sizes))
    shown = [row for row in rows if row["listeners"] == listeners]
    single = [
        (row["server"], row["last_p50_ms"], f"  ({row['x_c_last']:.2f} × C)" if "x_c_last" in row else "")
        for row in shown
        if row["server"] != JOINED
    ]
    many = [
        (row["server"], row["saturated_cpu_s_per_million"], f"  ({row['saturated_per_s']:,} deliveries/s)")
        for row in shown
    ]
    date = (at or datetime.now(UTC)).date().isoformat()
    first = f"One message of 600 bytes until the last of {listeners:,} listeners has it, median"
    upper, y = _bars(first, "ms", sorted(single, key=lambda one: one[1]), TOP)
    second = "CPU seconds for a million deliveries, eight messages in flight"
    lower, y = _bars(second, "s", sorted(many, key=lambda one: one[1]), y)
    height = y - 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'width="{WIDTH}" height="{height}" aria-labelledby="t">',
            f'<title id="t">What it costs to tell {listeners:,} listeners: Fenghuo and others</title>',
            "<style>",
            f"text {{ font: 14px system-ui, sans-serif; fill: {INK}; }}",
            ".t { font-size: 18px; font-weight: 600; } .h { font-weight: 600; } .n { text-anchor: end; }",
            f".s {{ font-size: 12px; fill: #4a5058; }} .ours {{ fill: {FILL}; stroke: {FILL}; }}",
            f".other {{ fill: #eceef1; stroke: {FAINT}; }}",
            f".cut {{ stroke: {PAPER}; stroke-width: 3; fill: none; }}",
            "</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
            '<text x="16" y="30" class="t">What it costs to tell everybody</text>',
            f'<text x="16" y="50" class="s">{escape(_machine())}; server on one core, listeners on the '
            f"other; {date}; scripts/bench fanout</text>",
            *upper,
            *lower,
            "</svg>",
            "",
        ]
    )
