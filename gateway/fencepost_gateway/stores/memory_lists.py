"""The memory store's lists of addresses: suppression and allow list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from fencepost_gateway.decide.message import ListedAddress, ListName
from fencepost_gateway.stores.memory_books import Books

Rows = dict[tuple[str, str], ListedAddress]


class MemoryLists:
    """``AddressLists`` in dictionaries; ``unit`` lends the books, ``books`` gives them to read."""

    def __init__(
        self, unit: Callable[[], AbstractContextManager[Books]], books: Callable[[], Books]
    ) -> None:
        self._unit = unit
        self._books = books

    async def put(self, which: ListName, entries: Sequence[ListedAddress]) -> list[bool]:
        """See ``AddressLists.put``."""
        is_new = []
        with self._unit() as books:
            rows = _rows(books, which)
            for entry in entries:
                is_new.append((entry.channel, entry.ref) not in rows)
                rows.setdefault((entry.channel, entry.ref), entry)
        return is_new

    async def drop(self, which: ListName, channel: str, ref: str) -> bool:
        """See ``AddressLists.drop``."""
        with self._unit() as books:
            return _rows(books, which).pop((channel, ref), None) is not None

    async def page(
        self, which: ListName, after: tuple[str, str], limit: int
    ) -> list[ListedAddress]:
        """See ``AddressLists.page``."""
        found = sorted(_rows(self._books(), which).items())
        return [entry for key, entry in found if key > after][:limit]


def _rows(books: Books, which: ListName) -> Rows:
    return books.suppressed if which == "suppression" else books.allowed
