"""
Step record: what became of a campaign that was woken, or of a step that a run took.

Pure data; the body of a record of kind ``step``.

``outcome`` of a campaign: ``entered`` or ``not_entered``. Of a step (``step_id``): ``waits``,
``took`` (it is done, and the run goes on ``to``), ``ended`` (the run).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

StepOutcome = Literal["entered", "not_entered", "waits", "took", "ended"]


class StepRecord(Struct, frozen=True):
    """
    What became of it and why, with what was looked at.

    ``way`` names the way that was taken where a step has several, ``due_ms`` until when a run
    waits at the latest. ``by`` is external, schedule or api: whose name the cause is.
    """

    campaign_id: str
    campaign_version: int
    outcome: StepOutcome
    reason: str = ""
    run_id: str = ""
    message_ids: tuple[str, ...] = ()
    cause: str = ""
    fence_id: str = ""
    audience_id: str = ""
    by: str = ""
    at_ms: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    step_id: str = ""
    way: str = ""
    to: str = ""
    stage: str = ""
    due_ms: int | None = None
