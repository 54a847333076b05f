"""What every store promises of documents: versions, revisions, publications."""

from typing import Any

import pytest

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import Published
from fencepost_gateway.ports import (
    DocumentRow,
    Store,
)
from gateway.batches import NOW_MS


def document(name: str, version: int, state: Any = "live") -> DocumentRow:
    """Give a version of a campaign."""
    return DocumentRow("campaign", name, version, b"{}", NOW_MS, NOW_MS, state)


async def test_publish_counts_revisions_and_tells_the_log(store: Store) -> None:
    """A publication is a record: later records see the new documents."""
    revisions = [await store.publish([document("a", n)], NOW_MS) for n in (1, 2)]

    assert revisions == [1, 2]
    assert [r.record for r in await store.read_log(0, 10)] == [Published(1), Published(2)]


async def test_documents_gives_the_newest_version_of_what_is_live(store: Store) -> None:
    """Older versions are kept and not given; an archived document is gone."""
    empty = await store.documents()
    await store.publish([document("b", 1), document("a", 1), document("c", 1)], NOW_MS)
    await store.publish([document("a", 2), document("c", 2, "archived")], NOW_MS)

    assert empty == (0, [])
    assert await store.documents() == (2, [document("a", 2), document("b", 1)])


async def test_documents_gives_archived_ones_to_whoever_asks(store: Store) -> None:
    """The newest version of an id that is gone is known, so that the next can follow it."""
    await store.publish([document("b", 1), document("a", 1)], NOW_MS)
    await store.publish([document("a", 2, "archived")], NOW_MS)
    archived = await store.documents(archived=True)
    await store.publish([document("a", 3)], NOW_MS, after=2)

    assert archived == (2, [document("a", 2, "archived"), document("b", 1)])
    assert await store.documents() == (3, [document("a", 3), document("b", 1)])
    assert await store.documents(archived=True) == await store.documents()


async def test_publish_after_a_revision_that_has_moved_on_stores_nothing(store: Store) -> None:
    """Of two that were made from the same revision one goes in, and the other is told."""
    await store.publish([document("a", 1)], NOW_MS, after=0)
    late = await store.publish([document("b", 1)], NOW_MS, after=0)
    ahead = await store.publish([document("b", 1)], NOW_MS, after=2)
    again = await store.publish([document("b", 1)], NOW_MS, after=1)

    assert (late, ahead, again) == (None, None, 2)
    assert await store.documents() == (2, [document("a", 1), document("b", 1)])
    assert len(await store.read_log(0, 10)) == 2


async def test_a_version_is_never_overwritten(store: Store) -> None:
    """Of two publications of one version the second fails whole."""
    await store.publish([document("a", 1)], NOW_MS)

    with pytest.raises(StoreUnavailableError):
        await store.publish([document("b", 1), document("a", 1, "archived")], NOW_MS)
    assert await store.documents() == (1, [document("a", 1)])
    assert len(await store.read_log(0, 10)) == 1


async def test_versions_are_kept_of_every_document(store: Store) -> None:
    """Each version of those that were asked for, archived or not."""
    rows = [document("a", 1), document("a", 2, "archived"), document("b", 1), document("c", 1)]
    await store.publish(rows, NOW_MS)

    assert await store.versions("campaign", ["c", "a"]) == [*rows[:2], rows[3]]
    assert await store.versions("template", ["a"]) == []


async def test_folder_and_publisher_stay_with_their_version(store: Store) -> None:
    """Each version says who published it; of both nothing is known where nothing was said."""
    known = DocumentRow(
        "campaign", "a", 1, b"{}", NOW_MS, NOW_MS, folder="luma", publisher="folder luma"
    )
    edited = DocumentRow(
        "campaign", "a", 2, b"{ }", NOW_MS, NOW_MS, folder="luma", publisher="an operator"
    )
    await store.publish([known, document("b", 1)], NOW_MS)
    await store.publish([edited], NOW_MS)
    _, (newest, other) = await store.documents()

    assert await store.versions("campaign", ["a"]) == [known, edited]
    assert (newest, other.folder, other.publisher) == (edited, "", "")
