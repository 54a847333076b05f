"""Journeys for tests: flows in a line or two, and a person whose runs are moved along them."""

from typing import Any

from msgspec import structs

from fencepost_gateway.decide import walk
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.past import PastMessage
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import NO_MESSAGE, Campaign, EventEntry, MessagePlan, Plan
from fencepost_gateway.decide.scene import Scene, Walked
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.steps import Does, Flow, MessageStep, Step, WaitStep
from fencepost_gateway.decide.stimulus import Cause
from gateway.decide.builders import NOON_MS, plan

JOURNEY = "first-class"


def head(version: int = 1, **more: Any) -> Campaign:
    """Give what a journey shares with a campaign; an event ``begin`` starts it."""
    return Campaign(
        campaign_id=more.pop("campaign_id", JOURNEY),
        version=version,
        name="First class",
        entries=more.pop("entries", (EventEntry("begin"),)),
        message=NO_MESSAGE,
        is_journey=True,
        **more,
    )


def message(channel: str = "in_app", **more: Any) -> MessageStep:
    """Give a message step; its part knows the journey only by name."""
    part = structs.replace(head(), message=MessagePlan("greet", (channel,), **more))
    return MessageStep(part)


def flow(*steps: Step, top: Campaign | None = None, **more: Any) -> Flow:
    """Give a journey of these steps; each goes on to the one behind it unless it says otherwise."""
    linked = []
    for number, step in enumerate(steps):
        behind = steps[number + 1].step_id if number + 1 < len(steps) else "end"
        linked.append(structs.replace(step, next=behind if step.next == "" else step.next))
    return Flow(
        head=top or head(),
        steps={step.step_id: step for step in linked},
        first=linked[0].step_id,
        **more,
    )


def step(step_id: str, does: Does, next_id: str = "", **then: str) -> Step:
    """Give a step; ``next_id`` empty: the one behind it."""
    return Step(step_id, does, next_id, {name.replace("__", "."): to for name, to in then.items()})


def plan_of(*flows: Flow, **more: Any) -> Plan:
    """Give a plan with these journeys live."""
    found = plan()
    heads = {each.head.campaign_id: each.head for each in flows}
    on_event: dict[str, tuple[Campaign, ...]] = {}
    for each in heads.values():
        for entry in each.entries:
            if isinstance(entry, EventEntry):
                on_event[entry.name] = (*on_event.get(entry.name, ()), each)
    return structs.replace(
        found,
        campaigns=heads,
        on_event=on_event,
        flows={(each.head.campaign_id, each.head.version): each for each in flows},
        **more,
    )


class Traveller:
    """Somebody whose runs are moved; keeps every record and message."""

    def __init__(self, the_plan: Plan, person: Person | None = None) -> None:
        self.plan = the_plan
        self.person = person or Person("person-1")
        self.census = Census({})
        self.walked = Walked()
        self.number = 0

    def does(
        self, name: str, at_ms: int = NOON_MS, now_ms: int | None = None, **props: Any
    ) -> None:
        """Let the person do something."""
        self.number += 1
        self.takes(Cause(f"event-{self.number}", "event", name, at_ms, props), now_ms)

    def takes(self, cause: Cause, now_ms: int | None = None) -> None:
        """Let something happen to the person: runs move, then journeys begin."""
        scene = self._scene(cause.at_ms if now_ms is None else now_ms)
        walk.happened(scene, cause)
        enter(scene, cause)
        self._keep(scene)

    def waits_until(self, now_ms: int) -> None:
        """Let time pass."""
        scene = self._scene(now_ms)
        walk.rang(scene)
        self._keep(scene)

    def reacts(self, what: str, number: int = -1, at_ms: int = NOON_MS) -> None:
        """Let the person react to the newest of the messages, or another one."""
        message_id = self.walked.messages[number].message_id
        self.person.heard_of(PastMessage(message_id, first_ms={what: at_ms}))
        scene = self._scene(at_ms)
        walk.heard(scene)
        self._keep(scene)

    def ends(self, state: str, reason: str = "", number: int = -1, now_ms: int = NOON_MS) -> None:
        """Let a message come to its end."""
        message = self.walked.messages[number]
        scene = self._scene(now_ms)
        walk.settled(scene, message.run_id, message.message_id, state, reason)
        self._keep(scene)

    def clock_changes(self, now_ms: int) -> None:
        """Let the person turn out to be in another zone."""
        scene = self._scene(now_ms)
        walk.retime(scene)
        self._keep(scene)

    @property
    def run(self) -> Any:
        """The run in the journey."""
        return self.person.runs[JOURNEY]

    @property
    def steps(self) -> list[StepRecord]:
        """The records so far."""
        return self.walked.records

    @property
    def told(self) -> list[str]:
        """What happened, briefly: ``step outcome way``."""
        return [
            " ".join(part for part in (r.step_id, r.outcome, r.reason or r.way) if part)
            for r in self.walked.records
        ]

    def _scene(self, now_ms: int) -> Scene:
        return Scene(self.plan, "main", self.person, self.census, now_ms)

    def _keep(self, scene: Scene) -> None:
        self.walked.records += scene.walked.records
        self.walked.messages += scene.walked.messages
        self.walked.jumps += scene.walked.jumps
        self.walked.topics += scene.walked.topics
        self.walked.staged += scene.walked.staged
        self.walked.moved |= scene.walked.moved


def wait(step_id: str, for_ms: int) -> Step:
    """Give a wait of a span."""
    return step(step_id, WaitStep(for_ms=for_ms))
