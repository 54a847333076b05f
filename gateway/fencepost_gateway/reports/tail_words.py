"""
Tail words: what history kept of a person, a line each, for whoever watches them live.

Pure. Decision records have words of their own (``decide.words``); this is for what was told.

Rule 1. Names, never values: of an event its name and which properties it had, of attributes which
        were set, of an address its channel. A value may be anything an app wrote into it, also an
        address or a position.
Rule 2. What stands in a decision record beside it is left to that: a transition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Happened

LINES: Final[dict[str, Said]] = {
    "event": Said("event {name}", "이벤트 {name}"),
    "with": Said(" with {names}", ", 속성 {names}"),
    "attributes": Said("attributes set: {names}", "속성 설정: {names}"),
    "consent": Said("consent: {names}", "동의: {names}"),
    "reaches": Said("an address of {channel}", "{channel} 주소 등록"),
    "gone": Said("no address of {channel} any more", "{channel} 주소 해지"),
    "reaction": Said("message {what}: {delivery}", "메시지 {what}: {delivery}"),
    "zone": Said("in the zone {zone}", "시간대 {zone}"),
    "suspicious": Said("suspicious positions: {flags}", "의심스러운 위치: {flags}"),
    "forgot": Said("forgot where the devices were", "기기 위치 기록을 지웠습니다"),
    "greeted": Said("identified", "사용자 확인"),
}
SHORT: Final = 8  # of an id, as elsewhere


def tell_happened(one: Happened, tongue: Tongue) -> Iterator[tuple[str, str]]:
    """Give the kind of what happened and its line; nothing where a record says it (Rule 2)."""
    found = _said(one)
    if found is None:
        return
    name, values = found
    line = tongue.say(LINES[name], **values)
    if isinstance(one, history.Did) and one.props:
        line += tongue.say(LINES["with"], names=_names(one.props))
    yield name, line


def _said(one: Happened) -> tuple[str, dict[str, Any]] | None:
    if isinstance(one, history.Did):
        return "event", {"name": one.name}
    if isinstance(one, history.Became):
        return "attributes", {"names": _names(one.attributes)}
    if isinstance(one, history.Said):
        return "consent", {"names": ", ".join(f"{e.purpose}={e.value}" for e in one.entries)}
    if isinstance(one, history.Reaches):
        return "gone" if one.is_gone else "reaches", {"channel": one.channel}
    if isinstance(one, history.Reacted):
        return "reaction", {"what": one.what, "delivery": one.delivery_id[:SHORT]}
    if isinstance(one, history.Zoned):
        return "zone", {"zone": one.zone}
    if isinstance(one, history.Suspected):
        return "suspicious", {"flags": ", ".join(one.flags)}
    if isinstance(one, history.Forgot):
        return "forgot", {}
    if isinstance(one, history.Greeted):
        return ("greeted", {}) if one.links else None
    return None


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(sorted(values))
