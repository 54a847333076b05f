from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from fencepost_channels.addresses import (
    country_of,
    mask_mailbox,
    mask_phone,
    mask_subscription,
    parse_mailbox,
    parse_phone,
    parse_subscription,
)
from fencepost_channels.driver import AddressError

POINT = (
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
)


def b64(raw: bytes) -> str:
    """Write bytes as browsers do."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def subscription(
    endpoint: str = "https://fcm.googleapis.com/fcm/send/token:1_a-b", **keys: Any
) -> dict[str, Any]:
    """Give a good subscription, or one with something changed."""
    good = {"p256dh": b64(POINT), "auth": b64(bytes(range(16)))}
    return {"subscription": {"endpoint": endpoint, "keys": {**good, **keys}}}


@pytest.mark.parametrize("number", ["+12025550123", "+821012345678", "+33612345678"])
def test_phone_takes_e164(number: str) -> None:
    """A plus, and as many digits as a number of its country has."""
    assert parse_phone({"address": number}).e164 == number


@pytest.mark.bad_input(114)
@pytest.mark.parametrize(
    "number",
    [
        "12025550123",
        "+1202555",
        "+1234567890123456",
        "+02025550123",
        "+1 202 555 0123",
        "+１２０２５５５０１２３",  # noqa: RUF001 - full-width digits are the point
        "+12025550123\n",
        "+1202555012a",
        "+123456789012345",
        "+999123456789",
        "+4912",
        "",
        None,
        12025550123,
    ],
)
def test_phone_refuses_what_is_not_e164(number: object) -> None:
    """Whatever is not E.164 in ASCII digits has the code bad_phone."""
    with pytest.raises(AddressError) as caught:
        parse_phone({"address": number})

    assert caught.value.code == "bad_phone"


@pytest.mark.bad_input(114)
@pytest.mark.parametrize(
    "number", ["+19005551234", "+449098790879", "+97912345678", "+82603456789"]
)
def test_phone_refuses_who_is_paid_for_being_called(number: str) -> None:
    """Premium numbers, +1 900 among them, are no person's."""
    with pytest.raises(AddressError) as caught:
        parse_phone({"address": number})

    assert caught.value.code == "premium_number"


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+821012345678", "KR"),
        ("+33612345678", "FR"),
        ("+12025550123", "US"),
        ("+14165550123", "CA"),
    ],
)
def test_country_of_a_number_is_found(number: str, country: str) -> None:
    """Area codes tell the countries of a shared calling code apart."""
    assert country_of(parse_phone({"address": number})) == country


@pytest.mark.parametrize(
    "mailbox", ["sora@example.com", "s.o+tag@mail.example.co.kr", f"{'a' * 64}@example.com"]
)
def test_mailbox_takes_what_people_have(mailbox: str) -> None:
    """An ordinary address is taken as it is."""
    assert parse_mailbox({"address": mailbox}).address == mailbox


@pytest.mark.bad_input(112)
@pytest.mark.parametrize(
    "mailbox",
    [
        "a@b.com,c@d.com",
        "a@b.com;c@d.com",
        '"x\r\n"@d.com',
        '"x y"@d.com',
        '"|/bin/sh"@d.com',
        "|sh@d.com",
        "a%b.com@relay.com",
        "b.com!a@relay.com",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.com",
        f"a@{'b.' * 130}com",
        "a@localhost",
        "a@b..com",
        ".a@b.com",
        "a.@b.com",
        "a b@c.com",
        "Sora <a@b.com>",
        "<a@b.com>",
        "a@b.com\n",
        "a@b.com\r\nRCPT TO:<c@d.com>",
        "a@b@c.com",
        "sör@example.com",
        "a@exämple.com",
        "@b.com",
        "a@",
        "",
        None,
    ],
)
def test_mailbox_refuses_everything_but_one_mailbox(mailbox: object) -> None:
    """Lists, quoting, literals, routes and controls have the code bad_mailbox."""
    with pytest.raises(AddressError) as caught:
        parse_mailbox({"address": mailbox})

    assert caught.value.code == "bad_mailbox"


