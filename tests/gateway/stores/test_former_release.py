"""A store of the former release is opened, and what it says of somebody's past is true."""

from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.store_kit import effects
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.past import Visit
from fencepost_gateway.decide.person import RECENT_MAX, UNSUMMED, Person, Reached
from fencepost_gateway.decide.summary import DayCell
from fencepost_gateway.stores.sql import load_migrations
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.stores.sqlite_former import grown_person
from gateway.batches import NOW_MS

DAY_MS = 86_400_000
UNTIL_MS = 20_000 * DAY_MS
FORMER = 5  # the last migration of the former release

# As the former release wrote it: two purchases on the days 10 and 12, inside the fence "f".
BODY = (
    b"\x8c\xa9person_id\xa1p\xa7user_id\xa1u\xaaattributes\x81\xa4tier\xa4plus"
    b"\xa9summaries\x81\xa8purchase\x83\xa5count\x02\xa8first_ms\xce\x33\x7f\x98\x00"
    b"\xa7last_ms\xce\x3d\xcc\x50\x00"
    b"\xa6recent\x92\x93\xa8purchase\xce\x33\x7f\x98\x00\x82\xa5value\x03\xa3sku\xa1a"
    b"\x93\xa8purchase\xce\x3d\xcc\x50\x00\x81\xa5value\x04"
    b"\xa6inside\x91\x85\xa8fence_id\xa1f\xa8since_ms\xce\x3d\xcc\x50\x01"
    b"\xa8visit_id\xa1v\xa9device_id\xa1d\xa9opened_ms\x00"
    b"\xa4left\x91\x93\xa1g\xa1d\x07\xa5flags\x91\x93\xa4mock\xa1d\x08"
    b"\xa4runs\x81\xa7welcome\x85\xa6run_id\xa1r\xaaentered_ms\x09\xa4open\x01"
    b"\xa8ended_ms\xc0\xa7outcome\xa0"
    b"\xa4zone\xadEurope/Berlin\xaazone_at_ms\x05\xa6locale\xa2de"
)


def former_store(folder: Path) -> None:
    """Make a store as the former release left it: one person, told of by log and rows."""
    folder.mkdir()
    db = apsw.Connection(str(folder / "fencepost.db"))
    for number, script in load_migrations()[:FORMER]:
        db.execute(script)
        db.execute(f"PRAGMA user_version = {number}")
    db.execute("INSERT INTO person VALUES ('p', ?)", (BODY,))
    db.execute("INSERT INTO log VALUES (1, ?, ?)", (UNTIL_MS, b"\x82\xa4type\xa9published"))
    db.execute("INSERT INTO consent VALUES ('p', 'marketing', 'any', 'any', 'y', 3, 'device')")
    db.execute("INSERT INTO consent VALUES ('q', 'marketing', 'any', 'any', 'n', 3, 'device')")
    for ref, since_ms in (("new", 2), ("old", 1)):
        row = (ref, msgspec.msgpack.encode({"to": ref}), since_ms)
        db.execute("INSERT INTO address VALUES ('p', 'sms', ?, ?, 'd', ?)", row)
    db.close()


def old_person(**members: object) -> bytes:
    """Give the former row with other members."""
    return msgspec.msgpack.encode(msgspec.msgpack.decode(BODY) | members)


def grown(body: bytes, statements: str = "[]", addresses: str = "[]") -> Person:
    """Read what becomes of a former row."""
    found = grown_person(body, UNTIL_MS, statements, addresses)
    return msgspec.msgpack.decode(found, type=Person)


async def test_former_person_is_read_with_what_the_other_rows_know(tmp_path: Path) -> None:
    """Attributes, runs, events stay; days, statements, addresses, the open visit are told."""
    former_store(tmp_path / "data")
    store = open_sqlite(tmp_path / "data")
    person = (await store.persons(["p"]))["p"]
    await store.close()

    assert (person.user_id, person.attributes, person.locale) == ("u", {"tier": "plus"}, "de")
    assert [event.props for event in person.recent] == [{"value": 3, "sku": "a"}, {"value": 4}]
    assert person.summaries["purchase"].days == [DayCell(10, 1, 3.0), DayCell(12, 1, 4.0)]
    assert person.consents == [ConsentEntry("marketing", "y", 3, clock="device")]
    assert person.reach == {"sms": [Reached("old", "d"), Reached("new", "d")]}
    assert person.visits == [Visit("f", 0x3DCC5001, "v")]
    assert (person.visits_lost_ms, person.messages_lost_ms) == (UNTIL_MS, UNTIL_MS)


