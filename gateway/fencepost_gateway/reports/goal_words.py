"""
Goal words: what came of a campaign's goal, in lines.

Pure data and its filling in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.reports.lines import paragraph

LINES: Final[dict[str, Said]] = {
    "none": Said(
        "goal: none; with goal: {{event: …, within: 14d}} in the document it is measured",
        "목표: 없음. 문서에 goal: {{event: …, within: 14d}}를 적으면 측정합니다",
    ),
    "goal": Said("goal: {event} within {span} of entering", "목표: 진입 후 {span} 이내 {event}"),
    "former": Said(" (of a former version)", " (이전 버전)"),
    "treated": Said("treated", "실험군"),
    "holdout": Said("holdout", "대조군"),
    "of": Said("{converted} of {entered}", "{entered}건 중 {converted}건"),
    "share": Said(": {share} ({low} to {high})", ": {share} ({low}~{high})"),
    "worth": Said(", worth {worth}", ", 값의 합 {worth}"),
    "lift": Said("lift {lift} points ({low} to {high})", "차이 {lift}%p ({low}~{high})"),
    "no_consent": Said(
        "beside them {count} who had consented to no message of it when they entered",
        "그 밖에 진입 당시 어떤 메시지에도 동의하지 않은 {count}건",
    ),
}
VERDICTS: Final[dict[str, Said]] = {
    "nobody": Said("nobody has entered yet", "아직 진입한 사람이 없습니다"),
    "no_holdout": Said(
        "nobody was held out, so nothing tells what the messages did: set holdout: 10%",
        "대조군이 없어 메시지의 효과를 알 수 없습니다. holdout: 10%를 설정하세요",
    ),
    "too_few": Said(
        "too few to tell: fewer than 10 in a group, the intervals are wide",
        "판단하기에 너무 적습니다. 10건 미만인 군이 있어 구간이 넓습니다",
    ),
    "unclear": Said(
        "no difference is shown: the interval has 0 in it",
        "차이가 확인되지 않았습니다. 구간에 0이 포함됩니다",
    ),
    "more": Said("the treated did it more often", "실험군이 더 자주 달성했습니다"),
    "less": Said("the treated did it LESS often", "실험군이 오히려 덜 달성했습니다"),
}


def tell_goals(results: Sequence[Mapping[str, Any]], tongue: Tongue) -> Iterator[str]:
    """Say what came of each goal."""
    if not results:
        yield from paragraph(tongue.say(LINES["none"]), "  ")
    for each in results:
        span = tongue.span(each["within_ms"])
        former = "" if each["live"] else tongue.say(LINES["former"])
        yield f"  {tongue.say(LINES['goal'], event=each['event'], span=span)}{former}"
        yield from _result(each, tongue)


def _result(result: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for name in ("treated", "holdout"):
        group = result[name]
        if group["entered"]:
            yield f"    {tongue.say(LINES[name])} {_group(group, tongue)}"
    verdict, lift = tongue.say(VERDICTS[result["verdict"]]), result["lift"]
    if lift is not None:
        low, high = (_points(each) for each in lift["interval"])
        said = tongue.say(LINES["lift"], lift=_points(lift["difference"]), low=low, high=high)
        verdict = f"{said}: {verdict}"
    yield from paragraph(verdict, "    ")
    if result["no_consent"]:
        count = tongue.count(result["no_consent"])
        yield from paragraph(tongue.say(LINES["no_consent"], count=count), "    ")


def _group(group: Mapping[str, Any], tongue: Tongue) -> str:
    converted, entered = tongue.count(group["converted"]), tongue.count(group["entered"])
    low, high = (_percent(each) for each in group["interval"])
    text = tongue.say(LINES["of"], converted=converted, entered=entered)
    text += tongue.say(LINES["share"], share=_percent(group["share"]), low=low, high=high)
    return text + (
        tongue.say(LINES["worth"], worth=f"{group['worth']:,.2f}") if group["worth"] else ""
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
