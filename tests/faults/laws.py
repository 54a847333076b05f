"""
Laws: what must add up in a gateway's store, whenever it is looked at.

R29 of the guarantees. ``broken`` gives what does not add up, law by law, as two sides that differ;
an empty answer is a kept promise. The laws hold at every commit, so also in the store of a gateway
that was killed; ``conserved`` adds those of one that has come to rest. Everything is counted from
rows, and what rows of two kinds say of the same thing is compared: that of a message is told again
from its records alone.

L3. What is in the log was accepted: seqs are decided, none stands there twice, and app events up
    to the position are those that the persons remember, but for what was passed over as poison.
L4. A stream has no gaps but those its device declared.
L5. Entered messages = messages over their states; each state, and its one primary reason, is what
    the message's records come to, receipts in any order among them; deliveries likewise.
L6. Slots reserved = open + confirmed + released + kept as unknown, each as its message ended.
L7. Counted into an audience, less counted out = its members; what the records say of joining and
    leaving comes to the same, but for persons who took in a visitor. Whoever time alone may move
    has the timer that says so, and nobody else has one.
M.  Where a counter exists, it says what the rows say (``metered``; one process, at rest).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from faults.checker import House, app_events
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import Upload

ANY = -1
REACTIONS = frozenset({"displayed", "clicked", "dismissed"})
SHOWN = 5  # how much of a difference is printed
RISING = ("queued", "sending", "unknown", "sent")
GOT = ("delivered", "received", "complained", "displayed", "opened", "clicked", "dismissed")
SAYS = dict.fromkeys(GOT, "delivered") | {"sent": "sent"}
SAYS |= dict.fromkeys(("failed", "bounced_hard", "bounced_soft"), "failed")

Sides = tuple[Any, Any]


@dataclass(slots=True)
class Told:
    """What the records of one message come to."""

    state: str = "queued"
    reason: str = ""
    deliveries: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)  # what some device has shown
    channels: dict[str, str] = field(default_factory=dict)
    last: str = ""  # the delivery of the last call
    person_id: str = ""
    slot: str = ""
    faults: list[str] = field(default_factory=list)


def tell_again(house: House) -> dict[str, Told]:
    """Tell every message's story from its records, in the order they were committed."""
    found: dict[str, Told] = {}
    for row in house.records:
        if row.kind == "claim":
            told = found.setdefault(row.subject, Told())
            told.person_id = row.person_id
            _claimed(told, row.body)
        elif row.kind == "outcome" and "slot" in row.body:
            _ended(found.setdefault(row.subject, Told()), row.body)
        elif row.kind == "outcome":  # a device or a provider said it
            of = [told for told in found.values() if row.body["delivery_id"] in told.deliveries]
            for told in of:
                if row.person_id == told.person_id:
                    _receipt(told, row.body)
    return found


def _claimed(told: Told, body: Mapping[str, Any]) -> None:
    if told.state not in {"queued", "deferred"}:
        told.faults.append(f"claimed while {told.state}")
    told.state, told.reason = body["outcome"], body["reason"]
    if told.state != "send" and told.slot == "open":  # kept for the next channel, if there had been
        told.slot = "released"
    if told.state != "send":
        if not told.reason:
            told.faults.append(f"{told.state} without a reason")
        return
    told.state = "sending"
    told.last = body["delivery_id"]
    told.deliveries[told.last] = "sending"
    told.channels[told.last] = body["channel"]
    if any(_reserves(check) for check in body["checks"]):
        told.slot = "open"


def _reserves(check: Mapping[str, Any]) -> bool:
    """Say whether a message that passed this check has a slot: a cap's, or that of a question."""
    if check["gate"] == "caps":
        return "exempt" not in check["inputs"]
    return bool(check["gate"] == "consent" and check["ok"] and check["inputs"]["value"] == "p")


def _ended(told: Told, body: Mapping[str, Any]) -> None:
    before = told.deliveries.get(body["delivery_id"])
    by_receipt = body["state"] == "sent" and before in {"queued", "unknown", "failed"}
    if before != "sending" and not by_receipt:
        told.faults.append("a call ended that was not on its way")
    told.deliveries[body["delivery_id"]] = body["state"]
    told.state = body["state"] if body["retry_at_ms"] is None else "queued"
    told.reason = body["reason"]
    if told.slot:
        told.slot = body["slot"]


