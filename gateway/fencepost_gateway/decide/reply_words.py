"""
Reply words: what somebody is answered who wrote STOP, START or HELP.

Pure. One answer, at once, in the language they wrote in (Korean, else English), and not a word of
advertising in it (47 CFR 64.1200(a)(12)). An operator's own text takes the place of ours; an empty
one means that nothing is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from fencepost_gateway.decide.keywords import is_korean
from fencepost_gateway.decide.plan import Brand
from fencepost_gateway.decide.tongue import Said

ReplyWord = Literal["stop", "start", "help"]
KOREA: Final = "+82"

NAMED: Final = Said("{name}: ", "{name}: ")
WORDS: Final[dict[ReplyWord, Said]] = {
    "stop": Said(
        "You are unsubscribed and get no more advertising from us. Reply START to get it again.",
        "수신거부가 처리되었습니다. 더 이상 광고를 보내지 않습니다. 다시 받으시려면 START 회신",
    ),
    "start": Said(
        "You get messages from us again. Reply STOP to end them, HELP for help.",
        "다시 메시지를 받으실 수 있습니다. 수신거부는 STOP 또는 수신거부 회신",
    ),
    "help": Said(
        "Reply STOP to get no more messages from us.",
        "메시지를 받지 않으시려면 STOP 또는 수신거부를 회신해 주세요.",
    ),
}
CONTACT: Final = Said(" Contact: {contact}", " 문의: {contact}")


def reply(
    word: ReplyWord, own: Mapping[str, str], brand: Brand | None, *, text: str, number: str
) -> str:
    """
    Give the answer; empty: none.

    Args:
        word: What was understood.
        own: The operator's texts, as ``stop`` or ``stop_ko``.
        brand: Who is written to, where that is known.
        text: What they wrote.
        number: From where.

    """
    language: Literal["en", "ko"] = "ko" if is_korean(text) or number.startswith(KOREA) else "en"
    named = f"{word}_{language}"
    for name in (named, word):
        if name in own:
            return own[name]
    said = getattr(WORDS[word], language)
    if brand is None:
        return str(said)
    said = getattr(NAMED, language).format(name=brand.name) + said
    if word == "help" and brand.contact:
        said += getattr(CONTACT, language).format(contact=brand.contact)
    return str(said)
