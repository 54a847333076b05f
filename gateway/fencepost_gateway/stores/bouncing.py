"""
Bouncing: what a store does to an address when a call to it ends, or is told of later.

Pure but for the ``Ledger``, as ``refusing`` is. The rules are those of ``decide.bounces``.
"""

from __future__ import annotations

from msgspec import structs

from fencepost_gateway.decide import bounces
from fencepost_gateway.decide.message import AddressRow, ListedAddress, Message
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.stores import refusing, rows
from fencepost_gateway.stores.refusing import Ledger

EMAIL = "email"


def settled(
    ledger: Ledger, message: Message, at: tuple[str, str], settlement: Settlement, now_ms: int
) -> None:
    """Let the end of a call to ``at`` (channel, reference) count for the address."""
    if settlement.address == "suppress":
        refusing.take(ledger, rows.opted_out(message, *at, settlement, now_ms), now_ms)
    elif settlement.address == "remove" and at[0] in bounces.LISTED_CHANNELS:
        _list(ledger, at, bounces.HARD, now_ms)
    elif settlement.state == "failed":
        _count(ledger, at, now_ms)


def told(ledger: Ledger, at: tuple[str, str], what: Word, now_ms: int) -> None:
    """Let what was told of a call to ``at`` count for the address."""
    if what == "bounced_soft":
        _count(ledger, at, now_ms)
    elif what in bounces.ALIVE:
        listed = ledger.listed(*at)
        if listed is not None and listed.reason == bounces.SOFT:
            ledger.put_listed(*at, None)


def probed(ledger: Ledger, address: AddressRow | None, now_ms: int) -> None:
    """Let the next probe of a listed address wait for what comes of this one."""
    if address is None or address.suppressed != bounces.SOFT:
        return
    listed = ledger.listed(address.channel, address.ref)
    if listed is not None:
        since_ms = bounces.listed_after_probe_ms(now_ms)
        ledger.put_listed(address.channel, address.ref, structs.replace(listed, since_ms=since_ms))


def _count(ledger: Ledger, at: tuple[str, str], now_ms: int) -> None:
    if at[0] != EMAIL:
        return
    if bounces.comes_back(ledger.calls_to(*at, bounces.CALLS_MAX), now_ms):
        _list(ledger, at, bounces.SOFT, now_ms)


def _list(ledger: Ledger, at: tuple[str, str], reason: str, now_ms: int) -> None:
    """Put an address on the list; only a soft bounce gives way to what is said of it now."""
    listed = ledger.listed(*at)
    if listed is None or listed.reason == bounces.SOFT:
        ledger.put_listed(*at, ListedAddress(*at, reason, now_ms, "bounce"))
