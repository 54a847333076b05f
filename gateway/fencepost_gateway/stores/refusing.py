"""
Refusing: what a store does when somebody says no, or yes again; the same in every store.

Pure but for the ``Ledger``, by which a store lends its rows within one transaction: nothing here is
committed before all of it is. The rules are those of ``intake.refusals``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from msgspec import structs

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.bounces import Call
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.intake import refusals
from fencepost_gateway.intake.admission import Withdrawal
from fencepost_gateway.intake.refusals import Assent, Refusal, Undo
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import Assented, RefusalRow, Refused


class Ledger(Protocol):
    """A store's rows, within one transaction."""

    def known(self, refusal_id: str) -> bool:
        """Say whether this refusal, or assent, was taken."""

    def people_at(self, channel: str, ref: str) -> list[str]:
        """Give everybody who has an address, as who they are by now."""

    def resolve(self, person_id: str) -> str:
        """Give whoever ``person_id`` is by now."""

    def refs_of(self, person_id: str, channel: str) -> list[tuple[str, str]]:
        """Give a person's addresses on a channel, or on ``any``, as (channel, reference)."""

    def consents(self, person_id: str) -> Sequence[ConsentEntry]:
        """Give what a person has stated."""

    def slots(self, person_id: str) -> Sequence[Slot]:
        """Give a person's slots."""

    def state(self, changes: Sequence[ConsentChange], now_ms: int) -> None:
        """Let statements take effect, with their proofs, and tell the pipeline."""

    def take_back(self, withdrawal: Withdrawal, now_ms: int) -> int:
        """Withhold what a withdrawal takes back; gives how many."""

    def listed(self, channel: str, ref: str) -> ListedAddress | None:
        """Say what the suppression list says of an address."""

    def put_listed(self, channel: str, ref: str, entry: ListedAddress | None) -> None:
        """Let the suppression list say this of an address; None: nothing."""

    def calls_to(self, channel: str, ref: str, limit: int) -> list[Call]:
        """Give the calls that were made to an address, the newest first."""

    def standing(self, channel: str, ref: str) -> list[RefusalRow]:
        """Give the refusals of an address that stand, the newest first."""

    def keep(self, row: RefusalRow) -> None:
        """Keep a refusal in place of what is there of it."""


def take(ledger: Ledger, refusal: Refusal, now_ms: int) -> Refused:
    """Do what ``RefusalBook.take`` promises."""
    if ledger.known(refusal.refusal_id):
        return Refused(is_new=False)
    people = set(ledger.people_at(refusal.channel, refusal.ref)) if refusal.ref else set()
    people |= {ledger.resolve(refusal.person_id)} if refusal.person_id else set()
    persons = tuple(sorted(people))
    found = [refusals.change_of(refusal, i, ledger.consents(i), now_ms) for i in persons]
    changes = [change for change in found if change is not None]
    ledger.state(changes, now_ms)
    withheld = sum(ledger.take_back(each, now_ms) for each in _withdrawals(refusal, persons))
    listed = ledger.listed(refusal.channel, refusal.ref) if refusal.ref else None
    _suppress(ledger, refusal, listed, now_ms)
    ledger.keep(
        RefusalRow(
            refusal_id=refusal.refusal_id,
            channel=refusal.channel,
            ref=refusal.ref,
            taken_ms=now_ms,
            method=refusal.method,
            reason=refusal.reason,
            persons=persons,
            stands=bool(refusal.ref) and refusal.reason in refusals.SAID_BY_PERSON,
            asks=refusal.asks,
            text=refusal.text if refusal.asks else "",
            undo=tuple(Undo(c.person_id, c.entry, c.old_value) for c in changes),
            listed_before=listed,
        )
    )
    again = listed is not None and listed.reason == refusal.reason
    return Refused(is_new=True, again=again, persons=persons, withheld=withheld)


def lift(ledger: Ledger, assent: Assent, now_ms: int) -> Assented:
    """Do what ``RefusalBook.lift`` promises."""
    if ledger.known(assent.assent_id):
        return Assented(is_new=False)
    proof = {"method": assent.method, "actor": "person", "channel": assent.channel, **assent.proof}
    ended = 0
    if assent.starts:
        # a complaint is about mail: a word by SMS ends what a word by SMS began
        ended = _end(ledger, assent.channel, assent.ref, ("stop",), proof, now_ms)
    answered = []
    for person_id in ledger.people_at(assent.channel, assent.ref):
        said, slots = ledger.consents(person_id), ledger.slots(person_id)
        answer = refusals.answer_of(assent, person_id, said, slots, now_ms)
        answered += [answer] if answer is not None else []
    ledger.state(answered, now_ms)
    name, channel, ref = assent.assent_id, assent.channel, assent.ref
    ledger.keep(RefusalRow(name, channel, ref, now_ms, assent.method))
    return Assented(is_new=True, ended=ended, answered=len(answered))


def heed(ledger: Ledger, changes: Iterable[ConsentChange], now_ms: int) -> None:
    """End refusals from the addresses of people who have just said yes in their app (Rule 5)."""
    for change in changes:
        if not refusals.ends_refusals(change):
            continue
        proof = {"method": "new_consent", "actor": "gateway"}
        entry = change.entry
        for channel, ref in ledger.refs_of(change.person_id, entry.channel):
            listed = ledger.listed(channel, ref)
            is_later = listed is not None and listed.since_ms < entry.at_ms
            if is_later and entry.address in {consent.ANY, ref}:
                _end(ledger, channel, ref, refusals.SAID_BY_PERSON, proof, now_ms)


def _withdrawals(refusal: Refusal, persons: Iterable[str]) -> list[Withdrawal]:
    """Say what is taken back of whom."""
    if refusal.scope == "none":
        return []
    channel = consent.ANY if refusal.scope == "all" else refusal.channel
    said = (refusals.PURPOSE, "n", refusal.method, refusal.spares, channel)
    return [Withdrawal(person_id, *said) for person_id in persons]


def _suppress(ledger: Ledger, refusal: Refusal, listed: ListedAddress | None, now_ms: int) -> None:
    """Put the address on the list, unless what stands there is to stay."""
    if not (refusal.ref and refusal.reason):
        return
    if listed is None or refusals.takes_place(refusal.reason, listed.reason):
        key = (refusal.channel, refusal.ref)
        ledger.put_listed(*key, ListedAddress(*key, refusal.reason, now_ms, refusal.method))


def _end(
    ledger: Ledger,
    channel: str,
    ref: str,
    reasons: Sequence[str],
    proof: dict[str, Any],
    now_ms: int,
) -> int:
    """Take back what refusals from an address have changed; gives how many there were."""
    ended = [row for row in ledger.standing(channel, ref) if row.reason in reasons]
    for row in ended:
        for undo in row.undo:
            now = structs.replace(undo, person_id=ledger.resolve(undo.person_id))
            said = proof | {"undoes": row.refusal_id}
            back = refusals.taken_back(now, ledger.consents(now.person_id), said, now_ms)
            ledger.state([back] if back is not None else [], now_ms)
        listed = ledger.listed(channel, ref)
        if listed is not None and listed.reason == row.reason:
            ledger.put_listed(channel, ref, row.listed_before)
        ledger.keep(
            structs.replace(row, stands=False, undo=(), text="" if not row.asks else row.text)
        )
    return len(ended)
