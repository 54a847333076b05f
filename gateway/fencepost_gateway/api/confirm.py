"""
Confirm: the page behind ``{{ confirm.link }}``, and the answer it takes.

Rule 1. GET shows the page and changes nothing: scanners open links. Only POST answers.
Rule 2. It works without key, cookie, script or account; the ticket is all there is to know.
Rule 3. The answer is a consent change like any other: one commit with its proof, in force for the
        next claim. A second answer finds it answered and changes nothing.
Rule 4. The page names purpose and channel and nothing of the person. It is cached nowhere, loads
        nothing, and tells no other site where its reader comes from.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from aiohttp import web

from fencepost_gateway.api.decisions import query_language
from fencepost_gateway.api.surface import SURFACE, Surface, caller_of
from fencepost_gateway.decide import confirm
from fencepost_gateway.decide.confirm import Question
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.decide.tongue import Language, Said
from fencepost_gateway.intake.statement import Caller, ConsentChange
from fencepost_gateway.intake.tickets import read_ticket

STATUS: Final = {"open": 200, "answered": 200, "expired": 410, "withdrawn": 410, "unknown": 404}
STYLE = """
:root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { max-width: 26rem; padding: 1.5rem; text-align: center; }
p { margin: 0 0 1.5rem; text-wrap: balance; word-break: keep-all; overflow-wrap: anywhere; }
button { font: inherit; padding: .75rem 1.75rem; border: 0; border-radius: .5rem; cursor: pointer;
  background: #1a56c4; color: #fff; }
button:focus-visible { outline: 3px solid; outline-offset: 3px; }
"""
STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    f"style-src '{STYLE_HASH}'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
SURFACE_NAME: Final = "confirm page"

WORDS: Final[dict[str, Said]] = {
    "open": Said("Please confirm: do you want {what}?", "확인해 주세요: {what}를 받으시겠습니까?"),
    "yes": Said("Yes, I agree", "네, 동의합니다"),
    "answered": Said(
        "Thank you. This is confirmed: {what}.", "감사합니다. 확인되었습니다: {what}."
    ),
    "expired": Said(
        "This link has expired. Please ask for a new one where you signed up.",
        "만료된 링크입니다. 신청하신 곳에서 다시 요청해 주세요.",
    ),
    "withdrawn": Said(
        "Nothing is waiting for your answer any more.",
        "더 이상 답변을 기다리는 동의가 없습니다.",
    ),
    "unknown": Said(
        "This link is not one of ours. Please open it as it stands in the message.",
        "올바르지 않은 링크입니다. 메시지에 있는 그대로 열어 주세요.",
    ),
}
PURPOSES: Final[dict[str, Said]] = {
    "marketing": Said("advertising messages", "광고 메시지"),
    "marketing_night": Said("advertising messages at night", "야간 광고 메시지"),
}
CHANNEL_WORDS: Final[dict[str, Said]] = {
    "in_app": Said("in the app", "앱 내"),
    "web_push": Said("by notification", "알림"),
    "push": Said("by notification", "알림"),
    "sms": Said("by text message", "문자"),
    "email": Said("by email", "이메일"),
    "any": Said("on every channel", "모든 채널"),
}


async def get_confirm(request: web.Request) -> web.Response:
    """Show what is asked, with a button; or why it can no longer be answered."""
    surface = request.app[SURFACE]
    message_id = read_ticket(surface.credentials.seed, "confirm", request.match_info["token"])
    facts = await surface.store.peek(message_id) if message_id else None
    if facts is None:
        return page(Question("unknown"), query_language(request))
    return page(confirm.question_of(facts, surface.clock.now_ms()), query_language(request))


async def post_confirm(request: web.Request) -> web.Response:
    """Take the answer; the page says what stands now."""
    surface, language = request.app[SURFACE], query_language(request)
    message_id = read_ticket(surface.credentials.seed, "confirm", request.match_info["token"])
    question = Question("unknown")
    if message_id:
        question = await _answer(surface, message_id, language, caller_of(request))
    return page(question, language)


async def _answer(
    surface: Surface, message_id: str, language: Language, caller: Caller
) -> Question:
    now_ms = surface.clock.now_ms()
    found = [Question("unknown")]

    def decide(facts: ClaimFacts) -> list[ConsentChange]:
        question = found[0] = confirm.question_of(facts, now_ms)
        if question.state != "open" or question.asked is None or question.entry is None:
            return []
        found[0] = Question("answered", question.asked)
        stated = confirm.answered(question.asked, question.entry, now_ms)
        proof = {
            "text": question.asked.text,
            "text_sha256": question.asked.text_sha256,
            "language": language,
            "surface": SURFACE_NAME,
            "method": "double_opt_in",
            "message_id": message_id,
            "actor": "person",
            **({"ip": caller.ip} if caller.ip else {}),
            **({"request_id": caller.request_id} if caller.request_id else {}),
        }
        person_id = facts.message.person_id
        return [ConsentChange(person_id, stated, question.entry.value, proof)]

    await surface.store.answer(message_id, decide, now_ms)
    return found[0]


def page(question: Question, language: Language) -> web.Response:
    """Write the page of a question."""
    text = _said(WORDS[question.state], language).format(what=_what(question, language))
    form = ""
    if question.state == "open":
        button = escape(_said(WORDS["yes"], language))
        form = f'<form method="post"><button type="submit">{button}</button></form>'
    body = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>'
        f"{escape(text)}</title><style>{STYLE}</style></head><body><main><p>{escape(text)}</p>{form}</main></body></html>"
    )
    return web.Response(
        text=body, status=STATUS[question.state], content_type="text/html", headers=HEADERS
    )


def _what(question: Question, language: Language) -> str:
    if question.asked is None:
        return ""
    purpose = _said(PURPOSES[question.asked.purpose], language)
    where = _said(CHANNEL_WORDS[question.asked.channel], language)
    return f"{where} {purpose}" if language == "ko" else f"{purpose} {where}"


def _said(said: Said, language: Language) -> str:
    return said.ko if language == "ko" else said.en
