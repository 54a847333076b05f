"""
Group: a group of log records, folded into the effects of one commit.

No I/O: the pipeline lends the states, this changes them in place and notes what to write. Live,
replay and what-if run through here.

Rule 1. ``now`` of everything a record causes is the record's own append time, whatever stands in
        the group beside it: how the log was cut into commits leaves no trace.
Rule 2. The device stage runs the fence tracker over an upload's fixes, by event time; the person
        stage takes transitions and app events in that order, one at a time.
Rule 3. Statements of consent took effect at the door; rules see them before anything else of the
        upload. A withdrawn ``location_collect`` makes the person's devices forget where they were,
        and the person which places they visited.
Rule 4. Every transition and every woken campaign leaves a record. One that is superseded wakes
        nobody; one that comes late does, with its age, and the claim withholds what is too old.
Rule 5. One timer a device: for what the tracker has to tell next, or the next opening of a fence
        that somebody waits for.
Rule 6. A check-in counts as a position of its moment. One whose code is forged, expired, of a fence
        that is not live, or that comes too late leaves a record with the reason, and nothing else.
Rule 7. What is suspicious about an upload is noted before its transitions are told; they bear it.
Rule 8. What happens first goes into traits and audiences, then wakes campaigns by itself, then by
        the audiences it made somebody join or leave.
Rule 9. What test persons do is on record as ``test``, and counts for no fence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from fencepost_gateway.decide.cause import Cause, shown
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.flags import borne, note
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import Person, Presence
from fencepost_gateway.decide.presence import (
    await_openings,
    due_openings,
    leave_gone,
    move,
    next_opening_ms,
)
from fencepost_gateway.decide.traits import keep_up
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.addresses import address_ref, raw_address
from fencepost_gateway.intake.codes import checked
from fencepost_gateway.intake.records import (
    DeviceMoved,
    LogRecord,
    Outcome,
    PlaceForgotten,
    ProofAsked,
    Stated,
    TimerFired,
    Touched,
    Upload,
)
from fencepost_gateway.ports import AddressChange, AddressMove, Effects, RecordRow, Timer
from fencepost_gateway.workers.audience_stage import AudienceStage
from fencepost_gateway.workers.copies import proof_of, seed_copies
from fencepost_gateway.workers.fence_tally import FenceTally
from fencepost_gateway.workers.fix_zone import forget_zone, note_zone
from fencepost_gateway.workers.heard import (
    hear_device,
    hear_outcome,
    hear_statements,
    hear_upload,
)
from fencepost_gateway.workers.joining import join, told
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from fencepost_geofence.fix import Fix
from fencepost_geofence.state import Transition, unseen
from fencepost_geofence.suspicion import suspect

LONG_AGO_MS = -1

Happening = tuple[int, int, wire.Event | Transition]
CheckedIn = tuple[int, str, int]  # when, into which fence, by which event

_moment = itemgetter(0, 1)  # event time, then seq
_pack = msgspec.msgpack.Encoder().encode


class Group:
    """Folds records, in order, into ``effects``."""

    def __init__(self, states: States, plans: Plans, workspace: str, position: int) -> None:
        self._states = states
        self._plans = plans
        self._workspace = workspace
        self._changed: set[str] = set()
        self._moved: set[str] = set()
        self._now_ms = 0
        self.effects = Effects(position, 0)
        self._audiences = AudienceStage(plans.plan, plans.audience_keys, self.effects, self._record)
        self._tally = FenceTally()
        self.dropped: dict[str, int] = {}
        self.flags: list[str] = []
        self.events = 0
        self.fixes = 0
        self.cut_positions = 0

    def take(self, log: LogRecord) -> None:
        """Fold one record."""
        self.effects.position = log.position
        self.effects.now_ms = max(self.effects.now_ms, log.appended_ms)  # when messages come due
        self._now_ms = log.appended_ms
        record = log.record
        if isinstance(record, Upload):
            self._upload(record)
        elif isinstance(record, TimerFired):
            self._timer(record)
        elif isinstance(record, Outcome):
            self._outcome(record)
        elif isinstance(record, DeviceMoved):
            self._forget_place(record.device_id, self._person(record.from_person))
            self.effects.addresses.append(AddressMove(record.device_id, record.to_person))
        elif isinstance(record, ProofAsked):
            asked = proof_of(self._workspace, record, log.position, log.appended_ms)
            self.effects.messages.append(asked)
        elif isinstance(record, PlaceForgotten):
            for device_id in record.device_ids:
                self._forget_place(device_id, self._person(record.person_id))
        elif isinstance(record, Stated):
            person = self._person(record.person_id)
            person.state(record.entries)
            self._altered(person, "consents")
        elif isinstance(record, Touched):
            for person_id in record.person_ids:
                known = self._states.known(person_id)
                if known is not None:
                    self._settle(known)

    def close(self) -> Effects:
        """Note the rows that changed; the commit may be written."""
        for person_id in sorted(self._changed):
            self.effects.persons[person_id] = self._states.person(person_id)
        for device_id in sorted(self._moved):
            self.effects.tracks[device_id] = _pack(self._states.device(device_id))
        self.effects.fence_days = self._tally.days
        return self.effects

    # ---- uploads --------------------------------------------------------------------------

    def _upload(self, upload: Upload) -> None:
        self.events += len(upload.events)
        person = self._person(upload.person_id)
        self._settle(person)
        if leave_gone(person, self._plans.plan):
            self._altered(person, "places")
        if upload.links or upload.parts:
            self._meet(upload, person)
        for person_id in hear_statements(upload, self._person):
            self._altered(self._person(person_id), "consents")
        new = hear_upload(person, upload)
        if new:
            self._altered(person, *(f"attribute {name}" for name in new))
        for at_ms, seq, happening in self._happenings(upload, person):
            if isinstance(happening, Transition):
                self._transition(happening, upload.device_id, person)
            else:
                self._event(happening, upload, person, at_ms, seq)
        if any(isinstance(event, wire.Fix | wire.CheckIn) for event in upload.events):
            self._set_timer(upload.device_id, person)

    def _happenings(self, upload: Upload, person: Person) -> Iterator[Happening]:
        """Run the device stage; give transitions and app events in order of event time."""
        plan = self._plans.plan
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
                self._forget_place(upload.device_id, person)
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
                state = self._states.device(upload.device_id)
                followed = self._plans.tracker.check_in(state, one[1], one[0])
                self._moved.add(upload.device_id)
                told += followed.transitions
                if "late" in followed.dropped:
                    self._refuse(one, "code_late", upload, person)
        return told

    def _refuse(self, one: CheckedIn, reason: str, upload: Upload, person: Person) -> None:
        at_ms, fence_id, seq = one
        subject = derive("check_in", upload.device_id, upload.stream, str(seq))
        body = {"reason": reason, "at_ms": at_ms, "device_id": upload.device_id}
        self._record(
            person, "check_in", subject, body | ({"fence_id": fence_id} if fence_id else {})
        )

    def _follow(self, device_id: str, fixes: list[Fix], person: Person) -> list[Transition]:
        self.fixes += len(fixes)
        state = self._states.device(device_id)
        tracker = self._plans.tracker
        cut_before, before = tracker.index.cut_positions, state.trail.newest()
        followed = tracker.follow(state, fixes)
        self.cut_positions += tracker.index.cut_positions - cut_before
        flags = suspect(before, fixes, followed.dropped, state.trail, tracker.index)
        if flags:
            note(person, device_id, flags, fixes[-1].at_ms)
            self._changed.add(person.person_id)
            self.flags += flags
            if "maybe_swapped" in flags and person.user_id not in self._plans.plan.testers:
                self._tally.swapped(fixes, tracker.index, self._now_ms)
        self._moved.add(device_id)
        if note_zone(person, fixes):
            self._changed.add(person.person_id)
        if person.user_id not in self._plans.plan.testers:
            self._tally.weighed(followed.weighed, fixes, tracker.index, self._now_ms)
        for reason, count in followed.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        return followed.transitions

    def _set_timer(self, device_id: str, person: Person) -> None:
        states, plan = self._states, self._plans.plan
        if await_openings(plan, person, device_id, self._now_ms):
            self._changed.add(person.person_id)
        due_ms = self._plans.tracker.next_tick_ms(states.device(device_id))
        opens_ms = next_opening_ms(plan, person, device_id)
        if opens_ms is not None and (due_ms is None or opens_ms < due_ms):
            due_ms = opens_ms
        if device_id in states.timers and states.timers[device_id] == due_ms:
            return
        states.timers[device_id] = due_ms
        timer = None if due_ms is None else Timer(device_id, person.person_id, due_ms)
        self.effects.timers[device_id] = timer

    def _forget_place(self, device_id: str, person: Person) -> None:
        self._states.devices[device_id] = unseen()
        self._moved.add(device_id)
        person.inside = [p for p in person.inside if p.device_id != device_id]
        person.left = [d for d in person.left if d.device_id != device_id]
        person.flags = [f for f in person.flags if f.device_id != device_id]
        person.visits, person.visits_lost_ms = [], None  # they say where somebody was
        forget_zone(person)
        self._set_timer(device_id, person)
        self._altered(person, "places")

    # ---- the person stage -----------------------------------------------------------------

    def _transition(self, told: Transition, device_id: str, person: Person) -> None:
        self._open(device_id, person, told.at_ms)
        fence_id = told.fence_id
        visit_id = derive("visit", self._workspace, device_id, fence_id, str(told.visit_ms))
        is_new = told.kind == "enter" and not told.superseded
        since_ms = told.at_ms if is_new else told.visit_began_ms
        opened_ms = told.at_ms if fence_id in self._plans.plan.openings else 0
        visit = Presence(fence_id, since_ms, visit_id, device_id, opened_ms)
        move(person, told, visit)
        causes = self._audiences.happened(person, ["places"], self._now_ms)
        self._tell(told, visit, person)
        self._enter(person, *causes)

    def _open(self, device_id: str, person: Person, until_ms: int) -> None:
        """Tell who is inside of the fences that opened."""
        for at_ms, visit in due_openings(self._plans.plan, person, device_id, until_ms):
            told = Transition(
                kind="enter",
                fence_id=visit.fence_id,
                at_ms=at_ms,
                crossed_at_ms=at_ms,
                visit_ms=at_ms,
                visit_began_ms=visit.since_ms,
                reason="timer",
            )
            self._tell(told, visit, person, opened=True)

    def _tell(
        self, told: Transition, visit: Presence, person: Person, *, opened: bool = False
    ) -> None:
        """Put a transition on record, and wake whom it wakes."""
        self._changed.add(person.person_id)
        fence = self._plans.plan.fences.get(told.fence_id)
        inactive = fence is not None and not fence.is_active(told.at_ms)
        body = shown(told, visit.device_id) | {"fence_name": fence.name if fence else ""}
        flags = borne(person, visit.device_id, told.visit_began_ms)
        body |= {"active": False} if inactive else {}
        body |= {"opened": True} if opened else {}
        body |= {"flags": list(flags)} if flags else {}
        self._record(person, "transition", visit.visit_id, body)
        if told.superseded:
            return
        which = f"opened {told.at_ms}" if opened else str(told.after_s or "")
        cause = Cause(
            stimulus_id=derive(visit.visit_id, told.kind, which),
            kind="transition",
            name=told.kind,
            at_ms=told.at_ms,
            fence_id=told.fence_id,
            visit_id=visit.visit_id,
            initial=told.initial,
            opened=opened,
            inactive=inactive,
            after_ms=None if told.after_s is None else told.after_s * 1000,
            flags=flags,
        )
        self._enter(person, cause)

    def _event(
        self, event: wire.Event, upload: Upload, person: Person, at_ms: int, seq: int
    ) -> None:
        if isinstance(event, wire.Track | wire.Screen):
            self._app_event(event, upload, person, at_ms)
        elif isinstance(event, wire.Identify | wire.SetTraits):
            person.set_attributes(event.traits)
            self._altered(person, *(f"attribute {name}" for name in event.traits))
        elif isinstance(event, wire.Address):
            self._address(event, upload, person, at_ms)
        elif isinstance(event, wire.Receipt | wire.Engagement):
            what = hear_device(person, event, at_ms)
            self._altered(person, "messages")
            body = {"state": what, "delivery_id": event.delivery_id, "seq": seq}
            self._record(person, "outcome", event.delivery_id, body)
            if what == "unshown":
                self.effects.unshown.append((person.person_id, event.delivery_id))

    def _app_event(
        self, event: wire.Track | wire.Screen, upload: Upload, person: Person, at_ms: int
    ) -> None:
        is_screen = isinstance(event, wire.Screen)
        name = "screen" if is_screen else event.name
        props = {**event.props, "name": event.name} if is_screen else event.props
        plan = self._plans.plan
        altered = person.remember(name, at_ms, props)
        self._changed.add(person.person_id)
        for trait in plan.traits_on.get(name, ()):
            keep_up(trait, person, at_ms, props, self._now_ms)
        causes = self._audiences.happened(
            person, [f"event {each}" for each in altered], self._now_ms
        )
        self._end_by_goal(person, name)
        if name in plan.on_event:  # most of what apps report wakes nobody
            stimulus_id = derive("event", upload.device_id, upload.stream, str(event.seq))
            self._enter(person, Cause(stimulus_id, "event", name, at_ms, props))
        self._enter(person, *causes)

    def _end_by_goal(self, person: Person, name: str) -> None:
        for campaign_id, mark in person.runs.items():
            campaign = self._plans.plan.campaigns.get(campaign_id)
            is_goal = campaign is not None and campaign.goal and campaign.goal.event == name
            if is_goal and mark.ended_ms is None:
                mark.ended_ms, mark.outcome = self._now_ms, "goal_reached"

    def _address(self, event: wire.Address, upload: Upload, person: Person, at_ms: int) -> None:
        raw = raw_address(event)
        ref = address_ref(self._plans.plan.seed, event.channel, raw)
        person.reached_at(event.channel, ref, is_gone=event.removed)
        self._altered(person, "reach")
        self.effects.addresses.append(
            AddressChange(
                person.person_id,
                event.channel,
                ref,
                None if event.removed else raw,
                upload.device_id,
                at_ms,
            )
        )

    def _altered(self, person: Person, *topics: str) -> None:
        """Take note that something about a person has changed, and ask the audiences about it."""
        self._changed.add(person.person_id)
        self._enter(person, *self._audiences.happened(person, topics, self._now_ms))

    def _settle(self, person: Person) -> None:
        """Judge a person by the definitions of audiences in force."""
        if person.judged != self._plans.plan.audiences.key:
            self._changed.add(person.person_id)
            self._enter(person, *self._audiences.settle(person, self._now_ms))

    def _enter(self, person: Person, *causes: Cause) -> None:
        for cause in causes:
            for entered in enter(self._plans.plan, self._workspace, person, cause, self._now_ms):
                self._changed.add(person.person_id)
                self.effects.messages += entered.messages
                step = entered.step
                subject = step.run_id or derive(cause.stimulus_id, step.campaign_id)
                self._record(person, "step", subject, msgspec.to_builtins(step))

    # ---- the other records ----------------------------------------------------------------

    def _timer(self, fired: TimerFired) -> None:
        person = self._person(fired.person_id)
        self._settle(person)
        if not fired.device_id:
            self._changed.add(person.person_id)
            self._enter(person, *self._audiences.rang(person, self._now_ms))
            return
        state = self._states.device(fired.device_id)
        told = self._plans.tracker.tick(state, self._now_ms)
        self._moved.add(fired.device_id)
        for transition in told:
            self._transition(transition, fired.device_id, person)
        self._open(fired.device_id, person, self._now_ms)
        self._states.timers.pop(fired.device_id, None)
        self._set_timer(fired.device_id, person)

    def _outcome(self, outcome: Outcome) -> None:
        person = self._person(outcome.person_id)
        plan, made, now_ms = self._plans.plan, self._states.copied, self._now_ms
        if not outcome.mark:
            self._tally.outcome(outcome, now_ms)
        self.effects.messages += seed_copies(plan, self._workspace, outcome, made, now_ms)
        hear_outcome(person, outcome, plan, now_ms)
        self._altered(person, "messages", *(["reach"] if outcome.lost_ref else []))

    def _person(self, person_id: str) -> Person:
        return self._states.person(self._states.merged.get(person_id, person_id))

    def _meet(self, upload: Upload, known: Person) -> None:
        """A visitor said who they are: join them, or say that they stay apart."""
        causes: list[Cause] = []
        if upload.links:
            visitor = self._states.known(upload.visitor_id)
            doubled = known.audiences.keys() & visitor.audiences.keys() if visitor else ()
            join(self._states, self.effects, upload.visitor_id, known)
            self._changed.discard(upload.visitor_id)
            causes = self._audiences.merged(known, doubled, self._now_ms)
        body = told(upload, known)
        if body is not None:
            self._changed.add(known.person_id)
            self._record(known, "merge", upload.visitor_id, body)
        self._enter(known, *causes)

    def _record(self, person: Person, kind: Any, subject: str, body: dict[str, Any]) -> None:
        if person.user_id in self._plans.plan.testers:
            body = body | {"test": True}
        elif kind == "transition":
            self._tally.transition(person, body, self._now_ms)
        row = RecordRow(0, self._now_ms, person.person_id, kind, subject, body)
        self.effects.records.append(row)
