"""
Evidence: what a story leaves behind besides its records, so that it can be looked at again.

Rule 1. Of every claim: what was judged, packed as it was, and the verdict.
Rule 2. Of every publication: the documents and rankings that were in force from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec import Struct

from fencepost_gateway.app import Gateway
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.flow import LaneView
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.ports import DocumentRow, Store
from fencepost_gateway.workers.plans import Plans

JUDGE = "fencepost_gateway.workers.deliver.judge"


class Judged(Struct, frozen=True):
    """One claim: what ``judge`` was given, packed, and what it said."""

    plan: Plan
    facts: bytes
    rendered: Mapping[str, Rendered]
    now_ms: int
    lanes: Mapping[str, LaneView]
    verdict: Verdict

    def again(self) -> Verdict:
        """Judge the same once more."""
        facts = msgspec.msgpack.decode(self.facts, type=ClaimFacts)
        return judge(self.plan, facts, self.rendered, self.now_ms, self.lanes)


class Publication(Struct, frozen=True):
    """What was published from a revision on."""

    rows: Sequence[DocumentRow]
    rankings: Mapping[str, Ranking]
    pinned: Sequence[DocumentRow]


class Evidence:
    """What is gathered while a story goes on."""

    def __init__(self) -> None:
        self.judged: list[Judged] = []
        self.loads: list[tuple[int, Publication]] = []
        self.calls = 0

    def judge(
        self,
        plan: Plan,
        facts: ClaimFacts,
        rendered: Mapping[str, Rendered],
        now_ms: int,
        lanes: Mapping[str, LaneView],
    ) -> Verdict:
        """Judge, and remember it (Rule 1)."""
        packed = msgspec.msgpack.encode(facts)
        verdict = judge(plan, facts, rendered, now_ms, lanes)
        self.judged.append(Judged(plan, packed, rendered, now_ms, lanes, verdict))
        return verdict

    def watch(self, gateway: Gateway) -> None:
        """Remember what the plans of a gateway take from its store (Rule 2)."""
        plans = gateway.surface.plans
        use = plans.use

        def noted(
            revision: int,
            rows: Sequence[DocumentRow],
            rankings: Mapping[str, Ranking] | None = None,
            pinned: Sequence[DocumentRow] = (),
        ) -> None:
            self.loads.append((revision, Publication(rows, rankings or {}, pinned)))
            use(revision, rows, rankings, pinned)

        plans.use = noted  # type: ignore[method-assign] # every plan goes through it


class RecordedPlans(Plans):
    """Plans that take what was in force then, publication by publication."""

    def __init__(self, seed: str, loads: Sequence[tuple[int, Publication]]) -> None:
        super().__init__(seed)
        self._loads = iter(loads)

    async def load(self, store: Store) -> None:  # noqa: ARG002 - it holds no documents
        """Take what was taken then."""
        revision, then = next(self._loads)
        self.use(revision, then.rows, then.rankings, then.pinned)


@contextmanager
def gathering(before: Evidence | None = None) -> Iterator[Evidence]:
    """Gather evidence of every claim that is judged meanwhile, besides what there is."""
    evidence = before or Evidence()
    with patch(JUDGE, evidence.judge):
        yield evidence


def plain(struct: object) -> Any:
    """Give plain data of something, for comparing byte by byte."""
    return msgspec.json.encode(struct, order="deterministic")
