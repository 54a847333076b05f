"""
Core: the state behind the public face, under one lock.

Not pure: it owns the store, the clock and the lock; every method takes the lock itself. Nothing
here touches the network: the worker performs what ``next_parcel`` hands out and brings the answer
back.

Rule 1. An event is in the store before the call returns, under the identity it was tracked with.
Rule 2. A consent change takes effect in the commit that stores it: what it forbids is gone, what it
        allows is released.
Rule 3. The worker is woken only when there is something to do now: a ``now`` event, a full batch,
        or its own sleep without an end.
Rule 4. After a reset no messages are asked for until the gateway has answered something of the new
        person's: until then it takes the device to speak for the one before.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk import consent, identity, ids, opening, wire
from fencepost_sdk.display import Screen
from fencepost_sdk.fallback import do_nothing
from fencepost_sdk.poll import Poll
from fencepost_sdk.queue import NEVER, NOW_TYPES
from fencepost_sdk.results import Tracked
from fencepost_sdk.sqlite_store import NewEvent, SqliteStore
from fencepost_sdk.uploader import Idle, Upload, Uploader, View, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fencepost_sdk.answer import Reply
    from fencepost_sdk.clock import Clock
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.inbox import Messages
    from fencepost_sdk.limits import Limits
    from fencepost_sdk.message_table import StoredMessage
    from fencepost_sdk.parts import Errand, Teller
    from fencepost_sdk.uploader import Effects

EXPIRE_EVERY_MS = 600_000
FENCES = "fences"  # name of the stored set of nearby fences
VISITS = "visits"  # name of what is held of them
UNHEARD = "unheard"  # name of a new person's anonymous id until the gateway has heard of them


class Parcel(NamedTuple):
    """A request ready to go: what it carries, its bytes, the losses it reports, whose it is."""

    upload: Upload
    body: bytes
    told: tuple[wire.Loss, ...]
    store: SqliteStore
    anonymous_id: str


class Core:
    """Queue, identity and consent of one client."""

    def __init__(
        self,
        data_dir: Path,
        context: Mapping[str, object],
        limits: Limits,
        clock: Clock,
        *,
        fsync: bool,
        messages: Messages,
    ) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.limits = limits
        self.clock = clock
        self.uploader = Uploader(limits)
        self.poll = Poll(int(messages.poll_s * 1_000))
        self.screen = Screen(int(messages.gap_s * 1_000), int(messages.hold_s * 1_000))
        self.streams = messages.stream is True
        self.on_reset: Callable[[], None] = do_nothing
        self.changed_cards: dict[str, StoredMessage] = {}
        self.errands: list[Errand] = []
        self.tellers: list[Teller] = []
        self.policy = consent.DEFAULT_POLICY
        self.refused: Counter[str] = Counter()
        self.uploads = 0
        self.ack_level = ""
        self.clock_shift_ms: int | None = None
        self.flushes = 0
        self.is_worker_asleep = False
        self.is_closed = False
        self._fsync = fsync
        self.language = str(context.get("locale", ""))
        self._context = wire.encode(context).decode()
        self._now_key = 0
        self._expired_ms: int | None = None
        self._adopt(opening.open_store(data_dir, limits, clock, fsync=fsync))

    def _adopt(self, opened: opening.Opening) -> None:
        self.store, self.slot, self.problem = opened
        self.level = "memory" if self.slot is None else ("fsync" if self._fsync else "os")
        self.identity = identity.load_identity(self.store, self.clock)
        self._entries = self._read_entries()
        self._unheard = self.store.meta().get(UNHEARD, "")
        self._envelope = 0
        self._expire()

    # -- events ------------------------------------------------------------------------------------

    def record(
        self,
        kind: str,
        fields: Mapping[str, object],
        at_ms: int | None = None,
        *,
        now: bool = False,
    ) -> Tracked:
        """Keep one event (Rule 1)."""
        with self.lock:
            if self.is_closed:
                return Tracked("", "dropped", "closed")
            return self._mended(lambda: self._record(kind, fields, at_ms, now=now))

    def _record(
        self, kind: str, fields: Mapping[str, object], at_ms: int | None, *, now: bool
    ) -> Tracked:
        fate = consent.disposition(kind, self._entries, self.policy)
        if fate == consent.DROP:
            self.refused["consent"] += 1
            return Tracked("", "dropped", "consent")
        now_ms = self.clock.wall_ms()
        event_id = ids.uuid7(now_ms, self.clock.entropy(ids.UUID_ENTROPY_BYTES))
        moment_ms = now_ms if at_ms is None else at_ms

        def encoded(seq: int) -> bytes:
            return wire.encode_event(seq, event_id, kind, moment_ms, fields)

        is_held = fate == consent.HOLD
        before = self.store.totals.ready_bytes
        new = NewEvent(event_id, kind, is_held, self._envelope_now(), encoded)
        reason = self.store.put(new, now_ms)
        if reason:
            return Tracked(event_id, "dropped", reason)
        if is_held:
            return Tracked(event_id, "held")
        self._wake(before, now=now or kind in NOW_TYPES)
        return Tracked(event_id, "fsync" if kind == "consent" and self.slot else self.level)

    def _wake(self, before_bytes: int, *, now: bool) -> None:
        """Wake the worker if it has something to do (Rule 3)."""
        if now:
            self._now_key = self.store.newest_key()
        events, size = sum(self.store.totals.ready), self.store.totals.ready_bytes
        is_full = events % self.limits.trigger_events == 0 or (
            size // self.limits.trigger_bytes > before_bytes // self.limits.trigger_bytes
        )
        if now or is_full or self.is_worker_asleep:
            self.changed.notify_all()

    def _envelope_now(self) -> int:
        if not self._envelope:
            who = wire.encode(self.identity.who()).decode()
            with self.store.transaction():
                self._envelope = self.store.envelope_id(who, self._context)
        return self._envelope

    def _mended(self, action: Callable[[], Tracked]) -> Tracked:
        """Do ``action``; when the store turns out to be damaged, once more on a new one."""
        try:
            return action()
        except sqlite3.DatabaseError as error:
            is_inner = self.store.is_in_transaction
            if is_inner or not (opening.is_damage(error) and self._replace_store()):
                raise
            return action()

    def _replace_store(self) -> bool:
        """Set a store aside that broke while open, and begin a new one; say whether it worked."""
        if self.slot is None:
            return False
        self.store.close()
        self.slot.set_aside(self.clock.wall_ms())
        self._adopt(opening.open_in(self.slot, self.limits, self.clock, fsync=self._fsync))
        self.store.note_store_lost()
        return True

    # -- identity ----------------------------------------------------------------------------------

    def identify(
        self, user_id: str, traits: Mapping[str, object] | None, *, merge: bool
    ) -> Tracked:
        """Link this device's person to ``user_id``; another id than before logs out first."""
        with self.lock:
            if self.identity.user_id and self.identity.user_id != user_id:
                self.reset()
            with self.store.transaction():
                self.store.set_meta("user_id", user_id)
            self.identity = self.identity._replace(user_id=user_id)
            self._envelope = 0
            fields: dict[str, object] = {"user_id": user_id}
            fields |= {"traits": traits} if traits else {}
            return self.record("identify", fields | {"merge": True} if merge else fields)

    def reset(self) -> None:
        """Log out: a new anonymous person; queue, device and refusals stay."""
        with self.lock:
            anonymous_id = identity.new_anonymous_id(self.clock)
            with self.store.transaction(fsync=True):
                self.store.set_meta("anonymous_id", anonymous_id)
                self.store.set_meta("user_id", "")
                self.store.set_meta("messages_after", "")
                self.store.set_meta(UNHEARD, anonymous_id)
                self.store.forget_consent_but_no()
                self.store.messages.clear()
                self.changed_cards = {}
                self.screen.clear()
                self._forget_fences()
            self.identity = self.identity._replace(anonymous_id=anonymous_id, user_id="")
            self._unheard = anonymous_id
            self.poll.etag = ""
            self._envelope = 0
            self._entries = self._read_entries()
            self.on_reset()

    # -- consent -----------------------------------------------------------------------------------

    def set_consent(
        self, values: Mapping[str, str], channel: str, about: Mapping[str, object]
    ) -> Tracked:
        """Store a change, do what it means, and queue it for the gateway (Rule 2)."""
        with self.lock:
            return self._mended(lambda: self._set_consent(values, channel, about))

    def _set_consent(
        self, values: Mapping[str, str], channel: str, about: Mapping[str, object]
    ) -> Tracked:
        old = self._entries
        fields: dict[str, object] = {"values": dict(values), **about}
        if channel != consent.ANY:
            fields["channel"] = channel
        try:
            with self.store.transaction(fsync=True):
                now_ms = self.clock.wall_ms()
                for purpose, value in values.items():
                    self.store.set_consent(purpose, channel, value, now_ms)
                self._entries = self._read_entries()
                tracked = self.record("consent", fields)
                self._enact(now_ms)
        except BaseException:
            self._entries, self._envelope = old, 0
            raise
        return tracked

    def _enact(self, now_ms: int) -> None:
        fate = consent.disposition("track", self._entries, self.policy)
        if fate == consent.SEND:
            self.store.release()
        elif fate == consent.DROP:
            self.store.clear(now_ms, fixes=False)
        if consent.disposition("fix", self._entries, self.policy) == consent.DROP:
            self.store.clear(now_ms, fixes=True)
            self._forget_fences()

    def _forget_fences(self) -> None:
        """Forget the fences around the device: they say where it was."""
        self.store.set_meta(FENCES, "")
        self.store.set_meta(VISITS, "")
        for errand in self.errands:
            errand.forget()

    def entries(self) -> tuple[consent.Entry, ...]:
        """Give every statement of this device's person."""
        with self.lock:
            return self._entries

    def allows(self, purpose: str) -> bool:
        """Say whether ``purpose`` is allowed now."""
        with self.lock:
            return consent.evaluate(self._entries, self.policy, purpose).allowed

    def _read_entries(self) -> tuple[consent.Entry, ...]:
        rows = self.store.consent()
        return tuple(consent.Entry(purpose, value, channel) for purpose, value, channel, _ in rows)

    # -- uploads -----------------------------------------------------------------------------------

    def next_parcel(self) -> Parcel | Wait | Idle:
        """Ask the uploader what to do, and pack it."""
        with self.lock:
            self._expire()
            step = self.uploader.next(self._view(), self.clock.steady_ms())
            if not isinstance(step, Upload):
                return step
            self.store.in_flight = frozenset(item.key for item in step.items)
            return self._packed(step)

    def _view(self) -> View:
        totals = self.store.totals
        urgent = self.store.urgent() if totals.ready[NEVER] else []
        ready = self.store.ready() if sum(totals.ready[:NEVER]) else []
        if not ready:
            return View(urgent=urgent)
        age_ms = self.clock.wall_ms() - self.store.stored_ms(ready[0].key)
        return View(
            urgent=urgent,
            ready=ready,
            events=sum(totals.ready),
            bytes=totals.ready_bytes,
            oldest_age_ms=max(0, age_ms),
            is_wanted=self.flushes > 0 or self._now_key >= ready[0].key,
        )

    def _packed(self, upload: Upload) -> Parcel:
        who, context = self.store.envelope(upload.items[0].envelope)
        told = () if upload.is_consent else tuple(self.store.ledger.losses())
        envelope: dict[str, object] = {
            "v": wire.VERSION,
            "device_id": self.identity.device_id,
            "stream": upload.stream,
            "sent_at": wire.moment_text(self.clock.wall_ms()),
            "oldest_seq": self.store.oldest_seq(upload.stream, with_losses=upload.is_consent),
            "sdk": wire.SDK,
            "who": json.loads(who),
            "context": json.loads(context),
        }
        if told:
            envelope["client_reports"] = wire.reports(told)
        raw = self.store.raw([item.key for item in upload.items])
        body = wire.batch_body(envelope, raw)
        return Parcel(upload, body, told, self.store, str(json.loads(who)["anonymous_id"]))

    def finish(self, parcel: Parcel, reply: Reply | None) -> Effects | None:
        """Take the answer to a parcel; None when the client was closed meanwhile."""
        with self.lock:
            steady_ms, wall_ms = self.clock.steady_ms(), self.clock.wall_ms()
            effects = self.uploader.done(parcel.upload, reply, self.clock.chance(), steady_ms)
            self.store.in_flight = frozenset()
            self.changed.notify_all()
            if self.is_closed or parcel.store is not self.store:
                return None  # its events are in another store, under other keys
            self.store.settle(effects, parcel.told, wall_ms)
            if effects.answer is not None:
                self._note_heard(parcel.anonymous_id)
                self.uploads += 1
                self.ack_level = effects.answer.ack
                if effects.answer.received_at_ms is not None:
                    self.clock_shift_ms = effects.answer.received_at_ms - wall_ms
                self.poll.hint(effects.answer.hints.get("messages", ""), steady_ms)
                for errand in self.errands:
                    errand.hint(effects.answer.hints)
            return effects

    def _note_heard(self, anonymous_id: str) -> None:
        """Note that the gateway knows whom this device speaks for now."""
        if self._unheard == anonymous_id != "":
            with self.store.transaction():
                self.store.set_meta(UNHEARD, "")
            self._unheard = ""
            self.changed.notify_all()

    @property
    def wants_messages(self) -> bool:
        """Whether somebody listens, and the gateway knows who that is (Rule 4)."""
        return not self._unheard and self.poll.due_ms is not None

    @property
    def poll_due_ms(self) -> int | None:
        """When to ask for messages; None: not now, or they come by themselves."""
        return self.poll.due_ms if self.wants_messages and not self.poll.is_streaming else None

    def headers(self) -> dict[str, str]:
        """Name this device to the gateway, with its secret."""
        with self.lock:
            me = self.identity
            return {"Fencepost-Device": f"{me.device_id}.{me.secret}"}

    def _expire(self) -> None:
        now_ms = self.clock.steady_ms()
        if self._expired_ms is None or now_ms - self._expired_ms >= EXPIRE_EVERY_MS:
            self._expired_ms = now_ms
            self.store.expire(self.clock.wall_ms())

    def close(self, guard: Guard) -> None:
        """Close store and slot; what is queued stays for the next opening."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
            try:
                self.store.close()
            except sqlite3.Error as error:
                guard.fault("close", error)
            if self.slot is not None:
                self.slot.release()
