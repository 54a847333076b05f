"""
Catch up: fills the traits of a person that are newer than their events, out of history.

A person remembers a hundred events; history keeps them all, for months. So a trait that is declared
today counts what was done last spring, before anything reads it.

Rule 1. Only what falls short is read (``decide.traits``): a person with few events costs nothing.
Rule 2. From before history begins for the person events are missing; the trait says so by
        ``whole_ms``. With every event that was counted nothing is missing, however it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_gateway.decide.person import PastEvent, past_event
from fencepost_gateway.decide.traits import falls_short, fill
from fencepost_gateway.intake.history import Did, unpack

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.plan import Plan
    from fencepost_gateway.ports import HistoryBook

PAGE = 1_000


async def catch_up(book: HistoryBook, plan: Plan, person: Person, now_ms: int) -> bool:
    """Fill the traits of a person that fall short; says whether there were any."""
    short = [trait for trait in plan.traits.values() if falls_short(trait, person, now_ms)]
    if not short:
        return False
    begin_ms, events = await _events(book, person.person_id, {trait.event for trait in short})
    for trait in short:
        found = events[trait.event]
        summary = person.summaries.get(trait.event)
        is_all = summary is not None and summary.count <= len(found)
        fill(trait, person, found, 0 if is_all else begin_ms, now_ms)
    return True


async def _events(
    book: HistoryBook, person_id: str, names: set[str]
) -> tuple[int, dict[str, list[PastEvent]]]:
    """Give since when history knows a person's events, and those of these names (Rule 2)."""
    begin_ms, cursor = 1 << 62, 0
    found: dict[str, list[PastEvent]] = {name: [] for name in names}
    while page := await book.page(cursor, PAGE, person_id=person_id):
        cursor, begin_ms = page[-1].cursor, min(begin_ms, page[0].at_ms)
        for row in page:
            for each in unpack(row.body).happened:
                if isinstance(each, Did) and each.name in names:
                    found[each.name].append(past_event(each.name, each.at_ms, each.props))
    return begin_ms, found
