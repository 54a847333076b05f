from fencepost_gateway.decide.cause import rule_facts
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import EventEntry, Goal, Reentry
from fencepost_gateway.decide.rules import compile_rule, compile_where
from fencepost_gateway.decide.steps import (
    Awaited,
    BranchStep,
    Case,
    DateOf,
    Flow,
    GoalStep,
    JumpStep,
    LimitStep,
    LocalTime,
    LookUpStep,
    Reaction,
    SplitStep,
    StageStep,
    UpdateStep,
    WaitStep,
)
from fencepost_gateway.decide.walk import PROPS_MAX_BYTES
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, NOON_MS, at
from gateway.decide.journeys import (
    JOURNEY,
    Traveller,
    flow,
    head,
    message,
    plan_of,
    step,
    wait,
)

CLICKED = Awaited("clicked", Reaction("clicked", "greet"))
BOUGHT = Awaited("bought", EventEntry("purchase"))
REACTION = WaitStep(awaited=(CLICKED,), timeout_ms=DAY_MS)


def reacting() -> Traveller:
    """Somebody who was greeted and has a day to click."""
    them = Traveller(
        plan_of(
            flow(
                step("greet", message()),
                step("reaction", REACTION, clicked="offer", timeout="remind"),
                step("remind", message(), "end"),
                step("offer", message(), "end"),
            )
        )
    )
    them.does("begin")
    return them


def test_run_goes_on_until_it_waits() -> None:
    """Steps are taken at once, in the order written, and each leaves a record."""
    them = reacting()

    assert them.told == ["entered", "greet took", "reaction waits"]
    assert them.run.at.step_id == "reaction"
    assert them.run.at.due_ms == NOON_MS + DAY_MS
    assert [m.step_id for m in them.walked.messages] == ["greet"]


def test_reaction_takes_its_way_and_silence_the_other() -> None:
    """A click in time is answered, and so is none."""
    clicked, silent = reacting(), reacting()
    clicked.reacts("clicked", at_ms=NOON_MS + HOUR_MS)
    silent.waits_until(NOON_MS + DAY_MS)

    assert clicked.told[3:] == ["reaction took clicked", "offer took"]
    assert silent.told[3:] == ["reaction took timeout", "remind took"]


def test_reaction_at_the_very_moment_of_the_timeout_counts() -> None:
    """Whatever the log tells first, there is one branch, and always the same."""
    them = reacting()
    them.reacts("clicked", at_ms=NOON_MS + DAY_MS)

    assert them.told[3] == "reaction took clicked"


def test_reaction_of_too_late_an_event_time_is_a_timeout() -> None:
    """Time runs up to what happens before it is looked at, though no timer has rung."""
    them = reacting()
    them.reacts("clicked", at_ms=NOON_MS + DAY_MS + 1)
    them.waits_until(NOON_MS + DAY_MS + 2)

    assert them.told[3] == "reaction took timeout"


def test_reaction_before_the_wait_is_remembered() -> None:
    """A click while the run stood elsewhere moves it when it comes to the wait."""
    them = Traveller(
        plan_of(
            flow(
                step("greet", message()),
                wait("pause", HOUR_MS),
                step("reaction", REACTION, clicked="offer", timeout="end"),
                step("offer", message(), "end"),
            )
        )
    )
    them.does("begin")
    them.reacts("clicked", at_ms=NOON_MS + MIN_MS)
    them.waits_until(NOON_MS + HOUR_MS)

    assert them.told[3:] == ["pause took", "reaction took clicked", "offer took"]


def test_earliest_of_several_awaited_events_wins_by_its_own_time() -> None:
    """What is told late happened when it happened: before the timeout it counts."""
    them = Traveller(
        plan_of(
            flow(
                step(
                    "either",
                    WaitStep(
                        awaited=(BOUGHT, Awaited("left", EventEntry("left"))), timeout_ms=DAY_MS
                    ),
                    bought="end",
                    left="end",
                )
            )
        )
    )
    them.does("begin")
    them.does("left", NOON_MS + HOUR_MS, now_ms=NOON_MS + 2 * DAY_MS)

    assert them.told[1:] == ["either waits", "either took left", "end ended completed"]


def test_event_before_the_wait_began_does_not_count() -> None:
    """Somebody who bought yesterday has not answered today's offer."""
    them = Traveller(plan_of(flow(step("either", WaitStep(awaited=(BOUGHT,), timeout_ms=DAY_MS)))))
    them.does("begin")
    them.does("purchase", NOON_MS - 1, now_ms=NOON_MS + 1)

    assert them.told[-1] == "either waits"


