"""
Preference words: everything that the preference page says, in both languages.

Rule 1. What somebody says yes or no to is said in full beside the switch: these are the words of
        the proof, which names their version and their hash. Whoever changes ``SWITCHES``, ``HINTS``
        or ``CHANNELS`` raises ``VERSION``.
Rule 2. Nothing is promised that is not done yet: a request has a date, and people fulfil it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from fencepost_gateway.api.page import say
from fencepost_gateway.decide.choices import PAUSE, Switch
from fencepost_gateway.decide.consent import ANY
from fencepost_gateway.decide.tongue import Language, Said
from fencepost_gateway.ports import RequestKind

VERSION: Final = 2
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
CHANNELS: Final[dict[str, Said]] = {
    "email": Said("By email", "이메일"),
    "sms": Said("By text message", "문자 메시지"),
    "push": Said("By notification on your phone", "휴대전화 알림"),
    "web_push": Said("By notification in your browser", "브라우저 알림"),
    "in_app": Said("In the app", "앱 내 메시지"),
    "webhook": Said("On screens near me", "가까운 화면"),
}
SWITCHES: Final[dict[str, Said]] = {
    "marketing": Said("Advertising", "광고"),
    "marketing_night": Said("Also at night", "야간에도"),
    "transactional": Said("Service messages", "서비스 메시지"),
    "personalisation": Said(
        "Messages made of what you told us and did", "내 정보와 활동을 반영한 메시지"
    ),
    "profiling": Said("Guesses at what may interest you", "관심사 예측"),
    "location_collect": Said("Use my location while I use the app", "앱 사용 중 위치 이용"),
    "location_background": Said("Also while the app is closed", "앱을 닫은 동안에도 위치 이용"),
    "location_precise": Said("My exact location", "정확한 위치"),
    "location_marketing": Said("Advertising because of where I am", "위치에 따른 광고"),
    "share": Said("Give my data to others", "제3자에게 내 정보 제공"),
    "location_share": Said("Give my location to others", "제3자에게 내 위치 제공"),
    PAUSE: Said("Pause the use of my location", "위치 이용 일시 중지"),
}
HINTS: Final[dict[str, Said]] = {
    "marketing": Said(
        "Offers, news and reminders that promote something. Tick where you want them.",
        "혜택, 소식 등 홍보 목적의 메시지입니다. 받고 싶은 곳에 표시해 주세요.",
    ),
    "marketing_night": Said(
        "At night means: in the hours that are otherwise kept free of advertising. It needs "
        "advertising by the same way.",
        "야간: 광고가 제한되는 시간에도 광고를 받습니다. 같은 방법의 광고 수신이 필요합니다.",
    ),
    "transactional": Said(
        "What you need to know about what you ordered or asked for. No advertising.",
        "주문이나 요청하신 일에 꼭 필요한 안내입니다. 광고는 없습니다.",
    ),
    "personalisation": Said(
        "Without this you get the same advertising as everybody.",
        "선택하지 않으면 모두와 같은 광고를 받습니다.",
    ),
    "profiling": Said(
        "We work out from what you do in the app what may interest you, and when.",
        "앱에서의 활동으로 관심사와 시간을 예측합니다.",
    ),
    "location_collect": Said(
        "Off: we drop every position, and delete the ones we have. Your phone and the app have "
        "settings of their own, which must allow it too.",
        "끄면 위치를 받지 않고 보관 중인 위치도 삭제합니다. "
        "휴대전화와 앱의 설정에서도 허용해야 합니다.",
    ),
    "location_background": Said("Needs the use of your location.", "위치 이용이 필요합니다."),
    "location_precise": Said(
        "Off: we only know roughly where you are, to about a kilometre. Needs the use of your "
        "location.",
        "끄면 약 1km 단위의 대략적인 위치만 이용합니다. 위치 이용이 필요합니다.",
    ),
    "location_marketing": Said(
        "An offer when you pass by, for example. Needs the use of your location, and advertising.",
        "예: 근처를 지날 때 받는 혜택. 위치 이용과 광고 수신이 필요합니다.",
    ),
    "share": Said("You can only turn this off here.", "여기서는 끄기만 할 수 있습니다."),
    "location_share": Said("You can only turn this off here.", "여기서는 끄기만 할 수 있습니다."),
    PAUSE: Said(
        "Until you end it here. Your choices above stay as they are.",
        "여기서 해제할 때까지 유지됩니다. 위의 선택은 그대로 남습니다.",
    ),
}
TEXTS: Final[dict[str, Said]] = {
    "title": Said("Your choices", "수신 설정"),
    "title_of": Said("Your choices at {brand}", "{brand} 수신 설정"),
    "yours": Said(
        "Whoever has this link can change these choices, so keep it to yourself.",
        "이 링크가 있으면 누구나 설정을 바꿀 수 있으니 공유하지 마세요.",
    ),
    "marketing": Said("Advertising", "광고 수신"),
    "content": Said("What messages are made of", "메시지에 쓰는 정보"),
    "location": Said("Location", "위치"),
    "service": Said("Service messages", "서비스 메시지"),
    "service_fixed": Said(
        "What you need to know about what you ordered or asked for. They carry no advertising and "
        "come whatever you choose here.",
        "주문이나 요청하신 일에 꼭 필요한 안내입니다. 광고가 없으며 이 설정과 관계없이 발송됩니다.",
    ),
    "data": Said("Your data", "내 정보"),
    "not_to": Said("Not to {addresses}.", "{addresses} 제외."),
    "waits": Said(
        "Waits for your answer: please open the link in the message that asks you to confirm.",
        "확인 대기 중: 확인을 요청하는 메시지의 링크를 열어 주세요.",
    ),
    "save": Said("Save my choices", "저장"),
    "no_to_all": Said("No to everything", "모두 거부"),
    "no_hint": Said(
        "[No to everything] turns off all that can be turned off here, on every channel.",
        "[모두 거부]는 여기서 끌 수 있는 모든 항목을 모든 채널에서 끕니다.",
    ),
    "saved": Said(
        "Saved. It holds from the next message on.", "저장되었습니다. 다음 메시지부터 적용됩니다."
    ),
    "unchanged": Said("Nothing was changed.", "변경된 내용이 없습니다."),
    "all_off": Said("You have said no to everything.", "모두 거부하셨습니다."),
    "off": Said("Turned off: {what}.", "끔: {what}."),
    "off_with": Said(
        "Turned off with it, because it needs what you turned off: {what}.",
        "필요한 항목을 끄셔서 함께 꺼진 항목: {what}.",
    ),
    "on": Said("Turned on: {what}.", "켬: {what}."),
    "asked": Said(
        "Not on yet: {what}. It comes on when you confirm it by the link of a message.",
        "아직 켜지지 않음: {what}. 메시지의 링크로 확인하시면 켜집니다.",
    ),
    "lacking": Said(
        "Not turned on, because something that it needs is off: {what}.",
        "필요한 항목이 꺼져 있어 켜지 않은 항목: {what}.",
    ),
    "outdated": Said(
        "Not turned on, because your choices were changed elsewhere while this page was open: "
        "{what}. Please look at them as they stand now, and save again if you want it.",
        "이 화면을 연 뒤 다른 곳에서 설정이 변경되어 켜지 않은 항목: {what}. 현재 설정을 확인하고 "
        "원하시면 다시 저장해 주세요.",
    ),
    "paused": Said(
        "Your location is no longer used, until you end the pause here.",
        "여기서 해제하실 때까지 위치를 이용하지 않습니다.",
    ),
    "resumed": Said("The pause is over.", "일시 중지가 해제되었습니다."),
    "gone": Said(
        "We hold nothing for this link any more. Please open the link in a newer message.",
        "이 링크에 해당하는 정보가 더 이상 없습니다. 최근 메시지의 링크를 열어 주세요.",
    ),
}
ASKS: Final[dict[RequestKind, Said]] = {
    "export": Said("I want a copy of my data", "내 정보 사본을 요청합니다"),
    "erasure": Said("I want my data erased", "내 정보 삭제를 요청합니다"),
}
ASK_HINTS: Final[dict[RequestKind, Said]] = {
    "export": Said(
        "People answer this, by {due} at the latest.", "담당자가 늦어도 {due}까지 처리합니다."
    ),
    "erasure": Said(
        "People do this, by {due} at the latest. It cannot be undone.",
        "담당자가 늦어도 {due}까지 처리합니다. 되돌릴 수 없습니다.",
    ),
}
ASKED: Final[dict[RequestKind, Said]] = {
    "export": Said(
        "You asked for a copy of your data on {asked}. We will do this by {due}.",
        "{asked}에 정보 사본을 요청하셨습니다. {due}까지 처리합니다.",
    ),
    "erasure": Said(
        "You asked on {asked} for your data to be erased. We will do this by {due}.",
        "{asked}에 정보 삭제를 요청하셨습니다. {due}까지 처리합니다.",
    ),
}


def name_of(switch: Switch, language: Language) -> str:
    """Name a switch where it stands by itself."""
    said = say(SWITCHES[switch.purpose], language)
    if switch.channel == ANY:
        return said
    where = say(CHANNELS[switch.channel], language)
    return f"{where} {said}" if language == "ko" else f"{said} {where[0].lower()}{where[1:]}"


def wording_of(purpose: str, channel: str, language: Language) -> dict[str, str]:
    """Give what a proof keeps of the words somebody said yes or no to (Rule 1)."""
    parts = [SWITCHES[purpose], HINTS[purpose], *([CHANNELS[channel]] if channel != ANY else [])]
    text = "\n".join(say(part, language) for part in parts)
    return {
        "text": f"preferences v{VERSION}",
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "language": language,
    }


def day(year: int, month: int, number: int, language: Language) -> str:
    """Write a date in words."""
    if language == "ko":
        return f"{year}년 {month}월 {number}일"
    return f"{number} {_MONTHS[month - 1]} {year}"
