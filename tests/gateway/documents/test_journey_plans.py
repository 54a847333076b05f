from __future__ import annotations

import pytest
from msgspec import structs

from fencepost_gateway.decide import plan, steps
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.kept_flows import KeptFlows
from fencepost_gateway.documents.loader import load

MIN_MS = 60_000
DAY_MS = 86_400_000
FENCES = """\
kind: fence
id: studio
circle: {lat: 43.73, lon: 7.42, radius_m: 60}
tags: [studio]
active: "Mo-Fr 08:00-20:00"
zone: Europe/Monaco
---
kind: fence
id: shop
circle: {lat: 43.74, lon: 7.42, radius_m: 60}
tags: [shop]
"""
HEAD = """\
kind: journey
id: first-class
name: The first class
entry: {transition: enter, fence: {tag: studio}}
when: {person: tier, is: plus}
reentry: {after: 24h}
goal: {event: class_pack_bought, within: 14d}
lifetime: 30d
holdout: 10%
priority: 70
tags: [yoga]
brand: luma
instance: order_id
limits: {entries: 100, running: 10}
"""


def stored(text: str, version: int = 3) -> list[StoredDocument]:
    """Read documents that are right."""
    loaded = load([SourceFile("a.yaml", text)])
    assert loaded.problems == [], [str(problem) for problem in loaded.problems]
    return [StoredDocument(d.kind, d.id, version, d.body) for d in loaded.documents]


def compiled(written: str, head: str = HEAD) -> steps.Flow:
    """Compile a journey of these steps."""
    text = f"{FENCES}---\n{head}steps:\n{written}"
    return compile_plan(stored(text), 1, "s").flows["first-class", 3]


def only(written: str) -> steps.Step:
    """Compile a journey of one step."""
    (step,) = compiled(written).steps.values()
    return step


def test_a_journey_is_a_head_among_the_campaigns_and_a_flow() -> None:
    """The head has what a journey shares with a campaign, and wakes as one."""
    text = f"{FENCES}---\n{HEAD}steps: [{{wait: {{for_duration: 1h}}}}]\n"
    made = compile_plan(stored(text), 1, "s")
    head, flow = made.campaigns["first-class"], made.flows["first-class", 3]

    assert head.is_journey
    assert head.message == plan.NO_MESSAGE
    assert (head.version, head.name, head.brand) == (3, "The first class", "luma")
    assert head.goal == plan.Goal("class_pack_bought", 14 * DAY_MS)
    assert head.reentry == plan.Reentry("after", DAY_MS)
    assert (head.holdout, set(head.tags)) == (0.1, {"yoga"})
    assert head.when == compile_rule({"person": "tier", "is": "plus"})
    assert made.on_transition["enter", "studio"] == (head,)
    assert flow.head == head
    assert (flow.lifetime_ms, flow.instance) == (30 * DAY_MS, "order_id")
    assert flow.head.limits == plan.Limits(100, running=10)


def test_campaigns_and_journeys_wake_in_order_of_id() -> None:
    """Which kind it is does not matter to the order."""
    text = """\
kind: campaign
id: b
entry: {event: cart}
message: {template: t, channels: [sms]}
---
kind: journey
id: a
entry: {event: cart}
goal: none
steps: [{stage: only}]
---
kind: journey
id: c
entry: {event: cart}
goal: none
steps: [{stage: only}]
"""
    made = compile_plan(stored(text), 1, "s")

    assert [each.campaign_id for each in made.on_event["cart"]] == ["a", "b", "c"]
    assert list(made.campaigns) == ["a", "b", "c"]


def keeping(*pinned: StoredDocument) -> KeptFlows:
    """Keep these older versions."""
    kept = KeptFlows()
    kept.pinned = pinned
    return kept


def test_a_publication_compiles_only_the_journeys_that_changed() -> None:
    """What is the same is taken again; another body, version, fence or zone makes it anew."""
    kept, fences = KeptFlows(), stored(FENCES)
    zone = stored("{kind: workspace, id: w, zone: Asia/Seoul}")
    head = "kind: journey\ngoal: none\nsteps: [{stage: only}]\nentry: {event: cart}\n"
    (one,), (two,) = stored(f"{head}id: a"), stored(f"{head}id: b")

    def flows(*documents: StoredDocument) -> list[steps.Flow]:
        made = compile_plan(documents, 1, "s", kept_flows=kept).flows
        assert made == compile_plan(documents, 1, "s").flows
        return list(made.values())

    first, second = flows(*fences, one, two)
    again, changed = flows(*fences, one, structs.replace(two, body=two.body | {"holdout": "10%"}))

    assert again is first
    assert changed != second
    assert flows(*fences, structs.replace(one, version=2))[0] != first
    assert flows(*fences[:1], one)[0] is not flows(*fences, one)[0]
    assert flows(*fences, *zone, one)[0] is not flows(*fences, one)[0]
    assert flows(*fences, one)[0] is flows(*fences, one, two)[0]


