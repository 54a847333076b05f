"""
Report: how the client is, in counts and in words.

Not pure: it reads the core under its lock. No coordinates, no addresses, no tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_sdk.queue import CLASS_NAMES, NEVER
from fencepost_sdk.results import Stats, Status

if TYPE_CHECKING:
    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard

CLOSED = Status("closed", "this client was shut down, or belongs to the parent process", "", None)


def status(core: Core, *, has_host: bool) -> Status:
    """Say in one word and one sentence how the client is."""
    with core.lock:
        code, now_ms = core.uploader.last_code, core.clock.steady_ms()
        wait_s = max(0.0, (core.uploader.not_before_ms - now_ms) / 1_000)
        ready, held = sum(core.store.totals.ready), sum(core.store.totals.held)
        stopped = core.uploader.stopped
    if not has_host:
        return Status("stopped", "init was given no usable key and host", "host", None)
    if stopped:
        sentence = f"the gateway refuses us ({stopped}); nothing is deleted"
        return Status("stopped", sentence, stopped, wait_s)
    if ready and wait_s:
        sentence = f"{ready} events wait for the next try in {wait_s:.1f} s ({code or 'asked to'})"
        return Status("waiting", sentence, code, wait_s)
    if ready:
        return Status("ok", f"{ready} events wait to be sent", code, None)
    if held:
        return Status("held", f"{held} events wait for consent to collect", code, None)
    return Status("ok", "nothing waits to be sent", code, None)


def stats(core: Core, guard: Guard) -> Stats:
    """Count what was kept, sent and lost."""
    with core.lock:
        store, counters = core.store, core.store.ledger.counters()
        totals, ready = store.totals, store.ready()
        oldest_ms = store.stored_ms(ready[0].key) if ready else core.clock.wall_ms()
        return Stats(
            queued=dict(zip(CLASS_NAMES, totals.ready, strict=True)),
            queued_bytes=totals.ready_bytes,
            held=sum(totals.held),
            quarantined=store.quarantined(),
            oldest_age_s=max(0.0, (core.clock.wall_ms() - oldest_ms) / 1_000),
            acknowledged=counters.get("accepted", 0) + counters.get("duplicate", 0),
            losses={k[5:]: n for k, n in counters.items() if k.startswith("lost:")},
            refused=dict(core.refused),
            faults=guard.faults,
            invalid_calls=guard.invalid_calls,
            uploads=core.uploads,
            ack_level=core.ack_level,
            clock_shift_ms=core.clock_shift_ms,
            consent_synced=not totals.ready[NEVER],
            level=core.level,
        )


def empty(guard: Guard) -> Stats:
    """Count nothing: the client is closed."""
    none = dict.fromkeys(CLASS_NAMES, 0)
    return Stats(
        queued=none,
        queued_bytes=0,
        held=0,
        quarantined=0,
        oldest_age_s=0.0,
        acknowledged=0,
        losses={},
        refused={},
        faults=guard.faults,
        invalid_calls=guard.invalid_calls,
        uploads=0,
        ack_level="",
        clock_shift_ms=None,
        consent_synced=False,
        level="closed",
    )
