"""Nothing personal is printed: a search for canaries through all that the gateway says."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from doubles.http_server import Reply, Reset
from doubles.twilio_stub import error
from e2e.documents import LAT, LON, SPOTS, place_name
from e2e.people import CHANNELS, House, Walker, claims, settled, somebody
from e2e.rig import Gateway, fencepost, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

NAME = "Xanthippe-Q"
PROP = "canary-prop-5577"
GARBAGE = "canary-garbage-9131"


def canaries(running: Gateway, who: Walker, device_secret: str) -> dict[str, str]:
    """Give everything that must not be printed."""
    keys = who.subscription["keys"]
    return {
        "email address": who.email,
        "its local part": who.email.partition("@")[0],
        "number": who.number,
        "push endpoint": who.subscription["endpoint"].rpartition("/")[2],
        "push key": keys["p256dh"],
        "push secret": keys["auth"],
        "name": NAME,
        "event property": PROP,
        "garbage": GARBAGE,
        "message text": place_name("lotus"),
        "words of the message": "has a class",
        "latitude": f"{LAT:.4f}",
        "longitude": f"{LON:.4f}",
        "device secret": device_secret,
        "write key": running.write_key,
        "operator key": running.operator_key,
    }


def secret_of(running: Gateway, user_id: str) -> str:
    """Read the device secret from the phone's disk."""
    (store,) = (running.folder / "phones" / user_id).rglob("*.db")
    with sqlite3.connect(store) as db:
        meta = dict(db.execute("SELECT name, value FROM meta"))
    db.close()
    return str(meta["secret"])


