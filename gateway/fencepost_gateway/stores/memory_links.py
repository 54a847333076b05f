"""Links in memory: what they answered last."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from fencepost_gateway.ports import LinkRow
from fencepost_gateway.stores.memory_books import Books


class MemoryLinks:
    """``LinkBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def rows(self) -> list[LinkRow]:
        """See ``LinkBook.rows``."""
        return [row for _, row in sorted(self._books().links.items())]

    async def put(self, row: LinkRow) -> None:
        """See ``LinkBook.put``."""
        with self._unit() as books:
            books.links[row.url] = row

    async def keep(self, urls: Collection[str]) -> None:
        """See ``LinkBook.keep``."""
        with self._unit() as books:
            books.links = {url: row for url, row in books.links.items() if url in urls}
