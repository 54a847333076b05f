"""
Person words: what is known of somebody, in lines.

Pure. Of addresses only the channel and when they were told is said, never what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.decide.phrases import MESSAGE_STATES
from fencepost_gateway.decide.summary import DAY_MS
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.decide.words import tell_law, told_level, told_window

LINES: Final[dict[str, Said]] = {
    "who": Said("{user} (person {person})", "{user} (개인 {person})"),
    "anonymous": Said("a visitor nobody knows", "알려지지 않은 방문자"),
    "visitors": Said(
        "visitors who turned out to be this person: {count}",
        "합쳐진 방문자: {count}명",
    ),
    "attributes": Said("Attributes", "속성"),
    "devices": Said("Devices", "기기"),
    "events": Said("Events", "이벤트"),
    "traits": Said("Traits", "특성"),
    "audiences": Said("Audiences", "오디언스"),
    "inside": Said("Inside now", "현재 위치한 펜스"),
    "campaigns": Said("Campaigns", "캠페인"),
    "arm": Said("{experiment}: arm {arm}", "{experiment}: {arm}군"),
    "consent": Said("Consent", "동의"),
    "channels": Said("Reachable by", "연락 가능한 채널"),
    "caps": Said("Caps", "발송 횟수 제한"),
    "timeline": Said("Newest decisions", "최근 결정"),
    "none": Said("none", "없음"),
    "attribute": Said("{name}: {value}", "{name}: {value}"),
    "device": Said(
        "{device}, first heard of {first}, last {last}", "{device}, 첫 수신 {first}, 마지막 {last}"
    ),
    "event": Said(
        "{name}: {count}, first {first}, last {last}",
        "{name}: {count}회, 처음 {first}, 마지막 {last}",
    ),
    "worth": Said(", worth {value} together", ", 값의 합 {value}"),
    "days": Said("; by day since {at}", "; 일별 집계는 {at}부터"),
    "stay": Said("{fence} since {at}", "{fence}, {at}부터"),
    "member": Said("{audience} since {at}", "{audience}, {at}부터"),
    "runs": Said("{campaign}: running since {at}", "{campaign}: {at}부터 진행 중"),
    "ended": Said(
        "{campaign}: entered {at}, ended {ended} ({outcome})",
        "{campaign}: {at}에 참여, {ended}에 종료 ({outcome})",
    ),
    "stated": Said("{purpose} = {value} for {level}, {at}", "{purpose} = {value} ({level}), {at}"),
    "allowed": Said("allowed now: {which}", "현재 허용: {which}"),
    "address": Said(
        "{channel} since {since}, told last {last}", "{channel}, {since}부터, 마지막 확인 {last}"
    ),
    "suppressed": Said("; suppressed ({why})", "; 발송 금지 ({why})"),
    "cap": Said(
        "{rule}: {used} of {limit} used, {window}", "{rule}: {limit}회 중 {used}회 사용, {window}"
    ),
}


def tell_person(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say a view of ``GET /v1/persons`` in lines."""
    user = view["user_id"] or tongue.say(LINES["anonymous"])
    yield tongue.say(LINES["who"], user=user, person=view["person_id"])
    if view["visitors"]:
        yield tongue.say(LINES["visitors"], count=tongue.count(len(view["visitors"])))
    for name, teller in _SECTIONS.items():
        yield tongue.say(LINES[name]) + ":"
        lines = list(teller(view, tongue))
        yield from (f"  {line}" for line in lines or [tongue.say(LINES["none"])])
    yield tongue.say(LINES["timeline"]) + ":"
    yield from _timeline(view["timeline"], tongue)


def _attributes(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for name, value in sorted(view["attributes"].items()):
        yield tongue.say(LINES["attribute"], name=name, value=str(value))


def _devices(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["devices"]:
        first, last = tongue.moment(one["first_ms"]), tongue.moment(one["last_ms"])
        yield tongue.say(LINES["device"], device=one["device_id"], first=first, last=last)


def _events(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["events"]:
        first, last = tongue.moment(one["first_ms"]), tongue.moment(one["last_ms"])
        count = tongue.count(one["count"])
        if tongue.language == "en":
            count += " time" if one["count"] == 1 else " times"
        line = tongue.say(LINES["event"], name=one["name"], count=count, first=first, last=last)
        if one["value"]:
            line += tongue.say(LINES["worth"], value=tongue.count(round(one["value"], 2)))
        if one["since_day"]:
            line += tongue.say(LINES["days"], at=tongue.moment(one["since_day"] * DAY_MS))
        yield line


def _inside(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["inside"]:
        yield tongue.say(LINES["stay"], fence=one["name"], at=tongue.moment(one["since_ms"]))


def _campaigns(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["runs"]:
        at, campaign = tongue.moment(one["entered_ms"]), one["campaign_id"]
        if one["ended_ms"] is None:
            yield tongue.say(LINES["runs"], campaign=campaign, at=at)
            continue
        ended = tongue.moment(one["ended_ms"])
        code = one["outcome"]
        outcome = tongue.say(MESSAGE_STATES[code]) if code in MESSAGE_STATES else code
        yield tongue.say(LINES["ended"], campaign=campaign, at=at, ended=ended, outcome=outcome)


def _audiences(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["audiences"]:
        yield tongue.say(
            LINES["member"], audience=one["audience_id"], at=tongue.moment(one["since_ms"])
        )
    for experiment, arm in view["arms"].items():
        yield tongue.say(LINES["arm"], experiment=experiment, arm=arm)


def _traits(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for name, value in view["traits"].items():
        yield tongue.say(LINES["attribute"], name=name, value=str(value))


def _consent(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["consent"]:
        level = told_level("address" if one["address"] != "any" else one["channel"], tongue)
        said = {name: one[name] for name in ("purpose", "value")}
        yield tongue.say(LINES["stated"], level=level, at=tongue.moment(one["at_ms"]), **said)
    which = ", ".join(_with_channels(view, each) for each in view["allowed"])
    yield tongue.say(LINES["allowed"], which=which or tongue.say(LINES["none"]))
    law = "; ".join(tell_law(view["law"], tongue))
    if law:
        yield law


def _with_channels(view: Mapping[str, Any], purpose: str) -> str:
    channels = view["allowed_on"].get(purpose)
    return f"{purpose} ({', '.join(channels)})" if channels else purpose


def _channels(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["channels"]:
        since, last = tongue.moment(one["since_ms"]), tongue.moment(one["seen_ms"])
        line = tongue.say(LINES["address"], channel=one["channel"], since=since, last=last)
        why = one["suppressed"]
        yield line + (tongue.say(LINES["suppressed"], why=why) if why else "")


def _caps(view: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for one in view["caps"]:
        counts = {name: tongue.count(one[name]) for name in ("used", "limit")}
        window = told_window(one["window"], tongue)
        yield tongue.say(LINES["cap"], rule=one["rule"], window=window, **counts)


def _timeline(rows: Sequence[Mapping[str, Any]], tongue: Tongue) -> Iterable[str]:
    for row in rows:
        first, *rest = row["words"]
        yield f"  {tongue.moment(row['at_ms'])}  {first}  [{row['subject']}]"
        yield from (f"      {line}" for line in rest)


_SECTIONS: Final = {
    "attributes": _attributes,
    "devices": _devices,
    "events": _events,
    "traits": _traits,
    "audiences": _audiences,
    "inside": _inside,
    "campaigns": _campaigns,
    "consent": _consent,
    "channels": _channels,
    "caps": _caps,
}