def test_subscription_gives_host_and_origin() -> None:
    """The record names host and origin in lower case, without the default port."""
    address = parse_subscription(subscription("https://FCM.googleapis.com:443/fcm/send/x?y=@1"))

    assert (address.host, address.origin) == ("fcm.googleapis.com", "https://fcm.googleapis.com")


def test_subscription_takes_padded_keys() -> None:
    """Right padding is no fault; the keys are kept without."""
    address = parse_subscription(subscription(auth=b64(bytes(16)) + "=="))

    assert address.secret == bytes(16)


@pytest.mark.bad_input(96)
@pytest.mark.bad_input(97)
@pytest.mark.bad_input(101)
@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "//fcm.googleapis.com/x",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://①②⑦.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://[fec0::1]/",
        "https://224.0.0.1/",
        "https://169.254.169.254/",
        "https://100.100.100.200/",
        "https://10.0.0.1/",
        "https://localhost/",
        "https://localhost./",
        "https://fcm.googleapis.com./",
        "https://fcm.googleapis.com@evil.com/",
        "https://user:pass@fcm.googleapis.com/",
        "https://evil.com#.googleapis.com/",
        "https://evil.com\\.googleapis.com/",
        "https://evil.com\\@fcm.googleapis.com/",
        "https://evil.com?.googleapis.com/",
        "https://fcm.googleapis.com:22/",
        "https://fcm.googleapis.com:99999/",
        "https://fcm.googleapis.com:/",
        "https://fcm.googleapis.com",
        "https://fcm.google\tapis.com/",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/\r\nX: y",
        "https://fcm%2egoogleapis.com/",
        "https://fcm.gооgleapis.com/",  # noqa: RUF001 - Cyrillic letters are the point
        "https:///x",
        f"https://fcm.googleapis.com/{'a' * 4096}",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "",
        None,
        7,
    ],
)
def test_endpoint_that_hides_its_host_is_refused(endpoint: Any) -> None:
    """Only an https URL of a named host on port 443, without user info and fragment, passes."""
    with pytest.raises(AddressError) as caught:
        parse_subscription(subscription(endpoint))

    assert caught.value.code in {"bad_endpoint", "not_https", "bad_port", "bad_host"}


@pytest.mark.bad_input(103)
@pytest.mark.parametrize(
    "p256dh",
    [
        b64(POINT[:-1] + bytes([POINT[-1] ^ 1])),
        b64(POINT[1:]),
        b64(bytes(65)),
        b64(b"\x04" + bytes(64)),
        b64(b"\x03" + POINT[1:]),
        b64(POINT) + "=====",
        b64(POINT) + "==",
        b64(POINT).replace("_", "/").replace("-", "+") + "/",
        "",
        None,
        [1],
    ],
)
def test_p256dh_must_be_a_point_of_65_bytes(p256dh: object) -> None:
    """Off the curve, short, zero, compressed or badly padded keys are refused."""
    with pytest.raises(AddressError) as caught:
        parse_subscription(subscription(p256dh=p256dh))

    assert caught.value.code == "bad_p256dh"


@pytest.mark.bad_input(103)
@pytest.mark.parametrize(
    "auth", [b64(bytes(15)), b64(bytes(17)), b64(bytes(16)) + "=", b64(bytes(16))[:-1] + "B", ""]
)
def test_auth_must_be_16_bytes(auth: str) -> None:
    """Any other length, wrong padding and loose bits at the end are refused."""
    with pytest.raises(AddressError) as caught:
        parse_subscription(subscription(auth=auth))

    assert caught.value.code == "bad_auth"


def test_masks_hide() -> None:
    """A mask keeps what tells two apart and nothing that could be called."""
    shown = [
        mask_phone({"address": "+821012345678"}),
        mask_mailbox({"address": "sora@example.com"}),
        mask_subscription(subscription()),
    ]

    assert shown == ["+82•••78", "s•••@example.com", "fcm.googleapis.com/•••"]


@given(text=st.text(max_size=40))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """Whatever comes, a parser gives an address or AddressError, and a mask gives a text."""
    raw = {"address": text, "subscription": {"endpoint": text, "keys": {"auth": text}}}

    for parse in (parse_phone, parse_mailbox, parse_subscription):
        with suppress(AddressError):
            assert parse(raw) is not None
    for mask in (mask_phone, mask_mailbox, mask_subscription):
        assert mask(raw)
