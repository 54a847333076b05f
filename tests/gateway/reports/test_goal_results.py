"""What came of a goal, from what was counted."""

import pytest

from fencepost_gateway.decide.plan import Goal
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.watch import Figure, GroupName, Watch, scored
from fencepost_gateway.ports import JourneyCount, JourneyPlace
from fencepost_gateway.reports.goal_results import goal_results
from fencepost_gateway.reports.goal_words import tell_goals

DAY_MS = 86_400_000
LIVE = Goal("bought", 14 * DAY_MS)


def counted(
    group: GroupName, entered: int, converted: int = 0, worth: int = 0, **more: object
) -> list[JourneyCount]:
    """Give what is counted of a group, in a version of the campaign."""
    event, within_ms = str(more.get("event", LIVE.event)), LIVE.within_ms
    place = JourneyPlace("campaign", int(str(more.get("version", 1))))
    watch = Watch(place.campaign_id, place.version, event, within_ms, group, 0, 0)
    figures: dict[Figure, int] = {"entered": entered, "converted": converted, "worth": worth}
    return [JourneyCount(place, scored(watch, name).what, n) for name, n in figures.items()]


@pytest.mark.parametrize(
    ("treated", "holdout", "verdict"),
    [
        ((0, 0), (0, 0), "nobody"),
        ((90, 30), (0, 0), "no_holdout"),
        ((0, 0), (5, 1), "too_few"),
        ((900, 900), (9, 0), "too_few"),
        ((9, 9), (900, 0), "too_few"),
        ((10, 10), (10, 0), "more"),
        ((900, 90), (100, 10), "unclear"),
        ((900, 180), (100, 5), "more"),
        ((900, 45), (100, 20), "less"),
    ],
)
def test_verdict_needs_enough_and_an_interval_without_zero(
    treated: tuple[int, int], holdout: tuple[int, int], verdict: str
) -> None:
    """Under ten in a group is no winner, however clear it looks."""
    counts = [*counted("treated", *treated), *counted("holdout", *holdout)]
    (found,) = goal_results(counts, LIVE)

    assert found["verdict"] == verdict
    assert (found["lift"] is None) == (0 in {treated[0], holdout[0]})


def test_versions_add_up_and_goals_stand_apart() -> None:
    """Of two versions with one goal it is one result; another goal is another one, below."""
    counts = [
        *counted("treated", 10, 4, 25_000),
        *counted("treated", 30, 6, version=2),
        *counted("treated", 7, 7, event="adopted"),
        JourneyCount(JourneyPlace("campaign", 1), "came", 99),
    ]
    now, before = goal_results(counts, LIVE)

    assert (now["event"], now["live"], before["event"], before["live"]) == (
        "bought", True, "adopted", False
    )  # fmt: skip
    treated = now["treated"]
    assert (treated["entered"], treated["converted"], treated["share"], treated["worth"]) == (
        40, 10, 0.25, 2.5
    )  # fmt: skip


@pytest.mark.parametrize(("entered", "converted"), [(0, 1), (-1, -1), (3, 4), (3, -1)])
def test_leftovers_of_forgotten_days_break_nothing(entered: int, converted: int) -> None:
    """Something was heard, or taken back, of a day whose counts are gone."""
    counts = [*counted("treated", entered, converted), *counted("holdout", 20, 3)]
    (found,) = goal_results(counts, LIVE)

    assert 0 <= found["treated"]["converted"] <= found["treated"]["entered"] <= 3
    assert len([*tell_goals([found], Tongue("ko"))]) in {3, 4}


def test_result_reads_in_both_languages() -> None:
    """Groups with their intervals, the lift, and what it means."""
    counts = [
        *counted("treated", 900, 180, 1_234_50000),
        *counted("holdout", 100, 5),
        *counted("no_consent", 12),
    ]
    found = goal_results(counts, LIVE)
    english, korean = ([*tell_goals(found, Tongue(name))] for name in ("en", "ko"))

    assert english == [
        "  goal: bought within 14 d of entering",
        "    treated 180 of 900: 20.0 % (17.5 % to 22.7 %), worth 12,345.00",
        "    holdout 5 of 100: 5.0 % (2.1 % to 11.2 %)",
        "    lift +15.0 points (+8.3 to +18.9): the treated did it more often",
        "    beside them 12 who had consented to no message of it when they entered",
    ]
    assert korean[0] == "  목표: 진입 후 14일 이내 bought"
    assert korean[2] == "    대조군 100건 중 5건: 5.0 % (2.1 %~11.2 %)"


def test_no_goal_says_how_to_have_one() -> None:
    """An empty state helps, in braces that are not filled in."""
    (line,) = tell_goals(goal_results([], None), Tongue())

    assert line == "  goal: none; with goal: {event: …, within: 14d} in the document it is measured"


def test_few_are_never_a_winner_in_words() -> None:
    """The interval is said to be wide instead."""
    found = goal_results([*counted("treated", 1, 1), *counted("holdout", 1)], LIVE)

    assert " ".join(" ".join(tell_goals(found, Tongue())).split()).endswith(
        "lift +100.0 points (-12.2 to +100.0): "
        "too few to tell: fewer than 10 in a group, the intervals are wide"
    )
