"""Look-ups and webhooks through the whole gateway, with somebody's system on a real port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from doubles.http_server import Silence
from doubles.source_stub import SourceStub, open_source, says
from fencepost_gateway.decide.calls import Call, Reply, reply_to
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import Tried
from fencepost_gateway.intake.records import Answered
from fencepost_gateway.workers.callers import IN_FLIGHT
from fencepost_gateway.workers.outbound import Outbound
from gateway.rig import NOON_MS, OPEN_POLICY, Rig, open_rig
from gateway.workers.test_journeys import later, told

SECRETS = {"tickets_key": "of-tickets", "crm_signing": "of-the-crm"}
JOURNEY = """
kind: journey
id: match
entry: {event: viewed}
reentry: always
goal: none
steps:
  - id: ask
    look_up: {source: tickets, as: tickets}
    then: {error: sorry}
  - id: check
    branch: [{when: {value: tickets.left, gt: 0, max_age: 10m}, to: offer}, {otherwise: end}]
  - id: offer
    message: {template: offer, channels: [in_app]}
  - id: tell
    webhook: {source: crm}
  - to: end
  - id: sorry
    message: {template: sorry, channels: [in_app]}
---
kind: source
id: tickets
url: URL/left?match={event.match}
ttl_s: 60
timeout_s: 9
headers: {Authorization: tickets_key}
---
kind: source
id: crm
url: URL/crm
sign: [crm_signing]
---
kind: template
id: offer
purpose: transactional
in_app: {layout: banner, title: "{{ value.tickets.left }} left", body: Come}
---
kind: template
id: sorry
purpose: transactional
in_app: {layout: banner, title: Sorry, body: Sorry}
"""
WAITS = JOURNEY.replace(
    "    webhook: {source: crm}\n", "    webhook: {source: crm}\n    then: {error: sorry}\n"
)
VIEWED = {"type": "track", "name": "viewed", "props": {"match": "m 1"}}


@asynccontextmanager
async def playing(
    folder: Path, stub: SourceStub, journey: str = JOURNEY, **more: Any
) -> AsyncIterator[Rig]:
    """Open a gateway with the journey, and somebody who may be in it."""
    secrets = more.pop("secrets", SECRETS)
    async with open_rig(folder, outside=stub.opener, secrets=secrets, **more) as rig:
        await rig.apply(journey.replace("URL", stub.url), OPEN_POLICY)
        await rig.send({"type": "consent", "values": {"collect": "y"}})
        await rig.settle()
        yield rig


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[SourceStub]:
    """Somebody's own system."""
    async with open_source(tmp_path) as found:
        yield found


async def view(rig: Rig, **more: Any) -> None:
    """Let somebody look at the match."""
    await rig.send(VIEWED, **more)
    await rig.settle()


async def inputs(rig: Rig, step_id: str, outcome: str = "took") -> dict[str, Any]:
    """Give what the newest record of a step looked at."""
    rows = [r["body"] for r in await rig.records("step")]
    found = [b for b in rows if (b["step_id"], b["outcome"]) == (step_id, outcome)]
    answer: dict[str, Any] = found[-1]["inputs"]
    return answer


async def test_run_waits_for_a_value_and_goes_on_with_it(tmp_path: Path, stub: SourceStub) -> None:
    """Rules and templates read it, records name source and age, and the webhook tells of it."""
    async with playing(tmp_path, stub) as rig:
        await view(rig)

        assert await told(rig) == [
            "entered", "ask waits", "ask took", "check took 1", "offer took", "tell took",
            "end ended completed",
        ]  # fmt: skip
        (shown,) = await rig.inbox()
        assert shown["content"]["title"] == "3 left"
        assert await inputs(rig, "ask") == {
            "source": "tickets", "status": 200, "value": {"left": 3}, "age_s": 0
        }  # fmt: skip
        (operand,) = (await inputs(rig, "check"))["operands"]
        assert (operand["source"], operand["age_s"], operand["ok"]) == ("tickets", 0, True)


async def test_webhook_tells_of_run_and_values_and_of_no_address(
    tmp_path: Path, stub: SourceStub
) -> None:
    """What is told is bounded: no attribute, no address, no position."""
    async with playing(tmp_path, stub) as rig:
        await rig.send({"type": "identify", "attributes": {"secret": "s3cret-attribute"}})
        await view(rig)
        ask, tell = stub.asked
        body = json.loads(tell.body)

        assert (ask.method, ask.path) == ("GET", "/left?match=m%201")
        assert ask.headers["Authorization"] == "of-tickets"
        assert (tell.method, tell.path, body["type"]) == ("POST", "/crm", "journey.step")
        assert body["data"]["values"] == {"tickets": {"left": 3}}
        assert body["data"]["person"]["user_id"] == "u1"
        assert b"s3cret" not in tell.body
        assert tell.headers["webhook-signature"].startswith("v1,")
        (row,) = await rig.records("call")
        assert (row["body"]["failure"], row["body"]["status"]) == ("", 200)


