"""
Push: one encrypted, signed request to a push service (RFC 8030, 8291, 8292).

Does I/O through the lent session (``call``); a message's key pair and salt are drawn here.

Rule 1. The token by which a push service knows us is made once for each of them and used until
        ``SPARE_S`` before it expires: signing costs as much as the rest of a message.
Rule 2. A token of another time (the clock was put back) is not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_channels.addresses import Subscription
from fencepost_channels.call import Answer, post
from fencepost_channels.driver import DriverIO
from fencepost_channels.encryption import SALT_BYTES, encrypt
from fencepost_channels.vapid import authorization

TOKEN_LIFE_S: Final = 12 * 60 * 60  # half of what RFC 8292 section 2 allows: clocks differ
SPARE_S: Final = 60 * 60
ORIGINS_MAX: Final = 256  # a vendor may have many hosts; more at once have not been seen


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are to a push service: our key, and whom it may write to."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    subject: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What we show to each push service."""

    sender: Sender
    _kept: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)

    def show(self, origin: str, now_s: int) -> str:
        """Give the ``Authorization`` for a push service, made anew when its time has come."""
        header, expires_s = self._kept.get(origin, ("", 0))
        if SPARE_S < expires_s - now_s <= TOKEN_LIFE_S:  # Rules 1 and 2
            return header
        if len(self._kept) >= ORIGINS_MAX:
            self._kept.clear()
        expires_s = now_s + TOKEN_LIFE_S
        header = authorization(self.sender.key, origin, expires_s, self.sender.subject)
        self._kept[origin] = header, expires_s
        return header


async def push(
    io: DriverIO,
    tokens: Tokens,
    address: Subscription,
    payload: bytes,
    *,
    ttl_s: int,
    headers: Mapping[str, str],
) -> Answer:
    """
    Encrypt ``payload`` for ``address`` and hand it to its push service.

    Returns:
        The push service's answer, whatever its status.

    Raises:
        CallFailed: There was none.

    """
    salt = os.urandom(SALT_BYTES)  # noqa: TID251 - what must not be guessed is nobody's argument
    body = encrypt(payload, address, ec.generate_private_key(ec.SECP256R1()), salt)
    own = {
        "TTL": str(ttl_s),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": tokens.show(address.origin, io.now_s()),
    }
    return await post(io, address.endpoint, data=body, headers={**headers, **own})
