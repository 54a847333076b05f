from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.person import Person, Presence
from fencepost_gateway.decide.plan import (
    Campaign,
    EventEntry,
    MessagePlan,
    Plan,
    Reentry,
    TransitionEntry,
)
from fencepost_gateway.decide.rules import compile_rule, compile_where
from fencepost_gateway.decide.run import Run
from fencepost_gateway.decide.stimulus import Cause
from gateway.decide.builders import (
    CHANNELS,
    DAY_MS,
    ENTER,
    EVENT,
    HOUR_MS,
    MIN_MS,
    NOON_MS,
    STUDIO,
    Entered,
    campaign,
    entered_by,
    plan,
)

YES, NO = compile_rule({"event": "value", "gt": 50}), compile_rule({"event": "value", "gt": 99})


def _entered(
    the_plan: Plan, cause: Cause = EVENT, person: Person | None = None, now_ms: int = NOON_MS
) -> list[Entered]:
    return entered_by(the_plan, "w", person or Person("person-1"), cause, now_ms)


def _reason(
    the_campaign: Campaign,
    cause: Cause = EVENT,
    person: Person | None = None,
    now_ms: int = NOON_MS,
) -> str:
    (entered,) = _entered(plan(the_campaign), cause, person, now_ms)
    assert (entered.step.outcome == "entered") == (not entered.step.reason)
    assert bool(entered.messages) == (not entered.step.reason)
    return entered.step.reason


# ---- the wake index ------------------------------------------------------------------------


class _Untouchable(Mapping[str, Any]):
    """Stands for the campaigns: whoever looks at them has not asked the index first."""

    def __getitem__(self, key: str) -> Any:
        raise AssertionError(key)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


@pytest.mark.parametrize(
    "cause",
    [
        replace(EVENT, name="other"),
        replace(ENTER, fence_id="elsewhere"),
        replace(ENTER, name="exit"),
    ],
    ids=["event", "fence", "transition"],
)
def test_stimulus_that_wakes_nothing_looks_at_no_campaign(cause: Cause) -> None:
    """Only the wake index is asked: an event name, or a transition of a fence."""
    asleep = replace(plan(), campaigns=_Untouchable())

    assert _entered(asleep, cause) == []


def test_every_woken_campaign_leaves_a_record_in_order_of_id() -> None:
    """Entered or not, who was woken is on record."""
    the_plan = plan(campaign("a", when=NO), campaign("b"), campaign("c", run_until_ms=0))

    steps = [e.step for e in _entered(the_plan)]

    assert [(s.campaign_id, s.outcome, s.reason) for s in steps] == [
        ("a", "not_entered", "condition_false"),
        ("b", "entered", ""),
        ("c", "not_entered", "outside_run"),
    ]
    assert {(s.cause, s.at_ms, s.campaign_version) for s in steps} == {("cart_updated", NOON_MS, 3)}


def test_transition_outside_opening_hours_enters_nobody_unless_asked() -> None:
    """The record says when the fence is open; an entry with ``inactive`` does not care."""
    hours = opening_of("Mo-Fr 08:00-11:00", "Europe/Monaco", 43.7, 7.4)
    studio = replace(STUDIO, opening=hours)
    closed = replace(ENTER, inactive=True)
    asked = campaign(entries=(TransitionEntry("enter", frozenset({"studio"}), inactive=True),))

    (kept_out,) = _entered(plan(fences={"studio": studio}), closed)
    (let_in,) = _entered(plan(asked, fences={"studio": studio}), closed)

    assert (kept_out.step.reason, kept_out.messages) == ("fence_inactive", ())
    assert kept_out.step.inputs == {"hours": "Mo-Fr 08:00-11:00", "zone": "Europe/Monaco"}
    assert let_in.step.outcome == "entered"


def test_record_names_the_fence_of_a_transition() -> None:
    """A step that a transition caused says where."""
    (entered,) = _entered(plan(), ENTER)

    assert (entered.step.cause, entered.step.fence_id) == ("enter", "studio")


# ---- entries -------------------------------------------------------------------------------


def _transition_entry(**changes: Any) -> Campaign:
    return campaign(entries=(TransitionEntry("enter", frozenset({"studio"}), **changes),))


def test_who_is_inside_already_does_not_enter_unless_asked() -> None:
    """Tracking that begins inside a fence is no walk into it."""
    initial = replace(ENTER, initial=True)

    assert _entered(plan(_transition_entry()), initial) == []
    assert _reason(_transition_entry(initial=True), initial) == ""
    assert _reason(_transition_entry(initial=True), ENTER) == ""


