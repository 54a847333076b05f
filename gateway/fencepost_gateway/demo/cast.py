"""
Cast: who walks through the town, what each allows, and how each can be reached.

Pure. Everybody is invented: addresses are ``example.com`` and numbers of the range kept for
fiction; push subscriptions are well-formed (a real point on P-256) and lead nowhere.

The first twelve are chosen so that a few minutes show every outcome: one who refused marketing,
one who refused text messages, one who never gave a number, one whose home has night, one who
shares no position and still gets the mail about her order.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALL_YES: Mapping[str, str] = {
    "collect": "CT",
    "personalisation": "y",
    "marketing": "y",
    "location_collect": "y",
    "location_precise": "y",
    "location_marketing": "y",
}
NO_MARKETING: Mapping[str, str] = {**ALL_YES, "marketing": "n", "location_marketing": "n"}
NO_LOCATION: Mapping[str, str] = {"collect": "CT", "marketing": "y", "location_collect": "n"}

DAY_HOUR, NIGHT_HOUR = 14, 2
# One zone for nearly every hour of the clock; which of them has day depends on now.
ZONES = (
    "Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver",
    "America/Chicago", "America/New_York", "America/Halifax", "America/Sao_Paulo",
    "Atlantic/South_Georgia", "Atlantic/Azores", "Europe/London", "Europe/Berlin",
    "Europe/Athens", "Asia/Dubai", "Asia/Karachi", "Asia/Dhaka", "Asia/Bangkok",
    "Asia/Singapore", "Asia/Seoul", "Australia/Brisbane", "Pacific/Noumea", "Pacific/Auckland",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Persona:
    """
    One invented person.

    Attributes:
        user_id: What the app calls her.
        name: Shown on page and terminal.
        consent: Values she gives, by purpose.
        refused_channels: Channels on which she refused marketing.
        reached_by: Channels that have an address of hers.
        at_home_it_is_night: Her own zone has night now.
        haunts: Places she goes to; empty: all.

    """

    user_id: str
    name: str
    consent: Mapping[str, str] = field(default_factory=lambda: ALL_YES)
    refused_channels: tuple[str, ...] = ()
    reached_by: tuple[str, ...] = ("email", "sms", "web_push")
    at_home_it_is_night: bool = False
    haunts: tuple[str, ...] = ()

    @property
    def is_tracked(self) -> bool:
        """Whether her positions leave her device."""
        return self.consent.get("location_collect") == "y"


FIRST_TWELVE = (
    Persona("mina", "Mina", haunts=("studio-lotus", "cafe-linde", "market-square", "linden-park")),
    Persona("jonas", "Jonas", refused_channels=("sms",)),
    Persona("aylin", "Aylin", haunts=("cafe-brunnen", "market-square", "studio-lotus")),
    Persona("tomas", "Tomás", reached_by=("email",), haunts=("cafe-linde", "linden-park")),
    Persona("ines", "Ines"),
    Persona("pavel", "Pavel", haunts=("market-square", "kiosk-tor", "north-station")),
    Persona("suri", "Suri", haunts=("studio-lotus", "kiosk-tor", "bakery-korn")),
    Persona("noor", "Noor", consent=NO_LOCATION, haunts=("bakery-korn", "town-library")),
    Persona("theo", "Theo", consent=NO_MARKETING, haunts=("cafe-linde", "studio-lotus")),
    Persona("lea", "Lea", haunts=("linden-park", "bakery-korn", "cafe-brunnen")),
    Persona("marek", "Marek"),
    Persona("yuna", "Yuna", at_home_it_is_night=True, haunts=("cafe-brunnen", "cafe-linde",
            "town-library")),
)  # fmt: skip


def cast_of(count: int) -> list[Persona]:
    """Give ``count`` people: the twelve, then guests who allow everything."""
    guests = [Persona(f"guest-{n}", f"Guest {n}") for n in range(len(FIRST_TWELVE) + 1, count + 1)]
    return [*FIRST_TWELVE, *guests][:count]


def zone_at_hour(hour: int, now_ms: int) -> str:
    """Give a time zone whose clock shows about ``hour`` now."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)

    def hours_off(zone: str) -> float:
        wall = now.astimezone(ZoneInfo(zone))
        ahead = (wall.hour + wall.minute / 60 - hour) % 24
        return min(ahead, 24 - ahead)

    return min(ZONES, key=hours_off)


def email_of(persona: Persona) -> str:
    """Give her address at ``example.com``."""
    return f"{persona.user_id}@example.com"


def phone_of(index: int) -> str:
    """Give a number of the hundred kept for fiction, in E.164."""
    return f"+120255501{index % 100:02d}"


def push_subscription(persona: Persona, seed: int) -> dict[str, Any]:
    """Give a well-formed Web Push subscription (RFC 8291 keys) of an endpoint that is nowhere."""
    digest = sha256(f"{seed}/{persona.user_id}".encode()).digest()
    secret = ec.derive_private_key(int.from_bytes(digest, "big") >> 8, ec.SECP256R1())
    point = secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "endpoint": f"https://push.example.com/{digest.hex()[:24]}",
        "keys": {"p256dh": _base64(point), "auth": _base64(digest[:16])},
    }


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
