"""R14, short form: two hundred people take their consent back in the middle of a blast."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from e2e.clock import Dice, dice, now_ms, steady_ns
from e2e.rig import Gateway, gateway, until_answered
from faults import documents
from faults.checker import House, read_house
from faults.devices import Device, bought, consent
from faults.laws import conserved, is_at_rest, metered
from faults.provider import Fate, Provider
from fencepost_gateway.decide.ids import person_id_of_user

PEOPLE = 200
PER_S, BLAST_S = 100, 10.0
EVERY_S = 1 / PER_S
IN_FLIGHT_MS = 1_000
"""A call whose claim was committed before the revoke may still arrive, but not much later."""


class Control:
    """The control ledger: when each person's revoke was asked for and answered."""

    def __init__(self) -> None:
        self.answered_ns: dict[str, int] = {}
        self.answered_ms: dict[str, int] = {}

    async def revoke(self, device: Device, after_s: float) -> None:
        """Take the consent to marketing back, after a while."""
        await asyncio.sleep(after_s)  # the plan
        await device.send(consent({"marketing": "n"}))
        self.answered_ns[device.user_id], self.answered_ms[device.user_id] = steady_ns(), now_ms()


def number_of(person: int) -> str:
    """Give somebody's number."""
    return f"+1202555{person:04}"


async def blast(devices: list[Device], chance: Dice) -> int:
    """Let one person after the other buy something, a hundred times a second; give how many."""
    loop = asyncio.get_running_loop()
    began_s, sent = loop.time(), 0
    async with asyncio.TaskGroup() as tasks:
        while loop.time() - began_s < BLAST_S:
            while sent < (loop.time() - began_s) * PER_S:
                tasks.create_task(chance.choice(devices).send(bought(sent)))
                sent += 1
            await asyncio.sleep(EVERY_S)  # the load
    return sent


async def play(folder: Path, seed: int) -> tuple[Provider, Control, House, tuple[int, str]]:
    """Blast and revoke; give the ledgers, the store, how many events, and what was counted."""
    chance, control = dice(seed), Control()

    def plan() -> tuple[Fate, float]:
        return "accept", 0.03

    async with Provider(plan) as provider, gateway(folder, provider.channels) as running:
        applied = await running.apply("live", documents.files())
        assert applied.code == 0, applied.err
        devices = [Device(running, f"device-{n}", f"user-{n}") for n in range(PEOPLE)]
        for n, device in enumerate(devices):
            await device.settle(number_of(n))
        async with asyncio.TaskGroup() as tasks:
            for device in devices:
                tasks.create_task(control.revoke(device, chance.uniform(1, BLAST_S - 1)))
            blasted = tasks.create_task(blast(devices, chance))
        await until_answered(lambda: has_settled(running), 30)
        counted = await running.ask("GET", "/metrics")
        assert await running.end() == 0
    return provider, control, read_house(folder / "data"), (blasted.result(), counted)


async def has_settled(running: Gateway) -> bool:
    """Say whether every message has come to its end."""
    return is_at_rest(await running.ask("GET", "/metrics"))


@pytest.mark.guarantee("R14")
@pytest.mark.timeout(120)
async def test_no_call_starts_after_the_answer_to_a_revoke(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once the gateway has answered a revoke, no claim lets that person's marketing go."""
    provider, control, house, (blasted, counted) = await play(tmp_path, seed)
    late_ms = [
        (call.began_ns - control.answered_ns[f"user-{int(call.to[-4:])}"]) / 1e6
        for call in provider.ledger
    ]
    answered_ms = {person_id_of_user("default", u): ms for u, ms in control.answered_ms.items()}
    claims = [r for r in house.records if r.kind == "claim"]
    started = [r for r in claims if r.body["outcome"] == "send"]
    reasons = Counter(r.body["reason"] for r in claims)
    in_flight = [ms for ms in late_ms if 0 < ms <= IN_FLIGHT_MS]
    with capsys.disabled():
        print(  # noqa: T201 - the row's one line
            f"\nR14 seed={seed} events={blasted} calls={len(provider.ledger)} "
            f"withheld={reasons['consent']} revokes={len(answered_ms)} "
            f"in_flight={len(in_flight)} latest_ms={max(in_flight, default=0):.0f}"
        )

    assert len(answered_ms) == PEOPLE
    assert [r.subject for r in started if r.at_ms > answered_ms[r.person_id]] == []
    assert [ms for ms in late_ms if ms > IN_FLIGHT_MS] == []
    assert min(len(provider.ledger), reasons["consent"]) > blasted / 5, "too little happened"
    assert len(provider.ledger) == len(started)
    assert len(provider.ledger) + reasons["consent"] == blasted
    assert conserved(house) == {}
    assert metered(house, counted) == {}
    assert sum(house.seqs.values()) == blasted + 3 * PEOPLE
