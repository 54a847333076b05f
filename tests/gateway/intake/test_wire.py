"""Wire: what can be decoded, and the code and path of what cannot."""

from typing import Any

import msgspec
import pytest

from fencepost_gateway.intake import wire
from fencepost_gateway.intake.wire import BadEvent
from gateway.batches import event

HEAD = b'"seq":7,"event_id":"e","at":"2026-05-04T09:00:00Z"'


def decode(body: bytes) -> Any:
    """Decode one event as it stands in a batch."""
    return wire.decode_event(msgspec.Raw(body))


def track(members: bytes) -> bytes:
    """Give an app event with these members."""
    return b'{%b,"type":"track","name":"opened",%b}' % (HEAD, members)


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        pytest.param(track(b'"props":[1]'), "type", "props", id="array-for-object"),
        pytest.param(track(b'"props":"x"'), "type", "props", id="text-for-object"),
        pytest.param(track(b'"props":true'), "type", "props", id="bool-for-object"),
        pytest.param(b'{%b,"type":"track"}' % HEAD, "type", "name", id="name-missing"),
        pytest.param(b'{%b,"type":"track","name":""}' % HEAD, "bad_value", "name", id="no-name"),
        pytest.param(
            b'{%b,"type":"track","name":"%b"}' % (HEAD, b"x" * 129), "too_large", "name", id="long"
        ),
        pytest.param(
            b'{%b,"type":"fix","lat":true,"lon":1}' % HEAD, "type", "lat", id="bool-for-number"
        ),
        pytest.param(
            b'{%b,"type":"fix","lat":"1","lon":1}' % HEAD, "type", "lat", id="text-for-number"
        ),
        pytest.param(
            b'{%b,"type":"fix","lat":91,"lon":1}' % HEAD, "number_range", "lat", id="latitude"
        ),
        pytest.param(
            b'{%b,"type":"fix","lat":1,"lon":-180.0000001}' % HEAD,
            "number_range",
            "lon",
            id="longitude",
        ),
        pytest.param(
            b'{%b,"type":"fix","lat":1e999,"lon":1}' % HEAD, "number_range", "lat", id="infinite"
        ),
        pytest.param(track(b'"props":{"a":1e999}'), "number_range", "props", id="infinite-prop"),
        pytest.param(
            track(b'"props":{"a":%b}' % (b"9" * 5000)), "integer_range", "props", id="5000-digits"
        ),
        pytest.param(track(b'"props":{"a":"\xc0\xaf"}'), "bad_value", "", id="overlong-utf-8"),
        pytest.param(track(b'"props":{"\xff":1}'), "bad_value", "", id="invalid-utf-8"),
        pytest.param(track(b'"props":{"a":"%b"}' % (b"x" * 70_000)), "too_large", "", id="64-kib"),
        pytest.param(b'{%b,"type":"teleport"}' % HEAD, "unknown_type", "type", id="unknown-type"),
        pytest.param(b"{%b}" % HEAD, "unknown_type", "type", id="no-type"),
        pytest.param(b'{%b,"type":5}' % HEAD, "type", "type", id="type-of-type"),
        pytest.param(
            b'{%b,"type":"consent","values":{"marketing":true}}' % HEAD,
            "type",
            "values",
            id="consent-bool",
        ),
        pytest.param(
            b'{%b,"type":"receipt","delivery_id":"d","status":"eaten"}' % HEAD,
            "bad_value",
            "status",
            id="receipt-word",
        ),
        pytest.param(
            b'{%b,"type":"engagement","delivery_id":"d","action":"licked"}' % HEAD,
            "bad_value",
            "action",
            id="engagement-word",
        ),
    ],
)
def test_bad_event_gets_code_and_path(body: bytes, code: str, path: str) -> None:
    """What can never be taken is said with the member at fault, under the event's seq."""
    assert decode(body) == BadEvent(7, code, path)


@pytest.mark.bad_input(43)
@pytest.mark.parametrize(
    "at",
    [
        '"2026-05-04T09:00:00"',
        '"2026-05-04T24:00:00Z"',
        '"2026-05-04T09:00:60Z"',
        '"0000-05-04T09:00:00Z"',
        '"2026-05-04"',
        '"20260101"',
        '"yesterday"',
        "1e18",
        "-1",
        "1777885200",
        "1777885200000",
        "null",
        "{}",
    ],
)
def test_time_without_rfc_3339_and_offset_is_refused(at: str) -> None:
    """A time that can be read two ways is not read at all."""
    body = f'{{"seq":7,"event_id":"e","at":{at},"type":"screen","name":"x"}}'

    assert decode(body.encode()) == BadEvent(7, "time_format", "at")


@pytest.mark.parametrize(
    ("seq", "code"),
    [
        ("0", "integer_range"),
        ("-1", "integer_range"),
        ("9007199254740992", "integer_range"),
        ("9223372036854775808", "integer_range"),
        ("1.0", "type"),
        ("true", "type"),
        ('"1"', "type"),
        ("null", "type"),
    ],
)
def test_event_whose_seq_cannot_be_read_has_none(seq: str, code: str) -> None:
    """Its verdict goes by index, not by a made-up number."""
    body = f'{{"seq":{seq},"event_id":"e","at":"2026-05-04T09:00:00Z","type":"screen","name":"x"}}'

    assert decode(body.encode()) == BadEvent(None, code, "seq")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"true", b"null", b"5"])
def test_something_else_than_an_object_is_no_event(body: bytes) -> None:
    """String, array, bool where an object belongs."""
    assert decode(body) == BadEvent(None, "type", "")


@pytest.mark.bad_input(32)
def test_of_a_doubled_key_the_last_counts() -> None:
    """Decoders cannot see it, so every part of the house does the same."""
    assert decode(track(b'"name":"closed"')).name == "closed"


def test_members_that_are_not_known_are_ignored() -> None:
    """The protocol may grow."""
    assert decode(track(b'"colour":"red"')).name == "opened"


def test_bad_event_never_echoes_what_was_sent() -> None:
    """Code and path are our words: no key, no value of the sender."""
    body = track(b'"props":{"geheim":1e999}')

    assert "geheim" not in repr(decode(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"v":1,"events":' + b"[" * 100_000, id="deep-inside"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":Infinity}', id="infinity"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="utf-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b'{"a":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no-members"),
        pytest.param(b"[]", id="array"),
    ],
)
def test_body_that_is_no_batch_raises_what_the_caller_knows(body: bytes) -> None:
    """Three kinds of exception, all documented; none of them is a crash."""
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)):
        wire.decode_batch(body)


@pytest.mark.parametrize("member", ["device_id", "stream", "anonymous_id", "user_id"])
@pytest.mark.parametrize("value", ["", "a\0b", "x" * 257])
def test_identity_holds_no_nul(member: str, value: str) -> None:
    """Ids are hashed from parts joined by NUL, so none may contain one."""
    envelope: dict[str, Any] = {
        "v": 1,
        "device_id": "d",
        "stream": "s",
        "sent_at": "2026-05-04T09:00:00Z",
        "who": {"anonymous_id": "a", "user_id": "u"},
        "events": [event(1)],
    }
    (envelope["who"] if member in envelope["who"] else envelope)[member] = value

    with pytest.raises(msgspec.ValidationError):
        wire.decode_batch(msgspec.json.encode(envelope))