async def raw(running: Gateway, request: bytes) -> bytes:
    """Send bytes that need not be HTTP; give what comes back."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def send_garbage(running: Gateway, device: str) -> list[int]:
    """Send what is no batch, no event and no HTTP; give the codes of what was HTTP."""
    here = {"lat": LAT, "lon": LON, "accuracy_m": 1}
    wrong = [
        {"v": 1, "device_id": device, "garbage": GARBAGE},
        {"v": 1, "device_id": device, "stream": "s", "sent_at": GARBAGE, "events": []},
        {
            "v": 1,
            "device_id": device,
            "stream": "s",
            "sent_at": "2026-05-04T09:00:00Z",
            "who": {"anonymous_id": device},
            "events": [
                {"seq": 1, "event_id": "e", "type": "fix", "at": GARBAGE, **here},
                {"seq": 2, "event_id": "e", "type": GARBAGE, "at": "2026-05-04T09:00:00Z"},
                GARBAGE,
            ],
        },
    ]
    codes = [(await running.batch(device, body))[0] for body in wrong]
    key = f"Authorization: Bearer {running.write_key}"
    for lines in (
        (GARBAGE,),
        (f"GET /{GARBAGE} HTTP/1.1", "Host: x", GARBAGE),
        ("POST /v1/batch HTTP/1.1", "Host: x", key, "Content-Encoding: gzip",
         f"Content-Length: {len(GARBAGE)}", "", GARBAGE),
        ("POST /v1/batch HTTP/1.1", "Host: x", f"Content-Length: {GARBAGE}"),
        (f"GET /v1/decisions/{GARBAGE} HTTP/1.1", "Host: x", "Connection: close"),
    ):  # fmt: skip
        request = "\r\n".join((*lines, "", ""))
        await raw(running, request.encode())
    return codes


async def test_no_canary_is_printed(house: House) -> None:
    """Good walks, refused and broken calls, garbage at the door: none of it is in any output."""
    running, there = house
    async with somebody(running, there, "zenaida-k", traits={"first_name": NAME}) as who:
        await who.walk(*SPOTS["lotus"])
        await until(lambda: who.arrived() == dict.fromkeys(CHANNELS, 1))
        await who.phone.do("track", name="bought", props={"what": PROP})

        there.mta.script["dot"] = "554 5.7.1 no"
        there.push.server.always = Reply(500, {}, GARBAGE.encode())
        there.sms.server.always = error(30007, 400, GARBAGE)
        await who.walk(*SPOTS["lotus"])
        await claims(running, "zenaida-k", 8)

        there.mta.script["dot"] = "drop"
        there.push.server.always = there.sms.server.always = Reset()
        await who.walk(*SPOTS["lotus"])
        told = await claims(running, "zenaida-k", 12)

        codes = await send_garbage(running, "device-9")
        await settled(running)
    wanted = canaries(running, who, secret_of(running, "zenaida-k"))
    explained = await running.command("explain", told[-1]["subject"])
    why = await running.command("explain", "--user", "zenaida-k", "--lang", "ko")
    printed = running.printed() + explained.out + explained.err + why.out + why.err
    metrics = await running.ask("GET", "/metrics")

    assert codes == [400, 400, 200]
    assert why.code == 0
    assert len(why.out) > 500
    assert len(printed) > 500
    assert [what for what, canary in wanted.items() if canary in printed + metrics] == []


AUDIENCES = """
kind: trait
id: spent
sum: bought
of: value
---
kind: audience
id: guests
when: {any: [{visited: {id: lotus}}, {trait: spent, gte: 1}]}
---
kind: audience
id: named
when: {all: [{audience: guests}, {reachable: email}]}
"""
ROUTES = (
    "/v1/audiences", "/v1/audiences/named", "/v1/outcomes", "/v1/fences/health",
    "/v1/lists/suppression", "/v1/lists/allow",
)  # fmt: skip


async def test_no_canary_is_in_what_is_told_of_audiences_proofs_and_lists(house: House) -> None:
    """Sizes, reasons, lists, the state of the house, and the person but for what they said."""
    running, there = house
    await running.apply("audiences", {"audiences.yaml": AUDIENCES})
    async with somebody(running, there, "zephyrine", traits={"first_name": NAME}) as who:
        await who.phone.do("track", name="bought", props={"what": PROP, "value": 5})
        await who.walk(*SPOTS["lotus"])
        await claims(running, "zephyrine", 4)
        proof = {"template": "greeting", "channel": "email", "user_id": "zephyrine"}
        await running.http.post(
            f"{running.url}/v1/proofs",
            json=proof,
            headers={"Authorization": f"Bearer {running.operator_key}"},
        )
        await settled(running)
    wanted = canaries(running, who, secret_of(running, "zephyrine"))
    rule = {"when": {"audience": "named"}}
    answers = [await running.ask("GET", path) for path in ROUTES]
    answers.append(await running.ask("POST", "/v1/audiences/size", rule))
    told = json.dumps(answers, ensure_ascii=False)
    person = json.dumps(await running.ask("GET", "/v1/persons/zephyrine"), ensure_ascii=False)
    for words in (("audiences",), ("audiences", "named"), ("outcomes",)):
        told += (await running.command(*words)).out
    person += (await running.command("person", "zephyrine")).out
    doctor = await fencepost(running.folder, "doctor")
    said = running.printed() + doctor.out + doctor.err + await running.ask("GET", "/metrics")
    found = {what for what, canary in wanted.items() if canary in told + said}
    shown = {what for what, canary in wanted.items() if canary in person}

    assert found == set()
    # An operator who looks at a person sees what the app reported of them, and nothing else.
    assert shown <= {"name", "event property", "its local part"}  # the latter is the user id
    assert doctor.out


async def test_records_hold_no_address_and_no_coordinate(house: House) -> None:
    """Decision records show gates, ids and counts; who asks for them learns no address."""
    running, there = house
    async with somebody(running, there, "zosterops", traits={"first_name": NAME}) as who:
        await who.walk(*SPOTS["lotus"])
        await claims(running, "zosterops", 4)
        await settled(running)
        records = json.dumps(await running.decisions("zosterops"), ensure_ascii=False)
    wanted = canaries(running, who, secret_of(running, "zosterops"))

    names = ("message text",)  # a record names the fence, which the author named
    found = [what for what, canary in wanted.items() if canary in records and what not in names]
    assert found == []
