"""VAPID: what a push service is shown, and how long it is shown again."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_channels.push import ORIGINS_MAX, SPARE_S, TOKEN_LIFE_S, Sender, Tokens
from fencepost_channels.vapid import application_server_key, authorization

NOON_S = 1_780_315_200
DAY_S = 24 * 60 * 60
MOZILLA = "https://updates.push.services.mozilla.com"
KEY = ec.derive_private_key(7, ec.SECP256R1())


def tokens() -> Tokens:
    """Give a sender's, who has shown none yet."""
    return Tokens(Sender(KEY, "mailto:ops@shop.example"))


def claims(header: str, origin: str = MOZILLA) -> dict[str, Any]:
    """Read a header as a push service does."""
    scheme, _, rest = header.partition(" ")
    token, _, key = rest.partition(", ")
    assert (scheme, token[:2], key[:2]) == ("vapid", "t=", "k=")
    raw = base64.urlsafe_b64decode(key[2:] + "=")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    found: dict[str, Any] = jwt.decode(
        token[2:], public, algorithms=["ES256"], audience=origin, options={"verify_exp": False}
    )
    return found


def test_header_says_who_we_are() -> None:
    """It is for one push service, until a moment, and by the key it names (RFC 8292)."""
    header = authorization(KEY, MOZILLA, NOON_S, "mailto:ops@shop.example")

    assert claims(header) == {"aud": MOZILLA, "exp": NOON_S, "sub": "mailto:ops@shop.example"}
    assert header.endswith(f"k={application_server_key(KEY)}")


@pytest.mark.bad_input(102)
@pytest.mark.parametrize(
    ("after_s", "is_kept"),
    [
        (0, True), (TOKEN_LIFE_S - SPARE_S - 1, True), (TOKEN_LIFE_S - SPARE_S, False),
        (TOKEN_LIFE_S + 1, False), (400 * DAY_S, False), (-1, False), (-400 * DAY_S, False),
    ],
)  # fmt: skip
def test_token_is_shown_again_until_shortly_before_it_expires(
    after_s: int,
    is_kept: bool,  # noqa: FBT001 - the expected value of a table
) -> None:
    """And never when the clock was put back; what is shown lives a day at most."""
    held = tokens()
    first = held.show(MOZILLA, NOON_S)
    shown = held.show(MOZILLA, NOON_S + after_s)

    assert (shown == first) is is_kept
    assert SPARE_S < claims(shown)["exp"] - (NOON_S + after_s) <= DAY_S


def test_each_push_service_is_shown_its_own() -> None:
    """A token of one is worth nothing at another; the number kept has a bound."""
    held = tokens()
    origins = [f"https://{number}.notify.windows.com" for number in range(ORIGINS_MAX + 3)]

    for origin in origins:
        assert claims(held.show(origin, NOON_S), origin)["aud"] == origin
    assert len(held._kept) <= ORIGINS_MAX  # noqa: SLF001 - the bound is the point
