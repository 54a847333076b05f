"""Folding records into effects."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from fencepost_gateway.decide.person import Presence
from fencepost_gateway.decide.plan import MergePolicy
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.admission import AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import DeviceMoved, LogRecord, PlaceForgotten, Upload
from fencepost_gateway.ports import AddressMove, DocumentRow, RecordRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States, people_of
from fencepost_geofence.state import unseen
from gateway.batches import NOW_MS, batch, event, user, visitor
from gateway.policies import make_house

CAMPAIGN = (
    b'{"kind": "campaign", "id": "thanks", "entry": {"event": "opened"}, "reentry": "always",'
    b' "message": {"template": "words", "channels": ["in_app"]}, "goal": "none"}'
)
TEMPLATE = (
    b'{"kind": "template", "id": "words", "purpose": "transactional", "in_app": {"body": "hi"}}'
)


def uploaded(position: int, appended_ms: int) -> LogRecord:
    """Give the record of an upload with one app event."""
    (raw,) = batch(event(position)).events
    told = wire.decode_event(raw)
    assert isinstance(told, wire.Track)
    upload = Upload("device-1", "p", "v", "", "stream-1", appended_ms, [told], [appended_ms])
    return LogRecord(position, appended_ms, upload)


async def fold(*groups: list[LogRecord]) -> tuple[list[RecordRow], States]:
    """Fold records, cut into groups as given; give their decision records and the states."""
    store, plans, states = MemoryStore(), Plans("seed"), States()
    rows = [
        DocumentRow(kind, name, 1, body, NOW_MS, NOW_MS)
        for kind, name, body in (("campaign", "thanks", CAMPAIGN), ("template", "words", TEMPLATE))
    ]
    await store.publish(rows, NOW_MS)
    await plans.load(store)
    told: list[RecordRow] = []
    for records in groups:
        group = Group(states, plans, "demo", records[0].position)
        for record in records:
            group.take(record)
        told += group.close().records
    return told, states


async def test_cut_of_the_log_leaves_no_trace() -> None:
    """Records and states do not depend on which log records were committed together."""
    first, second = uploaded(1, NOW_MS + 5), uploaded(2, NOW_MS)
    together, states = await fold([first, second])
    apart, others = await fold([first], [second])

    assert [row.at_ms for row in together] == [NOW_MS + 5, NOW_MS]
    assert together == apart
    assert states.persons == others.persons


async def test_withdrawn_place_is_forgotten_for_every_device_that_is_named() -> None:
    """Trail, timer and presence of the devices go; what another device saw stays."""
    forgotten = LogRecord(1, NOW_MS, PlaceForgotten("p", ["device-1", "device-2"]))
    states = States()
    for name in ("device-1", "device-2", "device-3"):
        states.device(name).trail.fixes = bytearray(b"somewhere")
        states.timers[name] = NOW_MS
        states.person("p").inside.append(Presence("shop", NOW_MS, f"visit-{name}", name))
    group = Group(states, Plans("seed"), "demo", 1)
    group.take(forgotten)
    effects = group.close()

    assert people_of([forgotten]) == ({"p"}, {"device-1", "device-2"})
    assert set(effects.tracks) == {"device-1", "device-2"}
    assert states.device("device-1") == states.device("device-2") == unseen()
    assert states.device("device-3").trail.fixes == b"somewhere"
    assert effects.timers == {"device-1": None, "device-2": None}
    assert [visit.device_id for visit in effects.persons["p"].inside] == ["device-3"]


# ---- who is who ----------------------------------------------------------------------------


def sent(
    position: int, *bodies: Any, merging: MergePolicy = "on_login", **envelope: Any
) -> LogRecord:
    """Give the record of a batch as the door lets it in."""
    house = replace(make_house(), merging=merging)
    facts = AdmitFacts(Marks(), str, lambda _: ())
    upload = admit(batch(*bodies, **envelope), house, facts, NOW_MS).upload
    assert upload is not None
    return LogRecord(position, NOW_MS, upload)


async def test_merge_leaves_no_trace_of_how_the_log_was_cut() -> None:
    """What a group had for the visitor before they logged in is the known person's."""
    number = event(2, "address", channel="sms", address="+1")
    browse = sent(1, event(1), number, event(3, "fix", lat=1, lon=1))
    login = sent(2, event(4, "identify", user_id="u1"))
    together, states = await fold([browse, login])
    apart, others = await fold([browse], [login])

    assert {row.person_id for row in together} == {user("u1")}
    assert [row.kind for row in together] == [row.kind for row in apart] == ["step", "merge"]
    assert states.persons == others.persons
    assert set(states.persons) == {user("u1")}


async def test_effects_of_a_merge_name_the_known_person_alone() -> None:
    """Messages, addresses, timers and records that are not written yet change hands."""
    states, plans = States(), Plans("seed")
    group = Group(states, plans, "demo", 1)
    group.take(sent(1, event(1, "address", channel="sms", address="+1")))
    moved = DeviceMoved("device-1", "somebody", visitor())
    group.take(LogRecord(2, NOW_MS, moved))
    group.take(sent(3, event(2, "identify", user_id="u1")))
    effects = group.close()

    assert [change.person_id for change in effects.addresses] == [user("u1")] * 2
    assert effects.merges == [(visitor(), user("u1"))]
    assert set(effects.persons) == {user("u1"), "somebody"}


async def test_visitor_who_is_kept_apart_is_said_once() -> None:
    """An app identifies at each start; the record is not repeated, and nothing is taken over."""
    login = event(2, "identify", user_id="u1")
    told, states = await fold(
        [
            sent(1, login, merging="never"),
            sent(2, login, merging="never"),
            sent(3, login, merging="never", anonymous_id="a-2"),
        ]
    )

    assert [(r.kind, r.subject, r.body["outcome"]) for r in told] == [
        ("merge", visitor(), "kept_apart"),
        ("merge", visitor("a-2"), "kept_apart"),
    ]
    assert states.merged == {}


async def test_device_that_moved_leaves_where_it_was_behind() -> None:
    """Whoever logs out is not inside any more by this device, and its timer is gone."""
    states = States()
    states.device("device-1").trail.fixes = bytearray(b"somewhere")
    states.timers["device-1"] = NOW_MS
    for name in ("device-1", "device-2"):
        states.person("p").inside.append(Presence("shop", NOW_MS, f"visit-{name}", name))
    group = Group(states, Plans("seed"), "demo", 1)
    moved = LogRecord(1, NOW_MS, DeviceMoved("device-1", "p", "q"))
    group.take(moved)
    effects = group.close()

    assert people_of([moved]) == ({"p", "q"}, {"device-1"})
    assert [visit.device_id for visit in effects.persons["p"].inside] == ["device-2"]
    assert effects.timers == {"device-1": None}
    assert states.device("device-1") == unseen()
    assert effects.addresses == [AddressMove("device-1", "q")]
