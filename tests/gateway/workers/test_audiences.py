"""Audiences: who belongs, since when, and what it starts, through a gateway stepped by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.rig import NOON_MS, OPEN_POLICY, Rig, open_rig

DAY_MS = 86_400_000
LAPSED = """
kind: audience
id: yoga-lapsed
when: {all: [{did: purchase, where: {category: yoga}}, {last: purchase, older_than: 60d}]}
"""
WIN_BACK = """
kind: campaign
id: win-back
entry: {audience: yoga-lapsed}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
kind: campaign
id: welcome-back
entry: {audience: yoga-lapsed, on: leave}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: hello
purpose: marketing
in_app: {title: Hello, body: Come and see us.}
"""
YOGA = {"type": "track", "name": "purchase", "props": {"category": "yoga", "value": 20}}


async def changes(rig: Rig) -> list[tuple[str, str, bool]]:
    """Give audience, join or leave, and whether it was filled, of every change in order."""
    found = [r["body"] for r in await rig.records("audience")]
    return [(b["audience_id"], b["on"], b.get("filled", False)) for b in found]


async def entered(rig: Rig) -> list[str]:
    """Give the campaigns that took somebody in."""
    found = [r["body"] for r in await rig.records("step")]
    return [b["campaign_id"] for b in found if b["outcome"] == "entered"]


async def sizes(rig: Rig) -> dict[str, int]:
    """Give the sizes of the audiences that have anybody."""
    found = await rig.gateway.store.audiences.sizes()
    return {name: size for name, size in found.items() if size}


async def pass_days(rig: Rig, days: float, short_ms: int = 0) -> None:
    """Let time pass, and happen what comes due on the way."""
    until_ms = rig.clock.now_ms() + round(days * DAY_MS) - short_ms
    while (due_ms := await rig.gateway.store.next_due_ms()) is not None and due_ms <= until_ms:
        rig.clock.move_to(max(due_ms, rig.clock.now_ms()))
        await rig.settle()
    rig.clock.move_to(until_ms)
    await rig.settle()


async def test_lapsed_customer_joins_by_time_alone_and_leaves_with_the_purchase(
    tmp_path: Path,
) -> None:
    """Sixty days to the millisecond after the last one; out in the commit of the next."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(LAPSED, WIN_BACK, OPEN_POLICY)
        await rig.consent()
        await rig.send(YOGA)
        await rig.settle()
        await pass_days(rig, 60)
        at_sixty = await changes(rig)
        await pass_days(rig, 1)
        (joined,) = await rig.records("audience")
        await rig.send(YOGA)
        await rig.settle()
        told, taken_in = await changes(rig), await entered(rig)

    assert at_sixty == []
    assert joined["at_ms"] == NOON_MS + 60 * DAY_MS + 1
    assert [o["ok"] for o in joined["body"]["operands"]] == [True, True]
    assert told == [("yoga-lapsed", "join", False), ("yoga-lapsed", "leave", False)]
    assert taken_in == ["win-back", "welcome-back"]


async def test_new_definition_fills_an_audience_and_wakes_nobody(tmp_path: Path) -> None:
    """Who belongs when it is published has not just joined, and nothing need happen to them."""
    buyers = "kind: audience\nid: buyers\nwhen: {did: purchase}\n"
    campaign = WIN_BACK.replace("yoga-lapsed", "buyers")
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        for n in range(3):
            await rig.send(YOGA, user_id=f"u{n}")
        await rig.settle()
        await rig.apply(buyers, campaign, OPEN_POLICY)
        filled, sweep = await sizes(rig), await rig.gateway.store.audiences.sweep()
        taken_in = await entered(rig)
        await rig.send(YOGA, user_id="new")
        await rig.settle()
        told, later = await changes(rig), await entered(rig)

    assert filled == {"buyers": 3}
    assert (sweep.done, sweep.seen) == (True, sweep.total)
    assert taken_in == []
    assert told == [("buyers", "join", True)] * 3 + [("buyers", "join", False)]
    assert later == ["win-back"]


async def test_event_before_the_back_fill_comes_by_does_not_pass_for_joining(
    tmp_path: Path,
) -> None:
    """Whoever is judged first by an event is judged by the new definition before it."""
    buyers = "kind: audience\nid: buyers\nwhen: {did: purchase}\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await rig.send(YOGA)
        await rig.settle()
        response = await rig.client.post(
            "/v1/documents",
            json={"files": [{"path": "a.yaml", "text": buyers}]},
            headers=rig.operator,
        )
        assert response.status == 200
        await rig.send(YOGA)  # in the log before any stretch of the back-fill
        await rig.settle()

        assert await changes(rig) == [("buyers", "join", True)]
        assert await sizes(rig) == {"buyers": 1}


async def test_changed_and_archived_definitions_clear_an_audience(tmp_path: Path) -> None:
    """The size follows the definition; nobody leaves by themselves."""
    wide = "kind: audience\nid: buyers\nwhen: {did: purchase}\n"
    narrow = "kind: audience\nid: buyers\nwhen: {did: purchase, count: {min: 2}}\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(wide, WIN_BACK.replace("yoga-lapsed", "buyers"), OPEN_POLICY)
        await rig.consent()
        await rig.send(YOGA, user_id="u1")
        await rig.send(YOGA, YOGA, user_id="u2")
        await rig.settle()
        before = await sizes(rig)
        await rig.apply(narrow, OPEN_POLICY)
        after = await sizes(rig)
        for name in ("win-back", "welcome-back"):
            await rig.client.delete(f"/v1/documents/campaign/{name}", headers=rig.operator)
        await rig.client.delete("/v1/documents/audience/buyers", headers=rig.operator)
        await rig.settle()
        gone, taken_in = await sizes(rig), await entered(rig)

    assert (before, after, gone) == ({"buyers": 2}, {"buyers": 1}, {})
    assert taken_in == ["win-back", "win-back"]