def test_awaited_event_may_have_to_be_about_the_same() -> None:
    """A forecast for another day ends nothing."""
    again = Awaited(
        "again", EventEntry("forecast", compile_where({"event": "max_c", "lt": 30})), ("date",)
    )
    them = Traveller(plan_of(flow(step("w", WaitStep(for_ms=DAY_MS)), exit_on=(again,))))
    them.does("begin", date="d1")
    them.does("forecast", NOON_MS + 1, date="d2", max_c=20)
    them.does("forecast", NOON_MS + 2, date="d1", max_c=33)
    assert them.told[-1] == "w waits"

    them.does("forecast", NOON_MS + 3, date="d1", max_c=20)

    assert them.told[-1] == "w ended exited"
    assert them.steps[-1].inputs["exit_on"] == 1
    assert them.run.outcome == "exited"


def test_goal_ends_the_run_wherever_it_stands() -> None:
    """A purchase in time ends it; one before the entry is no success."""
    top = head(goal=Goal("purchase", DAY_MS))
    them = Traveller(plan_of(flow(wait("w", 2 * DAY_MS), top=top)))
    them.does("begin")
    them.does("purchase", NOON_MS - 1, now_ms=NOON_MS)
    assert them.told[-1] == "w waits"

    them.does("purchase", NOON_MS + HOUR_MS)

    assert them.told[-1] == "w ended goal_reached"


def test_run_ends_with_its_lifetime() -> None:
    """Nobody waits for ever."""
    them = Traveller(plan_of(flow(step("w", WaitStep(awaited=(BOUGHT,))), lifetime_ms=30 * DAY_MS)))
    them.does("begin")
    them.waits_until(NOON_MS + 30 * DAY_MS)

    assert them.told[-1] == "w ended expired"


def test_run_lives_until_its_messages_have_ended() -> None:
    """The last message may still be on its way when the last step is done."""
    them = Traveller(plan_of(flow(step("greet", message()))))
    them.does("begin")
    assert them.run.ended_ms is None

    them.ends("sent")

    assert them.told == ["entered", "greet took", "end ended completed"]


def test_outcome_of_a_message_is_a_way() -> None:
    """What could not be sent goes another way, by the finest name that has one."""
    steps = (
        step("push", message(), withheld__no_address="sms", sent="end"),
        step("thanks", message(), "end"),
        step("sms", message(), "end"),
    )
    refused, sent, other = (Traveller(plan_of(flow(*steps))) for _ in range(3))
    for them in (refused, sent, other):
        them.does("begin")
        assert them.told[-1] == "push waits"
    refused.ends("withheld", "no_address")
    sent.ends("sent")
    other.ends("withheld", "consent")

    assert refused.told[2:] == ["push took withheld.no_address", "sms took"]
    assert sent.told[2:] == ["push took sent", "end ended completed"]
    assert other.told[2:] == ["push took withheld.consent", "thanks took"]


def test_answer_of_a_provider_is_a_way() -> None:
    """Who is gone is reached elsewhere; nobody is who may have got it already."""
    push = step("push", message(), "end", failed__gone="sms")
    the_plan = plan_of(flow(push, step("sms", message(), "end")))
    gone, unknown = (Traveller(the_plan) for _ in range(2))
    for them in (gone, unknown):
        them.does("begin")
    gone.ends("failed", "gone.gone")
    unknown.ends("unknown", "unknown.cut")

    assert gone.told[2:] == ["push took failed.gone.gone", "sms took"]
    assert unknown.told[2:] == ["push took unknown.unknown.cut", "end ended completed"]


def test_first_true_branch_is_taken() -> None:
    """From the top; the record has every operand that was looked at."""
    branch = BranchStep(
        (
            Case(compile_rule({"person": "points", "gte": 400}), "vip"),
            Case(compile_rule({"person": "points", "gte": 100}), "some"),
        ),
        otherwise="none",
    )
    steps = [step("b", branch), *(step(i, message(), "end") for i in ("vip", "some", "none"))]
    ways = {}
    for points in (500, 200, 10):
        them = Traveller(plan_of(flow(*steps)), Person("p", attributes={"points": points}))
        them.does("begin")
        ways[points] = them.walked.messages[0].step_id
        assert len(them.steps[1].inputs["operands"]) == (1 if points == 500 else 2)

    assert ways == {500: "vip", 200: "some", 10: "none"}


