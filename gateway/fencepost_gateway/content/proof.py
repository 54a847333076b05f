"""
Proof: how the content of a proof says that it is one.

Pure. Where there is a heading (subject of an email, title of a notification or in-app message) it
begins with ``[Proof]``, so that nobody takes it for the real one. An SMS is left as it is: a mark
would change its length, which is what one looks at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fencepost_channels.message import (
    Content,
    EmailContent,
    InAppContent,
    PushContent,
    WebhookContent,
    WebPushContent,
)
from fencepost_gateway.content.renderer import RenderProblem

MARK: Final = "[Proof] "


def as_proof(content: Content | RenderProblem) -> Content | RenderProblem:
    """Mark the heading of a content."""
    if isinstance(content, EmailContent):
        return replace(content, subject=MARK + content.subject)
    if isinstance(content, (PushContent, WebPushContent, InAppContent, WebhookContent)):
        return replace(content, title=(MARK + content.title).strip())
    return content
