"""
What a provider's fault comes to: how many calls, when, and where the message stands.

The drivers' tests say which outcome each answer of a provider is (``tests/channels``); this table
begins where they end, and goes the whole way on a clock that jumps from one due moment to the next.
"""

from pathlib import Path

import pytest

from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Unavailable,
    Unknown,
)
from fencepost_gateway.decide.settle import next_attempt_ms
from gateway.rig import Rig
from gateway.workers.scripted import Script
from gateway.workers.test_fallback import asked, ends, slots

LATER, AWAY = Unavailable("status_429"), Unavailable("no_connection")
SILENCE = Unknown("no_answer")
ASKED_S = (0.01, 7.0, 600.0, 90_000.0)  # Retry-After, from below its clamp to above it


async def _play(rig: Rig, script: Script) -> list[int]:
    """Jump from one due moment to the next until none is left; give when calls were made."""
    at_ms = [rig.clock.now_ms()] * len(script.calls)
    for _ in range(10):
        due_ms = await rig.gateway.store.next_due_ms()
        if due_ms is None:
            break
        rig.clock.move_to(max(due_ms, rig.clock.now_ms()))
        await rig.settle()
        at_ms += [rig.clock.now_ms()] * (len(script.calls) - len(at_ms))
    return at_ms


@pytest.mark.guarantee("R16")
@pytest.mark.parametrize(
    ("script", "purpose", "calls", "end"),
    [
        ([LATER], "marketing", 2, ("sent", "", ["confirmed"])),
        ([AWAY, LATER], "marketing", 3, ("sent", "", ["confirmed"])),
        *(
            ([Unavailable("status_503", s)], "marketing", 2, ("sent", "", ["confirmed"]))
            for s in ASKED_S
        ),
        ([Rejected("redirect")], "marketing", 1, ("failed", "rejected.redirect", [])),
        ([Rejected("too_large")], "transactional", 1, ("failed", "rejected.too_large", [])),
        ([Misconfigured("status_401")], "marketing", 1, ("failed", "misconfigured.status_401", [])),
        ([Gone()], "marketing", 1, ("failed", "gone", [])),
        ([SILENCE], "marketing", 1, ("unknown", "unknown.no_answer", ["kept_unknown"])),
        ([SILENCE, LATER], "transactional", 3, ("sent", "", ["confirmed"])),
        ([SILENCE] * 3, "transactional", 3, ("unknown", "unknown.no_answer", ["kept_unknown"])),
    ],
    ids=lambda value: " ".join(_name(o) for o in value) if isinstance(value, list) else None,
)
async def test_fault_comes_to_exactly_these_calls_at_exactly_these_moments(
    tmp_path: Path,
    script: list[Outcome],
    purpose: str,
    calls: int,
    end: tuple[str, str, list[str]],
) -> None:
    """Each call at the moment its jitter or Retry-After names, under one key, and no other."""
    spoken = Script(sms=[*script])
    async with asked(tmp_path, spoken, purpose=purpose, channels="sms") as rig:
        at_ms = await _play(rig, spoken)
        ((state, reason),) = await ends(rig)
        held = await slots(rig)

    (delivery_id,) = {delivery for _, delivery in spoken.calls}
    wanted = at_ms[:1]
    for number, outcome in enumerate(script[: calls - 1], 1):
        asked_s = outcome.retry_after_s if isinstance(outcome, Unavailable) else None
        wanted.append(next_attempt_ms(delivery_id, number, asked_s, wanted[-1]))
    assert at_ms == wanted
    assert (len(at_ms), (state, reason, held)) == (calls, end)


def _name(outcome: Outcome) -> str:
    asked_s = getattr(outcome, "retry_after_s", None)
    return type(outcome).__name__.lower() + (f"-{asked_s:g}s" if asked_s is not None else "")