def test_branch_without_a_true_case_ends_the_run() -> None:
    """No ``otherwise``: the record says so."""
    branch = BranchStep((Case(compile_rule({"person": "points", "gte": 400}), "end"),))
    them = Traveller(plan_of(flow(step("b", branch))))
    them.does("begin")

    assert them.told == ["entered", "b ended no_branch"]


SPLIT = flow(
    step("s", SplitStep((("a", 50), ("b", 50))), a="a", b="b"),
    step("a", message(), "end"),
    step("b", message(), "end"),
    top=head(reentry=Reentry("always")),
)


def _way(the_flow: Flow, person_id: str, known: Person | None = None) -> str:
    them = Traveller(plan_of(the_flow), known or Person(person_id))
    them.number = len(them.person.runs)
    them.does("begin")
    return them.walked.messages[-1].step_id


def test_split_is_sticky_and_fair() -> None:
    """The same person goes the same way again, and the shares are those of the weights."""
    found = [_way(SPLIT, f"person-{n}") for n in range(2_000)]

    assert found[:50] == [_way(SPLIT, f"person-{n}") for n in range(50)]
    assert 900 < found.count("a") < 1_100


def test_changed_weights_move_only_who_comes_later() -> None:
    """Who went through once keeps their way; of the others only the share that is needed moves."""
    person = Person("person-1")
    before = _way(SPLIT, "", person)
    steps = {**SPLIT.steps, "s": step("s", SplitStep((("a", 0), ("b", 0.001))), a="a", b="b")}
    turned = flow(*steps.values(), top=SPLIT.head)

    assert _way(turned, "", person) == before
    assert _way(turned, "person-x") == "b"


def test_limit_is_exact_and_counts_persons() -> None:
    """The first goes through, also the second time; everybody else takes the other way."""
    the_flow = flow(
        step("l", LimitStep(1), "yes", full="no"),
        step("yes", message(), "end"),
        step("no", message(), "end"),
        top=head(reentry=Reentry("always")),
    )
    census = Census({})
    ways = []
    first = Person("a")
    for number, person in enumerate((first, Person("b"), Person("c"), first)):
        them = Traveller(plan_of(the_flow), person)
        them.census, them.number = census, number
        them.does("begin")
        ways.append(them.walked.messages[-1].step_id)

    assert ways == ["yes", "no", "no", "yes"]


def test_update_is_read_by_the_next_step() -> None:
    """An attribute set in step one is known in step two; one taken away is not."""
    update = UpdateStep((("stage", "greeted"),), (("sku", ("event", "sku")),), ("old",))
    them = Traveller(
        plan_of(
            flow(
                step("u", update),
                step("b", BranchStep((Case(compile_rule({"person": "sku", "is": "mat"}), "m"),))),
                step("m", message(), "end"),
            )
        ),
        Person("p", attributes={"old": 1}),
    )
    them.does("begin", sku="mat")

    assert them.person.attributes == {"stage": "greeted", "sku": "mat"}
    assert them.walked.messages
    assert set(them.walked.topics) == {"attribute stage", "attribute sku", "attribute old"}


def test_table_gives_a_row_or_the_other_way() -> None:
    """A missing row is no error."""
    look_up = LookUpStep("perk", table_id="tiers", key=("person", "tier"))
    the_flow = flow(
        step("l", look_up, "hit", missing="miss"),
        step("hit", message(), "end"),
        step("miss", message(), "end"),
    )
    found = {}
    for tier in ("gold", "lead"):
        them = Traveller(
            plan_of(the_flow, tables={"tiers": {"gold": {"gift": "mat"}}}),
            Person("p", attributes={"tier": tier}),
        )
        them.does("begin")
        found[tier] = them.walked.messages[0].step_id

    assert found == {"gold": "hit", "lead": "miss"}


def test_stage_and_goal_are_marks() -> None:
    """What follows a stage carries its name; a goal step goes on."""
    the_flow = flow(
        step("s", StageStep("adopt")), step("g", GoalStep()), step("m", message(), "end")
    )
    them = Traveller(plan_of(the_flow))
    them.does("begin")

    assert [r.stage for r in them.steps] == ["", "adopt", "adopt", "adopt"]
    assert them.steps[2].inputs == {"goal": True}


