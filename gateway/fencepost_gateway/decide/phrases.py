"""
Phrases: what records are said with, in English and Korean; one table for each kind of thing.

Pure data. ``words`` fills them in. A name of a fence or campaign may stand before a Korean
particle; values that are no names are said after a colon.
"""

from __future__ import annotations

from fencepost_gateway.decide.tongue import Said

GATES: dict[str, Said] = {
    "live": Said("campaign is live", "캠페인 게시 중"),
    "paused": Said("campaign is not paused", "캠페인 일시 중지 아님"),
    "emergency_stop": Said("no emergency stop", "긴급 중지 없음"),
    "age": Said("young enough", "유효 기간"),
    "holdout": Said("not in a holdout", "대조군 아님"),
    "goal": Said("goal not reached yet", "목표 미달성"),
    "while": Said("still relevant", "여전히 유효함"),
    "untried": Said("not refused before", "거절된 적 없음"),
    "reachable": Said("reachable", "연락 가능"),
    "suppression": Said("not suppressed", "발송 금지 아님"),
    "consent": Said("consent", "동의"),
    "quiet_hours": Said("quiet hours", "발송 자제 시간"),
    "label": Said("data labels", "데이터 라벨"),
    "render": Said("content renders", "내용 렌더링"),
    "spend": Said("spending", "발송 비용"),
    "lane": Said("channel takes calls", "채널 이용 가능"),
    "caps": Said("frequency caps", "발송 횟수 제한"),
}

KIND_NAMES: dict[str, Said] = {
    "enter": Said("enter", "진입"),
    "exit": Said("exit", "이탈"),
    "dwell": Said("dwell", "체류"),
    "expire": Said("expire", "만료"),
    "pass": Said("pass", "통과"),
    "approach": Said("approach", "접근"),
}

KINDS: dict[str, Said] = {
    "enter": Said("ENTER {fence}", "{fence}에 들어왔습니다"),
    "exit": Said("EXIT {fence}", "{fence}에서 나갔습니다"),
    "dwell": Said("DWELL {fence}", "{fence}에 머물렀습니다"),
    "expire": Said("EXPIRE {fence}", "{fence} 방문이 끝난 것으로 보았습니다"),
    "pass": Said("PASS {fence}", "{fence:을/를} 지나갔습니다"),
    "approach": Said("APPROACH {fence}", "{fence:으로/로} 다가가고 있었습니다"),
}

FLAGS: dict[str, Said] = {
    "mock": Said("made-up positions", "모의 위치"),
    "null_island": Said("positions at 0, 0", "위도와 경도가 0, 0인 위치"),
    "teleport": Said("a leap nobody makes", "있을 수 없는 이동"),
    "maybe_swapped": Said(
        "latitude and longitude seem swapped", "위도와 경도가 뒤바뀐 것으로 보임"
    ),
    "repeated_track": Said("a track played again", "반복된 경로"),
    "constant_accuracy": Said("accuracy never changed", "변하지 않는 정확도"),
}

UNHEARD: dict[str, Said] = {
    "late": Said("too late", "너무 늦게 도착함"),
    "mock": Said("made up, as the device says", "기기가 모의 위치라고 표시함"),
    "null_island": Said("at 0, 0", "위도와 경도가 0, 0임"),
    "bad_position": Said("nowhere on earth", "지구상의 위치가 아님"),
}

TRANSITION: dict[str, Said] = {
    "initial": Said(" (was inside already)", " (이미 안에 있었음)"),
    "lasted": Said(" after {span}", " ({span} 뒤)"),
    "threshold": Said(" of {span}", " ({span} 이상)"),
    "inactive": Said(" (outside its opening hours)", " (운영 시간 외)"),
    "opened": Said(" (it opened)", " (운영 시작)"),
    "late": Said(" (told late)", " (늦게 확인됨)"),
    "suspicious": Said(" (suspicious: {flags})", " (의심스러움: {flags})"),
    "superseded": Said(
        " (taken back: later fixes say otherwise)", " (취소됨: 이후의 위치와 맞지 않음)"
    ),
    "arrives": Said(", there in {span}", ", {span} 뒤 도착 예상"),
    "at": Said(" at {at}", ", {at}"),
    "distance": Said("; {metres} m from the boundary", ", 경계에서 {metres} m"),
    "accuracy": Said(", accuracy {metres} m", ", 정확도 {metres} m"),
    "sure": Said(", {percent} % sure", ", 확실성 {percent} %"),
}

