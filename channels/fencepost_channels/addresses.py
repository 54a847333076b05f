"""
Addresses: which strings can be called at all, and how they look when shown.

Pure. Each parser takes the raw members of an ``address`` event and gives a record that a driver
may call without a second look at its form, or raises ``AddressError`` with a constant code.
Stricter than the standards on purpose: what real people have passes, what only attackers and test
suites have does not.

Rule 1. A phone number is E.164: ``+``, then 8 to 15 ASCII digits, the first of them not 0, as many
        as a number of its country can have (libphonenumber's metadata). One that is paid for by who
        calls it (+1 900, +44 9, +979 …) is refused: nobody reads advertising there.
Rule 2. A mailbox is one ASCII dot-atom address with a dotted host name: no quoted local part, no
        address literal, no list, no ``|``, ``%`` or ``!`` (pipes and source routes of old mailers);
        local part at most 64 characters, all of it at most 254 (RFC 5321 section 4.5.3.1).
Rule 3. A push endpoint is an absolute ``https:`` URL of a named host on port 443, without user
        info and fragment, and matched as a whole by one expression: two URL parsers that disagree
        about a host have nothing to disagree about here. Its keys are a point on P-256 and 16
        bytes (RFC 8291 section 3.1). Which hosts may be called is a setting, judged by the driver.
Rule 4. The loopback host 127.0.0.1 may have any port and ``http:``, for tests and demos; a driver
        calls it only when its settings say so.
Rule 5. A push registration names its service, ``apns`` or ``fcm``, and a token of the form that
        service gives out: hexadecimal, or letters, digits, ``-``, ``_`` and ``:``. A token goes
        into a URL as it is. ``environment`` and ``topic`` are APNs'.
Rule 6. A target is one word or a few of at most 128 printable characters, by which another system
        knows a kiosk or a screen. It is never a URL and no part of one.
Rule 7. Nothing shown by ``repr`` or by an error repeats an address.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_channels.driver import AddressError

LOOPBACK = "127.0.0.1"
HIDDEN = "•••"

MAX_LOCAL_CHARS = 64
MAX_MAILBOX_CHARS = 254
MAX_PORT = 65535
MAX_TARGET_CHARS = 128
MAX_ENDPOINT_CHARS = 2048  # the longest in use are about 700 characters

PREMIUM_CODES = frozenset({979})  # the International Premium Rate Service (ITU-T E.169.2)
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_LOCAL = re.compile(r"[A-Za-z0-9_+&'=/?^{}~$*#-]+(?:\.[A-Za-z0-9_+&'=/?^{}~$*#-]+)*")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
_ENDPOINT = re.compile(
    r"(https?)://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(/[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)"
)
_TOKENS = {
    "apns": re.compile(r"(?:[0-9a-fA-F]{2}){32,100}"),  # 32 bytes today; Apple promises no length
    "fcm": re.compile(r"[A-Za-z0-9_:-]{20,4096}"),
}
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,155}")
_BASE64URL = re.compile(r"([A-Za-z0-9_-]+)(={0,2})")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that can be called."""

    e164: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox, as it stands in an envelope."""

    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A Web Push subscription: where its push service is, and what its browser can read."""

    endpoint: str = field(repr=False)
    origin: str
    host: str
    key: ec.EllipticCurvePublicKey = field(repr=False)
    point: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def is_https(self) -> bool:
        """False for a loopback endpoint without TLS."""
        return self.origin.startswith("https:")


@dataclass(frozen=True, slots=True)
class Registration:
    """An app on a phone, as its push service knows it; no ``topic`` means the usual one."""

    service: str = field(repr=False)
    token: str = field(repr=False)
    environment: str = "production"
    topic: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A kiosk, a screen, a room: what another system calls the place where it shows a message."""

    name: str = field(repr=False)


def parse_phone(raw: Mapping[str, Any]) -> Phone:
    """Take ``address`` as an E.164 number."""
    text = raw.get("address")
    if not isinstance(text, str) or not _PHONE.fullmatch(text):
        raise AddressError("bad_phone")
    _judge_phone(text)
    return Phone(text)


def _judge_phone(e164: str) -> str:
    """
    Give the country of a number; empty where it has none of its own.

    Raises:
        AddressError: No number is so long in its country, or whoever is called is paid for it.

    """
    import phonenumbers  # noqa: PLC0415 - a twentieth of a second, and only for who sends SMS

    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        raise AddressError("bad_phone") from None
    if not phonenumbers.is_possible_number(number):
        raise AddressError("bad_phone")
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        raise AddressError("premium_number")
    if number.country_code in PREMIUM_CODES:
        raise AddressError("premium_number")
    return phonenumbers.region_code_for_number(number) or ""


def country_of(phone: Phone) -> str:
    """Give the country of a number (ISO 3166-1); empty where it has none of its own."""
    return _judge_phone(phone.e164)


def parse_mailbox(raw: Mapping[str, Any]) -> Mailbox:
    """Take ``address`` as exactly one mailbox."""
    text = raw.get("address")
    if not isinstance(text, str) or len(text) > MAX_MAILBOX_CHARS:
        raise AddressError("bad_mailbox")
    local, _, host = text.partition("@")
    if len(local) > MAX_LOCAL_CHARS or not _LOCAL.fullmatch(local):
        raise AddressError("bad_mailbox")
    if not is_host_name(host.lower()):
        raise AddressError("bad_mailbox")
    return Mailbox(text)


def parse_subscription(raw: Mapping[str, Any]) -> Subscription:
    """Take ``subscription`` as what a browser's ``PushSubscription.toJSON`` gives."""
    given = raw.get("subscription")
    if not isinstance(given, Mapping):
        raise AddressError("no_subscription")
    keys = given.get("keys")
    if not isinstance(keys, Mapping):
        raise AddressError("no_keys")
    endpoint = given.get("endpoint")
    host, origin = parse_endpoint(endpoint)
    point, auth = _base64url(keys.get("p256dh"), 65), _base64url(keys.get("auth"), 16)
    key = _key_of(point)
    if key is None or point is None:
        raise AddressError("bad_p256dh")
    if auth is None:
        raise AddressError("bad_auth")
    return Subscription(str(endpoint), origin, host, key, point, auth)


