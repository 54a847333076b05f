"""Scoring: which goals count, once, and for which group."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide import scoring
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.holdout import held_by
from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.plan import Campaign, Goal, Plan
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.watch import Scored, key_of
from gateway.decide.builders import DAY_MS, ENTER, NOON_MS, YES_TO_ALL, campaign, plan
from gateway.decide.journeys import flow, head, message, plan_of, step

WEEK = Goal("bought", 7 * DAY_MS)
AIMED = campaign(goal=WEEK)


def somebody(person_id: str = "person-1", *consents: ConsentEntry) -> Person:
    """Give a person who has consented to everything, or as told."""
    return Person(person_id, consents=list(consents or YES_TO_ALL))


def figures(found: list[Scored]) -> dict[str, int]:
    """Sum up what is to be counted, by group and figure."""
    total: Counter[str] = Counter()
    for each in found:
        key = key_of(each.what)
        assert key is not None
        total[f"{key.group} {key.figure}"] += each.count
    return {name: count for name, count in total.items() if count}


def enters(
    person: Person,
    at_ms: int = NOON_MS,
    what: Campaign = AIMED,
    the_plan: Plan | None = None,
    **more: Any,
) -> list[Scored]:
    """Let somebody enter."""
    cause = Cause(f"s-{at_ms}", "event", "cart_updated", at_ms)
    now_ms = more.pop("now_ms", at_ms)
    return scoring.begin(the_plan or plan(what), what, person, cause, now_ms)


def buys(person: Person, at_ms: int, value: object = None) -> list[Scored]:
    """Let somebody do it, as the person stage tells it."""
    person.remember("bought", at_ms, {} if value is None else {"value": value})
    return scoring.did(person, "bought", at_ms, value)


@pytest.mark.feature("S16")
@pytest.mark.parametrize(
    ("after_ms", "counts"),
    [(-1, 0), (0, 0), (1, 1), (7 * DAY_MS, 1), (7 * DAY_MS + 1, 0)],
)
def test_goal_counts_after_the_entry_and_within(after_ms: int, counts: int) -> None:
    """Before, at the entry's own moment, and behind the window it does not; told first or after."""
    then, before = somebody(), somebody()
    told = [*enters(then), *buys(then, NOON_MS + after_ms)]
    told_first = [*buys(before, NOON_MS + after_ms), *enters(before, now_ms=NOON_MS + 9 * DAY_MS)]

    expected = {"treated entered": 1} | ({"treated converted": 1} if counts else {})
    assert figures(told) == figures(told_first) == expected


@pytest.mark.feature("S16")
def test_goal_converts_once_and_is_worth_what_the_first_says() -> None:
    """The second purchase, and what is no number, add nothing."""
    person = somebody()
    told = [*enters(person), *buys(person, NOON_MS + 1, 12.5), *buys(person, NOON_MS + 2, 99)]

    assert figures(told) == {
        "treated entered": 1, "treated converted": 1, "treated worth": 125_000
    }  # fmt: skip
    other = somebody()
    assert figures([*enters(other), *buys(other, NOON_MS + 1, "much")]) == {
        "treated entered": 1, "treated converted": 1
    }  # fmt: skip


def test_entry_inside_the_window_is_the_same_trial() -> None:
    """Who enters five times in a week and buys once is one of one; the week after is another."""
    person = somebody()
    told = [each for day in range(5) for each in enters(person, NOON_MS + day * DAY_MS)]
    told += buys(person, NOON_MS + 5 * DAY_MS)
    told += enters(person, NOON_MS + 7 * DAY_MS)

    assert figures(told) == {"treated entered": 2, "treated converted": 1}


@pytest.mark.feature("X05")
def test_group_is_that_of_the_draw_and_sticks() -> None:
    """The gate's own draw, at every entry the same; the workspace's and the campaign's."""
    for share in (0.5, 0.0):
        held = campaign(goal=WEEK, holdout=0.5 - share)
        the_plan = plan(held, workspace_holdout=share)
        groups = set()
        for number in range(60):
            person = somebody(f"p-{number}")
            told = [*enters(person, NOON_MS, held, the_plan)]
            told += enters(person, NOON_MS + 40 * DAY_MS, held, the_plan)
            group = "holdout" if held_by(the_plan, held, person.person_id) else "treated"
            assert figures(told) == {f"{group} entered": 2}
            groups.add(group)
        assert groups == {"treated", "holdout"}


