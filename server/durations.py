"""How long things take, counted in buckets: what /metrics shows of commits and of fan-out."""

from __future__ import annotations

from bisect import bisect_left

#: Upper bounds in seconds; the last bucket has none.
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Durations:
    """A histogram. Written by one thread, read by another: a figure may be one observation behind."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: cumulative, by upper bound."""
        counted, found = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            counted += count
            found.append((bound, float(counted)))
        return found
