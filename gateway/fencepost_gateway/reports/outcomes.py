"""
Outcomes: how many messages went, wait, or did not go, and why; the sums add up.

Pure. Each message counts once, where it stands now, under its one primary reason; a driver's finer
word after a dot counts with its family. Those of test persons, seeds and proofs are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fencepost_gateway.decide.message import MessageEnd
from fencepost_gateway.decide.phrases import MESSAGE_STATES
from fencepost_gateway.decide.reasons import sentence
from fencepost_gateway.decide.tongue import Tongue

ORDER = ("delivered", "sent", "sending", "queued", "deferred", "unknown", "failed", "withheld")


class Outcomes:
    """Counts messages of a span of time by what became of them."""

    def __init__(self, campaign_id: str, from_ms: int, until_ms: int) -> None:
        self._campaign_id = campaign_id
        self._from_ms = from_ms
        self._until_ms = until_ms
        self._counts: dict[tuple[str, str], int] = {}
        self._tests = 0

    def take(self, messages: Iterable[MessageEnd]) -> None:
        """Count more messages: those made in the span, of the campaign if one is asked."""
        for m in messages:
            if not self._from_ms <= m.entered_ms < self._until_ms:
                continue
            if self._campaign_id not in {"", m.campaign_id}:
                continue
            if m.mark:
                self._tests += 1
                continue
            key = (m.state, m.reason.partition(".")[0])
            self._counts[key] = self._counts.get(key, 0) + 1

    def told(self, tongue: Tongue) -> dict[str, Any]:
        """Give the report; ``total`` is the sum of the rows."""
        rank = {state: number for number, state in enumerate(ORDER)}
        counted = sorted(self._counts.items(), key=lambda c: (rank.get(c[0][0], 9), -c[1], c[0]))
        rows = [
            {
                "state": state,
                "reason": reason,
                "why": sentence(reason, tongue.language) if reason else "",
                "messages": count,
            }
            for (state, reason), count in counted
        ]
        return {"rows": rows, "total": sum(self._counts.values()), "tests": self._tests}


def tell_outcomes(report: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say the report in lines."""
    for row in report["rows"]:
        why = f"  {row['reason']}: {row['why']}" if row["reason"] else ""
        state = tongue.say(MESSAGE_STATES[row["state"]])
        yield f"{tongue.count(row['messages']):>9}  {state}{why}"
    yield f"{tongue.count(report['total']):>9}  {tongue.say(MESSAGE_STATES['total'])}"
    if report["tests"]:
        yield f"{tongue.count(report['tests']):>9}  {tongue.say(MESSAGE_STATES['tests'])}"
