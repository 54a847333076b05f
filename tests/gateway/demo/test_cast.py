"""The invented people: reachable nowhere, and each outcome has somebody."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_gateway.demo.cast import (
    DAY_HOUR,
    NIGHT_HOUR,
    cast_of,
    email_of,
    phone_of,
    push_subscription,
    zone_at_hour,
)


def test_cast_has_somebody_for_each_refusal() -> None:
    """Among the first twelve: no marketing, no location, no number, night, a refused channel."""
    people = cast_of(12)

    assert any(p.consent["marketing"] == "n" for p in people)
    assert any(not p.is_tracked for p in people)
    assert any("sms" not in p.reached_by for p in people)
    assert any(p.at_home_it_is_night for p in people)
    assert any(p.refused_channels for p in people)


def test_cast_grows_with_guests_whose_names_differ() -> None:
    """More people than the twelve are guests, each with an id of its own."""
    people = cast_of(40)

    assert len({p.user_id for p in people}) == 40


def test_addresses_belong_to_nobody() -> None:
    """Mail goes to ``example.com``, numbers are those kept for fiction."""
    assert email_of(cast_of(1)[0]).endswith("@example.com")
    assert all(phone_of(n).startswith("+1202555010") for n in range(10))
    assert len(phone_of(99)) == len("+12025550199")


def test_push_subscription_is_well_formed() -> None:
    """The key is a point on P-256 and the secret has 16 bytes, so encryption can run on it."""
    keys = push_subscription(cast_of(1)[0], seed=7)["keys"]

    point = urlsafe_b64decode(keys["p256dh"] + "==")
    auth = urlsafe_b64decode(keys["auth"] + "==")

    assert ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).key_size == 256
    assert len(point) == 65  # uncompressed, as browsers give it
    assert len(auth) == 16


@pytest.mark.parametrize("hour_utc", range(0, 24, 3))
def test_zone_of_the_town_has_day_and_the_other_has_night(hour_utc: int) -> None:
    """Whenever the demonstration starts, somebody is well inside quiet hours and others are not."""
    now = datetime(2026, 5, 4, hour_utc, 30, tzinfo=UTC)
    now_ms = int(now.timestamp() * 1000)

    day = now.astimezone(ZoneInfo(zone_at_hour(DAY_HOUR, now_ms)))
    night = now.astimezone(ZoneInfo(zone_at_hour(NIGHT_HOUR, now_ms)))

    assert 11 <= day.hour <= 16
    assert night.hour <= 5 or night.hour >= 22