async def test_former_person_is_written_anew_once(tmp_path: Path) -> None:
    """The second opening finds nothing to mend, and takes back nothing that was learnt since."""
    former_store(tmp_path / "data")
    store = open_sqlite(tmp_path / "data")
    person = (await store.persons(["p"]))["p"]
    person.remember("purchase", NOW_MS, {"value": 5})
    await store.commit(effects(1, persons={"p": person}))
    await store.close()
    store = open_sqlite(tmp_path / "data")

    assert await store.persons(["p"]) == {"p": person}
    assert person.summaries["purchase"].value == 12.0
    await store.close()


def as_before(events: list[tuple[str, int, int]]) -> bytes:
    """Give the row that the former release would hold after these events (name, time, value)."""
    summaries: dict[str, dict[str, int]] = {}
    for name, at_ms, _ in events:
        held = summaries.setdefault(name, {"count": 0, "first_ms": at_ms, "last_ms": at_ms})
        held["count"] += 1
        held["first_ms"] = min(held["first_ms"], at_ms)
        held["last_ms"] = max(held["last_ms"], at_ms)
    newest = sorted(events, key=lambda each: each[1])[-RECENT_MAX:]
    recent = [[name, at_ms, {"value": value}] for name, at_ms, value in newest]
    return old_person(summaries=summaries, recent=recent, inside=[])


def histories(least: int, most: int) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    """Draw so many events, no two at once."""
    event = st.tuples(st.sampled_from("ab"), st.integers(1, 9 * DAY_MS), st.integers(0, 9))
    return st.lists(event, min_size=least, max_size=most, unique_by=lambda each: each[1])


@given(histories(0, 8) | histories(RECENT_MAX - 1, RECENT_MAX + 15))
@settings(max_examples=60)
def test_former_person_knows_no_more_than_one_who_was_always_here(
    events: list[tuple[str, int, int]],
) -> None:
    """What is said to be whole is what this release would have counted; the rest is unknown."""
    always = Person("p")
    for name, at_ms, value in events:
        always.remember(name, at_ms, {"value": value})
    found = grown(as_before(events))

    assert found.recent == always.recent
    assert all(found.lost[name] >= at_ms for name, at_ms in always.lost.items())
    for name, known in always.summaries.items():
        told = found.summaries[name]
        assert (told.count, told.first_ms, told.last_ms) == (
            known.count,
            known.first_ms,
            known.last_ms,
        )
        assert told.days == [cell for cell in known.days if told.knows(cell.day)]
        assert told.since_day == 0 or name in found.lost


async def test_days_that_are_not_remembered_are_said_to_be_unknown() -> None:
    """Of five events two are left: the days behind the oldest of those are whole, no others."""
    first_ms, last_ms = 10 * DAY_MS, 12 * DAY_MS
    summaries = {
        "purchase": {"count": 5, "first_ms": 1, "last_ms": last_ms},
        "opened": {"count": 9, "first_ms": 1, "last_ms": 4 * DAY_MS},
    }
    person = grown(old_person(summaries=summaries))
    purchase, opened = person.summaries["purchase"], person.summaries["opened"]

    assert (purchase.count, purchase.since_day, purchase.days) == (5, 11, [DayCell(12, 1, 4.0)])
    assert (opened.count, opened.since_day, opened.days) == (9, 5, [])
    assert person.lost == {"purchase": first_ms, "opened": 4 * DAY_MS}


@pytest.mark.parametrize(("events", "is_lost"), [(99, False), (100, True)])
async def test_names_without_a_summary_are_lost_where_the_history_was_full(
    events: int, *, is_lost: bool
) -> None:
    """Two hundred names had summaries: of any other an event may have fallen out."""
    summaries = {str(n): {"count": 0, "first_ms": 1, "last_ms": 1} for n in range(200)}
    recent = [["other", 7, {}] for _ in range(events)]
    person = grown(old_person(summaries=summaries, recent=recent))

    assert person.lost == ({UNSUMMED: 7} if is_lost else {})


async def test_former_visitor_without_anything_is_known_to_be_empty() -> None:
    """Nothing remembered and nothing counted: nothing was lost of events."""
    person = grown(old_person(summaries={}, recent=[], inside=[]))

    assert (person.summaries, person.lost, person.visits) == ({}, {}, [])
