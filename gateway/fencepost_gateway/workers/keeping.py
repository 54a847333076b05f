"""
Keeping: what a record of the log told, as history keeps it (``intake.history``).

No I/O; a part of the fold. The stages say what they take, before they change the person by it; at
the end of each log record every person it told something of gets one row.

Rule 1. A row holds everything of one record and one person in the order in which it was taken, so
        that taking it again does the same again.
Rule 2. Before the first row of somebody who is known already, and again every ``STOOD_EVERY_MS``,
        it is kept how they stood. So what was known of them outlives what is pruned.
Rule 3. What a record of a backtest tells is history already, and is not kept again; nor is what
        the tracker tells of its positions (``rests``).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, structs

from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.history import NOBODY, Happened, Stood, Told, homeless, pack
from fencepost_gateway.ports import HistoryRow

STOOD_EVERY_MS: Final = 90 * 86_400_000

_pack = msgspec.msgpack.Encoder().encode


class Keeping:
    """Keeps what one log record after another tells."""

    def __init__(self, *, rests: bool = False) -> None:
        self._always_rests = rests
        self._told: dict[str, Told] = {}
        self._source = "", ""
        self._now_ms = 0
        self._rests = rests
        self.rows: list[HistoryRow] = []

    def begin(self, now_ms: int, device_id: str = "", stream: str = "") -> None:
        """Begin a log record."""
        self._now_ms, self._source = now_ms, (device_id, stream)
        self._rests = self._always_rests

    def rest(self) -> None:
        """Keep nothing of this record (Rule 3)."""
        self._rests = True

    def keep(self, person: Person, happened: Happened) -> None:
        """Take down what happens to a person, who has not changed by it yet."""
        if self._rests:
            return
        told = self._told.get(person.person_id)
        if told is None:
            told = self._told[person.person_id] = Told(person.person_id, *self._source, [])
            if self._now_ms - person.stood_ms > STOOD_EVERY_MS:
                if is_standing(person):
                    told.happened.append(Stood(Raw(_pack(_shown(person)))))
                person.stood_ms = self._now_ms
        told.happened.append(happened)

    def keep_for_all(self, happened: Happened) -> None:
        """Take down what concerns many, whoever they will be."""
        if not self._rests:
            told = Told(NOBODY, happened=[happened])
            self.rows.append(HistoryRow(0, self._now_ms, NOBODY, pack(told)))

    def end(self) -> None:
        """End the record: a row for each person that it told something of."""
        if self._told:
            for person_id, told in self._told.items():
                self.rows.append(HistoryRow(0, self._now_ms, person_id, pack(told)))
            self._told.clear()


def is_standing(person: Person) -> bool:
    """Say whether anything is kept of a person that happened before."""
    known = person.summaries, person.attributes, person.consents, person.reach, person.visits
    return any(known) or bool(person.runs)


def _shown(person: Person) -> Person:
    return structs.replace(person, attributes=homeless(person.attributes))
