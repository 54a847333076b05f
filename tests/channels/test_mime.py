from __future__ import annotations

import email
import email.policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.message import EmailContent
from fencepost_channels.mime import (
    NotAMessage,
    Sender,
    header_names,
    is_one_line,
    write_message,
)

SENDER = Sender("hello@shop.example", "Störe, Team")
AT_S = 1_777_885_960
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)


def write(subject: str = "Hi", text: str = "Text", html: str = "") -> bytes:
    """Write a message of these words."""
    return write_message(
        DELIVERY_ID, EmailContent(subject, text, html), SENDER, "sora@example.com", AT_S
    )


def test_message_has_exactly_the_expected_headers() -> None:
    """Names and values of a plain message are known."""
    message = email.message_from_bytes(write("요가"), policy=email.policy.default)

    assert dict(message.items()) == {
        "From": '"Störe, Team" <hello@shop.example>',
        "To": "sora@example.com",
        "Subject": "요가",
        "Message-ID": f"<{DELIVERY_ID}@shop.example>",
        "Date": "Mon, 04 May 2026 09:12:40 -0000",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "7bit",
        "MIME-Version": "1.0",
    }


def test_html_is_the_second_alternative() -> None:
    """A reader that knows HTML is offered it, all others read the text."""
    message = email.message_from_bytes(
        write(text="Grüße", html="<p>Grüße</p>"), policy=email.policy.default
    )

    plain, html = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert (plain.get_content(), html.get_content()) == ("Grüße\r\n", "<p>Grüße</p>\r\n")


@pytest.mark.bad_input(111)
@pytest.mark.parametrize(
    "subject",
    [
        "hi\r\nBcc: x@y.com",
        "hi\nBcc: x@y.com",
        "hi\rBcc: x@y.com",
        "hi\x00",
        "hi\u2028Bcc: x@y.com",
        "hi\u2029",
        "hi\x85Bcc: x@y.com",
        "hi\x0bBcc: x@y.com",
        "=?utf-8?q?hi=0D=0ABcc:_x@y.com?=",
        "=?utf-8?b?aGkNCkJjYzogeEB5LmNvbQ==?=",
        "=?utf-8?q?hi=0ABcc:_x@y.com?= tail",
        "=?utf-8?q?hi=E2=80=A8?=",
        "=?utf-8?q?hi=00?=",
        "\ud800",
    ],
)
def test_subject_cannot_make_a_header(subject: str) -> None:
    """What some reader takes for a line's end is refused, plain or in an encoded word."""
    with pytest.raises(NotAMessage) as caught:
        write(subject)

    assert caught.value.code in {"header_injection", "not_encodable"}


@pytest.mark.bad_input(111)
def test_sender_name_cannot_make_a_header() -> None:
    """The name beside our mailbox is held to the same."""
    with pytest.raises(NotAMessage, match="header_injection"):
        Sender("hello@shop.example", "=?utf-8?q?hi=0D=0ABcc:_x@y.com?=")


@pytest.mark.bad_input(111)
@pytest.mark.parametrize(
    "value",
    [
        "a\r\nBcc: x@y.com",
        "a\nBcc: x@y.com",
        "a\rBcc: x@y.com",
        "a\r\n\r\nbody",
        "a\r\nSubject: two",
        "a\x00",
        "a\r\n: nameless",
        "비",
    ],
)
def test_further_header_cannot_make_another(value: str) -> None:
    """Whatever a further header holds: the bytes have the expected names, or there are none."""
    with pytest.raises(NotAMessage, match=r"header_injection|not_encodable"):
        write_message(
            DELIVERY_ID,
            EmailContent("Hi", "Text"),
            SENDER,
            "sora@example.com",
            AT_S,
            [("Feedback-ID", value)],
        )


@pytest.mark.bad_input(111)
def test_boundary_cannot_be_written_by_words() -> None:
    """Whoever knows the id of a delivery cannot add a part to it (RFC 2046 section 5.1.1)."""
    part = f"a\r\n--=_{DELIVERY_ID}\r\nContent-Type: text/html\r\n\r\n<p>mine</p>\r\n"
    message = email.message_from_bytes(write(text=part, html=part), policy=email.policy.default)

    bodies = [each.get_content() for each in message.iter_parts()]
    assert bodies == [part, part]


@given(subject=st.text(max_size=200), text=st.text(min_size=1, max_size=200))
@example(subject="=?utf-8?q?=0D=0ABcc:x?=", text=".\n..\n")
@example(subject="a" * 2000, text="\r.\r\n.\r\n")
def test_any_words_give_the_expected_headers_or_nothing(subject: str, text: str) -> None:
    """Arbitrary words give a message of seven-bit CRLF lines with the known headers, or none."""
    try:
        wire = write(subject, text)
    except NotAMessage:
        return

    assert wire.isascii()
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert len(header_names(wire)) == len(set(header_names(wire))) == 8
    assert max(map(len, wire.split(b"\r\n"))) <= 998


@given(words=st.lists(WORDS, min_size=1, max_size=12))
def test_subject_reads_as_it_was_written(words: list[str]) -> None:
    """A subject of plain words in any script arrives as it was."""
    subject = " ".join(words)

    message = email.message_from_bytes(write(subject), policy=email.policy.default)

    assert str(message["Subject"]) == subject


@given(name=st.lists(WORDS, min_size=1, max_size=4).map(" ".join))
@example(name='Shop "Q", Inc. <x@y.com>')
def test_sender_reads_as_it_was_written(name: str) -> None:
    """A sender's name in any script, with any punctuation, arrives beside the one mailbox."""
    sender = Sender("hello@shop.example", name)

    wire = write_message(DELIVERY_ID, EmailContent("Hi", "Text"), sender, "sora@example.com", AT_S)
    # The old decoder: the new one keeps the blank of a fold inside a name.
    shown = str(make_header(decode_header(email.message_from_bytes(wire)["From"])))

    assert shown == f"{name} <hello@shop.example>"


@pytest.mark.parametrize("subject", ["Rain, rain: 20% off until 18:00!", "Hi"])
def test_short_plain_subject_is_not_encoded(subject: str) -> None:
    """A subject every reader can read stays as it is."""
    assert f"\r\nSubject: {subject}\r\n".encode() in write(subject)


def test_empty_text_is_no_message() -> None:
    """A message without plain text is not sent."""
    with pytest.raises(NotAMessage, match="empty"):
        write(text="", html="<p>x</p>")


@pytest.mark.parametrize("text", ["\n", "\r", "\x1b", "\u2028", "\ud800", "\x7f", "\x85"])
def test_one_line_holds_no_control(text: str) -> None:
    """Controls, separators and surrogates make no single line."""
    assert not is_one_line(f"a{text}b")
    assert is_one_line("ab ✿ 요가")
