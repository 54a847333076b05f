"""What Twilio tells later and what people write back; only what Twilio has signed is believed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import permutations
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.twilio_stub import AUTH_TOKEN, Sms, Webhook, signature, told, webhook, written
from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report
from fencepost_channels.twilio_callback import read_callback, write_reply

URL = "https://edge.example/v1/callbacks/sms"
DELIVERY_ID = "a2" * 16
TOLD_AT = f"{URL}?delivery={DELIVERY_ID}"
NUMBER = "+12025550123"
SMS = Sms("SM" + "1" * 32, NUMBER, "+15005550006", "Hi", {"StatusCallback": TOLD_AT})


def reading(sent: Webhook, token: str = AUTH_TOKEN) -> Reading:
    """Read what Twilio sent."""
    return read_callback(token, Callback(sent.url, sent.headers, sent.body))


@pytest.mark.feature("C05")
@pytest.mark.parametrize(
    ("status", "code", "what"),
    [
        ("sent", "", "sent"),
        ("delivered", "", "delivered"),
        ("read", "", "displayed"),
        ("undelivered", "30003", "bounced_soft"),
        ("undelivered", "30004", "failed"),
        ("undelivered", "30005", "bounced_hard"),
        ("undelivered", "30006", "bounced_hard"),
        ("undelivered", "30007", "failed"),
        ("undelivered", "30008", "bounced_soft"),
        ("failed", "21610", "opted_out"),
        ("failed", "21211", "bounced_hard"),
        ("failed", "63024", "bounced_hard"),
        ("failed", "63016", "failed"),
        ("failed", "", "failed"),
        ("canceled", "", "failed"),
    ],
)
def test_status_says_what_became_of_a_message(status: str, code: str, what: str) -> None:
    """Status and error code together; the delivery is the one in the address that was called."""
    (report,) = reading(told(SMS, status, code)).reports

    address = {"address": NUMBER} if what in {"opted_out", "bounced_hard"} else None
    assert report == Report(
        what,  # type: ignore[arg-type]  # a column of the table
        f"{SMS.sid}:{status}",
        DELIVERY_ID,
        SMS.sid,
        code=code,
        address=address,
    )


@pytest.mark.parametrize("status", ["accepted", "queued", "sending", "scheduled", "new-one"])
def test_status_on_the_way_tells_nothing(status: str) -> None:
    """It is believed, answered, and changes nothing."""
    assert reading(told(SMS, status)) == Reading()


def test_callbacks_in_any_order_and_doubled_have_the_same_ids() -> None:
    """One status of one message is one report."""
    sent = [told(SMS, status) for status in ("sent", "delivered", "read")]
    ids = {
        frozenset(r.report_id for each in (*order, *order) for r in reading(each).reports)
        for order in permutations(sent)
    }

    assert len(ids) == 1
    assert len(next(iter(ids))) == 3


def test_delivery_in_the_address_is_one_or_none() -> None:
    """What is no id of ours is left out; Twilio's own id remains."""
    sms = replace(SMS, form={"StatusCallback": f"{URL}?delivery=../x"})
    (report,) = reading(told(sms, "sent")).reports

    assert (report.delivery_id, report.provider_id) == ("", SMS.sid)


@pytest.mark.parametrize(
    ("more", "what", "code"),
    [
        ({}, "replied", ""),
        ({"OptOutType": "STOP"}, "opted_out", "STOP"),
        ({"OptOutType": "START"}, "replied", "START"),
        ({"OptOutType": "HELP"}, "replied", "HELP"),
        ({"OptOutType": "<other>"}, "replied", ""),
    ],
)
def test_message_of_a_person_is_read(more: dict[str, str], what: str, code: str) -> None:
    """Whose number, what they wrote, and what Twilio made of it; answered with no message."""
    found = reading(written(URL, "수신거부 & <b>", NUMBER, **more))
    (report,) = found.reports

    assert (report.what, report.code, report.text) == (what, code, "수신거부 & <b>")
    assert report.address == {"address": NUMBER}
    assert report.delivery_id == ""
    assert found.content_type == "text/xml"
    assert len(fromstring(found.body)) == 0  # noqa: S314 - ours


def test_json_is_checked_by_its_hash() -> None:
    """Where the address has ``bodySHA256`` the signature is over the address alone."""
    body = json.dumps({"MessageSid": SMS.sid, "MessageStatus": "delivered", "n": 1}).encode()
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"x-twilio-signature": signature(url, {}), "content-type": "application/json"}
    found = read_callback(AUTH_TOKEN, Callback(url, headers, body))

    assert [r.what for r in found.reports] == ["delivered"]
    with pytest.raises(CallbackRefused, match="bad_signature"):
        read_callback(AUTH_TOKEN, Callback(url, headers, body.replace(b"delivered", b"failed")))


def _spoilt() -> dict[str, Webhook]:
    good = told(SMS, "delivered")
    return {
        "none": replace(good, headers={}),
        "empty": replace(good, headers={"x-twilio-signature": ""}),
        "other_key": told(SMS, "delivered", token="other"),
        "other_url": replace(good, url=f"{URL}?delivery={'b3' * 16}"),
        "other_host": replace(good, url=TOLD_AT.replace("edge", "evil")),
        "no_port": replace(good, url=TOLD_AT.replace("/v1", ":99999999/v1")),
        "no_host": replace(good, url="https://[::1/"),
        "no_words": replace(good, url="https://edge\udcff.example.com/"),
        "http": replace(good, url=TOLD_AT.replace("https", "http")),
        "other_body": replace(good, body=good.body.replace(b"delivered", b"failed")),
        "more_fields": replace(good, body=good.body + b"&Extra=1"),
        "no_body": replace(good, body=b""),
        "not_text": replace(good, body=b"\xff\xfe"),
        "no_form": replace(good, body=b"{}"),
        "many_fields": replace(good, body=b"&".join(b"a%d=1" % n for n in range(500))),
        "sha256_settings": replace(
            good, headers={**good.headers, "x-twilio-signature": signature(URL, {})}
        ),
    }


@pytest.mark.bad_input(107)
@pytest.mark.parametrize("name", _spoilt())
def test_request_that_twilio_did_not_sign_is_refused(name: str) -> None:
    """Missing, other and wrong signatures; a changed address, body or field."""
    with pytest.raises(CallbackRefused):
        reading(_spoilt()[name])


@pytest.mark.bad_input(107)
def test_signed_request_that_says_nothing_is_refused() -> None:
    """Signed and yet no message: no id, or an id that is none, or from nobody."""
    for form in ({"Body": "STOP"}, {"MessageSid": "x" * 99}, {"MessageSid": SMS.sid}):
        with pytest.raises(CallbackRefused, match="malformed"):
            reading(webhook(URL, form))


@settings(max_examples=60)
@given(st.text(max_size=60), st.text(max_size=60))
def test_reply_is_one_message_of_well_formed_xml(text: str, more: str) -> None:
    """Whatever is said, a parser reads it back; nothing of it becomes markup."""
    content_type, body = write_reply(f"{text}<Redirect>{more}")
    found = fromstring(body)  # noqa: S314 - ours

    kept = "".join(c for c in f"{text}<Redirect>{more}" if c.isprintable() or c == "\n")
    assert content_type == "text/xml"
    assert [each.tag for each in found.iter()] == ["Response", "Message"]
    assert found[0].text == kept