def test_a_pinned_version_has_a_flow_and_is_entered_by_nobody() -> None:
    """Older versions stay for the runs that are on them, and wake nothing."""
    new = "kind: journey\nid: a\nentry: {event: new}\ngoal: none\nsteps: [{stage: new}]\n"
    old = new.replace("new", "old")
    gone = old.replace("id: a", "id: gone")
    pinned = [*stored(old, 1), *stored(gone, 5)]
    made = compile_plan(stored(new, 2), 1, "s", kept_flows=keeping(*pinned))

    assert set(made.flows) == {("a", 1), ("a", 2), ("gone", 5)}
    assert set(made.on_event) == {"new"}
    assert {name: each.version for name, each in made.campaigns.items()} == {"a": 2}


def test_steps_run_from_top_to_bottom_and_an_unnamed_one_has_its_number() -> None:
    """What was written as ``to`` counts, and is no step."""
    flow = compiled(
        """\
  - stage: one
  - to: last
  - id: middle
    stage: two
  - {id: gone, to: end}
  - id: last
    stage: three
    note: as agreed
  - stage: four
"""
    )

    assert flow.first == "1"
    assert {name: step.next for name, step in flow.steps.items()} == {
        "1": "last",
        "middle": "end",
        "last": "6",
        "6": "end",
    }
    assert flow.steps["last"].note == "as agreed"


def test_a_name_of_a_to_leads_where_it_goes() -> None:
    """A chain of them is followed, and so is one at the beginning."""
    flow = compiled(
        """\
  - to: ask
  - {id: there, to: over}
  - {id: over, to: done}
  - id: ask
    limit: {to: 1}
    then: {full: there}
  - id: done
    goal: true
"""
    )

    assert flow.first == "ask"
    assert flow.steps["ask"].then == {"full": "done"}
    assert flow.steps["ask"].way("full") == "done"
    assert flow.steps["ask"].way("other") == "done"


def test_a_message_step_is_a_campaign_of_one_message() -> None:
    """All of the head, and a message; its priority is the journey's unless it says one."""
    flow = compiled(
        """\
  - id: greet
    message: {template: greet, channels: [in_app, email], while: true, max_age: 2h}
    then: {withheld.no_address: end, withheld: loud}
  - id: loud
    message: {template: greet, channels: [sms], priority: 90}
"""
    )
    part, loud = flow.part("greet"), flow.part("loud")
    assert part is not None
    assert loud is not None

    assert (part.campaign_id, part.version, part.brand) == ("first-class", 3, "luma")
    assert (part.goal, part.holdout) == (flow.head.goal, flow.head.holdout)
    assert part.message.template_id == "greet"
    assert part.message.channels == ("in_app", "email")
    assert part.message.max_age_ms == 120 * MIN_MS
    assert (part.message.priority, loud.message.priority) == (70, 90)
    assert flow.steps["greet"].way("withheld.no_address") == "end"
    assert flow.steps["greet"].way("withheld.consent") == "loud"
    assert flow.part("nowhere") is None


def test_the_priority_of_a_message_may_be_said_to_be_the_default() -> None:
    """A priority that is written stands, whatever it is."""
    flow = compiled("  - id: a\n    message: {template: t, channels: [sms], priority: 50}\n")
    part = flow.part("a")
    assert part is not None

    assert part.message.priority == 50


