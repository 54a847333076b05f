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
Rule 4. Before a record does anything to a person they are judged by the audiences in force; a
        visitor who logs in as somebody new before that, as what they bring along is theirs.
Rule 5. What test persons do is on record as ``test``, and counts for no fence.
Rule 6. What a record tells of people is kept as history (``keeping``), in the same commit.
Rule 7. A broadcast is told to those whom nothing else names, stretch by stretch
        (``decide.broadcasts``). Who is in a campaign is counted anew after each record.
"""

from __future__ import annotations

from fencepost_gateway.decide.broadcasts import Broadcast, wanted
from fencepost_gateway.decide.person import Person, is_blank
from fencepost_gateway.decide.presence import leave_gone
from fencepost_gateway.intake import history, wire
from fencepost_gateway.intake.history import Greeted, Told
from fencepost_gateway.intake.records import (
    Announced,
    Answered,
    DeviceMoved,
    LogRecord,
    Outcome,
    PlaceForgotten,
    ProofAsked,
    Record,
    Reported,
    Started,
    Stated,
    Stretch,
    TimerFired,
    Touched,
    TrialTold,
    Upload,
)
from fencepost_gateway.ports import Effects
from fencepost_gateway.workers.copies import proof_of
from fencepost_gateway.workers.device_stage import DeviceStage
from fencepost_gateway.workers.fold import Fold
from fencepost_gateway.workers.person_stage import PersonStage
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.recall import Recall
from fencepost_gateway.workers.states import States
from fencepost_geofence.state import Transition


class Group:
    """Folds records, in order, into ``effects``."""

    def __init__(
        self, states: States, plans: Plans, workspace: str, position: int, *, keeps: bool = True
    ) -> None:
        self._fold = Fold(states, plans, workspace, position, keeps=keeps)
        self._people = PersonStage(self._fold)
        self.devices = DeviceStage(self._fold, self._people)
        self._recall = Recall(self._fold, self._people, self.devices)
        self.events = 0
        self.told = 0

    @property
    def effects(self) -> Effects:
        """What the records have come to so far."""
        return self._fold.effects

    def take(self, log: LogRecord) -> None:
        """Fold one record."""
        effects = self._fold.effects
        effects.position = log.position
        effects.now_ms = max(effects.now_ms, log.appended_ms)  # when messages come due
        self._fold.now_ms = log.appended_ms
        record = log.record
        device_id = getattr(record, "device_id", "")
        self._fold.keeping.begin(log.appended_ms, device_id, getattr(record, "stream", ""))
        if isinstance(record, Upload):
            self._upload(record)
        elif isinstance(record, TimerFired):
            self._timer(record)
        elif isinstance(record, Outcome):
            self._people.outcome(record)
        elif isinstance(record, TrialTold):
            self._people.trial_told(record)
        elif isinstance(record, Answered):
            self._answered(record)
        elif isinstance(record, ProofAsked):
            workspace = self._fold.workspace
            effects.messages.append(proof_of(workspace, record, log.position, log.appended_ms))
        elif isinstance(record, Told):
            self._recalled(record)
        elif isinstance(record, Announced):
            self._announce(record.broadcast, log.position)
        elif isinstance(record, Stretch):
            self._tell(record)
        else:
            self._learn(record)
        self._fold.keeping.end()
        self._fold.count_runs()

    def write(self, person_ids: set[str]) -> None:
        """Let the rows of these persons be written; they have changed before the group."""
        self._fold.changed |= person_ids
        person_ids.clear()

    def close(self) -> Effects:
        """Note the rows that changed; the commit may be written."""
        return self._fold.close()

    def _upload(self, upload: Upload) -> None:
        self.events += len(upload.events)
        person = self._arrive(upload.person_id, links=upload.links)
        self._people.greet(upload, person)
        for at_ms, seq, happening in self.devices.happenings(upload, person):
            if isinstance(happening, Transition):
                self._people.transition(happening, upload.device_id, person)
            else:
                self._people.event(happening, upload, person, at_ms, seq)
        if any(isinstance(event, wire.Fix | wire.CheckIn) for event in upload.events):
            self.devices.set_timer(upload.device_id, person)

    def _recalled(self, told: Told) -> None:
        self._fold.keeping.rest()
        links = any(isinstance(each, Greeted) and each.links for each in told.happened)
        self._recall.take(told, self._arrive(told.person_id, links=links))

    def _arrive(self, person_id: str, *, links: bool) -> Person:
        """Give a person as they are before an upload tells of them."""
        person = self._fold.person(person_id)
        if not (links and is_blank(person)):  # else what they bring along comes first
            self._people.settle(person)
        if leave_gone(person, self._fold.plan):
            self._people.altered(person, "places")
        return person

    def _timer(self, fired: TimerFired) -> None:
        if fired.device_id:
            self.devices.tick(fired.device_id, self._people.now(fired.person_id))
        elif self._fold.states.known(fired.person_id) is not None:
            self._people.rang(self._people.now(fired.person_id))

    def _answered(self, told: Answered) -> None:
        if self._fold.states.known(told.person_id) is not None:
            person = self._people.now(told.person_id)
            self._people.answered(person, told.reply, waits=told.waits)

    def _announce(self, broadcast: Broadcast, number: int) -> None:
        """Begin to tell of something, if it wakes anybody."""
        fold = self._fold
        if broadcast.kind == "external":
            fold.keeping.keep_for_all(history.Announced(broadcast))
        is_wanted = bool(wanted(fold.plan, broadcast, fold.now_ms))
        is_wanted |= broadcast.kind == "external" and broadcast.name in fold.plan.awaits
        fold.effects.begun[number] = is_wanted
        if is_wanted:
            fold.states.running[number] = broadcast

    def _tell(self, told: Stretch) -> None:
        """Tell the next persons of a broadcast."""
        fold, number = self._fold, told.number
        found = wanted(fold.plan, told.broadcast, fold.now_ms)
        reached = 0
        for person_id in told.person_ids:
            if fold.states.known(person_id) is not None:
                person = self._people.now(person_id)
                reached += self._people.tell(person, number, told.broadcast, found)
        self.told += len(told.person_ids)
        if reached:
            fold.effects.reached[number] = fold.effects.reached.get(number, 0) + reached
        if told.is_last:
            fold.states.running.pop(number, None)
            fold.effects.ended.append(number)

    def _learn(self, record: Record) -> None:
        """Take what is told of persons in another way than by an upload of theirs."""
        if isinstance(record, DeviceMoved):
            before = self._people.now(record.from_person)
            self.devices.forget(record.device_id, before)
            self._people.hand_over(record.device_id, before, self._people.now(record.to_person))
        elif isinstance(record, PlaceForgotten):
            self._forget(record, self._people.now(record.person_id))
        elif isinstance(record, Stated):
            self._people.state(self._people.now(record.person_id), record.entries)
        elif isinstance(record, Reported):
            self._people.reported(record)
        elif isinstance(record, Started):
            self._people.start(record)
        elif isinstance(record, Touched):
            for person_id in record.person_ids:
                if self._fold.states.known(person_id) is not None:
                    self._people.rouse(self._people.now(person_id))

    def _forget(self, record: PlaceForgotten, person: Person) -> None:
        if record.visits:
            self.devices.withdraw(record.device_ids, person)
            return
        for device_id in record.device_ids:
            self.devices.forget(device_id, person)