def test_jump_ends_the_run_and_names_the_other_journey() -> None:
    """It is a stimulus of its own, one deeper than what led to it."""
    them = Traveller(plan_of(flow(step("j", JumpStep("other")))))
    them.does("begin", sku="mat")
    (jump,) = them.walked.jumps

    assert them.told == ["entered", "j ended jumped"]
    assert (jump.kind, jump.name, jump.jumps, jump.props) == ("jump", "other", 1, {"sku": "mat"})


def test_jumps_in_a_circle_come_to_an_end() -> None:
    """A to B to A stops at depth 50, with a record."""
    one = flow(step("j", JumpStep("b")), top=head(campaign_id="a", reentry=Reentry("always")))
    two = flow(
        step("j", JumpStep("a")),
        top=head(campaign_id="b", entries=(), reentry=Reentry("always")),
    )
    them = Traveller(plan_of(one, two))
    them.does("begin")
    for _ in range(100):
        jumps, them.walked.jumps = them.walked.jumps, []
        for jump in jumps:
            them.takes(jump, NOON_MS)

    assert them.steps[-1].reason == "jump_loop"
    assert sum(r.outcome == "entered" for r in them.steps) == 51


def test_circle_of_steps_without_a_wait_ends_the_run() -> None:
    """It cannot go on for ever."""
    them = Traveller(plan_of(flow(step("a", StageStep("x"), "b"), step("b", StageStep("y"), "a"))))
    them.does("begin")

    assert them.told[-1].endswith("ended loop")
    assert len(them.steps) < 200


def test_condition_of_a_wait_breaks_it() -> None:
    """Still inside? asked at what happens and when the wait begins."""
    rule = compile_rule({"person": "tier", "is": "plus"})
    the_flow = flow(
        step("w", WaitStep(for_ms=HOUR_MS, while_=rule), "ok", broken="end"),
        step("ok", message(), "end"),
    )
    stays = Traveller(plan_of(the_flow), Person("p", attributes={"tier": "plus"}))
    goes = Traveller(plan_of(the_flow), Person("q", attributes={"tier": "plus"}))
    never = Traveller(plan_of(the_flow), Person("r"))
    for them in (stays, goes, never):
        them.does("begin")
    goes.person.attributes.clear()
    goes.does("anything", NOON_MS + 1)
    stays.waits_until(NOON_MS + HOUR_MS)

    assert stays.told[1:] == ["w waits", "w took", "ok took"]
    assert goes.told[1:] == ["w waits", "w took broken", "end ended completed"]
    assert never.told[1:] == ["w took broken", "end ended completed"]


def test_local_time_is_the_next_one_and_follows_the_person() -> None:
    """Recomputed where the person turns out to be elsewhere."""
    them = Traveller(
        plan_of(flow(step("w", WaitStep(until=LocalTime(7 * 60 + 30))))),
        Person("p", zone="Europe/Monaco", zone_at_ms=NOON_MS),
    )
    them.does("begin")
    assert them.run.at.due_ms == at("2026-06-02 05:30")

    them.person.zone = "Asia/Seoul"
    them.clock_changes(NOON_MS + 1)

    assert them.run.at.due_ms == at("2026-06-01 22:30")


def test_waiting_run_keeps_no_large_event() -> None:
    """What is wanted at once reads it; behind a wait it is gone, as it is from the history."""
    them = Traveller(
        plan_of(
            flow(
                step("now", message()), wait("w", DAY_MS), step("later", message(), "end"),
            )
        )
    )  # fmt: skip
    them.does("begin", text="x" * PROPS_MAX_BYTES)
    them.waits_until(NOON_MS + DAY_MS)

    assert [bool(m.cause.props) for m in them.walked.messages] == [True, False]


def test_zones_of_a_country_stand_for_one_that_is_not_known() -> None:
    """The latest of them, so that it is too early nowhere; with no zone there is no waiting."""
    the_flow = flow(step("w", WaitStep(until=LocalTime(7 * 60 + 30))))
    the_plan = plan_of(the_flow, workspace_zone="")
    spanish = Traveller(the_plan, Person("p", calling_code="+34"))
    nowhere = Traveller(the_plan, Person("q"))
    for them in (spanish, nowhere):
        them.does("begin")

    assert spanish.run.at.due_ms == at("2026-06-02 06:30")  # in the Canaries
    assert nowhere.told == ["entered", "w took", "end ended completed"]


