"""
The ledger of caps under whatever order of events hypothesis thinks of (R11).

The real judge on both real stores, beside a ledger that is a list: reserve, confirm, release,
unknown, restart, the merge of two halves of a person, a clock that goes back. A message goes
exactly when the list has room under every rule, both stores hold the slots that the list holds,
and no rule's window ever holds more than its limit, but for what a merge adds up.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.store_kit import address, effects, lost, message, settles, upload
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import ClaimFacts, Message, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Campaign, CapRule, CapScope, MessagePlan, Plan, Template
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.ports import LEASE_MS, Claimed, Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS, consent, event, user, visitor
from gateway.policies import make_policy

HOUR_MS = 60 * MINUTE_MS
ZONE = "Asia/Seoul"
LOTUS = frozenset({"lotus"})
PLAN = Plan(
    revision=1,
    policy=make_policy(),
    campaigns={
        name: Campaign(name, 1, name, (), MessagePlan("hello", ("in_app",)), tags=tags)
        for name, tags in (("plain", frozenset[str]()), ("tagged", frozenset({"spring"})))
    },
    templates={"hello": Template("hello", 1, "marketing", {"in_app": {}, "sms": {}})},
    caps=(
        CapRule("total", 3, rolling_ms=DAY_MS),
        CapRule("sms", 2, CapScope(channels=frozenset({"sms"})), calendar="day"),
        CapRule("tag", 2, CapScope(tags=frozenset({"spring"})), calendar="week"),
        CapRule("place", 1, CapScope(fence_ids=LOTUS), rolling_ms=7 * DAY_MS),
    ),
)
READY = {"in_app": Rendered(), "sms": Rendered()}
VISITOR, KNOWN = visitor("a-1"), user("u-1")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plain ledger."""

    message_id: str
    owner: str
    channel: str
    is_tagged: bool
    fence_id: str
    at_ms: int
    claimed_ms: int
    used_ms: int | None = None
    state: str = "open"


def covers(name: str, line: Line) -> bool:
    """Say whether a line counts under a rule."""
    return {
        "total": True,
        "sms": line.channel == "sms",
        "tag": line.is_tagged,
        "place": line.fence_id == "lotus",
    }[name]


