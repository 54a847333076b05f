"""
Conformance: what every driver must pass, ours and yours.

Needs no test framework. A driver's author describes it with a ``Case`` and, in a test of any
framework, asserts that nothing is found:

    from fencepost_channels import conformance

    def test_my_driver_is_one():
        assert conformance.check(CASE) == []

    @pytest.mark.parametrize("name", CASE.stages)
    async def test_my_driver_sends(name, lent):
        assert await conformance.check_stage(CASE, name, lent) == []

A **stage** is a counterpart that has been told what to answer: an async context manager that starts
it (or takes one that runs) and yields the raw settings and the raw address that lead there. Have
one for every answer the provider is known to give, and for refused connections, resets and silence.
``lent`` is a ``DriverIO``; ``Lent`` is a plain one. The kit's rules, numbered as in its findings:

Rule 1. The spec is whole: a name, a channel, secrets that are settings.
Rule 2. Settings are read strictly: the good ones pass; an unknown name and a missing secret are
        refused with ``SettingsError``; no secret shows in ``repr`` or in an error.
Rule 3. Addresses are judged before they are called: the good one passes, garbage is refused with
        ``AddressError`` and a constant word for a code, and nothing of it is repeated.
Rule 4. ``mask`` hides, and takes garbage without complaint.
Rule 5. ``send`` gives one of the seven outcomes and never raises, whatever comes back, content of
        another channel and a lone surrogate included.
Rule 6. An outcome's code is a constant word; no secret, address or text of the message is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, SettingsError
from fencepost_channels.errors import Outcome, Sent
from fencepost_channels.message import (
    Channel,
    Content,
    EmailContent,
    InAppContent,
    Outgoing,
    Purpose,
    PushContent,
    SmsContent,
    WebhookContent,
    WebPushContent,
)

if TYPE_CHECKING:
    import aiohttp

Stage = tuple[Mapping[str, str], Mapping[str, Any]]
"""Raw settings and a raw address that lead to a prepared counterpart."""

WORD = re.compile(r"[a-z][a-z0-9_]*")
CANARY = "canary-5b1f"
DELIVERY_ID = "abcdefghijklmnopqrstuvwxyz234567"

CONTENTS: Mapping[Channel, Content] = {
    Channel.IN_APP: InAppContent(body=f"{CANARY} body", title="Title"),
    Channel.PUSH: PushContent(title="Title", body=f"{CANARY} body"),
    Channel.WEB_PUSH: WebPushContent(title="Title", body=f"{CANARY} body"),
    Channel.SMS: SmsContent(text=f"{CANARY} text"),
    Channel.EMAIL: EmailContent(subject="Subject", text=f"{CANARY} text"),
    Channel.WEBHOOK: WebhookContent(title="Title", body=f"{CANARY} body"),
}
SURROGATES: Mapping[Channel, Content] = {
    Channel.IN_APP: InAppContent(body="\ud800"),
    Channel.PUSH: PushContent(title="\ud800"),
    Channel.WEB_PUSH: WebPushContent(title="\ud800"),
    Channel.SMS: SmsContent(text="\ud800"),
    Channel.EMAIL: EmailContent(subject="\ud800", text="\ud800"),
    Channel.WEBHOOK: WebhookContent(title="\ud800"),
}
GARBAGE: tuple[Mapping[str, Any], ...] = (
    {},
    {
        "address": None,
        "subscription": None,
        "registration": None,
        "target": None,
        "person_id": None,
    },
    {"address": "", "subscription": {}, "registration": {}, "target": "", "person_id": ""},
    {
        "address": 7,
        "subscription": [CANARY],
        "registration": [CANARY],
        "target": [CANARY],
        "person_id": [CANARY],
    },
    {
        "address": f"{CANARY}\r\nBcc: x@example.com",
        "subscription": f"{CANARY}",
        "registration": {"service": f"{CANARY}", "token": f"{CANARY}\r\n"},
        "target": f"{CANARY}\r\nX-Screen: 1",
        "person_id": f"{CANARY}\n",
    },
    {
        "address": f"{CANARY}\x00",
        "subscription": {"endpoint": CANARY},
        "target": f"{CANARY}\x00",
        "person_id": "\x00",
    },
)


@dataclass(frozen=True, slots=True)
class Lent:
    """A plain ``DriverIO``: a session, a time limit, a moment that stands still."""

    http: aiohttp.ClientSession
    timeout_s: float
    at_s: int

    def now_s(self) -> int:
        """Give the moment."""
        return self.at_s


@dataclass(frozen=True, slots=True)
class Case:
    """
    What the kit must know about a driver.

    Attributes:
        spec: The driver.
        settings: Usable raw settings, every secret included.
        address: A good raw address.
        stages: Counterparts by name, each told what to answer.
        garbage: Addresses to refuse besides the kit's own.

    """

    spec: DriverSpec
    settings: Mapping[str, str]
    address: Mapping[str, Any]
    stages: Mapping[str, Callable[[], AbstractAsyncContextManager[Stage]]]
    garbage: tuple[Mapping[str, Any], ...] = field(default=())


def check(case: Case) -> list[str]:
    """Find what breaks rules 1 to 4; an empty list is a pass."""
    return [*_check_spec(case), *_check_settings(case), *_check_addresses(case)]


async def check_stage(case: Case, name: str, io: DriverIO) -> list[str]:
    """Find what breaks rules 5 and 6 at the stage ``name``; an empty list is a pass."""
    found: list[str] = []
    async with case.stages[name]() as (raw_settings, raw_address):
        settings = case.spec.parse_settings(raw_settings)
        address = case.spec.parse_address(raw_address)
        hidden = [CANARY, *_secrets(case.spec, raw_settings), *_strings(raw_address)]
        async with case.spec.connect(settings, io) as send:
            for message in _messages(case.spec):
                try:
                    outcome = await send(message, address)
                except Exception as error:  # noqa: BLE001 - that it raises at all is the finding
                    found.append(f"rule 5: send raised {type(error).__name__} at {name}")
                else:
                    found += _check_outcome(outcome, hidden, name)
    return found


def _check_spec(case: Case) -> Iterator[str]:
    spec = case.spec
    if not WORD.fullmatch(spec.name):
        yield "rule 1: the name is no lower-case word"
    if not spec.channels or not all(isinstance(channel, Channel) for channel in spec.channels):
        yield "rule 1: it serves no channel"
    for secret in sorted(spec.secrets - set(case.settings)):
        yield f"rule 1: the case gives no value for the secret {secret}, or it is no setting"


def _check_settings(case: Case) -> Iterator[str]:
    spec = case.spec
    secrets = _secrets(spec, case.settings)
    if _shows(repr(spec.parse_settings(case.settings)), secrets):
        yield "rule 2: repr of the settings shows a secret"
    # A broken secret may be legal (any text is a password); then there is no error to judge.
    wrong = {
        f"a broken {name}": {**case.settings, name: f"\n{case.settings[name]}\x00"}
        for name in sorted(spec.secrets & set(case.settings))
    }
    wrong["an unknown setting"] = {**case.settings, "no_such_setting": "x"}
    for what, raw in wrong.items():
        try:
            spec.parse_settings(raw)
        except SettingsError as error:
            if _shows(str(error), secrets):
                yield f"rule 2: the error about {what} shows a secret"
        except Exception as error:  # noqa: BLE001 - any other kind is the finding
            yield f"rule 2: {what} raised {type(error).__name__}, not SettingsError"
        else:
            if what == "an unknown setting":
                yield "rule 2: an unknown setting is taken"


def _check_addresses(case: Case) -> Iterator[str]:
    spec = case.spec
    good = spec.parse_address(case.address)
    strings = _strings(case.address)
    if _shows(repr(good), strings):
        yield "rule 3: repr of an address shows it"
    if _shows(spec.mask(case.address), strings):
        yield "rule 4: mask shows the address"
    for number, raw in enumerate((*GARBAGE, *case.garbage)):
        yield from _check_garbage(spec, raw, number)
        try:
            shown = spec.mask(raw)
        except Exception as error:  # noqa: BLE001 - that it raises at all is the finding
            yield f"rule 4: mask raised {type(error).__name__} for garbage {number}"
        else:
            if CANARY in shown:
                yield f"rule 4: mask repeats garbage {number}"


def _check_garbage(spec: DriverSpec, raw: Mapping[str, Any], number: int) -> Iterator[str]:
    try:
        spec.parse_address(raw)
    except AddressError as error:
        if not WORD.fullmatch(error.code) or error.code in _strings(raw):
            yield f"rule 3: the code for garbage {number} is no constant word"
        if _shows(str(error), _strings(raw)):
            yield f"rule 3: the error for garbage {number} repeats it"
    except Exception as error:  # noqa: BLE001 - any other kind is the finding
        yield f"rule 3: garbage {number} raised {type(error).__name__}, not AddressError"
    else:
        yield f"rule 3: garbage {number} is taken"


def _check_outcome(outcome: object, hidden: list[str], stage: str) -> Iterator[str]:
    if not isinstance(outcome, get_args(Outcome)):
        yield f"rule 5: send gave {type(outcome).__name__} at {stage}, which is no outcome"
    elif not isinstance(outcome, Sent) and not WORD.fullmatch(getattr(outcome, "code", "")):
        yield f"rule 6: the code at {stage} is no constant word"
    if _shows(repr(outcome), hidden):
        yield f"rule 6: the outcome at {stage} shows what it must not"


def _messages(spec: DriverSpec) -> Iterator[Outgoing]:
    """Give content that fits, content that cannot be encoded, content of other channels."""
    plain = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENTS[Channel.IN_APP], ttl_s=60)
    for channel in Channel:
        yield replace(plain, content=CONTENTS[channel])
        if channel in spec.channels:
            yield replace(plain, content=SURROGATES[channel])


def _secrets(spec: DriverSpec, raw: Mapping[str, str]) -> list[str]:
    """Give the secrets, and the lines of those that have several."""
    values = [raw[name] for name in sorted(spec.secrets) if name in raw]
    return [line for value in values for line in (value, *value.split("\n")) if len(line) > 3]  # noqa: PLR2004 - shorter ones occur by chance


def _strings(value: object) -> list[str]:
    """Give every text inside, longer than what occurs by chance."""
    if isinstance(value, str):
        return [value] if len(value) > 3 else []  # noqa: PLR2004 - as above
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _strings(inner)]
    return []


def _shows(text: str, hidden: list[str]) -> bool:
    return any(secret in text for secret in hidden)
