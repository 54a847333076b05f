import gzip
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.rig import DEVICE, DOCUMENTS, GRANTS, NOON_MS, OPEN_POLICY, moment, open_rig

FIELDS = {"type": "track", "name": "a"}


@pytest.mark.feature("N09")
async def test_answer_gives_each_event_its_verdict_and_the_ack_level(tmp_path: Path) -> None:
    """One verdict per event, and never a better ack level than the real one."""
    async with open_rig(tmp_path) as rig:
        answer = await rig.send(FIELDS, {"type": "track"}, FIELDS, {"type": "nonsense"})
        level = rig.gateway.store.ack_level

    assert answer["ack"] == level
    assert answer["verdicts"] == {
        "stream": "s",
        "accepted": [[1, 1], [3, 3]],
        "others": [
            {"verdict": "rejected", "seq": 2, "code": "type", "path": "name"},
            {"verdict": "rejected", "seq": 4, "code": "unknown_type", "path": "type"},
        ],
    }


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "key_unknown"),
        ({"Authorization": "Bearer pk_wrong"}, 401, "key_unknown"),
        ({"Fencepost-Device": ""}, 401, "device_secret"),
        ({"Fencepost-Device": "dev-1"}, 401, "device_secret"),
        ({"Fencepost-Device": "other.secret"}, 401, "device_secret"),
        ({"Content-Encoding": "br"}, 415, "encoding"),
        ({"Content-Encoding": "gzip, gzip"}, 415, "encoding"),
    ],
    ids=["no-key", "wrong-key", "no-device", "no-secret", "other-device", "br", "double-gzip"],
)
async def test_request_that_may_not_come_in_is_a_problem(
    tmp_path: Path, headers: dict[str, str], status: int, code: str
) -> None:
    """Problems are RFC 9457 with a code of the table, and nothing is stored."""
    async with open_rig(tmp_path) as rig:
        response = await rig.post(rig.batch(FIELDS), **headers)
        problem = await response.json()
        counts = await rig.gateway.store.counts()

    assert (response.status, problem["code"]) == (status, code)
    assert response.content_type == "application/problem+json"
    assert counts["log"] == 0