def parse_registration(raw: Mapping[str, Any], service: str = "") -> Registration:
    """Take ``registration`` as what an app is told by its push service, or by ``service`` alone."""
    given = raw.get("registration")
    if not isinstance(given, Mapping):
        raise AddressError("no_registration")
    found, token = given.get("service"), given.get("token")
    if not isinstance(found, str) or found not in _TOKENS:
        raise AddressError("bad_service")
    if service and found != service:
        raise AddressError("other_service")
    if not isinstance(token, str) or not _TOKENS[found].fullmatch(token):
        raise AddressError("bad_token")
    environment, topic = given.get("environment") or "production", given.get("topic") or ""
    if environment not in ("production", "sandbox"):
        raise AddressError("bad_environment")
    if not isinstance(topic, str) or (topic and not is_topic(topic)):
        raise AddressError("bad_topic")
    return Registration(found, token, environment, topic)


def parse_target(raw: Mapping[str, Any]) -> Target:
    """Take ``target`` as the name of one place."""
    name = raw.get("target")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise AddressError("bad_target")
    if len(name) > MAX_TARGET_CHARS:
        raise AddressError("bad_target")
    return Target(name)


def is_host_name(text: str) -> bool:
    """Say whether ``text`` is a dotted lower-case name whose last label is no number."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None  # noqa: PLR2004 - RFC 1035


def is_topic(text: str) -> bool:
    """Say whether ``text`` has the form of an app's bundle id."""
    return _TOPIC.fullmatch(text) is not None


def mask_phone(raw: Mapping[str, Any]) -> str:
    """Show the country's first digits and the last two."""
    text = raw.get("address")
    if not isinstance(text, str) or not _PHONE.fullmatch(text):
        return HIDDEN
    return f"{text[:3]}{HIDDEN}{text[-2:]}"


def mask_mailbox(raw: Mapping[str, Any]) -> str:
    """Show the first character and the host."""
    try:
        local, _, host = parse_mailbox(raw).address.partition("@")
    except AddressError:
        return HIDDEN
    return f"{local[0]}{HIDDEN}@{host}"


def mask_subscription(raw: Mapping[str, Any]) -> str:
    """Show the push service's host; the path is a capability and stays hidden."""
    try:
        return f"{parse_subscription(raw).host}/{HIDDEN}"
    except AddressError:
        return HIDDEN


def mask_registration(raw: Mapping[str, Any]) -> str:
    """Show the last four characters of the token."""
    try:
        return f"{HIDDEN}{parse_registration(raw).token[-4:]}"
    except AddressError:
        return HIDDEN


def mask_target(raw: Mapping[str, Any]) -> str:
    """Show the last two characters, if there are enough to hide."""
    try:
        name = parse_target(raw).name
    except AddressError:
        return HIDDEN
    return HIDDEN + (name[-2:] if len(name) > len("sign") else "")


def parse_endpoint(endpoint: object) -> tuple[str, str]:
    """Give host and origin of a URL by Rules 3 and 4, or refuse."""
    if not isinstance(endpoint, str) or len(endpoint) > MAX_ENDPOINT_CHARS:
        raise AddressError("bad_endpoint")
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None:
        raise AddressError("bad_endpoint")
    scheme, host, port = match[1], match[2].lower(), match[3]
    if port is not None and not 0 < int(port) <= MAX_PORT:
        raise AddressError("bad_port")
    if host == LOOPBACK:
        return host, f"{scheme}://{host}" + (f":{int(port)}" if port else "")
    if scheme != "https":
        raise AddressError("not_https")
    if port not in (None, "443"):
        raise AddressError("bad_port")
    if not is_host_name(host):
        raise AddressError("bad_host")
    return host, f"https://{host}"


def _base64url(text: object, size_bytes: int) -> bytes | None:
    """Decode exactly ``size_bytes`` bytes; None when they are written in any other way."""
    match = _BASE64URL.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[2] and (len(match[1]) + len(match[2])) % 4):
        return None
    if len(match[1]) % 4 == 1:
        return None
    raw = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
    return raw if len(raw) == size_bytes and _text(raw) == match[1] else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _key_of(point: bytes | None) -> ec.EllipticCurvePublicKey | None:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point or b"")
    except ValueError:  # off the curve, or no point at all
        return None
