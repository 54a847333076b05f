"""
Reports: what a driver read of its provider, as the store takes it.

Pure. Text and address stay behind: an address becomes its reference, a text is nobody's business
but the reading of words.

Rule 1. A report's key is made of lane and report id: the same report again is the same key.
Rule 2. It happened when the provider says, though not in the future, nor longer ago than a key is
        kept; without a moment, when it came.
Rule 3. A code is a constant word of the provider; what does not look like one is left out.
Rule 4. Where there is a return token it alone says which delivery is meant: anybody can write mail
        to a return path. With one that is not ours nothing is believed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from msgspec import Struct

from fencepost_channels.callback import Report
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.intake.addresses import address_ref
from fencepost_gateway.intake.tickets import read_return_token
from fencepost_gateway.intake.tracked_links import LinkPlace

OLDEST_MS: Final = 35 * 86_400_000
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")
ID_MAX: Final = 256


class LaneReport(Struct, frozen=True):
    """
    One thing that was told of a delivery.

    ``channel`` is the one the delivery must be on; empty: whichever it is on, as some links of ours
    name the delivery alone. ``message_id`` is its message, ``ref`` names the address it is about.
    """

    key: str
    what: Word
    at_ms: int
    channel: str = ""
    delivery_id: str = ""
    provider_id: str = ""
    message_id: str = ""
    ref: str = ""
    code: str = ""


def believed(told: Report, seed: str) -> Report | None:
    """Give a report with the delivery that its token names (Rule 4); None: it is forged."""
    if not told.return_token:
        return told
    ours = read_return_token(seed, told.return_token)
    if not ours:
        return None
    return replace(told, delivery_id=ours, provider_id="", address=None, return_token="")


def lane_report(lane: str, channel: str, told: Report, seed: str, now_ms: int) -> LaneReport:
    """Make what the store takes of what a driver read and somebody believed (Rule 4)."""
    ref = address_ref(seed, channel, told.address) if told.address else ""
    at_ms = now_ms if told.at_s is None else min(max(told.at_s * 1000, now_ms - OLDEST_MS), now_ms)
    return LaneReport(
        key=derive("report", lane, told.report_id),
        what=told.what,
        at_ms=at_ms,
        channel=channel,
        delivery_id=told.delivery_id,
        provider_id=told.provider_id[:ID_MAX],
        ref=ref,
        code=told.code if _CODE.fullmatch(told.code) else "",
    )


def worker_report(delivery_id: str, what: Word, code: str, now_ms: int) -> LaneReport:
    """Make what the store takes of a report ticket; of each kind the first counts."""
    return LaneReport(
        key=derive("report", "worker", delivery_id, what),
        what=what,
        at_ms=now_ms,
        delivery_id=delivery_id,
        code=code if _CODE.fullmatch(code) else "",
    )


def link_report(at: LinkPlace, what: Word, now_ms: int) -> LaneReport:
    """Make what the store takes of a link or pixel in a message; each of them counts once."""
    code = f"link-{at.number}" if at.number else ""
    return LaneReport(
        key=derive("report", "link", at.message_id, at.channel, what, code),
        what=what,
        at_ms=now_ms,
        channel=at.channel,
        message_id=at.message_id,
        code=code,
    )