async def test_fresh_value_is_not_asked_for_again(tmp_path: Path, stub: SourceStub) -> None:
    """Within its ttl, and for the same question; its age is told. Later it is asked anew."""
    async with playing(tmp_path, stub) as rig:
        ways = []
        for after_ms in (0, 59_999, 1):
            later(rig, after_ms)
            await view(rig)
            ways.append(sum(each.method == "GET" for each in stub.asked))
            if after_ms == 59_999:
                assert (await inputs(rig, "ask"))["age_s"] == 59
        other = VIEWED | {"props": {"match": "m 2"}}
        await rig.send(other)
        await rig.settle()

        assert ways == [1, 1, 2]
        assert [a.path for a in stub.asked if a.method == "GET"][-1] == "/left?match=m%202"


async def test_many_at_once_make_one_call(tmp_path: Path, stub: SourceStub) -> None:
    """Whoever asks while the same is being asked waits for that answer."""
    async with playing(tmp_path, stub) as rig:
        for _ in range(5):
            await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        loop = asyncio.create_task(rig.gateway.callers.run())
        async with asyncio.timeout(20):
            while await rig.gateway.store.calls.next_due_ms() is not None:  # noqa: ASYNC110 - the loop under test has no bell for it
                await asyncio.sleep(0.01)
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await rig.settle()

        assert [each.method for each in stub.asked].count("GET") == 1
        assert (await told(rig)).count("ask took") == 5


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (says({}, 404), "bad_status"),
        (says({}, 302, Location="/x"), "redirect"),
        (says("x" * 5_000), "too_large"),
        (Silence(), "timeout"),
    ],
    ids=["refused", "redirect", "too large", "silent"],
)
async def test_failure_takes_the_way_error(
    tmp_path: Path, stub: SourceStub, script: Any, failure: str
) -> None:
    """The record names source and failure; nothing is invented."""
    stub.server.always = script
    async with playing(tmp_path, stub, JOURNEY.replace("timeout_s: 9", "timeout_s: 0.2")) as rig:
        await view(rig)
        later(rig, 1_000)
        await rig.settle()

        assert (await told(rig))[1:4] == ["ask waits", "ask took error", "sorry took"]
        found = await inputs(rig, "ask")
        assert (found["source"], found["failure"]) == ("tickets", failure)


async def test_passing_failure_is_tried_again_in_time(tmp_path: Path, stub: SourceStub) -> None:
    """Under the same key, as long as the timeout lasts."""
    stub.server.script.extend([says({}, 503), says({}, 503)])
    async with playing(tmp_path, stub, JOURNEY.replace("timeout_s: 9", "timeout_s: 30")) as rig:
        await view(rig)
        for _ in range(40):
            later(rig, 250)
            await rig.settle()

        keys = [each.headers["Idempotency-Key"] for each in stub.asked if each.method == "GET"]
        assert (len(keys), len({*keys})) == (3, 1)
        assert (await told(rig))[1:3] == ["ask waits", "ask took"]


async def test_what_comes_too_late_is_a_timeout(tmp_path: Path, stub: SourceStub) -> None:
    """A call that nobody got to in time is not made any more."""
    async with playing(tmp_path, stub) as rig:
        await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        later(rig, 9_001)
        await rig.settle()

        assert stub.asked == []
        assert (await inputs(rig, "ask"))["failure"] == "timeout"


async def test_missing_secret_or_value_is_an_error_at_once(
    tmp_path: Path, stub: SourceStub
) -> None:
    """Nobody is called without what the call needs."""
    async with playing(tmp_path, stub, secrets={}) as rig:
        await view(rig)
        assert (await inputs(rig, "ask"))["failure"] == "no_secret"
        await rig.send(VIEWED | {"props": {}})
        await rig.settle()

        found = await inputs(rig, "ask")
        assert (found["failure"], found["path"], stub.asked) == ("missing", "event.match", [])


async def test_source_that_is_gone_is_an_error(tmp_path: Path, stub: SourceStub) -> None:
    """A run that waits goes on, though its source was archived meanwhile."""
    async with playing(tmp_path, stub) as rig:
        await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        plans: Any = rig.gateway.callers
        plans._plans.plan.sources.pop("tickets")  # noqa: SLF001 - as if it were archived
        await rig.settle()

        assert (await inputs(rig, "ask"))["failure"] == "no_source"


