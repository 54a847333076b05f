"""
Journey words: the records of a run's steps, in a sentence each.

Pure data and its filling in. ``words`` asks this for every step record that names a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fencepost_gateway.decide.tongue import Said, Tongue

ENDS: Final[dict[str, Said]] = {
    "completed": Said("its steps are done", "모든 단계를 마쳤습니다"),
    "goal_reached": Said("the goal was reached", "목표를 달성했습니다"),
    "exited": Said("an exit criterion was met", "종료 조건에 해당했습니다"),
    "expired": Said("its lifetime was over", "최대 기간이 지났습니다"),
    "stopped": Said("the journey was stopped", "여정이 중지되었습니다"),
    "discarded": Said(
        "the journey was paused and its runs discarded", "여정을 일시 중지하며 참여를 종료했습니다"
    ),
    "no_branch": Said("no branch was meant for them", "해당하는 분기가 없었습니다"),
    "version_gone": Said(
        "its version of the journey is not there any more", "여정의 해당 버전이 더 이상 없습니다"
    ),
    "loop": Said("it went in circles without a wait", "기다림 없이 같은 단계를 맴돌았습니다"),
    "jumped": Said("it jumped to another journey", "다른 여정으로 이동했습니다"),
    "merged": Said("an older run of theirs stays", "먼저 시작한 참여만 유지됩니다"),
}
STEPS: Final[dict[str, Said]] = {
    "waits": Said("{journey}: waits at {step}", "{journey}: {step} 단계에서 대기"),
    "until": Said(" until {at}", ", {at}까지"),
    "took": Said("{journey}: step {step}", "{journey}: {step} 단계"),
    "way": Said(" by the way {way}", ", {way} 경로"),
    "wants": Said(" wants {count}", ", 메시지 {count}건 요청"),
    "to": Said(", on to {to}", ", 다음 단계 {to}"),
    "over": Said(", its last step", ", 마지막 단계"),
    "ended": Said(
        "{journey}: the run ended at {step}: {why}", "{journey}: {step} 단계에서 종료: {why}"
    ),
}


def tell_step(body: Mapping[str, Any], tongue: Tongue) -> str:
    """Say a record of a step of a journey."""
    values = {
        "journey": f"{body['campaign_id']} v{body['campaign_version']}",
        "step": body["step_id"],
    }
    outcome = body["outcome"]
    if outcome == "ended":
        reason = body["reason"]
        why = tongue.say(ENDS[reason]) if reason in ENDS else reason
        return tongue.say(STEPS["ended"], why=why, **values)
    line = tongue.say(STEPS[outcome], **values)
    if body.get("way"):
        line += tongue.say(STEPS["way"], way=body["way"])
    if body.get("message_ids"):
        count = tongue.count(len(body["message_ids"]))
        if tongue.language == "en":
            count += " message" if len(body["message_ids"]) == 1 else " messages"
        line += tongue.say(STEPS["wants"], count=count)
    if outcome == "waits":
        due_ms = body.get("due_ms")
        return line + (tongue.say(STEPS["until"], at=tongue.moment(due_ms)) if due_ms else "")
    if body["to"] == "end":
        return line + tongue.say(STEPS["over"])
    return line + tongue.say(STEPS["to"], to=body["to"])
