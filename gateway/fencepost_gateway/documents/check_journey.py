"""
Check journey: what would go wrong on the way, seen before anybody is on it.

Pure. As ``check``, of which it is a part. Which steps there are and that names of steps fit is
already known (``models.journey``); here is what follows from how they hang together.

Rule 1. What a journey names is checked as a campaign's: entries, what is awaited, rules, messages;
        besides tables, sources, experiments, and journeys that it jumps to.
Rule 2. A step that no run can come to is an error, and so is a loop in which a run would go round
        without waiting, through jumps too.
Rule 3. A wait that ends after the run's lifetime is an error: nobody would see its end. Counted is
        the quickest way to it.
Rule 4. A reaction is to a message of a step that came before, and one that its channels can have.
Rule 5. What is possible and hardly meant is a warning: a branch without ``otherwise``, a way of
        weight 0, a limit without ``full``, a wait for something without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.steps import END
from fencepost_gateway.documents.check_parts import (
    check_entry,
    check_limits,
    check_message,
    check_name,
    check_open,
    check_purposes,
    check_rule,
    check_run,
    check_sensitive,
    is_marketing,
    placed,
    templates_of,
)
from fencepost_gateway.documents.document import Document, Path
from fencepost_gateway.documents.flow_graph import FlowGraph, circle_from
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.models.awaited import REACTIONS, Happening, Reaction
from fencepost_gateway.documents.models.campaign import Message
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Copied, Step
from fencepost_gateway.documents.world import World, nearest

_ON_SCREEN: Final = frozenset(
    {"delivered", "failed", "displayed", "opened", "clicked", "dismissed"}
)
ANSWERS: Final[Mapping[str, frozenset[str]]] = {
    "in_app": _ON_SCREEN,
    "push": _ON_SCREEN,
    "webhook": _ON_SCREEN,
    "web_push": _ON_SCREEN,
    "email": frozenset({"delivered", "failed", "bounced", "opened", "clicked", "replied"}),
    "sms": frozenset({"delivered", "failed", "clicked", "replied"}),
}


def check_journey(document: Document, world: World) -> Iterator[Finding]:
    """Find everything wrong, and doubtful, with a journey."""
    journey = world.journeys[document.id]
    graph = FlowGraph(journey, world.experiments)
    yield from _check_head(document, journey, world)
    for number, step in enumerate(journey.steps):
        yield from _check_step(step, ("steps", number), graph, world)
    yield from _check_ways(graph)
    yield from _check_lifetime(graph)
    yield from _check_jumps(document.id, world)


def _check_head(document: Document, journey: Journey, world: World) -> Iterator[Finding]:
    entries = placed(journey.entry, document.body["entry"])
    for path, entry in entries:
        yield from check_entry(entry, path, world)
    yield from check_rule(journey.when, ("when",), world)
    yield from check_run(journey.run, world)
    yield from check_limits(journey.limits, world)
    is_list = isinstance(document.body.get("exit_on"), list)
    for n, awaited in enumerate(journey.exit_on):
        path = ("exit_on", n) if is_list else ("exit_on",)
        if isinstance(awaited, Happening):
            yield from check_entry(awaited, path, world)
        else:
            yield from _check_reaction(awaited, path, journey, world)
    messages = [step.message for step in journey.steps if step.message]
    if is_marketing(messages, world):
        waits = [
            (path, each)
            for number, step in enumerate(journey.steps)
            for path, each in _awaited(step, ("steps", number))
            if isinstance(each, Happening)
        ]
        rules = [(("when",), journey.when), *_rules(journey)]
        forbidden = [*check_sensitive([*entries, *waits], rules, world)]
        yield from forbidden or check_purposes(entries, rules, world)


def _rules(journey: Journey) -> Iterator[tuple[Path, object]]:
    """Give the rules of the steps and where they stand."""
    for number, step in enumerate(journey.steps):
        yield from _rules_of(step, ("steps", number))


def _rules_of(step: Step, path: Path) -> Iterator[tuple[Path, object]]:
    if step.message is not None:
        yield (*path, "message", "while"), step.message.while_
    if step.wait is not None:
        yield (*path, "wait", "while"), step.wait.while_
    for n, case in enumerate(step.branch or ()):
        yield (*path, "branch", n, "when"), case.when


def _awaited(step: Step, path: Path) -> Iterator[tuple[Path, Happening | Reaction]]:
    for name, each in (step.wait.for_ or {}).items() if step.wait else ():
        yield (*path, "wait", "for", *([name] if name else [])), each


def _check_step(step: Step, path: Path, graph: FlowGraph, world: World) -> Iterator[Finding]:
    if step.message is not None:
        spot = (*path, "message")
        yield from check_message(step.message, spot, world)
        yield from check_open(step.message, spot, graph.journey.entry, world)
    if step.wait is not None:
        yield from check_rule(step.wait.while_, (*path, "wait", "while"), world)
        yield from _check_wait(step, path, graph, world)
    for n, case in enumerate(step.branch or ()):
        yield from check_rule(case.when, (*path, "branch", n, "when"), world)
    yield from _check_calls(step, path, world)
    yield from _check_names(step, path, world)
    yield from _check_values(step, path, graph)
    yield from _check_copied(step, path, graph)
    yield from _doubts(step, path)


def _check_wait(step: Step, path: Path, graph: FlowGraph, world: World) -> Iterator[Finding]:
    wait_id = graph.journey.step_ids[_number(path)]
    for spot, each in _awaited(step, path):
        if isinstance(each, Happening):
            yield from check_entry(each, spot, world)
            continue
        yield from _check_reaction(each, spot, graph.journey, world)
        for what, step_id in each.parts:
            to = graph.targets.of(step_id)
            if to in graph.steps and wait_id not in graph.reached(to):
                why = f"step {step_id} does not come before, so nobody can have {what} it yet"
                yield Finding((*spot, what), why, "name a message that was sent by then")


def _number(path: Path) -> int:
    return path[1] if isinstance(path[1], int) else 0


def _check_reaction(
    reaction: Reaction, path: Path, journey: Journey, world: World
) -> Iterator[Finding]:
    """Find reactions that cannot be (Rule 4)."""
    by_id = dict(zip(journey.step_ids, journey.steps, strict=True))
    for what, step_id in reaction.parts:
        step = by_id.get(step_id)
        if step is None or step.message is None:
            how = "name a step with a message"
            yield Finding((*path, what), f"step {step_id} sends nothing", how)
        elif not any(what in ANSWERS[channel] for channel in step.message.channels):
            names = " and ".join(step.message.channels)
            able = ", ".join(a for a in REACTIONS if a in ANSWERS[step.message.channels[0]])
            why = f"a message by {names} is never {what}"
            yield Finding((*path, what), why, f"wait for {able}, or add a channel")
        elif not _is_told(what, step.message, world):
            why = f"nobody will tell that it was {what}: its template is not tracked"
            how = f"write tracking: {{{what.removesuffix('ed')}s: true}} in the template"
            yield Finding((*path, what), why, how, is_warning=True)


def _is_told(what: str, message: Message, world: World) -> bool:
    """Say whether what email and SMS tell only of tracked messages can be told of this one."""
    if what not in {"opened", "clicked"} or not {"email", "sms"}.issuperset(message.channels):
        return True
    found = [template.tracking for template in templates_of([message], world)]
    return not found or any(t.clicks or (what == "opened" and t.opens) for t in found)


def _check_calls(step: Step, path: Path, world: World) -> Iterator[Finding]:
    """Find tables and sources that are not there, or cannot be told anything."""
    if step.look_up is not None:
        for kind, name in (("table", step.look_up.table), ("source", step.look_up.source)):
            if name is not None:
                yield from check_name(kind, name, (*path, "look_up", kind), world)
    if step.webhook is not None:
        spot, name = (*path, "webhook", "source"), step.webhook.source
        yield from check_name("source", name, spot, world)
        source = world.sources.get(name)
        if source is not None and not source.sign:
            what = f"source {name} has nothing to sign a webhook with"
            yield Finding(spot, what, "add sign: [NAME OF A SECRET] to the source")


def _check_names(step: Step, path: Path, world: World) -> Iterator[Finding]:
    if step.split is not None and step.split.experiment is not None:
        name = step.split.experiment
        yield from check_name("experiment", name, (*path, "split", "experiment"), world)
        arms = world.experiments.get(name)
        for way in step.then if arms is not None else ():
            if arms is not None and way not in arms:
                how = nearest(way, arms, "arm there")
                yield Finding((*path, "then", way), f"experiment {name} has no arm {way}", how)
    if step.jump is not None:
        known = {each.id for each in world.sending}
        if step.jump not in known:
            how = nearest(step.jump, known, "journey")
            yield Finding((*path, "jump"), f"there is no journey or campaign {step.jump}", how)


def _check_values(step: Step, path: Path, graph: FlowGraph) -> Iterator[Finding]:
    """Find rules about values that nothing looks up, or only later."""
    this = graph.journey.step_ids[_number(path)]
    for spot, rule in _rules_of(step, path):
        for wanted in sorted(_values_in(rule)):
            yield from _missing(wanted, this, graph, spot)


def _values_in(rule: object) -> set[str]:
    """Give the names of look-ups that a rule asks for."""
    if isinstance(rule, list):
        return {name for each in rule for name in _values_in(each)}
    if not isinstance(rule, dict):
        return set()
    found = {name for each in rule.values() for name in _values_in(each)}
    asked = rule.get("value")
    return found | ({asked.partition(".")[0]} if isinstance(asked, str) else set())


def _missing(wanted: str, this: str, graph: FlowGraph, spot: Path) -> Iterator[Finding]:
    makers = [i for i, made in graph.looks.items() if made == wanted]
    if not makers:
        how = nearest(wanted, graph.looks.values(), "look_up with as:")
        yield Finding(spot, f"nothing is looked up as {wanted}", how)
    elif not any(this in graph.reached(maker) for maker in makers):
        yield Finding(spot, f"{wanted} is looked up only later", "look it up before")


def _check_copied(step: Step, path: Path, graph: FlowGraph) -> Iterator[Finding]:
    """Find values of look-ups that are not there, or not yet."""
    this = graph.journey.step_ids[_number(path)]
    for name, value in step.update.set.items() if step.update else ():
        if not isinstance(value, Copied) or value.value is None:
            continue
        spot = (*path, "update", "set", name, "value")
        yield from _missing(value.path[1], this, graph, spot)


def _doubts(step: Step, path: Path) -> Iterator[Finding]:
    """Find what is possible and hardly meant (Rule 5)."""
    if step.branch is not None and step.branch[-1].otherwise is None:
        what = "no otherwise: a run ends here if nothing holds"
        yield _doubt((*path, "branch"), what, "add {otherwise: STEP}, or {otherwise: end}")
    if step.limit is not None and "full" not in step.then:
        what = "no way for those who are too many: they go on like the others"
        yield _doubt((*path, "limit"), what, "add then: {full: STEP}")
    if step.look_up is not None and step.look_up.source and "error" not in step.then:
        what = "no way for error: when no answer comes a run goes on without the value"
        yield _doubt((*path, "look_up"), what, "add then: {error: STEP}")
    for way, weight in step.split.weights.items() if step.split else ():
        if not weight:
            what = f"nobody goes the way {way}: its weight is 0"
            yield _doubt((*path, "split", way), what, "give it one, or take it out")
    if step.wait is not None and step.wait.for_ is not None and step.wait.timeout is None:
        what = "no timeout: whom it never happens to waits until the lifetime ends"
        yield _doubt((*path, "wait"), what, "add timeout: and its way, then: {timeout: STEP}")


def _doubt(path: Path, what: str, how: str) -> Finding:
    return Finding(path, what, how, is_warning=True)


def _check_ways(graph: FlowGraph) -> Iterator[Finding]:
    """Find steps nobody comes to, and loops without a wait (Rule 2)."""
    for number, step in enumerate(graph.journey.steps):
        if step.to is not None and graph.targets.circle(number):
            yield Finding(("steps", number, "to"), "it leads back to itself", "name another step")
    if graph.first == END:
        yield Finding(("steps",), "the journey ends before its first step", "take the to: out")
        return
    reached = graph.reached(graph.first)
    told: set[str] = set()
    for step_id in graph.steps:
        path: Path = ("steps", graph.number[step_id])
        if step_id not in reached:
            yield Finding(path, "no run comes to this step", "send one here, or take it out")
            continue
        loop = graph.instant_loop(step_id) if step_id not in told else []
        if loop:
            told.update(loop)
            what = f"a loop without a wait: {' - '.join(loop)}"
            how = "add a wait for a time, or for something to happen"
            yield Finding(path, what, how)


def _check_lifetime(graph: FlowGraph) -> Iterator[Finding]:
    """Find waits whose end no run lives to see (Rule 3)."""
    journey = graph.journey
    lifetime_ms = parse_duration_ms(journey.lifetime) or 0
    for step_id, at_ms in graph.earliest_ms().items():
        longest_ms = max((edge.takes_ms for edge in graph.edges[step_id]), default=0)
        if at_ms < lifetime_ms <= at_ms + longest_ms:
            wait = graph.steps[step_id].wait
            member = "for_duration" if wait and wait.for_duration else "timeout"
            before = " with the waits before it" if at_ms else ""
            what = f"this wait{before} is as long as the lifetime, {journey.lifetime}, or longer"
            path: Path = ("steps", graph.number[step_id], "wait", member)
            has_own = "lifetime" in journey.model_fields_set
            longer = "lengthen lifetime:" if has_own else "add lifetime: to the journey"
            yield Finding(path, what, f"shorten it, or {longer}")


def _check_jumps(name: str, world: World) -> Iterator[Finding]:
    """Find jumps that lead back to their own journey."""
    if all(step.jump is None for step in world.journeys[name].steps):
        return
    instantly = circle_from(name, _jumps(world, instantly=True))
    circle = instantly or circle_from(name, _jumps(world, instantly=False))
    if not circle:
        return
    way = " - ".join(circle)
    for number, step in enumerate(world.journeys[name].steps):
        if step.jump == circle[1] and instantly:
            what, how = f"journeys jump in a circle without a wait: {way}", "add a wait to one"
            yield Finding(("steps", number, "jump"), what, how)
        elif step.jump == circle[1]:
            how = "see that exit_on, a branch or reentry ends it"
            yield _doubt(("steps", number, "jump"), f"journeys jump in a circle: {way}", how)


def _jumps(world: World, *, instantly: bool) -> Callable[[str], list[str]]:
    def following(name: str) -> list[str]:
        journey = world.journeys.get(name)
        if journey is None:
            return []
        graph = FlowGraph(journey, world.experiments)
        there = graph.reached(graph.first, instantly=instantly)
        found = (graph.steps[step_id].jump for step_id in sorted(there))
        return [jump for jump in found if jump is not None]

    return following
