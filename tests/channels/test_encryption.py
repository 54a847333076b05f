"""Encryption: the published example to the byte, and what others' code makes of ours."""

from __future__ import annotations

import base64

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from fencepost_channels.addresses import Subscription, parse_subscription
from fencepost_channels.encryption import MAX_PLAIN_BYTES, RECORD_BYTES, encrypt, write_point

# RFC 8291, section 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
OWN_POINT = (
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
)
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_POINT = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    """Read base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key."""
    return ec.derive_private_key(int.from_bytes(raw(text), "big"), ec.SECP256R1())


def subscribed(point: str, auth: str) -> Subscription:
    """Give the subscription of a browser."""
    keys = {"p256dh": point, "auth": auth}
    endpoint = "https://fcm.googleapis.com/x"
    return parse_subscription({"subscription": {"endpoint": endpoint, "keys": keys}})


@pytest.mark.guarantee("R17")
def test_example_of_rfc_8291_comes_out_to_the_byte() -> None:
    """The keys, salt and message of its appendix A give the body that it prints."""
    assert write_point(private(OWN).public_key()) == raw(OWN_POINT)
    assert encrypt(PLAIN, subscribed(BROWSER_POINT, AUTH), private(OWN), raw(SALT)) == raw(BODY)


def test_double_reads_the_example_of_rfc_8291() -> None:
    """What the doubles decrypt with takes the published body for what it is."""
    read = http_ece.decrypt(raw(BODY), private_key=private(BROWSER), auth_secret=raw(AUTH))

    assert read == PLAIN


@given(
    plain=st.binary(max_size=MAX_PLAIN_BYTES),
    salt=st.binary(min_size=16, max_size=16),
    numbers=st.tuples(st.integers(1, 2**250), st.integers(1, 2**250)),
    secret=st.binary(min_size=16, max_size=16),
)
def test_whatever_we_encrypt_the_browser_reads(
    plain: bytes, salt: bytes, numbers: tuple[int, int], secret: bytes
) -> None:
    """Any message, keys and salt; and it fits what every push service must take."""
    own, browser = (ec.derive_private_key(number, ec.SECP256R1()) for number in numbers)
    point = base64.urlsafe_b64encode(write_point(browser.public_key())).decode().rstrip("=")
    auth = base64.urlsafe_b64encode(secret).decode().rstrip("=")

    body = encrypt(plain, subscribed(point, auth), own, salt)

    assert len(body) <= RECORD_BYTES
    assert http_ece.decrypt(body, private_key=browser, auth_secret=secret) == plain
