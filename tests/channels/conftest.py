"""Lent parts and counterparts of the driver tests; everything is on the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doubles.apns import Apns
from doubles.authority import Authority, issue
from doubles.clock import now_s
from doubles.fcm import Fcm
from doubles.push_service import PushService
from doubles.smtp import SILENCE, Mta
from doubles.twilio_stub import TwilioStub
from fencepost_channels.conformance import Lent

PATIENT_S = 20.0
TIMEOUT_S = 0.6  # long enough for a loaded machine to connect in half of it, short for silence


@pytest.fixture
async def lent() -> AsyncIterator[Lent]:
    """What the gateway lends a driver."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=jar) as session:
        yield Lent(session, TIMEOUT_S, now_s())


@pytest.fixture
def patient(lent: Lent, request: pytest.FixtureRequest) -> Lent:
    """Give the same with time for a loaded machine, but where a counterpart falls silent."""
    given = getattr(request.node, "callspec", None)
    is_silent = given is not None and SILENCE in given.params.values()
    return lent if is_silent else replace(lent, timeout_s=PATIENT_S)


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


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for the loopback, and the file that vouches for it."""
    return issue(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def apns(authority: Authority) -> AsyncIterator[Apns]:
    """Apple's push service."""
    async with Apns(authority) as service:
        yield service


@pytest.fixture
async def fcm() -> AsyncIterator[Fcm]:
    """Firebase Cloud Messaging."""
    async with Fcm() as service:
        yield service


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
