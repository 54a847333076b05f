from __future__ import annotations

import re

import pytest

from doubles.dkim_keys import ed25519_pem, is_signed, rsa_pem, zone_of
from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.dkim_signature import DkimKey, read_private_key, signer_of
from fencepost_channels.driver import SettingsError
from fencepost_channels.message import EmailContent
from fencepost_channels.mime import Sender, write_message

AT_S = 1_777_885_960
UNSUBSCRIBE = [
    ("List-Unsubscribe", "<https://edge.example/v1/unsubscribe/x>,\r\n <mailto:u@shop.example>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
]
CONTENTS = [
    EmailContent("Hi", "Text"),
    EmailContent("비 오는 날 요가", "Grüße,  \n.\n\n\n  das Team \n\n", "<p>Grüße</p>\n" * 40),
    EmailContent("Hi", "\n\n\n"),
]


@pytest.fixture(scope="module", params=[rsa_pem, ed25519_pem])
def key(request: pytest.FixtureRequest) -> DkimKey:
    """A key of each kind."""
    return DkimKey("fp1", "shop.example", read_private_key("k", request.param()))


def written(content: EmailContent = CONTENTS[0]) -> bytes:
    """Write a message that is not signed."""
    sender = Sender("hello@shop.example", "요가 Studio")
    return write_message(DELIVERY_ID, content, sender, "sora@example.com", AT_S, UNSUBSCRIBE)


@pytest.mark.feature("C06")
@pytest.mark.parametrize("content", CONTENTS)
def test_signature_is_believed(key: DkimKey, content: EmailContent) -> None:
    """A receiver who has the published record believes the signature, whatever the words."""
    wire = signer_of(key)(written(content), AT_S)

    assert is_signed(wire, zone_of(key))
    assert wire.endswith(written(content))
    assert b"\r\n" not in wire.replace(b"\r\n", b"").replace(b"\n", b"\r\n")
    assert max(map(len, wire.split(b"\r\n"))) <= 78


@pytest.mark.feature("C06")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Hi", b"Subject: Ho"),
        (b"sora@example.com", b"someone@example.com"),
        (b"Date: Mon", b"Date: Tue"),
        (b"One-Click", b"Two-Clicks"),
        (b"unsubscribe/x", b"unsubscribe/y"),
        (b"\r\n\r\nText", b"\r\n\r\nTexts"),
        (b"7bit", b"8bit"),
        (b"From: ", b"From: x@evil.example\r\nFrom: "),
        (b"Subject: ", b"Subject: second\r\nSubject: "),
        (b"MIME-Version", b"Reply-To: x@evil.example\r\nMIME-Version"),
        (b"MIME-Version", b"List-Unsubscribe: <https://evil.example>\r\nMIME-Version"),
        (b"t=1777885960", b"t=1777885961"),
    ],
)
def test_what_was_changed_is_not_believed(key: DkimKey, old: bytes, new: bytes) -> None:
    """A header changed, added or doubled, or a changed body, and the signature is void."""
    wire = signer_of(key)(written(), AT_S)

    assert old in wire
    assert not is_signed(wire.replace(old, new, 1), zone_of(key))


@pytest.mark.feature("C06")
def test_signature_names_what_unsubscribes(key: DkimKey) -> None:
    """Both headers of a one-click unsubscription are among the signed ones (RFC 8058)."""
    wire = signer_of(key)(written(), AT_S)

    named = re.sub(rb"\s", b"", wire.partition(b"h=")[2].partition(b";")[0]).split(b":")
    assert {b"from", b"to", b"subject", b"date", b"message-id", b"content-type"} <= {*named}
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"mime-version"} <= {*named}


def test_another_key_is_not_believed(key: DkimKey) -> None:
    """A signature of one key is not believed by another's record."""
    make = rsa_pem if key.algorithm == b"rsa-sha256" else ed25519_pem
    other = DkimKey("fp1", "shop.example", read_private_key("k", make()))

    assert not is_signed(signer_of(key)(written(), AT_S), zone_of(other))


@pytest.mark.parametrize(
    "text", ["", "nothing", rsa_pem(1024)[:400], "-----BEGIN PRIVATE KEY-----"]
)
def test_what_is_no_key_is_not_repeated(text: str) -> None:
    """What cannot sign is named by its setting; no letter of it is shown."""
    with pytest.raises(SettingsError, match='"dkim_private_key"') as caught:
        read_private_key("dkim_private_key", text)

    assert text[40:60] not in str(caught.value) or not text[40:60]


def test_key_survives_without_line_breaks() -> None:
    r"""A key whose line breaks are written ``\n`` is read."""
    pem = ed25519_pem()

    assert read_private_key("k", pem.replace("\n", "\\n")) is not None
