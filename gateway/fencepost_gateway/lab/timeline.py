"""
Timeline: what came of a simulation, for people and for programs.

Pure. Records are said by ``decide.words``; what the person did has words of its own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.decide.words import tell
from fencepost_gateway.lab.device import GRANTED
from fencepost_gateway.lab.expect import brief
from fencepost_gateway.lab.simulate import Simulated, Told

ACTS: Final[dict[str, Said]] = {
    "event": Said("Does: {name}", "행동: {name}"),
    "set": Said("Is known anew by: {name}", "속성 변경: {name}"),
    "consent": Said("States consent: {name}", "동의 표시: {name}"),
    "displayed": Said("Sees {name}", "메시지를 봄: {name}"),
    "clicked": Said("Clicks {name}", "메시지를 누름: {name}"),
    "dismissed": Said("Dismisses {name}", "메시지를 닫음: {name}"),
}
SUMS: Final[dict[str, Said]] = {
    "transition": Said("transitions", "출입"),
    "entered": Said("entered", "참여"),
    "send": Said("would be sent", "발송 예상"),
    "withheld": Said("would be withheld", "미발송 예상"),
    "deferred": Said("deferred", "연기"),
}
PHRASES: Final[dict[str, Said]] = {
    "granted": Said("consent granted for this simulation", "이 시뮬레이션에서 허용한 동의"),
    "stated": Said("consent as the scenario states it", "시나리오에 적힌 동의"),
    "predicted": Said(
        "Claims are predicted: the provider accepts whatever may go. Nothing was sent.",
        "판정은 예측입니다. 발송할 수 있는 메시지는 모두 전달된다고 가정하며, "
        "실제로 보낸 것은 없습니다.",
    ),
    "missed": Said("never came about, as no such message went", "해당 메시지가 없어 일어나지 않음"),
    "nothing": Said("nothing happened", "아무 일도 없었습니다"),
}


def tongue_of(simulated: Simulated, language: str) -> Tongue:
    """Say things in a language, on the person's clock."""
    return Tongue("ko" if language == "ko" else "en", simulated.scenario.person.zone)


def said(told: Told, tongue: Tongue) -> list[str]:
    """Say one entry; the first line is the summary."""
    if told.kind == "act":
        return [tongue.say(ACTS[told.body["what"]], name=told.body["name"])]
    return tell(told.kind, told.body, tongue)


def clock(at_ms: int, tongue: Tongue) -> str:
    """Write a moment on the person's clock."""
    zone = zone_named(tongue.zone)
    return f"{local_time(at_ms, zone):%Y-%m-%d %H:%M:%S}" if zone else tongue.moment(at_ms)


def sums(simulated: Simulated) -> dict[str, int]:
    """Count what came of it."""
    found = dict.fromkeys(SUMS, 0)
    for told in simulated.timeline:
        name = "transition" if told.kind == "transition" else str(told.body.get("outcome", ""))
        if told.kind in {"transition", "step", "claim"} and name in found:
            found[name] += 1
    return found


def text_lines(simulated: Simulated, tongue: Tongue) -> Iterator[str]:
    """Say the whole timeline in lines."""
    yield f"{simulated.scenario.person.user_id}, {tongue.moment(simulated.start_ms)}"
    yield consent_line(simulated, tongue)
    for told in simulated.timeline:
        first, *more = said(told, tongue)
        yield f"{clock(told.at_ms, tongue)}  {first}"
        yield from (f"    {line}" for line in more)
    for name in simulated.missed:
        yield f"!  {name}: {tongue.say(PHRASES['missed'])}"
    counted = [f"{n} {tongue.say(SUMS[name])}" for name, n in sums(simulated).items() if n]
    yield ", ".join(counted) or tongue.say(PHRASES["nothing"])
    yield tongue.say(PHRASES["predicted"])


def consent_line(simulated: Simulated, tongue: Tongue) -> str:
    """Say which consent holds."""
    consent = simulated.scenario.person.consent
    if consent == "all":
        return f"{tongue.say(PHRASES['granted'])}: {', '.join(GRANTED)}"
    values = ", ".join(f"{name}={value}" for name, value in consent.items())
    return f"{tongue.say(PHRASES['stated'])}: {values}"


def plain(simulated: Simulated) -> dict[str, Any]:
    """Give the whole of it for programs."""
    return {
        "scenario": simulated.scenario.id,
        "start_ms": simulated.start_ms,
        "end_ms": simulated.end_ms,
        "timeline": [_plain(told) for told in simulated.timeline],
        "missed": simulated.missed,
        "sums": sums(simulated),
    }


def _plain(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = {"at_ms": told.at_ms, "kind": told.kind, "subject": told.subject}
    found |= {"brief": brief(told.kind, told.body), "body": told.body}
    found |= {"predicted": True} if told.is_predicted else {}
    found |= {"content": msgspec.to_builtins(told.content)} if told.content else {}
    return found
