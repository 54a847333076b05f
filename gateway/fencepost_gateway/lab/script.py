"""
Script: a scenario put in time: what the person's device uploads, and when.

Pure. Reactions are left out, as nobody knows yet when there is something to react to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from fencepost_gateway.decide.spans import (
    local_time,
    moment_ms,
    parse_clock_min,
    parse_duration_ms,
    parse_moment,
    zone_named,
)
from fencepost_gateway.intake.addresses import raw_of
from fencepost_gateway.lab.device import GRANTED
from fencepost_gateway.lab.scenario import Happening, Persona, Scenario
from fencepost_gateway.lab.tracks import TrackPoint

INVENTED: Final[Mapping[str, str]] = {
    "email": "person@example.com",
    "sms": "+15550100",
    "push": "0" * 64,
    "webhook": "screen-1",
    "web_push": "https://push.example.com/somebody",
}


class Cue(Struct, frozen=True):
    """One upload: events of the wire, which happened just now; ``shown`` is for people."""

    at_ms: int
    events: tuple[dict[str, Any], ...]
    shown: dict[str, Any] = {}


def start_of(scenario: Scenario) -> int:
    """Give when a scenario begins, epoch milliseconds."""
    moment, zone = parse_moment(scenario.start), zone_named(scenario.person.zone)
    at_ms = moment_ms(moment, zone) if moment else None
    return at_ms or 0


def script_of(scenario: Scenario, points: Sequence[TrackPoint]) -> list[Cue]:
    """Give what is uploaded, in order; ``points`` are those of the track or the drawn way."""
    start_ms = start_of(scenario)
    cues = [Cue(start_ms, (*introduction(scenario.person),))]
    cues += [Cue(point.at_ms, (_fix(point),)) for point in points]
    cues += [each for each in _happenings(scenario, start_ms) if each is not None]
    return [cues[0], *sorted(cues[1:], key=lambda cue: cue.at_ms)]


def introduction(person: Persona) -> Iterator[dict[str, Any]]:
    """Give what the gateway is told of somebody first: consent, attributes, addresses."""
    granted = dict.fromkeys(GRANTED, "y")
    values = granted if person.consent == "all" else dict(person.consent)
    if values:
        yield {"type": "consent", "values": values, "method": "scenario"}
    if person.attributes:
        yield {"type": "set", "traits": person.attributes}
    addresses = INVENTED if person.addresses is None else person.addresses
    for channel, text in addresses.items():
        yield {"type": "address", "channel": channel, **raw_of(channel, text)}


def _fix(point: TrackPoint) -> dict[str, Any]:
    accuracy = {} if point.accuracy_m is None else {"accuracy_m": point.accuracy_m}
    return {"type": "fix", "lat": point.lat, "lon": point.lon, **accuracy}


def _happenings(scenario: Scenario, start_ms: int) -> Iterator[Cue | None]:
    zone = zone_named(scenario.person.zone)
    for each in scenario.events:
        if each.at is None or zone is None:
            continue
        yield Cue(_placed(each.at, start_ms, zone), (_told(each),), _shown(each))


def _told(happening: Happening) -> dict[str, Any]:
    if happening.event is not None:
        return {"type": "track", "name": happening.event, "props": happening.props}
    if happening.set is not None:
        return {"type": "set", "traits": happening.set}
    channel = {} if happening.channel is None else {"channel": happening.channel}
    return {"type": "consent", "values": happening.consent or {}, "method": "scenario", **channel}


def _shown(happening: Happening) -> dict[str, Any]:
    if happening.event is not None:
        return {"what": "event", "name": happening.event}
    if happening.set is not None:
        return {"what": "set", "name": ", ".join(happening.set)}
    said = ", ".join(f"{purpose}: {value}" for purpose, value in (happening.consent or {}).items())
    return {"what": "consent", "name": said}


def _placed(text: str, start_ms: int, zone: ZoneInfo) -> int:
    """Place a moment in time (Rule 1 of ``scenario``)."""
    if text.startswith("+"):
        return start_ms + (parse_duration_ms(text[1:]) or 0)
    clock_min = parse_clock_min(text)
    if clock_min is None:
        moment = parse_moment(text)
        return (moment_ms(moment, zone) if moment else None) or start_ms
    begin = local_time(start_ms, zone)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for day in (0, 1, 2):  # a clock that is put forward may leave a day out
        at_ms = moment_ms(midnight + timedelta(days=day, minutes=clock_min), zone)
        if at_ms is not None and at_ms >= start_ms:
            return at_ms
    return start_ms