def _receipt(told: Told, body: Mapping[str, Any]) -> None:
    delivery_id, what = body["delivery_id"], body["state"]
    channel, before = told.channels[delivery_id], told.deliveries[delivery_id]
    if what in REACTIONS:
        told.seen.add(delivery_id)
    is_unshown = what == "unshown" and delivery_id not in told.seen
    if is_unshown and channel == "in_app" and told.slot == "confirmed":
        told.slot = "released"
    said = SAYS.get(what, before)
    order = [*RISING, *(("delivered", "failed") if channel == "email" else ("failed", "delivered"))]
    if order.index(said) <= order.index(before):
        return
    told.deliveries[delivery_id] = said
    if delivery_id != told.last:
        return
    bounced = what.startswith("bounced")
    word = ("bounced" if bounced else "undelivered") if said == "failed" else ""
    code = body.get("code", "")
    told.state, told.reason = said, f"{word}.{code}" if word and code else word
    if told.slot and before not in {"sent", "delivered"}:
        told.slot = "confirmed"


def broken(house: House, *, declared: int = 0) -> dict[str, Sides]:
    """
    Check what must add up at every commit.

    Args:
        house: What the store holds.
        declared: Seqs that devices declared dropped; ``ANY`` where nobody counted.

    """
    sides = dict(_log_laws(house, declared)) | dict(_message_laws(house))
    sides |= dict(_audience_laws(house))
    return {law: _shortened(*pair) for law, pair in sides.items() if pair[0] != pair[1]}


def _log_laws(house: House, declared: int) -> Iterable[tuple[str, Sides]]:
    last = house.log[-1].position if house.log else 0
    yield "L3 position is in the log", (min(house.position, last), house.position)
    taken = [(u.device_id, u.stream, e.seq) for u in uploads(house) for e in u.events]
    yield "L3 in the log twice", ([key for key, n in Counter(taken).items() if n > 1], [])
    undecided = [key for key in taken if not _decided(house.marks.get(key[:2], Marks()), key[2])]
    yield "L3 in the log, not decided", (undecided, [])
    yield "L3 processed = remembered", (app_events(house, house.position), remembered(house))
    if declared != ANY:
        yield "L4 seq gaps = declared", (sum(map(_gaps, house.marks.values())), declared)


def uploads(house: House) -> list[Upload]:
    """Give what was accepted, batch by batch."""
    return [each.record for each in house.log if isinstance(each.record, Upload)]


def _decided(marks: Marks, seq: int) -> bool:
    return seq <= marks.upto or any(low <= seq <= high for low, high in marks.above)


def _gaps(marks: Marks) -> int:
    """Count the seqs below the highest that never came."""
    ends = [marks.upto, *(high for _, high in marks.above)]
    return sum(low - end - 1 for (low, _), end in zip(marks.above, ends, strict=False))


def remembered(house: House) -> Counter[str]:
    """Add up the app events that the persons remember."""
    total: Counter[str] = Counter()
    for body in house.persons.values():
        summaries: dict[str, Any] = msgspec.msgpack.decode(body)["summaries"]
        total.update({name: one["count"] for name, one in summaries.items()})
    return total


def belonging(house: House) -> set[tuple[str, str]]:
    """Give who belongs to what, as (person, audience), by the persons."""
    people = {i: msgspec.msgpack.decode(p, type=Person) for i, p in house.persons.items()}
    return {(i, audience_id) for i, person in people.items() for audience_id in person.audiences}


def waiting(house: House) -> dict[str, int]:
    """Give when each person is to be asked again, for whom time alone may change something."""
    people = {i: msgspec.msgpack.decode(p, type=Person) for i, p in house.persons.items()}
    return {i: p.wakes_ms for i, p in people.items() if p.wakes_ms is not None}


def _message_laws(house: House) -> Iterable[tuple[str, Sides]]:
    told = tell_again(house)
    known = {m: told.get(m, Told()) for m in house.messages}
    entered = Counter(
        m for row in house.records if row.kind == "step" for m in row.body["message_ids"]
    )
    yield "L5 entered = messages", (dict(entered), dict.fromkeys(house.messages, 1))
    yield "L5 records of no message", (sorted(set(told) - set(house.messages)), [])
    yield "L5 impossible records", ({m: t.faults for m, t in told.items() if t.faults}, {})
    yield "L5 state, by its records", ({m: t.state for m, t in known.items()}, house.messages)
    yield "L5 primary reason", ({m: t.reason for m, t in known.items()}, house.reasons)
    deliveries = {d: state for t in known.values() for d, state in t.deliveries.items()}
    yield "L5 deliveries", (deliveries, house.deliveries)
    slots = {m: t.slot for m, t in known.items() if t.slot}
    yield "L6 slots", (slots, house.slot_states)


