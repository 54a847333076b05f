"""
Outcomes of a call: the closed list onto which every driver maps every answer.

Pure. Four families: accepted (``Sent``), refused (``Gone``, ``OptedOut``, ``Rejected``,
``Misconfigured``), retry (``Unavailable``), and ``Unknown``.

Rule 1. Until the first request byte (HTTP) or the final dot (SMTP) nothing has been accepted:
        a failure before is ``Unavailable``.
Rule 2. After it, whatever the driver's map does not name is ``Unknown``: it may have been sent.
Rule 3. Only a definite refusal gives a frequency-cap slot back; ``Unknown`` keeps it.
Rule 4. No outcome carries an address, a token or message text; ``code`` is a constant word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. ``provider_id`` is its name for the message, empty when it has none."""

    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """
    The address is dead: remove it and never call it again.

    ``since_ms`` is when the provider saw that, epoch milliseconds, if it says so: an address that
    was told again after it lives.
    """

    code: str = "gone"
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The provider knows that the person said stop: record it here too."""

    code: str = "opted_out"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our message is at fault: never send the same body again."""

    code: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Our keys or settings are at fault: alarm; the address stays."""

    code: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Not taken now; ``retry_after_s`` is the provider's wish in seconds, if it had one."""

    code: str = "unavailable"
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been sent: the request left and no definite answer came."""

    code: str


Outcome = Sent | Gone | OptedOut | Rejected | Misconfigured | Unavailable | Unknown
