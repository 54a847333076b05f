"""Builders for tests of the decision core: everything allowed unless a test says otherwise."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from msgspec import Struct
from msgspec.structs import replace

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.message import AddressRow, ClaimFacts, Message, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import (
    AudienceEntry,
    Campaign,
    EventEntry,
    LocalWindow,
    MessagePlan,
    Plan,
    Policy,
    QuietHours,
    Template,
    TransitionEntry,
)
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.documents.wake_index import by_external, scheduled

MODEST = settings(max_examples=60, deadline=None)

MIN_MS = 60_000
HOUR_MS = 60 * MIN_MS
DAY_MS = 24 * HOUR_MS

CHANNELS = ("in_app", "web_push", "sms", "email")


def at(text: str) -> int:
    """Read ``2026-06-01 12:00`` (UTC) as epoch milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON_MS = at("2026-06-01 12:00")  # a Monday

STUDIO = FenceView("studio", name="Studio", tags=frozenset({"studio"}), place_name="The Studio")

DAYTIME = tuple(LocalWindow(weekday, 8 * 60, 21 * 60) for weekday in range(7))
QUIET = QuietHours(
    purposes=frozenset({"marketing"}),
    channels=frozenset({"in_app", "web_push", "sms"}),
    allowed=DAYTIME,
)
POLICY = Policy(
    policy_id="default",
    version=1,
    accepts={"transactional": frozenset({"y", "CT", "CP"}), "*": frozenset({"y"})},
    defaults={"transactional": "CT"},
    quiet_hours=(QUIET,),
)
YES_TO_ALL = tuple(
    ConsentEntry(purpose, "y", 0)
    for purpose in ("marketing", "location_collect", "location_marketing")
)

EVENT = Cause("stimulus-1", "event", "cart_updated", NOON_MS, {"value": 60})
ENTER = Cause("stimulus-2", "transition", "enter", NOON_MS, fence_id="studio", visit_id="visit-1")


def campaign(campaign_id: str = "greeting", **changes: Any) -> Campaign:
    """Give a campaign woken by a cart and by entering the studio, over all channels."""
    plain = Campaign(
        campaign_id=campaign_id,
        version=3,
        name="Greeting",
        entries=(
            EventEntry("cart_updated"),
            TransitionEntry("enter", frozenset({"studio"})),
        ),
        message=MessagePlan("greet", CHANNELS),
    )
    return replace(plain, **changes)


def template(purpose: Any = "marketing") -> Template:
    """Give the template of every campaign here."""
    return Template("greet", 2, purpose, {channel: {"text": "Hi"} for channel in CHANNELS})


def plan(*campaigns: Campaign, purpose: str = "marketing", **changes: Any) -> Plan:
    """Publish ``campaigns`` (one plain one if none) with their wake index."""
    live = campaigns or (campaign(),)
    on_event: dict[str, tuple[Campaign, ...]] = {}
    on_transition: dict[tuple[str, str], tuple[Campaign, ...]] = {}
    on_audience: dict[tuple[str, str], tuple[Campaign, ...]] = {}
    for each in live:
        for entry in each.entries:
            if isinstance(entry, EventEntry):
                on_event[entry.name] = _with(on_event.get(entry.name, ()), each)
                continue
            if isinstance(entry, AudienceEntry):
                named = (entry.audience_id, entry.on)
                on_audience[named] = _with(on_audience.get(named, ()), each)
                continue
            if not isinstance(entry, TransitionEntry):
                continue  # concerns many, and comes addressed
            for fence_id in sorted(entry.fence_ids):
                key = (entry.kind, fence_id)
                on_transition[key] = _with(on_transition.get(key, ()), each)
    plain = Plan(
        revision=7,
        policy=POLICY,
        campaigns={each.campaign_id: each for each in live},
        templates={"greet": template(purpose)},
        fences={"studio": STUDIO},
        on_event=on_event,
        on_transition=on_transition,
        on_audience=on_audience,
        on_external=by_external(live),
        scheduled=scheduled(live),
        workspace_zone="Europe/Monaco",
        seed="seed",
    )
    return replace(plain, **changes)


def _with(known: tuple[Campaign, ...], new: Campaign) -> tuple[Campaign, ...]:
    return known if new in known else (*known, new)


def message(**changes: Any) -> Message:
    """Give a message of the plain campaign, entered at noon."""
    plain = Message(
        message_id="message-1",
        group_id="message-1",
        run_id="run-1",
        campaign_id="greeting",
        campaign_version=3,
        person_id="person-1",
        channels=CHANNELS,
        cause=EVENT,
        entered_ms=NOON_MS,
        expires_at_ms=NOON_MS + DAY_MS,
    )
    return replace(plain, **changes)


def addresses(*channels: str) -> tuple[AddressRow, ...]:
    """Give one address on each of ``channels``."""
    return tuple(AddressRow(c, f"{c}-1", {"address": f"secret of {c}"}, 0) for c in channels)


def facts(**changes: Any) -> ClaimFacts:
    """Give facts under which the message may go: reachable on all channels, consent given."""
    plain = ClaimFacts(
        message=message(),
        person=Person("person-1"),
        consents=YES_TO_ALL,
        addresses=addresses(*CHANNELS),
        due_ms=NOON_MS,
    )
    return replace(plain, **changes)


RENDERED: Mapping[str, Rendered] = {channel: Rendered() for channel in CHANNELS}


def judged(
    the_plan: Plan | None = None,
    the_facts: ClaimFacts | None = None,
    rendered: Mapping[str, Rendered] = RENDERED,
    now_ms: int = NOON_MS,
) -> Verdict:
    """Judge, with everything left out allowed."""
    return judge(the_plan or plan(), the_facts or facts(), rendered, now_ms)


def gates(verdict: Verdict) -> list[str]:
    """Name the gates that were asked, in order."""
    return [check.gate for check in verdict.checks]


def slot(name: str, reserved_at_ms: int, used_at_ms: int | None = None, **changes: Any) -> Slot:
    """Give a marketing slot of the plain campaign, in a group of its own."""
    plain = Slot(
        slot_id=name,
        group_id=name,
        person_id="person-1",
        channel="email",
        purpose="marketing",
        campaign_id="greeting",
        tags=(),
        reserved_at_ms=reserved_at_ms,
        used_at_ms=used_at_ms,
        state="open" if used_at_ms is None else "confirmed",
    )
    return replace(plain, **changes)


def windows(days: Iterable[int], *spans: Sequence[int]) -> tuple[LocalWindow, ...]:
    """Allow ``spans`` (minutes from, to) on each of ``days``."""
    return tuple(LocalWindow(day, start, end) for day in days for start, end in spans)


class Entered(Struct, frozen=True):
    """The step record of one woken campaign, and the messages it wants."""

    step: StepRecord
    messages: tuple[Message, ...]


def entered_by(
    the_plan: Plan, workspace: str, person: Person, cause: Cause, now_ms: int
) -> list[Entered]:
    """Let a cause start what it starts; give what came of each campaign that was woken."""
    scene = Scene(the_plan, workspace, person, Census({}), now_ms)
    enter(scene, cause)
    found = scene.walked.messages
    return [
        Entered(step, tuple(m for m in found if m.message_id in step.message_ids))
        for step in scene.walked.records
    ]