async def test_source_that_hangs_delays_nobody_else(tmp_path: Path, stub: SourceStub) -> None:
    """The other source is asked while this one is silent."""
    quiet = JOURNEY.replace("id: match", "id: quiet").split("---")[0]
    quiet = quiet.replace("event: viewed", "event: hung").replace("source: tickets", "source: slow")
    slow = "---\nkind: source\nid: slow\nurl: URL/slow\nttl_s: 0\ntimeout_s: 30\n"
    async with playing(tmp_path, stub, JOURNEY + "---" + quiet + slow) as rig:
        for _ in range(12):
            await rig.send({"type": "track", "name": "hung"})
        stub.hangs_at = "/slow"
        await rig.gateway.pipeline.step()
        loop = asyncio.create_task(rig.gateway.callers.run())
        async with asyncio.timeout(20):
            while len(stub.asked) < IN_FLIGHT:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            await rig.send(VIEWED)
            await rig.gateway.pipeline.step()
            while "ask took" not in await told(rig):
                await asyncio.sleep(0.01)
                await rig.gateway.pipeline.step()
        loop.cancel()
        for task in [*rig.gateway.callers._under_way]:  # noqa: SLF001 - the silent ones
            task.cancel()
        with suppress(asyncio.CancelledError):
            await loop

        assert (await told(rig)).count("ask waits") == 13
        assert [each.path for each in stub.asked].count("/slow") == IN_FLIGHT


async def test_dead_webhook_waits_until_it_is_tried_again(tmp_path: Path, stub: SourceStub) -> None:
    """The run went on; what was to be told is kept, and told under the same key."""
    stub.server.script.extend([says({"left": 1}), says({}, 400)])
    async with playing(tmp_path, stub) as rig:
        await view(rig)
        book = rig.gateway.store.calls
        (dead,) = await book.dead("", 10)
        assert (await told(rig))[-1] == "end ended completed"
        assert (dead.source_id, dead.failure, dead.step_id) == ("crm", "bad_status", "tell")
        await book.redrive(rig.clock.now_ms(), call_id=dead.call_id)
        await rig.settle()

        assert await book.dead("", 10) == []
        assert [k for k in stub.keys if k == dead.call_id] == [dead.call_id] * 2
        assert [r["body"]["failure"] for r in await rig.records("call")] == ["bad_status", ""]


async def test_run_that_waits_for_a_webhook_takes_its_error(
    tmp_path: Path, stub: SourceStub
) -> None:
    """Whose author has a way for ``error`` learns that nobody took it."""
    stub.server.script.extend([says({"left": 1}), says({}, 400)])
    async with playing(tmp_path, stub, WAITS) as rig:
        await view(rig)

        assert (await told(rig))[5:] == [
            "tell waits", "tell took error", "sorry took", "end ended completed"
        ]  # fmt: skip


async def test_webhook_is_given_up_after_an_hour(tmp_path: Path, stub: SourceStub) -> None:
    """Tried again and again, ever more rarely, under one key; then it is a dead letter."""
    stub.server.script.append(says({"left": 1}))
    stub.server.always = says({}, 503)
    async with playing(tmp_path, stub) as rig:
        await view(rig)
        for _ in range(90):
            later(rig, 60_000)
            await rig.settle()
        tries = [each for each in stub.asked if each.method == "POST"]

        assert len({each.headers["webhook-id"] for each in tries}) == 1
        assert 5 <= len(tries) <= 60
        assert len(await rig.gateway.store.calls.dead("", 9)) == 1


class DiedError(BaseException):
    """The process is gone."""


class Mortal:
    """A way out that dies: before the call, or after it was made and answered."""

    def __init__(self, inner: Outbound, when: str) -> None:
        self._inner = inner
        self._when = when

    async def make(self, call: Call, source: Source) -> Tried:
        """Make the call, and die."""
        if self._when == "after":
            await self._inner.make(call, source)
        raise DiedError


@pytest.mark.parametrize(("when", "asked"), [("before", 1), ("after", 2), ("answered", 1)])
async def test_run_goes_on_once_wherever_the_gateway_dies(
    tmp_path: Path, stub: SourceStub, when: str, asked: int
) -> None:
    """The call may be repeated, under its key; the answer counts once."""
    async with playing(tmp_path, stub) as rig:
        await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        callers: Any = rig.gateway.callers
        if when == "answered":
            await callers.step()  # the answer is in the log, and nobody has read it
        else:
            callers._outbound = Mortal(callers._outbound, when)  # noqa: SLF001
            with pytest.raises(DiedError):
                await callers.step()
    async with open_rig(tmp_path, NOON_MS + 30_000, stub.opener, secrets=SECRETS) as rig:
        await rig.gateway.store.calls.release(rig.clock.now_ms())
        await rig.settle()
        gets = [e.headers["Idempotency-Key"] for e in stub.asked if e.method == "GET"]

        assert (len(gets), len({*gets})) == (asked, 1)
        assert await told(rig) == [
            "entered", "ask waits", "ask took", "check took 1", "offer took", "tell took",
            "end ended completed",
        ]  # fmt: skip


