"""Audiences in memory: as the books say, row by row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.intake.records import Published, TimerFired, Touched
from fencepost_gateway.ports import DEFINITIONS_MAX, AudienceDay, Effects, Sweep
from fencepost_gateway.stores.memory_books import Books, append, unpack


def take_audiences(books: Books, effects: Effects, *, counts: bool) -> None:
    """Write what a group has counted of audiences, unless it did before, and timers of persons."""
    for key, counted in effects.audience_days.items() if counts else ():
        held = books.audience_days.get(key, AudienceDay(*key))
        more = {what: getattr(held, what) + n for what, n in counted.items()}
        books.audience_days[key] = structs.replace(held, **more)
    for person_id, due_ms in effects.person_timers.items():
        books.person_timers.pop(person_id, None)
        if due_ms is not None:
            books.person_timers[person_id] = due_ms


def fire_person_timers(books: Books, now_ms: int, limit: int) -> int:
    """Append what is due and clear it."""
    due = sorted((due, i) for i, due in books.person_timers.items() if due <= now_ms)[:limit]
    for due_ms, person_id in due:
        append(books, TimerFired(f"{person_id}@{due_ms}", "", person_id, due_ms), now_ms)
        del books.person_timers[person_id]
    return len(due)


class MemoryAudiences:
    """``AudienceBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def days(self, since_day: int, audience_id: str = "") -> list[AudienceDay]:
        """See ``AudienceBook.days``."""
        found = sorted(self._books().audience_days.items())
        return [d for _, d in found if d.day >= since_day and audience_id in {"", d.audience_id}]

    async def sizes(self) -> dict[str, int]:
        """See ``AudienceBook.sizes``."""
        sizes: dict[str, int] = {}
        for d in self._books().audience_days.values():
            more = d.joined + d.filled - d.left - d.cleared
            sizes[d.audience_id] = sizes.get(d.audience_id, 0) + more
        return sizes

    async def sweep(self) -> Sweep:
        """See ``AudienceBook.sweep``."""
        return self._books().sweep

    async def begin_sweep(self, key: str) -> None:
        """See ``AudienceBook.begin_sweep``."""
        with self._unit() as books:
            if books.sweep.key != key:
                total = len(books.persons)
                books.sweep = Sweep(key, total=total, done=total == 0)

    async def advance_sweep(self, limit: int, now_ms: int) -> int:
        """See ``AudienceBook.advance_sweep``."""
        with self._unit() as books:
            now = books.sweep
            if now.done:
                return 0
            ids = [i for i in sorted(books.persons) if i > now.after][:limit]
            position = 0
            if ids:
                position = append(books, Touched(ids), now_ms)
                now = structs.replace(now, after=ids[-1], seen=now.seen + len(ids))
            books.sweep = structs.replace(now, done=not ids)
            return position

    async def define(self, key: str, keys: Keys) -> dict[str, Keys]:
        """See ``AudienceBook.define``."""
        with self._unit() as books:
            kept = {name: known for name, known in books.definitions.items() if name != key}
            newest = [*kept.items(), (key, dict(keys))]
            books.definitions = dict(newest[-DEFINITIONS_MAX:])
            return dict(books.definitions)

    async def rankings(self) -> dict[str, Ranking]:
        """See ``AudienceBook.rankings``."""
        return dict(self._books().rankings)

    async def put_ranking(self, trait_id: str, ranking: Ranking, now_ms: int) -> None:
        """See ``AudienceBook.put_ranking``."""
        with self._unit() as books:
            books.rankings[trait_id] = ranking
            append(books, Published(books.revision), now_ms)

    async def sample(self, after: str, limit: int) -> dict[str, Person]:
        """See ``AudienceBook.sample``."""
        ids = [i for i in sorted(self._books().persons) if i > after][:limit]
        return {i: unpack(self._books().persons[i], Person) for i in ids}

    async def persons_count(self) -> int:
        """See ``AudienceBook.persons_count``."""
        return len(self._books().persons)
