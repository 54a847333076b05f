"""All six transitions on their way from the tracker to campaigns, records and presences."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import LogRecord, TimerFired, Upload
from fencepost_gateway.ports import DocumentRow, Effects
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from fencepost_geofence.fix import Fix
from fencepost_geofence.heard import Followed
from fencepost_geofence.state import DeviceState, Kind, Transition
from gateway.batches import batch, fix
from gateway.rig import DOCUMENTS, FENCES, INSIDE, NOON_MS, OPEN_POLICY, Rig, open_rig

MIN_MS = 60_000
HOUR_MS = 60 * MIN_MS
FENCE = (
    b'{"kind": "fence", "type": "Feature", "id": "gate",'
    b' "geometry": {"type": "Point", "coordinates": [7.42, 43.73]},'
    b' "properties": {"radius_m": 60, "pass": true, "approach_s": 300}}'
)
TEMPLATE = (
    b'{"kind": "template", "id": "words", "purpose": "transactional", "in_app": {"body": "hi"}}'
)


class Script:
    """A tracker that says what it is told to say."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.says: list[Transition] = []
        self.fixes: list[Fix] = []

    def follow(self, _state: DeviceState, fixes: Iterable[Fix]) -> Followed:
        """Give what is to be said next."""
        self.fixes += fixes
        return Followed(self.says)

    def tick(self, _state: DeviceState, _now_ms: int) -> list[Transition]:
        """Give what is to be said next."""
        return self.says

    def next_tick_ms(self, _state: DeviceState) -> int | None:
        """Wait for nothing."""
        return None


def campaign(kind: str) -> DocumentRow:
    """Write a campaign that a transition of this kind wakes."""
    body = (
        f'{{"kind": "campaign", "id": "on-{kind}", "goal": "none", "reentry": "always",'
        f' "entry": {{"transition": "{kind}", "fence": {{"id": "gate"}}}},'
        ' "message": {"template": "words", "channels": ["in_app"]}}'
    )
    return DocumentRow("campaign", f"on-{kind}", 1, body.encode(), NOON_MS, NOON_MS)


def upload(*, is_mock: bool, now_ms: int = NOON_MS) -> Upload:
    """Give an upload of one fix."""
    (raw,) = batch(fix(1, is_mock=is_mock)).events
    read = wire.decode_event(raw)
    assert isinstance(read, wire.Fix)
    return Upload("device-1", "p", "v", "", "s", now_ms, [read], [now_ms])


class World:
    """A plan with a campaign for each kind, and a tracker that follows a script."""

    def __init__(self, plans: Plans, tracker: Script) -> None:
        self.plans = plans
        self.tracker = tracker
        self.states = States()
        self.position = 0

    def hear(self, *says: Transition, now_ms: int = NOON_MS, by_timer: bool = False) -> Effects:
        """Let the tracker say something at the next fix, or timer."""
        self.tracker.says = list(says)
        self.position += 1
        record: Any = TimerFired("t", "device-1", "p", now_ms)
        if not by_timer:
            record = upload(is_mock=False, now_ms=now_ms)
        group = Group(self.states, self.plans, "demo", self.position)
        group.take(LogRecord(self.position, now_ms, record))
        return group.close()

    @property
    def visits(self) -> list[tuple[str, int]]:
        """Give fence and beginning of where the person is."""
        return [(each.fence_id, each.since_ms) for each in self.states.person("p").inside]


@pytest.fixture
async def world() -> World:
    """Open a world."""
    kinds = ("enter", "exit", "dwell", "expire", "pass", "approach")
    rows = [
        DocumentRow("fence", "gate", 1, FENCE, NOON_MS, NOON_MS),
        DocumentRow("template", "words", 1, TEMPLATE, NOON_MS, NOON_MS),
        *(campaign(kind) for kind in kinds if kind != "dwell"),
    ]
    store, plans = MemoryStore(), Plans("seed")
    await store.publish(rows, NOON_MS)
    await plans.load(store)
    tracker = Script(plans.tracker.index)
    plans.tracker = tracker  # type: ignore[assignment]  # as much of one as the group needs
    return World(plans, tracker)


def told(kind: Kind, began_ms: int = NOON_MS, at_ms: int = NOON_MS, **more: Any) -> Transition:
    """Give a transition of the visit that began then."""
    return Transition(
        kind=kind,
        fence_id="gate",
        at_ms=at_ms,
        crossed_at_ms=at_ms,
        visit_ms=began_ms,
        visit_began_ms=began_ms,
        reason="decided",
        **more,
    )


