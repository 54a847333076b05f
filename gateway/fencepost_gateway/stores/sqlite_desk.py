"""
The desk of the SQLite store: what pipeline, claim and confirm write.

Runs on the writer's thread inside its transaction, beside the door.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_channels.message import ON_A_DEVICE
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import (
    OPEN_STATES,
    ClaimFacts,
    Verdict,
)
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.decide.spend import day_of
from fencepost_gateway.decide.standing import Standing
from fencepost_gateway.intake.admission import Admission, Withdrawal
from fencepost_gateway.intake.records import TimerFired
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    ADDRESSES_MAX,
    LEASE_MS,
    AddressChange,
    AddressMove,
    AdmitRequest,
    Answer,
    Claimed,
    Effects,
    Judge,
    RecordRow,
    Settle,
)
from fencepost_gateway.stores import bouncing, refusing, rows
from fencepost_gateway.stores.sqlite_audiences import (
    count_audience_days,
    fire_person_timers,
    put_person_timers,
)
from fencepost_gateway.stores.sqlite_broadcasts import begin_and_end, count_reached
from fencepost_gateway.stores.sqlite_calls import put_calls
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_facts import Facts
from fencepost_gateway.stores.sqlite_fences import count_fence_days
from fencepost_gateway.stores.sqlite_history import put_history
from fencepost_gateway.stores.sqlite_inbox import put_inbox, take_leave, take_reactions
from fencepost_gateway.stores.sqlite_journeys import count_journey_days
from fencepost_gateway.stores.sqlite_refusals import SqliteLedger
from fencepost_gateway.stores.sqlite_reports import Receipts
from fencepost_gateway.stores.sqlite_runs import put_runs
from fencepost_gateway.stores.sqlite_trials import take_trial

COSTS_DAYS = 3  # a call is settled long before
COSTS_MAX = 20  # more than come in with one commit

_pack = msgspec.msgpack.Encoder().encode
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)


class Desk:
    """Effects, claims, confirms and timers, on the write connection."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace, door: Door) -> None:
        self._db = db
        self._sql = sql
        self._door = door
        self._facts = Facts(db, sql)
        self.ledger = SqliteLedger(db, sql, door, self._take_back)
        self.receipts = Receipts(db, sql, door, self)

    # ---- the door, once it has taken a withdrawal ---------------------------------------

    def admit(self, request: AdmitRequest) -> Admission | None:
        """Do what ``Store.admit`` promises."""
        admission = self._door.admit(request)
        if admission is None:
            return None
        refusing.heed(self.ledger, admission.consents, request.received_ms)
        admission.recalled += self.withdraw(
            admission.withdrawals, request.received_ms, locates=admission.locates
        )
        return admission

    def withdraw(self, found: Iterable[Withdrawal], now_ms: int, *, locates: bool) -> int:
        """Take back what withdrawals take back; gives how many messages."""
        taken = 0
        for withdrawal in found:
            taken += self._take_back(withdrawal, now_ms)
            if rows.forgets_place(withdrawal, locates=locates):
                self._forget_place(withdrawal, now_ms)
        return taken

    def _take_back(self, withdrawal: Withdrawal, now_ms: int) -> int:
        taken, both = 0, (withdrawal.person_id, withdrawal.person_id)
        for row in self._db.execute(self._sql.pending_of, both).fetchall():
            found = self._facts.message(str(row[0]))
            if found is not None and rows.is_recalled(found.message, withdrawal):
                self._write(found, rows.recall(withdrawal), now_ms)
                taken += 1
        return taken

    def _forget_place(self, withdrawal: Withdrawal, now_ms: int) -> None:
        person_id = withdrawal.person_id
        found = self._db.execute(self._sql.devices_of, (person_id, person_id, -1)).fetchall()
        device_ids = sorted(str(row[0]) for row in found)
        for device_id in device_ids:
            self._db.execute(self._sql.drop_track, (device_id,))
            self._db.execute(self._sql.drop_timer, (device_id,))
        self._door.append(rows.forgotten(withdrawal, device_ids), now_ms)

    # ---- the pipeline's commit ------------------------------------------------------------

    def commit(self, effects: Effects) -> None:
        """Do what ``Store.commit`` promises."""
        run, sql = self._db.execute, self._sql
        self._db.executemany(sql.put_person, [(i, _pack(p)) for i, p in effects.persons.items()])
        for visitor_id, person_id in effects.merges:
            self._merge(visitor_id, person_id)
        self._db.executemany(sql.put_track, list(effects.tracks.items()))
        for device_id, timer in effects.timers.items():
            if timer is None:
                run(sql.drop_timer, (device_id,))
            else:
                run(sql.put_timer, (device_id, timer.person_id, timer.due_ms))
        for change in effects.addresses:
            self._change_address(change)
        for m in effects.messages:
            order = (effects.now_ms, m.priority, m.cause.at_ms, m.rank, rows.lane_of(m))
            run(sql.put_message, (m.message_id, m.person_id, *order, m.expires_at_ms, _pack(m)))
        for each in effects.reacted:
            self.receipts.react(*each, effects.now_ms)
        take_reactions(self._db, sql, effects.reacted)
        take_leave(self._db, sql, effects.persons)
        self.put_records(effects.records)
        put_history(self._db, sql, effects)
        put_person_timers(self._db, sql, effects)
        put_runs(self._db, sql, effects)
        take_trial(self._db, sql, effects)
        put_calls(self._db, sql, effects)
        begin_and_end(self._db, sql, effects)
        counts = (
            effects.fence_days or effects.audience_days or effects.journey_days or effects.reached
        )
        if counts and effects.position > (run(sql.fact, ("position",)).get or 0):
            count_fence_days(self._db, sql, effects.fence_days)
            count_audience_days(self._db, sql, effects.audience_days)
            count_journey_days(self._db, sql, effects.journey_days)
            count_reached(self._db, sql, effects.reached)
        over = [(at, effects.now_ms, why) for at, why in effects.passed_over.items()]
        self._db.executemany(sql.put_passed_over, over)
        run(sql.set_fact, ("position", effects.position))

    def put_records(self, found: Sequence[RecordRow]) -> None:
        """Append decision records."""
        self._db.executemany(
            self._sql.put_record,
            [(r.at_ms, r.person_id, r.kind, r.subject, _pack(r.body)) for r in found],
        )

    def _merge(self, visitor_id: str, person_id: str) -> None:
        run, sql = self._db.execute, self._sql
        for move in (
            sql.move_addresses,
            sql.move_messages,
            sql.move_slots,
            sql.move_timers,
            sql.move_records,
            sql.move_runs,
            sql.move_calls,
            sql.move_history,
            sql.move_trial_messages,
            sql.move_trial_records,
        ):
            run(move, (person_id, visitor_id))
        run(sql.drop_addresses, (visitor_id,))
        run(sql.trim_addresses, (person_id, person_id, ADDRESSES_MAX))
        # Behind every cursor that a device of theirs may hold: whoever has seen a row knows it.
        for _, *row in sorted(run(sql.take_inbox, (visitor_id,)).fetchall()):
            run(sql.put_inbox, (person_id, *row))
        run(sql.drop_person, (visitor_id,))
        run(sql.drop_person_timer, (visitor_id,))
        run(sql.set_merged, (visitor_id, person_id))

    def _change_address(self, change: AddressChange | AddressMove) -> None:
        run, sql = self._db.execute, self._sql
        if isinstance(change, AddressMove):
            run(sql.move_subscriptions, (change.person_id, change.device_id))
            run(sql.trim_addresses, (change.person_id, change.person_id, ADDRESSES_MAX))
            return
        key = (change.person_id, change.channel, change.ref)
        if change.raw is None:
            run(sql.drop_address, key)
            return
        if change.channel in ON_A_DEVICE:
            run(sql.take_subscription, (change.channel, change.ref, change.person_id, change.at_ms))
            if run(sql.has_subscription, (change.channel, change.ref, change.person_id)).get:
                return  # somebody else told it later
        run(sql.put_address, (*key, _pack(change.raw), change.device_id, *(change.at_ms,) * 2))
        run(sql.trim_addresses, (change.person_id, change.person_id, ADDRESSES_MAX))

    # ---- claim and confirm ----------------------------------------------------------------

    def claim(self, message_id: str, judge: Judge, now_ms: int) -> Claimed | None:
        """Do what ``Store.claim`` promises."""
        found = self._facts.message(message_id)
        if found is None or found.state not in OPEN_STATES or found.due_ms > now_ms:
            return None
        consents = self._door.consents(self._door.resolve(found.message.person_id))
        verdict = judge(self._facts.claim_facts(found, consents))
        return self._write(found, verdict, now_ms)

    def answer(self, message_id: str, decide: Answer, now_ms: int) -> bool:
        """Do what ``Store.answer`` promises."""
        facts = self.facts_now(message_id)
        if facts is None:
            return False
        self.state(decide(facts), now_ms)
        return True

    def facts_now(self, message_id: str) -> ClaimFacts | None:
        """Give what a claim of a message would see, under whoever its person is by now."""
        found = self._facts.message(message_id)
        if found is None:
            return None
        subject = self._door.resolve(found.message.person_id)
        facts = self._facts.claim_facts(found, self._door.consents(subject))
        return structs.replace(facts, message=structs.replace(found.message, person_id=subject))

    def state(self, changes: Sequence[ConsentChange], now_ms: int) -> None:
        """Let statements take effect that no upload brings."""
        self._door.put_consents(changes, now_ms)
        for record in rows.stated(changes):
            self._door.append(record, now_ms)
        refusing.heed(self.ledger, changes, now_ms)

    def _write(self, at: Standing, verdict: Verdict, now_ms: int) -> Claimed:
        run, sql, message = self._db.execute, self._sql, at.message
        claimed, due_ms = Claimed(verdict, message), verdict.retry_at_ms or now_ms
        if verdict.outcome == "waits":
            lane = "" if verdict.retry_at_ms else verdict.channel
            run(sql.wait_message, (lane, verdict.retry_at_ms or at.due_ms, message.message_id))
            return claimed
        if verdict.outcome == "send":
            claimed = self._lease(at, verdict, now_ms)
        elif verdict.holds:
            held = (verdict.reason, message.campaign_id, message.message_id)
            run(sql.hold_message, held)
        elif verdict.outcome == "deferred":
            run(sql.set_message, ("deferred", due_ms, verdict.reason, message.message_id))
        else:
            run(sql.set_message, (verdict.outcome, now_ms, verdict.reason, message.message_id))
            self._door.append(rows.ended(message, verdict), now_ms)
        if at.refused and verdict.outcome != "send":
            run(sql.release_slot, (message.message_id,))
        self.put_records([rows.claim_record(message, verdict, claimed.delivery_id, now_ms)])
        return claimed

    def _lease(self, at: Standing, verdict: Verdict, now_ms: int) -> Claimed:
        run, sql = self._db.execute, self._sql
        message, attempt = at.message, at.attempt
        ref = verdict.address.ref if verdict.address else ""
        delivery_id = rows.delivery_id_of(message.message_id, verdict.channel, ref)
        token = attempt + 1
        lease_until_ms = now_ms + LEASE_MS
        row = (delivery_id, message.message_id, verdict.channel, ref, token, lease_until_ms)
        run(sql.put_delivery, row)
        run(sql.send_message, (now_ms, attempt + 1, verdict.on_unknown, message.message_id))
        if verdict.slot is not None:
            slot = verdict.slot
            run(
                sql.put_slot,
                (slot.slot_id, slot.person_id, "open", slot.reserved_at_ms, _pack(slot)),
            )
        if verdict.cost:
            run(sql.put_cost, (delivery_id, day_of(now_ms), verdict.cost))
            run(sql.add_spent, (day_of(now_ms), verdict.cost))
            run(sql.prune_costs, (day_of(now_ms) - COSTS_DAYS, COSTS_MAX))
        bouncing.probed(self.ledger, verdict.address, now_ms)
        return Claimed(verdict, message, delivery_id, token, attempt + 1)

    def confirm(
        self,
        delivery_id: str,
        lease_token: int,
        outcome: CallOutcome,
        settle: Settle,
        now_ms: int,
        inbox: dict[str, Any] | None,
    ) -> Settlement | None:
        """Do what ``Store.confirm`` promises."""
        row = self._db.execute(self._sql.delivery, (delivery_id,)).get
        if row is None or row[3] != "sending" or row[4] != lease_token:
            return None
        found = self._facts.message(row[0])
        if found is None:
            return None
        told_ms = None
        if outcome.gone_ms is not None:
            told_ms = self._db.execute(self._sql.address_told, (row[1], row[2])).get
        message, settlement = found.message, settle(found.attempted(delivery_id, row[1], told_ms))
        shown = None
        if inbox is not None and settlement.state == "sent":
            person = self._facts.person(message.person_id)
            shown = rows.inbox_row(message, delivery_id, inbox, person, now_ms)
            settlement = settlement if shown else rows.LEFT
        self.end(found, delivery_id, settlement, now_ms, outcome.provider_id)
        bouncing.settled(self.ledger, message, (row[1], row[2]), settlement, now_ms)
        if shown is not None:
            put_inbox(self._db, self._sql, message.person_id, shown)
        return settlement

    def trim_inbox(self, before_ms: int, limit: int) -> int:
        """Do what ``Store.trim_inbox`` promises."""
        self._db.execute(self._sql.trim_inbox, (before_ms, limit))
        return self._db.changes()

    def reconcile(self, now_ms: int, settle: Settle, horizon_ms: int) -> int:
        """Do what ``Store.reconcile`` promises, of leases that end by ``horizon_ms``."""
        expired = list(self._db.execute(self._sql.expired_leases, (horizon_ms,)))
        for delivery_id, message_id, channel in expired:
            found = self._facts.message(message_id)
            if found is not None:
                settlement = settle(found.attempted(delivery_id, channel))
                self.end(found, delivery_id, settlement, now_ms, "")
        return len(expired)

    def end(
        self,
        at: Standing,
        delivery_id: str,
        settlement: Settlement,
        now_ms: int,
        provider_id: str,
    ) -> None:
        """Write how a call ended: delivery, message, slot, address, outcome, record."""
        run, sql, message = self._db.execute, self._sql, at.message
        _, channel, ref, _, _, lease_until_ms = run(sql.delivery, (delivery_id,)).get
        run(sql.end_delivery, (settlement.state, provider_id, settlement.reason, delivery_id))
        due_ms = settlement.retry_at_ms or now_ms
        refused = at.refused_after(channel, settlement)
        packed, lane = _pack(refused) if refused else None, rows.lane_of(message, refused)
        state = (settlement.message_state, due_ms, settlement.reason, packed)
        run(sql.end_message, (*state, at.unknowns_after(settlement), lane, message.message_id))
        body = run(sql.slot, (message.message_id,)).get
        if body is not None and settlement.slot != "open":
            kept = settlement.slot == "kept_unknown"
            used_at_ms = max(now_ms, lease_until_ms) if kept else now_ms
            slot = structs.replace(_slot.decode(body), used_at_ms=used_at_ms, state=settlement.slot)
            row = (slot.slot_id, slot.person_id, slot.state, slot.reserved_at_ms, _pack(slot))
            run(sql.put_slot, row)
        if settlement.is_refusal:
            run(sql.take_back_spent, (delivery_id,))
            run(sql.drop_cost, (delivery_id,))
        if settlement.address == "remove":
            run(sql.drop_dead_address, (channel, ref))
        if rows.is_told(settlement):
            ended = rows.settled(message, settlement, channel, delivery_id, ref)
            self._door.append(ended, now_ms)
        record = rows.outcome_record(message, channel, delivery_id, settlement, now_ms)
        self.put_records([record])

    def fire_timers(self, now_ms: int, limit: int) -> int:
        """Do what ``Store.fire_timers`` promises."""
        due = list(self._db.execute(self._sql.due_timers, (now_ms, limit)))
        for device_id, person_id, due_ms in due:
            fired = TimerFired(f"{device_id}@{due_ms}", device_id, person_id, due_ms)
            self._door.append(fired, now_ms)
            self._db.execute(self._sql.mark_timer, (device_id,))
        room = limit - len(due)
        return len(due) + fire_person_timers(self._db, self._sql, self._door, now_ms, room)
