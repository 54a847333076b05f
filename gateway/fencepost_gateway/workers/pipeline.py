"""
Pipeline: the one ordered reader of the log.

Takes a group of records, folds them (``group.py``), commits effects and position together, and
goes on. A crash anywhere loses nothing and repeats nothing: the position is in the same commit.

Rule 1. States are held in bounded dictionaries between groups. After any failure they are
        dropped and read again: a state that was changed but not committed must not live on.
Rule 2. A publication, or a switch that was turned, ends its group: records behind it see the new
        plan. Where audiences have changed it begins a back-fill, before the position moves. One
        that changes hours, caps or zones brings the next claim of the deferred messages forward.
        The last of several says which schedules come due, and takes in members (``announce``).
Rule 3. A record that cannot be folded is passed over, counted, and kept by position for whoever
        looks (``doctor``, ``/readyz``); the records around it are processed as ever. Of a record
        about many only those are passed over whom it cannot be folded for.
Rule 4. A device's state that cannot be read (of another version) is begun anew: its fixes count on,
        and whoever is inside enters ``initial``.
Rule 5. Traits are filled from history before their person is folded: history is then what the log
        has told up to the group, as the row is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import structlog
from msgspec import structs

from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.timing import RELEASE_SPREAD_MS, same_hours
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import (
    Announced,
    Controlled,
    LogRecord,
    Published,
    Stretch,
    Touched,
    TrialBegun,
    Upload,
)
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import Effects, Store
from fencepost_gateway.workers.announce import announce
from fencepost_gateway.workers.catch_up import catch_up
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States, people_of
from fencepost_gateway.workers.wakes import Wakes, rung
from fencepost_geofence.state import DeviceState, unseen

GROUP_MAX = 64
HELD_MAX = 20_000
PAUSE_S = 1.0

log = structlog.get_logger()
_device: msgspec.msgpack.Decoder[DeviceState] = msgspec.msgpack.Decoder(DeviceState)


def _read_track(body: bytes) -> DeviceState:
    try:
        return _device.decode(body)
    except msgspec.DecodeError:
        log.warning("pipeline.track_unreadable")
        return unseen()


class Pipeline:
    """Moves the position forward, a group at a time."""

    def __init__(  # noqa: PLR0913 - a part each, by name
        self,
        store: Store,
        plans: Plans,
        workspace: str,
        clock: Clock,
        wakes: Wakes,
        metrics: Metrics,
        *,
        keeps: bool = True,
    ) -> None:
        self._keeps = keeps
        self._store = store
        self._plans = plans
        self._workspace = workspace
        self._clock = clock
        self._wakes = wakes
        self._metrics = metrics
        self._states = States()
        self._position: int | None = None
        self.fixes = 0  # taken since the start, for whoever watches

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                while await self.step():
                    pass
                await rung(self._wakes.log, PAUSE_S)
            except StoreUnavailableError:
                log.warning("pipeline.store_unavailable")
                await rung(self._wakes.log, PAUSE_S)

    async def step(self) -> bool:
        """Process the next group; False when there is none."""
        if self._position is None:
            self._position = await self._store.position()
        records = await self._store.read_log(self._position, GROUP_MAX)
        if not records:
            return False
        until = next(
            (
                i
                for i, r in enumerate(records)
                if isinstance(r.record, Published | Controlled | TrialBegun)
            ),
            len(records),
        )
        try:
            if until == 0 and isinstance(records[0].record, Controlled):
                self._plans.steer(records[0].record.control)
                await self._commit(Effects(records[0].position, records[0].appended_ms))
            elif until == 0 and isinstance(records[0].record, TrialBegun):
                await self._begin_trial(records[0])
            elif until == 0:
                await self._publish(records[0])
            else:
                await self._process(records[:until])
        except StoreUnavailableError:  # was it written? the store knows (Rule 1)
            self.forget()
            raise
        return True

    async def _publish(self, record: LogRecord) -> None:
        before = self._plans.plan
        await self._plans.load(self._store)
        await self._store.audiences.begin_sweep(self._plans.plan.audiences.key)
        begun = await announce(self._store.broadcasts, self._plans, record)
        self._states.running |= begun
        # A plan that was loaded ahead of its record (a restart) hides what it changed.
        is_ahead = (
            isinstance(record.record, Published) and before.revision >= record.record.revision
        )
        if is_ahead or not same_hours(before, self._plans.plan):
            await self._store.retime(record.appended_ms, RELEASE_SPREAD_MS)
            self._wakes.messages.set()
        await self._commit(Effects(record.position, record.appended_ms))

    async def _begin_trial(self, record: LogRecord) -> None:
        """Put other documents on trial; nothing of those before is left."""
        await self._plans.load(self._store)
        self._states.trial_census = Census({})
        await self._commit(Effects(record.position, record.appended_ms, trial_begins=True))

    async def _process(self, records: Sequence[LogRecord]) -> None:
        try:
            await self._load(records)
            group = self._fold(records)
            await self._commit(group.close())
        except StoreUnavailableError:
            raise
        except Exception as error:  # a bug in folding: find the record, pass it over, keep the rest
            self.forget()
            if len(records) > 1:
                for record in records:
                    await self._process([record])
                return
            log.exception("pipeline.poison", position=records[0].position)
            self._metrics.poison.inc()
            await self._pass_over(records[0], type(error).__name__)
            return
        self._count(group, records)
        self._let_go(records)

    def _let_go(self, records: Sequence[LogRecord]) -> None:
        """Hold those no longer whom a broadcast passed by: others would make room for them."""
        told = [record.record for record in records if isinstance(record.record, Stretch)]
        for person_id in (each for one in told for each in one.person_ids):
            if self._states.persons.pop(person_id, None) is not None:
                self._states.census.forget(person_id)
        if told:
            self._wakes.told.set()

    async def _pass_over(self, record: LogRecord, why: str) -> None:
        """Leave a record out; of one about many, only those whom it fails for (Rule 3)."""
        effects = Effects(record.position, record.appended_ms)
        told = record.record
        if isinstance(told, Stretch | Touched):
            sifted = structs.replace(told, person_ids=await self._sift(record, told))
            await self._load([structs.replace(record, record=sifted)])
            effects = self._fold([structs.replace(record, record=sifted)]).close()
        elif isinstance(told, Announced):
            effects.begun[record.position] = False
        effects.passed_over[record.position] = why
        await self._commit(effects)

    async def _sift(self, record: LogRecord, told: Stretch | Touched) -> list[str]:
        """Give those for whom a record can be folded, trying one after the other."""
        good = []
        for person_id in told.person_ids:
            one = structs.replace(record, record=structs.replace(told, person_ids=[person_id]))
            try:
                await self._load([one])
                self._fold([one])
                good.append(person_id)
            except StoreUnavailableError:
                raise
            except Exception:  # as above: the person, not the record
                log.exception("pipeline.poison_person", position=record.position)
            finally:
                self.forget()
        return good

    async def _load(self, records: Sequence[LogRecord]) -> None:
        states = self._states
        if len(states.persons) > HELD_MAX or len(states.devices) > HELD_MAX:
            self._states = states = States()
        if states.is_fresh:
            states.running = await self._store.broadcasts.open()
            tallies = await self._store.broadcasts.tallies()
            live = {key: n for key, n in tallies.items() if not key[0].startswith("~")}
            tried = {(i[1:], what): n for (i, what), n in tallies.items() if i.startswith("~")}
            states.census, states.trial_census = Census(live), Census(tried)
            states.is_fresh = False
        persons, devices = people_of(records)
        strangers = [p for p in persons if p not in states.persons]
        if strangers:
            states.merged |= await self._store.resolve(strangers)
            asked = [states.merged.get(p, p) for p in strangers]
            missing = [p for p in asked if p not in states.persons]
            found = await self._store.persons(missing)
            states.persons |= found
            for person in found.values():
                states.census.know(person)
        await self._catch_up(persons, records[0].appended_ms)
        unseen = [d for d in devices if d not in states.devices]
        if unseen:
            for device_id, body in (await self._store.tracks(unseen)).items():
                states.devices[device_id] = _read_track(body)

    async def _catch_up(self, person_ids: Iterable[str], now_ms: int) -> None:
        """Fill traits that are newer than what they are made of, out of history (Rule 5)."""
        states, plan = self._states, self._plans.plan
        if not plan.traits:
            return
        if states.filled_by != plan.revision:
            states.filled, states.filled_by = set(), plan.revision
        for person_id in sorted(person_ids):
            person = states.known(person_id)
            if person is not None and person.person_id not in states.filled:
                states.filled.add(person.person_id)
                if await catch_up(self._store.history, plan, person, now_ms):
                    states.caught_up.add(person.person_id)

    def _fold(self, records: Sequence[LogRecord]) -> Group:
        position = records[0].position
        group = Group(self._states, self._plans, self._workspace, position, keeps=self._keeps)
        group.write(self._states.caught_up)
        for record in records:
            group.take(record)
        return group

    async def _commit(self, effects: Effects) -> None:
        await self._store.commit(effects)
        self._position = effects.position
        if effects.messages:
            self._wakes.messages.set()
        if effects.calls:
            self._wakes.calls.set()
        self._wakes.inbox.ring({**effects.persons, **dict(effects.merges)})

    def forget(self) -> None:
        """Hold nothing; what is needed is read again."""
        self._states = States()
        self._position = None

    def _count(self, group: Group, records: Sequence[LogRecord]) -> None:
        metrics, now_ms = self._metrics, self._clock.now_ms()
        metrics.processed.inc(group.events)
        metrics.told.inc(group.told)
        self.fixes += group.devices.fixes
        metrics.positions_cut.inc(group.devices.cut_positions)
        for reason, count in group.devices.dropped.items():
            metrics.fixes_dropped.labels(reason).inc(count)
        for flag in group.devices.flags:
            metrics.suspicions.labels(flag).inc()
        for row in group.effects.records:
            if row.body.get("test"):
                continue  # test persons are in no figure
            if row.kind == "transition":
                metrics.transitions.labels(row.body["kind"]).inc()
            elif row.kind == "step":
                metrics.steps.labels(row.body["outcome"]).inc()
        for record in records:
            if isinstance(record.record, Upload):
                took_ms = now_ms - record.record.received_ms
                metrics.commit_seconds.observe(took_ms / 1000)
