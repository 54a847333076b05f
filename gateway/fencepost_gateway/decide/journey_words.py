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
    "case": Said(", branch {way}, the first that was true", ", 처음으로 참인 {way}번째 분기"),
    "otherwise": Said(", as no branch was true", ", 참인 분기 없음"),
    "what": Said(" ({what})", " ({what})"),
    "wants": Said(" wants {count}", ", 메시지 {count}건 요청"),
    "to": Said(", on to {to}", ", 다음 단계 {to}"),
    "over": Said(", its last step", ", 마지막 단계"),
    "ended": Said(
        "{journey}: the run ended at {step}: {why}", "{journey}: {step} 단계에서 종료: {why}"
    ),
}
CALLS: Final[dict[str, Said]] = {
    "answered": Said(" ({source}, {age} old)", " ({source}, {age} 지남)"),
    "recorded": Said(
        " ({source}, as another call was answered {at})", " ({source}, {at}의 다른 호출 응답)"
    ),
    "told": Said(" ({source} answered)", " ({source} 응답함)"),
    "failed": Said(" ({source}: {why})", " ({source}: {why})"),
    "done": Said(
        "{journey}: webhook of step {step} taken by {source}, attempt {attempt}",
        "{journey}: {step} 단계의 웹훅을 {source}에 전달함, {attempt}번째 시도",
    ),
    "dead": Said(
        "{journey}: webhook of step {step} to {source} given up after attempt {attempt}: {why}",
        "{journey}: {step} 단계의 {source} 웹훅을 {attempt}번째 시도 후 포기함: {why}",
    ),
}
FAILED: Final[dict[str, Said]] = {
    "bad_status": Said("it answered with a refusal", "거부 응답"),
    "breaker": Said("its host fails, and is spared for a while", "호스트 장애로 잠시 호출 중단"),
    "empty": Said("the answer was empty", "빈 응답"),
    "missing": Said("its address needs a value that is missing", "주소에 필요한 값이 없음"),
    "no_answer": Said("no answer came", "응답 없음"),
    "no_connection": Said("no connection", "연결할 수 없음"),
    "no_secret": Said("the operator has not set its secret", "운영자가 비밀 값을 설정하지 않음"),
    "no_source": Said("there is no such source", "해당 소스가 없음"),
    "not_json": Said("the answer was no JSON", "응답이 JSON이 아님"),
    "not_recorded": Said("no answer is on record", "기록된 응답이 없음"),
    "on_trial": Said("nobody is asked on trial", "시험 중에는 외부에 묻지 않음"),
    "private_host": Said("its host is not public", "공개 호스트가 아님"),
    "redirect": Said("it answered with a redirect", "리디렉션 응답"),
    "timeout": Said("it took too long", "시간 초과"),
    "too_deep": Said("the answer was nested too deep", "응답의 중첩이 너무 깊음"),
    "too_large": Said("the answer was too large", "응답이 너무 큼"),
    "unavailable": Said("it is not available", "사용할 수 없음"),
}


def tell_call(body: Mapping[str, Any], tongue: Tongue) -> str:
    """Say the record of a webhook."""
    failure = body.get("failure", "")
    return tongue.say(
        CALLS["dead" if failure else "done"],
        journey=body["campaign_id"],
        step=body["step_id"],
        source=body["source_id"],
        attempt=body["attempt"],
        why=_why(failure, tongue) if failure else "",
    )


def _why(failure: str, tongue: Tongue) -> str:
    return tongue.say(FAILED[failure]) if failure in FAILED else failure


def _of_call(inputs: Mapping[str, Any], tongue: Tongue) -> str:
    """Say what came of a look-up or a webhook."""
    source = inputs.get("source") or inputs.get("table")
    if inputs.get("failure"):
        return tongue.say(CALLS["failed"], source=source, why=_why(inputs["failure"], tongue))
    if inputs.get("recorded_ms") is not None:
        at = tongue.moment(inputs["recorded_ms"])
        return tongue.say(CALLS["recorded"], source=source, at=at)
    if inputs.get("age_s") is not None:
        age = tongue.span(inputs["age_s"] * 1_000)
        return tongue.say(CALLS["answered"], source=source, age=age)
    return tongue.say(CALLS["told"], source=source) if inputs.get("status") else ""


_ENDED_BY: Final = ("event", "what", "to")  # the goal, an exit criterion, a jump


def tell_step(body: Mapping[str, Any], tongue: Tongue) -> str:
    """Say a record of a step of a journey."""
    values = {
        "journey": f"{body['campaign_id']} v{body['campaign_version']}",
        "step": body["step_id"],
    }
    outcome, inputs = body["outcome"], body.get("inputs", {})
    if outcome == "ended":
        reason = body["reason"]
        why = tongue.say(ENDS[reason]) if reason in ENDS else reason
        what = next((str(inputs[name]) for name in _ENDED_BY if inputs.get(name)), "")
        why += tongue.say(STEPS["what"], what=what) if what else ""
        return tongue.say(STEPS["ended"], why=why, **values)
    line = tongue.say(STEPS[outcome], **values)
    if body.get("way"):
        is_branch = any("case" in operand for operand in inputs.get("operands", ()))
        taken = "otherwise" if body["way"] == "otherwise" else "case"
        line += tongue.say(STEPS[taken if is_branch else "way"], way=body["way"])
    line += _of_call(body.get("inputs", {}), tongue)
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