async def test_device_with_another_secret_is_refused(tmp_path: Path) -> None:
    """The first secret of a device is its only one."""
    async with open_rig(tmp_path) as rig:
        await rig.send(FIELDS)
        response = await rig.post(rig.batch(FIELDS), **{"Fencepost-Device": f"{DEVICE}.another"})

        assert (await response.json())["code"] == "device_secret"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"not json", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"v": 1}', 400, "malformed"),
        ('{"v": 1, "device_id": "dev-1"}'.encode("utf-16"), 400, "malformed"),
        (b'{"device_id": "\xff"}', 400, "malformed"),
    ],
    ids=["empty", "words", "brackets", "no-envelope", "utf-16", "not-utf-8"],
)
@pytest.mark.bad_input(26)
async def test_body_that_is_no_batch_is_refused_whole(
    tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    """What is not a batch at all gets a 4xx that says so."""
    async with open_rig(tmp_path) as rig:
        response = await rig.post(body)

        assert (response.status, (await response.json())["code"]) == (status, code)


@pytest.mark.bad_input(5)
async def test_body_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    """A megabyte is the bound, by the declared length alone."""
    async with open_rig(tmp_path) as rig:
        response = await rig.client.post(
            "/v1/batch", data=io.BytesIO(b"x" * ((1 << 20) + 1)), headers=rig.device_headers()
        )

        assert (response.status, (await response.json())["code"]) == (413, "too_large")


@pytest.mark.bad_input(6)
async def test_body_without_end_is_refused_at_the_limit(tmp_path: Path) -> None:
    """A chunked body that goes on is cut at a megabyte."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * (16 << 10)

    async with open_rig(tmp_path) as rig:
        response = await rig.client.post("/v1/batch", data=endless(), headers=rig.device_headers())

        assert (response.status, (await response.json())["code"]) == (413, "too_large")


async def test_problem_names_the_path_of_the_fault(tmp_path: Path) -> None:
    """An envelope with a wrong member says which."""
    async with open_rig(tmp_path) as rig:
        body = rig.batch(FIELDS) | {"who": {"anonymous_id": 7}}
        problem = await (await rig.post(body)).json()

    assert (problem["code"], problem["path"]) == ("malformed", "who.anonymous_id")


async def test_other_version_is_refused(tmp_path: Path) -> None:
    """This gateway speaks v1."""
    async with open_rig(tmp_path) as rig:
        response = await rig.post(rig.batch(FIELDS) | {"v": 2})

        assert (await response.json())["code"] == "unsupported_version"


async def test_more_events_than_a_batch_may_hold_are_refused(tmp_path: Path) -> None:
    """500 events a batch; the SDK halves."""
    async with open_rig(tmp_path) as rig:
        response = await rig.post(rig.batch(*[FIELDS] * 501))

        assert (response.status, (await response.json())["code"]) == (413, "too_large")


async def test_gzip_body_is_taken(tmp_path: Path) -> None:
    """One gzip member is inflated by us, with bounds."""
    async with open_rig(tmp_path) as rig:
        body = gzip.compress(json.dumps(rig.batch(FIELDS)).encode())
        response = await rig.post(body, **{"Content-Encoding": "gzip"})

        assert (await response.json())["verdicts"]["accepted"] == [[1, 1]]


PLAIN = json.dumps({"v": 1}).encode()
BOMB = gzip.compress(b"\0" * (10 << 20))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(BOMB, 413, "ratio", marks=pytest.mark.bad_input(18)),
        pytest.param(
            gzip.compress(b"") * 52_000, 400, "multiple_members", marks=pytest.mark.bad_input(19)
        ),
        pytest.param(
            gzip.compress(gzip.compress(PLAIN)), 400, "malformed", marks=pytest.mark.bad_input(20)
        ),
        pytest.param(gzip.compress(PLAIN)[:-9], 400, "malformed", marks=pytest.mark.bad_input(21)),
        pytest.param(
            gzip.compress(PLAIN)[:-8] + b"\0" * 8, 400, "malformed", marks=pytest.mark.bad_input(22)
        ),
        pytest.param(PLAIN, 400, "malformed", marks=pytest.mark.bad_input(24)),
        pytest.param(
            gzip.compress(PLAIN) + b"more", 400, "multiple_members", marks=pytest.mark.bad_input(25)
        ),
    ],
    ids=["bomb", "members", "nested", "truncated", "wrong-crc", "plain", "trailing"],
)
async def test_hostile_gzip_is_refused(tmp_path: Path, body: bytes, status: int, code: str) -> None:
    """A gzip body is one member, within bounds, or nothing."""
    async with open_rig(tmp_path) as rig:
        response = await rig.post(body, **{"Content-Encoding": "gzip"})
        problem = await response.json()
        counts = await rig.gateway.store.counts()

    assert (response.status, problem["code"]) == (status, code)
    assert counts["log"] == 0


@pytest.mark.bad_input(54)
async def test_clock_of_the_device_is_corrected(tmp_path: Path) -> None:
    """When the device's clock is a day ahead, its events land where they belong."""
    day_ms = 86_400_000
    async with open_rig(tmp_path) as rig:
        body = rig.batch({**FIELDS, "at": moment(NOON_MS + day_ms - 5_000)})
        body["sent_at"] = moment(NOON_MS + day_ms)
        await rig.post(body)
        record = (await rig.gateway.store.read_log(0, 1))[0].record

    assert record.at_ms == [NOON_MS - 5_000]  # type: ignore[union-attr]


async def test_wrong_method_and_unknown_route_are_problems(tmp_path: Path) -> None:
    """Whatever is asked, errors have one shape."""
    async with open_rig(tmp_path) as rig:
        lost = await rig.client.get("/v1/nowhere")
        wrong = await rig.client.get("/v1/batch")

        assert (lost.status, (await lost.json())["code"]) == (404, "no_route")
        assert (wrong.status, (await wrong.json())["code"]) == (405, "method")


async def test_answer_hints_at_the_fences_of_now(tmp_path: Path) -> None:
    """The hint is the ETag that a look-up would get, so that nobody asks for what they have."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        before = (await rig.send(FIELDS))["hints"]["fences"]
        await rig.apply(OPEN_POLICY)
        after = (await rig.send(FIELDS))["hints"]["fences"]
        query = {"lat": "43.73", "lon": "7.42"}
        nearby = await rig.client.get(
            "/v1/fences/nearby", params=query, headers=rig.device_headers()
        )
        await rig.apply(DOCUMENTS)
        unchanged = (await rig.send(FIELDS))["hints"]["fences"]

    assert before != after == unchanged
    assert nearby.headers["ETag"] == f'"{after}"'


@pytest.mark.parametrize("values", [{"collect": "y"}, GRANTS | {"location_collect": "n"}])
async def test_answer_hints_nothing_without_location_consent(
    tmp_path: Path, values: dict[str, str]
) -> None:
    """Who may not be located is not asked to look around, from the very batch that says so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        if "location_collect" in values:
            await rig.consent()
            rig.clock.move_to(rig.clock.now_ms() + 1_000)

        assert "hints" not in await rig.consent(values)
        assert "hints" not in await rig.send(FIELDS)


@pytest.mark.parametrize(
    ("channel", "address", "is_taken"),
    [
        ("email", "mina@example.com", True),
        ("email", "mina.example.com", False),
        ("email", "mina@example", False),
        ("sms", "+491701234567", True),
        ("sms", "0170 1234567", False),
    ],
)
async def test_address_nobody_could_call_is_refused_where_messages_are_captured(
    tmp_path: Path, channel: str, address: str, *, is_taken: bool
) -> None:
    """A slip shows on the first day, before a real driver is set up."""
    async with open_rig(tmp_path) as rig:
        answer = await rig.send({"type": "address", "channel": channel, "address": address})

    refused = {"verdict": "rejected", "seq": 1, "code": "bad_value", "path": "address"}
    assert answer["verdicts"]["others"] == ([] if is_taken else [refused])
