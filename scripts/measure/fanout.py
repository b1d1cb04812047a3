"""How long until the last of many listeners has a message, what that costs, and against what others need.

All servers are up with their listeners at the same time and take turns within seconds, the server on one
processor and its listeners on the other: what else the machine does then meets all of them alike. Ratios are
of one round, and the median of all rounds is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from measure.crowd import Crowd, crowd
from measure.figures import median_of, quantile
from measure.stacks import JOINED, LIMIT, OURS, Running, Stack, running, stacks

IN_FLIGHT = 8
DELIVERIES = 100_000  # of one turn, or as many as fit into `seconds`
GOALS = (("x_c_last", 1.3), ("x_c_cpu", 1.4), ("x_joined_cpu", 1.0))
RIVALS = ("nchan", "node ws", "websockets broadcast")
Say = Callable[[str], None]


@contextmanager
def listening_to(server: Running, listeners: int, **how: Any) -> Iterator[Crowd]:
    """That many listeners of this server, which they may tell what to send."""
    with crowd(
        [server.port],
        listeners,
        request=server.request,
        hello=server.hello,
        greetings=server.greetings,
        control=server.control,
        trigger=server.trigger,
        tokens=server.tokens,
        **how,
    ) as ears:
        yield ears


@dataclass
class Turns:
    """One server with its listeners, and what was measured each time that its turn came."""

    stack: Stack
    server: Running
    ears: Crowd
    idle_kb: float
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def take(self, listeners: int, seconds: float) -> None:
        count = max(10, min(1000, DELIVERIES // listeners))
        single, cost = self._counted(count, 1, seconds)
        many, many_cost = self._counted(count * 3, IN_FLIGHT, seconds)
        delays = [*single["ms"], *many["ms"]]
        state = self.ears.state()
        lost = sum(state[name] for name in ("lost", "gaps", "repeats")) + sum(delay < 0 for delay in delays)
        self.rounds.append(
            {
                "server": self.stack.name,
                "listeners": listeners,
                "last_p50_ms": round(quantile(single["ms"], 0.5), 3),
                "last_p99_ms": round(quantile(single["ms"], 0.99), 3),
                "cpu_s_per_million": round(cost / (len(single["ms"]) * listeners) * 1e6, 2),
                "saturated_per_s": round(len(many["ms"]) * listeners / many["took"]),
                "saturated_cpu_s_per_million": round(many_cost / (len(many["ms"]) * listeners) * 1e6, 2),
                "idle_kb": round(self.idle_kb, 1),
                "connects_per_s": round(listeners / self.ears.ready_s),
                "lost": lost,
            }
        )

    def _counted(self, count: int, in_flight: int, seconds: float) -> tuple[dict[str, Any], float]:
        before = self.server.usage()
        heard = self.ears.run(count, in_flight=in_flight, seconds=seconds)
        return heard, self.server.usage().since(before).cpu_s


def compare(
    sizes: Sequence[int], rounds: int, seconds: float, say: Say, only: Sequence[str] = ()
) -> dict[str, Any]:
    """Every server that is here, so many rounds; medians, and ratios to the C loop."""
    everything = [stack for stack in stacks() if not only or stack.name in only]
    here = [stack for stack in everything if not stack.missing]
    rows: list[dict[str, Any]] = []
    for listeners in sizes:
        with ExitStack() as until_measured:
            all_turns = []
            for stack in here:
                say(f"bench: {listeners} listeners of {stack.name}")
                server = until_measured.enter_context(running(stack))
                before = server.resident_kb()
                ears = until_measured.enter_context(listening_to(server, listeners))
                ears.run(3, in_flight=1, seconds=seconds)  # the first are slower everywhere
                all_turns.append(Turns(stack, server, ears, (server.resident_kb() - before) / listeners))
            for number in range(rounds):
                say(f"bench: {listeners} listeners, round {number + 1} of {rounds}")
                for turns in all_turns:
                    turns.take(listeners, seconds)
        rows += with_ratios({turns.stack.name: turns.rounds for turns in all_turns})
    return {"fanout": rows, "left_out": {stack.name: stack.missing for stack in everything if stack.missing}}


def with_ratios(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The median of each server's rounds; each round against the C loop's, and the median of that."""
    rows = []
    for rounds in found.values():
        row = median_of(rounds)
        for limit, ratio, figure in (
            (LIMIT, "x_c_last", "last_p50_ms"),
            (LIMIT, "x_c_cpu", "cpu_s_per_million"),
            (JOINED, "x_joined_cpu", "saturated_cpu_s_per_million"),
        ):
            if limit in found:
                pairs = zip(rounds, found[limit], strict=True)
                ratios = [one[figure] / other[figure] for one, other in pairs if other[figure]]
                row[ratio] = round(quantile(ratios, 0.5), 2)
        rows.append(row)
    return rows


def missed(rows: Sequence[dict[str, Any]], listeners: int = 5_000) -> list[str]:
    """Where ours does not reach what it is to reach; empty when it does, or when nothing can be said."""
    there = {row["server"]: row for row in rows if row["listeners"] == listeners}
    ours = there.get(OURS)
    if ours is None:
        return []
    found = [f"{name} {ours[name]} > {most}" for name, most in GOALS if ours.get(name, 0) > most]
    found += [
        f"slower than {rival}"
        for rival in RIVALS
        if rival in there and there[rival]["last_p50_ms"] <= ours["last_p50_ms"]
    ]
    return found
