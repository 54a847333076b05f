"""Trial rows: documents on trial, and what came of them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import ClaimFacts, Message
from fencepost_gateway.intake.records import TrialTold
from fencepost_gateway.ports.rows import DocumentRow, RecordRow


class TrialRow(Struct, frozen=True):
    """
    What is on trial: ``number`` rises with each; ``mode`` empty: nothing.

    ``shorten_ms`` is how long a wait lasts at most; None: as long as it is.
    """

    number: int = 0
    mode: Literal["", "draft", "shadow"] = ""
    shorten_ms: int | None = None
    began_ms: int = 0
    documents: list[DocumentRow] = []


class TrialFacts(Struct, frozen=True):
    """What judging a message on trial may see; its clock was ``ahead_ms`` ahead, or more by now."""

    facts: ClaimFacts
    ahead_ms: int


class TrialVerdict(Struct, frozen=True):
    """
    What would have become of a message on trial, to be written in one commit.

    ``due_ms`` is when it is asked again, by the real clock; ``content`` what a test person is
    shown; ``slot`` the slot of a cap it would have taken.
    """

    message_id: str
    state: Literal["sent", "withheld", "deferred"]
    records: list[RecordRow]
    due_ms: int = 0
    ahead_ms: int = 0
    channel: str = ""
    content: dict[str, Any] | None = None
    slot: Slot | None = None
    told: TrialTold | None = None


class TrialSum(Struct, frozen=True):
    """How often something came of a campaign on trial, and for how many persons."""

    campaign_id: str
    kind: str
    outcome: str
    reason: str
    channel: str
    count: int
    persons: int


class TrialMessage(Struct, frozen=True):
    """A message on trial: where it stands, and what it would have said."""

    message: Message
    state: str
    channel: str
    content: dict[str, Any] | None
