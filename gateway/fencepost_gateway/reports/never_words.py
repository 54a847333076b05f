"""
Never words: why somebody was never considered for a campaign or journey, in sentences; one table.

Pure data. Members named ``…_ms`` are moments and are told on the reader's clock, ``…_s`` lengths
of time; the rest is said as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fencepost_gateway.decide.phrases import KIND_NAMES
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.reports.unheard_words import tell_counts

NEVER: dict[str, Said] = {
    # nobody, or no campaign
    "never_heard": Said(
        "Nothing was ever heard of this person: no device has sent anything under this id.",
        "이 사람에 대해 수신된 것이 전혀 없습니다. 이 아이디로 데이터를 보낸 기기가 없습니다.",
    ),
    "not_published_yet": Said(
        "{campaign} was not published yet; its first version went live at {applied_ms}.",
        "{campaign} 캠페인은 아직 게시되지 않았습니다. 첫 버전은 {applied_ms}에 게시되었습니다.",
    ),
    "archived": Said(
        "{campaign} was archived at {applied_ms}.",
        "{campaign} 캠페인은 {applied_ms}에 보관되었습니다.",
    ),
    "before_run": Said(
        "{campaign} was published but not running: it begins at {from_ms}.",
        "{campaign} 캠페인은 게시되었으나 운영 기간 전이었습니다. {from_ms}에 시작합니다.",
    ),
    "after_run": Said(
        "{campaign} was published but not running any more: it ended at {until_ms}.",
        "{campaign} 캠페인은 게시되었으나 운영 기간이 {until_ms}에 끝났습니다.",
    ),
    # an audience
    "audience_gone": Said(
        "There is no audience {audience} any more.", "{audience} 오디언스가 더는 없습니다."
    ),
    "audience_not_in": Said(
        "The person does not belong to the audience {audience}. What stands against it: {why}.",
        "해당하지 않는 조건({why})이 있어 {audience} 오디언스에 속하지 않습니다.",
    ),
    "audience_never_left": Said(
        "The person does not belong to the audience {audience}, and did not leave it in this time.",
        "{audience} 오디언스에 속하지 않으며, 이 기간에 나간 적도 없습니다.",
    ),
    "audience_emptied": Said(
        "The person was taken out of the audience {audience} at {since_ms} because its definition "
        "was changed; that is no leaving and starts nothing.",
        "{since_ms}에 {audience} 오디언스의 정의가 바뀌어 제외되었습니다. 이는 스스로 나간 것이 "
        "아니므로 아무 캠페인도 시작하지 않습니다.",
    ),
    "audience_still_in": Said(
        "The person has not left the audience {audience}: they belong to it since {since_ms}.",
        "{audience} 오디언스에서 나가지 않았습니다. {since_ms}부터 속해 있습니다.",
    ),
    "audience_before": Said(
        "The person belongs to the audience {audience} since {since_ms}, before this time; who "
        "belongs already does not join.",
        "{audience} 오디언스에 이 기간 전인 {since_ms}부터 속해 있으므로 새로 들어온 것이 "
        "아닙니다.",
    ),
    "audience_after": Said(
        "The person joined the audience {audience} only at {since_ms}.",
        "{audience} 오디언스에 {since_ms}에야 들어왔습니다.",
    ),
    "audience_filled": Said(
        "The person was counted into the audience {audience} at {since_ms} because its definition "
        "was published or changed; that is no joining and starts nothing.",
        "{since_ms}에 {audience} 오디언스의 정의가 게시되거나 바뀌어 포함되었습니다. 이는 새로 "
        "들어온 것이 아니므로 아무 캠페인도 시작하지 않습니다.",
    ),
    # what many are told, and calls
    "many_none": Said(
        "{told} did not come in this time.",
        "이 기간에 {told:이/가} 없었습니다.",
    ),
    "many_unsure": Said(
        "Whether {told} came in this time is not known: more of it was told since than is looked "
        "at, or it is no longer kept.",
        "이 기간에 {told:이/가} 있었는지는 알 수 없습니다. 그 뒤의 기록이 한 번에 살펴볼 수 있는 "
        "양보다 많거나 보관 기간이 지났습니다.",
    ),
    "many_not_live_then": Said(
        "{told} came at {at_ms}, when {campaign} was not live with this entry.",
        "{at_ms}에 {told:이/가} 있었지만, 그때 {campaign:은/는} 이 조건으로 게시되어 있지 "
        "않았습니다.",
    ),
    "many_where": Said(
        "{told} came at {at_ms}, but not as {campaign} wants it. What stands against it: {why}.",
        "{at_ms}에 {told:이/가} 있었지만 {campaign:이/가} 기다리는 내용이 아니었습니다. 해당하지 "
        "않는 조건은 {why}입니다.",
    ),
    "many_not_in": Said(
        "{told} came at {at_ms} and concerns who belongs to the audience {audience}; the person "
        "does not. What stands against it: {why}.",
        "{at_ms}에 {told:이/가} 있었고 {audience} 오디언스에 속한 사람이 그 대상이지만, 해당하지 "
        "않는 조건({why})이 있어 이 사람은 속하지 않습니다.",
    ),
    "many_joined_later": Said(
        "{told} came at {at_ms}, and the person joined the audience {audience} only at {since_ms}.",
        "{at_ms}에 {told:이/가} 있었지만, 이 사람은 {since_ms}에야 {audience} 오디언스에 "
        "들어왔습니다.",
    ),
    "many_taken": Said(
        "{told} came at {at_ms} and takes only who joined the audience {audience} since the last "
        "time; the person belongs to it since {since_ms} and was taken before.",
        "{at_ms}에 {told:이/가} 있었지만 지난번 이후 {audience} 오디언스에 들어온 사람만 대상으로 "
        "합니다. 이 사람은 {since_ms}부터 속해 있어 이미 참여했습니다.",
    ),
    "many_under_way": Said(
        "{told} came at {at_ms} and is still being told: {count} of {total} persons so far.",
        "{at_ms}에 {told:이/가} 있었고 아직 알리는 중입니다. 지금까지 {total}명 중 {count}명에게 "
        "알렸습니다.",
    ),
    "many_before_known": Said(
        "{told} came at {at_ms}, before this person had been heard of.",
        "{at_ms}에 {told:이/가} 있었지만, 그때는 이 사람에 대해 수신된 것이 없었습니다.",
    ),
    "many_unsaid": Said(
        "{told} came at {at_ms} and concerns this person by now, and yet no decision about it is "
        "on record: at their turn they did not belong, or were known by another id.",
        "{at_ms}에 {told:이/가} 있었고 지금은 이 사람도 대상이지만, 그에 대한 결정이 기록되어 "
        "있지 않습니다. 차례가 되었을 때 대상이 아니었거나 다른 아이디로 알려져 있었습니다.",
    ),
    "no_call": Said(
        "No call started {campaign} for this person in this time.",
        "이 기간에 이 사람에 대해 {campaign:을/를} 시작하는 호출이 없었습니다.",
    ),
    "run_lives": Said(
        "The person is in {campaign} already: the run that began at {entered_ms} stands at {step}.",
        "이미 {campaign}에 참여하고 있습니다. {entered_ms}에 시작하여 지금 {step} 단계에 있습니다.",
    ),
    # a transition: nearest misses first
    "unsaid": Said(
        "{kind} of {fence} at {at_ms} is what {campaign} waits for, and yet no decision about it "
        "is on record; the records do not say why.",
        "{at_ms}에 {fence}에서 일어난 {kind:이/가} {campaign} 캠페인이 기다리는 전환이지만, "
        "그에 대한 결정이 기록되어 있지 않습니다. 그 이유는 기록에 없습니다.",
    ),
    "not_live_then": Said(
        "{kind} of {fence} at {at_ms} is what {campaign} waits for, but the campaign was not live "
        "with this entry when it was told.",
        "{at_ms}에 {fence}에서 일어난 {kind:이/가} {campaign} 캠페인이 기다리는 전환이지만, 확인된 "
        "시점에 캠페인이 이 조건으로 게시되어 있지 않았습니다.",
    ),
    "superseded": Said(
        "{kind} of {fence} at {at_ms} only took back what later positions showed to be wrong; "
        "such a transition starts nothing.",
        "{at_ms}에 {fence}에서 일어난 {kind:은/는} 이후의 위치로 틀렸음이 드러난 것을 취소했을 "
        "뿐이므로 아무 캠페인도 시작하지 않습니다.",
    ),
    "initial": Said(
        "The person was inside {fence} already when tracking began, at {at_ms}; {campaign} leaves "
        "such an ENTER alone (`initial`).",
        "{at_ms}에 위치 확인이 시작되었을 때 이미 {fence} 안에 있었습니다. {campaign} 캠페인은 "
        "이러한 진입(`initial`)을 받아들이지 않습니다.",
    ),
    "opened": Said(
        "The person was inside {fence} when it opened, at {at_ms}; {campaign} leaves such an "
        "ENTER alone (`opened`).",
        "{at_ms}에 {fence} 펜스가 열렸을 때 안에 있었습니다. {campaign} 캠페인은 이러한 "
        "진입(`opened`)을 받아들이지 않습니다.",
    ),
    "other_threshold": Said(
        "DWELL of {fence} at {at_ms} was that of {length_s}; {campaign} waits for {wanted_s}.",
        "{at_ms}에 {fence}에서 확인된 체류는 {length_s} 기준이었습니다. {campaign} 캠페인은 "
        "{wanted_s} 체류를 기다립니다.",
    ),
    "too_short": Said(
        "The visit to {fence} that ended at {at_ms} lasted {length_s}; {campaign} waits for "
        "{wanted_s}.",
        "{at_ms}에 끝난 {fence} 방문은 {length_s} 동안 이어졌습니다. {campaign} 캠페인은 "
        "{wanted_s} 체류를 기다립니다.",
    ),
    "still_short": Said(
        "A visit to {fence} began at {at_ms}, and within this time no DWELL of {wanted_s} was "
        "told of it.",
        "{fence} 방문이 {at_ms}에 시작되었으나 이 기간 안에 {wanted_s} 체류는 확인되지 않았습니다.",
    ),
    "other_kind": Said(
        "{kind} of {fence} was told at {at_ms}; {campaign} waits for {wanted}.",
        "{at_ms}에 {fence}에서 {kind:이/가} 확인되었습니다. {campaign} 캠페인은 {wanted:을/를} "
        "기다립니다.",
    ),
    "fence_lacks": Said(
        "The person was at {fence} at {at_ms}, but this fence does not ask for the {wanted} that "
        "{campaign} waits for.",
        "{at_ms}에 {fence}에 있었지만, 이 펜스에는 {campaign} 캠페인이 기다리는 {wanted} 설정이 "
        "없습니다.",
    ),
    "other_fence": Said(
        "{kind} was told of {fence} at {at_ms}, which is not a fence of {campaign}.",
        "{at_ms}에 {fence}에서 {kind:이/가} 확인되었으나 {campaign}의 펜스가 아닙니다.",
    ),
    "no_transition": Said(
        "No {wanted} of a fence with {selector} was told in this time.",
        "이 기간에 {selector} 펜스의 {wanted:이/가} 확인되지 않았습니다.",
    ),
    # why no transition could be told
    "location_denied": Said(
        "The person did not allow {purpose} in this time (value {value}, policy {policy}), so "
        "positions were refused at the door and none was stored.",
        "이 기간에 {purpose} 동의가 없어(값 {value}, 정책 {policy}) 위치가 접수 단계에서 "
        "거절되었고 저장되지 않았습니다.",
    ),
    "location_paused": Said(
        "The person had paused the use of their location, so positions were refused at the door "
        "and none was stored.",
        "위치 이용을 일시 중지한 상태여서 위치가 접수 단계에서 거절되었고 저장되지 않았습니다.",
    ),
    "location_partly": Said(
        "The person allowed positions in only part of this time (changed at {at_ms}); those of "
        "the rest were refused at the door.",
        "이 기간의 일부에만 위치 수집에 동의했습니다({at_ms}에 변경). 나머지 기간의 위치는 접수 "
        "단계에서 거절되었습니다.",
    ),
    "positions_dropped": Said(
        "Of the positions that came on the UTC days of this time {count} did not count: {reasons}.",
        "이 기간이 속한 UTC 날짜에 수신된 위치 가운데 {count}개는 판단에 쓰이지 않았습니다. "
        "내역은 {reasons}입니다.",
    ),
    "location_coarse": Said(
        "The person did not allow precise positions in this time, so they were snapped to a grid "
        "of about one kilometre, which never puts anybody into a smaller fence.",
        "이 기간에 정밀 위치 동의가 없어 위치가 약 1 km 격자로 맞춰졌으며, 이런 위치로는 그보다 "
        "작은 펜스에 들어온 것으로 판단하지 않습니다.",
    ),
    "no_device": Said(
        "No device speaks for this person now.",
        "지금 이 사람을 대신해 데이터를 보내는 기기가 없습니다.",
    ),
    "silent": Said(
        "No device of this person was heard of in this time; the last upload came at {last_ms}.",
        "이 기간에 이 사람의 기기에서 수신된 것이 없습니다. 마지막 수신은 {last_ms}입니다.",
    ),
    "not_heard_yet": Said(
        "No device of this person had been heard of by then; the first upload came at {first_ms}.",
        "그때까지 이 사람의 기기에서 수신된 것이 없습니다. 첫 수신은 {first_ms}입니다.",
    ),
    # an app event
    "event_never": Said(
        "The event {event} has never come.",
        "{event} 이벤트가 한 번도 수신되지 않았습니다.",
    ),
    "event_before": Said(
        "The event {event} did not come in this time; it came last at {last_ms}.",
        "이 기간에 {event} 이벤트가 수신되지 않았습니다. 마지막 발생은 {last_ms}입니다.",
    ),
    "event_after": Said(
        "The event {event} did not come in this time; it came first at {first_ms}.",
        "이 기간에 {event} 이벤트가 수신되지 않았습니다. 첫 발생은 {first_ms}입니다.",
    ),
    "event_elsewhen": Said(
        "The event {event} did not come in this time, but before and after it.",
        "{event} 이벤트는 이 기간의 전후에만 있었고 이 기간에는 없었습니다.",
    ),
    "event_unsure": Said(
        "Whether the event {event} came in this time the history does not say: it keeps the "
        "newest events of a person, and these begin later.",
        "이 기간에 {event} 이벤트가 있었는지는 기록으로 알 수 없습니다. 최근 이벤트만 보관되며, 그 "
        "기록은 이 기간보다 뒤에서 시작합니다.",
    ),
    "event_not_live_then": Said(
        "The event {event} happened at {at_ms}, when {campaign} was not live with this entry.",
        "{event} 이벤트는 {at_ms}에 있었지만, 그때 {campaign} 캠페인은 이 조건으로 게시되어 있지 "
        "않았습니다.",
    ),
    "event_unsaid": Said(
        "The event {event} happened at {at_ms}, but no decision about it is on record in this "
        "time; it may have been told later.",
        "{event} 이벤트가 {at_ms}에 있었지만 이 기간에는 그에 대한 결정이 기록되어 있지 않습니다. "
        "나중에 수신되었을 수 있습니다.",
    ),
    # what would have stood in the way anyway
    "holdout_anyway": Said(
        "Besides, the person is in a holdout of {campaign}: a message would have been withheld.",
        "또한 {campaign}의 대조군에 속해 있어 메시지는 보내지 않았을 것입니다.",
    ),
    "reentry_anyway": Said(
        "Besides, {campaign} admits once, and the person entered at {entered_ms}.",
        "또한 {campaign} 캠페인은 한 번만 참여할 수 있으며, {entered_ms}에 이미 참여했습니다.",
    ),
    # what is not known
    "version_changed": Said(
        "{campaign} changed in this time: version {version} went live at {applied_ms}.",
        "이 기간에 {campaign} 캠페인이 변경되었습니다. 버전 {version:이/가} {applied_ms}에 "
        "게시되었습니다.",
    ),
    "positions_not_kept": Said(
        "How near the person came the records do not say: positions are not kept.",
        "얼마나 가까이 왔는지는 기록으로 알 수 없습니다. 위치는 보관하지 않습니다.",
    ),
    "policy_now": Said(
        "Consent was weighed by the policy as it is now; it was changed at {applied_ms}.",
        "동의는 현재의 정책으로 판단했습니다. 정책은 {applied_ms}에 변경되었습니다.",
    ),
    "too_many": Said(
        "There are more records in this time than are looked at at once: ask for a shorter time "
        "to learn what was never considered.",
        "이 기간의 기록이 한 번에 살펴볼 수 있는 양보다 많습니다. 고려되지 않은 이유를 보려면 더 "
        "짧은 기간을 지정해 주십시오.",
    ),
    "told_later": Said(
        "What happened in this time was told after it; see what came later.",
        "이 기간에 일어난 일이 나중에 수신되었습니다. 이후의 기록을 확인해 주십시오.",
    ),
}

MANY: dict[str, Said] = {
    "external": Said("The external event {of}", "외부 이벤트 {of}"),
    "schedule": Said("A time of the schedule {of}", "예약 일정 {of}의 시각"),
    "audience": Said("The taking in of members of {of}", "{of} 오디언스 구성원의 참여"),
}
HEADS: dict[str, Said] = {
    "runs": Said("Runs of journeys:", "여정 진행:"),
    "span": Said("from {from_at} to {to_at}", "{from_at}부터 {to_at}까지"),
    "nothing": Said("No decision is on record.", "기록된 결정이 없습니다."),
    "dropped": Said("Positions that did not count:", "판단에 쓰이지 않은 위치:"),
    "later": Said("Told later:", "나중에 수신된 기록:"),
    "never": Said("Never considered for {campaign}:", "{campaign} 캠페인은 고려되지 않았습니다:"),
}


def tell_never(code: str, facts: Mapping[str, Any], tongue: Tongue) -> str:
    """Say one finding."""
    values: dict[str, Any] = {}
    for name, value in facts.items():
        if name.endswith("_ms"):
            values[name] = tongue.moment(value)
        elif name.endswith("_s"):
            values[name] = tongue.span(value * 1000)
        elif name in {"kind", "wanted"}:
            values[name] = tongue.say(KIND_NAMES[value]).upper()
        elif name == "reasons":
            values[name] = tell_counts(value, tongue)
        elif name in {"count", "total"}:
            values[name] = tongue.count(value)
        elif name == "many":
            values["told"] = tongue.say(MANY[value], of=str(facts["of"]))
        else:
            values[name] = str(value)
    return tongue.say(NEVER[code], **values)


def tell_why(answer: Mapping[str, Any], *, is_first: bool = True) -> Iterator[str]:
    """Say an answer of ``GET /v1/explain`` in lines; a later page needs no head."""
    tongue = Tongue(answer["language"], answer["zone"])
    if is_first:
        yield tongue.say(HEADS["span"], from_at=answer["from"], to_at=answer["to"])
    if is_first and answer["runs"]:
        yield tongue.say(HEADS["runs"])
        yield from (f"  {line}" for one in answer["runs"] for line in one["words"])
    for row in answer["decisions"]:
        yield from _record(row, tongue)
    if is_first and not answer["decisions"]:
        yield tongue.say(HEADS["nothing"])
    if is_first and answer["later"]:
        yield tongue.say(HEADS["later"])
        for row in answer["later"]:
            yield from _record(row, tongue)
    if is_first and answer["dropped"]:
        yield tongue.say(HEADS["dropped"])
        yield from (f"  {row['words']}" for row in answer["dropped"])
    for one in answer["never"]:
        campaign = one["campaign_id"]
        if campaign:
            yield tongue.say(HEADS["never"], campaign=campaign)
        yield from (f"  {line}" for line in one["words"])


def _record(row: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    first, *rest = row["words"]
    yield f"{tongue.moment(row['at_ms'])}  {first}  [{row['subject']}]"
    yield from (f"    {line}" for line in rest)
