"""The doubles refuse what the real services refuse; otherwise they would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import encode_basic_auth
from py_vapid import Vapid02
from pywebpush import WebPusher

from doubles.clock import now_s
from doubles.push_service import PushService
from doubles.twilio_stub import ACCOUNT_SID, API, AUTH_TOKEN, TwilioStub

if TYPE_CHECKING:
    from fencepost_channels.conformance import Lent


def signed(claims: dict[str, Any]) -> dict[str, str]:
    """Give the headers of a token with these claims, by a fresh key."""
    vapid = Vapid02()
    vapid.generate_keys()
    headers: dict[str, str] = vapid.sign(claims)
    return headers


Change = Callable[[dict[str, str], str], None]


def no_ttl(headers: dict[str, str], _url: str) -> None:
    """Forget the time to live."""
    del headers["TTL"]


def long_topic(headers: dict[str, str], _url: str) -> None:
    """Use a topic of 33 characters."""
    headers["Topic"] = "a" * 33


def no_token(headers: dict[str, str], _url: str) -> None:
    """Forget the token."""
    del headers["Authorization"]


def other_origin(headers: dict[str, str], _url: str) -> None:
    """Sign for another push service."""
    headers.update(
        signed({"aud": "https://x.example", "sub": "mailto:a@b.com", "exp": now_s() + 9})
    )


def expired(headers: dict[str, str], url: str) -> None:
    """Sign with a token of the past."""
    headers.update(signed({"aud": url, "sub": "mailto:a@b.com", "exp": now_s() - 9}))


def too_long(headers: dict[str, str], url: str) -> None:
    """Sign for more than a day."""
    headers.update(signed({"aud": url, "sub": "mailto:a@b.com", "exp": now_s() + 90_000}))


def broken_signature(headers: dict[str, str], _url: str) -> None:
    """Spoil the signature."""
    token, key = headers["Authorization"].split(",")
    headers["Authorization"] = f"{token[:-6]}AAAAAA,{key}"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (None, 201),
        (no_ttl, 400),
        (long_topic, 400),
        (no_token, 401),
        (other_origin, 403),
        (expired, 403),
        (too_long, 403),
        (broken_signature, 403),
    ],
)
async def test_push_service_judges_a_request(
    push_service: PushService, lent: Lent, change: Change | None, status: int
) -> None:
    """Time to live, topic and token are judged as the standards say."""
    subscription, url = push_service.subscribe(), push_service.server.url
    claims = {"aud": url, "sub": "mailto:a@b.com", "exp": now_s() + 60}
    headers = {"TTL": "60", "Content-Encoding": "aes128gcm", **signed(claims)}
    if change:
        change(headers, url)
    body = WebPusher(subscription).encode(b"{}")["body"]

    async with lent.http.post(subscription["endpoint"], data=body, headers=headers) as answer:
        assert answer.status == status
    assert len(push_service.received) == (status == 201)


async def test_push_for_other_keys_cannot_be_read(push_service: PushService, lent: Lent) -> None:
    """What was encrypted for another browser is a violation."""
    mine, other = push_service.subscribe(), push_service.subscribe()
    claims = {"aud": push_service.server.url, "sub": "mailto:a@b.com", "exp": now_s() + 60}
    headers = {"TTL": "60", "Content-Encoding": "aes128gcm", **signed(claims)}
    body = WebPusher(other).encode(b"{}")["body"]

    async with lent.http.post(mine["endpoint"], data=body, headers=headers) as answer:
        assert answer.status == 400
    assert push_service.violations == ["the browser cannot read it"]


@pytest.mark.parametrize(
    ("token", "form", "status", "code"),
    [
        (AUTH_TOKEN, {}, 201, None),
        ("other", {}, 401, 20003),
        (AUTH_TOKEN, {"To": "12"}, 400, 21211),
        (AUTH_TOKEN, {"From": ""}, 400, 21603),
        (AUTH_TOKEN, {"Body": ""}, 400, 21602),
        (AUTH_TOKEN, {"Body": "x" * 1601}, 400, 21617),
    ],
)
async def test_twilio_stub_judges_a_message(
    twilio: TwilioStub, lent: Lent, token: str, form: dict[str, str], status: int, code: int | None
) -> None:
    """Credentials and form are judged with Twilio's codes, in Twilio's error object."""
    url = f"{twilio.server.url}{API}/{ACCOUNT_SID}/Messages.json"
    data = {"To": "+12025550123", "From": "Studio", "Body": "Hi", **form}
    headers = {"Authorization": encode_basic_auth(ACCOUNT_SID, token)}

    async with lent.http.post(url, data=data, headers=headers) as answer:
        said = await answer.json()

    assert answer.status == status
    assert said.get("code") == code
    assert ("sid" in said) is (status == 201)
