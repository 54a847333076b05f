"""
States: the persons, devices and timers a group of log records works on.

No I/O: the pipeline reads them from the store, and drops them when a commit fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.history import Greeted, Told
from fencepost_gateway.intake.records import (
    Answered,
    DeviceMoved,
    LogRecord,
    Outcome,
    PlaceForgotten,
    Reported,
    Started,
    Stated,
    Stretch,
    TimerFired,
    Touched,
    TrialTold,
    Upload,
)
from fencepost_gateway.workers.copies import Made
from fencepost_geofence.state import DeviceState, unseen


class States:
    """
    Persons, devices and timers that the pipeline holds; the rows are the truth.

    ``running`` are the broadcasts under way, ``census`` the counts of campaigns, ``trial_census``
    those of what is on trial.
    """

    def __init__(self) -> None:
        self.persons: dict[str, Person] = {}
        self.devices: dict[str, DeviceState] = {}
        self.timers: dict[str, int | None] = {}
        self.merged: dict[str, str] = {}
        self.copied: set[Made] = set()
        self.running: dict[int, Broadcast] = {}
        self.census = Census({})
        self.trial_census = Census({})
        self.filled: set[str] = set()  # whose traits were looked at by ``filled_by``
        self.filled_by = -1
        self.caught_up: set[str] = set()  # whose rows have to be written because of it
        self.is_fresh = True  # broadcasts and counts are still to be read

    def person(self, person_id: str) -> Person:
        """Give a person, new if nobody knows them yet."""
        return self.persons.setdefault(person_id, Person(person_id))

    def known(self, person_id: str) -> Person | None:
        """Give a person if there is one."""
        return self.persons.get(self.merged.get(person_id, person_id))

    def device(self, device_id: str) -> DeviceState:
        """Give a device's tracker state, new if it was never seen."""
        return self.devices.setdefault(device_id, unseen())


def people_of(records: Iterable[LogRecord]) -> tuple[set[str], set[str]]:
    """Give the ids of persons and devices whose state the records need."""
    persons: set[str] = set()
    devices: set[str] = set()
    for log in records:
        record = log.record
        if isinstance(record, Upload):
            persons |= {record.person_id, record.visitor_id} if record.links else {record.person_id}
            persons.update(record.consents)
            devices.add(record.device_id)
        elif isinstance(record, TimerFired):
            persons.add(record.person_id)
            devices |= {record.device_id} - {""}
        elif isinstance(record, Touched | Stretch):
            persons.update(record.person_ids)
        elif isinstance(record, DeviceMoved):
            persons |= {record.from_person, record.to_person}
            devices.add(record.device_id)
        elif isinstance(record, PlaceForgotten):
            persons.add(record.person_id)
            devices.update(record.device_ids)
        elif isinstance(record, Told):
            persons.add(record.person_id)
            persons.update(h.visitor_id for h in record.happened if isinstance(h, Greeted))
        elif isinstance(record, Answered | Outcome | Reported | Stated | Started | TrialTold):
            persons.add(record.person_id)
    return persons, devices
