"""
Rendered: what the claim is told of content, and whether content may say where somebody is.

Pure.

Rule 1. Content with the label ``location`` goes for the purposes that the policy lists, and with
        the consents of ``LOCATION_NEEDS``, whatever woke the campaign.
Rule 2. A place has nothing in its stead, so without consent its content is refused; ``nearest``
        has (the stated home, a default), so the check only says what was denied.
Rule 3. Content that relied on a consent which is gone by the claim, or that obeys other policies
        than those that hold by then, is rendered anew a second later: the message waits for nothing
        else. See ADR-0018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide.plan import Policy

LOCATION_NEEDS: dict[str, tuple[str, ...]] = {
    "marketing": ("location_collect", "location_marketing"),
    "transactional": ("location_collect",),
}


class Rendered(Struct, frozen=True):
    """
    What rendering one channel gave: no reason, or why not and which member is at fault.

    Attributes:
        reason: Why there is no content.
        member: The member or value at fault.
        location: The template has fields with the label ``location``.
        place: It names the place, which nothing stands in for.
        relied_on: Purposes without which the content would be another.
        hangs_on: Fence that the person has to be inside of, the content being for that long alone.
        told: What the record says of the content: language, fragments, where ``nearest`` is from.
        segments: How many short messages the text takes, where it is one.
        obeys: The policies that wanted something said, by name and version.

    """

    reason: str = ""
    member: str = ""
    location: bool = False
    place: bool = False
    relied_on: tuple[str, ...] = ()
    hangs_on: str = ""
    told: dict[str, Any] = {}
    obeys: tuple[str, ...] = ()
    segments: int = 0


def obeyed(policies: Sequence[Policy], purpose: str, channel: str) -> tuple[str, ...]:
    """Name the policies that want a message to say something of itself on a channel."""
    if purpose != "marketing":
        return ()
    return tuple(
        policy.named
        for policy in policies
        if (policy.label and channel in policy.label.channels) or channel in policy.imprint.channels
    )


def labelled(
    rendered: Rendered,
    purpose: str,
    policies: Sequence[Policy],
    may: Callable[[str], bool],
) -> tuple[bool, dict[str, Any]]:
    """
    Say whether content may say where somebody is, and what that was judged by.

    Args:
        rendered: Content with a field that has the label.
        purpose: Of its template.
        policies: What locations are used for, by every policy that holds for the person.
        may: Whether the person allows a purpose.

    """
    inputs: dict[str, Any] = {"label": "location", "used_for": purpose}
    for policy in policies:
        if purpose not in policy.location_fields:
            inputs["policy"] = policy.named
            return False, inputs
    denied = next((each for each in LOCATION_NEEDS[purpose] if not may(each)), "")
    if denied:
        inputs["denied"] = denied
    return not (denied and rendered.place), inputs
