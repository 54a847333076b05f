"""What every store promises of links: what they answered last, and no more."""

from msgspec import structs

from fencepost_gateway.ports import LinkRow, Store
from gateway.batches import NOW_MS

GONE = LinkRow("https://luma.example/gone?a=1", 404, "", NOW_MS, NOW_MS)
FINE = LinkRow("https://luma.example/", 200, "", NOW_MS)
SILENT = LinkRow("https://quiet.example/", 0, "timeout", NOW_MS, NOW_MS - 1)


async def test_link_is_kept_as_it_answered_last(store: Store) -> None:
    """A later answer takes the place of an earlier one; all are given in order."""
    later = structs.replace(GONE, status=200, asked_ms=NOW_MS + 1, bad_since_ms=None)
    for row in (SILENT, GONE, FINE, later):
        await store.links.put(row)

    assert await store.links.rows() == [FINE, later, SILENT]


async def test_link_that_nobody_sends_is_forgotten(store: Store) -> None:
    """What is to be kept stays as it is; what was never asked does not come to be."""
    for row in (GONE, FINE):
        await store.links.put(row)
    await store.links.keep({GONE.url, "https://new.example/"})

    assert await store.links.rows() == [GONE]
