"""
``python -m bench.audiences``: what traits and audiences cost an event.

One person's app events, folded one by one as the pipeline does, nothing stored; beside the same
without traits and audiences, on the same machine. Three kinds of audiences: such as no event
here concerns, such as each of them does, and such as ask for traits. ``--events`` makes it
shorter. No figure is a pass line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

from fencepost_gateway.clock import SystemClock
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import LogRecord, Upload
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, event

EVENTS = 2_000
REPEATS = 5
STEP_MS = 60_000
TRAITS = 20


def documents(kind: str, count: int) -> Iterator[dict[str, Any]]:
    """Give the documents of one case."""
    for n in range(count):
        if kind == "traits":
            yield {
                "kind": "trait", "id": f"t{n}", "count": "viewed",
                "where": {"category": f"c{n % 7}"}, "within": f"{n % 30 + 1}d",
            }  # fmt: skip
            continue
        when: dict[str, Any] = {"all": [{"did": "bought", "within": "30d"},
                                        {"person": "tier", "is": f"t{n}"}]}  # fmt: skip
        if kind == "concerned":
            when = {"all": [{"did": "viewed", "within": f"{n % 30 + 1}d", "count": {"min": n}},
                            {"person": "tier", "is": "plus"}]}  # fmt: skip
        yield {"kind": "audience", "id": f"a{n}", "when": when}


def folded_us(kind: str, count: int, events: int) -> float:
    """Fold events one by one; give the median microseconds of one."""
    plans, states, clock = Plans("seed"), States(), SystemClock()
    stored = [StoredDocument(d["kind"], d["id"], 1, d) for d in documents(kind, count)]
    plans.plan = compile_plan(stored, 1, "seed")
    raws = [event(n + 1, name="viewed", props={"category": f"c{n % 7}"}) for n in range(events)]
    decoded = [wire.decode_event(raw) for raw in batch(*raws).events]
    records = [
        LogRecord(n + 1, NOW_MS + n * STEP_MS, Upload(
            "d", "p", "v", "u", "s", NOW_MS, [told], [NOW_MS + n * STEP_MS],
        ))
        for n, told in enumerate(decoded) if isinstance(told, wire.Track)
    ]  # fmt: skip
    took = []
    for record in records:
        begin_s = clock.monotonic_s()
        group = Group(states, plans, "demo", record.position)
        group.take(record)
        took.append((clock.monotonic_s() - begin_s) * 1e6)
    return median(took)


def main() -> None:
    """Print each case beside the bare one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    events = parser.parse_args().events
    cases = [("bare", 0), ("traits", TRAITS)]
    cases += [(kind, n) for kind in ("unconcerned", "concerned") for n in (10, 100, 1_000)]
    found = {case: min(folded_us(*case, events) for _ in range(REPEATS)) for case in cases}
    bare = found["bare", 0]
    lines = [f"{'what an event meets':28}{'us an event':>12}{'beside bare':>13}"]
    for (kind, count), took_us in found.items():
        what = kind if kind in ("bare", "traits") else f"audiences, {kind}"
        name = f"{count:,} {what}" if count else what
        lines.append(f"{name:28}{took_us:12.1f}{took_us / bare:12.2f}x")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
