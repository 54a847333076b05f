"""
Journey plans: journey documents, compiled for deciding.

Pure. As ``compile``, of which it is a part.

Rule 1. ``to`` items and stages beside a step are no steps of their own: what leads to a ``to`` goes
        where it says. A circle of them leads to the end; ``check`` refuses it.
Rule 2. A message step is a campaign of one message: all of the journey's head, and its message.
Rule 3. What is awaited without a name has that of its form (``clicked``, ``event``); what ends a
        run, that of what it waits for (``class_pack_bought``), since a record tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from fencepost_gateway.decide import plan, steps
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.spans import WEEKDAYS, parse_clock_min, parse_duration_ms
from fencepost_gateway.documents.campaign_plans import entry_of, head_of, message_of, rule_of
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.documents.models.awaited import Happening, Reaction, own_name
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Copied, Step
from fencepost_gateway.documents.models.wait import Wait
from fencepost_geofence.fence import Fence

_Compiled = Callable[[Happening], plan.Entry]


class _Ground(Struct, frozen=True):
    """What the steps of a journey are compiled with."""

    authored: Journey
    head: plan.Campaign
    targets: Targets
    compiled: _Compiled


class Targets:
    """Where each step goes on, ``to`` items followed (Rule 1)."""

    def __init__(self, journey: Journey) -> None:
        self._ids = journey.step_ids
        self._at = {step_id: number for number, step_id in enumerate(self._ids)}
        self._to = tuple(step.to for step in journey.steps)

    def of(self, name: str) -> str:
        """Give the step that a name leads to, or the end."""
        return self.after(self._at[name] - 1) if name in self._at else steps.END

    def after(self, number: int) -> str:
        """Give the step that follows the one at ``number``, from 0; -1: the first."""
        at, seen = number + 1, set[int]()
        while at < len(self._to) and at not in seen:
            to = self._to[at]
            if to is None:
                return self._ids[at]
            seen.add(at)
            if to == steps.END:
                break
            at = self._at[to]
        return steps.END

    def circle(self, number: int) -> bool:
        """Say whether a ``to`` at ``number`` leads back to itself."""
        at, seen = number, set[int]()
        while at < len(self._to):
            to = self._to[at]
            if to is None or to == steps.END:
                return False
            if at in seen:
                return at == number
            seen.add(at)
            at = self._at[to]
        return False


def flow_of(
    source: StoredDocument,
    authored: Journey,
    views: Mapping[str, FenceView],
    all_fences: Sequence[Fence],
    zone: str,
) -> steps.Flow:
    """Compile a journey; ``zone`` is the workspace's."""
    shared = head_of(source, authored, views, all_fences, zone)
    head = structs.replace(shared, is_journey=True)
    ground = _Ground(
        authored,
        head,
        Targets(authored),
        lambda each: entry_of(authored.id, each, views, all_fences, zone),
    )
    made = {
        step_id: _step(step_id, number, step, ground)
        for number, (step_id, step) in enumerate(
            zip(authored.step_ids, authored.steps, strict=True)
        )
        if step.to is None
    }
    return steps.Flow(
        head=head,
        steps=made,
        first=ground.targets.after(-1),
        exit_on=tuple(_awaited([(_ending(e), e) for e in authored.exit_on], ground)),
        lifetime_ms=parse_duration_ms(authored.lifetime) or 0,
        instance=authored.instance,
    )


def _step(step_id: str, number: int, authored: Step, ground: _Ground) -> steps.Step:
    is_stage = authored.kind == "stage"
    return steps.Step(
        step_id=step_id,
        does=_does(authored, ground),
        next=ground.targets.after(number),
        then={way: ground.targets.of(name) for way, name in authored.then.items()},
        note=authored.note,
        stage="" if is_stage else authored.stage or "",
    )


def _does(step: Step, ground: _Ground) -> steps.Does:
    if step.message is not None:
        message = message_of(step.message, ground.authored.priority)
        return steps.MessageStep(structs.replace(ground.head, message=message, when=None))
    if step.wait is not None:
        return _wait(step.wait, ground)
    if step.branch is not None:
        return _branch(step, ground)
    if step.split is not None:
        split = step.split
        weights = tuple((way, float(weight)) for way, weight in split.weights.items())
        return steps.SplitStep(weights, split.random, split.experiment or "")
    if step.limit is not None:
        return steps.LimitStep(step.limit.to)
    if step.update is not None:
        return _update(step)
    if step.look_up is not None:
        wish = step.look_up
        key = wish.key.path if wish.key else ()
        return steps.LookUpStep(wish.as_, wish.table or "", wish.source or "", key)
    if step.webhook is not None:
        return steps.WebhookStep(step.webhook.source)
    if step.jump is not None:
        return steps.JumpStep(step.jump)
    return steps.GoalStep() if step.goal else steps.StageStep(step.stage or "")


def _wait(authored: Wait, ground: _Ground) -> steps.WaitStep:
    date = authored.until_date
    return steps.WaitStep(
        for_ms=parse_duration_ms(authored.for_duration),
        until=_local(authored) if authored.until is not None else None,
        date=steps.DateOf(date.path, date.move_ms, _minute(date.at), date.zone) if date else None,
        awaited=tuple(_awaited(authored.awaited, ground)),
        timeout_ms=parse_duration_ms(authored.timeout),
        spread_ms=parse_duration_ms(authored.spread) or 0,
        while_=rule_of(authored.while_),
    )


def _local(authored: Wait) -> steps.LocalTime:
    days = authored.days or WEEKDAYS
    numbers = frozenset(WEEKDAYS.index(day) for day in days)
    return steps.LocalTime(_minute(authored.until), numbers, authored.zone)


def _minute(clock: str | None) -> int:
    return parse_clock_min(clock) or 0


def _awaited(
    named: Iterator[tuple[str, Happening | Reaction]] | Sequence[tuple[str, Happening | Reaction]],
    ground: _Ground,
) -> Iterator[steps.Awaited]:
    for name, each in named:
        if isinstance(each, Happening):
            yield steps.Awaited(name, ground.compiled(each), tuple(each.same))
            continue
        for what, step_id in each.parts:
            yield steps.Awaited(name or what, steps.Reaction(what, step_id))


def _ending(awaited: Happening | Reaction) -> str:
    """Name what ends a run; reactions name themselves (Rule 3)."""
    if isinstance(awaited, Reaction):
        return ""
    return str(getattr(awaited, own_name(awaited)))


def _branch(step: Step, ground: _Ground) -> steps.BranchStep:
    cases = step.branch or []
    made = tuple(
        steps.Case(rule, ground.targets.of(case.to))
        for case in cases
        if case.to is not None and (rule := rule_of(case.when)) is not None
    )
    otherwise = cases[-1].otherwise
    return steps.BranchStep(made, None if otherwise is None else ground.targets.of(otherwise))


def _update(step: Step) -> steps.UpdateStep:
    if step.update is None:
        return steps.UpdateStep()
    said = step.update.set.items()
    return steps.UpdateStep(
        set=tuple((name, value) for name, value in said if not isinstance(value, Copied)),
        copied=tuple((name, value.path) for name, value in said if isinstance(value, Copied)),
        unset=tuple(step.update.unset),
    )
