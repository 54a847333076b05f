"""
Consent: whether a purpose is allowed on this device, and what that does to a call.

Pure. The evaluation is the truth table of consent.md section 1; the vectors of
``sdk/wire/vectors/consent`` hold gateway and SDKs to the same answers.

Rule 1. ``n`` for everything denies; ``n`` for a channel beats ``y`` for an address; ``n`` for the
        address denies the address.
Rule 2. Every purpose that ``NEEDS`` names must be allowed first.
Rule 3. The most specific entry that says something counts (address, channel, any); nothing said:
        the policy's default. ``y`` allows, ``p``, ``u``, ``dn`` deny, the others allow where the
        policy lists them.
Rule 4. App events wait (``hold``) until ``collect`` is answered; positions never wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

ANY = "any"
VALUES = frozenset({"y", "n", "p", "u", "dy", "dn", "LI", "CT", "CP", "VI", "PI"})
DENYING = frozenset({"n", "p", "u", "dn"})
CHANNELS = frozenset({"in_app", "push", "web_push", "sms", "email", "webhook"})
BY_CHANNEL = frozenset({"transactional", "marketing", "marketing_night"})
NEEDS: Mapping[str, tuple[str, ...]] = {
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
SEND, HOLD, DROP = "send", "hold", "drop"


class Policy(NamedTuple):
    """Values a workspace accepts per purpose (or ``*``), and what it presumes when silent."""

    accepts: Mapping[str, Collection[str]]
    defaults: Mapping[str, str]


# The default policy document; until the gateway's own is known the device assumes nothing more.
DEFAULT_POLICY = Policy(
    accepts={"transactional": ("y", "CT", "CP"), "collect": ("y", "CT"), "*": ("y",)},
    defaults={"transactional": "CT"},
)


class Entry(NamedTuple):
    """One statement: ``value`` for a purpose on a channel and an address."""

    purpose: str
    value: str
    channel: str = ANY
    address: str = ANY


class Ruling(NamedTuple):
    """Whether it is allowed; ``purpose``, ``value`` and ``said_for`` name the deciding entry."""

    allowed: bool
    purpose: str
    value: str
    said_for: str


def evaluate(
    entries: Iterable[Entry],
    policy: Policy,
    purpose: str,
    channel: str = ANY,
    address: str = ANY,
) -> Ruling:
    """
    Say whether ``purpose`` is allowed on ``channel`` for ``address``.

    Args:
        entries: All statements known; one an entry key.
        policy: What the workspace accepts and presumes.
        purpose: One of ``NEEDS``.
        channel: One of ``CHANNELS``, or ``any``.
        address: Reference of an address, or ``any``.

    """
    entries = tuple(entries)
    for needed in NEEDS[purpose]:
        ruling = evaluate(entries, policy, needed, channel, address)
        if not ruling.allowed:
            return ruling
    scope = channel if purpose in BY_CHANNEL else ANY
    said = {(e.channel, e.address): e.value for e in entries if e.purpose == purpose}
    levels = {ANY: (ANY, ANY), scope: (scope, ANY)}
    if address != ANY:
        levels["address"] = (scope, address)
    values = {name: said.get(level, "u") for name, level in levels.items()}
    for name, value in values.items():
        if value == "n":
            return Ruling(allowed=False, purpose=purpose, value="n", said_for=name)
    for name, value in reversed(values.items()):
        if value != "u":
            return _ruling(policy, purpose, value, name)
    return _ruling(policy, purpose, policy.defaults.get(purpose, "u"), "policy")


def _ruling(policy: Policy, purpose: str, value: str, said_for: str) -> Ruling:
    accepted = policy.accepts.get(purpose, policy.accepts.get("*", ()))
    allowed = value == "y" or (value not in DENYING and value in accepted)
    return Ruling(allowed, purpose, value, said_for)


def disposition(kind: str, entries: Iterable[Entry], policy: Policy) -> str:
    """Say what becomes of an event of type ``kind`` now: ``send``, ``hold`` or ``drop``."""
    if kind == "consent":
        return SEND
    if kind in ("fix", "check_in"):
        return SEND if evaluate(entries, policy, "location_collect").allowed else DROP
    ruling = evaluate(entries, policy, "collect")
    if ruling.allowed:
        return SEND
    return DROP if ruling.value == "n" else HOLD