def woken(effects: Effects) -> list[str]:
    """Name the campaigns that were entered."""
    steps = [row.body for row in effects.records if row.kind == "step"]
    return [step["campaign_id"] for step in steps if step["outcome"] == "entered"]


@pytest.mark.parametrize("kind", ["enter", "exit", "expire", "pass", "approach"])
@pytest.mark.parametrize("by_timer", [False, True])
def test_each_transition_wakes_its_campaign_and_is_on_record(
    world: World,
    kind: Kind,
    by_timer: bool,  # noqa: FBT001 - one axis of the table
) -> None:
    """Whatever the tracker tells, by a fix or by time."""
    effects = world.hear(told(kind), by_timer=by_timer)

    assert [row.body["kind"] for row in effects.records if row.kind == "transition"] == [kind]
    assert woken(effects) == [f"on-{kind}"]
    assert len(effects.messages) == 1


def test_expired_visit_is_over_and_no_exit_is_claimed(world: World) -> None:
    """The presence ends in the same step; whoever waits for EXIT is not woken."""
    world.hear(told("enter"))
    effects = world.hear(told("expire"), by_timer=True)

    assert world.visits == []
    assert woken(effects) == ["on-expire"]


def test_superseded_transition_is_on_record_and_wakes_nobody(world: World) -> None:
    """What is taken back ends the visit, and says so, and starts nothing."""
    world.hear(told("enter"))
    effects = world.hear(told("exit", superseded=True))

    assert [row.body["superseded"] for row in effects.records] == [True]
    assert (woken(effects), effects.messages) == ([], [])
    assert world.visits == []


def test_visit_goes_on_when_its_exit_is_taken_back(world: World) -> None:
    """Nobody left: the person is inside since the visit began."""
    world.hear(told("enter"))
    world.hear(told("exit", at_ms=NOON_MS + MIN_MS))
    assert world.visits == []
    world.hear(told("enter", at_ms=NOON_MS + MIN_MS, superseded=True))

    assert world.visits == [("gate", NOON_MS)]


def test_late_transition_wakes_with_its_age(world: World) -> None:
    """The message expires by when it happened, so that the claim can withhold what is too old."""
    effects = world.hear(told("enter", late=True), now_ms=NOON_MS + 9 * MIN_MS)
    (message,) = effects.messages

    assert effects.records[0].body["late"] is True
    assert message.cause.at_ms == NOON_MS
    assert message.expires_at_ms == NOON_MS + 15 * MIN_MS


def test_ids_of_what_is_told_are_its_own(world: World) -> None:
    """Every visit and kind has an id of its own; the same told again has the same."""
    told_once = [
        told("enter"), told("exit"), told("expire"), told("pass"), told("approach"),
        told("enter", NOON_MS + 1), told("pass", NOON_MS + 1),
        told("approach", NOON_MS + 1),
    ]  # fmt: skip
    messages = world.hear(*told_once).messages

    assert len({message.message_id for message in messages}) == len(told_once)
    again = world.hear(told("enter", NOON_MS + 1)).records[1].body
    assert (again["outcome"], again["reason"]) == ("not_entered", "repeated")


@pytest.mark.parametrize("allowed", [False, True])
def test_mock_fixes_count_where_the_workspace_says_so(
    world: World,
    allowed: bool,  # noqa: FBT001 - the two cases
) -> None:
    """A test device may pretend to walk."""
    world.plans.plan = replace(world.plans.plan, allows_mock=allowed)
    record = LogRecord(1, NOON_MS, upload(is_mock=True))
    Group(world.states, world.plans, "demo", 1).take(record)

    assert [each.is_mock for each in world.tracker.fixes] == [not allowed]


# ---- openings ------------------------------------------------------------------------------

OPENED = DOCUMENTS.replace("fence: {tag: studio}}", "fence: {tag: studio}, opened: true}", 1)


def hours(text: str, **more: Any) -> dict[str, Any]:
    """Give the studio opening hours in UTC, and a long memory."""
    fences = copy.deepcopy(FENCES)
    fences["features"][0]["properties"] |= {
        "active": text, "zone": "UTC", "presence_ttl": "9h", **more,
    }  # fmt: skip
    return fences


async def at(rig: Rig, at_ms: int) -> None:
    """Let time pass without a fix."""
    rig.clock.move_to(at_ms)
    await rig.settle()


