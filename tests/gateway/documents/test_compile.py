from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fencepost_gateway.decide import plan
from fencepost_gateway.documents.compile import compile_plan, fences_of
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.reference import EXAMPLE

MIN_MS = 60_000
DAY_MS = 86_400_000


def stored(text: str, version: int = 3) -> list[StoredDocument]:
    """Load documents as the gateway would have them, through their canonical bytes."""
    loaded = load([SourceFile("a.yaml", text)])
    assert [str(problem) for problem in loaded.problems] == []
    return [
        StoredDocument(d.kind, d.id, version, json.loads(d.canonical)) for d in loaded.documents
    ]


def monaco_ms(text: str) -> int:
    """Give the moment of a wall reading in Monaco."""
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Monaco"))
    return int(wall.timestamp() * 1000)


def test_example_becomes_numbers_and_ids() -> None:
    """Every member of the example arrives where deciding reads it."""
    made = compile_plan(stored(EXAMPLE), revision=7, seed="s")
    campaign = made.campaigns["yoga-greeting"]

    assert (made.revision, made.seed, made.workspace_zone) == (7, "s", "Europe/Monaco")
    assert (campaign.version, campaign.name) == (3, "Greeting at the studio")
    assert campaign.entries == (plan.TransitionEntry("enter", frozenset({"studio-port"})),)
    assert campaign.reentry == plan.Reentry("after", DAY_MS)
    assert campaign.goal == plan.Goal("class_booked", 7 * DAY_MS)
    assert campaign.holdout == pytest.approx(0.1)
    assert campaign.tags == {"yoga"}
    assert campaign.run_from_ms == monaco_ms("2026-06-01")
    assert campaign.run_until_ms == monaco_ms("2026-09-01")
    assert campaign.when is not None
    assert campaign.message.while_ is not None
    assert campaign.message.channels == ("push", "in_app", "email")
    assert campaign.message.max_age_ms == 15 * MIN_MS
    assert (campaign.message.quiet_hours, campaign.message.priority) == ("defer", 50)
    template = made.templates["greet"]
    assert (template.purpose, template.missing) == ("marketing", "withhold")
    assert template.sources["in_app"]["buttons"] == [
        {"text": "Book", "link": "luma://book", "id": None}
    ]
    assert set(template.sources) == {"in_app", "push", "email"}
    assert made.caps == (
        plan.CapRule("default.1", 3, rolling_ms=7 * DAY_MS),
        plan.CapRule("default.2", 1, plan.CapScope(channels=frozenset({"sms"})), calendar="day"),
    )
    view = made.fences["studio-port"]
    assert (view.place_name, sorted(view.tags), view.rank) == ("Studio Port", ["studio"], 10)
    assert view.meta == {"next_class": "18:30"}
    assert made.on_transition == {("enter", "studio-port"): (campaign,)}


def test_plan_does_not_depend_on_the_order_of_documents() -> None:
    """The same documents in any order make the same plan."""
    documents = stored(EXAMPLE)

    assert compile_plan(documents[::-1], 1, "s") == compile_plan(documents, 1, "s")


def test_shipped_policy_holds_until_one_is_written() -> None:
    """Marketing and location are denied, service goes by contract, nights are quiet."""
    made = compile_plan([], 0, "s")

    assert made.policy.policy_id == "default"
    assert made.policy.version == 0
    assert made.policy.defaults == {"transactional": "CT"}
    assert made.policy.accepts["*"] == {"y"}
    (hours,) = made.policy.quiet_hours
    assert hours.channels == {"in_app", "push", "web_push", "sms", "webhook"}
    assert {(w.start_min, w.end_min) for w in hours.allowed} == {(480, 1260)}
    assert made.caps == ()


def test_authored_policy_replaces_the_shipped_one_as_a_whole() -> None:
    """Nothing of the default is mixed in."""
    text = "kind: policy\nid: own\naccepts: {marketing: [y, LI]}\nquiet_hours: none\n"
    made = compile_plan(stored(text), 1, "s").policy

    assert made == plan.Policy("own", 3, {"marketing": frozenset({"y", "LI"})}, {})


def test_policy_of_a_jurisdiction_stands_beside_the_default() -> None:
    """Everybody else stays under the shipped one, or the one that was written without."""
    text = "kind: policy\nid: {}\naccepts: {{}}\nquiet_hours: none\njurisdiction: {}\n"
    several = "---\n".join([text.format("kr", "KR"), text.format("eu", "[FR, DE]")])
    made = compile_plan(stored(several), 1, "s")

    assert made.policy.policy_id == "default"
    assert [(p.policy_id, sorted(p.countries)) for p in made.policies] == [
        ("eu", ["DE", "FR"]),
        ("kr", ["KR"]),
    ]
    assert made.every_policy == (made.policy, *made.policies)


