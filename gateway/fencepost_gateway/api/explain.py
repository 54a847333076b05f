"""
``GET /v1/explain``: why somebody did, or did not, get a message in some span of time.

Reads records and documents; ``reports.never`` says why nothing was considered.

Rule 1. The span is when the gateway learnt and decided. What happened in it but was told after it
        (a device was offline) is listed apart, as ``later``.
Rule 2. At most ``SCAN_MAX`` records are looked at for one answer and ``PAGE_MAX`` listed; ``next``
        leads on. What was never considered is said only where the whole span was looked at.
Rule 3. Without a campaign those that are live are gone through, journeys as well, each with its
        first reason.
Rule 4. Positions that could not speak are told as counts of the UTC days that the span touches, of
        the newest week; whichever campaign is asked for.
Rule 5. ``runs`` says where the person's journeys stand now, whichever time is asked about.
Rule 6. The answer is on the person's clock, in the language the reader accepts (``lang`` wins).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.decisions import clock_of, query_language, shown
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, query_int
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.spans import moment_ms, parse_moment, zone_named
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.unheard import unheard_within
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import KEPT_MS, BroadcastRow, DocumentRow, RecordRow
from fencepost_gateway.reports.never import never
from fencepost_gateway.reports.never_known import Finding, Known, told_names
from fencepost_gateway.reports.never_words import tell_never
from fencepost_gateway.reports.run_words import told_runs
from fencepost_gateway.reports.unheard_words import told_unheard

PAGE: Final = 50
PAGE_MAX: Final = 200
SCAN_MAX: Final = 5_000
LATER_MAX: Final = 200
LATER_MS: Final = 31 * 86_400_000  # older events are refused at the door
MOMENT_MAX_MS: Final = 1 << 47  # far off, and yet in the calendar of every zone
SPAN_MS: Final = 7 * 86_400_000
CAMPAIGNS_MAX: Final = 20
FENCES_MAX: Final = 200
DEVICES_MAX: Final = 100
STATEMENTS_MAX: Final = 1_000
MANY_MAX: Final = 200  # of one name
NAMES_MAX: Final = 20


class Wish(Struct, frozen=True):
    """What a request asks for."""

    person_id: str
    campaign_id: str
    from_ms: int
    until_ms: int
    after: tuple[int, int] | None
    limit: int
    tongue: Tongue


async def get_why(request: web.Request) -> web.Response:
    """List what was decided about somebody in a span of time, and why the rest was not."""
    surface = request.app[SURFACE]
    person_id = _person_id(request, surface)
    person = (await surface.store.persons([person_id])).get(person_id)
    wish = _wish(request, surface, person_id, person)
    versions = await _campaigns(surface, wish)
    rows, is_cut = await _rows(surface, wish)
    wanted = [
        row
        for row in _of_campaign(rows, wish.campaign_id)
        if wish.after is None or (row.at_ms, row.cursor) > wish.after
    ]
    listed = wanted[: wish.limit]
    cursor = listed[-1] if len(wanted) > wish.limit else rows[-1] if is_cut else None
    later = await _told_later(surface, wish)
    answer: dict[str, Any] = {
        "person_id": person_id,
        "campaign_id": wish.campaign_id,
        "from": wish.tongue.moment(wish.from_ms),
        "to": wish.tongue.moment(wish.until_ms),
        "zone": wish.tongue.zone,
        "language": wish.tongue.language,
        "runs": told_runs(surface.plans.plan, person, wish.campaign_id, wish.tongue),
        "decisions": [shown(row, wish.tongue) for row in listed],
        "later": [shown(row, wish.tongue) for row in later],
        "dropped": _dropped(wish, person),
        "never": [],
        "next": None if cursor is None else f"{cursor.at_ms}.{cursor.cursor}",
    }
    if is_cut:
        answer["never"] = [_told(wish, wish.campaign_id, [Finding("too_many")])]
    elif wish.after is None:
        answer["never"] = await _never(surface, wish, versions, person, rows, later)
    return as_json(answer)


# ---- what is asked -------------------------------------------------------------------------


def _person_id(request: web.Request, surface: Surface) -> str:
    user_id, person_id = request.query.get("user", ""), request.query.get("person", "")
    if bool(user_id) == bool(person_id):
        raise ApiError("malformed", "ask for one of user (a user id) and person", "user")
    return person_id or person_id_of_user(surface.settings.workspace, user_id)


def _wish(request: web.Request, surface: Surface, person_id: str, person: Person | None) -> Wish:
    zone = clock_of(surface, person)
    now_ms = surface.clock.now_ms()
    until_ms = asked_moment(request, "to", zone, now_ms + 1)  # what is decided now belongs to it
    from_ms = asked_moment(request, "from", zone, until_ms - SPAN_MS)
    if from_ms >= until_ms:
        raise ApiError("malformed", "from must be before to", "from")
    return Wish(
        person_id=person_id,
        campaign_id=request.query.get("campaign", ""),
        from_ms=from_ms,
        until_ms=until_ms,
        after=_after(request),
        limit=max(1, query_int(request, "limit", PAGE, PAGE_MAX)),
        tongue=Tongue(query_language(request), zone),
    )


def asked_moment(request: web.Request, name: str, zone: str, default_ms: int) -> int:
    """Read a moment of the query, in a zone where it has no offset of its own."""
    text = request.query.get(name, "")
    if not text:
        return default_ms
    moment = parse_moment(text)
    at_ms = None if moment is None else moment_ms(moment, zone_named(zone))
    if at_ms is None or not 0 <= at_ms <= MOMENT_MAX_MS:
        how = "must be a date or a moment, such as 2026-06-02T18:00 or 2026-06-02T18:00+09:00"
        raise ApiError("malformed", f"{name} {how}", name)
    return at_ms


def _after(request: web.Request) -> tuple[int, int] | None:
    text = request.query.get("after", "")
    if not text:
        return None
    at_ms, dot, cursor = text.partition(".")
    if not dot or not all(n.isascii() and n.isdigit() and len(n) < 19 for n in (at_ms, cursor)):  # noqa: PLR2004 - digits of 64 bits
        raise ApiError("malformed", "after must be `next` of the last answer", "after")
    return int(at_ms), int(cursor)


async def _campaigns(surface: Surface, wish: Wish) -> Mapping[str, Sequence[DocumentRow]]:
    """Give every version of the campaign or journey that is asked for, else of what is live."""
    names = [wish.campaign_id] if wish.campaign_id else sorted(surface.plans.plan.campaigns)
    rows = await surface.store.versions("campaign", names[:CAMPAIGNS_MAX])
    rows = [*rows, *await surface.store.versions("journey", names[:CAMPAIGNS_MAX])]
    if wish.campaign_id and not rows:
        how = "no campaign or journey of this id was ever published"
        raise ApiError("not_found", how, "campaign")
    return _by_id(sorted(rows, key=lambda row: (row.id, row.applied_ms, row.version)))


def _by_id(rows: Iterable[DocumentRow]) -> dict[str, list[DocumentRow]]:
    found: dict[str, list[DocumentRow]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return found


# ---- what was decided ----------------------------------------------------------------------


async def _rows(surface: Surface, wish: Wish) -> tuple[list[RecordRow], bool]:
    """Give the records of the span, or those behind ``after`` where there are too many."""
    start = (wish.from_ms, 0)
    story = surface.store.people.story
    rows = await story(wish.person_id, start, wish.until_ms, SCAN_MAX + 1)
    if len(rows) > SCAN_MAX and wish.after is not None:
        rows = await story(wish.person_id, wish.after, wish.until_ms, SCAN_MAX + 1)
    return rows[:SCAN_MAX], len(rows) > SCAN_MAX


def _of_campaign(rows: Sequence[RecordRow], campaign_id: str) -> list[RecordRow]:
    """Give the records of one campaign, with what devices say of its deliveries; or all."""
    if not campaign_id:
        return list(rows)
    found, deliveries = [], set()
    for row in rows:
        delivery_id = row.body.get("delivery_id")
        if row.body.get("campaign_id") == campaign_id:
            deliveries.add(delivery_id)
            found.append(row)
        elif delivery_id and delivery_id in deliveries:
            found.append(row)
    return found


async def _told_later(surface: Surface, wish: Wish) -> list[RecordRow]:
    """Give what happened in the span and was told after it (Rule 1)."""
    start, end_ms = (wish.until_ms, 0), wish.until_ms + LATER_MS
    rows = await surface.store.people.story(wish.person_id, start, end_ms, LATER_MAX)

    def happened_ms(row: RecordRow) -> int:
        at_ms: int = row.body.get("cause_at_ms") or row.body.get("at_ms") or row.at_ms
        return at_ms

    inside = [r for r in rows if wish.from_ms <= happened_ms(r) < wish.until_ms]
    return [r for r in inside if wish.campaign_id in {"", r.body.get("campaign_id")}][:PAGE]


# ---- what was not --------------------------------------------------------------------------


async def _never(
    surface: Surface,
    wish: Wish,
    versions: Mapping[str, Sequence[DocumentRow]],
    person: Person | None,
    rows: Sequence[RecordRow],
    later: Sequence[RecordRow],
) -> list[dict[str, Any]]:
    considered = {row.body.get("campaign_id") for row in rows}
    names = [name for name in versions if name not in considered]
    if not names:
        return []
    if person is None and rows:
        person = Person(wish.person_id)  # a visitor who has become somebody else
    unheard = {name: versions[name] for name in names}
    known = await _known(surface, wish, person, rows, unheard)
    if not (person or known.devices or known.statements):
        return [_told(wish, wish.campaign_id, [Finding("never_heard")])]  # once, for all of them
    answers = []
    for name in names:
        found = never(surface.plans.plan, versions[name], known)
        if any(row.body.get("campaign_id") == name for row in later):
            found.insert(0, Finding("told_later"))
        answers.append(_told(wish, name, found if wish.campaign_id else found[:1]))
    return answers


def _dropped(wish: Wish, person: Person | None) -> list[dict[str, Any]]:
    if person is None:
        return []
    return told_unheard(unheard_within(person, wish.from_ms, wish.until_ms), wish.tongue)


async def _known(
    surface: Surface,
    wish: Wish,
    person: Person | None,
    rows: Sequence[RecordRow],
    versions: Mapping[str, Sequence[DocumentRow]],
) -> Known:
    store = surface.store
    told = [row for row in rows if row.kind == "transition"]
    policy_ids = [each.policy_id for each in surface.plans.plan.every_policy]
    fence_ids = list(dict.fromkeys(row.body["fence_id"] for row in reversed(told)))[:FENCES_MAX]
    many, is_many_cut = await _many(surface, wish, versions)
    return Known(
        person_id=wish.person_id,
        from_ms=wish.from_ms,
        until_ms=wish.until_ms,
        person=person,
        told=told,
        devices=await store.people.devices_of(wish.person_id, DEVICES_MAX),
        statements=await store.people.statements(wish.person_id, STATEMENTS_MAX),
        fences=_by_id(await store.versions("fence", fence_ids)),
        policies=await store.versions("policy", policy_ids),
        moved=[row for row in rows if row.kind == "audience"],
        many=many,
        is_many_cut=is_many_cut,
    )


async def _many(
    surface: Surface, wish: Wish, versions: Mapping[str, Sequence[DocumentRow]]
) -> tuple[list[BroadcastRow], bool]:
    """Give what many were told of that these wait for; and whether there may be more of it."""
    names = sorted({name for each in versions.values() for name in told_names(each)})
    rows: list[BroadcastRow] = []
    is_cut = len(names) > NAMES_MAX or wish.from_ms < surface.clock.now_ms() - KEPT_MS
    for name in names[:NAMES_MAX]:
        page = await surface.store.broadcasts.page(0, MANY_MAX, name=name)
        is_cut |= len(page) == MANY_MAX and page[-1].appended_ms >= wish.from_ms
        rows += page
    return rows, is_cut


def _told(wish: Wish, campaign_id: str, found: Sequence[Finding]) -> dict[str, Any]:
    """Give findings with their sentences."""
    return {
        "campaign_id": campaign_id,
        "reason": found[0].code,
        "words": [tell_never(one.code, one.facts, wish.tongue) for one in found],
        "findings": [{"code": one.code, **one.facts} for one in found],
    }
