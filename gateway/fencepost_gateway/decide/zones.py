"""
Zones: in which time zones a person may be, and where each is known from.

Pure; see ``countries`` for the data.

Rule 1. Home is the person's own choice (attribute ``zone``). Here is the newer of the device's
        zone, while it is at most ``DEVICE_ZONE_MAX_AGE_MS`` old, and the zone of the last
        consented fix (``position``), at most ``FIX_ZONE_MAX_AGE_MS`` old. Those that are known
        count.
Rule 2. Neither known: all zones of the person's country, by the prefix of the telephone number,
        else by the attribute ``country``, else by the region of the locale.
        Of zones whose clocks agree for the weeks around now one stands for all.
Rule 3. No country either: the workspace's zone, if it has one. Else unknown: never silently UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from fencepost_gateway.decide.countries import (
    countries_of_phone,
    country_of_locale,
    zones_of_country,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.spans import local_time, zone_named

MIN_MS = 60_000
DAY_MIN = 24 * 60
DAY_MS = DAY_MIN * MIN_MS
DEVICE_ZONE_MAX_AGE_MS = 30 * DAY_MS
FIX_ZONE_MAX_AGE_MS = DAY_MS
DAYS_BEFORE, DAYS_AFTER = -2, 20  # what the solver may look at, and more


class Zones(Struct, frozen=True):
    """
    The zones that count for a person and where they are known from; empty = unknown.

    ``is_known`` says that they are the person's own, home before here, not those of a country.
    """

    names: tuple[str, ...]
    source: str
    is_known: bool = False


def zones_of(person: Person, phone: str, workspace: str, now_ms: int) -> Zones:
    """
    Climb down the ladder of zones.

    Args:
        person: Own choice, device's zone, last fix's zone, country and locale are read.
        phone: The person's number in E.164, empty if none.
        workspace: The workspace's zone, empty if not set.
        now_ms: Moment of the decision.

    """
    chosen = person.attributes.get("zone")
    home = chosen if isinstance(chosen, str) and zone_named(chosen) else ""
    here, said_by = _here(person, now_ms)
    if home or here:
        names = tuple(dict.fromkeys(z for z in (home, here) if z))
        source = " and ".join(word for word in ("chosen" if home else "", said_by) if word)
        return Zones(names, source, is_known=True)
    for source, countries in _countries(person.attributes, phone, person.locale):
        names = _zones_of(tuple(countries), now_ms // DAY_MS)
        if names:
            return Zones(names, f"{source} ({', '.join(countries)})")
    if zone_named(workspace):
        return Zones((workspace,), "workspace")
    return Zones((), "unknown")


def device_zone(person: Person, now_ms: int) -> str:
    """Give the zone of the person's device; empty if it is too old, or no zone (Rule 1)."""
    is_fresh = now_ms - person.zone_at_ms <= DEVICE_ZONE_MAX_AGE_MS
    return person.zone if is_fresh and zone_named(person.zone) else ""


def _here(person: Person, now_ms: int) -> tuple[str, str]:
    """Give where the person is by now, and who says so (Rule 1)."""
    told = device_zone(person, now_ms)
    is_seen = now_ms - person.fix_zone_at_ms <= FIX_ZONE_MAX_AGE_MS
    seen = person.fix_zone if is_seen and zone_named(person.fix_zone) else ""
    if seen and seen != told and (not told or person.fix_zone_at_ms > person.zone_at_ms):
        return seen, "position"
    return told, "device" if told else ""


@lru_cache(maxsize=1024)  # by country and day: asked for with every message
def _zones_of(countries: tuple[str, ...], day: int) -> tuple[str, ...]:
    """Give the zones of some countries whose clocks differ, by name (Rule 2)."""
    found: dict[tuple[tuple[int, timedelta | None], ...], str] = {}
    for name in sorted({zone for each in countries for zone in zones_of_country(each)}):
        zone = zone_named(name)
        if zone is not None:
            found.setdefault(_clock(zone, day), name)
    return tuple(found.values())


def _clock(zone: ZoneInfo, day: int) -> tuple[tuple[int, timedelta | None], ...]:
    """Say how far a clock is from UTC over the weeks around a day, and from which minute on."""

    def offset(minute: int) -> timedelta | None:
        return local_time(minute * MIN_MS, zone).utcoffset()

    first, last = (day + DAYS_BEFORE) * DAY_MIN, (day + DAYS_AFTER) * DAY_MIN
    changes = [(first, offset(first))]
    for start in range(first, last, DAY_MIN):
        after = offset(start + DAY_MIN)
        if offset(start) != after:
            minutes = range(start, start + DAY_MIN + 1)
            has_changed = [offset(minute) == after for minute in minutes]
            changes.append((minutes[has_changed.index(True)], after))
    return tuple(changes)


def _countries(
    attributes: dict[str, Any], phone: str, locale: str
) -> Iterator[tuple[str, Iterable[str]]]:
    """Give the rungs of Rule 2, with the countries that each names."""
    stated = attributes.get("country")
    yield "phone prefix", countries_of_phone(phone)
    # Taken whole or not at all: "Korea" is no code, and no guess is made.
    yield "country", (stated.upper(),) if isinstance(stated, str) else ()
    yield "locale", (country_of_locale(locale),)