def test_nobody_is_spread_who_has_no_zone_to_wait_in() -> None:
    """A spread moves the moment of a wait; where there is none it makes nobody wait."""
    wait_ = WaitStep(until=LocalTime(19 * 60), spread_ms=1_800_000)
    the_plan = plan_of(flow(step("w", wait_)), workspace_zone="")
    nowhere = Traveller(the_plan, Person("p"))
    nowhere.does("begin")

    assert nowhere.told == ["entered", "w took", "end ended completed"]


def test_date_of_the_event_at_a_local_time() -> None:
    """A forecast for tomorrow waits for tomorrow morning; what is no date goes another way."""
    date = DateOf(("event", "for_date"), minute=7 * 60 + 30)
    the_plan = plan_of(flow(step("w", WaitStep(date=date), "end", no_date="end")))
    told, untold = (
        Traveller(the_plan, Person(i, zone="Europe/Monaco", zone_at_ms=NOON_MS)) for i in "pq"
    )
    told.does("begin", for_date="2026-06-09")
    untold.does("begin", for_date="soon")

    assert told.run.at.due_ms == at("2026-06-09 05:30")
    assert untold.told[1] == "w took no_date"


def test_clock_that_jumps_over_a_local_time_reads_it_after_the_jump() -> None:
    """02:30 on the day when summer time begins is 03:00; twice a year it is the first of two."""
    found = {}
    for name, began in (("spring", "2026-03-28 12:00"), ("autumn", "2026-10-24 12:00")):
        wait_ = WaitStep(until=LocalTime(2 * 60 + 30, zone="Europe/Monaco"))
        them = Traveller(plan_of(flow(step("w", wait_))))
        them.does("begin", at(began))
        found[name] = them.run.at.due_ms

    assert found == {"spring": at("2026-03-29 01:00"), "autumn": at("2026-10-25 00:30")}


def test_message_of_a_step_is_as_old_as_the_step() -> None:
    """A day of waiting does not make it too old; a transition a minute ago is young."""
    them = Traveller(plan_of(flow(wait("w", 3 * DAY_MS), step("m", message(), "end"))))
    them.does("begin", sku="mat")
    them.waits_until(NOON_MS + 3 * DAY_MS)
    (wanted,) = them.walked.messages

    assert wanted.cause.at_ms == NOON_MS + 3 * DAY_MS
    assert wanted.expires_at_ms == NOON_MS + 4 * DAY_MS
    assert wanted.began_ms == NOON_MS
    assert wanted.cause.props == {"sku": "mat"}


def test_run_keeps_its_version() -> None:
    """Who entered the old version finishes it; a version that is gone ends the run."""
    old = flow(wait("w", HOUR_MS), step("m", message(), "end"))
    new = flow(wait("x", HOUR_MS), top=head(version=2))
    them = Traveller(plan_of(old))
    them.does("begin")
    both = plan_of(old, new)
    them.plan = both
    them.waits_until(NOON_MS + HOUR_MS)
    assert them.told[-1] == "m took"

    gone = Traveller(plan_of(old))
    gone.does("begin")
    gone.plan = plan_of(new)
    gone.waits_until(NOON_MS + HOUR_MS)

    assert gone.told[-1] == "w ended version_gone"


def test_instances_are_runs_of_their_own() -> None:
    """Two orders are two runs; the same order again is none."""
    them = Traveller(plan_of(flow(wait("w", DAY_MS), instance="order")))
    them.does("begin", order=1)
    them.does("begin", NOON_MS + 1, order=2)
    them.does("begin", NOON_MS + 2, order=1)

    assert sorted(them.person.runs) == [f"{JOURNEY}#1", f"{JOURNEY}#2"]
    assert them.steps[-1].reason == "reentry_running"


def test_always_lets_runs_live_beside_each_other() -> None:
    """The older one goes on to its end."""
    them = Traveller(plan_of(flow(wait("w", DAY_MS), top=head(reentry=Reentry("always")))))
    them.does("begin")
    them.does("begin", NOON_MS + 1)
    them.waits_until(NOON_MS + DAY_MS + 1)

    assert [t for t in them.told if "ended" in t] == ["end ended completed"] * 2


def test_facts_of_the_event_outlive_the_wait() -> None:
    """A rule behind a wait still reads what the entry's event said."""
    them = Traveller(plan_of(flow(wait("w", DAY_MS), step("m", message(), "end"))))
    them.does("begin", value=60)
    them.waits_until(NOON_MS + DAY_MS)
    cause = them.walked.messages[0].cause

    facts = rule_facts(them.plan, them.person, cause, NOON_MS + DAY_MS)

    assert compile_rule({"event": "value", "gt": 50}).evaluate(facts).ok
