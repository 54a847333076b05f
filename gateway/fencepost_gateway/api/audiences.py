"""
``/v1/audiences``: how many belong to them, over the weeks, and how many would.

Rule 1. Sizes are sums of what was counted when persons joined and left; nobody is counted anew.
Rule 2. A size before saving asks a sample of at most ``SAMPLE_MAX`` persons, page by page, one
        such question at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import read_body
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, query_int
from fencepost_gateway.decide.audiences import Audience
from fencepost_gateway.decide.cause import standing_facts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rules import Rule, RuleError, compile_rule
from fencepost_gateway.decide.trait_state import DECIMALS
from fencepost_gateway.errors import ApiError
from fencepost_gateway.reports.audience_sizes import (
    ROUNDED_TO,
    Estimate,
    Week,
    estimate,
    rounded,
    weeks,
)

SAMPLE_MAX: Final = 5_000
PAGE: Final = 500
WEEKS: Final = 12
WEEKS_MAX: Final = 104
DAY_MS: Final = 86_400_000

DESK = web.AppKey("audience_desk", asyncio.Lock)


class SizeRequest(Struct):
    """A rule that is not published yet."""

    when: Any


async def get_audiences(request: web.Request) -> web.Response:
    """Give every audience with its size, and who joined and left within seven days."""
    surface = request.app[SURFACE]
    book, today = surface.store.audiences, surface.clock.now_ms() // DAY_MS
    sizes, recent = await book.sizes(), await book.days(today - 6)
    moved = {
        name: (
            sum(d.joined for d in recent if d.audience_id == name),
            sum(d.left for d in recent if d.audience_id == name),
        )
        for name in {d.audience_id for d in recent}
    }
    rows = []
    for name, audience in sorted(surface.plans.plan.audiences.by_id.items()):
        joined, left = moved.get(name, (0, 0))
        figures = {"size": sizes.get(name, 0), "joined": joined, "left": left}
        rows.append(_head(audience) | _told(figures, audience))
    return as_json({"audiences": rows, "back_fill": await _back_fill(surface)})


async def get_audience(request: web.Request) -> web.Response:
    """Give one audience week by week."""
    surface, name = request.app[SURFACE], request.match_info["id"]
    audience = surface.plans.plan.audiences.by_id.get(name)
    if audience is None:
        raise ApiError("not_found", f"no audience {name[:64]} is live")
    count = max(1, query_int(request, "weeks", WEEKS, WEEKS_MAX))
    found = await surface.store.audiences.days(0, name)
    told = weeks(found, surface.clock.now_ms() // DAY_MS, count)
    rows = [_week(week, audience) for week in told]
    size = {"size": told[-1].size}
    return as_json(
        _head(audience)
        | _told(size, audience)
        | {"weeks": rows, "back_fill": await _back_fill(surface)}
    )


async def post_size(request: web.Request) -> web.Response:
    """Say how many would belong by a rule that is not published."""
    surface = request.app[SURFACE]
    try:
        wish = msgspec.json.decode(await read_body(request), type=SizeRequest)
        rule = compile_rule(wish.when)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed", "send {when: RULE}") from None
    except RuleError as error:
        raise ApiError("malformed", str(error)) from None
    async with request.app[DESK]:
        found = await _estimate(surface, rule)
    is_located = surface.plans.plan.audiences.is_located(rule)
    figures = msgspec.to_builtins(found)
    told = {n: rounded(figures[n], is_located=is_located) for n in ("size", "low", "high")}
    return as_json(figures | told | {"rounded_to": ROUNDED_TO if is_located else 1})


async def _estimate(surface: Surface, rule: Rule) -> Estimate:
    book, plan = surface.store.audiences, surface.plans.plan
    now_ms = surface.clock.now_ms()
    sampled = matched = 0
    after = ""
    while sampled < SAMPLE_MAX:
        page = await book.sample(after, PAGE)
        if not page:
            return estimate(sampled, sampled, matched)
        matched += await asyncio.to_thread(_matching, rule, plan, page, now_ms)
        sampled, after = sampled + len(page), max(page)
    return estimate(max(await book.persons_count(), sampled), sampled, matched)


def _matching(rule: Rule, plan: Plan, page: Mapping[str, Person], now_ms: int) -> int:
    return sum(rule.holds(standing_facts(plan, p, now_ms)) for p in page.values())


def _head(audience: Audience) -> dict[str, Any]:
    rounded_to = ROUNDED_TO if audience.is_located else 1
    name = {"id": audience.audience_id, "name": audience.name, "version": audience.version}
    return name | {"rounded_to": rounded_to} | ({"goal": audience.goal} if audience.goal else {})


def _told(figures: Mapping[str, int], audience: Audience) -> dict[str, Any]:
    is_located = audience.is_located
    return {name: rounded(figure, is_located=is_located) for name, figure in figures.items()}


def _week(week: Week, audience: Audience) -> dict[str, Any]:
    figures = msgspec.to_builtins(week)
    first_day, worth = figures.pop("first_day"), figures.pop("worth")
    told = _told(figures, audience)
    begins = (date(1970, 1, 1) + timedelta(days=first_day)).isoformat()
    if not audience.goal:
        del told["reached"]
        return {"from": begins} | told
    # What a few people spent at a place is not told either.
    return {"from": begins} | told | {"worth": worth / DECIMALS if told["reached"] else 0}


async def _back_fill(surface: Surface) -> dict[str, Any]:
    sweep = await surface.store.audiences.sweep()
    return {"done": sweep.done, "seen": sweep.seen, "total": sweep.total}
