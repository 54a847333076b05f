"""
History words: what happened to a person, as lines of a timeline.

Pure. It is told that something happened, when, and which; values stay where they are.

Rule 1. Of an app event and of attributes the names alone are told, and those of properties; of an
        address its channel; of a transition the fence. What is told holds no coordinate.
Rule 2. What the gateway decided is told between, in the words of its own records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fencepost_gateway.decide.phrases import FLAGS, KINDS, STATES
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Happened

LINES: Final[dict[str, Said]] = {
    "did": Said("did {name}", "{name} 이벤트"),
    "did_with": Said("did {name} (with {names})", "{name} 이벤트 (속성: {names})"),
    "became": Said("attributes set: {names}", "속성 설정: {names}"),
    "said": Said("consent stated: {names}", "동의 표시: {names}"),
    "reaches": Said("reachable by {channel}", "{channel:으로/로} 연락 가능"),
    "unreached": Said("no longer reachable by {channel}", "{channel:으로/로} 더 이상 연락 불가"),
    "reacted": Said("message: {what}", "메시지: {what}"),
    "called": Said("a call asked {campaign} to start", "호출로 {campaign} 시작 요청"),
    "heard": Said("{source} answered a journey's call", "{source}에서 응답을 받았습니다"),
    "greeted": Said("came as {who}", "{who:으로/로} 접속"),
    "linked": Said("a visitor turned out to be {who}", "방문자가 {who:으로/로} 확인됨"),
    "a_visitor": Said("a visitor", "방문자"),
    "zoned": Said("in the zone {zone}", "시간대 {zone}"),
    "suspected": Said("suspicious positions: {flags}", "의심스러운 위치: {flags}"),
    "forgot": Said("where they were is forgotten", "위치 기록 삭제"),
    "stood": Said("history goes on; they were known before", "이전부터 알려진 사람"),
    "head": Said("{user} (person {person})", "{user} (개인 {person})"),
    "nothing": Said("nothing is recorded yet", "아직 기록이 없습니다"),
}


def what(one: Happened) -> str:
    """Name a kind of happening."""
    return str(one.__struct_config__.tag)


def tell_happening(  # noqa: C901 - one case a kind of happening
    one: Happened, fences: Mapping[str, str], tongue: Tongue
) -> str:
    """Say something that happened; ``fences`` holds the names of fences."""
    if isinstance(one, history.Did):
        names = ", ".join(sorted(one.props))
        return tongue.say(LINES["did_with" if names else "did"], name=one.name, names=names)
    if isinstance(one, history.Became):
        return tongue.say(LINES["became"], names=", ".join(sorted(one.attributes)))
    if isinstance(one, history.Said):
        names = ", ".join(f"{each.purpose} = {each.value}" for each in one.entries)
        return tongue.say(LINES["said"], names=names)
    if isinstance(one, history.Crossed):
        return tongue.say(KINDS[one.kind], fence=fences.get(one.fence_id) or one.fence_id)
    if isinstance(one, history.Reaches):
        return tongue.say(LINES["unreached" if one.is_gone else "reaches"], channel=one.channel)
    if isinstance(one, history.Reacted):
        known = STATES.get(one.what)
        return tongue.say(LINES["reacted"], what=tongue.say(known) if known else one.what)
    if isinstance(one, history.Called):
        return tongue.say(LINES["called"], campaign=one.campaign_id)
    if isinstance(one, history.Heard):
        return tongue.say(LINES["heard"], source=one.reply.source_id)
    if isinstance(one, history.Greeted):
        who = one.user_id or tongue.say(LINES["a_visitor"])
        return tongue.say(LINES["linked" if one.links else "greeted"], who=who)
    if isinstance(one, history.Zoned):
        return tongue.say(LINES["zoned"], zone=one.zone)
    if isinstance(one, history.Suspected):
        flags = ", ".join(tongue.say(FLAGS[f]) if f in FLAGS else f for f in one.flags)
        return tongue.say(LINES["suspected"], flags=flags)
    return tongue.say(LINES["forgot" if isinstance(one, history.Forgot) else "stood"])


def happened_ms(one: Happened, at_ms: int) -> int:
    """Give when it happened; its row's moment where it says nothing else."""
    found: Any = getattr(one, "at_ms", at_ms)
    return int(found)
