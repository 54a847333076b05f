"""Lives that are recorded, and lived once more: what tests of backtests share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.backtest import Desk, Findings, backtest, job_of
from fencepost_gateway.lab.dossiers import Source, open_folder
from fencepost_gateway.lab.job import Edition, Window
from fencepost_gateway.lab.rerun import Life
from fencepost_gateway.ports import RecordRow
from gateway.rig import (
    DOCUMENTS,
    GRANTS,
    INSIDE,
    NOON_MS,
    OPEN_POLICY,
    OUTSIDE,
    Rig,
    open_rig,
)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CART = """
kind: campaign
id: cart
entry: {event: cart_updated}
reentry: REENTRY
message: {template: cart, channels: [sms, email]}
goal: none
---
kind: template
id: cart
purpose: marketing
sms: {text: Your cart waits.}
email: {subject: Cart, text: Your cart waits.}
"""
ALWAYS = CART.replace("REENTRY", "always")


@asynccontextmanager
async def lived(folder: Path, *documents: str) -> AsyncIterator[Rig]:
    """Open a gateway that lives its day, with somebody who allows everything and has a number."""
    async with open_rig(folder, workspace="default") as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, *documents)
        await rig.consent(dict(GRANTS))
        await rig.send({"type": "address", "channel": "sms", "address": "+33612345678"})
        await rig.settle()
        yield rig


async def walk(rig: Rig) -> None:
    """Walk in, with everything happening at its moment."""
    for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:
        await rig.fix(where)
        await rig.settle()


async def cart(rig: Rig, after_ms: int = 60_000) -> None:
    """Change a cart, some time later."""
    rig.clock.move_to(rig.clock.now_ms() + after_ms)
    await rig.send({"type": "track", "name": "cart_updated", "props": {"items": 2}})
    await rig.settle()


async def records_of(rig: Rig) -> list[RecordRow]:
    """Give the steps and claims on record."""
    found = await rig.gateway.store.records(0, 1000)
    return [each for each in found if each.kind in ("step", "claim")]


def written(rows: list[RecordRow]) -> list[str]:
    """Write records in the one order there is."""
    return [json.dumps([r.at_ms, r.kind, r.subject, r.body], sort_keys=True) for r in rows]


@contextmanager
def source_of(folder: Path) -> Iterator[Source]:
    """Open a data folder."""
    with open_folder(folder, "default") as source:
        yield source


async def lives(
    source: Source, begin_ms: int = NOON_MS, end_ms: int = NOON_MS + DAY_MS, *texts: str
) -> list[Life]:
    """Let everybody live again in this process, by documents laid over the live ones."""
    edition = edition_of(source, *texts)
    job = job_of(source, [edition], Window(begin_ms, end_ms))
    desk = Desk(job)
    (rerun,) = desk._reruns  # noqa: SLF001 - the part under test
    return [await rerun.live(dossier) for dossier in source.dossiers(end_ms, job.positions_ms)]


def edition_of(source: Source, *texts: str) -> Edition:
    """Lay documents over the live ones."""
    ends = ["geojson" if text.lstrip()[:1] == "{" else "yaml" for text in texts]
    files = zip(ends, texts, strict=True)
    loaded = load([SourceFile(f"{n}.{end}", text) for n, (end, text) in enumerate(files)])
    assert loaded.problems == []
    return editions.changed(source.head, loaded.documents)


async def found_by(source: Source, *texts: str, workers: int = 1) -> Findings:
    """Run a backtest of a day against what is live."""
    mine = edition_of(source, *texts)
    other = editions.against(source.head, [], "live")
    job = job_of(source, [mine, other], Window(NOON_MS, NOON_MS + 40 * DAY_MS))
    return await asyncio.to_thread(backtest, source, job, workers, lambda _: None)


def sums(found: Findings) -> str:
    """Write findings down to the last figure."""
    return repr(
        [[sorted(f.sends.items()), sorted(f.withheld.items()), sorted(f.kept_out.items()), f.people,
          f.reached, f.events] for f in found.forecasts] + [found.differences]
    )  # fmt: skip


async def pass_time(rig: Rig, until_ms: int) -> None:
    """Let what comes due happen at its moment."""
    store = rig.gateway.store
    while (due_ms := await store.next_due_ms()) is not None and due_ms <= until_ms:
        rig.clock.move_to(due_ms)
        await rig.settle()
    rig.clock.move_to(until_ms)


CHANGED = """
kind: campaign
id: cart
entry: {event: cart_updated}
when: {all: [{not: {person: tier, is: plus}}, {trait: spent, gte: 300}]}
reentry: {after: 48h}
message: {template: cart, channels: [email]}
goal: none
"""
JOURNEY = """
kind: journey
id: rescue
entry: {event: cart_updated}
goal: {event: purchase, within: 3d}
reentry: after_end
steps:
  - id: first
    message: {template: cart, channels: [in_app]}
  - id: reaction
    wait: {for: {clicked: first}, timeout: 2h}
    then: {clicked: thanks, timeout: remind}
  - id: remind
    message: {template: cart, channels: [sms]}
  - to: end
  - id: thanks
    message: {template: cart, channels: [email]}
---
kind: template
id: cart
purpose: marketing
in_app: {body: Your cart waits.}
sms: {text: Your cart waits.}
email: {subject: Cart, text: Your cart waits.}
"""
