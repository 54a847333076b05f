"""``GET /v1/explain``, asked of a whole gateway."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway import remote
from fencepost_gateway.api import explain
from fencepost_gateway.api.decisions import explain as explain_one
from fencepost_gateway.api.surface import moment
from gateway.rig import (
    DOCUMENTS,
    GRANTS,
    INSIDE,
    NOON_MS,
    OPEN_POLICY,
    OUTSIDE,
    Rig,
    open_rig,
)

PLACES = ("43.73", "7.42", "43.74")
HOUR_MS = 3_600_000
HI = {"type": "track", "name": "hi"}


async def why(rig: Rig, **query: str) -> dict[str, Any]:
    """Ask why; of the usual user unless another is named."""
    asked = query if "person" in query else {"user": "u1", **query}
    response = await rig.client.get("/v1/explain", params=asked, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    assert not any(place in str(answer) for place in PLACES)
    return answer


async def reasons(rig: Rig, **query: str) -> list[str]:
    """Give why the greeting was never considered."""
    (never,) = (await why(rig, campaign="greeting", **query))["never"]
    return [finding["code"] for finding in never["findings"]]


async def test_what_was_decided_is_listed_in_order_on_the_persons_clock(tmp_path: Path) -> None:
    """Transition, step, claim and outcome with their words, and nothing was left unconsidered."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        answer = await why(rig)
        of_campaign = await why(rig, campaign="greeting")

    kinds = [row["kind"] for row in answer["decisions"]]
    assert kinds == ["transition", "step", "claim", "outcome"]
    assert [row["kind"] for row in of_campaign["decisions"]] == kinds[1:]
    assert answer["zone"] == "Europe/Monaco"
    assert "Europe/Monaco" in answer["decisions"][0]["words"][0]
    assert (answer["never"], answer["next"]) == ([], None)


async def test_nobody_is_said_to_be_nobody(tmp_path: Path) -> None:
    """A user whose device was never heard of."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)

        found = await reasons(rig, user="nobody")
        of_all = (await why(rig, user="nobody"))["never"]

    assert found == ["never_heard"]
    assert [(one["campaign_id"], one["reason"]) for one in of_all] == [("", "never_heard")]


async def test_positions_refused_at_the_door_are_the_reason(tmp_path: Path) -> None:
    """No consent at intake: nothing is stored, and this is why."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent(GRANTS | {"location_collect": "n"})
        await rig.walk_in()
        since_then = await reasons(rig, **{"from": "2026-06-01T14:00"})
        since_before = await reasons(rig)

    assert since_then == ["location_denied", "no_transition"]
    assert since_before == [*since_then, "policy_now"]


async def test_who_was_inside_already_missed_the_entry(tmp_path: Path) -> None:
    """The nearest miss of all: an ENTER that nobody saw begin."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        for _ in range(3):
            await rig.fix(INSIDE)
        await rig.settle()
        found = await reasons(rig)

    assert found == ["initial"]


async def test_who_stayed_away_is_told_no_more_than_is_known(tmp_path: Path) -> None:
    """Positions are not kept, and the answer says so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        for _ in range(3):
            await rig.fix(OUTSIDE)
        await rig.settle()
        found = await reasons(rig)

    assert found == ["no_transition", "positions_not_kept"]


