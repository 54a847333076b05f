"""Admission: what stands at the door, what it may know, and what a batch comes to; plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide.consent import ANY, ConsentEntry
from fencepost_gateway.decide.event_shape import EventShape
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.plan import MergePolicy, Policy
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import Upload
from fencepost_gateway.intake.statement import Caller, ConsentChange


class Withdrawal(Struct, frozen=True):
    """
    A purpose that is allowed no longer, by which value and under which policy.

    ``spares`` says of a message that it is none of this purpose's; ``channel`` is the one it was
    withdrawn for, or ``any``.
    """

    person_id: str
    purpose: str
    value: str
    policy: str
    spares: Callable[[Message], bool]
    channel: str = ANY


class Other(Struct, frozen=True, omit_defaults=True):
    """A verdict other than accepted; ``index`` stands in where the seq cannot be read."""

    verdict: str
    seq: int | None = None
    code: str = ""
    path: str = ""
    index: int | None = None


class Admission(Struct):
    """
    What a batch comes to.

    ``person_id`` is whom the device speaks for at its end, ``locates`` whether that person allows
    ``location_collect`` then. ``before`` is what a visitor did who then became somebody known and
    yet stays apart; it goes into the log ahead of ``upload``. The store adds how many pending
    messages the withdrawals took back.
    """

    upload: Upload | None
    marks: Marks
    accepted: list[list[int]]
    others: list[Other]
    consents: list[ConsentChange]
    link: tuple[str, str] | None = None
    person_id: str = ""
    locates: bool = False
    withdrawals: Sequence[Withdrawal] = ()
    before: Upload | None = None
    recalled: int = 0


class AdmitFacts(Struct, frozen=True):
    """
    What the store's transaction lends.

    Attributes:
        marks: Of this device's stream; changed in place.
        resolve: Person id of a visitor after merges.
        consents: Statements of a person.

    """

    marks: Marks
    resolve: Callable[[str], str]
    consents: Callable[[str], Sequence[ConsentEntry]]


def spares_none(_message: Message) -> bool:
    """Say of every message that it is of the purpose."""
    return False


class House(Struct, frozen=True):
    """
    Whose door it is.

    Attributes:
        workspace: Part of every person id.
        policies: All of the workspace: who is whose is not known here, so every one must allow.
        seed: Keys the names of addresses.
        address_fault: By channel, why an address can never be called (empty when it can).
        is_service: Says of a message that it is no marketing.
        merging: What becomes of a visitor who logs in.
        caller: Who stands before it.
        shapes: What defined app events may carry.

    """

    workspace: str
    policies: tuple[Policy, ...]
    seed: str = ""
    address_fault: Mapping[str, Callable[[Mapping[str, Any]], str]] = {}
    is_service: Callable[[Message], bool] = spares_none
    merging: MergePolicy = "on_login"
    caller: Caller = Caller()
    shapes: Mapping[str, EventShape] = {}
