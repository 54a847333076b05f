"""
Safety: the cap that keeps a loop from flooding somebody with messages that no other cap holds.

Pure. Transactional messages obey no frequency cap; this one is theirs, and nobody sets it.

Rule 1. At most ``LIMIT`` messages of one template to one person in any hour, over all channels:
        slots like any other's, reserved in the claim and given back only on a definite refusal.
Rule 2. What finds none is withheld (``safety_cap``), never deferred: a loop would only wait.
Rule 3. Messages of a test person count, for a loop is first met in a test; a seed's copies and
        proofs do not, for they are of as many people as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fencepost_gateway.decide.caps import HOUR_MS, CapAnswer, Slot, check
from fencepost_gateway.decide.plan import CapRule, CapScope

LIMIT: Final = 30
RULE: Final = CapRule("safety", LIMIT, CapScope("transactional"), rolling_ms=HOUR_MS)
EXEMPT: Final = ("seed", "proof")


def ask(slots: Sequence[Slot], wanted: Slot, now_ms: int) -> CapAnswer:
    """Say whether one more message of its template may go to the person (Rule 1)."""
    own = [slot for slot in slots if slot.template_id == wanted.template_id]
    (answer,) = check((RULE,), own, wanted, wanted.zone, now_ms)
    return answer
