"""Every installed driver against the kit; a driver without a case fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from doubles import apns, fcm
from doubles.authority import issue
from doubles.dkim_keys import ed25519_pem
from doubles.http_server import Reply, Reset, Script, Silence
from doubles.push_service import PushService
from doubles.screens import SECRET, Screens
from doubles.smtp import DROP, SILENCE, Mta
from doubles.twilio_stub import ACCOUNT_SID, AUTH_TOKEN, TwilioStub, error
from fencepost_channels.conformance import CANARY, Case, Stage, check, check_stage
from fencepost_channels.driver import AddressError, DriverSpec
from fencepost_channels.errors import Rejected, Unknown
from fencepost_channels.registry import load_drivers

if TYPE_CHECKING:
    from fencepost_channels.conformance import Lent

PHONE = {"address": "+821012345678"}
MAILBOX = {"address": "sora.kim@example.com"}
# Known to the case of a subscription that is only parsed.
SUBSCRIPTION = {
    "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4"
        "bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
ANSWERS: Mapping[str, Script] = {
    **{str(status): Reply(status) for status in (200, 201, 204, 301, 400, 401, 403, 404, 408)},
    **{str(status): Reply(status) for status in (410, 413, 418, 429, 500, 502, 503, 504)},
    "retry_after": Reply(429, {"Retry-After": "Mon, 04 May 2026 09:12:40 GMT"}),
    "no_text": Reply(200, body=b"\xff\x00"),
    "echo": Reply(400, body=f'{{"code": "{CANARY}", "message": "{CANARY}"}}'.encode()),
    "silence": Silence(),
    "reset": Reset(),
}
CODES: Mapping[str, Script] = {
    **{str(code): error(code, 400, "+821012345678") for code in (21211, 21610, 21614, 21606)},
    "20003": error(20003, 401),
    "20429": error(20429, 429),
}
REPLIES = {
    f"{phase} {reply}": (phase, reply)
    for phase in ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
    for reply in ("421 later", "550 5.1.1 sora.kim@example.com", SILENCE, DROP)
} | {"usual": ("dot", "250 OK"), "nonsense": ("dot", "no reply"), "login": ("mail", "530 log in")}

APNS_ANSWERS: Mapping[str, apns.Script] = {
    **{str(status): apns.Reply(status) for status in (200, 301, 400, 404, 405, 413, 418, 500)},
    **{
        reason: apns.Reply(status, reason, timestamp)
        for status, reason, timestamp in (
            (400, "BadDeviceToken", None),
            (400, "DeviceTokenNotForTopic", None),
            (400, "TopicDisallowed", None),
            (403, "ExpiredProviderToken", None),
            (403, "InvalidProviderToken", None),
            (410, "Unregistered", 1_780_000_000_000),
            (429, "TooManyRequests", None),
            (503, "Shutdown", None),
            (400, CANARY, None),
        )
    },
    "retry_after": apns.Reply(429, headers={"retry-after": "Mon, 04 May 2026 09:12:40 GMT"}),
    "empty_frames": apns.Reply(200, empty_frames=100, body=b"{}"),
    "no_text": apns.Reply(410, body=b"\xff\x00"),
    "long": apns.Reply(400, body=b"x" * 200_000),
    "silence": apns.Silence(),
    "hangup": apns.Hangup(),
    "broken_off": apns.Hangup(400),
    "refused": apns.Refused(),
    "goaway": apns.Goaway(taken=False),
    "goaway_taken": apns.Goaway(taken=True),
}
FCM_ERRORS: Mapping[str, Script] = {
    code: fcm.failure(status, code, field)
    for status, code, field in (
        (400, "INVALID_ARGUMENT", "message.token"),
        (401, "THIRD_PARTY_AUTH_ERROR", ""),
        (403, "SENDER_ID_MISMATCH", ""),
        (404, "UNREGISTERED", ""),
        (429, "QUOTA_EXCEEDED", ""),
        (500, "INTERNAL", ""),
        (503, "UNAVAILABLE", ""),
    )
}
TOKENS: tuple[Mapping[str, Any], ...] = tuple(
    {"registration": {"service": service, "token": token, **more}}
    for service, token, more in (
        ("apns", "ab" * 31, {}),
        ("apns", "ab" * 32 + "/../x", {}),
        ("apns", "ab" * 32, {"environment": "moon"}),
        ("apns", "ab" * 32, {"topic": "a\r\nb"}),
        ("fcm", "a" * 4097, {}),
        ("fcm", f"{CANARY} with blanks in it", {}),
        ("pigeon", "ab" * 32, {}),
        (["apns"], "ab" * 32, {}),
    )
)
StageMaker = Callable[[], AbstractAsyncContextManager[Stage]]


def push_case(spec: DriverSpec, vapid_pem: str, _folder: Path) -> Case:
    """A push service that gives every answer there is."""
    settings = {"vapid_private_key": vapid_pem, "vapid_subject": "mailto:ops@shop.example"}
    loopback = {"allow_hosts": "127.0.0.1", "allow_http": "true"}

    def stage(script: Script) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            async with PushService() as service:
                service.server.always = script
                yield {**settings, **loopback}, {"subscription": service.subscribe()}

        return make

    stages = {name: stage(script) for name, script in ANSWERS.items()}
    return Case(spec, settings, {"subscription": SUBSCRIPTION}, stages)


def apns_case(spec: DriverSpec, _vapid_pem: str, folder: Path) -> Case:
    """Apple with every answer, and every way to break an HTTP/2 connection."""
    authority = issue(folder)

    def stage(script: apns.Script | None) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            async with apns.Apns(authority) as service:
                service.always = script
                token = service.register()
                yield service.settings, {"registration": {"service": "apns", "token": token}}

        return make

    address = {"registration": {"service": "apns", "token": "ab" * 32, "topic": apns.TOPIC}}
    stages = {name: stage(script) for name, script in APNS_ANSWERS.items()}
    settings = apns.Apns(authority).settings
    return Case(spec, settings, address, {**stages, "usual": stage(None)}, TOKENS)


def fcm_case(spec: DriverSpec, _vapid_pem: str, _folder: Path) -> Case:
    """Firebase with every answer, and its token endpoint with every one."""

    def stage(script: Script | None, token_script: Script | None) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            async with fcm.Fcm() as service:
                service.server.always, service.tokens.always = script, token_script
                token = service.register()
                yield service.settings, {"registration": {"service": "fcm", "token": token}}

        return make

    stages = {name: stage(script, None) for name, script in {**ANSWERS, **FCM_ERRORS}.items()}
    stages |= {f"token {name}": stage(None, script) for name, script in ANSWERS.items()}
    service = fcm.Fcm()
    account = {**service.account, "token_uri": "https://oauth2.googleapis.com/token"}
    settings = {"service_account": json.dumps(account)}
    address = {"registration": {"service": "fcm", "token": service.register()}}
    return Case(spec, settings, address, {**stages, "usual": stage(None, None)}, TOKENS)


def sms_case(spec: DriverSpec, _vapid_pem: str, _folder: Path) -> Case:
    """Twilio with every answer and every code we know."""
    settings = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "Studio"}

    def stage(script: Script | None) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            async with TwilioStub() as stub:
                stub.server.always = script
                yield stub.settings, PHONE

        return make

    stages = {name: stage(script) for name, script in {**ANSWERS, **CODES}.items()}
    return Case(spec, settings, PHONE, {**stages, "usual": stage(None)})


def email_case(spec: DriverSpec, _vapid_pem: str, _folder: Path) -> Case:
    """A relay that refuses, falls silent or hangs up in every phase."""
    settings = {
        "host": "127.0.0.1",
        "tls": "none",
        "from": "hello@shop.example",
        "username": "shop",
        "password": "hunter2-is-secret",
        "dkim_selector": "fp1",
        "dkim_private_key": ed25519_pem(),
    }

    def stage(phase: str, reply: str) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            login = (settings["username"], settings["password"])
            with Mta(login=login) as mta:
                mta.script[phase] = reply
                yield {**settings, "port": str(mta.port)}, MAILBOX

        return make

    return Case(spec, settings, MAILBOX, {name: stage(*told) for name, told in REPLIES.items()})


def webhook_case(spec: DriverSpec, _vapid_pem: str, _folder: Path) -> Case:
    """A system of screens with every answer."""
    secrets = {"secret": SECRET, "old_secret": f"{SECRET} before"}
    settings = {"url": "https://screens.example.com/messages", **secrets}

    def stage(script: Script | None) -> StageMaker:
        @asynccontextmanager
        async def make() -> AsyncIterator[Stage]:
            async with Screens() as screens:
                screens.server.always = script
                screens.targets.add("lobby-7")
                yield {**screens.settings, **secrets}, {"target": "lobby-7"}

        return make

    stages = {name: stage(script) for name, script in ANSWERS.items()}
    return Case(spec, settings, {"target": "lobby-7"}, {**stages, "usual": stage(None)})


def in_app_case(spec: DriverSpec, _vapid_pem: str, _folder: Path) -> Case:
    """Nobody to call."""
    address = {"person_id": "person-0193"}
    return Case(spec, {}, address, {"usual": _stage({}, address)})


def capture_case(spec: DriverSpec, _vapid_pem: str, folder: Path) -> Case:
    """A file."""
    settings = {"path": str(folder / "captured.jsonl")}
    return Case(spec, settings, MAILBOX, {"usual": _stage(settings, MAILBOX)})


def _stage(settings: Mapping[str, str], address: Mapping[str, Any]) -> StageMaker:
    @asynccontextmanager
    async def make() -> AsyncIterator[Stage]:
        yield settings, address

    return make


CASES: Mapping[str, Callable[[DriverSpec, str, Path], Case]] = {
    "apns": apns_case,
    "capture": capture_case,
    "email": email_case,
    "fcm": fcm_case,
    "in_app": in_app_case,
    "sms": sms_case,
    "web_push": push_case,
    "webhook": webhook_case,
}


@pytest.mark.parametrize("name", load_drivers())
def test_driver_meets_the_contract(name: str, vapid_pem: str, tmp_path: Path) -> None:
    """Spec, settings, addresses and masks of every installed driver pass the kit."""
    case = CASES[name](load_drivers()[name], vapid_pem, tmp_path)

    assert check(case) == []


@pytest.mark.parametrize("name", load_drivers())
async def test_driver_answers_with_outcomes(
    name: str, vapid_pem: str, tmp_path: Path, lent: Lent
) -> None:
    """At every stage every installed driver gives an outcome, and nothing shows in it."""
    case = CASES[name](load_drivers()[name], vapid_pem, tmp_path)
    hasty = replace(lent, timeout_s=0.3)

    found = await asyncio.gather(*(check_stage(case, stage, hasty) for stage in case.stages))

    assert [finding for findings in found for finding in findings] == []


def test_kit_finds_a_careless_driver(tmp_path: Path) -> None:
    """A driver that takes anything, shows everything and hides nothing is found out."""
    good = capture_case(load_drivers()["capture"], "", tmp_path)

    def parse_address(raw: Mapping[str, Any]) -> str:
        if not raw:
            raise AddressError("no address in " + "{}")
        if raw.get("address") == 7:
            raise KeyError("address")
        return str(raw)

    spec = replace(
        good.spec,
        name="Careless Driver",
        channels=frozenset(),
        parse_address=parse_address,
        mask=lambda raw: str(raw["address"]),
        parse_settings=dict,
        secrets=frozenset({"token", "missing"}),
    )
    found = check(replace(good, spec=spec, settings={"token": "hunter2"}))

    expected = [
        "rule 1: the name is no lower-case word",
        "rule 1: it serves no channel",
        "rule 1: the case gives no value for the secret missing, or it is no setting",
        "rule 2: repr of the settings shows a secret",
        "rule 2: an unknown setting is taken",
        "rule 3: repr of an address shows it",
        "rule 4: mask shows the address",
        "rule 3: the code for garbage 0 is no constant word",
        "rule 4: mask raised KeyError for garbage 0",
        "rule 3: garbage 1 is taken",
        "rule 3: garbage 3 raised KeyError, not AddressError",
        "rule 4: mask repeats garbage 4",
    ]
    assert [finding for finding in expected if finding not in found] == []


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (RuntimeError("x"), "rule 5: send raised RuntimeError at usual"),
        ("sent", "rule 5: send gave str at usual, which is no outcome"),
        (Unknown("Timed out!"), "rule 6: the code at usual is no constant word"),
        (Rejected("sora.kim@example.com"), "rule 6: the outcome at usual shows what it must not"),
    ],
    ids=["raises", "no_outcome", "no_word", "shows"],
)
async def test_kit_finds_a_careless_send(
    answer: object, finding: str, tmp_path: Path, lent: Lent
) -> None:
    """A send that raises, invents outcomes or repeats an address is found out."""
    good = capture_case(load_drivers()["capture"], "", tmp_path)

    async def send(_message: object, _address: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def connect(_settings: object, _io: object) -> AsyncIterator[Any]:
        yield send

    case = replace(good, spec=replace(good.spec, connect=connect))

    assert finding in await check_stage(case, "usual", lent)
