"""
Unsubscribe: one click says no to advertising on the channel of a message (RFC 8058).

Rule 1. GET shows a page with a button and changes nothing: scanners open links. Only POST acts.
Rule 2. POST needs no cookie, key, account, answer or form: what is in its body is not looked at, so
        a mail program's one click and our own button are the same. It is answered, with 200, once
        the no is committed and so holds for the next claim; before that 503.
Rule 3. The ticket names a message. The no is for its person, whoever they are by now, and for the
        address it went to; one that was never called is a no on every channel.
Rule 4. A ticket has no date. Whoever has one that is ours gets the same friendly answer, even if
        nothing is known of the message any more: there is nobody left to send to.
Rule 5. Again changes nothing.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fencepost_gateway.api.page import as_page, foreign, link, notice, reader_language, say
from fencepost_gateway.api.page_words import what
from fencepost_gateway.api.surface import SURFACE, Surface, caller_of
from fencepost_gateway.decide.consent import ANY
from fencepost_gateway.decide.tongue import Language, Said
from fencepost_gateway.intake.refusals import Refusal
from fencepost_gateway.intake.statement import Caller
from fencepost_gateway.intake.tickets import read_ticket, write_ticket

SURFACE_NAME: Final = "unsubscribe page"
UNADDRESSED: Final = ("in_app",)  # its reference is everybody's

ASK: Final = Said("Do you want no more {what}?", "{what}를 더 이상 받지 않으시겠습니까?")
YES: Final = Said("Unsubscribe", "수신 거부")
DONE: Final = Said(
    "Done. You will get no more {what}.", "처리되었습니다. {what}를 더 이상 보내지 않습니다."
)
MORE: Final = Said("See and change all your choices", "모든 수신 설정 보기")


@as_page
async def get_unsubscribe(request: web.Request) -> web.Response:
    """Ask, with a button; nothing is changed."""
    surface = request.app[SURFACE]
    message_id = _message_of(request)
    if not message_id:
        return foreign(reader_language(request))
    found = await surface.store.preferences.read(message_id)
    language = reader_language(request, found.facts.person.locale if found else "")
    reached = await surface.store.preferences.reached(message_id)
    return _page(surface, ASK, message_id, reached, language, button=say(YES, language))


@as_page
async def post_unsubscribe(request: web.Request) -> web.Response:
    """Say no, at once; the answer comes when it is in force."""
    surface = request.app[SURFACE]
    message_id = _message_of(request)
    if not message_id:
        return foreign(reader_language(request))
    found = await surface.store.preferences.read(message_id)
    reached = await surface.store.preferences.reached(message_id)
    language = reader_language(request, found.facts.person.locale if found else "")
    if found is not None:
        person_id = found.facts.message.person_id
        refusal = _refusal(surface, message_id, person_id, reached, caller_of(request))
        await surface.store.refusals.take(refusal, surface.clock.now_ms())
        surface.wakes.log.set()
    return _page(surface, DONE, message_id, reached, language)


def _refusal(
    surface: Surface,
    message_id: str,
    person_id: str,
    reached: tuple[str, str] | None,
    caller: Caller,
) -> Refusal:
    now_ms = surface.clock.now_ms()
    channel, ref = reached or (ANY, "")
    proof = {"surface": SURFACE_NAME, "message_id": message_id}
    proof |= {"ip": caller.ip} if caller.ip else {}
    proof |= {"request_id": caller.request_id} if caller.request_id else {}
    return Refusal(
        # Each click is a no of its own: there may have been a yes since the last one.
        refusal_id=f"unsubscribe {message_id} {now_ms}",
        method="one_click",
        said_ms=now_ms,
        spares=surface.plans.plan.is_service,
        person_id=person_id,
        channel="" if channel == ANY else channel,
        ref="" if channel in UNADDRESSED else ref,
        scope="channel" if reached else "all",
        proof=proof,
    )


def _page(
    surface: Surface,
    text: Said,
    message_id: str,
    reached: tuple[str, str] | None,
    language: Language,
    *,
    button: str = "",
) -> web.Response:
    named = what("marketing", reached[0] if reached else ANY, language)
    href = "../preferences/" + write_ticket(surface.credentials.seed, "preferences", message_id)
    more = link(f"{href}?lang={language}", say(MORE, language))
    return notice(say(text, language).format(what=named), language, button=button, more=more)


def _message_of(request: web.Request) -> str:
    seed = request.app[SURFACE].credentials.seed
    return read_ticket(seed, "unsubscribe", request.match_info["token"])
