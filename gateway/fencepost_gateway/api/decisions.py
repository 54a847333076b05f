"""
Decisions: why somebody did, or did not, get a message.

Reads the records that pipeline and claim wrote; computes no outcome of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from fencepost_gateway.api.surface import SURFACE, Surface, as_json, query_int
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.rule_facts import person_zone
from fencepost_gateway.decide.spans import zone_named
from fencepost_gateway.decide.tongue import ENGLISH, LANGUAGES, Language, Tongue, language_of
from fencepost_gateway.decide.unheard import unheard_within
from fencepost_gateway.decide.words import tell
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.reports.unheard_words import told_unheard

PAGE = 200
CURSOR_MAX = (1 << 63) - 1


async def get_decisions(request: web.Request) -> web.Response:
    """List records behind a cursor, of everybody or of one user."""
    surface = request.app[SURFACE]
    after = query_int(request, "after", 0, CURSOR_MAX)
    limit = query_int(request, "limit", PAGE, PAGE)
    user_id = request.query.get("user_id")
    person_id = person_id_of_user(surface.settings.workspace, user_id) if user_id else ""
    rows = await surface.store.records(after, limit, person_id=person_id)
    cursor = rows[-1].cursor if rows else after
    return as_json({"records": [shown(r) for r in rows], "cursor": cursor})


async def get_decision(request: web.Request) -> web.Response:
    """Give everything that is known about one id: a message, a delivery, a run, a visit."""
    language = query_language(request)
    return as_json(await explain(request.app[SURFACE], request.match_info["id"], language))


def query_language(request: web.Request) -> Language:
    """
    Give the language of the answer: ``lang``, else the best that is accepted.

    Raises:
        ApiError: ``lang`` is none that is spoken here.

    """
    asked = request.query.get("lang", "")
    if not asked:
        return language_of(request.headers.get("Accept-Language", ""))
    for language in LANGUAGES:
        if asked == language:
            return language
    raise ApiError("malformed", f"lang must be one of: {', '.join(LANGUAGES)}", "lang")


def clock_of(surface: Surface, person: Person | None) -> str:
    """Name the zone on whose clock somebody's records are told; UTC if nobody knows."""
    zone = (person_zone(person) if person else "") or surface.plans.plan.workspace_zone
    return zone if zone_named(zone) else "UTC"


async def explain(
    surface: Surface, subject: str, language: Language, person_id: str = "", device_id: str = ""
) -> dict[str, Any]:
    """
    Gather the records of one id, and those of the run it belongs to, in order.

    Args:
        surface: The gateway's parts.
        subject: Id of a message, delivery, run or visit.
        language: In which it is said.
        person_id: Whose it must be, if it matters.
        device_id: Of whose positions alone it is told how many did not count; empty: of all.

    Raises:
        ApiError: There is nothing of this id (or not of this person).

    """
    subject = await surface.store.message_of(subject) or subject
    rows = await surface.store.records(0, PAGE, subject=subject)
    related = {str(r.body.get(name) or "") for r in rows for name in ("run_id", "delivery_id")}
    related |= {str(m) for r in rows for m in r.body.get("message_ids", ())}
    for other in sorted(related - {subject, ""}):
        rows += await surface.store.records(0, PAGE, subject=other)
    rows = sorted({r.cursor: r for r in rows}.values(), key=lambda r: r.cursor)
    if not rows or (person_id and any(r.person_id != person_id for r in rows)):
        raise ApiError("not_found")
    whose = rows[0].person_id
    person = (await surface.store.persons([whose])).get(whose)
    tongue = Tongue(language, clock_of(surface, person))
    words = [line for row in rows for line in tell(row.kind, row.body, tongue)]
    return {
        "id": subject,
        "words": words,
        "records": [shown(r, tongue) for r in rows],
        "dropped": _dropped(person, rows, tongue, device_id),
    }


def _dropped(
    person: Person | None, rows: Sequence[RecordRow], tongue: Tongue, device_id: str
) -> list[dict[str, Any]]:
    """Give the counts of positions that could not speak, of the days of these records."""
    moments = [row.at_ms for row in rows]
    found = unheard_within(person, min(moments), max(moments) + 1) if person else []
    return told_unheard([one for one in found if device_id in {"", one.device_id}], tongue)


def shown(row: RecordRow, tongue: Tongue = ENGLISH) -> dict[str, Any]:
    """Give a record as the surface shows it."""
    return {
        "cursor": row.cursor,
        "at_ms": row.at_ms,
        "person_id": row.person_id,
        "kind": row.kind,
        "subject": row.subject,
        "words": tell(row.kind, row.body, tongue),
        "body": row.body,
    }
