"""R11, short form: two hundred racing messages, a cap of three, and a provider that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.clock import dice
from e2e.rig import Gateway, gateway, until_answered
from faults import documents
from faults.checker import House, read_house
from faults.devices import Device, bought
from faults.laws import conserved, is_at_rest, metered
from faults.provider import Fate, Provider

DEVICES, WAVES, A_WAVE = 8, 10, 20
LIMIT = 3
REFUSED, SILENT = 0.2, 0.1
WAVE_S = 0.25
TIMEOUT_S = 1.0
NUMBER = "+12025550123"


def fates(seed: int, *, is_silent: bool) -> Callable[[], tuple[Fate, float]]:
    """Draw what becomes of each call; the first is refused, the second left in silence."""
    chance = dice(seed)
    first: list[Fate] = ["refuse", "accept_then_silence"] if is_silent else ["refuse"]

    def plan() -> tuple[Fate, float]:
        takes_s, drawn = chance.uniform(0.02, 0.2), chance.random()
        if first:
            return first.pop(0), takes_s
        if drawn < REFUSED:
            return "refuse", takes_s
        if is_silent and drawn < REFUSED + SILENT:
            return "accept_then_silence", takes_s
        return "accept", takes_s

    return plan


async def race(running: Gateway) -> None:
    """Let eight devices of one person buy two hundred things, in waves that race."""
    devices = [Device(running, f"device-{n}", "racer") for n in range(DEVICES)]
    await asyncio.gather(*(device.settle(NUMBER) for device in devices))
    for wave in range(WAVES):
        numbers = range(wave * A_WAVE, (wave + 1) * A_WAVE)
        await asyncio.gather(*(devices[n % DEVICES].send(bought(n)) for n in numbers))
        await asyncio.sleep(WAVE_S)  # the plan: messages still come when a slot was given back


async def all_ended(running: Gateway) -> bool:
    """Say whether every message has come to an end."""
    return is_at_rest(await running.ask("GET", "/metrics"))


async def play(folder: Path, seed: int, *, is_silent: bool) -> tuple[Provider, House, str]:
    """Run the race; give what provider, store and counters hold at the end."""
    provider = Provider(fates(seed, is_silent=is_silent))
    async with provider:
        given = {"provider_timeout_s": TIMEOUT_S}
        async with gateway(folder, provider.channels, **given) as running:
            caps = f"[{{limit: {LIMIT}, per: day}}]"
            applied = await running.apply("live", documents.files(caps))
            assert applied.code == 0, applied.err
            await race(running)
            await until_answered(lambda: all_ended(running), 30)
            counted = await running.ask("GET", "/metrics")
            assert await running.end() == 0
    return provider, read_house(folder / "data"), counted


def told(row: str, seed: int, provider: Provider, house: House) -> str:
    """Write the row's one line."""
    return (
        f"\nR11 {row} seed={seed} messages={len(house.messages)} calls={len(provider.ledger)} "
        f"accepted={len(provider.accepted)} slots={dict(house.slots)}"
    )


@pytest.mark.guarantee("R11")
@pytest.mark.timeout(120)
async def test_racing_messages_use_a_cap_of_three_exactly(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused calls give their slot back, so the provider takes three of two hundred, not two."""
    provider, house, counted = await play(tmp_path, seed, is_silent=False)
    with capsys.disabled():
        print(told("refusals", seed, provider, house))  # noqa: T201 - the row's one line

    assert len(house.messages) == WAVES * A_WAVE
    assert len(provider.ledger) > LIMIT, "nothing was refused: too little happened"
    assert len(provider.accepted) == LIMIT
    assert house.slots["confirmed"] == LIMIT
    assert house.slots["kept_unknown"] == 0
    assert conserved(house) == {}
    assert metered(house, counted) == {}


@pytest.mark.guarantee("R11")
@pytest.mark.timeout(120)
async def test_silent_provider_never_gets_more_than_the_cap(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown outcome keeps its slot: what was taken in silence counts."""
    provider, house, counted = await play(tmp_path, seed, is_silent=True)
    with capsys.disabled():
        print(told("silence", seed, provider, house))  # noqa: T201 - the row's one line

    assert len(house.messages) == WAVES * A_WAVE
    silent = [call for call in provider.ledger if call.fate == "accept_then_silence"]
    assert silent, "nobody was silent: too little happened"
    assert len(provider.accepted) <= LIMIT
    assert house.slots["kept_unknown"] == len(silent)
    assert house.slots["confirmed"] + house.slots["kept_unknown"] == LIMIT
    assert conserved(house) == {}
    assert metered(house, counted) == {}