async def entries(rig: Rig) -> list[tuple[int, bool]]:
    """Give minutes after noon of every ENTER, and whether the fence opened."""
    return [
        (round((r["body"]["at_ms"] - NOON_MS) / MIN_MS), r["body"].get("opened", False))
        for r in await rig.records("transition")
        if r["body"]["kind"] == "enter"
    ]


async def test_opening_enters_who_is_inside_once(tmp_path: Path) -> None:
    """Inside before it opens: nothing; at two o'clock a message, and one alone."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPENED, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
        await at(rig, NOON_MS + 2 * HOUR_MS - 1)
        before = await rig.inbox()
        await at(rig, NOON_MS + 2 * HOUR_MS)
        sent = await rig.inbox()
        for minute in (0, 1, 60, 300):
            await at(rig, NOON_MS + 2 * HOUR_MS + minute * MIN_MS)
        told_of = await entries(rig)
        steps = [(r["body"]["outcome"], r["body"]["reason"]) for r in await rig.records("step")]

    assert (before, len(sent)) == ([], 1)
    assert told_of == [(1, False), (120, True)]
    assert steps == [("not_entered", "fence_inactive"), ("entered", "")]


async def test_opening_and_entry_of_one_visit_are_two_stimuli(tmp_path: Path) -> None:
    """Who asks for both is woken by both; who does not ask is not woken by the opening."""
    both = OPENED.replace("opened: true", "opened: true, inactive: true")
    plain = DOCUMENTS.partition("---")[0].replace("id: greeting", "id: plain")
    async with open_rig(tmp_path) as rig:
        await rig.apply(both, plain, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
        await at(rig, NOON_MS + 2 * HOUR_MS)
        steps = [(r["body"]["campaign_id"], r["body"]["reason"]) for r in await rig.records("step")]

    assert steps == [("greeting", ""), ("plain", "fence_inactive"), ("greeting", "")]


async def test_opening_survives_a_restart(tmp_path: Path) -> None:
    """The gateway is down when it opens; it tells it once when it is back, with its age."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPENED, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
    for minute in (5, 6):
        async with open_rig(tmp_path, NOON_MS + 2 * HOUR_MS + minute * MIN_MS) as rig:
            await rig.settle()
            told_of, sent = await entries(rig), await rig.inbox()

            assert told_of == [(1, False), (120, True)]
            assert len(sent) == 1


async def test_opening_is_told_although_a_fix_comes_first(tmp_path: Path) -> None:
    """Whoever left at five past was inside at two, whichever record came first."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPENED, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
        rig.clock.move_to(NOON_MS + 2 * HOUR_MS + 5 * MIN_MS)
        for _ in range(8):
            await rig.fix((43.75, 7.42), after_s=30)  # the timer has not had its turn yet
        while await rig.gateway.pipeline.step():
            pass
        await rig.settle()
        kinds = [
            (r["body"]["kind"], "opened" in r["body"]) for r in await rig.records("transition")
        ]

    assert [kind for kind in kinds if kind[0] != "dwell"] == [
        ("enter", False), ("enter", True), ("exit", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("documents", "text"),
    [(DOCUMENTS, "14:00-18:00"), (OPENED, "08:00-18:00"), (OPENED, "24/7")],
    ids=["nobody asks", "open already", "always open"],
)
async def test_nothing_opens_where_nobody_waits_for_it(
    tmp_path: Path, documents: str, text: str
) -> None:
    """No entry asks, or there is no opening: no second ENTER, and no timer."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(documents, OPEN_POLICY, fences=hours(text, dwell_after=[]))
        await rig.consent()
        await rig.walk_in()
        await at(rig, NOON_MS + 6 * HOUR_MS)

        assert await entries(rig) == [(1, False)]


async def test_who_has_left_does_not_see_it_open(tmp_path: Path) -> None:
    """Opening hours open for those who are inside."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPENED, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
        for _ in range(8):
            await rig.fix((43.75, 7.42), after_s=30)
        await rig.settle()
        await at(rig, NOON_MS + 3 * HOUR_MS)

        assert await entries(rig) == [(1, False)]


async def test_opening_asked_for_later_is_not_told_in_arrears(tmp_path: Path) -> None:
    """A campaign published at three is not woken by the opening at two."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=hours("14:00-18:00"))
        await rig.consent()
        await rig.walk_in()
        await at(rig, NOON_MS + 3 * HOUR_MS)
        await rig.apply(OPENED, OPEN_POLICY, fences=hours("14:00-18:00,19:00-20:00"))
        await rig.fix(INSIDE)
        await at(rig, NOON_MS + 8 * HOUR_MS)

        assert await entries(rig) == [(1, False), (420, True)]
