"""
Poll: when the gateway is asked for messages.

Pure: moments (of a clock that never jumps) and chance are arguments.

Rule 1. Nobody listens, nothing is asked. The first listener asks at once, then each ``every_ms``.
Rule 2. A hint in an answer to a batch that names another state than the one we have asks at once.
Rule 3. A failed poll backs off like an upload; never below the ordinary interval.
Rule 4. While a stream is open (``stream.py``) nothing is asked.
"""

from __future__ import annotations

from fencepost_sdk.uploader import BASE_S, CAP_S


class Poll:
    """When to ask next, and from where on."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._failures = 0
        self.due_ms: int | None = None
        self.etag = ""
        self.is_streaming = False

    def want(self, now_ms: int) -> bool:
        """Begin to ask; say whether that is new (Rule 1)."""
        if self.due_ms is not None:
            return False
        self.due_ms = now_ms
        return True

    def hint(self, etag: str, now_ms: int) -> None:
        """Take the gateway's hint (Rule 2)."""
        if self.due_ms is not None and etag and etag.strip('"') != self.etag.strip('"'):
            self.due_ms = now_ms

    def stream_began(self) -> None:
        """Take it that messages come by themselves: nothing need be asked."""
        self.is_streaming = True

    def stream_ended(self, now_ms: int) -> None:
        """Take it that they do no longer: what came meanwhile is asked for at once."""
        self.is_streaming = False
        if self.due_ms is not None:
            self.due_ms = now_ms

    def succeeded(self, etag: str, now_ms: int) -> None:
        """Note an answer."""
        self.etag = etag or self.etag
        self._failures = 0
        self.due_ms = now_ms + self._every_ms

    def failed(self, retry_after_s: float | None, chance: float, now_ms: int) -> None:
        """Note that there was none (Rule 3)."""
        self._failures += 1
        top_ms = 1_000 * min(CAP_S, BASE_S * 2 ** min(self._failures - 1, 30))
        wait_ms = max(self._every_ms, chance * top_ms, 1_000 * (retry_after_s or 0.0))
        self.due_ms = now_ms + int(wait_ms)
