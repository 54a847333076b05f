"""Folding records into effects."""

from __future__ import annotations

from fencepost_gateway.decide.person import Presence
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import LogRecord, PlaceForgotten, Upload
from fencepost_gateway.ports import DocumentRow, RecordRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States, people_of
from fencepost_geofence.state import unseen
from gateway.batches import NOW_MS, batch, event

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
