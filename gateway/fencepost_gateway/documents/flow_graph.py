"""
Flow graph: which step leads where, by which way, and how long that takes at least.

Pure. What ``check_journey`` reasons about and ``journey_picture`` draws; the same as the compiled
journey goes (``journey_plans``), with everything still where its author wrote it.

Rule 1. A way is instant when nothing has to happen and no time to pass. A date may be over already,
        and what a wait asks for may be false at once: such ways are instant.
Rule 2. A branch without ``otherwise`` may end the run. A jump ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush

from msgspec import Struct

from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.steps import END
from fencepost_gateway.documents.journey_plans import Targets
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Step
from fencepost_gateway.documents.models.wait import Wait


class Edge(Struct, frozen=True):
    """From a step to another or the end; ``way`` is empty where it just goes on."""

    start: str
    to: str
    way: str = ""
    is_instant: bool = True
    takes_ms: int = 0


class FlowGraph:
    """The steps of a journey and what leads where; ``arms`` are those of the experiments."""

    def __init__(self, journey: Journey, arms: Mapping[str, Iterable[str]]) -> None:
        self.journey = journey
        self.targets = Targets(journey)
        self.first = self.targets.after(-1)
        named = zip(journey.step_ids, journey.steps, strict=True)
        self.steps = {step_id: step for step_id, step in named if step.to is None}
        self.number = {step_id: n for n, step_id in enumerate(journey.step_ids)}
        self.looks = {i: each.look_up.as_ for i, each in self.steps.items() if each.look_up}
        self.edges = {
            step_id: tuple(dict.fromkeys(self._edges(step_id, step, arms)))
            for step_id, step in self.steps.items()
        }

    def _edges(self, step_id: str, step: Step, arms: Mapping[str, Iterable[str]]) -> Iterator[Edge]:
        on = self.targets.after(self.number[step_id])
        of = self.targets.of
        if step.wait is not None:
            for way, is_instant, takes_ms in _wait_ways(step.wait):
                to = of(step.then[way]) if way in step.then else on
                yield Edge(step_id, to, way, is_instant, takes_ms)
        elif step.branch is not None:
            for n, case in enumerate(step.branch, 1):
                if case.to is not None:
                    yield Edge(step_id, of(case.to), str(n))
            otherwise = step.branch[-1].otherwise
            yield Edge(step_id, of(otherwise) if otherwise else END, "otherwise")
        elif step.split is not None:
            ways = step.split.weights or sorted(arms.get(step.split.experiment or "", step.then))
            for way in ways:
                yield Edge(step_id, of(step.then[way]) if way in step.then else on, way)
        elif step.jump is None:
            yield Edge(step_id, on)
            yield from (Edge(step_id, of(name), way) for way, name in step.then.items())

    def reached(self, start: str, *, instantly: bool = False) -> set[str]:
        """Give the steps that a run at ``start`` may come to, itself among them."""
        found, ahead = set[str](), [start]
        while ahead:
            step_id = ahead.pop()
            if step_id in found or step_id not in self.edges:
                continue
            found.add(step_id)
            ahead += [e.to for e in self.edges[step_id] if e.is_instant or not instantly]
        return found

    def earliest_ms(self) -> dict[str, int]:
        """Say of each step how long after the entry a run gets there at the earliest."""
        found: dict[str, int] = {}
        ahead = [(0, self.first)]
        while ahead:
            at_ms, step_id = heappop(ahead)
            if step_id in found or step_id not in self.edges:
                continue
            found[step_id] = at_ms
            for edge in self.edges[step_id]:
                heappush(ahead, (at_ms + edge.takes_ms, edge.to))
        return found

    def instant_loop(self, start: str) -> list[str]:
        """Give the way from a step back to itself that takes no time; empty: there is none."""
        return circle_from(start, lambda at: [e.to for e in self.edges.get(at, ()) if e.is_instant])


def _wait_ways(wait: Wait) -> Iterator[tuple[str, bool, int]]:
    """Give the ways on from a wait: name, whether it may be instant, and its least time."""
    if wait.until_date is not None:
        yield "", True, 0
        yield "no_date", True, 0
    elif wait.for_ is None:
        yield "", False, parse_duration_ms(wait.for_duration) or 0
    for way in wait.ways:
        if way == "broken":
            yield way, True, 0
        elif way == "timeout":
            yield way, False, parse_duration_ms(wait.timeout) or 0
        elif wait.for_ is not None:
            yield way, False, 0


def circle_from(start: str, following: Callable[[str], Sequence[str]]) -> list[str]:
    """Give the shortest way from ``start`` back to itself; empty where there is none."""
    came: dict[str, str] = {}
    ahead = [start]
    for at in ahead:
        for to in following(at):
            if to == start:
                way = [at]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return [*reversed(way), start]
            if to not in came:
                came[to] = at
                ahead.append(to)
    return []
