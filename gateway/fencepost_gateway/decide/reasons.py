"""
Reasons: why a message was withheld or deferred, or a campaign not entered; one table.

Pure data. A gate may only refuse with a code of this table, and every code has its sentence in
English and Korean, so that page, command line and reference say the same thing.
"""

from __future__ import annotations

from fencepost_gateway.decide.tongue import Language, Said

REASONS: dict[str, Said] = {
    # not entered
    "condition_false": Said(
        "The campaign's condition was not met.",
        "캠페인의 조건에 맞지 않았습니다.",
    ),
    "outside_run": Said(
        "The campaign was not running at that moment.",
        "그 시점은 캠페인 운영 기간이 아니었습니다.",
    ),
    "fence_inactive": Said(
        "It happened outside the opening hours of the fence.",
        "펜스의 운영 시간이 아닐 때 일어난 일입니다.",
    ),
    "repeated": Said(
        "The same transition or event brought the person in before.",
        "같은 전환이나 이벤트로 이미 참여한 적이 있습니다.",
    ),
    "reentry_never": Said(
        "The person has been in this campaign before, and it admits once.",
        "이 캠페인은 한 번만 참여할 수 있으며, 이미 참여한 적이 있습니다.",
    ),
    "reentry_running": Said(
        "The person is in this campaign already.",
        "이미 이 캠페인이 진행 중입니다.",
    ),
    "reentry_wait": Said(
        "The campaign's waiting time between entries is not over.",
        "다시 참여하기까지의 대기 시간이 아직 끝나지 않았습니다.",
    ),
    "jump_loop": Said(
        "Jumps from journey to journey had gone too far.",
        "여정에서 여정으로의 이동이 너무 많이 이어졌습니다.",
    ),
    "runs_full": Said(
        "The person is in as many journeys at once as one may be.",
        "동시에 참여할 수 있는 여정 수를 모두 채웠습니다.",
    ),
    "entry_cap": Said(
        "The campaign has taken in as many as its limit allows.",
        "캠페인에 참여할 수 있는 인원이 모두 찼습니다.",
    ),
    "concurrency_cap": Said(
        "As many are in the campaign now as its limit allows.",
        "지금 캠페인이 진행 중인 인원이 한도에 이르렀습니다.",
    ),
    # a check-in that was refused
    "code_forged": Said(
        "The code is not one of this workspace, or it was changed.",
        "이 워크스페이스의 코드가 아니거나 변경된 코드입니다.",
    ),
    "code_expired": Said(
        "The code had expired.",
        "만료된 코드입니다.",
    ),
    "code_fence_gone": Said(
        "The fence of the code is not live.",
        "코드의 펜스가 게시되어 있지 않습니다.",
    ),
    "code_late": Said(
        "The check-in came too late to count.",
        "체크인이 너무 늦게 도착하여 반영되지 않았습니다.",
    ),
    # withheld or deferred at the claim
    "run_merged": Said(
        "The visitor turned out to be a person who was in this campaign already; the older run "
        "stays.",
        "방문자가 이미 이 캠페인에 참여 중인 사람으로 확인되어, 먼저 시작한 참여만 유지됩니다.",
    ),
    "run_left": Said(
        "The person has left the journey that wanted the message.",
        "메시지를 요청한 여정에서 이미 나갔습니다.",
    ),
    "journey_stopped": Said(
        "The campaign or journey was stopped.",
        "캠페인 또는 여정이 중지되었습니다.",
    ),
    "journey_paused": Said(
        "The campaign or journey is paused, or was when this began.",
        "캠페인 또는 여정이 일시 중지된 상태이거나, 시작 당시 일시 중지되었습니다.",
    ),
    "journey_closed": Said(
        "The campaign or journey is closed: nobody enters.",
        "캠페인 또는 여정이 마감되어 더 이상 참여할 수 없습니다.",
    ),
    "emergency_stop": Said(
        "All marketing is stopped by the workspace's emergency stop.",
        "워크스페이스의 긴급 중지로 모든 마케팅 발송이 멈춰 있습니다.",
    ),
    "campaign_ended": Said(
        "The campaign was archived or its run is over.",
        "캠페인이 보관되었거나 운영 기간이 끝났습니다.",
    ),
    "too_old": Said(
        "The message is older than its campaign allows.",
        "메시지가 캠페인에서 허용하는 기간보다 오래되었습니다.",
    ),
    "holdout": Said(
        "The person is in the holdout, which gets no marketing.",
        "마케팅을 받지 않는 대조군에 속해 있습니다.",
    ),
    "goal_reached": Said(
        "The person did already what the campaign is for.",
        "캠페인의 목표를 이미 달성했습니다.",
    ),
    "no_longer_relevant": Said(
        "The campaign's `while` condition no longer holds.",
        "캠페인의 `while` 조건을 더 이상 만족하지 않습니다.",
    ),
    "no_address": Said(
        "The person cannot be reached on this channel.",
        "이 채널로 연락할 수 있는 주소가 없습니다.",
    ),
    "channel_off": Said(
        "No driver is set up for this channel.",
        "이 채널에 설정된 드라이버가 없습니다.",
    ),
    "suppressed": Said(
        "The address is on the suppression list.",
        "주소가 발송 금지 목록에 있습니다.",
    ),
    "not_allow_listed": Said(
        "The workspace sends only to listed addresses and persons; this is none.",
        "목록에 등록된 주소와 사람에게만 발송하는데, 등록되어 있지 않습니다.",
    ),
    "consent": Said(
        "The person has not allowed this.",
        "이에 동의하지 않았습니다.",
    ),
    "not_pending": Said(
        "No consent is pending that this message could ask to confirm.",
        "이 메시지로 확인을 요청할 보류 중인 동의가 없습니다.",
    ),
    "confirmation_sent": Said(
        "The one message that asks to confirm this consent was sent before.",
        "이 동의의 확인을 요청하는 메시지는 한 번만 보내며, 이미 보냈습니다.",
    ),
    "quiet_hours": Said(
        "It is quiet time where the person is.",
        "받는 분의 현지 시각이 발송을 자제하는 시간대입니다.",
    ),
    "expires_in_quiet_hours": Said(
        "The message would expire before quiet time ends.",
        "발송을 자제하는 시간대가 끝나기 전에 메시지가 만료됩니다.",
    ),
    "place_closed": Said(
        "The place is closed by its opening hours.",
        "그 장소의 영업 시간이 아닙니다.",
    ),
    "zone_unknown": Said(
        "Nobody knows the person's time zone, so quiet hours cannot be kept.",
        "시간대를 알 수 없어 발송 자제 시간을 지킬 수 없습니다.",
    ),
    "render_missing": Said(
        "A value that the template needs is missing.",
        "템플릿에 필요한 값이 없습니다.",
    ),
    "render_failed": Said(
        "The template could not be rendered within its limits.",
        "템플릿을 제한 안에서 렌더링하지 못했습니다.",
    ),
    "no_public_url": Said(
        "The setting public_url is missing, so no link can be written.",
        "public_url 설정이 없어 링크를 만들 수 없습니다.",
    ),
    "label_refused": Said(
        "The content begins with what looks like the label of advertising, and is not.",
        "내용이 광고 표시와 비슷하지만 올바르지 않은 표시로 시작합니다.",
    ),
    "sender_missing": Said(
        "The policy wants the message to say who sends it, and the brand does not tell.",
        "정책상 발신자 정보를 표시해야 하나 브랜드에 등록되어 있지 않습니다.",
    ),
    "label": Said(
        "The content says where the person is, and that is not allowed for this purpose.",
        "내용에 위치 정보가 들어 있으나 이 목적으로는 사용할 수 없습니다.",
    ),
    "content_stale": Said(
        "What the content relied on, a consent or a policy, has changed; it is rendered anew.",
        "내용 작성의 근거가 된 동의나 정책이 그사이 바뀌어 내용을 다시 작성합니다.",
    ),
    "lane_shut": Said(
        "The channel takes no calls for a while: its provider fails, or asked for a pause.",
        "발송 사업자의 장애 또는 요청으로 이 채널을 잠시 이용할 수 없습니다.",
    ),
    "lane_full": Said(
        "The channel has as many calls under way as it takes at once.",
        "이 채널에서 한 번에 보낼 수 있는 건수를 모두 보내는 중입니다.",
    ),
    "frequency_cap": Said(
        "A frequency cap is used up.",
        "발송 횟수 제한을 모두 사용했습니다.",
    ),
    "safety_cap": Said(
        "The person got 30 messages of this template within an hour; the next may be of a loop.",
        "한 시간 안에 이 템플릿으로 30건이 발송되었습니다. 반복 발송 오류일 수 있습니다.",
    ),
    "spend_cap": Said(
        "What may be spent on SMS in a day is used up.",
        "하루에 쓸 수 있는 문자 발송 비용을 모두 사용했습니다.",
    ),
    "lower_priority": Said(
        "Another message, due as well and ahead in priority, got the last slot of a cap.",
        "함께 발송 대기 중이던 다른 메시지가 우선순위에 따라 마지막 자리를 차지했습니다.",
    ),
    # outcomes of a call
    "gone": Said(
        "The provider says that the address no longer exists; it was removed.",
        "발송 사업자가 주소가 더 이상 없다고 알려 와 주소를 삭제했습니다.",
    ),
    "opted_out": Said(
        "The provider says that the person opted out; recorded here too.",
        "발송 사업자가 수신 거부를 알려 와 여기에도 기록했습니다.",
    ),
    "rejected": Said(
        "The provider refused the message as it is.",
        "발송 사업자가 이 메시지를 거절했습니다.",
    ),
    "undelivered": Said(
        "The provider says that it could not be delivered.",
        "전달할 수 없었다고 발송 업체가 알려 왔습니다.",
    ),
    "bounced": Said(
        "It bounced: the receiving side did not take it.",
        "수신 측이 받지 않아 반송되었습니다.",
    ),
    "misconfigured": Said(
        "The provider refused our keys or settings.",
        "발송 사업자가 우리의 키나 설정을 거절했습니다.",
    ),
    "unavailable": Said(
        "The provider could not take the message in time.",
        "발송 사업자가 제때 메시지를 받지 못했습니다.",
    ),
    "unknown": Said(
        "The call left and no definite answer came; it may have arrived.",
        "발송을 요청했으나 확실한 응답이 없었으며, 도착했을 수도 있습니다.",
    ),
}


def sentence(code: str, language: Language = "en") -> str:
    """Say ``code`` in words; a driver's finer code after a dot keeps its family's sentence."""
    said = REASONS.get(code) or REASONS.get(code.partition(".")[0])
    if said is None:
        return code
    return said.ko if language == "ko" else said.en
