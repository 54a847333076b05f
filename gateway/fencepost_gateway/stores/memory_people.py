"""What is held of one person in memory: every row is looked at."""

from __future__ import annotations

from collections.abc import Callable

from fencepost_gateway.ports import DeviceSeen, Holdings, RecordRow, Statement
from fencepost_gateway.stores.memory_addresses import holdings_of
from fencepost_gateway.stores.memory_books import Books, known_as, records_of


class MemoryPeople:
    """``PeopleBook`` of the memory store."""

    def __init__(self, books: Callable[[], Books]) -> None:
        self._books = books

    async def story(
        self, person_id: str, after: tuple[int, int], until_ms: int, limit: int
    ) -> list[RecordRow]:
        """See ``PeopleBook.story``."""
        found = records_of(self._books(), person_id=person_id)
        wanted = [r for r in found if (r.at_ms, r.cursor) > after and r.at_ms < until_ms]
        return sorted(wanted, key=lambda r: (r.at_ms, r.cursor))[:limit]

    async def newest_story(self, person_id: str, limit: int) -> list[RecordRow]:
        """See ``PeopleBook.newest_story``."""
        found = records_of(self._books(), person_id=person_id)
        return sorted(found, key=lambda r: (r.at_ms, r.cursor), reverse=True)[:limit]

    async def persons_at(self, channel: str, ref: str, limit: int) -> list[str]:
        """See ``PeopleBook.persons_at``."""
        found = {key[0] for key in self._books().addresses if key[1:] == (channel, ref)}
        return sorted({self._books().aliases.get(p, p) for p in found})[:limit]

    async def holdings(self, person_id: str) -> Holdings:
        """See ``PeopleBook.holdings``."""
        return holdings_of(self._books(), person_id)

    async def devices_of(self, person_id: str, limit: int) -> list[DeviceSeen]:
        """See ``PeopleBook.devices_of``."""
        everybody = known_as(self._books(), person_id)
        found = [
            DeviceSeen(device_id, *self._books().heard[device_id])
            for device_id, (_, owner) in self._books().devices.items()
            if owner in everybody
        ]
        return sorted(found, key=lambda d: (-d.last_ms, d.device_id))[:limit]

    async def statements(self, person_id: str, limit: int) -> list[Statement]:
        """See ``PeopleBook.statements``."""
        everybody = known_as(self._books(), person_id)
        return [said for owner, said in self._books().statements if owner in everybody][-limit:]
