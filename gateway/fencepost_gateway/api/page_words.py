"""Page words: what purposes and channels are called on the pages behind the links of messages."""

from __future__ import annotations

from typing import Final

from fencepost_gateway.decide.tongue import Language, Said

PURPOSES: Final[dict[str, Said]] = {
    "marketing": Said("advertising messages", "광고 메시지"),
    "marketing_night": Said("advertising messages at night", "야간 광고 메시지"),
}
BY_CHANNEL: Final[dict[str, Said]] = {
    "in_app": Said("in the app", "앱 내"),
    "web_push": Said("by notification", "알림"),
    "push": Said("by notification", "알림"),
    "sms": Said("by text message", "문자"),
    "email": Said("by email", "이메일"),
    "webhook": Said("on screens", "화면"),
    "any": Said("on every channel", "모든 채널"),
}


def what(purpose: str, channel: str, language: Language) -> str:
    """Name the messages of a purpose on a channel."""
    said, where = PURPOSES[purpose], BY_CHANNEL.get(channel, BY_CHANNEL["any"])
    return f"{where.ko} {said.ko}" if language == "ko" else f"{said.en} {where.en}"
