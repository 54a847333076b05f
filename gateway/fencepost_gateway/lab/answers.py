"""
Answers of the lab: what other systems said when it was recorded, instead of asking them.

No I/O: nobody is called, so nobody is told anything twice.

Rule 1. A call that was made is answered as it was then, at the moment at which it was: the recorded
        answer is still to come, because it came after the same call was asked for.
Rule 2. Another one (of changed documents, or at another moment) gets at once what the person got
        who asked the same of the same source, the nearest in time, as if it had been said now; its
        record says so (``recorded_ms``).
Rule 3. Nothing of the kind on record: it fails, ``not_recorded``.
Rule 4. Webhooks that nobody waits for are not made, and nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from fencepost_gateway.decide.calls import Reply, asks_of, reply_to
from fencepost_gateway.intake.history import Heard, Told
from fencepost_gateway.ports import LEASE_MS, Store, TakenCall

TAKEN_MAX = 1_000
NEVER_MS = 1 << 62


class RecordedAnswers:
    """What one person's runs were answered."""

    def __init__(self, told: Iterable[Told] = ()) -> None:
        self._all = [h.reply for one in told for h in one.happened if isinstance(h, Heard)]
        self._known = {(reply.call_id, reply.asked_ms) for reply in self._all}

    async def step(self, store: Store, now_ms: int) -> int:
        """Answer the calls that are due; gives how many."""
        book = store.calls
        room = dict.fromkeys(await book.sources(now_ms), TAKEN_MAX)
        answered = 0
        for taken in await book.take(now_ms, room, LEASE_MS) if room else ():
            call = taken.call
            if not call.waits or (call.call_id, call.asked_ms) in self._known:
                await book.put_off(call.call_id, taken.attempt, "", NEVER_MS)  # Rules 4 and 1
            else:
                answered += await book.answer(self._reply(taken, now_ms), now_ms)
        return answered

    def _reply(self, taken: TakenCall, now_ms: int) -> Reply:
        asks = asks_of(taken.call)
        found = [(abs(r.at_ms - now_ms), n) for n, r in enumerate(self._all) if r.asks == asks]
        if not found:
            return reply_to(taken.call, now_ms, taken.attempt, failure="not_recorded")
        like = self._all[min(found)[1]]
        return reply_to(
            taken.call,
            now_ms,
            taken.attempt,
            value=like.value,
            failure=like.failure,
            status=like.status,
            recorded_ms=like.at_ms,
        )
