"""
Preferences: the page on which a person sees and changes what they allow.

Rule 1. The ticket of a message is all there is to know: no account, no cookie, no script. GET shows
        and changes nothing. The person is whoever the message's is by now.
Rule 2. One POST is one commit: every statement with its proof, what withdrawals take back, a pause,
        what is asked for. It is answered when it is in force for the next claim; the store away,
        503 and nothing.
Rule 3. What a form comes to is decided in ``decide.choices``, inside that commit.
Rule 4. Addresses are shown masked. What stands in the URL beyond the ticket is the language.
Rule 5. A yes that is to be confirmed starts what asks for it: every campaign that may be started by
        a call and whose template confirms just this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import read_raw
from fencepost_gateway.api.page import as_page, foreign, notice, page, reader_language, say
from fencepost_gateway.api.preference_form import Told, View, body_of, title_of
from fencepost_gateway.api.preference_words import TEXTS, wording_of
from fencepost_gateway.api.surface import SURFACE, Surface, caller_of
from fencepost_gateway.decide import consent
from fencepost_gateway.decide.case import campaign_of, phone_of
from fencepost_gateway.decide.choices import PAUSE, Choice, Form, Subject, choose
from fencepost_gateway.decide.consent import LOCATION_ACTIVE, ConsentEntry
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.plan import ApiEntry, Plan
from fencepost_gateway.decide.tongue import Language
from fencepost_gateway.intake.admission import Withdrawal, spares_none
from fencepost_gateway.intake.records import Started
from fencepost_gateway.intake.statement import Caller, ConsentChange
from fencepost_gateway.intake.tickets import read_ticket
from fencepost_gateway.ports import Chosen, Preferences, RequestKind

SURFACE_NAME: Final = "preference page"
BODY_MAX_BYTES: Final = 16_384
KINDS: Final[tuple[RequestKind, ...]] = ("export", "erasure")


class Sent(Struct, frozen=True):
    """A form as it came in: the choice, what is asked for, and from where."""

    form: Form
    asks: tuple[RequestKind, ...]
    caller: Caller
    language: Language


@as_page
async def get_preferences(request: web.Request) -> web.Response:
    """Show how it stands."""
    surface, message_id = request.app[SURFACE], _message_of(request)
    found = await surface.store.preferences.read(message_id) if message_id else None
    if found is None:
        return _nothing(request, message_id)
    return _page(surface, found, reader_language(request, found.facts.person.locale))


@as_page
async def post_preferences(request: web.Request) -> web.Response:
    """Take what was chosen; the page says what came of it, and how it stands now."""
    surface, message_id = request.app[SURFACE], _message_of(request)
    now_ms = surface.clock.now_ms()
    found = await surface.store.preferences.read(message_id) if message_id else None
    if found is None:
        return _nothing(request, message_id)
    language = reader_language(request, found.facts.person.locale)
    body = await read_raw(request, BODY_MAX_BYTES)
    sent = _sent(parse_qs(body.decode("utf-8", "replace")), caller_of(request), language)
    told = [Told()]

    def decide(now: Preferences) -> Chosen:
        choice, chosen = _chosen(surface.plans.plan, now, sent, now_ms)
        is_new = any(kind not in {row.kind for row in now.requests} for kind in chosen.requests)
        told[0] = Told(choice, no_to_all=sent.form.no_to_all, requested=is_new, is_answer=True)
        return chosen

    await surface.store.preferences.take(message_id, decide, now_ms)
    surface.wakes.log.set()
    after = await surface.store.preferences.read(message_id)
    return _page(surface, after or found, language, told[0])


def _sent(fields: Mapping[str, list[str]], caller: Caller, language: Language) -> Sent:
    form = Form(
        seen=fields.get("seen", [""])[0],
        shown=frozenset(fields.get("shown", [])),
        ticked=frozenset(fields.get("on", [])),
        no_to_all=fields.get("do", [""])[0] == "none",
    )
    asks = tuple(kind for kind in KINDS if kind in fields.get("ask", []))
    return Sent(form, asks, caller, language)


def subject_of(plan: Plan, found: Preferences, now_ms: int) -> Subject:
    """Give who chooses, under the policies that hold for them."""
    facts = found.facts
    law = jurisdiction_of(plan, facts.person, phone_of(facts), now_ms)
    return Subject(law.policies, facts.consents, facts.addresses)


def _chosen(plan: Plan, found: Preferences, sent: Sent, now_ms: int) -> tuple[Choice, Chosen]:
    subject = subject_of(plan, found, now_ms)
    choice = choose(subject, sent.form, now_ms)
    person_id, message_id = found.facts.message.person_id, found.facts.message.message_id
    before = {entry.key: entry for entry in subject.entries}
    stands = (before | {entry.key: entry for entry in choice.entries}).values()
    changes = [
        ConsentChange(
            person_id,
            entry,
            before[entry.key].value if entry.key in before else "u",
            _proof(entry, message_id, sent),
        )
        for entry in choice.entries
    ]
    return choice, Chosen(
        changes=changes,
        withdrawals=[*_withdrawals(plan, subject, person_id, choice)],
        locates=consent.allows_under(subject.policies, [*stands], "location_collect").allowed,
        requests={kind: _due_ms(subject, now_ms) for kind in sent.asks},
        starts=[*_starts(plan, choice, person_id, message_id, now_ms)],
    )


def _proof(entry: ConsentEntry, message_id: str, sent: Sent) -> dict[str, Any]:
    caller = sent.caller
    purpose = PAUSE if entry.purpose == LOCATION_ACTIVE else entry.purpose
    return {
        **wording_of(purpose, entry.channel, sent.language),
        "surface": SURFACE_NAME,
        "method": "form",
        "message_id": message_id,
        "actor": "person",
        **({"ip": caller.ip} if caller.ip else {}),
        **({"request_id": caller.request_id} if caller.request_id else {}),
    }


def _withdrawals(
    plan: Plan, subject: Subject, person_id: str, choice: Choice
) -> Iterator[Withdrawal]:
    """Give what takes pending messages back, as the door does (``admit``, Rule 7)."""
    for entry in choice.entries:
        purpose = entry.purpose
        if purpose not in ("marketing", *consent.LOCATION, LOCATION_ACTIVE):
            continue
        denied = [p for p in subject.policies if not consent.grants(p, purpose, entry.value)]
        is_no = entry.value == "n" or purpose != "marketing"
        if denied and is_no:
            is_marketing = purpose in {"marketing", "location_marketing"}
            spares = plan.is_service if is_marketing else spares_none
            named = f"{denied[0].policy_id} v{denied[0].version}"
            yield Withdrawal(person_id, purpose, entry.value, named, spares, entry.channel)


def _starts(
    plan: Plan, choice: Choice, person_id: str, message_id: str, now_ms: int
) -> Iterator[Started]:
    """Start what asks for a confirmation (Rule 5)."""
    key = f"preferences {message_id} {now_ms}"
    for campaign_id, campaign in sorted(plan.campaigns.items()):
        template = plan.templates.get(campaign.message.template_id)
        if template is None or not any(isinstance(e, ApiEntry) for e in campaign.entries):
            continue
        confirms = {f"{template.confirms}.{channel}" for channel in campaign.message.channels}
        if not confirms.isdisjoint(choice.asked):
            yield Started(campaign_id, person_id, key, now_ms)


def _due_ms(subject: Subject, now_ms: int) -> int:
    days = min(policy.answer_days for policy in subject.policies)
    due = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(days=days)
    return round(due.timestamp() * 1000)


def _page(
    surface: Surface, found: Preferences, language: Language, told: Told | None = None
) -> web.Response:
    plan, now_ms = surface.plans.plan, surface.clock.now_ms()
    subject = subject_of(plan, found, now_ms)
    brand = plan.brand_of(campaign_of(plan, found.facts))
    view = View(
        subject=subject,
        requests=found.requests,
        due_ms=_due_ms(subject, now_ms),
        brand=brand.name if brand else plan.workspace_name,
        zone=plan.workspace_zone,
        told=told or Told(),
    )
    return page(title_of(view, language), body_of(view, language), language)


def _nothing(request: web.Request, message_id: str) -> web.Response:
    """Say what to do with a link that is none of ours, or that leads to nothing any more."""
    language = reader_language(request)
    if not message_id:
        return foreign(language)
    return notice(say(TEXTS["gone"], language), language, status=410)


def _message_of(request: web.Request) -> str:
    seed = request.app[SURFACE].credentials.seed
    return read_ticket(seed, "preferences", request.match_info["token"])
