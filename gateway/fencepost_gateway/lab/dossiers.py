"""
Dossiers: what was recorded of each person, as a backtest needs it.

From the store of a data folder, read in one moment beside a gateway that serves; or from a file
that ``fencepost history`` wrote. Persons come in the order of their ids, one at a time.

Rule 1. A file is JSON lines: a head, the documents that were live, then one line a person. Bodies
        of rows are the packed ones, in base64: what is in them says ``intake.history``.
Rule 2. What was decided is handed over as far as it binds what comes later: the campaigns that
        somebody entered, and the slots of caps that were taken.
Rule 3. Neither seed nor key leaves the folder: a file says so by an empty ``seed``.
Rule 4. Uploads are handed over only to whoever asks for positions (``positions``), and never
        written to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import apsw
import msgspec
from msgspec import Struct, structs

from fencepost_gateway.credentials import read_seed
from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.errors import StartError
from fencepost_gateway.intake.history import Announced, homeless, unpack
from fencepost_gateway.lab.positions import Positions, begins_ms
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.sqlite_reading import reading

FORMAT: Final = 1
END_MS: Final = 1 << 62

T = TypeVar("T")
_plain: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()
_packed = msgspec.msgpack.Encoder().encode
_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)
_ranking: msgspec.msgpack.Decoder[Ranking] = msgspec.msgpack.Decoder(Ranking)


class Entered(Struct, frozen=True):
    """Somebody entered a campaign."""

    campaign_id: str
    run_id: str
    at_ms: int


class Dossier(Struct, omit_defaults=True):
    """
    What is known of one person.

    Attributes:
        person_id: Who it is by now.
        rows: Their history: when each record was appended, and its body.
        row: Their row as it is now, packed; only of somebody to whom nothing has happened.
        entered: The campaigns they entered, in order (Rule 2).
        slots: Slots of caps that were taken.
        suppressed: Addresses of theirs that must not be used.
        allowed: Addresses of theirs on the allow list.
        uploads: Theirs that the log still holds, as ``rows`` (Rule 4).

    """

    person_id: str
    rows: list[tuple[int, bytes]] = []
    row: bytes = b""
    entered: list[Entered] = []
    slots: list[Slot] = []
    suppressed: list[ListedAddress] = []
    allowed: list[ListedAddress] = []
    uploads: list[tuple[int, bytes]] = []


class Head(Struct):
    """
    Whose history it is, when it begins and ends, and what concerned many, in order.

    ``positions_ms``: from when on positions are kept too; 0: none are.
    """

    fencepost_history: int
    workspace: str = ""
    first_ms: int = 0
    last_ms: int = 0
    rows: int = 0
    seed: str = ""
    documents: list[DocumentRow] = []
    versions: list[DocumentRow] = []
    rankings: dict[str, Ranking] = {}
    announced: list[tuple[int, Broadcast]] = []
    positions_ms: int = 0


class Source(Struct):
    """A head, and the dossiers behind it."""

    head: Head
    read: Callable[[int, int], Iterator[Dossier]]

    def dossiers(self, end_ms: int, positions_ms: int = 0) -> Iterator[Dossier]:
        """Give what was recorded before a moment; uploads only from another on, 0: none."""
        return self.read(end_ms, positions_ms)


@contextmanager
def open_folder(folder: Path, workspace: str) -> Iterator[Source]:
    """
    Open the store in ``folder``, as it stands at this moment.

    Raises:
        StartError: There is none, or it cannot be read.

    """
    with reading(folder) as (db, sql), db:  # one transaction: nothing changes while it is read
        first_ms, last_ms, rows = db.execute(sql.history_span).get
        every = [DocumentRow(*row) for row in db.execute(sql.every_version)]
        newest = {(row.kind, row.id): row for row in every}
        head = Head(
            FORMAT,
            workspace=workspace,
            first_ms=first_ms,
            last_ms=last_ms,
            rows=rows,
            seed=read_seed(folder),
            documents=[row for row in newest.values() if row.state == "live"],
            versions=every,
            announced=list(_announced(db.execute(sql.history_of_nobody))),
            positions_ms=begins_ms(db, sql, last_ms),
            rankings={name: _ranking.decode(body) for name, body in db.execute(sql.rankings)},
        )
        yield Source(head, lambda end_ms, since_ms: _dossiers(db, sql, end_ms, since_ms))


def _dossiers(
    db: apsw.Connection, sql: SimpleNamespace, end_ms: int, positions_ms: int
) -> Iterator[Dossier]:
    """Go through several tables side by side, all in the order of persons."""
    happened = _Beside(db.execute(sql.history_by_person, (end_ms,)))
    entered = _Beside(db.execute(sql.entered_by_person, (end_ms,)))
    slots = _Beside(db.execute(sql.slots_by_person, (end_ms,)))
    suppressed = _Beside(db.execute(sql.suppressed_by_person))
    allowed = _Beside(db.execute(sql.allowed_by_person))
    positions = Positions(db, sql, positions_ms) if positions_ms else None
    for person_id, row in db.execute(sql.persons_in_order):
        rows = [(at_ms, body) for _, at_ms, body in happened.of(person_id)]
        yield Dossier(
            person_id,
            rows=rows,
            row=b"" if rows else _standing(row),
            entered=list(_entered(entered.of(person_id))),
            slots=[_slot.decode(body) for _, body in slots.of(person_id)],
            suppressed=[ListedAddress(*listed) for _, *listed in suppressed.of(person_id)],
            allowed=[ListedAddress(*listed) for _, *listed in allowed.of(person_id)],
            uploads=positions.of(person_id, end_ms) if positions else [],
        )


def _announced(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Broadcast]]:
    for at_ms, body in rows:
        for each in unpack(body).happened:
            if isinstance(each, Announced):
                yield at_ms, each.broadcast


def _standing(row: bytes) -> bytes:
    person = _person.decode(row)
    return _packed(structs.replace(person, attributes=homeless(person.attributes)))


def _entered(rows: Iterable[tuple[Any, ...]]) -> Iterator[Entered]:
    for _, at_ms, body in rows:
        step = _plain.decode(body)
        if step.get("outcome") == "entered":
            yield Entered(step["campaign_id"], step.get("run_id", ""), at_ms)


class _Beside:
    """Rows in the order of persons, read up to the one that is asked for."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._next = next(self._groups, None)

    def of(self, person_id: str) -> list[tuple[Any, ...]]:
        """Give a person's rows; who is asked for later has a greater id."""
        while self._next is not None and self._next[0] < person_id:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != person_id:
            return []
        found = list(self._next[1])
        self._next = next(self._groups, None)
        return found


