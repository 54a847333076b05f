"""
``GET /v1/history``: the timeline of a person, as far back as history goes.

Reads rows and records; decides nothing.

Rule 1. The newest come first: what happened, and between it what was decided of it.
Rule 2. It is masked (``reports.history_words``): no address, no coordinate, no value of a property
        or attribute is in the answer, whoever asks.
Rule 3. ``before`` pages back; the answer names the next one, null where history ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from fencepost_gateway.api.decisions import clock_of, query_language
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, query_int
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.words import tell
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.history import unpack
from fencepost_gateway.ports import CURSOR_END, HistoryRow, RecordRow
from fencepost_gateway.reports.history_words import LINES, happened_ms, tell_happening, what

LIMIT: Final = 50
LIMIT_MAX: Final = 500
DECIDED: Final = ("step", "claim", "audience", "merge")
UNKNOWN: Final = "nothing is recorded of anybody by this: user ids are compared letter by letter"


async def get_history(request: web.Request) -> web.Response:
    """Give what happened to somebody, the newest first."""
    surface = request.app[SURFACE]
    person_id = await _asked(request)
    limit = query_int(request, "limit", LIMIT, LIMIT_MAX)
    before = query_int(request, "before", CURSOR_END, CURSOR_END)
    person = (await surface.store.persons([person_id])).get(person_id)
    happened = await surface.store.history.newest(person_id, limit, before=before)
    if person is None and not happened:
        raise ApiError("not_found", UNKNOWN, "user")
    tongue = Tongue(query_language(request), clock_of(surface, person))
    decided = await _decided(surface, person_id, happened, limit, before)
    fences = {name: each.name for name, each in surface.plans.plan.fences.items()}
    found = [*_told(happened, fences, tongue), *_shown(decided, tongue)]
    found.sort(key=lambda one: -one["at_ms"])  # of one moment what happened stands before
    user = (person.user_id if person else "") or tongue.say(LINES["a_visitor"])
    view = {
        "person_id": person_id,
        "user_id": person.user_id if person else "",
        "zone": tongue.zone,
        "before": happened[-1].cursor if len(happened) == limit else None,
        "timeline": found,
    }
    head = tongue.say(LINES["head"], user=user, person=person_id)
    lines = [f"  {tongue.moment(one['at_ms'])}  {one['words']}" for one in found]
    return as_json(view | {"words": [head, *(lines or [tongue.say(LINES["nothing"])])]})


async def _asked(request: web.Request) -> str:
    surface = request.app[SURFACE]
    user_id, person_id = request.query.get("user"), request.query.get("person")
    if bool(user_id) == bool(person_id):
        raise ApiError("malformed", "ask for one of user and person", "user")
    if user_id:
        return person_id_of_user(surface.settings.workspace, user_id)
    asked = person_id or ""
    return (await surface.store.resolve([asked])).get(asked, asked)


async def _decided(
    surface: Surface, person_id: str, happened: list[HistoryRow], limit: int, before: int
) -> list[RecordRow]:
    """Give what was decided in the time that is told: of what is kept, the newest."""
    first_ms = happened[-1].at_ms if len(happened) == limit else 0
    last_ms = happened[0].at_ms if happened and before < CURSOR_END else CURSOR_END
    rows = await surface.store.people.newest_story(person_id, LIMIT_MAX)
    return [r for r in rows if r.kind in DECIDED and first_ms <= r.at_ms <= last_ms]


def _told(
    rows: list[HistoryRow], fences: dict[str, str], tongue: Tongue
) -> Iterator[dict[str, Any]]:
    for row in rows:
        for each in reversed(unpack(row.body).happened):
            yield {
                "at_ms": happened_ms(each, row.at_ms),
                "recorded_ms": row.at_ms,
                "kind": what(each),
                "words": tell_happening(each, fences, tongue),
            }


def _shown(rows: list[RecordRow], tongue: Tongue) -> Iterator[dict[str, Any]]:
    for row in rows:
        words = tell(row.kind, row.body, tongue)
        yield {
            "at_ms": row.at_ms,
            "recorded_ms": row.at_ms,
            "kind": row.kind,
            "subject": row.subject,
            "words": f"→ {words[0]}  [{row.subject}]",
        }