def test_weekday_replaces_every_day_and_nights_are_split() -> None:
    """An overnight span is two, one on each weekday; an empty list is never."""
    text = """\
kind: policy
id: own
accepts: {}
quiet_hours:
  on_zone_unknown: hold
  allowed: {every_day: "08:00-20:00", sa: ["10:00-12:00", "22:00-06:00"], su: [], fr: "00:00-24:00"}
"""
    (hours,) = compile_plan(stored(text), 1, "s").policy.quiet_hours

    assert hours.on_zone_unknown == "hold"
    assert hours.allowed == (
        *(plan.LocalWindow(day, 480, 1200) for day in range(4)),
        plan.LocalWindow(4, 0, 1440),
        plan.LocalWindow(5, 600, 720),
        plan.LocalWindow(5, 1320, 1440),
        plan.LocalWindow(6, 0, 360),
    )


def test_quiet_hours_may_be_several_and_say_whose_clock_counts() -> None:
    """Windows per channel; the zones, the zone that must allow it too, and what lifts them."""
    text = """\
kind: policy
id: kr
accepts: {}
quiet_hours:
  - allowed: {every_day: "08:00-21:00"}
    zones: first
    and_zone: Asia/Seoul
    lifted_by: marketing_night
  - channels: [sms]
    allowed: {every_day: "10:00-18:00"}
"""
    wide, sms = compile_plan(stored(text), 1, "s").policy.quiet_hours

    assert (wide.zones, wide.and_zone, wide.lifted_by) == ("first", "Asia/Seoul", "marketing_night")
    assert (sms.zones, sms.and_zone, sms.lifted_by) == ("strictest", "", "")
    assert sms.channels == {"sms"}


def test_message_may_have_hours_and_keep_those_of_the_place() -> None:
    """A campaign narrows when its message goes, and may let it wait for a slot."""
    wish = 'message: {hours: {su: "10:00-12:00"}, only_open: true, caps: defer, '
    made = compile_plan(
        stored(
            "kind: campaign\nid: a\nbrand: luma\nentry: {event: e}\n"
            + wish
            + "template: t, channels: [sms]}\n"
        ),
        1,
        "s",
    ).campaigns["a"]

    assert made.brand == "luma"
    assert made.message.hours == (plan.LocalWindow(6, 600, 720),)
    assert (made.message.only_open, made.message.caps) == (True, "defer")


def test_place_of_a_cap_becomes_fences_and_may_become_none() -> None:
    """A selector that matches nothing covers nothing; it never stops narrowing."""
    cap = (
        "kind: caps\nid: c\nrules:\n"
        "  - {limit: 1, per: day, scope: {place: {tag: studio}, brand: luma}}\n"
        "  - {limit: 1, per: day}\n"
    )
    fence = "kind: fence\nid: f\ntags: [studio]\ncircle: {lat: 43.7, lon: 7.4, radius_m: 100}\n"
    there, everywhere = compile_plan(stored(f"{cap}---\n{fence}"), 1, "s").caps
    nowhere, _ = compile_plan(stored(cap), 1, "s").caps

    assert there.scope.fence_ids == frozenset({"f"})
    assert there.scope.brands == {"luma"}
    assert (everywhere.scope.fence_ids, nowhere.scope.fence_ids) == (None, frozenset())


def test_night_of_sunday_ends_on_monday() -> None:
    """The week is a circle."""
    text = 'kind: policy\nid: a\naccepts: {}\nquiet_hours: {allowed: {su: "22:00-00:00"}}\n'
    longer = text.replace("00:00", "01:00")

    assert [
        [(w.weekday, w.start_min, w.end_min) for w in hours.allowed]
        for t in (text, longer)
        for hours in compile_plan(stored(t), 1, "s").policy.quiet_hours
    ] == [[(6, 1320, 1440)], [(0, 0, 60), (6, 1320, 1440)]]


FENCES = """\
kind: fence
id: b
circle: {lat: 1, lon: 2, radius_m: 50}
tags: [x]
dwell_after: [5m, 10m]
---
kind: fence
id: a
circle: {lat: 1, lon: 2, radius_m: 60}
tags: [x]
---
kind: template
id: t
purpose: marketing
sms: {text: hi}
"""


def campaign(name: str, entry: str) -> str:
    """Write a campaign with this entry."""
    message = "message: {template: t, channels: [sms]}"
    return f"---\nkind: campaign\nid: {name}\nentry: {entry}\n{message}\n"


