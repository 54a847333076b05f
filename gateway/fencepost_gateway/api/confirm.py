"""
Confirm: the page behind ``{{ confirm.link }}``, and the answer it takes.

Rule 1. GET shows the page and changes nothing: scanners open links. Only POST answers.
Rule 2. It works without key, cookie, script or account; the ticket is all there is to know.
Rule 3. The answer is a consent change like any other: one commit with its proof, in force for the
        next claim. A second answer finds it answered and changes nothing.
Rule 4. The page names purpose and channel and nothing of the person; for its frame see ``page``.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fencepost_gateway.api.page import FOREIGN, notice, reader_language, say
from fencepost_gateway.api.page_words import what
from fencepost_gateway.api.surface import SURFACE, Surface, caller_of
from fencepost_gateway.decide import confirm
from fencepost_gateway.decide.confirm import Question
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.decide.tongue import Language, Said
from fencepost_gateway.intake.statement import Caller, ConsentChange
from fencepost_gateway.intake.tickets import read_ticket

STATUS: Final = {"open": 200, "answered": 200, "expired": 410, "withdrawn": 410, "unknown": 404}
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
    "unknown": FOREIGN,
}


async def get_confirm(request: web.Request) -> web.Response:
    """Show what is asked, with a button; or why it can no longer be answered."""
    surface = request.app[SURFACE]
    message_id = read_ticket(surface.credentials.seed, "confirm", request.match_info["token"])
    facts = await surface.store.peek(message_id) if message_id else None
    if facts is None:
        return _page(Question("unknown"), reader_language(request))
    return _page(confirm.question_of(facts, surface.clock.now_ms()), reader_language(request))


async def post_confirm(request: web.Request) -> web.Response:
    """Take the answer; the page says what stands now."""
    surface, language = request.app[SURFACE], reader_language(request)
    message_id = read_ticket(surface.credentials.seed, "confirm", request.match_info["token"])
    question = Question("unknown")
    if message_id:
        question = await _answer(surface, message_id, language, caller_of(request))
    return _page(question, language)


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


def _page(question: Question, language: Language) -> web.Response:
    """Write the page of a question."""
    asked = question.asked
    named = what(asked.purpose, asked.channel, language) if asked else ""
    text = say(WORDS[question.state], language).format(what=named)
    button = say(WORDS["yes"], language) if question.state == "open" else ""
    return notice(text, language, status=STATUS[question.state], button=button)
