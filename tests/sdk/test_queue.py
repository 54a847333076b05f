from __future__ import annotations

from functools import partial
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_sdk.limits import Limits
from fencepost_sdk.queue import CLASS_OF, NEVER
from fencepost_sdk.sqlite_store import MEMORY, NewEvent, SqliteStore

TIGHT = Limits(events=8, bytes=900, fixes=3, held_events=4, held_bytes=400, losses=10_000)


def _same(raw: bytes, _seq: int) -> bytes:
    return raw


class Put(NamedTuple):
    """One event of the model."""

    seq: int
    kind: str
    size: int
    is_held: bool


class Model:
    """The bounds in plain lists: slow, and obviously right."""

    def __init__(self) -> None:
        self.kept: list[Put] = []
        self.lost: list[int] = []

    def put(self, event: Put) -> None:
        """Add an event and drop what the bounds ask for."""
        self.kept.append(event)
        while (victim := self._victim()) is not None:
            self.kept.remove(victim)
            self.lost.append(victim.seq)

    def _victim(self) -> Put | None:
        fixes = [e for e in self.kept if e.kind == "fix"]
        held = [e for e in self.kept if e.is_held]
        if len(fixes) > TIGHT.fixes:
            return fixes[0]
        if len(held) > TIGHT.held_events or sum(e.size for e in held) > TIGHT.held_bytes:
            return self._lowest(held)
        if len(self.kept) > TIGHT.events or sum(e.size for e in self.kept) > TIGHT.bytes:
            return self._lowest(self.kept)
        return None

    def _lowest(self, events: list[Put]) -> Put | None:
        may_go = [event for event in events if CLASS_OF[event.kind] != NEVER]
        return min(may_go, key=lambda e: (CLASS_OF[e.kind], e.seq), default=None)


PUTS = st.tuples(st.sampled_from(sorted(CLASS_OF)), st.integers(1, 250), st.booleans())


@settings(max_examples=80, deadline=None)
@given(puts=st.lists(PUTS, max_size=40))
def test_store_drops_what_the_model_drops_and_counts_exactly_that(
    puts: list[tuple[str, int, bool]],
) -> None:
    """Kept and lost are those of the plain lists; ranges and counters equal the gap."""
    store, model = SqliteStore(MEMORY, stream="s", limits=TIGHT), Model()
    for seq, (kind, size, wish) in enumerate(puts, start=1):
        is_held = wish and kind not in {"consent", "fix"}
        raw = b"x" * size
        store.put(NewEvent("e", kind, is_held, 1, partial(_same, raw)), 0)
        model.put(Put(seq, kind, size, is_held))
    counted = sum(store.ledger.counters().values())
    store.release()
    kept = {item.seq for item in [*store.ready(), *store.urgent()]}
    rows = store._db.execute("SELECT lo, hi FROM loss").fetchall()  # noqa: SLF001 - more than a report
    lost = [seq for low, high in rows for seq in range(low, high + 1)]
    totals = (store.totals.events, store.totals.ready_bytes)
    store.close()

    assert kept == {event.seq for event in model.kept}
    assert sorted(lost) == sorted(model.lost)
    assert counted == len(model.lost)
    assert totals == (len(model.kept), sum(event.size for event in model.kept))


def test_a_failed_commit_changes_neither_queue_nor_seq() -> None:
    """An event that could not be stored uses up no seq, so it leaves no gap."""
    store = SqliteStore(MEMORY, stream="s", limits=TIGHT)

    def broken(_: int) -> bytes:
        raise OSError("no space left")

    for encode in (broken, lambda _: b"x"):
        try:
            store.put(NewEvent("e", "track", is_held=False, envelope=1, encode=encode), 0)
        except OSError:
            continue
    seqs = [item.seq for item in store.ready()]
    store.close()

    assert seqs == [1]


def test_what_is_in_flight_does_not_yield() -> None:
    """An event whose verdict may be on the way is not called lost."""
    store = SqliteStore(MEMORY, stream="s", limits=Limits(events=2))
    for _ in range(2):
        store.put(NewEvent("e", "track", is_held=False, envelope=1, encode=lambda _: b"x"), 0)
    store.in_flight = frozenset(item.key for item in store.ready())
    reason = store.put(NewEvent("e", "track", False, 1, lambda _: b"x"), 0)  # noqa: FBT003 - a record
    seqs = [item.seq for item in store.ready()]
    store.close()

    assert reason == "full_count"
    assert seqs == [1, 2]


def test_a_range_that_grew_while_it_was_reported_is_reported_again() -> None:
    """Only what a report really said is forgotten when the gateway has taken it."""
    store = SqliteStore(MEMORY, stream="s", limits=Limits(events=1))
    for _ in range(3):
        store.put(NewEvent("e", "track", is_held=False, envelope=1, encode=lambda _: b"x"), 0)
    told = store.ledger.losses()
    store.put(NewEvent("e", "track", is_held=False, envelope=1, encode=lambda _: b"x"), 0)
    store.ledger.forget_told(told)
    left = [(loss.lo, loss.hi) for loss in store.ledger.losses()]
    store.close()

    assert [(loss.lo, loss.hi) for loss in told] == [(1, 2)]
    assert left == [(3, 3)]