async def test_visit_before_the_campaign_is_no_miss_of_it(tmp_path: Path) -> None:
    """It was not live with this entry when the transition was told."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS.replace("greeting", "other"), OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        rig.clock.move_to(rig.clock.now_ms() + HOUR_MS)
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        rig.clock.move_to(rig.clock.now_ms() + 1)
        found = await reasons(rig)
        before = await reasons(rig, to="2026-06-01T14:30")

    assert found[0] == "not_live_then"
    assert before == ["not_published_yet"]


async def test_condition_that_was_false_was_considered(tmp_path: Path) -> None:
    """It is on record with the operand that decided, and so never among the unconsidered."""
    strict = DOCUMENTS.replace("goal: none", "goal: none\nwhen: {person: tier, is: plus}", 1)
    async with open_rig(tmp_path) as rig:
        await rig.apply(strict, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        answer = await why(rig, campaign="greeting")

    (step,) = answer["decisions"]
    assert "condition was not met" in step["words"][0]
    assert "person.tier is plus: found None" in step["words"][1]
    assert answer["never"] == []


async def test_every_live_campaign_is_gone_through_without_one(tmp_path: Path) -> None:
    """Each that was not considered, with its first reason."""
    second = DOCUMENTS.split("---")[0].replace("greeting", "farewell").replace("enter", "exit")
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, second)
        await rig.consent()
        await rig.walk_in()
        answer = await why(rig)

    assert [(one["campaign_id"], one["reason"]) for one in answer["never"]] == [
        ("farewell", "other_kind")
    ]


async def test_what_was_told_late_is_listed_apart(tmp_path: Path) -> None:
    """A device that was offline then: what happened in the span, decided after it."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        fixes = []
        for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:
            rig.clock.move_to(rig.clock.now_ms() + 15_000)
            lat, lon = where
            (fix,) = rig.batch({"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5})["events"]
            fixes.append(fix)
        rig.clock.move_to(NOON_MS + HOUR_MS)
        response = await rig.post(rig.batch() | {"events": fixes})
        assert response.status == 200
        await rig.settle()
        answer = await why(rig, campaign="greeting", to="2026-06-01T14:30")

    assert [row["kind"] for row in answer["later"]] == ["claim"]
    assert answer["never"][0]["reason"] == "told_later"


async def test_answer_is_in_the_language_that_is_asked_for(tmp_path: Path) -> None:
    """``lang`` wins over ``Accept-Language``; the record of one message speaks it too."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        accepts = rig.operator | {"Accept-Language": "ko-KR,en;q=0.5"}
        by_header = await rig.client.get("/v1/explain", params={"user": "u1"}, headers=accepts)
        korean = await by_header.json()
        english = await rig.client.get(
            "/v1/explain", params={"user": "u1", "lang": "en"}, headers=accepts
        )
        first = (await english.json())["decisions"][0]
        subject = korean["decisions"][1]["subject"]
        one = await rig.client.get(f"/v1/decisions/{subject}?lang=ko", headers=rig.operator)
        words = (await one.json())["words"]

    assert "들어왔습니다" in korean["decisions"][0]["words"][0]
    assert first["words"][0].startswith("ENTER Studio")
    assert words[0].startswith("greeting v1에 참여했습니다")


async def paged(rig: Rig, **query: str) -> list[dict[str, Any]]:
    """Follow ``next`` to the end."""
    pages = [await why(rig, **query)]
    while pages[-1]["next"]:
        pages.append(await why(rig, after=pages[-1]["next"], **query))
    return pages


def cursors(*pages: dict[str, Any]) -> list[int]:
    """Give the cursors of what is listed."""
    return [row["cursor"] for page in pages for row in page["decisions"]]


async def clicked(rig: Rig) -> None:
    """Walk in, out and in again, and click on what came first."""
    never = DOCUMENTS.split("---")[0].replace("greeting", "other").replace("enter", "expire")
    await rig.apply(DOCUMENTS, OPEN_POLICY, never)
    await rig.consent()
    await rig.walk_in()
    delivery_id = (await rig.inbox())[0]["delivery_id"]
    await rig.walk_in()
    await rig.send({"type": "engagement", "delivery_id": delivery_id, "action": "clicked"})
    await rig.settle()


@pytest.mark.parametrize("scan_max", [5_000, 3])
async def test_pages_follow_on_without_loss_or_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan_max: int
) -> None:
    """However many records are looked at for one of them."""
    async with open_rig(tmp_path) as rig:
        await clicked(rig)
        every = await why(rig)
        monkeypatch.setattr(explain, "SCAN_MAX", scan_max)
        pages = await paged(rig, limit="2")

    assert len(pages) > 2
    assert cursors(*pages) == cursors(every)


async def test_what_was_never_considered_is_said_once(tmp_path: Path) -> None:
    """On the first page; a click belongs to its campaign on whatever page it is."""
    async with open_rig(tmp_path) as rig:
        await clicked(rig)
        pages = await paged(rig, limit="1")
        of_campaign = await paged(rig, limit="1", campaign="greeting")
        every = await why(rig, campaign="greeting")

    assert [len(page["never"]) for page in pages] == [1] + [0] * (len(pages) - 1)
    assert every["decisions"][-1]["body"]["state"] == "clicked"
    assert cursors(*of_campaign) == cursors(every)


async def test_too_many_records_are_said_to_be_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to have never been considered where not everything was looked at."""
    monkeypatch.setattr(explain, "SCAN_MAX", 3)
    async with open_rig(tmp_path) as rig:
        await clicked(rig)
        answer = await why(rig, campaign="other")

    assert [one["reason"] for one in answer["never"]] == ["too_many"]
    assert answer["next"]


async def test_command_line_says_all_pages_in_lines(tmp_path: Path) -> None:
    """``fencepost explain --user``: the span once, a line a record, and why the rest was not."""
    async with open_rig(tmp_path) as rig:
        await clicked(rig)
        base, key = str(rig.client.make_url("")).rstrip("/"), rig.operator["Authorization"][7:]
        wish = {"user": "u1", "campaign": "", "lang": "en", "limit": "2"}
        said = await asyncio.to_thread(lambda: list(remote.why(base, key, wish)))
        korean = await asyncio.to_thread(
            lambda: list(remote.why(base, key, wish | {"campaign": "other", "lang": "ko"}))
        )
        subject = (await rig.records("claim"))[0]["subject"]
        told = await asyncio.to_thread(lambda: list(remote.explain(base, key, subject, "ko")))

    heads = [line for line in said if not line.startswith(" ")]
    records = [line for line in heads if line.endswith("]")]
    assert [line for line in heads if line.startswith("from ")] == heads[:1]
    assert len(records) > 4
    assert heads.count("Never considered for other:") == 1
    assert korean[1:3] == ["기록된 결정이 없습니다.", "other 캠페인은 고려되지 않았습니다:"]
    assert told[0].startswith("greeting v1에 참여했습니다 (계기: 진입)")


@pytest.mark.parametrize(
    ("query", "status", "path"),
    [
        ({"person": "p", "user": "u1"}, 400, "user"),
        ({"from": "yesterday"}, 400, "from"),
        ({"from": "0001-01-01"}, 400, "from"),
        ({"to": "9999-12-31T23:59"}, 400, "to"),
        ({"from": "2026-06-03", "to": "2026-06-02"}, 400, "from"),
        ({"after": "7"}, 400, "after"),
        ({"lang": "tlh"}, 400, "lang"),
        ({"limit": "201"}, 400, "limit"),
        ({"campaign": "nothing"}, 404, "campaign"),
    ],
    ids=lambda value: "-".join([*value, *value.values()]) if isinstance(value, dict) else None,
)
async def test_question_that_makes_no_sense_is_named(
    tmp_path: Path, query: dict[str, str], status: int, path: str
) -> None:
    """Which member is wrong, and how to write it."""
    async with open_rig(tmp_path) as rig:
        problem = await (
            await rig.client.get("/v1/explain", params={"user": "u1"} | query, headers=rig.operator)
        ).json()

    assert (problem["status"], problem["path"]) == (status, path)


async def test_reasons_on_record_add_up_to_what_is_counted(tmp_path: Path) -> None:
    """Every message ends in one last claim, and sums over the records are the figures."""
    async with open_rig(tmp_path) as rig:
        by_event = DOCUMENTS.replace("transition: enter, fence: {tag: studio}", "event: hi")
        await rig.apply(
            by_event.replace("{{ place.name }} has a class at", "A").replace(
                "{{ place.meta.next_class }}", "class"
            )
        )
        for number, said in enumerate(({}, GRANTS, GRANTS, GRANTS)):
            who, visitor = f"u{number}", {"anonymous_id": f"a{number}", "user_id": f"u{number}"}
            for event in ({"type": "consent", "values": said or {"collect": "CT"}}, HI, HI):
                body = rig.batch(event, user_id=who) | {"device_id": f"dev-{number}"}
                headers = rig.device_headers(f"dev-{number}")
                await rig.post(body | {"who": visitor}, **headers)
            await rig.settle()
            rig.clock.move_to(rig.clock.now_ms() + 12 * HOUR_MS)  # at night and by day
        claims = await rig.records("claim")
        counts = await rig.gateway.store.counts()
        metrics = (await (await rig.client.get("/metrics")).text()).splitlines()

    last = {claim["subject"]: claim["body"] for claim in claims}
    ends = Counter(body["outcome"] for body in last.values())
    told = Counter((claim["body"]["outcome"], claim["body"]["reason"]) for claim in claims)
    figures = {
        f'fencepost_decisions_total{{outcome="{outcome}",reason="{reason}"}} {count:.1f}'
        for (outcome, reason), count in told.items()
    }
    assert set(ends) == {"withheld", "deferred", "send"}
    assert all(bool(body["reason"]) == (body["outcome"] != "send") for body in last.values())
    assert figures == {line for line in metrics if line.startswith("fencepost_decisions_total{")}
    assert (ends["withheld"], ends["deferred"]) == (
        counts.get("withheld", 0),
        counts.get("deferred", 0),
    )


async def lose(rig: Rig) -> None:
    """Let the phone send five fixes, of which one is made up and two come far too late."""
    await rig.fix(OUTSIDE)
    rig.clock.move_to(rig.clock.now_ms() + HOUR_MS)
    old = [rig.clock.now_ms() - ms for ms in (50 * 60_000, 40 * 60_000)]
    await rig.fix(OUTSIDE)
    place = {"type": "fix", "lat": OUTSIDE[0], "lon": OUTSIDE[1], "accuracy_m": 5}
    await rig.send(
        place | {"is_mock": True},
        *({**place, "at": moment(at_ms)} for at_ms in old),
    )
    await rig.settle()


async def test_positions_that_did_not_count_are_told_by_day_device_and_reason(
    tmp_path: Path,
) -> None:
    """Whatever was asked for; in words on the command line, and as a finding of the campaign."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await lose(rig)
        answer = await why(rig, lang="ko")
        found = await reasons(rig)
        before = await why(rig, **{"from": "2026-05-20", "to": "2026-05-30"})
        base, key = str(rig.client.make_url("")).rstrip("/"), rig.gateway.credentials.operator_key
        wish = {"user": "u1", "lang": "en"}
        lines = await asyncio.to_thread(lambda: list(remote.why(base, key, wish)))

    (row,) = answer["dropped"]
    assert (row["day"], row["counts"]) == ("2026-06-01", {"late": 2, "mock": 1})
    assert "너무 늦게 도착함 (2), 기기가 모의 위치라고 표시함 (1)" in row["words"]
    assert found == ["no_transition", "positions_dropped", "positions_not_kept"]
    assert before["dropped"] == []
    at = lines.index("Positions that did not count:")
    assert lines[at + 1].startswith("  2026-06-01 (UTC), ")
    assert lines[at + 1].endswith(": too late (2), made up, as the device says (1)")


async def test_counts_go_with_consent_to_location(tmp_path: Path) -> None:
    """They say that somebody carried a device; a withdrawal forgets that too."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await lose(rig)
        await rig.consent({"location_collect": "n"})
        await rig.settle()
        answer = await why(rig)

    assert answer["dropped"] == []


async def test_a_device_is_told_of_its_own_positions_beside_a_record(tmp_path: Path) -> None:
    """Of the days of what it asks about, and of no other device of the person."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        await lose(rig)
        (visit, *_) = [r["subject"] for r in await rig.records("transition")]
        own = await rig.client.get(f"/v1/explain/{visit}", headers=rig.device_headers())
        (device,) = {one["device_id"] for one in (await own.json())["dropped"]}
        other = await explain_one(rig.gateway.surface, visit, "en", device_id="other")

    assert [one["counts"] for one in (await own.json())["dropped"]] == [{"late": 2, "mock": 1}]
    assert device in str(rig.device_headers())
    assert other["dropped"] == []
