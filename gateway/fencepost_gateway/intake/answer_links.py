"""
Answer links: where the receiver of a message, or their machine, can answer it.

Pure. Every link has a ticket for one door (``tickets``); the pages behind them are in ``api``.
"""

from __future__ import annotations

from fencepost_channels.message import Links
from fencepost_gateway.intake.tickets import Door, write_return_token, write_ticket

ROOMS: dict[Door, str] = {
    "confirm": "confirm",
    "unsubscribe": "unsubscribe",
    "preferences": "preferences",
    "report": "reports",
}


def answer_link(public_url: str, seed: str, door: Door, subject: str) -> str:
    """Write the link through one door; empty without a ``public_url``."""
    if not public_url:
        return ""
    return f"{public_url.rstrip('/')}/v1/{ROOMS[door]}/{write_ticket(seed, door, subject)}"


def callback_url(public_url: str, channel: str) -> str:
    """Name where the provider of a channel tells what becomes of messages; empty without a URL."""
    return f"{public_url.rstrip('/')}/v1/callbacks/{channel}" if public_url else ""


def links_of(
    public_url: str, seed: str, message_id: str, delivery_id: str, channel: str = ""
) -> Links:
    """Write what a driver is given."""
    return Links(
        unsubscribe=answer_link(public_url, seed, "unsubscribe", message_id),
        preferences=answer_link(public_url, seed, "preferences", message_id),
        report=answer_link(public_url, seed, "report", delivery_id),
        return_token=write_return_token(seed, delivery_id),
        callback=callback_url(public_url, channel),
    )
