"""Addresses in the memory store: who is reached where, told when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import msgspec
from msgspec import structs

from fencepost_channels.message import ON_A_DEVICE
from fencepost_gateway.ports import (
    ADDRESSES_MAX,
    AddressChange,
    AddressMove,
    AddressSeen,
    Holdings,
)
from fencepost_gateway.stores.memory_books import AddressEntry, Books, known_as, pack

Key = tuple[str, str, str]  # person, channel, reference


def suppressed_since_ms(books: Books, channel: str, ref: str) -> int:
    """Say since when an address is on the suppression list; 0 where it is not."""
    listed = books.suppressed.get((channel, ref))
    return listed.since_ms if listed is not None else 0


def suppressed_for(books: Books, channel: str, ref: str) -> str:
    """Say why an address is on the suppression list; empty where it is not."""
    listed = books.suppressed.get((channel, ref))
    return listed.reason if listed is not None else ""


def addresses_of(books: Books, everybody: Collection[str]) -> list[tuple[Key, AddressEntry]]:
    """Give the addresses of some, those of each channel that were told last first."""
    found = [(key, entry) for key, entry in books.addresses.items() if key[0] in everybody]
    return sorted(found, key=lambda a: (a[0][1], -a[1].seen_ms, a[0][2], a[0][0]))


def change_address(books: Books, change: AddressChange | AddressMove) -> None:
    """Let an address appear, go, or move."""
    if isinstance(change, AddressMove):
        for key, entry in list(books.addresses.items()):
            if key[1] in ON_A_DEVICE and entry.device_id == change.device_id:
                del books.addresses[key]
                books.addresses[(change.person_id, *key[1:])] = entry
        return trim_addresses(books, change.person_id)
    key = (change.person_id, change.channel, change.ref)
    if change.raw is None:
        books.addresses.pop(key, None)
        return None
    for other, entry in list(books.addresses.items()):
        if change.channel in ON_A_DEVICE and other[1:] == key[1:] and other != key:
            if entry.seen_ms > change.at_ms:
                return None  # somebody else told it later
            del books.addresses[other]
    told = AddressEntry(pack(change.raw), change.at_ms, change.at_ms, change.device_id)
    old = books.addresses.get(key, told)
    seen_ms = max(old.seen_ms, told.seen_ms)
    books.addresses[key] = structs.replace(told, since_ms=old.since_ms, seen_ms=seen_ms)
    return trim_addresses(books, change.person_id)


def told_ms_of(books: Books, channel: str, ref: str) -> int | None:
    """Say when an address was told last, by anybody; None: nobody has it."""
    told = [entry.seen_ms for key, entry in books.addresses.items() if key[1:] == (channel, ref)]
    return max(told, default=None)


def trim_addresses(books: Books, person_id: str) -> None:
    """Keep the addresses of each channel that were told last."""
    kept: Counter[str] = Counter()
    mine = [(key, entry) for key, entry in books.addresses.items() if key[0] == person_id]
    for key, _ in sorted(mine, key=lambda a: (-a[1].seen_ms, -a[1].since_ms, a[0][2])):
        kept[key[1]] += 1
        if kept[key[1]] > ADDRESSES_MAX:
            del books.addresses[key]


def move_addresses(books: Books, visitor_id: str, person_id: str) -> None:
    """Let a person have a visitor's addresses; one that both have is told once."""
    for key, theirs in list(books.addresses.items()):
        if key[0] != visitor_id:
            continue
        del books.addresses[key]
        ours = books.addresses.get((person_id, *key[1:]), theirs)
        newest = theirs if theirs.seen_ms >= ours.seen_ms else ours
        since_ms = min(ours.since_ms, theirs.since_ms)
        books.addresses[(person_id, *key[1:])] = structs.replace(newest, since_ms=since_ms)
    trim_addresses(books, person_id)


def holdings_of(books: Books, person_id: str) -> Holdings:
    """Gather what is held of a person beside their row."""
    everybody = known_as(books, person_id)
    told = addresses_of(books, everybody)
    addresses = [
        AddressSeen(channel, ref, a.since_ms, a.seen_ms, suppressed_for(books, channel, ref))
        for (_, channel, ref), a in told
    ]
    slots = [s for s in books.slots.values() if s.person_id in everybody and s.state != "released"]
    return Holdings(
        visitors=tuple(sorted(everybody - {person_id})),
        addresses=tuple(addresses),
        slots=tuple(sorted(slots, key=lambda s: s.slot_id)),
        phone=next((_number(a) for key, a in told if key[1] == "sms"), ""),
    )


def _number(entry: AddressEntry) -> str:
    return str(msgspec.msgpack.decode(entry.raw).get("address", ""))