@pytest.mark.parametrize(
    ("wanted_ms", "reached_ms", "wakes"),
    [
        (5 * MIN_MS, 5 * MIN_MS, True),
        (5 * MIN_MS, 10 * MIN_MS, False),
        (None, 10 * MIN_MS, True),
    ],
    ids=["this threshold", "another threshold", "any threshold"],
)
def test_dwell_wakes_at_its_threshold(
    wanted_ms: int | None,
    reached_ms: int,
    wakes: bool,  # noqa: FBT001 - a table
) -> None:
    """A campaign for five minutes is not woken at ten; one without a figure by each."""
    dwell = replace(ENTER, name="dwell", after_ms=reached_ms)
    entry = TransitionEntry("dwell", frozenset({"studio"}), after_ms=wanted_ms)

    assert bool(_entered(plan(campaign(entries=(entry,))), dwell)) is wakes


def test_entry_of_another_kind_does_not_answer_for_this_one() -> None:
    """An app event called like a transition wakes no entry by transition, and the reverse."""
    by_event = campaign("a", entries=(EventEntry("enter"),))
    by_fence = campaign("b", entries=(TransitionEntry("enter", frozenset({"studio"})),))
    confused = replace(
        plan(by_event, by_fence),
        on_event={"enter": (by_event, by_fence)},
        on_transition={("enter", "studio"): (by_event, by_fence)},
    )

    assert [e.step.campaign_id for e in _entered(confused, replace(EVENT, name="enter"))] == ["a"]
    assert [e.step.campaign_id for e in _entered(confused, ENTER)] == ["b"]


@pytest.mark.parametrize(
    ("wheres", "reason", "looked_at"),
    [
        ((50,), "", 1),
        ((99,), "condition_false", 1),
        ((99, 50), "", 2),
        ((50, 99), "", 1),
        ((99, 98), "condition_false", 2),
        ((99, None), "", 1),
        ((None, 99), "", 0),
    ],
)
def test_one_entry_whose_where_holds_will_do(
    wheres: tuple[int | None, ...], reason: str, looked_at: int
) -> None:
    """Entries are alternatives: any of them lets in, and what was asked is on record."""
    entries = tuple(
        EventEntry(
            "cart_updated",
            None if floor is None else compile_where({"event": "value", "gt": floor}),
        )
        for floor in wheres
    )

    (entered,) = _entered(plan(campaign(entries=entries)))

    assert entered.step.reason == reason
    assert len(entered.step.inputs.get("operands", [])) == looked_at


def test_condition_is_asked_after_the_entry_and_explained() -> None:
    """Both the entry's where and the campaign's when must hold; operands of both are shown."""
    entry = EventEntry("cart_updated", YES)

    (entered,) = _entered(plan(campaign(entries=(entry,), when=NO)))

    assert entered.step.reason == "condition_false"
    assert [operand["ok"] for operand in entered.step.inputs["operands"]] == [True, False]
    assert _reason(campaign(entries=(entry,), when=YES)) == ""


def test_condition_is_not_asked_where_no_entry_lets_in() -> None:
    """The first thing that keeps the person out is the record; nothing behind it is looked at."""
    (entered,) = _entered(plan(campaign(entries=(EventEntry("cart_updated", NO),), when=YES)))

    assert len(entered.step.inputs["operands"]) == 1


def test_condition_sees_place_and_presence() -> None:
    """The rule is asked about the fence that was entered."""
    inside = compile_rule({"all": [{"inside": {"tag": "studio"}}, {"place": "id", "is": "studio"}]})
    person = Person("person-1", inside=[Presence("studio", NOON_MS, "v", "d")])

    assert _reason(campaign(when=inside), ENTER, person) == ""
    assert _reason(campaign(when=inside), ENTER) == "condition_false"


# ---- run dates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "reason"),
    [
        (None, None, ""),
        (NOON_MS, NOON_MS + 1, ""),
        (NOON_MS + 1, None, "outside_run"),
        (None, NOON_MS, "outside_run"),
    ],
    ids=["always", "inside", "not begun", "over"],
)
def test_run_dates_let_in_from_and_until_exclusive(
    from_ms: int | None, until_ms: int | None, reason: str
) -> None:
    """A campaign takes people in between its dates, the last exclusive."""
    assert _reason(campaign(run_from_ms=from_ms, run_until_ms=until_ms)) == reason


# ---- re-entry ------------------------------------------------------------------------------

LIVES = Run("old", NOON_MS - 2 * HOUR_MS)
ENDED = Run("old", NOON_MS - 2 * HOUR_MS, 0, NOON_MS - HOUR_MS, "sent")