WAITS: dict[str, tuple[str, steps.WaitStep]] = {
    "duration": (
        "{for_duration: 2h, spread: 30m}",
        steps.WaitStep(120 * MIN_MS, spread_ms=30 * MIN_MS),
    ),
    "local time": (
        '{until: "07:30"}',
        steps.WaitStep(until=steps.LocalTime(450)),
    ),
    "local time of a zone and days": (
        '{until: "07:30", zone: Europe/Monaco, days: [mo, su]}',
        steps.WaitStep(until=steps.LocalTime(450, frozenset({0, 6}), "Europe/Monaco")),
    ),
    "date of the person": (
        "{until_date: {person: card.renewal, minus: 7d}}",
        steps.WaitStep(date=steps.DateOf(("person", "card", "renewal"), -7 * DAY_MS)),
    ),
    "date of the event": (
        '{until_date: {event: for_date, plus: 1h, at: "07:30", zone: workspace}}',
        steps.WaitStep(
            date=steps.DateOf(("event", "for_date"), 60 * MIN_MS, 450, "workspace"),
        ),
    ),
    "as long as it holds": (
        "{for_duration: 1d, while: {person: a, is: 1}}",
        steps.WaitStep(DAY_MS, while_=compile_rule({"person": "a", "is": 1})),
    ),
    "event": (
        "{for: {event: purchase, same: [sku]}, timeout: 1d}",
        steps.WaitStep(
            awaited=(steps.Awaited("event", plan.EventEntry("purchase"), ("sku",)),),
            timeout_ms=DAY_MS,
        ),
    ),
    "audience": (
        "{for: {audience: vips, on: leave}}",
        steps.WaitStep(
            awaited=(steps.Awaited("audience", plan.AudienceEntry("vips", "leave")),),
        ),
    ),
    "transition": (
        "{for: {transition: exit, fence: {tag: shop}}}",
        steps.WaitStep(
            awaited=(
                steps.Awaited("transition", plan.TransitionEntry("exit", frozenset({"shop"}))),
            ),
        ),
    ),
    "fence that opens": (
        "{for: {transition: enter, fence: {id: studio}, opened: true}}",
        steps.WaitStep(
            awaited=(
                steps.Awaited(
                    "transition",
                    plan.TransitionEntry("enter", frozenset({"studio"}), opened=True),
                ),
            ),
        ),
    ),
    "reactions": (
        "{for: {clicked: greet, opened: greet}, timeout: 24h}",
        steps.WaitStep(
            awaited=(
                steps.Awaited("opened", steps.Reaction("opened", "greet")),
                steps.Awaited("clicked", steps.Reaction("clicked", "greet")),
            ),
            timeout_ms=DAY_MS,
        ),
    ),
    "several by name": (
        "{for: {bought: {event: purchase}, seen: {opened: greet, displayed: greet}}}",
        steps.WaitStep(
            awaited=(
                steps.Awaited("bought", plan.EventEntry("purchase")),
                steps.Awaited("seen", steps.Reaction("displayed", "greet")),
                steps.Awaited("seen", steps.Reaction("opened", "greet")),
            ),
        ),
    ),
}


@pytest.mark.parametrize(("written", "made"), WAITS.values(), ids=WAITS.keys())
def test_a_wait_becomes_numbers(written: str, made: steps.WaitStep) -> None:
    """Each form of a wait is compiled; what has no name of its own has that of its form."""
    flow = compiled(
        f"""\
  - id: greet
    message: {{template: t, channels: [sms]}}
  - id: wait
    wait: {written}
"""
    )

    assert flow.steps["wait"].does == made


def test_what_is_awaited_is_among_the_opening_hours_asked_for() -> None:
    """A wait for a fence to open needs its hours, as an entry does, in pinned versions too."""
    text = FENCES + "---\n" + HEAD.replace("[yoga]", "[yoga]")
    wait = "steps: [{wait: {for: {transition: enter, fence: {id: studio}, opened: true}}}]\n"
    end = "exit_on: {transition: enter, fence: {id: studio}, opened: true}\nsteps: [{stage: a}]\n"
    fences = stored(FENCES)
    old = [each for each in stored(text + wait) if each.kind == "journey"]

    assert list(compile_plan(stored(text + wait), 1, "s").openings) == ["studio"]
    assert list(compile_plan(stored(text + end), 1, "s").openings) == ["studio"]
    assert list(compile_plan(fences, 1, "s", kept_flows=keeping(*old)).openings) == ["studio"]
    assert compile_plan(fences, 1, "s").openings == {}


def test_what_ends_a_run_is_named_by_what_it_waits_for() -> None:
    """The record of an exit says which criterion fired."""
    flow = compiled(
        "  - id: a\n    message: {template: t, channels: [sms]}\n",
        HEAD
        + "exit_on: [{event: purchase}, {transition: exit, fence: {tag: shop}}, {audience: vips}, "
        "{clicked: a}]\n",
    )

    assert [each.name for each in flow.exit_on] == ["purchase", "exit", "vips", "clicked"]