@pytest.mark.feature("X05")
def test_nobody_is_held_out_of_what_is_no_marketing() -> None:
    """Of service messages, and of journeys that send nothing, everybody is treated."""
    service = plan(AIMED, purpose="transactional", workspace_holdout=1.0)
    assert figures(enters(somebody(), the_plan=service)) == {"treated entered": 1}

    quiet = flow(step("mail", message()), top=head(goal=WEEK, holdout=1.0))
    loud = plan_of(quiet, workspace_holdout=1.0)
    assert figures(enters(somebody(), NOON_MS, quiet.head, loud)) == {"holdout entered": 1}
    silent = structs.replace(loud, flows={})
    assert figures(enters(somebody(), NOON_MS, quiet.head, silent)) == {"treated entered": 1}


def test_who_consented_to_nothing_of_it_stands_apart_in_both_groups() -> None:
    """Asked before the draw, by every channel; for what a place caused, its purpose as well."""
    for share in (0.0, 1.0):
        held = campaign(goal=WEEK, holdout=share)
        group = "holdout" if share else "treated"
        no = [ConsentEntry("marketing", "n", 0)]
        on_one = [ConsentEntry("marketing", "y", 0, "sms")]
        assert figures(enters(somebody("p", *no), what=held)) == {"no_consent entered": 1}
        assert figures(enters(somebody("p", *on_one), what=held)) == {f"{group} entered": 1}
        unplaced = somebody("p", ConsentEntry("marketing", "y", 0))
        by_place = scoring.begin(plan(held), held, unplaced, ENTER, NOON_MS)
        assert figures(by_place) == {"no_consent entered": 1}


def test_no_goal_makes_no_trial() -> None:
    """Nothing is kept with the person."""
    person = somebody()

    assert (enters(person, what=campaign()), person.watches) == ([], [])


def test_what_is_kept_of_trials_is_bounded() -> None:
    """Those whose window closed a month ago go, and beyond the bound those that close first."""
    person = somebody()
    for number in range(200):
        enters(person, NOON_MS + number, campaign(f"c-{number}", goal=WEEK))
    assert len(person.watches) == scoring.WATCHES_MAX
    assert person.watches[-1].campaign_id == "c-199"
    enters(person, NOON_MS + 38 * DAY_MS)

    assert [watch.campaign_id for watch in person.watches] == ["greeting"]


@pytest.mark.feature("S16")
def test_everything_of_a_trial_counts_on_the_day_of_its_entry() -> None:
    """So no span of days has more conversions than entries."""
    person = somebody()
    told = [*enters(person), *buys(person, NOON_MS + 5 * DAY_MS, 3)]

    assert {each.day for each in told} == {NOON_MS // DAY_MS}


def test_goal_of_the_younger_converts_the_older_though_it_is_forgotten() -> None:
    """The person keeps a hundred app events; the watch itself knows when it was converted."""
    known, visitor = somebody("known"), somebody("visitor")
    told = [*enters(known), *enters(visitor, NOON_MS + DAY_MS)]
    for day in (2, 3, 9):
        told += buys(visitor, NOON_MS + day * DAY_MS, 10)
    visitor.recent.clear()
    visitor.summaries["bought"].first_ms = NOON_MS
    merge(known, visitor)
    told += scoring.joined(known, is_tester=False)

    assert figures(told) == {
        "treated entered": 1, "treated converted": 1, "treated worth": 100_000
    }  # fmt: skip


MOMENTS = st.lists(st.integers(0, 28), max_size=8, unique=True)


@pytest.mark.feature("S16")
@given(mine=MOMENTS, theirs=MOMENTS, bought=MOMENTS, bought_too=MOMENTS, is_tester=st.booleans())
def test_two_who_are_one_count_once(
    mine: list[int], theirs: list[int], bought: list[int], bought_too: list[int], *, is_tester: bool
) -> None:
    """Of watches that overlap the older stays, and what either did converts it; by brute force."""
    what = campaign(goal=Goal("bought", 5 * DAY_MS))
    known, visitor = somebody("known"), somebody("visitor")
    told: list[Scored] = []
    kept: list[int] = []
    for person, entries, done in ((known, mine, bought), (visitor, theirs, bought_too)):
        alone: list[int] = []
        for day in entries:
            told += enters(person, NOON_MS + day * DAY_MS, what, now_ms=NOON_MS + 33 * DAY_MS)
            alone += [day] if all(abs(day - each) >= 5 for each in alone) else []
        for day in done:
            told += buys(person, NOON_MS + day * DAY_MS, 10)
        kept += alone
    merge(known, visitor)
    told += scoring.joined(known, is_tester=is_tester)

    stay: list[int] = []
    for day in sorted(kept):
        stay += [day] if not is_tester and (not stay or day - stay[-1] >= 5) else []
    hits = [day for day in stay if any(day < each <= day + 5 for each in (*bought, *bought_too))]
    expected = {"entered": len(stay), "converted": len(hits), "worth": len(hits) * 100_000}
    assert figures(told) == {f"treated {name}": n for name, n in expected.items() if n}
    assert scoring.joined(known, is_tester=is_tester) == []