AUDIENCE: dict[str, Said] = {
    "join": Said("Joined the audience {audience}", "{audience} 오디언스에 들어왔습니다"),
    "leave": Said("Left the audience {audience}", "{audience} 오디언스에서 나갔습니다"),
    "filled": Said(" (its definition changed)", " (정의가 바뀜)"),
    "by_join": Said("joining {audience}", "{audience} 오디언스에 들어옴"),
    "by_member": Said(
        "belonging to {audience} when the campaign was published",
        "캠페인을 게시할 때 {audience} 오디언스에 속해 있음",
    ),
    "by_leave": Said("leaving {audience}", "{audience} 오디언스에서 나감"),
}

CHECK_IN: dict[str, Said] = {
    "refused": Said(
        "Check-in refused: {why} ({at})",
        "체크인을 받아들이지 않았습니다: {why} ({at})",
    ),
}

MERGE: dict[str, Said] = {
    "joined": Said(
        "Logged in: the visitor {visitor} is this person, with all they did before "
        "(policy {policy}, device {device})",
        "로그인했습니다: 방문자 {visitor}의 이전 기록을 모두 이 사람의 기록으로 합쳤습니다 "
        "(정책 {policy}, 기기 {device})",
    ),
    "kept_apart": Said(
        "Logged in: what the visitor {visitor} did before stays apart and is not used "
        "(policy {policy}, device {device})",
        "로그인했습니다: 방문자 {visitor}의 이전 기록은 합치지 않으며 사용하지 않습니다 "
        "(정책 {policy}, 기기 {device})",
    ),
}

STEP: dict[str, Said] = {
    "entered": Said(
        "Entered {campaign}, woken by {cause}", "{campaign}에 참여했습니다 (계기: {cause})"
    ),
    "not_entered": Said(
        "Not entered {campaign}, woken by {cause}: {why}",
        "{campaign}에 참여하지 못했습니다 (계기: {cause}): {why}",
    ),
    "external": Said("the external event {name}", "외부 이벤트 {name}"),
    "schedule": Said("its schedule", "예약 일정"),
    "api": Said("a call", "API 호출"),
    "due_ms": Said("due {at}", "예정 시각 {at}"),
    "missed": Said(
        "{count} earlier times were missed", "그 전의 {count}회는 실행되지 못하고 지나감"
    ),
    "again": Said("went through before", "이미 통과함"),
    "reacted_ms": Said("reaction at {at}", "반응 시각 {at}"),
    "of_limit": Said("{count} of {limit}", "{limit}명 중 {count}명"),
    "open": Said("open {hours} ({zone})", "운영 시간 {hours} ({zone})"),
    "entered_ms": Said("entered {at}", "참여 시각 {at}"),
    "opens_ms": Said("opens {at}", "다시 참여할 수 있는 시각 {at}"),
    "from_ms": Said("from {at}", "시작 {at}"),
    "until_ms": Said("until {at}", "종료 {at}"),
}

CLAIM: dict[str, Said] = {
    "send": Said("May go: {campaign} by {channel}", "발송할 수 있습니다: {campaign}, {channel}"),
    "deferred": Said(
        "Deferred until {at}: {campaign}. {why}", "{at}까지 미루었습니다: {campaign}. {why}"
    ),
    "held": Said("Held: {campaign}. {why}", "보류했습니다: {campaign}. {why}"),
    "withheld": Said(
        "Withheld ({reason}): {campaign}. {why}", "보내지 않았습니다 ({reason}): {campaign}. {why}"
    ),
    "failed": Said(
        "Failed ({reason}): {campaign}. {why} No other channel was left.",
        "보내지 못했습니다 ({reason}): {campaign}. {why} 다른 채널도 없었습니다.",
    ),
    "on": Said(" on {channel}", " ({channel})"),
}

MARKS: dict[bool, Said] = {True: Said("yes", "통과"), False: Said("no ", "불가")}

