"""
``/v1/journeys``: where people are in journeys and campaigns, and the switches that steer them.

Rule 1. A switch is in force with the next claim once it is answered: it was written where the claim
        reads it. Entering and walking obey from its record in the log on.
Rule 2. Turning a switch that stands so already changes nothing, and leaves no act.
Rule 3. ``by`` of an act is the role of the key, and who the caller says they are. Of the notes of
        operators nothing is asked; they are for people, and reach no log.
Rule 4. Rolling back publishes the text of an older version as a new one, checked with what is live
        now. Runs keep the version they entered with.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.documents import publish, refused, try_to_publish
from fencepost_gateway.api.shelf import Publisher, Shelf, changes
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment, query_int
from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.content.page_links import messages_in, page_links
from fencepost_gateway.decide.control import Action, Control, Mode, turned
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Document, errors_of
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import Act, DocumentRow, JourneyPlace, Waiting
from fencepost_gateway.reports.goal_results import goal_results
from fencepost_gateway.reports.journey_states import (
    STUCK_MS,
    Flows,
    Lateness,
    Standings,
    gathered,
    rank_of,
    stages_of,
    steps_of,
    summed,
)
from fencepost_gateway.reports.stuck import stuck_of
from fencepost_gateway.workers.plans import stored

ACTIONS: Final = (*get_args(Action), "rollback")
ACTS_SHOWN: Final = 20
DAYS_MAX: Final = 400
NOTE_MAX: Final = 200
WHO_MAX: Final = 64
DAY_MS: Final = 86_400_000
ALL_MARKETING: Final = ""  # what an emergency stop is an act of


class ControlRequest(Struct):
    """A switch to turn, and why; ``to``: with rollback, which version."""

    action: Literal["pause", "resume", "close", "open", "stop", "rollback"]
    mode: Mode = "hold"
    note: str = ""
    who: str = ""
    to: int | None = None


async def get_journeys(request: web.Request) -> web.Response:
    """Give every live journey and campaign with its state and where people are, in sums."""
    surface = request.app[SURFACE]
    book, now_ms = surface.store.journeys, surface.clock.now_ms()
    counts = await book.sums(_since_day(request, now_ms))
    waiting = await book.waiting(now_ms - STUCK_MS)
    held, controls = await book.held(), await book.controls()
    shown = []
    for name, campaign in sorted(surface.plans.plan.campaigns.items()):
        found = gathered(
            (each for each in counts if each.place.campaign_id == name),
            (each for each in waiting if each.place.campaign_id == name),
        )
        control = controls.get(name) or Control(name)
        head: dict[str, Any] = {"id": name, "kind": _kind(is_journey=campaign.is_journey)}
        head |= {"version": campaign.version, "state": control.state, "mode": control.paused}
        shown.append(head | {"messages_held": held.get(name, 0)} | summed(found))
    stops = await book.acts(ALL_MARKETING, 1)
    is_stopped = bool(stops) and stops[0].action == "emergency_stop"
    return as_json({"journeys": shown, "emergency_stop": is_stopped})


async def get_journey(request: web.Request) -> web.Response:
    """Give where people are in one journey: by step and stage, stuck; and what came of its goal."""
    surface, name = request.app[SURFACE], request.match_info["id"]
    book, now_ms = surface.store.journeys, surface.clock.now_ms()
    waiting = await book.waiting(now_ms - STUCK_MS, name)
    counts = await book.counts(_since_day(request, now_ms), name)
    campaign = surface.plans.plan.campaigns.get(name)
    if campaign is None and not counts and not waiting:
        raise _unknown(surface, name)
    found = gathered(counts, waiting)
    flows = {key: flow for key, flow in surface.plans.plan.flows.items() if key[0] == name}
    control = (await book.controls()).get(name) or Control(name)
    held = (await book.held()).get(name, 0)
    late = await _lateness(surface, found, now_ms)
    steps = steps_of(found, flows, late, now_ms)
    answer = {
        "id": name,
        "kind": _kind(is_journey=campaign.is_journey if campaign else bool(flows)),
        "version": campaign.version if campaign else None,
        "state": control.state if campaign else "archived",
        "mode": control.paused,
        "messages_held": held,
        **summed(found),
        "goals": goal_results(counts, campaign.goal if campaign else None),
        "steps": steps,
        "stages": stages_of(found),
        "stuck": await _stuck(surface, name, steps, found, flows),
        "acts": [_act(each) for each in await book.acts(name, ACTS_SHOWN)],
    }
    return as_json(answer)


async def _stuck(
    surface: Surface, name: str, steps: list[dict[str, Any]], found: Standings, flows: Flows
) -> dict[str, Any]:
    plan = surface.plans.plan
    links = {
        (part.version, step_id): page_links(plan, part)
        for part, step_id in messages_in(plan)
        if part.campaign_id == name
    }
    known = {row.url: row for row in await surface.store.links.rows()}
    stuck = stuck_of(steps, found, flows, links, known)
    return {"links_asked": surface.settings.check_links, **stuck}


async def post_control(request: web.Request) -> web.Response:
    """Pause, resume, close, open, stop or roll back; `changed` false: it stood so already."""
    surface, name = request.app[SURFACE], request.match_info["id"]
    wish = await decode(request, ControlRequest)
    by = operator(wish.who)
    note = bounded("note", wish.note, NOTE_MAX)
    if wish.action == "rollback":
        return await _roll_back(surface, name, wish.to, by, note)
    if name not in surface.plans.plan.campaigns:
        raise _unknown(surface, name)
    action, mode, now_ms = wish.action, wish.mode, surface.clock.now_ms()
    detail = mode if action == "pause" else ""
    act = Act(0, now_ms, by, action, name, detail, note)
    turn = await surface.store.journeys.steer(
        act, lambda control: turned(control, action, mode, now_ms)
    )
    if turn is None:
        raise ApiError("journey_is_stopped", f"{name} was stopped: open it first", "action")
    before, after = turn
    surface.wakes.log.set()
    surface.wakes.messages.set()
    return as_json({"id": name, "state": after.state, "was": before.state,
                    "mode": after.paused, "changed": after != before})  # fmt: skip


async def _roll_back(
    surface: Surface, name: str, to: int | None, by: str, note: str
) -> web.Response:
    async def attempt(shelf: Shelf) -> web.Response | None:
        live = next((r for r in shelf.live if r.kind in SENDING and r.id == name), None)
        if live is None:
            raise _unknown(surface, name)
        older = _older(await surface.store.versions(live.kind, [name]), live, to)
        (meant,) = stored([older])
        document = Document(live.kind, name, meant.body)
        found = errors_of(
            await asyncio.to_thread(check, [document], stored(shelf.live), lint_documents)
        )
        if found:
            return refused(found)
        now_ms = surface.clock.now_ms()
        rows = changes([document], shelf, Publisher(by, "", now_ms))
        revision = await publish(surface, rows, shelf)
        if revision is None:
            return None
        version = rows[0].version if rows else live.version
        detail = f"v{older.version} again as v{version}"
        if rows:
            act = Act(0, now_ms, by, "rollback", name, detail, note)
            await surface.store.journeys.note(act)
        return as_json({"id": name, "version": version, "text_of": older.version,
                        "changed": bool(rows), "revision": revision})  # fmt: skip

    return await try_to_publish(surface, attempt)


def _older(rows: Sequence[DocumentRow], live: DocumentRow, to: int | None) -> DocumentRow:
    """Give the version that is meant; without one the newest that says something else."""
    texts = [row for row in rows if row.state == "live"]
    if to is None:
        before = [r for r in texts if r.version < live.version and r.body != live.body]
        if not before:
            raise ApiError("not_found", "there is no version before that says anything else", "to")
        return max(before, key=lambda row: row.version)
    for row in texts:
        if row.version == to:
            return row
    known = ", ".join(str(row.version) for row in texts[-10:])
    raise ApiError("not_found", f"there is no version {to}; the newest are {known}", "to")


async def _lateness(
    surface: Surface, found: Standings, now_ms: int
) -> dict[JourneyPlace, Lateness]:
    """Ask how long people wait at each step, and how much they are overdue (p95)."""
    book, late = surface.store.journeys, {}
    for place, waiting in found.waiting.items():
        if not place.step_id:
            continue
        since_ms = await book.waiting_since(place, rank_of(_count(waiting)))
        overdue = sum(each.overdue for each in waiting)
        due_ms = await book.due_since(place, rank_of(overdue)) if overdue else None
        late[place] = Lateness(
            waits_ms=None if since_ms is None else max(0, now_ms - since_ms),
            overdue_ms=None if due_ms is None else max(0, now_ms - due_ms),
        )
    return late


def _count(waiting: Sequence[Waiting]) -> int:
    return sum(each.count for each in waiting)


def _since_day(request: web.Request, now_ms: int) -> int:
    days = query_int(request, "days", 0, DAYS_MAX)
    return now_ms // DAY_MS - days + 1 if days else 0


def _kind(*, is_journey: bool) -> str:
    return "journey" if is_journey else "campaign"


def _act(act: Act) -> dict[str, Any]:
    return {"at": moment(act.at_ms), "by": act.by, "action": act.action, "detail": act.detail,
            "note": act.note}  # fmt: skip


def operator(who: str) -> str:
    """Name who acts: the role of the key, and whom the caller says it is (Rule 3)."""
    return f"operator {bounded('who', who, WHO_MAX)}".strip()


def bounded(name: str, text: str, most: int) -> str:
    """Refuse a text that is too long, or not one line."""
    if len(text) > most or not text.isprintable():
        raise ApiError("malformed", f"{name} has at most {most} characters, on one line", name)
    return text


def _unknown(surface: Surface, name: str) -> ApiError:
    near = difflib.get_close_matches(name[:64], sorted(surface.plans.plan.campaigns), 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return ApiError("not_found", f"no journey or campaign of this id is live{hint}", "id")
