"""How long the gateway keeps a position."""

from pathlib import Path

import msgspec

from fencepost_gateway.ports import Effects
from fencepost_geofence.state import DeviceState
from gateway.rig import DEVICE, DOCUMENTS, INSIDE, OPEN_POLICY, OUTSIDE, open_rig

BYTES = 14  # of a packed fix

_device = msgspec.msgpack.Decoder(DeviceState)


async def test_positions_of_a_silent_device_are_gone_within_a_day(tmp_path: Path) -> None:
    """The recent fixes that the tracker needs do not outlive the day, whatever the device does."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.fix(OUTSIDE)
        await rig.settle()
        kept = (await rig.gateway.store.tracks([DEVICE]))[DEVICE]
        rig.clock.move_to(rig.clock.now_ms() + 24 * 3_600_000)
        await rig.settle()
        left = (await rig.gateway.store.tracks([DEVICE]))[DEVICE]

    assert len(_device.decode(kept).trail.fixes) == BYTES
    assert _device.decode(left).trail.fixes == b""


async def test_track_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    """A state that cannot be read costs no event: the device is inside already, and enters so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.settle()
        store = rig.gateway.store
        position = await store.position()
        await store.commit(Effects(position + 1, rig.clock.now_ms(), tracks={DEVICE: b"\x81\xa1a"}))
        for _ in range(5):
            await rig.fix(INSIDE)
        await rig.settle()
        told = [record["body"] for record in await rig.records("transition")]

    assert [(one["kind"], one["initial"]) for one in told] == [("enter", True)]


async def test_fence_that_comes_back_begins_a_new_visit(tmp_path: Path) -> None:
    """Archived and published again while the device is silent: it is inside a new fence."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        await rig.settle()
        fence_id = (await rig.records("transition"))[-1]["body"]["fence_id"]
        path = f"/v1/documents/fence/{fence_id}"
        assert (await rig.client.delete(path, headers=rig.operator)).status == 200
        rig.clock.move_to(rig.clock.now_ms() + 60_000)
        await rig.apply(OPEN_POLICY)
        for _ in range(3):
            await rig.fix(INSIDE)
        await rig.settle()
        records = await rig.records("transition")
        persons = await rig.gateway.store.persons(sorted({one["person_id"] for one in records}))

    told = [(one["body"]["kind"], one["body"]["initial"]) for one in records]
    assert told[-2:] == [("enter", False), ("enter", True)]
    (person,) = persons.values()
    assert [one.fence_id for one in person.inside] == [fence_id]