DOES: dict[str, tuple[str, steps.Does]] = {
    "split": ("split: {b: 1, a: 2.5}", steps.SplitStep((("b", 1.0), ("a", 2.5)))),
    "random split": (
        "split: {a: 1, b: 1, random: true}",
        steps.SplitStep((("a", 1.0), ("b", 1.0)), is_random=True),
    ),
    "split by an experiment": (
        "split: {experiment: greet-test}",
        steps.SplitStep(experiment_id="greet-test"),
    ),
    "limit": ("limit: {to: 40}", steps.LimitStep(40)),
    "update": (
        "update: {set: {a: 1, b: [x, true], c: {event: order.id}, d: {value: row.e}}, unset: [f]}",
        steps.UpdateStep(
            (("a", 1), ("b", ["x", True])),
            (("c", ("event", "order", "id")), ("d", ("value", "row", "e"))),
            ("f",),
        ),
    ),
    "table": (
        "look_up: {table: tiers, key: {person: tier}, as: row}",
        steps.LookUpStep("row", table_id="tiers", key=("person", "tier")),
    ),
    "table by the event": (
        "look_up: {table: tiers, key: {event: order.tier}, as: row}",
        steps.LookUpStep("row", table_id="tiers", key=("event", "order", "tier")),
    ),
    "source": (
        "look_up: {source: tickets, as: left}",
        steps.LookUpStep("left", source_id="tickets"),
    ),
    "webhook": ("webhook: {source: crm}", steps.WebhookStep("crm")),
    "goal": ("goal: true", steps.GoalStep()),
    "stage": ("stage: onboard", steps.StageStep("onboard")),
    "jump": ("jump: other", steps.JumpStep("other")),
}


@pytest.mark.parametrize(("written", "made"), DOES.values(), ids=DOES.keys())
def test_a_step_becomes_what_it_does(written: str, made: steps.Does) -> None:
    """Each kind of step is compiled."""
    assert only(f"  - {{{written}, note: why}}\n").does == made


def test_every_kind_of_step_has_its_case() -> None:
    """What is added to the steps is added here."""
    made = {type(does) for _, does in DOES.values()}
    others = {steps.MessageStep, steps.WaitStep, steps.BranchStep}

    assert made | others == set(steps.Does.__args__)


def test_a_branch_keeps_its_cases_in_order() -> None:
    """The first case that holds wins, so their order is the author's."""
    flow = compiled(
        """\
  - id: ask
    branch:
      - {when: {person: points, gte: 400}, to: vip}
      - {when: false, to: end}
      - {otherwise: rest}
  - {id: vip, to: rest}
  - id: rest
    goal: true
"""
    )

    assert flow.steps["ask"].does == steps.BranchStep(
        (
            steps.Case(compile_rule({"person": "points", "gte": 400}), "rest"),
            steps.Case(compile_rule(tree=False), "end"),
        ),
        "rest",
    )


def test_a_branch_without_otherwise_has_none() -> None:
    """Then a run for which nothing holds ends there."""
    step = only("  - branch: [{when: true, to: end}]\n")

    assert isinstance(step.does, steps.BranchStep)
    assert step.does.otherwise is None


def test_a_stage_may_stand_beside_another_kind() -> None:
    """It begins with that step."""
    step = only("  - {goal: true, stage: convert}\n")

    assert (step.does, step.stage) == (steps.GoalStep(), "convert")


def test_tables_and_sources_are_in_the_plan() -> None:
    """Rows by key; a source's times in milliseconds, its secrets by name."""
    text = """\
kind: table
id: tiers
rows: {gold: {lounge: true, discount: 15}, "1": {name: one}}
---
kind: source
id: tickets
url: https://tickets.example.com/left
ttl_s: 30
timeout_s: 2.5
headers: {Authorization: tickets_key}
"""
    made = compile_plan(stored(text), 1, "s")

    assert made.tables == {
        "tiers": {"gold": {"lounge": True, "discount": 15}, "1": {"name": "one"}}
    }
    assert made.sources == {
        "tickets": plan.Source(
            "tickets",
            3,
            "https://tickets.example.com/left",
            30_000,
            2_500,
            (("Authorization", "tickets_key"),),
        )
    }