CHECKS: dict[str, Said] = {
    "exempt": Said("does not apply", "해당 없음"),
    "value": Said("{name} {value}", "{name} {value}"),
    "operand": Said("{rule}: found {value}", "{rule}: 확인된 값 {value}"),
    "times": Said(" [{times}]", " [{times}]"),
    "looked": Said(" [{source}, {age} old]", " [{source}, {age} 지남]"),
    "not_found": Said("no such document is live", "게시된 문서가 없음"),
    "runs_until": Said("runs until {at}", "{at}까지 운영"),
    "age": Said("{age} old, at most {most}", "{age} 지남, 최대 {most}"),
    "held_by": Said("held by {which}", "대조군: {which}"),
    "not_held": Said("not drawn", "뽑히지 않음"),
    "goal": Said("{event} last {at}", "{event} 마지막 발생 {at}"),
    "no_goal": Said("no goal", "목표 없음"),
    "preferred": Said("the person's preferred channel", "본인이 선호하는 채널"),
    "not_listed": Said("not on the allow list", "발송 허용 목록에 없음"),
    "listed": Said("listed for {why}", "등록 사유 {why}"),
    "consent": Said(
        "{purpose} = {value} (said for {level}, policy {policy})",
        "{purpose} = {value} (대상 {level}, 정책 {policy})",
    ),
    "unsaid": Said(
        "{purpose} = {value} (nothing was said; default of policy {policy})",
        "{purpose} = {value} (의사 표시 없음, 정책 {policy}의 기본값)",
    ),
    "location_paused": Said(
        "the use of the location is paused by the person", "본인이 위치 이용을 일시 중지함"
    ),
    "asked_before": Said("asked at {at}", "확인 요청 시각 {at}"),
    "policies": Said("under {policies}", "적용 정책 {policies}"),
    "country": Said("{countries} by {source}", "{countries} ({source})"),
    "no_country": Said("no country known", "국가를 알 수 없음"),
    "label": Said("{label}, used for {purpose}", "{label}, 사용 목적 {purpose}"),
    "not_allowed": Said("{purpose} is not allowed", "{purpose} 미동의"),
    "policy_forbids": Said(
        "policy {policy} does not use it for this",
        "정책 {policy}에서 이 목적의 사용을 허용하지 않음",
    ),
    "generic": Said("generic content: {purpose} is not allowed", "일반 내용: {purpose} 미동의"),
    "language": Said("in {language}", "언어 {language}"),
    "fragments": Said("with {names}", "조각 {names}"),
    "near_fix": Said("nearest by a position {age} old", "{age} 전 위치에서 가장 가까운 곳"),
    "near_home": Said(
        "nearest by the home that was stated", "본인이 알려 준 거주 지역에서 가장 가까운 곳"
    ),
    "near_none": Said("nearest of nowhere: no position", "위치가 없어 가장 가까운 곳을 모름"),
    "segments": Said("{n} SMS in {encoding}", "{n}건 ({encoding})"),
    "cost": Said("costs {cost}, spent today {spent}", "비용 {cost}, 오늘 사용 {spent}"),
    "per_day": Said("at most {most} a day", "하루 최대 {most}"),
    "withdrawn": Said("withdrawn: {purposes}", "철회됨: {purposes}"),
    "zones": Said("{zones} ({source})", "{zones} ({source})"),
    "no_zone": Said("no zone", "시간대 없음"),
    "many_zones": Said("{count} zones", "시간대 {count}개"),
    "own_hours": Said(
        "the person's own quiet hours cannot be read",
        "본인이 정한 발송 자제 시간을 읽을 수 없음",
    ),
    "closed": Said("closed: {which}", "열려 있지 않음: {which}"),
    "moved_by": Said(" (moved by {limit})", " (이유: {limit})"),
    "taken_by": Said(
        "the last went to {campaign} (priority {priority})",
        "마지막 자리는 {campaign}에 돌아감 (우선순위 {priority})",
    ),
    "never_open": Said(
        "at no moment of the next {span} is all of it open",
        "앞으로 {span} 안에 모두 열리는 때가 없음",
    ),
    "next": Said("next at {at}", "다음 가능 시각 {at}"),
    "cap": Said(
        "{rule}: {used} of {limit} used, {window}", "{rule}: {limit}회 중 {used}회 사용, {window}"
    ),
    "shut": Said("no calls for {span}", "{span} 동안 이용할 수 없음"),
    "passed_by": Said(
        "waited for at most {span}, so the next is tried",
        "최대 {span} 기다린 뒤 다음 채널로 넘어감",
    ),
    "next_slot": Said("next slot {at}", "다음 발송 가능 {at}"),
}

