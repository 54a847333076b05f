"""
R14, whole: people take their word back at random in the middle of a blast, and the gateway dies.

A hundred messages a second; SIGKILL every two seconds. Everybody takes back in one of six ways:
the purpose, the channel, the one number, by the hand of an operator (the suppression list), by a
STOP that the provider tells us (signed, and told again until it is answered), or by one that it
keeps to itself and refuses from then on.

Pass lines:

1. No claim lets a message go after the revoke was answered, and no call starts; one whose claim
   stood before may still be on its way.
2. After STOP was heard of, no claim lets a message go to that number.
3. Each way stopped somebody who would have been written to. No message was taken twice.
4. While the store cannot be written, a revoke is answered by 503, and nothing goes either.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import apsw
import pytest

from doubles.twilio_stub import written
from e2e.clock import Dice, dice, now_ms, steady_ns
from e2e.rig import POLL_S, Gateway, gateway, until, until_answered
from faults import documents
from faults.checker import House, is_quiet, read_house
from faults.devices import Device, bought, consent
from faults.fleet import Fleet, fleet, free_port
from faults.laws import conserved, is_at_rest
from faults.provider import Fate, Provider
from fencepost_gateway.decide.ids import person_id_of_user

WAYS = ("purpose", "channel", "number", "operator", "word", "stop")
PER_S = 100
EVERY_S = 1 / PER_S
KILL_EVERY_S = 2.0
IN_FLIGHT_MS = 1_000
"""A call whose claim was committed before the revoke may still arrive, but not much later."""
AT_ONCE = 50
OK = 200


def plan() -> tuple[Fate, float]:
    """Take every message, soon."""
    return "accept", 0.03


def number_of(person: int) -> str:
    """Give somebody's number."""
    return f"+1202{person:07}"


def way_of(person: int) -> str:
    """Say how somebody takes their word back."""
    return WAYS[person % len(WAYS)]


@dataclass(slots=True)
class Play:
    """A blast under way, and the control ledger: when each revoke was answered."""

    door: Gateway
    gateways: Fleet
    provider: Provider
    devices: list[Device]
    chance: Dice
    answered: dict[int, tuple[int, int]] = field(default_factory=dict)  # person -> ns, ms
    sent: int = 0
    flying: int = 0

    async def revoke(self, person: int, after_s: float) -> None:
        """Take somebody's word back, after a while."""
        await asyncio.sleep(after_s)  # the plan
        device, number = self.devices[person], number_of(person)
        match way_of(person):
            case "purpose":
                await device.insist(consent({"marketing": "n"}))
            case "channel":
                await device.insist(consent({"marketing": "n"}) | {"channel": "sms"})
            case "number":
                said = consent({"marketing": "n"}) | {"channel": "sms", "address": number}
                await device.insist(said)
            case "operator":
                await self._suppress(number)
            case "word":
                await self._write(person)
            case _:
                self.provider.stopped.add(number)
                return  # when it counts is in the records
        self.answered[person] = steady_ns(), now_ms()

    async def _suppress(self, number: str) -> None:
        while True:
            try:
                body = {"channel": "sms", "address": number}
                await self.door.ask("POST", "/v1/suppressions", body)
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(POLL_S)  # the gateway is being started again
            else:
                return

    async def _write(self, person: int) -> None:
        """Write STOP; the provider tells it until it is answered."""
        url = f"{self.door.url}/v1/callbacks/sms"
        sent = written(url, "Stop.", number_of(person), f"SM{person:032x}")
        while True:
            try:
                async with self.door.http.post(url, data=sent.body, headers=sent.headers) as answer:
                    if answer.status == OK:
                        return
            except (aiohttp.ClientError, ConnectionError):
                pass
            await asyncio.sleep(POLL_S)  # the gateway is being started again

    async def buy(self, device: Device, number: int) -> None:
        """Let somebody buy something."""
        self.flying += 1
        await device.insist(bought(number))
        self.flying -= 1

    async def blast(self, seconds: float) -> None:
        """Let one person after the other buy something, a hundred times a second."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with asyncio.TaskGroup() as tasks:
            while loop.time() - began_s < seconds:
                while self.sent < (loop.time() - began_s) * PER_S:
                    tasks.create_task(self.buy(self.chance.choice(self.devices), self.sent))
                    self.sent += 1
                await asyncio.sleep(EVERY_S)  # the load

    async def kill_again_and_again(self) -> None:
        """Kill the gateway every two seconds, at a moment when it is asked something."""
        while True:
            await asyncio.sleep(KILL_EVERY_S)  # the plan
            await until(lambda: self.flying)
            await self.gateways.strike()
            await self.gateways.start()


async def run(folder: Path, seed: int, people: int, seconds: float) -> Play:
    """Blast, revoke and kill; give what was done."""
    port = free_port()
    async with Provider(plan) as provider:
        async with gateway(
            folder, provider.channels, port=port, public_url=""
        ) as first:  # signed over where it is
            applied = await first.apply("live", documents.files())
            assert applied.code == 0, applied.err
            key, operator_key = first.write_key, first.operator_key
        async with fleet(folder, port) as gateways:
            door = Gateway(folder, gateways.url, gateways.process, gateways.http, key, operator_key)
            devices = [Device(door, f"device-{n}", f"user-{n}") for n in range(people)]
            play = Play(door, gateways, provider, devices, dice(seed))
            await gateways.start()
            for first_of in range(0, people, AT_ONCE):
                some = range(first_of, min(first_of + AT_ONCE, people))
                await asyncio.gather(*(devices[n].settle(number_of(n)) for n in some))
            killer = asyncio.create_task(play.kill_again_and_again())
            async with asyncio.TaskGroup() as tasks:
                for person in range(people):
                    after_s = play.chance.uniform(seconds * 0.1, seconds * 0.8)
                    tasks.create_task(play.revoke(person, after_s))
                tasks.create_task(play.blast(seconds))
            killer.cancel()
            await asyncio.wait([killer])
            if not await gateways.is_ready():  # cut off between the kill and the start
                await gateways.start()
            await until(lambda: is_quiet(folder / "data/fencepost.db"), 120)
            assert await gateways.end() == 0
    return play


def unheeded(play: Play, house: House) -> list[str]:
    """Give what went although its person had been answered, or had been heard to say STOP."""
    by_id = {person_id_of_user("default", f"user-{n}"): n for n in range(len(play.devices))}
    wrong, stopped = [], set[int]()
    for row in house.records:
        person = by_id.get(row.person_id, -1)
        if row.kind == "outcome" and row.body.get("reason", "").startswith("opted_out"):
            stopped.add(person)
        if row.kind != "claim" or row.body["outcome"] != "send":
            continue
        _, answered_ms = play.answered.get(person, (0, row.at_ms))
        if row.at_ms > answered_ms:
            wrong.append(f"{way_of(person)}: claimed {row.at_ms - answered_ms} ms after the answer")
        if person in stopped:
            wrong.append("stop: claimed after it was heard of")
    for call in play.provider.ledger:
        answered_ns, _ = play.answered.get(int(call.to[-7:]), (call.began_ns, 0))
        late_ms = (call.began_ns - answered_ns) / 1e6
        if late_ms > IN_FLIGHT_MS:
            wrong.append(f"{way_of(int(call.to[-7:]))}: called {late_ms:.0f} ms after the answer")
    return wrong


def kept_back(play: Play, house: House) -> Counter[str]:
    """Count the messages that were kept back, by the way in which the word was taken back."""
    by_id = {person_id_of_user("default", f"user-{n}"): n for n in range(len(play.devices))}
    return Counter(
        way_of(by_id[row.person_id])
        for row in house.records
        if row.kind == "claim" and row.body["reason"] in {"consent", "suppressed"}
    )


async def prove(folder: Path, seed: int, *, people: int, seconds: float) -> str:
    """Play, check the pass lines, and give the row's one line."""
    began_ns = steady_ns()
    play = await run(folder, seed, people, seconds)
    house = read_house(folder / "data")
    kept, calls = kept_back(play, house), play.provider.ledger
    twice = [body for body, n in Counter(c.body for c in play.provider.accepted).items() if n > 1]
    line = (
        f"\nR14 seed={seed} people={people} events={play.sent} calls={len(calls)} "
        f"kills={len(play.gateways.kills_ns)} revokes={len(play.answered)} "
        f"stops={len(play.provider.stopped)} kept_back={dict(kept)} "
        f"messages={dict(Counter(house.messages.values()))} "
        f"took_s={(steady_ns() - began_ns) / 1e9:.0f}"
    )

    assert len(play.answered) + len(play.provider.stopped) == people, line
    assert unheeded(play, house) == [], line
    assert twice == [], line
    assert conserved(house) == {}, line
    assert len(house.messages) == play.sent, line
    assert set(kept) == set(WAYS), f"too little happened: {line}"
    assert min(len(calls), sum(kept.values())) > play.sent / 5, f"too little happened: {line}"
    assert len(play.gateways.kills_ns) >= seconds / KILL_EVERY_S / 4, f"too little: {line}"
    return line


