"""
Consent: whether a person allows a purpose on a channel, and which statement says so.

Pure. Unknown means deny, except where the policy names a default that it accepts.

Rule 1. ``n`` for everything under a purpose denies it; ``n`` for a channel beats ``y`` for an
        address; ``n`` for the address denies the address.
Rule 2. Every purpose that ``NEEDS`` names must be allowed first.
Rule 3. The most specific entry that says something counts (address, channel, any); nothing said:
        the policy's default. ``y`` and the listed values allow where the policy accepts them.
Rule 4. ``p``, ``u``, ``dn`` deny.
Rule 5. Of two statements for one entry the later wins; from different clocks and closer than
        ``CLOSE_MS`` the stricter wins, but a later answer to ``p`` answers it. In which order they
        arrive does not matter.
Rule 6. Merging persons, the strictest statement wins.
Rule 7. ``u``, ``dy``, ``dn`` are no statements: beside a statement they count for nothing.
Rule 8. Where several policies hold, every one must allow; the first that does not, answers.
Rule 9. ``p`` asks a question. It denies what it is about, but for the one message that asks it:
        ``question`` gives the entry that waits for the answer.
Rule 10. ``n`` for ``LOCATION_ACTIVE`` is a pause: it denies every location purpose and leaves what
        was said of them as it is; ``y`` ends it. Nothing said, nothing is paused (ADR-0037).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Policy

ANY = "any"
CLOSE_MS = 5 * 60_000

VALUES = frozenset({"y", "n", "p", "u", "dy", "dn", "LI", "CT", "CP", "VI", "PI"})
NO_STATEMENT = frozenset({"u", "dy", "dn"})
DENYING = frozenset({"n", "p", "u", "dn"})
STRICTNESS = {"n": 2, "p": 1}

NEEDS: dict[str, tuple[str, ...]] = {
    "collect": (),
    "profiling": ("collect",),
    "personalisation": (),
    "transactional": (),
    "marketing": (),
    "marketing_night": ("marketing",),
    "share": ("collect",),
    "location_collect": (),
    "location_background": ("location_collect",),
    "location_precise": ("location_collect",),
    "location_marketing": ("location_collect", "marketing"),
    "location_share": ("location_collect", "share"),
}
PURPOSES = frozenset(NEEDS)
LOCATION = ("location_collect", "location_marketing")  # withdrawing them takes things back
BY_CHANNEL = frozenset({"transactional", "marketing", "marketing_night"})
LOCATED = frozenset(purpose for purpose in NEEDS if purpose.startswith("location_"))
LOCATION_ACTIVE = "location_active"  # stated like a purpose; nobody is asked for it


class ConsentEntry(Struct, frozen=True):
    """
    One statement: ``value`` for a purpose on a channel and address, effective ``at_ms``.

    ``clock`` names whose clock said so (a device's id), empty when that is not known.
    """

    purpose: str
    value: str
    at_ms: int
    channel: str = ANY
    address: str = ANY
    clock: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What the statement is about."""
        return (self.purpose, self.channel, self.address)


class ConsentAnswer(Struct, frozen=True):
    """
    Whether it is allowed; ``purpose``, ``value`` and ``said_for`` name the deciding entry.

    ``said_ms`` is when that was said; None: it is the policy's default.
    """

    allowed: bool
    purpose: str
    value: str
    said_for: str
    policy: str
    said_ms: int | None = None


def allows(
    entries: Sequence[ConsentEntry],
    policy: Policy,
    purpose: str,
    channel: str = ANY,
    address: str = ANY,
) -> ConsentAnswer:
    """
    Say whether ``purpose`` is allowed on ``channel`` for ``address``.

    Args:
        entries: All statements of the person.
        policy: What the workspace accepts and presumes.
        purpose: One of ``PURPOSES``.
        channel: A channel, or ``any`` for purposes that know none.
        address: Reference of the address, or ``any``.

    """
    if purpose in LOCATED and is_paused(entries):
        return _answer(policy, LOCATION_ACTIVE, "n", (ANY, ANY), None)
    for needed in NEEDS[purpose]:
        answer = allows(entries, policy, needed, channel, address)
        if not answer.allowed:
            return answer
    scope = channel if purpose in BY_CHANNEL else ANY
    levels = ((ANY, ANY), (scope, ANY), (scope, address))
    said = {e.key: e for e in entries if e.purpose == purpose}
    found = [(level, said.get((purpose, *level))) for level in levels]
    for level, entry in found:
        if entry is not None and entry.value == "n":
            return _answer(policy, purpose, "n", level, entry.at_ms)
    for level, entry in reversed(found):
        if entry is not None and entry.value != "u":
            return _answer(policy, purpose, entry.value, level, entry.at_ms)
    return _answer(policy, purpose, policy.defaults.get(purpose, "u"), ("policy", ""), None)


def allows_under(
    policies: Sequence[Policy],
    entries: Sequence[ConsentEntry],
    purpose: str,
    channel: str = ANY,
    address: str = ANY,
) -> ConsentAnswer:
    """Say whether every one of ``policies`` (one at least) allows it (Rule 8)."""
    answers = [allows(entries, each, purpose, channel, address) for each in policies]
    return next((each for each in answers if not each.allowed), answers[0])


def is_paused(entries: Iterable[ConsentEntry]) -> bool:
    """Say whether somebody has paused the use of their location (Rule 10)."""
    return any(e.purpose == LOCATION_ACTIVE and e.value == "n" for e in entries)


def question(
    entries: Sequence[ConsentEntry], purpose: str, channel: str, address: str
) -> ConsentEntry | None:
    """Give the ``p`` that decides about an address, if it is that which decides (Rule 9)."""
    levels = ((channel, address), (channel, ANY), (ANY, ANY))
    said = {e.key: e for e in entries if e.purpose == purpose and e.value != "u"}
    found = [said[purpose, *level] for level in levels if (purpose, *level) in said]
    if not found or any(e.value == "n" for e in found) or found[0].value != "p":
        return None
    return found[0]


def _answer(
    policy: Policy, purpose: str, value: str, level: tuple[str, str], said_ms: int | None
) -> ConsentAnswer:
    allowed = grants(policy, purpose, value)
    said_for = level[0] if level[1] in {ANY, ""} else "address"
    return ConsentAnswer(allowed, purpose, value, said_for, policy.named, said_ms)


def grants(policy: Policy, purpose: str, value: str) -> bool:
    """Say whether ``value``, taken for itself, allows ``purpose``."""
    others = policy.accepts.get("*", frozenset())
    accepted = policy.accepts.get(purpose, others)  # an empty list accepts nothing but ``y``
    return value == "y" or (value not in DENYING and value in accepted)


def _strictness(value: str) -> int:
    return STRICTNESS.get(value, 0)


def newer(old: ConsentEntry | None, new: ConsentEntry) -> ConsentEntry:
    """Say which of two entries about the same thing stands (Rules 5 and 7)."""
    if old is None:
        return new
    if _is_statement(old) != _is_statement(new):
        return new if _is_statement(new) else old
    first, last = (old, new) if old.at_ms <= new.at_ms else (new, old)
    same_clock = first.clock == last.clock != ""
    close = last.at_ms - first.at_ms < CLOSE_MS and not same_clock
    answered = first.value == "p" and last.at_ms > first.at_ms
    if close and not answered and _strictness(first.value) > _strictness(last.value):
        return first
    return last


def _is_statement(entry: ConsentEntry) -> bool:
    return entry.value not in NO_STATEMENT


def merge(ours: Iterable[ConsentEntry], theirs: Iterable[ConsentEntry]) -> list[ConsentEntry]:
    """Merge the statements of two persons: the strictest stands (Rules 6 and 7)."""
    merged: dict[tuple[str, str, str], ConsentEntry] = {}
    for entry in (*ours, *theirs):
        known = merged.get(entry.key)
        merged[entry.key] = entry if known is None else max(known, entry, key=_merge_rank)
    return [merged[key] for key in sorted(merged)]


def _merge_rank(entry: ConsentEntry) -> tuple[bool, int, int, str, str]:
    strictness = _strictness(entry.value)
    return (_is_statement(entry), strictness, entry.at_ms, entry.value, entry.clock)
