"""
Plans: the plan and the fences in force.

One holder for pipeline, claim and door. The pipeline moves it forward at the log record of a
publication, so a change takes effect on the next event and on every claim after it. The index of
fences is changed where the fences changed, so that filled cells stay filled.
``trial`` is what runs beside the plan without sending (``decide.trial``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from fencepost_gateway.content.nearest import Nearby
from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.trial import Trial
from fencepost_gateway.documents.compile import compile_plan, fences_of
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.documents.kept_flows import KeptFlows
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.workers.editions import Editions
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.tracker import Tracker

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Plan
    from fencepost_gateway.ports import DocumentRow, Store, TrialRow


class Plans:
    """What is published now."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.fences: list[Fence] = []
        self.trial: Trial | None = None
        self.versions: dict[str, int] = {}
        self.live_ms: dict[tuple[str, str], int] = {}
        self.editions = Editions()
        self._audience_keys: dict[str, Keys] = {"": {}}
        self._controls: dict[str, Control] = {}
        self._flows = KeptFlows()
        self.plan: Plan
        self._index = FenceIndex()
        self.tracker = Tracker(self._index)
        self.use(0, [])

    async def load(self, store: Store) -> None:
        """Take what the store has published last."""
        revision, rows = await store.documents()
        pinned = await _pinned(store, rows)
        rankings = await store.audiences.rankings()
        self._controls = await store.journeys.controls()
        self.use(revision, rows, rankings, pinned)
        self.trial = self._tried(await store.trials.current(), rows, rankings)
        audiences = self.plan.audiences
        self._audience_keys = {
            "": {},
            **await store.audiences.define(audiences.key, audiences.keys),
        }

    def _tried(
        self, trial: TrialRow, rows: Sequence[DocumentRow], rankings: Mapping[str, Ranking]
    ) -> Trial | None:
        """Compile what is on trial: campaigns and journeys of it alone, with what else is live."""
        if not trial.mode:
            return None
        others = {(r.kind, r.id): r for r in rows if r.kind not in SENDING}
        others |= {(r.kind, r.id): r for r in trial.documents}
        revision = self.plan.revision
        documents = stored(list(others.values()))
        plan = compile_plan(documents, revision, self._seed, self.fences, rankings)
        return Trial(trial.number, trial.mode, plan, trial.shorten_ms)

    def steer(self, control: Control) -> None:
        """Take it that an operator turned a switch of a campaign."""
        self._controls = self._controls | {control.campaign_id: control}
        self.plan = structs.replace(self.plan, controls=self._controls)

    def use(
        self,
        revision: int,
        rows: Sequence[DocumentRow],
        rankings: Mapping[str, Ranking] | None = None,
        pinned: Sequence[DocumentRow] = (),
    ) -> None:
        """Take these documents, and the rankings made of them."""
        documents = stored(rows)
        since = {r.id: r.first_ms for r in rows if r.kind == "fence"}
        self.fences = fences_of(documents, since)
        self._flows.pinned = stored(pinned)
        plan = compile_plan(documents, revision, self._seed, self.fences, rankings, self._flows)
        self.plan = structs.replace(plan, controls=self._controls)
        self.versions = {r.id: r.version for r in rows if r.kind == "fence"}
        self.live_ms = {(r.kind, r.id): r.first_ms for r in rows if r.kind in SENDING}
        self.editions.take(self.versions, self.plan.workspace_zone)
        self._audience_keys[self.plan.audiences.key] = self.plan.audiences.keys
        if len(self._index):
            move(self._index, self.fences)
        else:  # nothing to keep: loading in bulk is faster
            self._index = FenceIndex(self.fences)
            self.tracker = Tracker(self._index)
        self.nearby = Nearby(self.fences, self.plan.fences)

    def audience_keys(self, key: str) -> Keys:
        """Give the definitions of audiences under a name; of one nobody knows: none."""
        return self._audience_keys.get(key, {})


async def _pinned(store: Store, rows: Sequence[DocumentRow]) -> list[DocumentRow]:
    """Give the older versions of journeys that somebody is still on."""
    live = {row.id: row.version for row in rows if row.kind == "journey"}
    used = {(i, v) for i, v in await store.runs.versions() if i in live and live[i] != v}
    found = await store.versions("journey", {i for i, _ in used}) if used else []
    return [row for row in found if (row.id, row.version) in used]


def move(index: FenceIndex, fences: Sequence[Fence]) -> None:
    """Bring an index to these fences; what did not change is not touched."""
    names = {fence.fence_id for fence in fences}
    for gone in [fence.fence_id for fence in index if fence.fence_id not in names]:
        index.remove(gone)
    for fence in fences:
        if index.get(fence.fence_id) != fence:
            index.put(fence)


def stored(rows: Sequence[DocumentRow]) -> list[StoredDocument]:
    """Give the rows of a store as documents."""
    return [StoredDocument(r.kind, r.id, r.version, msgspec.json.decode(r.body)) for r in rows]
