"""
Solver: the next instant at which everything that has hours lets a message go.

Pure. Quiet hours in each zone, a campaign's own hours, the opening hours of a place and a cap that
has no slot left are all the same to it: a ``Limit``, which knows its open spans.

Rule 1. The answer is the earliest instant from now on at which *every* limit is open, to the
        millisecond; it is what a scan of every minute finds, without the scan.
Rule 2. ``moved_by`` names the limit that was closed until that very instant. When several open at
        once, it is the first of them in the order given.
Rule 3. The instant is sought over ``HORIZON_MS``. A limit that opens no more within it is named
        as well: waiting for it is of no use.
Rule 4. Only instants before the message's end count as ``in_time``; a later one is still told.
Rule 5. ``until_ms`` is the first end of an open span, so that a release may be spread up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

HORIZON_MS = 8 * 86_400_000
FOREVER_MS = 1 << 62  # an end that never comes

Span = tuple[int, int]


class Limit(Struct, frozen=True):
    """
    Something that is open at times.

    ``span_at(at_ms)`` gives the open span that holds ``at_ms``, else the next one, as its start
    and (exclusive) end; None when there is none within the horizon.
    """

    name: str
    span_at: Callable[[int], Span | None]


class Answer(Struct, frozen=True):
    """
    Open now (nothing is ``closed``), else from ``next_ms``; in both cases until ``until_ms``.

    ``next_ms`` is None when it is open now, and when it opens no more within the horizon.
    ``until_ms`` is None when it never ends. ``closed`` names the limits that are closed now.
    """

    closed: tuple[str, ...] = ()
    next_ms: int | None = None
    until_ms: int | None = None
    moved_by: str = ""
    in_time: bool = True

    @property
    def is_open(self) -> bool:
        """Say whether everything is open now."""
        return not self.closed


def solve(limits: Sequence[Limit], now_ms: int, expires_at_ms: int = FOREVER_MS) -> Answer:
    """
    Find the next instant at which all of ``limits`` are open.

    Args:
        limits: What has to be open; none at all is always open.
        now_ms: Moment of the decision.
        expires_at_ms: End of the message's life (Rule 4).

    """
    spans = [limit.span_at(now_ms) for limit in limits]
    opens = zip(limits, spans, strict=True)
    closed = tuple(limit.name for limit, span in opens if span is None or span[0] > now_ms)
    at_ms, moved_by = now_ms, ""
    while at_ms <= now_ms + HORIZON_MS:
        start_ms, until_ms, latest = at_ms, FOREVER_MS, ""
        for limit, span in zip(limits, spans, strict=True):
            if span is None:
                return Answer(closed, moved_by=limit.name, in_time=False)
            if span[0] > start_ms:
                start_ms, latest = span[0], limit.name
            until_ms = min(until_ms, span[1])
        if start_ms == at_ms:
            next_ms = at_ms if closed else None
            ends_ms = None if until_ms == FOREVER_MS else until_ms
            return Answer(closed, next_ms, ends_ms, moved_by, at_ms < expires_at_ms)
        at_ms, moved_by = start_ms, latest  # the last to open: are the others still?
        spans = [limit.span_at(at_ms) for limit in limits]
    return Answer(closed, moved_by=moved_by, in_time=False)
