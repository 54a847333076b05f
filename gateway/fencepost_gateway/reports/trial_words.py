"""
Trial words: what came of a trial, in lines.

Pure. Nothing of it happened, and the lines say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.decide.reasons import sentence
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.decide.words import tell

LINES: Final[dict[str, Said]] = {
    "none": Said("nothing is on trial", "시험 중인 문서가 없습니다"),
    "draft": Said(
        "Trial {number} since {at}: a draft for test persons, who are shown its messages",
        "시험 {number}, 시작 {at}: 테스트 사용자용 초안이며 메시지는 보여 주기만 합니다",
    ),
    "shadow": Said(
        "Trial {number} since {at}: a shadow beside everybody but test persons; nothing is sent",
        "시험 {number}, 시작 {at}: 테스트 사용자를 뺀 모두에 대한 섀도이며 발송하지 않습니다",
    ),
    "shortened": Said("waits last at most {span}", "대기는 최대 {span}입니다"),
    "nothing": Said("  nothing came of it yet", "  아직 결과가 없습니다"),
    "entered": Said("  entered {count} times, {persons} persons", "  참여 {count}회, {persons}명"),
    "not_entered": Said(
        "  not entered {count} times ({reason}: {why})", "  미참여 {count}회 ({reason}: {why})"
    ),
    "ended": Said("  runs ended {count} times ({reason})", "  진행 종료 {count}회 ({reason})"),
    "send": Said(
        "  would be sent {count} times by {channel}, to {persons} persons",
        "  {channel} 발송 예상 {count}회, {persons}명",
    ),
    "withheld": Said(
        "  would be withheld {count} times ({reason}: {why})",
        "  미발송 예상 {count}회 ({reason}: {why})",
    ),
    "deferred": Said(
        "  would be deferred {count} times ({reason}: {why})",
        "  연기 예상 {count}회 ({reason}: {why})",
    ),
    "shown": Said("Shown, not sent, by {channel}: {id}", "보여 주기만 함({channel}): {id}"),
    "nobody": Said("nothing came of it for {user} yet", "{user}: 아직 결과가 없습니다"),
}
ORDER: Final = ("entered", "not_entered", "ended", "send", "withheld", "deferred")
TEXTS: Final = ("title", "subject", "body", "text")


def tell_trial(trial: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say what is on trial and what came of it, campaign by campaign."""
    if not trial["mode"]:
        yield tongue.say(LINES["none"])
        return
    at = tongue.moment(trial["began_ms"])
    yield tongue.say(LINES[trial["mode"]], number=trial["number"], at=at)
    if trial["shorten_s"] is not None:
        yield tongue.say(LINES["shortened"], span=tongue.span(trial["shorten_s"] * 1_000))
    for each in trial["documents"]:
        if each["kind"] not in ("campaign", "journey"):
            continue
        yield f"{each['kind']} {each['id']} v{each['version']}"
        yield from _sums([s for s in trial["sums"] if s["campaign_id"] == each["id"]], tongue)


def _sums(sums: Sequence[Mapping[str, Any]], tongue: Tongue) -> Iterator[str]:
    known = [each for each in sums if each["outcome"] in ORDER and each["kind"] != "outcome"]
    for each in sorted(known, key=lambda s: (ORDER.index(s["outcome"]), -s["count"])):
        why = sentence(each["reason"], tongue.language) if each["reason"] else ""
        words = {name: each[name] for name in ("reason", "channel")}
        counts = {name: tongue.count(each[name]) for name in ("count", "persons")}
        yield tongue.say(LINES[each["outcome"]], why=why, **words, **counts)
    if not known:
        yield tongue.say(LINES["nothing"])


def tell_tester(found: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say what came of a trial for one test person, with what they were shown."""
    shown = {m["message_id"]: m for m in found["messages"] if m["content"]}
    for record in found["records"]:
        first, *more = tell(record["kind"], record["body"], tongue)
        message = shown.get(record["subject"])
        if message is not None and record["body"].get("state") == "sent":
            first = tongue.say(LINES["shown"], channel=message["channel"], id=message["message_id"])
            texts = [message["content"].get(name) for name in TEXTS]
            more = [f"| {text}" for text in texts if text]
        yield f"{tongue.moment(record['at_ms'])}  {first}"
        yield from (f"    {line}" for line in more)
    if not found["records"]:
        yield tongue.say(LINES["nobody"], user=found["user_id"])