def _audience_laws(house: House) -> Iterable[tuple[str, Sides]]:
    belong = belonging(house)
    yield "L7 counted = members", (house.sizes, dict(Counter(name for _, name in belong)))
    told: Counter[tuple[str, str]] = Counter()
    for row in house.records:
        if row.kind == "audience":
            told[row.person_id, row.body["audience_id"]] += 1 if row.body["on"] == "join" else -1
    heirs = {row.person_id for row in house.records if row.kind == "merge"}
    recorded = {key: n for key, n in told.items() if n and key[0] not in heirs}
    yield (
        "L7 members, by their records",
        (recorded, {key: 1 for key in belong if key[0] not in heirs}),
    )


def conserved(house: House, *, declared: int = 0) -> dict[str, Sides]:
    """
    Check a store that has come to rest: all laws, and nothing is on its way.

    Takes what ``broken`` takes.
    """
    last = house.log[-1].position if house.log else 0
    ended = {"sent", "delivered", "unknown", "failed", "withheld"}
    open_messages = {m: state for m, state in house.messages.items() if state not in ended}
    at_rest = {
        "L3 log = processed": (last, house.position),
        "L5 messages on their way": (open_messages, {}),
        "L6 open slots": (house.slots["open"], 0),
        "L7 timers": (house.timers, waiting(house)),  # one that rang is known to its person later
    }
    found = {law: _shortened(*sides) for law, sides in at_rest.items() if sides[0] != sides[1]}
    return found | broken(house, declared=declared)


def metered(house: House, exposed: str) -> dict[str, Sides]:
    """Compare what one process counted from an empty store on with the rows (law M)."""
    counted = _counters(exposed)
    events = sum(house.seqs.values())
    rows: dict[str, dict[tuple[str, ...], int]] = {
        "fencepost_ingest_events": {("accepted",): events},
        "fencepost_pipeline_events": {(): events},
        "fencepost_decisions": _by(house, "claim", "outcome", "reason"),
        "fencepost_deliveries": _by(house, "outcome", "channel", "state"),
        "fencepost_steps": _by(house, "step", "outcome"),
        "fencepost_transitions": _by(house, "transition", "kind"),
    }
    events_by_verdict = counted["fencepost_ingest_events"]
    counted["fencepost_ingest_events"] = {
        key: n for key, n in events_by_verdict.items() if key == ("accepted",)
    }
    sides = {f"M {name}": (counted[name], expected) for name, expected in rows.items()}
    return {law: _shortened(*pair) for law, pair in sides.items() if pair[0] != pair[1]}


def is_at_rest(exposed: str) -> bool:
    """Say whether, by its counters, all is processed and every message has come to its end."""
    counted = _counters(exposed)
    over = ("withheld", "failed")
    withheld = sum(n for key, n in counted["fencepost_decisions"].items() if key[0] in over)
    ended = sum(n for key, n in counted["fencepost_deliveries"].items() if key[1] != "queued")
    ended -= sum(counted["fencepost_called_again"].values())
    entered = counted["fencepost_steps"].get(("entered",), 0)
    pending = "\nfencepost_pipeline_pending_records 0.0\n" in exposed
    return pending and entered == withheld + ended


def _counters(exposed: str) -> dict[str, dict[tuple[str, ...], int]]:
    return {
        family.name: {
            tuple(sample.labels.values()): int(sample.value)
            for sample in family.samples
            if sample.name.endswith("_total") and (sample.value or not sample.labels)
        }
        for family in text_string_to_metric_families(exposed)
        if family.type == "counter"
    }


def _by(house: House, kind: str, *members: str) -> dict[tuple[str, ...], int]:
    return dict(
        Counter(
            tuple(row.body[m] for m in members)
            for row in house.records
            if row.kind == kind and set(members) <= row.body.keys()
        )
    )


def written(found: Mapping[str, Sides]) -> str:
    """Write what does not add up, a law a line."""
    return "".join(f"\n{law}: {left!r} is not {right!r}" for law, (left, right) in found.items())


def _shortened(left: Any, right: Any) -> Sides:
    """Leave of two dictionaries or lists what differs, a few of it."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = [k for k in {**left, **right} if left.get(k) != right.get(k)][:SHOWN]
        return {k: left.get(k) for k in keys}, {k: right.get(k) for k in keys}
    if isinstance(left, list):
        return left[:SHOWN], right
    return left, right