@pytest.mark.guarantee("R14")
@pytest.mark.timeout(300)
async def test_no_message_goes_after_a_revoke_in_any_way(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hundred people, six ways to take the word back, and a gateway that dies meanwhile."""
    line = await prove(tmp_path, seed, people=200, seconds=8)
    with capsys.disabled():
        print(line)  # noqa: T201 - the row's one line


@pytest.mark.long
@pytest.mark.guarantee("R14")
@pytest.mark.timeout(900)
async def test_no_message_goes_after_two_thousand_revokes(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """As above, with two thousand people."""
    line = await prove(tmp_path, seed, people=2_000, seconds=60)
    with capsys.disabled():
        print(line)  # noqa: T201 - the row's one line


@pytest.mark.guarantee("R14")
@pytest.mark.timeout(120)
async def test_revoke_is_not_answered_while_the_store_is_away(tmp_path: Path) -> None:
    """503 and nothing promised; when the store is back the revoke is taken, and counts at once."""
    async with Provider(plan) as provider, gateway(tmp_path, provider.channels) as running:
        await running.apply("live", documents.files())
        device = Device(running, "device-0", "user-0")
        await device.settle(number_of(0))
        await device.send(bought(0))
        await until(lambda: provider.ledger)
        await until_answered(lambda: rested(running))
        somebody = apsw.Connection(str(running.data_dir / "fencepost.db"))
        somebody.execute("BEGIN IMMEDIATE")
        status, answer = await device.attempt(consent({"marketing": "n"}))
        somebody.execute("ROLLBACK")
        somebody.close()
        await device.send(consent({"marketing": "n"}))
        await device.send(bought(1))
        await until_answered(lambda: rested(running))
        assert await running.end() == 0

    assert (status, answer["code"]) == (503, "store_unavailable")
    assert [call.body for call in provider.ledger] == ["n=0"]
    assert conserved(read_house(tmp_path / "data"), declared=1) == {}  # its seq was given up


async def rested(running: Gateway) -> bool:
    """Say whether every message has come to its end."""
    return is_at_rest(await running.ask("GET", "/metrics"))
