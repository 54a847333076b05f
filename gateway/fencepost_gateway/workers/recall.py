"""
Recall: feeds to the person stage what history kept, for a backtest.

No I/O; a part of the fold. Each kind of happening is taken by the same code that took it when it
was new: only the tracker has no part in it, as history has no positions.

Rule 1. In the order in which it was kept, at the moment of its row.
Rule 2. An address has its reference and a number its country's prefix: enough for a claim, and for
        no driver.
Rule 3. How somebody stood is the beginning of what is recalled, so it is nobody's stimulus: a
        backtest puts it into the store before (``lab``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fencepost_gateway.decide.flags import note
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake import history, wire
from fencepost_gateway.intake.history import Happened, Told
from fencepost_gateway.intake.records import Started, Upload
from fencepost_gateway.workers.device_stage import DeviceStage
from fencepost_gateway.workers.fold import Fold
from fencepost_gateway.workers.person_stage import PersonStage

RECEIPTS = ("received", "unshown")
_NO_MOMENT = datetime.fromtimestamp(0, UTC)  # an event's own time stands beside it


class Recall:
    """Takes what was told once more."""

    def __init__(self, fold: Fold, people: PersonStage, devices: DeviceStage) -> None:
        self._fold = fold
        self._people = people
        self._devices = devices

    def take(self, told: Told, person: Person) -> None:
        """Take what one log record told of one person."""
        moved = False
        for each in told.happened:
            self._take(each, told, person)
            moved = moved or isinstance(each, history.Crossed)
        if moved:
            self._devices.set_timer(told.device_id, person)

    def _take(self, one: Happened, told: Told, person: Person) -> None:  # noqa: C901 - one case a kind of happening
        people = self._people
        if isinstance(one, history.Did):
            self._event(wire.Track, one, told, person, name=one.name, props=one.props)
        elif isinstance(one, history.Crossed):
            people.transition(history.transition(one), told.device_id, person)
        elif isinstance(one, history.Became):
            person.set_attributes(one.attributes)
            people.altered(person, *(f"attribute {name}" for name in one.attributes))
        elif isinstance(one, history.Greeted):
            people.greet(self._upload(told, one), person)
        elif isinstance(one, history.Said):
            people.state(person, one.entries)
        elif isinstance(one, history.Reaches):
            raw = None if one.is_gone else address_of(one)
            people.reach(one, raw, told.device_id, person)
        elif isinstance(one, history.Reacted):
            self._react(one, told, person)
        elif isinstance(one, history.Called):
            self._people.start(
                Started(one.campaign_id, person.person_id, one.key, one.at_ms, one.props)
            )
        elif isinstance(one, history.Heard):
            self._fold.effects.answered.append(one.reply.call_id)
            people.answered(person, one.reply, waits=True)
        elif isinstance(one, history.Zoned):
            person.fix_zone, person.fix_zone_at_ms = one.zone, one.at_ms
            self._fold.touch(person)
        elif isinstance(one, history.Suspected):
            note(person, told.device_id, one.flags, one.at_ms)
            self._fold.touch(person)
        elif isinstance(one, history.Forgot):
            self._forget(one, person)

    def _forget(self, one: history.Forgot, person: Person) -> None:
        if one.visits:
            self._devices.withdraw(one.device_ids, person)
            return
        for device_id in one.device_ids:
            self._devices.forget(device_id, person)

    def _react(self, one: history.Reacted, told: Told, person: Person) -> None:
        if one.what in RECEIPTS:
            found: dict[str, Any] = {"delivery_id": one.delivery_id, "status": one.what}
            self._event(wire.Receipt, one, told, person, **found)
        else:
            found = {"delivery_id": one.delivery_id, "action": one.what}
            self._event(wire.Engagement, one, told, person, **found)

    def _event(
        self,
        kind: type[wire.Track | wire.Receipt | wire.Engagement],
        one: history.Did | history.Reacted,
        told: Told,
        person: Person,
        **members: Any,
    ) -> None:
        event = kind(seq=one.seq, event_id="", at=_NO_MOMENT, **members)
        self._people.event(event, self._upload(told), person, one.at_ms, one.seq)

    def _upload(self, told: Told, named: history.Greeted | None = None) -> Upload:
        """Give the envelope it came in, as far as the stages look at it."""
        one = named or history.Greeted("", "")
        return Upload(
            device_id=told.device_id,
            person_id=told.person_id,
            visitor_id=one.visitor_id,
            user_id=one.user_id,
            stream=told.stream,
            received_ms=self._fold.now_ms,
            events=[],
            at_ms=[],
            links=one.links,
            zone=one.zone,
            locale=one.locale,
            parts=one.parts,
            merging=one.merging,
        )


def address_of(one: history.Reaches) -> dict[str, Any]:
    """Give what stands for an address that history does not hold (Rule 2)."""
    if one.channel == "web_push":
        return {"subscription": {"endpoint": one.ref}}
    if one.channel == "push":
        return {"registration": {"token": one.ref}}
    if one.channel == "webhook":
        return {"target": one.ref}
    return {"address": one.prefix}