async def test_merged_visitor_is_counted_once(tmp_path: Path) -> None:
    """Two memberships of one person are one; a visitor's alone becomes the person's."""
    both = (
        "kind: audience\nid: buyers\nwhen: {did: purchase}\n---\n"
        "kind: audience\nid: readers\nwhen: {did: read}\n"
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(both, OPEN_POLICY)
        await rig.consent()
        await rig.send(YOGA, user_id="u1")
        body = rig.batch(YOGA, {"type": "track", "name": "read"}, user_id=None)
        body["who"]["anonymous_id"] = "a2"
        body["device_id"] = "dev-2"
        body["stream"] = "s2"
        await rig.post(body, **rig.device_headers("dev-2"))
        await rig.settle()
        apart = await sizes(rig)
        body = rig.batch({"type": "identify", "user_id": "u1"}, user_id=None)
        body["who"]["anonymous_id"] = "a2"
        body["device_id"] = "dev-2"
        body["stream"] = "s2"
        await rig.post(body, **rig.device_headers("dev-2"))
        await rig.settle()

        assert apart == {"buyers": 2, "readers": 1}
        assert await sizes(rig) == {"buyers": 1, "readers": 1}


async def test_audience_of_an_audience_follows_it(tmp_path: Path) -> None:
    """A change passes on in the same commit, whatever the order of the names."""
    nested = (
        "kind: audience\nid: a-of-z\nwhen: {all: [{audience: z}, {person: tier, is: plus}]}\n---\n"
        "kind: audience\nid: z\nwhen: {did: purchase}\n"
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(nested, OPEN_POLICY)
        await rig.consent()
        await rig.send({"type": "set", "traits": {"tier": "plus"}})
        await rig.send(YOGA)
        await rig.settle()

        assert [name for name, _, _ in await changes(rig)] == ["z", "a-of-z"]


async def test_what_a_batch_says_first_decides_on_what_it_says_next(tmp_path: Path) -> None:
    """Read your writes: a purchase earlier in the same upload counts for the next event."""
    documents = """
kind: audience
id: regulars
when: {trait: bought, gte: 2}
---
kind: trait
id: bought
count: purchase
within: 30d
---
kind: campaign
id: thanks
entry: {event: checkout}
when: {audience: regulars}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
"""
    asked: dict[str, Any] = {"type": "track", "name": "checkout"}
    async with open_rig(tmp_path) as rig:
        await rig.apply(documents, WIN_BACK.partition("---\n")[2].partition("---\n")[2])
        await rig.consent()
        await rig.send(YOGA, asked, YOGA, asked)
        await rig.settle()
        outcomes = [r["body"]["outcome"] for r in await rig.records("step")]

    assert outcomes == ["not_entered", "entered"]


async def test_audience_by_place_needs_the_consent_to_marketing_by_location(
    tmp_path: Path,
) -> None:
    """Where somebody was may not cause marketing through an audience either."""
    documents = """
kind: audience
id: guests
when: {visited: {tag: studio}}
---
kind: audience
id: a-guests-and-more
when: {all: [{audience: guests}, {not: {did: complaint}}]}
---
kind: campaign
id: thanks
entry: {audience: a-guests-and-more}
message: {template: hello, channels: [in_app]}
goal: none
"""
    async with open_rig(tmp_path) as rig:
        await rig.apply(
            documents, WIN_BACK.partition("---\n")[2].partition("---\n")[2], OPEN_POLICY
        )
        await rig.consent()
        await rig.consent({"location_marketing": "n"})
        await rig.walk_in()

        assert await entered(rig) == ["thanks"]
        assert await rig.claims() == [("withheld", "consent")]


async def test_withdrawn_location_takes_back_what_audiences_made_of_it(tmp_path: Path) -> None:
    """Visits and zone go, located audiences are left at once, and what waits because of them."""
    documents = """
kind: audience
id: guests
when: {visited: {tag: studio}}
---
kind: audience
id: regular-guests
when: {all: [{audience: guests}, {not: {did: complaint}}]}
---
kind: campaign
id: thanks
entry: {audience: regular-guests}
message: {template: hello, channels: [in_app], hours: {every_day: "03:00-03:10"}, max_age: 2d}
goal: none
"""
    async with open_rig(tmp_path) as rig:
        await rig.apply(
            documents, WIN_BACK.partition("---\n")[2].partition("---\n")[2], OPEN_POLICY
        )
        await rig.consent()
        await rig.walk_in()
        (person,) = (await rig.gateway.store.audiences.sample("", 9)).values()
        before = await sizes(rig), await rig.claims(), bool(person.visits)
        await rig.consent({"location_collect": "n"})
        at_once = await rig.claims()
        await rig.settle()
        (person,) = (await rig.gateway.store.audiences.sample("", 9)).values()

        assert before == ({"guests": 1, "regular-guests": 1}, [("deferred", "quiet_hours")], True)
        assert at_once[-1] == ("withheld", "consent")
        assert (person.visits, person.inside, person.fix_zone) == ([], [], "")
        assert await sizes(rig) == {}
