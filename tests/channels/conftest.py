"""Lent parts and counterparts of the driver tests; everything is on the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doubles.clock import now_s
from doubles.push_service import PushService
from doubles.smtp import Mta
from doubles.twilio_stub import TwilioStub
from fencepost_channels.conformance import Lent

TIMEOUT_S = 0.6  # long enough for a loaded machine to connect in half of it, short for silence


@pytest.fixture
async def lent() -> AsyncIterator[Lent]:
    """What the gateway lends a driver."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=jar) as session:
        yield Lent(session, TIMEOUT_S, now_s())


@pytest.fixture
async def push_service() -> AsyncIterator[PushService]:
    """A push service with browsers behind it."""
    async with PushService() as service:
        yield service


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioStub]:
    """Twilio's Messages resource."""
    async with TwilioStub() as stub:
        yield stub


@pytest.fixture
def mta() -> Iterator[Mta]:
    """A scripted relay."""
    with Mta() as relay:
        yield relay


@pytest.fixture(scope="session")
def vapid_pem() -> str:
    """A VAPID private key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )
