"""
Stuck words: where people get stuck, in English and in Korean.

Pure data and its filling in. Steps that are fine are not spoken of; of messages every one that was
sent, or that links somewhere nobody gets to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.reports.lines import paragraph, percent

SAYS: Final[dict[str, Said]] = {
    "left": Said(
        "STUCK at {step}: {left} of {came} who came left there ({share})",
        "{step} 단계 정체: {came}명 중 {left}명이 여기서 이탈함 ({share})",
    ),
    "overdue": Said(
        "STUCK at {step}: {overdue} overdue, the gateway is behind",
        "{step} 단계 정체: {overdue}명의 처리가 지연됨, 게이트웨이가 밀려 있음",
    ),
    "long": Said(
        "STUCK at {step}: people wait longer ({waits}) than 19 of 20 did who left it ({usual})",
        "{step} 단계 정체: 떠난 사람 20명 중 19명({usual})보다 오래 기다리는 중 ({waits})",
    ),
    "message": Said(
        "message {step}: {sent} sent, {delivered} delivered, {opened} opened, {clicked} clicked, "
        "{went_on} went on after it",
        "{step} 메시지: 발송 {sent}, 전달 {delivered}, 열람 {opened}, 클릭 {clicked}, "
        "클릭 후 진행 {went_on}",
    ),
    "campaign": Said(
        "{sent} sent, {delivered} delivered, {opened} opened, {clicked} clicked",
        "발송 {sent}, 전달 {delivered}, 열람 {opened}, 클릭 {clicked}",
    ),
    "broken": Said("BROKEN LINK {url} answers {status} since {since}",
                   "끊어진 링크 {url}: {since}부터 {status} 응답"),
    "unreachable": Said("BROKEN LINK {url} cannot be reached ({failure}) since {since}",
                        "끊어진 링크 {url}: {since}부터 접속 불가 ({failure})"),
    "made": Said("{count} more that Liquid makes: not asked",
                 "Liquid로 만드는 링크 {count}개는 확인하지 않음"),
    "unasked": Said("links not asked yet, or not on the public internet: {count}",
                    "아직 확인하지 않았거나 공개 인터넷에 없는 링크: {count}개"),
    "off": Said("links are not asked: check_links is off", "링크 확인 안 함: check_links 꺼짐"),
}  # fmt: skip


def tell_stuck(answer: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say where people get stuck, by step and by message."""
    stuck = answer["stuck"]
    for row in stuck["steps"]:
        yield from _step(row, tongue)
    for row in stuck["messages"]:
        if row["sent"] or row["broken_links"]:
            yield from _message(row, tongue)
    if not stuck["links_asked"]:
        yield f"  {tongue.say(SAYS['off'])}"


def _step(row: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    more = {
        **row,
        "step": f"v{row['version']} {row['step']}",
        "share": percent(row["left_share"]),
        "waits": tongue.span(row["waits_p95_ms"] or 0),
        "usual": tongue.span(row["usual_p95_ms"] or 0),
    }
    for why in row["why"]:
        yield from paragraph(tongue.say(SAYS[why], **more), "  ")


def _message(row: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    named = {**row, "step": f"v{row['version']} {row['step']}"}
    yield from paragraph(tongue.say(SAYS["message" if row["step"] else "campaign"], **named), "  ")
    for link in row["broken_links"]:
        said = SAYS["unreachable" if link["failure"] else "broken"]
        yield f"      {tongue.say(said, **link)}"
    unasked = row["links"] - row["links_asked"]
    for name, count in (("made", row["links_made"]), ("unasked", unasked)):
        if count:
            yield f"      {tongue.say(SAYS[name], count=count)}"
