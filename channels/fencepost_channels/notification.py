"""
Notification: what an app finds beside the words of a push, the same by APNs and by FCM.

Pure. ``delivery_id`` names the delivery; ``link`` is what a tap opens; ``image`` what to show;
``report`` where the app tells that it was displayed, clicked or dismissed; and the author's data.
Nothing else is there, and what is empty is left out.
"""

from __future__ import annotations

from fencepost_channels.message import Outgoing, PushContent


def members_of(message: Outgoing, content: PushContent) -> dict[str, str]:
    """Give what the app finds, as texts."""
    own = {
        "delivery_id": message.delivery_id,
        "link": content.link,
        "image": content.image,
        "report": message.links.report,
    }
    return {**content.data, **{name: value for name, value in own.items() if value}}
