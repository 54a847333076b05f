"""
Explain: why an event is where it is, as ordered checks.

Pure. The checks follow the way of an event: kept, consent, sent, verdict; the first that did not
pass is the reason, one that is still open says what it waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_sdk.results import Check

if TYPE_CHECKING:
    from fencepost_sdk.results import Status
    from fencepost_sdk.sqlite_store import Known

TAKEN = frozenset({"accepted", "duplicate"})


def event_checks(known: Known | None, status: Status) -> tuple[Check, ...]:
    """Explain one event from what the store knows of it."""
    if known is None:
        detail = "not in the queue and not among the newest outcomes of this store"
        return (Check("known", passed=False, detail=detail),)
    found = Check("known", passed=True, detail=f"a {known.kind} event")
    if known.state == "dropped":
        return (found, Check("kept", passed=False, detail=f"dropped: {known.code}"))
    kept = Check("kept", passed=True, detail="stored before the call returned")
    if known.state == "held":
        return (found, kept, Check("consent", passed=None, detail="collect is not answered yet"))
    allowed = Check("consent", passed=True, detail="it may leave the device")
    if known.state == "queued":
        return (found, kept, allowed, Check("sent", passed=None, detail=status.sentence))
    if known.state == "quarantined":
        detail = "set aside: no request with it was understood by the gateway"
        return (found, kept, allowed, Check("sent", passed=False, detail=detail))
    sent = Check("sent", passed=True, detail="the gateway answered")
    verdict = " ".join(part for part in (known.state, known.code, known.path) if part)
    ruled = Check("verdict", passed=known.state in TAKEN, detail=verdict)
    return (found, kept, allowed, sent, ruled)


def client_checks(
    status: Status, level: str, *, collects: bool, locates: bool
) -> tuple[Check, ...]:
    """Explain the client as a whole."""
    yes, no = "allowed", "not allowed by consent"
    return (
        Check("store", passed=level != "memory", detail=f"events are kept at level {level}"),
        Check("collect", passed=collects, detail=yes if collects else no),
        Check("location_collect", passed=locates, detail=yes if locates else no),
        Check("gateway", passed=status.state not in {"stopped", "closed"}, detail=status.sentence),
    )
