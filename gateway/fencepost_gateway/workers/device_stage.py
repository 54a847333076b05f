"""
Device stage: what an upload's positions and check-ins come to.

No I/O; a part of the fold (``group``). It runs the fence tracker and hands what it tells to the
person stage.

Rule 1. An upload's fixes and check-ins are taken in order of event time; transitions and app events
        come out in that order. What a late fix has changed lies behind, and comes first.
Rule 2. A check-in counts as a position of its moment. One whose code is forged, expired, of a fence
        that is not live, or that comes too late leaves a record with the reason, and nothing else.
Rule 3. What is suspicious about an upload is noted before its transitions are told; they bear it.
Rule 4. One timer a device: for what the tracker has to tell next, or the next opening of a fence
        that somebody waits for.
Rule 5. A device that forgets where it was makes its person forget that they are there by it. A
        withdrawal makes all of the person's devices forget, and the person where they have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from fencepost_gateway.decide.awaited import nowhere
from fencepost_gateway.decide.flags import note
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.presence import await_openings, next_opening_ms
from fencepost_gateway.decide.unheard import count_unheard
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.codes import checked
from fencepost_gateway.intake.history import Forgot, Suspected, Zoned
from fencepost_gateway.intake.records import Upload
from fencepost_gateway.ports import Timer
from fencepost_gateway.workers.fix_zone import forget_zone, note_zone
from fencepost_gateway.workers.fold import Fold
from fencepost_gateway.workers.person_stage import PersonStage
from fencepost_geofence.fix import Fix
from fencepost_geofence.heard import DropReason
from fencepost_geofence.state import Transition, unseen
from fencepost_geofence.suspicion import suspect

LONG_AGO_MS = -1

Happening = tuple[int, int, wire.Event | Transition]
CheckedIn = tuple[int, str, int]  # when, into which fence, by which event

_moment = itemgetter(0, 1)  # event time, then seq


class DeviceStage:
    """Follows devices; counts what it saw."""

    def __init__(self, fold: Fold, people: PersonStage) -> None:
        self._fold = fold
        self._people = people
        self.dropped: dict[str, int] = {}
        self.flags: list[str] = []
        self.fixes = 0
        self.cut_positions = 0

    def happenings(self, upload: Upload, person: Person) -> Iterator[Happening]:
        """Run the device stage; give transitions and app events in order of event time."""
        plan = self._fold.plan
        seqs = [event.seq for event in upload.events]
        in_order = sorted(zip(upload.at_ms, seqs, upload.events, strict=True), key=_moment)
        seen: list[Fix | CheckedIn] = []
        numbers: dict[int, int] = {}
        told: list[Happening] = []
        for at_ms, seq, event in in_order:
            if isinstance(event, wire.Fix):
                is_mock = event.is_mock and not plan.allows_mock
                place = event.lat, event.lon, event.accuracy_m, event.speed_mps
                seen.append(Fix(at_ms, *place, is_mock))
                numbers[at_ms] = seq
                continue
            if isinstance(event, wire.CheckIn):
                reason, fence_id = checked(plan.seed, event.code, at_ms, plan.fences)
                if reason:
                    self._refuse((at_ms, fence_id, seq), reason, upload, person)
                else:
                    seen.append((at_ms, fence_id, seq))
                    numbers[at_ms] = seq
                continue
            if isinstance(event, wire.Consent) and event.values.get("location_collect") == "n":
                seen.clear()
                self.withdraw([upload.device_id], person)
            told.append((at_ms, seq, event))
        if seen:
            for each, transition in enumerate(self._see(seen, upload, person)):
                # What a late fix has changed lies behind, and keeps its own order.
                is_back = transition.late or transition.superseded
                at_ms = LONG_AGO_MS if is_back else transition.at_ms
                seq = each if is_back else numbers.get(at_ms, 0)
                told.append((at_ms, seq, transition))
            told.sort(key=_moment)
        yield from told

    def _see(
        self, seen: Sequence[Fix | CheckedIn], upload: Upload, person: Person
    ) -> list[Transition]:
        """Let a device move, and check in, in order of time (Rule 6)."""
        told: list[Transition] = []
        for is_fixes, run in groupby(seen, key=lambda one: isinstance(one, Fix)):
            if is_fixes:
                fixes = [one for one in run if isinstance(one, Fix)]
                told += self._follow(upload.device_id, fixes, person)
                continue
            for one in run:
                assert not isinstance(one, Fix)  # noqa: S101 - that is how they were grouped
                state = self._fold.states.device(upload.device_id)
                followed = self._fold.plans.tracker.check_in(state, one[1], one[0])
                self._fold.moved.add(upload.device_id)
                told += followed.transitions
                if "late" in followed.dropped:
                    self._refuse(one, "code_late", upload, person)
        return told

    def _refuse(self, one: CheckedIn, reason: str, upload: Upload, person: Person) -> None:
        at_ms, fence_id, seq = one
        subject = derive("check_in", upload.device_id, upload.stream, str(seq))
        body = {"reason": reason, "at_ms": at_ms, "device_id": upload.device_id}
        self._fold.record(
            person, "check_in", subject, body | ({"fence_id": fence_id} if fence_id else {})
        )

    def _follow(self, device_id: str, fixes: list[Fix], person: Person) -> list[Transition]:
        self.fixes += len(fixes)
        state = self._fold.states.device(device_id)
        tracker = self._fold.plans.tracker
        cut_before, before = tracker.index.cut_positions, state.trail.newest()
        followed = tracker.follow(state, fixes)
        self.cut_positions += tracker.index.cut_positions - cut_before
        flags = suspect(before, fixes, followed.dropped, state.trail, tracker.index)
        if flags:
            self._fold.keeping.keep(person, Suspected(fixes[-1].at_ms, list(flags)))
            note(person, device_id, flags, fixes[-1].at_ms)
            self._fold.touch(person)
            self.flags += flags
            if "maybe_swapped" in flags and not self._fold.is_tester(person):
                self._fold.tally.swapped(fixes, tracker.index, self._fold.now_ms)
        self._fold.moved.add(device_id)
        if note_zone(person, fixes):
            self._fold.keeping.keep(person, Zoned(person.fix_zone_at_ms, person.fix_zone))
            self._people.altered(person, "fix_zone")
        if not self._fold.is_tester(person):
            self._fold.tally.weighed(followed.weighed, fixes, tracker.index, self._fold.now_ms)
        if followed.dropped:
            self._count_dropped(device_id, followed.dropped, person)
        return followed.transitions

    def _count_dropped(
        self, device_id: str, dropped: dict[DropReason, int], person: Person
    ) -> None:
        for reason, count in dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        if count_unheard(person, device_id, dropped, self._fold.now_ms):
            self._fold.touch(person)

    def set_timer(self, device_id: str, person: Person) -> None:
        """Set the device's timer to what comes next (Rule 4)."""
        states, plan = self._fold.states, self._fold.plan
        if await_openings(plan, person, device_id, self._fold.now_ms):
            self._fold.touch(person)
        due_ms = self._fold.plans.tracker.next_tick_ms(states.device(device_id))
        opens_ms = next_opening_ms(plan, person, device_id)
        if opens_ms is not None and (due_ms is None or opens_ms < due_ms):
            due_ms = opens_ms
        if device_id in states.timers and states.timers[device_id] == due_ms:
            return
        states.timers[device_id] = due_ms
        timer = None if due_ms is None else Timer(device_id, person.person_id, due_ms)
        self._fold.effects.timers[device_id] = timer

    def withdraw(self, device_ids: Iterable[str], person: Person) -> None:
        """Let a person, and devices of theirs, never have been anywhere (Rule 5)."""
        device_ids = list(device_ids)
        self._fold.keeping.keep(person, Forgot(device_ids))
        person.visits, person.visits_lost_ms = [], None  # they say where somebody was
        forget_zone(person)
        for run in person.runs.values():
            if run.at is not None:
                run.at.cause = nowhere(run.at.cause)
        for device_id in device_ids:
            self._forget(device_id, person)
        self._people.altered(person, "places")

    def forget(self, device_id: str, person: Person) -> None:
        """Let a device never have been anywhere (Rule 5)."""
        self._fold.keeping.keep(person, Forgot([device_id], visits=False))
        self._forget(device_id, person)

    def _forget(self, device_id: str, person: Person) -> None:
        self._fold.states.devices[device_id] = unseen()
        self._fold.moved.add(device_id)
        person.inside = [p for p in person.inside if p.device_id != device_id]
        person.left = [d for d in person.left if d.device_id != device_id]
        person.flags = [f for f in person.flags if f.device_id != device_id]
        person.unheard = [u for u in person.unheard if u.device_id != device_id]
        self.set_timer(device_id, person)
        self._people.altered(person, "places")

    def tick(self, device_id: str, person: Person) -> None:
        """Tell what time alone has brought about."""
        state = self._fold.states.device(device_id)
        told = self._fold.plans.tracker.tick(state, self._fold.now_ms)
        self._fold.moved.add(device_id)
        for transition in told:
            self._people.transition(transition, device_id, person)
        self._people.open(device_id, person, self._fold.now_ms)
        self._fold.states.timers.pop(device_id, None)
        self.set_timer(device_id, person)