@pytest.mark.parametrize(
    ("mode", "mark", "reason"),
    [
        (Reentry("never"), None, ""),
        (Reentry("never"), LIVES, "reentry_never"),
        (Reentry("never"), ENDED, "reentry_never"),
        (Reentry(), None, ""),
        (Reentry(), LIVES, "reentry_running"),
        (Reentry(), ENDED, ""),
        (Reentry("after", HOUR_MS), LIVES, "reentry_running"),
        (Reentry("after", 2 * HOUR_MS), ENDED, ""),
        (Reentry("after", 2 * HOUR_MS + 1), ENDED, "reentry_wait"),
        (Reentry("always"), LIVES, ""),
        (Reentry("always"), ENDED, ""),
    ],
)
def test_reentry_rule(mode: Reentry, mark: Run | None, reason: str) -> None:
    """Never two live runs but with ``always``; the wait counts from the entry before."""
    person = Person("person-1", runs={"greeting": mark} if mark else {})

    assert _reason(campaign(reentry=mode), person=person) == reason


def test_entering_is_noted_with_the_person() -> None:
    """The mark holds the newest run and how many of its messages are open."""
    person = Person("person-1")
    each = campaign(message=MessagePlan("greet", CHANNELS, each=True))

    (entered,) = _entered(plan(each), person=person)

    assert person.runs["greeting"] == Run(entered.step.run_id, NOON_MS, len(CHANNELS))


def test_not_entering_leaves_the_person_as_they_were() -> None:
    """Who is kept out keeps the mark of the run before."""
    person = Person("person-1", runs={"greeting": ENDED})

    assert _reason(campaign(when=NO), person=person) == "condition_false"
    assert person.runs == {"greeting": ENDED}


def test_who_was_merely_woken_twice_runs_once() -> None:
    """The second stimulus meets the live run of the first."""
    person = Person("person-1")
    again = replace(EVENT, stimulus_id="stimulus-9")

    reasons = [_reason(campaign(), cause, person) for cause in (EVENT, again)]

    assert reasons == ["", "reentry_running"]


# ---- messages and ids ----------------------------------------------------------------------


def test_message_is_one_over_all_channels() -> None:
    """In order of preference, with the campaign's priority and the cause that made it."""
    wish = MessagePlan("greet", ("sms", "email"), priority=80)

    (entered,) = _entered(plan(campaign(message=wish)))
    (made,) = entered.messages

    assert made.channels == ("sms", "email")
    assert made.group_id == made.message_id == entered.step.message_ids[0]
    assert (made.run_id, made.person_id, made.priority) == (entered.step.run_id, "person-1", 80)
    assert (made.campaign_id, made.campaign_version, made.cause) == ("greeting", 3, EVENT)


def test_each_makes_one_message_a_channel_with_one_group() -> None:
    """They are judged apart and counted together."""
    (entered,) = _entered(plan(campaign(message=MessagePlan("greet", CHANNELS, each=True))))

    assert [m.channels for m in entered.messages] == [(channel,) for channel in CHANNELS]
    assert len({m.message_id for m in entered.messages}) == len(CHANNELS)
    assert len({m.group_id for m in entered.messages}) == 1
    assert entered.step.message_ids == tuple(m.message_id for m in entered.messages)


@pytest.mark.parametrize(
    ("cause", "max_age_ms", "life_ms"),
    [(EVENT, None, DAY_MS), (ENTER, None, 15 * MIN_MS), (ENTER, HOUR_MS, HOUR_MS)],
    ids=["app event", "transition", "authored"],
)
def test_message_lives_from_its_cause(cause: Cause, max_age_ms: int | None, life_ms: int) -> None:
    """Expiry counts from when it happened, not from when we heard of it."""
    wish = MessagePlan("greet", CHANNELS, max_age_ms=max_age_ms)

    (entered,) = _entered(plan(campaign(message=wish)), cause, now_ms=NOON_MS + MIN_MS)

    assert entered.messages[0].expires_at_ms == NOON_MS + life_ms
    assert entered.messages[0].entered_ms == NOON_MS + MIN_MS


@pytest.mark.parametrize("each", [True, False])
def test_same_stimulus_makes_the_same_ids(each: bool) -> None:  # noqa: FBT001 - both forms
    """A takeover or replay makes what the first pass made, at whatever time and in any version."""
    wish = MessagePlan("greet", CHANNELS, each=each)
    passes = [
        _entered(plan(campaign(message=wish, version=version)), now_ms=NOON_MS + version)
        for version in (1, 2)
    ]
    ids = [[(e.step.run_id, e.step.message_ids) for e in entered] for entered in passes]

    assert ids[0] == ids[1]


def test_ids_tell_workspace_campaign_and_stimulus_apart() -> None:
    """Another workspace, campaign or stimulus makes another run and message."""
    other = replace(EVENT, stimulus_id="stimulus-9")
    made = [
        entered_by(plan(campaign(campaign_id)), workspace, Person("p"), cause, NOON_MS)[0].step
        for campaign_id, workspace, cause in [
            ("a", "w", EVENT),
            ("b", "w", EVENT),
            ("a", "v", EVENT),
            ("a", "w", other),
        ]
    ]

    assert len({step.run_id for step in made}) == 4
    assert len({step.message_ids for step in made}) == 4
