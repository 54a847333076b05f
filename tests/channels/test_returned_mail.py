"""Returned mail: what comes back to the return path, read from files as servers write them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_channels.returned_mail import READ_BYTES, read_returned
from fencepost_gateway.intake.tickets import read_return_token

FOLDER = Path(__file__).parent / "returned_mail"
EXPECTED: dict[str, list[str]] = tomllib.loads((FOLDER / "expected.toml").read_text("utf-8"))
DELIVERY_ID = "abcdefghijklmnopqrstuvwxyz234567"

pytestmark = [pytest.mark.guarantee("R18"), pytest.mark.feature("C07")]


def read(name: str) -> bytes:
    """Give a file of the folder."""
    return (FOLDER / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", EXPECTED)
def test_file_reports_exactly_what_it_says(name: str) -> None:
    """Hard, soft, delivered, a complaint, or nothing; and the code that says why."""
    report = read_returned(read(name))

    assert ([report.what, report.code] if report else []) == EXPECTED[name]


def test_folder_holds_all_that_is_expected_and_nothing_else() -> None:
    """There are at least sixty, as the promise says."""
    files = {path.stem for path in FOLDER.glob("*.eml")}

    assert files == set(EXPECTED)
    assert len(files) >= 60


@pytest.mark.parametrize("name", [name for name, says in EXPECTED.items() if says])
def test_report_names_our_delivery_unless_it_is_forged(name: str) -> None:
    """Who has not got our key can write no token that counts."""
    report = read_returned(read(name))

    named = read_return_token("seed", report.return_token if report else "")
    assert named == ("" if name.startswith("forged") else DELIVERY_ID)


def test_mailbox_that_the_envelope_named_comes_first() -> None:
    """A server that knows where it was delivered says so; headers may be anything."""
    word = "b" * 48
    report = read_returned(read("postfix-unknown-user"), to=f"bounce+{word}@r.example.com")

    assert report is not None
    assert report.return_token == word


def test_same_message_again_has_the_same_id() -> None:
    """So it counts once."""
    one, again = (read_returned(read("postfix-unknown-user")) for _ in range(2))
    other = read_returned(read("complaint"))

    assert one is not None
    assert again is not None
    assert other is not None
    assert one.report_id == again.report_id != other.report_id


def test_every_mail_that_unsubscribes_is_a_word_of_its_own() -> None:
    """Who has said yes since may say no again from the same old mail; one mail counts once."""
    wire = f"Subject: unsubscribe {'b' * 48}\nDate: Mon, 1 Jun 2026 12:00:00 +0000\n\n".encode()
    mails = (wire, wire, wire.replace(b"12:00", b"13:00"))
    first, again, later = (read_returned(mail) for mail in mails)

    assert first is not None
    assert again is not None
    assert later is not None
    assert first.report_id == again.report_id != later.report_id


@pytest.mark.parametrize(
    "odd", ["-", "(", "=?utf-8?q?a?= ", "5.1.1.", "a" * 48, "0-", "\n\n", "\t"]
)
def test_long_run_of_anything_is_read_in_a_blink(odd: str) -> None:
    """Nothing that is sent to a return path keeps the gateway busy."""
    text = odd * (65_536 // len(odd))
    wire = f"To: bounce+{'a' * 48}@r.example.com\nSubject: failure notice {text[:9999]}\n\n{text}"

    read_returned(wire.encode())  # what takes minutes fails by the hang guard


def test_what_stands_behind_64_kib_is_not_looked_at() -> None:
    """A report comes first; whoever fills a return path with megabytes costs nothing."""
    ask = f"Subject: unsubscribe {'a' * 48}\n\nx".encode()
    behind = b"X-Filler: x\n" * (READ_BYTES // 12 + 1) + ask

    assert read_returned(ask + b"x" * READ_BYTES) is not None
    assert read_returned(behind) is None


@pytest.mark.parametrize(
    "nested",
    [
        b"Content-Type: message/rfc822\n\n" * 3_000,
        b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(900)
        ),
    ],
)
def test_mail_in_mail_in_mail_is_nothing(nested: bytes) -> None:
    """However deep it goes, it neither breaks the reader nor keeps it busy."""
    assert read_returned(f"To: bounce+{'a' * 48}@r.example.com\n".encode() + nested) is None


@pytest.mark.parametrize(
    "subject", [b"=?utf-8?b?a?=", b"=?nosuch?q?a?=", b"=?utf-8?q?=ff?=", b"\xff\xed\xa0\x80"]
)
def test_subject_that_cannot_be_decoded_hides_no_bounce(subject: bytes) -> None:
    """The report is in the fields, and still counts."""
    wire = read("postfix-unknown-user").replace(b"\nSubject: ", b"\nSubject: " + subject, 1)
    report = read_returned(wire)

    assert report is not None
    assert report.what == "bounced_hard"


@pytest.mark.parametrize("kind", ["message/delivery-status", "text/plain; charset*=utf-8''%ff"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-uuencode", "none"])
def test_part_that_cannot_be_decoded_is_nothing(kind: str, encoding: str) -> None:
    """Odd bytes under any encoding and any name of a charset."""
    head = f"To: bounce+{'a' * 48}@r.example.com\nFrom: mailer-daemon\nContent-Type: {kind}\n"
    wire = f"{head}Content-Transfer-Encoding: {encoding}\n\n".encode() + b"\xff\xed\xa0\x80"

    assert read_returned(wire) is None


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(wire: bytes) -> None:
    """What cannot be read reports nothing."""
    assert read_returned(wire) is None


@given(st.sampled_from(sorted(EXPECTED)), st.data())
def test_file_cut_anywhere_never_says_more_than_the_whole(name: str, data: st.DataObject) -> None:
    """A report that was cut off says the same, or its first part of it, or nothing."""
    wire = read(name)
    cut = read_returned(wire[: data.draw(st.integers(0, len(wire)))])

    assert cut is None or cut.what in {
        *(EXPECTED[name][:1]),
        "bounced_soft",  # its finer code was cut off
        "delivered",  # the recipient that failed came later
    }