def test_wake_index_holds_each_campaign_once_in_order_of_id() -> None:
    """A stimulus finds its campaigns by name, or by kind and fence."""
    text = FENCES
    text += campaign("z", "[{event: cart}, {event: cart, where: {a: 1}}, {event: view}]")
    text += campaign("m", "{event: cart}")
    text += campaign("k", "{transition: exit, fence: {tag: x}, initial: true}")
    made = compile_plan(stored(text), 1, "s")

    assert {name: [c.campaign_id for c in woken] for name, woken in made.on_event.items()} == {
        "cart": ["m", "z"],
        "view": ["z"],
    }
    assert set(made.on_transition) == {("exit", "a"), ("exit", "b")}


def test_dwell_wakes_only_where_the_threshold_is() -> None:
    """``after`` picks the fences that have this threshold; without it, those that have any."""
    text = FENCES + campaign("one", "{transition: dwell, after: 10m, fence: {tag: x}}")
    text += campaign("two", "{transition: dwell, fence: {tag: x}}")
    made = compile_plan(stored(text), 1, "s")

    assert made.campaigns["one"].entries == (
        plan.TransitionEntry("dwell", frozenset({"b"}), 10 * MIN_MS),
    )
    assert made.campaigns["two"].entries == (plan.TransitionEntry("dwell", frozenset({"b"})),)


def test_passing_wakes_only_where_the_fence_asks_for_it() -> None:
    """PASS and APPROACH happen at fences that ask for them; nobody waits at the others."""
    asking = FENCES.replace("dwell_after: [5m, 10m]", "pass: true").replace(
        "radius_m: 60}", "radius_m: 60}\napproach_s: 300"
    )
    text = asking + campaign("one", "{transition: pass, fence: {tag: x}}")
    text += campaign("two", "{transition: approach, fence: {tag: x}}")
    text += campaign("three", "{transition: expire, fence: {tag: x}}")
    made = compile_plan(stored(text), 1, "s")

    assert set(made.on_transition) == {
        ("pass", "b"), ("approach", "a"), ("expire", "a"), ("expire", "b"),
    }  # fmt: skip


def test_openings_are_awaited_only_where_an_entry_asks() -> None:
    """Opening hours that no entry asks for cost nothing."""
    hours = FENCES.replace("radius_m: 60}", 'radius_m: 60}\nactive: "08:00-18:00"\nzone: UTC')
    plain = hours + campaign("one", "{transition: enter, fence: {tag: x}, inactive: true}")
    asked = hours + campaign("one", "{transition: enter, fence: {tag: x}, opened: true}")

    assert compile_plan(stored(plain), 1, "s").openings == {}
    assert list(compile_plan(stored(asked), 1, "s").openings) == ["a"]


def test_workspace_says_how_many_journeys_somebody_may_be_in() -> None:
    """Forty if it says nothing."""
    workspace = "---\nkind: workspace\nid: w\n"

    assert compile_plan(stored(FENCES), 1, "s").living == 40
    assert compile_plan(stored(FENCES + workspace), 1, "s").living == 40
    assert compile_plan(stored(f"{FENCES}{workspace}journeys_at_once: 7\n"), 1, "s").living == 7


def test_mock_positions_count_only_if_the_workspace_says_so() -> None:
    """Test devices are the workspace's own choice."""
    workspace = "---\nkind: workspace\nid: w\n"

    assert not compile_plan(stored(FENCES + workspace), 1, "s").allows_mock
    assert compile_plan(stored(FENCES + workspace + "mock: true\n"), 1, "s").allows_mock


def test_fences_carry_the_moment_they_were_published_first() -> None:
    """``since_ms`` is state of the gateway, given by the caller."""
    fences = fences_of(stored(FENCES), {"a": 5})

    assert [(fence.fence_id, fence.since_ms) for fence in fences] == [("a", 5), ("b", 0)]
    assert fences[1].dwell_after_s == (300, 600)


@pytest.mark.feature("C06")
def test_mjml_becomes_the_html_of_every_language() -> None:
    """What is rendered is HTML: nothing of the MJML is left, in the default and in translations."""
    column = "<mj-section><mj-column><mj-text>%s</mj-text></mj-column></mj-section>"
    page = f"<mjml><mj-body>{column}</mj-body></mjml>"
    body = {
        "kind": "template",
        "id": "greet",
        "purpose": "marketing",
        "languages": {"en": "default", "ko": {"email": {
            "subject": "안녕", "text": "안녕", "preheader": "안",
            "mjml": page % "안 {{ place.name }}",
        }}},
        "email": {
            "subject": "Hi", "text": "Hi", "preheader": "H", "mjml": page % "Hi {{ place.name }}",
        },
    }  # fmt: skip
    template = compile_plan(stored(json.dumps(body)), revision=7, seed="s").templates["greet"]

    for content, word in (
        (template.sources["email"], "Hi"),
        (template.languages["ko"]["email"], "안"),
    ):
        assert "mjml" not in content
        assert f"{word} {{{{ place.name }}}}</div>" in content["html"]
        assert content["html"].startswith("<!doctype html>")