LEVELS: dict[str, Said] = {
    "any": Said("any", "전체"),
    "address": Said("address", "주소"),
}

WINDOWS: dict[str, Said] = {
    "rolling": Said("within {span}", "{span} 이내"),
    "hour": Said("this hour in {zone}", "{zone} 기준 이번 시간"),
    "day": Said("today in {zone}", "{zone} 기준 오늘"),
    "week": Said("this week in {zone}", "{zone} 기준 이번 주"),
    "month": Said("this month in {zone}", "{zone} 기준 이번 달"),
}

COUNTRY_SOURCES: dict[str, Said] = {
    "stated": Said("statement", "본인 진술"),
    "phone prefix": Said("phone prefix", "전화번호 국가 번호"),
    "zone": Said("time zone", "시간대"),
    "locale": Said("locale", "로캘"),
}

NOTES: dict[str, Said] = {
    "missing": Said("missing", "값 없음"),
    "type": Said("type", "형식이 다름"),
    "stale": Said("stale", "값이 오래됨"),
    "zone": Said("zone", "시간대를 알 수 없음"),
    "history": Said("history", "기록이 충분하지 않음"),
}

STATES: dict[str, Said] = {
    "sent": Said("Sent", "보냈습니다"),
    "failed": Said("Failed", "보내지 못했습니다"),
    "unknown": Said("Unknown", "결과를 알 수 없습니다"),
    "queued": Said("Queued", "다시 대기합니다"),
    "delivered": Said("Delivered", "전달되었습니다"),
    "bounced_hard": Said("Bounced for good", "영구 반송되었습니다"),
    "bounced_soft": Said("Bounced for now", "일시 반송되었습니다"),
    "complained": Said("Reported as spam", "스팸으로 신고되었습니다"),
    "opted_out": Said("Opted out", "수신을 거부했습니다"),
    "replied": Said("Replied", "답장했습니다"),
    "opened": Said("Opened", "열어 보았습니다"),
    "received": Said("Received", "기기에 도착했습니다"),
    "unshown": Said("Unshown", "표시되지 않았습니다"),
    "displayed": Said("Displayed", "표시되었습니다"),
    "clicked": Said("Clicked", "눌렀습니다"),
    "dismissed": Said("Dismissed", "닫았습니다"),
}

OUTCOME: dict[str, Said] = {
    "by": Said(" by {channel}", " ({channel})"),
    "why": Said(": {why}", ": {why}"),
    "code": Said(" ({code})", " ({code})"),
    "moves": Said("The next channel is tried.", "다음 채널로 보냅니다."),
    "again": Said("It is tried again at {at}.", "{at}에 다시 시도합니다."),
}

MESSAGE_STATES: dict[str, Said] = {
    "sent": Said("sent", "보냄"),
    "delivered": Said("delivered", "전달됨"),
    "sending": Said("being sent", "보내는 중"),
    "queued": Said("queued", "대기 중"),
    "deferred": Said("deferred", "미룸"),
    "unknown": Said("unknown", "결과를 알 수 없음"),
    "failed": Said("failed", "보내지 못함"),
    "withheld": Said("withheld", "보내지 않음"),
    "total": Said("messages in all", "전체 메시지"),
    "tests": Said(
        "more of test persons, seeds and proofs", "테스트 대상과 시드, 시험 발송은 따로 셈"
    ),
}

TESTS: dict[str, Said] = {
    "arm": Said("; arm {arm} of {experiment}", "; {experiment} 실험의 {arm} 그룹"),
    "seed": Said(" (a seed's copy)", " (시드에게 보내는 사본)"),
    "proof": Said(" (a proof)", " (시험 발송)"),
    "test": Said(" (a test person)", " (테스트 대상)"),
}