async def test_answer_told_twice_moves_the_run_once(tmp_path: Path, stub: SourceStub) -> None:
    """One that was answered under a lease which was lost, and came into the log all the same."""
    async with playing(tmp_path, stub) as rig:
        await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        (taken,) = await rig.gateway.store.calls.take(rig.clock.now_ms(), {"tickets": 1}, 60_000)
        reply: Reply = reply_to(taken.call, rig.clock.now_ms(), 1, value={"left": 0})
        assert await rig.gateway.store.calls.answer(reply, rig.clock.now_ms())
        await rig.gateway.store.append(Answered(taken.call.person_id, reply), rig.clock.now_ms())
        await rig.settle()

        assert (await told(rig))[1:] == [
            "ask waits", "ask took", "check took otherwise", "end ended completed"
        ]  # fmt: skip


async def test_operator_sees_dead_webhooks_and_tries_them_again(
    tmp_path: Path, stub: SourceStub
) -> None:
    """Whom, where to and why, never what; one, those of a source, or all, and that is said."""
    stub.server.script.extend([says({"left": 1}), says({}, 400)])
    async with playing(tmp_path, stub) as rig:
        await view(rig)
        listed = await rig.client.get("/v1/webhooks/dead", headers=rig.operator)
        (dead,) = (await listed.json())["webhooks"]
        way = "/v1/webhooks/dead/redrive"
        wishes: list[dict[str, Any]] = [
            {}, {"source_id": "crm", "all": True}, {"source_id": "other"}, {"source_id": "crm"}
        ]  # fmt: skip
        answers = [await rig.client.post(way, json=w, headers=rig.operator) for w in wishes]
        refused = await rig.client.get("/v1/webhooks/dead", headers=rig.device_headers())
        await rig.settle()

        assert (dead["source_id"], dead["step_id"], dead["failure"]) == (
            "crm", "tell", "bad_status"
        )  # fmt: skip
        assert "body" not in dead
        assert [each.status for each in answers] == [400, 400, 200, 200]
        assert [(await each.json())["tried_again"] for each in answers[2:]] == [0, 1]
        assert refused.status == 403
        assert await rig.gateway.store.calls.dead("", 10) == []


ROUND = """
kind: journey
id: round
entry: {event: viewed}
goal: none
steps:
  - id: ask
    look_up: {source: tickets, as: tickets}
    then: {error: end}
  - id: pause
    wait: {for_duration: 1h}
  - to: ask
---
kind: source
id: tickets
url: URL/left
"""


async def test_answer_to_an_earlier_pass_moves_nobody(tmp_path: Path, stub: SourceStub) -> None:
    """A run that asks again at the same step waits for the answer to that question."""
    async with playing(tmp_path, stub, ROUND) as rig:
        await rig.send(VIEWED)
        await rig.gateway.pipeline.step()
        book = rig.gateway.store.calls
        (first,) = await book.take(rig.clock.now_ms(), {"tickets": 1}, 60_000)
        old = reply_to(first.call, rig.clock.now_ms(), 1, value={"left": 0})
        await book.answer(old, rig.clock.now_ms())
        await rig.gateway.pipeline.step()
        later(rig, 3_600_000)
        await rig.gateway.timers.step()
        await rig.gateway.pipeline.step()
        await rig.gateway.store.append(Answered(first.call.person_id, old), rig.clock.now_ms())
        await rig.gateway.pipeline.step()
        waiting = await told(rig)
        await rig.settle()

        assert waiting[1:] == ["ask waits", "ask took", "pause waits", "pause took", "ask waits"]
        assert (await told(rig))[6:] == ["ask took", "pause waits"]
        assert stub.keys != [first.call.call_id]


async def test_log_names_source_and_failure_and_nothing_that_was_said(
    tmp_path: Path, stub: SourceStub, capsys: pytest.CaptureFixture[str]
) -> None:
    """No secret, no address, no value: neither what was asked nor what came back."""
    stub.server.script.append(says({"left": "canary-answer"}, 404))
    async with playing(tmp_path, stub) as rig:
        await rig.send(VIEWED | {"props": {"match": "canary-match"}})
        await rig.settle()
    printed = "".join(capsys.readouterr())

    assert "canary-match" in stub.asked[0].path
    assert "failure=bad_status" in printed
    assert not any(each in printed for each in ("canary", "of-tickets", "tickets.example"))