def window_of(name: str, at_ms: int) -> object:
    """Give the calendar window that the wall clock shows."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(ZONE))
    return local.date() if name == "sms" else local.isocalendar()[:2]


def counts(one: CapRule, line: Line, now_ms: int) -> bool:
    """Say whether a line counts in the window of now, by a plain reading of the rule."""
    if one.rolling_ms is None:
        return window_of(one.rule_id, line.at_ms) == window_of(one.rule_id, now_ms)
    if line.used_ms is None:
        return True
    return max(line.used_ms, line.at_ms) + one.rolling_ms > now_ms


def _in_doubt(claims: list[Any]) -> str:
    """Say what becomes of a slot when nobody knows; in the app nothing is before its confirm."""
    return "released" if claims[0].verdict.channel == "in_app" else "kept_unknown"


class CapLedgerMachine(RuleBasedStateMachine):
    """Two stores and a list."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._now_ms = NOW_MS
        self._made = 0
        self._ledger: list[Line] = []
        self._leased: list[tuple[str, list[Claimed]]] = []
        self._merged = False

    @initialize()
    def open(self) -> None:
        """Begin with a visitor and a known person who agreed to marketing and have a number."""
        self._stores: list[Store] = [MemoryStore(), self._run(self._open())]
        yes = consent(1, marketing="y")
        theirs = upload(yes, anonymous_id="a-1")
        ours = upload(yes, anonymous_id="a-2", user_id="u-1", device_id="device-2")
        self._both(lambda s: s.admit(theirs))
        self._both(lambda s: s.admit(ours))
        both = (VISITOR, KNOWN)
        done = effects(
            2,
            persons={p: Person(p, attributes={"zone": ZONE}) for p in both},
            addresses=[address(p) for p in both],
        )
        self._both(lambda s: s.commit(done))

    async def _open(self) -> Store:
        return open_sqlite(Path(self._folder.name) / "data")

    def _run(self, coroutine: Any) -> Any:
        async def run() -> Any:
            return await coroutine

        return self._runner.run(run())

    def _both(self, call: Callable[[Store], Awaitable[Any]]) -> list[Any]:
        return [self._run(call(store)) for store in self._stores]

    # ---- rules ----------------------------------------------------------------------------

    @rule(ms=st.sampled_from([MINUTE_MS, HOUR_MS, 9 * HOUR_MS, DAY_MS, 3 * DAY_MS]))
    def time_passes(self, ms: int) -> None:
        """Let the clock run."""
        self._now_ms += ms

    @rule(ms=st.sampled_from([HOUR_MS, DAY_MS, 400 * DAY_MS]))
    def clock_goes_back(self, ms: int) -> None:
        """Let the clock jump back."""
        self._now_ms = max(NOW_MS, self._now_ms - ms)

    @rule(
        is_known=st.booleans(),
        channel=st.sampled_from(["sms", "in_app"]),
        is_tagged=st.booleans(),
        fence_id=st.sampled_from(["", "", "lotus"]),
    )
    def reserve(self, *, is_known: bool, channel: str, is_tagged: bool, fence_id: str) -> None:
        """Let a message be wanted, and claim it: it goes exactly when the list has room."""
        self._made += 1
        owner = KNOWN if is_known or self._merged else VISITOR
        wanted = self._wanted(owner, channel, fence_id, is_tagged=is_tagged)
        self._both(lambda s: s.commit(effects(2, wanted, now_ms=self._now_ms)))
        now_ms = max([self._now_ms, *(x.at_ms for x in self._held(owner))])
        line = Line(wanted.message_id, owner, channel, is_tagged, fence_id, now_ms, self._now_ms)
        full = [
            one.rule_id
            for one in PLAN.caps
            if covers(one.rule_id, line) and self._is_full(one, owner, now_ms)
        ]
        claims = self._both(lambda s: s.claim(wanted.message_id, self._judge, self._now_ms))

        for found in claims:
            assert found.verdict.outcome == ("withheld" if full else "send")
            assert found.verdict.reason in ({"frequency_cap", "lower_priority"} if full else {""})
        if not full:
            self._ledger.append(line)
            self._leased.append((wanted.message_id, claims))

    def _wanted(self, owner: str, channel: str, fence_id: str, *, is_tagged: bool) -> Message:
        plain = message(f"m-{self._made:03}", owner)
        return msgspec.structs.replace(
            plain,
            campaign_id="tagged" if is_tagged else "plain",
            channels=(channel,),
            cause=msgspec.structs.replace(plain.cause, fence_id=fence_id),
            expires_at_ms=self._now_ms + 1000 * DAY_MS,
        )

    def _judge(self, facts: ClaimFacts) -> Verdict:
        return judge(PLAN, facts, READY, self._now_ms)

    def _held(self, owner: str) -> list[Line]:
        return [x for x in self._ledger if x.owner == owner and x.state != "released"]

    def _is_full(self, one: CapRule, owner: str, now_ms: int) -> bool:
        lines = [x for x in self._held(owner) if covers(one.rule_id, x)]
        return sum(counts(one, x, now_ms) for x in lines) >= one.limit

    @rule(
        family=st.sampled_from(["sent", "rejected", "unknown", "unknown"]), which=st.integers(0, 9)
    )
    def end(self, family: str, which: int) -> None:
        """End a call: confirmed, refused, or nobody knows."""
        if not self._leased:
            return
        message_id, claims = self._leased.pop(which % len(self._leased))
        outcome, settle = settles(family, self._now_ms)
        for store, found in zip(self._stores, claims, strict=True):
            self._run(
                store.confirm(
                    found.delivery_id, found.lease_token, outcome, settle, self._now_ms, inbox=None
                )
            )
        in_doubt = _in_doubt(claims)
        self._close(message_id, {"sent": "confirmed", "rejected": "released"}.get(family, in_doubt))

    def _close(self, message_id: str, state: str) -> None:
        at = next(n for n, x in enumerate(self._ledger) if x.message_id == message_id)
        line, used_ms = self._ledger[at], self._now_ms
        if state == "kept_unknown":
            used_ms = max(used_ms, line.claimed_ms + LEASE_MS)
        self._ledger[at] = replace(line, state=state, used_ms=used_ms)

    @rule()
    def restart(self) -> None:
        """End the process: what a provider may have is unknown, and everything else is there."""
        self._run(self._stores[1].close())
        self._stores[1] = self._run(self._open())
        self._both(lambda s: s.reconcile(self._now_ms, lost(self._now_ms), all_leases=True))
        for message_id, claims in self._leased:
            self._close(message_id, _in_doubt(claims))
        self._leased.clear()

    def _both_halves_hold(self) -> bool:
        return not self._merged and all(self._held(owner) for owner in (VISITOR, KNOWN))

    @precondition(_both_halves_hold)
    @rule()
    def merge(self) -> None:
        """Let the visitor turn out to be the known person: the counts add up."""
        self._merged = True
        asked = upload(event(90, "identify", user_id="u-1"), anonymous_id="a-1")
        self._both(lambda s: s.admit(asked))
        self._both(lambda s: s.commit(effects(3, merges=[(VISITOR, KNOWN)])))
        self._ledger = [replace(x, owner=KNOWN) for x in self._ledger]

    # ---- what must hold -------------------------------------------------------------------

    @invariant()
    def stores_hold_the_ledger(self) -> None:
        """Slots, their states and moments are those of the list; none is lost, none made up."""
        if not self._made:
            return
        for store in self._stores:
            facts = self._run(store.peek(f"m-{self._made:03}"))
            assert facts is not None
            held = {s.slot_id: (s.state, s.reserved_at_ms, s.used_at_ms) for s in facts.slots}
            lines = self._held(facts.message.person_id)
            assert held == {x.message_id: (x.state, x.at_ms, x.used_ms) for x in lines}

    @invariant()
    def no_calendar_window_holds_more_than_its_limit(self) -> None:
        """Whatever the clock did: as long as no merge has added two halves up."""
        if self._merged:
            return
        for owner in (VISITOR, KNOWN):
            for one in (r for r in PLAN.caps if r.calendar):
                found = [
                    window_of(one.rule_id, x.at_ms)
                    for x in self._held(owner)
                    if covers(one.rule_id, x)
                ]
                assert all(found.count(each) <= one.limit for each in set(found))

    def teardown(self) -> None:
        """Let go of file and loop."""
        self._run(self._stores[1].close())
        self._runner.close()
        self._folder.cleanup()


TestCapLedgerMachine = pytest.mark.timeout(300)(CapLedgerMachine.TestCase)  # shrinking takes time
TestCapLedgerMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