def write_file(source: Source) -> Iterator[bytes]:
    """Give the lines of a file (Rules 1 and 3)."""
    head = structs.replace(source.head, seed="", versions=[], positions_ms=0)
    yield msgspec.json.encode(head)
    for dossier in source.dossiers(END_MS):
        yield msgspec.json.encode(dossier)


@contextmanager
def open_file(path: Path) -> Iterator[Source]:
    """
    Open a file that ``fencepost history`` wrote.

    Raises:
        StartError: It cannot be read, or is something else; says where.

    """
    try:
        with path.open("rb") as lines:
            head = _line(path, 1, next(lines, b""), Head)
            if head.fencepost_history != FORMAT:
                raise StartError(f"{path}: format {head.fencepost_history} is not known here")
            yield Source(head, lambda end_ms, _: _read(path, lines, end_ms))
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from None


def _read(path: Path, lines: Iterable[bytes], end_ms: int) -> Iterator[Dossier]:
    last = ""
    for number, line in enumerate(lines, 2):
        found = _line(path, number, line, Dossier)
        if found.person_id <= last:
            raise StartError(f"{path}:{number}: persons are not in the order of their ids")
        last = found.person_id
        found.rows = [row for row in found.rows if row[0] < end_ms]
        yield found


def _line(path: Path, number: int, line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StartError(
            f"{path}:{number}: is not what `fencepost history` writes ({error})"
        ) from None
