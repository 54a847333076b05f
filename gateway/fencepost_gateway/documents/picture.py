"""
Picture: a journey as boxes and arrows, before it is written as Mermaid or drawn as SVG.

Pure. The steps and ways are those of ``flow_graph``; each end has a box of its own, so that no
arrow crosses the whole picture for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from fencepost_gateway.decide.steps import END
from fencepost_gateway.documents.flow_graph import Edge, FlowGraph
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Step
from fencepost_gateway.documents.step_words import awaited_words, head_lines, step_lines, way_words

Shape = Literal["entry", "message", "wait", "choice", "act", "goal", "end"]

_SHAPES: Final[Mapping[str, Shape]] = {
    "message": "message",
    "wait": "wait",
    "branch": "choice",
    "split": "choice",
    "limit": "choice",
    "goal": "goal",
}


class Box(Struct, frozen=True):
    """One step, the entry, or an end; ``title`` is the id or number of a step."""

    key: str
    shape: Shape
    lines: tuple[str, ...] = ()
    title: str = ""
    stage: str = ""
    note: str = ""


class Arrow(Struct, frozen=True):
    """Where a box leads, and by which ways."""

    start: str
    to: str
    words: str = ""


class Picture(Struct, frozen=True):
    """Boxes in the order of the document, the entry first."""

    name: str
    about: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture_of(journey: Journey, arms: Mapping[str, Iterable[str]]) -> Picture:
    """Lay out what there is to draw; ``arms`` are those of the experiments."""
    graph = FlowGraph(journey, arms)
    keys = {step_id: f"s{graph.number[step_id] + 1}" for step_id in graph.steps}
    entries = tuple(awaited_words(each) for each in journey.entry)
    boxes = [Box("entry", "entry", entries)]
    arrows = [Arrow("entry", keys.get(graph.first, "end-entry"))]
    for step_id, step in graph.steps.items():
        boxes.append(_box(keys[step_id], step_id, step))
        arrows += _arrows(keys[step_id], keys, step, graph.edges[step_id])
    ends = [arrow.to for arrow in arrows if arrow.to.startswith("end-")]
    boxes += [Box(key, "end", ("end",)) for key in dict.fromkeys(ends)]
    name = journey.name or journey.id
    return Picture(name, tuple(head_lines(journey)), tuple(boxes), tuple(arrows))


def _box(key: str, step_id: str, step: Step) -> Box:
    stage = step.stage or "" if step.kind != "stage" else ""
    return Box(
        key=key,
        shape=_SHAPES.get(step.kind, "act"),
        lines=tuple(line for line in step_lines(step) if line),
        title=step_id,
        stage=stage,
        note=step.note,
    )


def _arrows(
    start: str, keys: Mapping[str, str], step: Step, edges: Iterable[Edge]
) -> Iterator[Arrow]:
    """Give an arrow for each place a step leads to, with its ways if there are several places."""
    by_place: dict[str, list[str]] = {}
    for edge in edges:
        to = f"end-{start}" if edge.to == END else keys[edge.to]
        by_place.setdefault(to, []).append(way_words(step, edge.way) if edge.way else "")
    for to, words in by_place.items():
        said = [each for each in words if each]
        shown = [*said, "else"] if said and "" in words else said
        yield Arrow(start, to, ", ".join(shown) if len(by_place) > 1 else "")
