"""
Admit: a verdict for every event of a batch, and what of it goes into the log.

Pure. The store calls it inside the transaction that appends, with the facts read there, so that
verdict, log record, consent rows and de-duplication mark are one commit.

Rule 1. One bad event harms only itself.
Rule 2. Times: when the device's clock is off by more than 30 s every time of the batch moves by
        the difference; later than receipt + 5 min is clamped; older than 31 days is rejected.
Rule 3. Every policy of the workspace is asked (``jurisdiction``, Rule 4).
        A position without ``location_collect`` goes no further than this; without
        ``location_precise`` it is snapped to 0.01 degrees first, ``accuracy_m`` = max(a, 800).
        A check-in is a position, which nobody can snap: who reads a code means this place.
        While the person has paused the use of their location, it is rejected as ``paused``.
Rule 4. A consent statement takes effect at once: for the events behind it in the same batch, and
        for the next claim, before the answer leaves.
Rule 5. ``identify`` joins the visitor's statements to the known person's here, the strictest
        winning; the pipeline joins the rest. A visitor is joined once: what somebody said before
        is never carried over to the next person on the same device. Where the merge policy does
        not join them (``never``; ``explicit`` without the event's ``merge``), what the batch told
        before stays the visitor's, in an upload of its own, and a record says that it does.
Rule 6. An app event that is defined (``event`` documents) fits its definition, or is rejected.
Rule 7. A statement that stands and does not allow ``location_collect`` or ``location_marketing``
        is a withdrawal: the store takes back in the same commit what was pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.ids import (
    normal_user_id,
    person_id_of_user,
    person_id_of_visitor,
)
from fencepost_gateway.intake import limits, statement, wire
from fencepost_gateway.intake.addresses import address_ref, raw_of
from fencepost_gateway.intake.admission import (
    Admission,
    AdmitFacts,
    House,
    Other,
    Withdrawal,
    spares_none,
)
from fencepost_gateway.intake.faults import address_fault, shape_fault
from fencepost_gateway.intake.marks import ranges
from fencepost_gateway.intake.records import Upload
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.intake.wire import BadEvent, Batch, Event

SNAP_ACCURACY_M = 800.0
FIX_TEXTS = ("event_id", "session")  # all that a limit can apply to


def admit(batch: Batch, house: House, facts: AdmitFacts, received_ms: int) -> Admission:
    """
    Give every event of ``batch`` its verdict.

    Args:
        batch: The decoded envelope.
        house: Workspace and policy.
        facts: What the store knows, read in the transaction that will append.
        received_ms: When the request arrived, epoch milliseconds.

    """
    desk = _Desk(batch, house, facts, received_ms)
    for index, raw in enumerate(batch.events):
        event = wire.decode_event(raw)
        if isinstance(event, BadEvent):
            desk.refuse(event, index)
        else:
            desk.take(event)
    return desk.close()


class _Desk:
    """One batch being worked through, event by event."""

    def __init__(self, batch: Batch, house: House, facts: AdmitFacts, received_ms: int) -> None:
        shift_ms = received_ms - _epoch_ms(batch.sent_at)
        self._shift_ms = shift_ms if abs(shift_ms) > limits.SKEW_FREE_MS else 0
        self._batch = batch
        self._house = house
        self._facts = facts
        self._mark = facts.marks.add
        self._received_ms = received_ms
        self._oldest_ms = received_ms - limits.AGE_MAX_MS
        self._latest_ms = received_ms + limits.FUTURE_MAX_MS
        self._visitor_id = person_id_of_visitor(house.workspace, batch.who.anonymous_id)
        self._user_id = normal_user_id(batch.who.user_id or "")
        self._person = ""
        self._become(self._person_id())
        self.accepted: list[int] = []
        self.others: list[Other] = []
        self._events: list[Event] = []
        self._at_ms: list[int] = []
        self._changes: list[ConsentChange] = []
        self._withdrawals: list[Withdrawal] = []
        self._link: tuple[str, str] | None = None
        self._parts = False
        self._before: Upload | None = None

    def take(self, event: Event) -> None:
        """Give one event its verdict."""
        said_ms = _epoch_ms(event.at)
        if not limits.YEAR_1_MS <= said_ms < limits.YEAR_10000_MS:
            self._reject(event.seq, "time_format", "at")  # its offset leads out of the calendar
            return
        at_ms = said_ms + self._shift_ms
        if at_ms > self._latest_ms:
            at_ms = self._received_ms
        fault = self._fault(event, at_ms)
        if fault is not None:
            self._reject(event.seq, *fault)
        elif not self._mark(event.seq):
            self.others.append(Other("duplicate", event.seq))
        else:
            self._accept(event, at_ms)

    def refuse(self, bad: BadEvent, index: int) -> None:
        """Give the verdict of an event that could not be decoded."""
        if bad.seq is None:
            self.others.append(Other("rejected", None, bad.code, bad.path, index))
        else:
            self._reject(bad.seq, bad.code, bad.path)

    def _reject(self, seq: int, code: str, path: str) -> None:
        self._mark(seq)  # decided: no gap is left open for it
        self.others.append(Other("rejected", seq, code, path))

    def _accept(self, event: Event, at_ms: int) -> None:
        if isinstance(event, wire.Fix):
            if not self._precise:
                event = _snapped(event)
        elif isinstance(event, wire.Consent):
            self._state(event, at_ms)
        elif isinstance(event, wire.Identify):
            self._identify(normal_user_id(event.user_id), wants_merge=event.merge)
        self.accepted.append(event.seq)
        self._events.append(event)
        self._at_ms.append(at_ms)

    def _fault(self, event: Event, at_ms: int) -> tuple[str, str] | None:
        if at_ms < self._oldest_ms:
            return ("too_old", "at")
        is_fix = isinstance(event, wire.Fix)
        if is_fix and limits.is_plain(event.event_id) and limits.is_plain(event.session):
            return self._fix_fault  # nine events of ten, with nothing to look for
        for member in FIX_TEXTS if is_fix else event.__struct_fields__:
            found = limits.fault(getattr(event, member))
            if found is not None:
                code, below = found
                return (code, "" if code == "depth" else f"{member}.{below}".rstrip("."))
        if is_fix or isinstance(event, wire.CheckIn):
            return self._fix_fault
        if isinstance(event, wire.Track):
            shape = self._house.shapes.get(event.name)
            return shape_fault(shape, event.props) if shape else None
        if isinstance(event, wire.Consent):
            return statement.fault_of(event)
        if isinstance(event, wire.Address):
            return address_fault(event, self._house.address_fault)
        if isinstance(event, wire.Identify):
            named = {"", normal_user_id(event.user_id)}
            # Another person is a new visitor, so a new batch.
            return None if self._user_id in named else ("bad_value", "user_id")
        return None

    # ---- consent and identity -------------------------------------------------------------

    def _person_id(self) -> str:
        if self._user_id:
            return person_id_of_user(self._house.workspace, self._user_id)
        return self._facts.resolve(self._visitor_id)

    def _become(self, person_id: str) -> None:
        if person_id == self._person:
            return  # what this batch has stated so far stays
        self._person = person_id
        self._entries = {e.key: e for e in self._facts.consents(person_id)}
        self._weigh()

    def _weigh(self) -> None:
        """Work out once what the statements mean for positions."""
        entries = list(self._entries.values())
        self._precise = self._allows(entries, "location_precise")
        collects = self._precise or self._allows(entries, "location_collect")
        code = "paused" if consent.is_paused(entries) else "consent"
        self._fix_fault = None if collects else (code, "")

    def _allows(self, entries: Sequence[ConsentEntry], purpose: str) -> bool:
        return consent.allows_under(self._house.policies, entries, purpose).allowed

    def _state(self, event: wire.Consent, at_ms: int) -> None:
        proof = statement.proof_of(event, self._batch, self._house.caller, _epoch_ms(event.at))
        for purpose, value in event.values.items():
            stated = ConsentEntry(
                purpose,
                value,
                at_ms,
                event.channel or consent.ANY,
                self._address_of(event),
                self._batch.device_id,
            )
            self._put(stated, proof)
        self._weigh()

    def _address_of(self, event: wire.Consent) -> str:
        if event.address is None or event.channel is None:
            return consent.ANY
        return address_ref(self._house.seed, event.channel, raw_of(event.channel, event.address))

    def _put(self, stated: ConsentEntry, proof: dict[str, Any]) -> None:
        old = self._entries.get(stated.key)
        stands = consent.newer(old, stated)
        self._entries[stated.key] = stands
        if stands is stated:
            self._change(self._person, stated, old, proof)

    def _identify(self, user_id: str, *, wants_merge: bool) -> None:
        known = person_id_of_user(self._house.workspace, user_id)
        if self._link is not None:
            return
        if self._facts.resolve(self._visitor_id) != self._visitor_id:
            self._user_id = user_id
            self._become(known)  # joined before, to this person or to another: nothing moves
            return
        policy = self._house.merging
        if policy == "never" or (policy == "explicit" and not wants_merge):
            self._part(user_id, known)
            return
        self._user_id = user_id
        said: Sequence[ConsentEntry] = list(self._entries.values())
        if self._person != self._visitor_id:
            said = self._facts.consents(self._visitor_id)
        self._link = (self._visitor_id, known)
        self._become_with_changes(known, said)

    def _part(self, user_id: str, known: str) -> None:
        """Go on as the known person; what was told before stays the visitor's (Rule 5)."""
        self._parts = True
        if self._person == self._visitor_id:
            self._before = self._packed()
            self._events, self._at_ms = [], []
        self._user_id = user_id
        self._become(known)

    def _become_with_changes(self, known: str, brought: Sequence[ConsentEntry]) -> None:
        self._become(known)
        ours = list(self._entries.values())
        for entry in consent.merge(ours, brought):
            old = self._entries.get(entry.key)
            if old != entry:
                self._entries[entry.key] = entry
                proof = {"device_id": self._batch.device_id, "method": "merge", "actor": "gateway"}
                self._change(known, entry, old, proof)
        self._weigh()

    def _change(
        self, person_id: str, entry: ConsentEntry, old: ConsentEntry | None, proof: dict[str, Any]
    ) -> None:
        change = ConsentChange(person_id, entry, old.value if old else "u", proof)
        self._changes.append(change)
        purpose, policies = entry.purpose, self._house.policies
        denied = [p for p in policies if not consent.grants(p, purpose, entry.value)]
        if purpose not in consent.LOCATION or not denied:
            return
        spares = self._house.is_service if purpose == "location_marketing" else spares_none
        named = denied[0].named
        self._withdrawals.append(Withdrawal(person_id, purpose, entry.value, named, spares))

    # ---- the end --------------------------------------------------------------------------

    def close(self) -> Admission:
        """Sum up."""
        return Admission(
            upload=self._packed(),
            marks=self._facts.marks,
            accepted=ranges(self.accepted),
            others=self.others,
            consents=self._changes,
            link=self._link,
            person_id=self._person,
            locates=self._fix_fault is None,
            withdrawals=self._withdrawals,
            before=self._before,
        )

    def _packed(self) -> Upload | None:
        """Give what was accepted for the person whom the batch speaks for now; None: nothing."""
        if not self._events:
            return None
        return Upload(
            device_id=self._batch.device_id,
            person_id=self._person,
            visitor_id=self._visitor_id,
            user_id=self._user_id,
            stream=self._batch.stream,
            received_ms=self._received_ms,
            events=self._events,
            at_ms=self._at_ms,
            links=self._link is not None,
            zone=self._batch.context.zone[:64],
            locale=self._batch.context.locale[:64],
            parts=self._parts and self._person != self._visitor_id,
            merging=self._house.merging,
            consents=_by_person(self._changes),
        )


def _by_person(changes: Sequence[ConsentChange]) -> dict[str, list[ConsentEntry]]:
    found: dict[str, list[ConsentEntry]] = {}
    for change in changes:
        found.setdefault(change.person_id, []).append(change.entry)
    return found


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _snapped(fix: wire.Fix) -> wire.Fix:
    accuracy_m = max(fix.accuracy_m or 0.0, SNAP_ACCURACY_M)
    return structs.replace(fix, lat=round(fix.lat, 2), lon=round(fix.lon, 2), accuracy_m=accuracy_m)
