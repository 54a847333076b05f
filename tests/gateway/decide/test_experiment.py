from msgspec.structs import replace

from fencepost_gateway.decide.experiment import arm_of, draw, template_of
from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.plan import Campaign, Experiment, MessagePlan, Plan, Template
from fencepost_gateway.decide.rendered import Rendered
from gateway.decide.builders import (
    CHANNELS,
    EVENT,
    NOON_MS,
    campaign,
    entered_by,
    facts,
    judged,
    plan,
)

PEOPLE = 100_000
CHI2_999_DF2 = 13.816  # 0.1 % of honest draws with three arms are further off
WISH = MessagePlan(
    "greet-a", CHANNELS, experiment_id="greet-test", by_arm={"A": "greet-a", "B": "greet-b"}
)
TESTED = campaign(message=WISH)


def _experiment(**weights: float) -> Experiment:
    return Experiment("greet-test", 1, tuple(sorted(weights.items())))


def _plan(experiment: Experiment, tested: Campaign = TESTED) -> Plan:
    sources = {channel: {"text": "Hi"} for channel in CHANNELS}
    templates = {name: Template(name, 1, "marketing", sources) for name in ("greet-a", "greet-b")}
    return plan(tested, experiments={"greet-test": experiment}, templates=templates)


EVEN = _plan(_experiment(A=50, B=50))


def _in(arm: str, the_plan: Plan = EVEN) -> Person:
    """Give somebody whom the hash puts into ``arm``."""
    everybody = (Person(f"p-{n}") for n in range(1_000))
    return next(p for p in everybody if arm_of(the_plan, TESTED, p) == arm)


def test_arms_of_a_hundred_thousand_follow_their_weights() -> None:
    """Chi-squared over 100,000 ids; the draws are hashes, so the figure never changes."""
    experiment = _experiment(A=50, B=30, C=20)
    counts = dict.fromkeys("ABC", 0)
    for n in range(PEOPLE):
        counts[draw(experiment, "seed", f"person-{n}")] += 1
    wanted = {arm: weight / 100 * PEOPLE for arm, weight in experiment.arms}
    chi2 = sum((counts[arm] - wanted[arm]) ** 2 / wanted[arm] for arm in counts)

    assert chi2 < CHI2_999_DF2, counts


def test_arm_without_weight_gets_nobody() -> None:
    """A weight of 0 is no arm for newcomers, wherever it stands."""
    experiment = _experiment(A=0, B=1, C=0)

    assert {draw(experiment, "seed", f"p-{n}") for n in range(1_000)} == {"B"}


def test_two_experiments_are_drawn_apart() -> None:
    """Who is in A here is in A there as often as anybody."""
    other = replace(_experiment(A=50, B=50), experiment_id="other")
    both = [
        (draw(_experiment(A=50, B=50), "seed", f"p-{n}"), draw(other, "seed", f"p-{n}"))
        for n in range(4_000)
    ]
    same = sum(a == b for a, b in both)

    assert 1_800 < same < 2_200


def test_arm_is_remembered_at_the_first_exposure_and_outlives_new_weights() -> None:
    """A version with other weights moves nobody who is in."""
    person = _in("A")
    entered_by(EVEN, "main", person, EVENT, NOON_MS)
    turned = _plan(replace(_experiment(A=0, B=100), version=2))

    assert person.arms == {"greet-test": "A"}
    assert arm_of(turned, TESTED, person) == "A"
    assert arm_of(turned, TESTED, Person(person.person_id)) == "B"  # not for want of a memory


def test_arm_that_is_gone_is_drawn_anew() -> None:
    """Nobody waits for an arm that the experiment has no more."""
    person = Person("p", arms={"greet-test": "C"})

    assert arm_of(EVEN, TESTED, person) in {"A", "B"}


def test_merge_keeps_the_arm_of_the_known_person() -> None:
    """A visitor who turns out to be somebody known does not change that somebody's arm."""
    known, visitor = Person("k", arms={"greet-test": "A"}), Person("v", arms={"greet-test": "B"})
    merge(known, visitor)
    fresh = Person("f")
    merge(fresh, visitor)

    assert known.arms == {"greet-test": "A"}
    assert fresh.arms == {"greet-test": "B"}


def test_each_arm_gets_its_template() -> None:
    """The arm chooses the words."""
    chosen = {arm: template_of(EVEN, TESTED, _in(arm)) for arm in "AB"}

    assert {arm: t.template_id for arm, t in chosen.items() if t} == {
        "A": "greet-a",
        "B": "greet-b",
    }


def test_arm_is_in_the_verdict_whatever_comes_of_it() -> None:
    """Sent, withheld before any channel, withheld on all of them: the arm stands there."""
    person = _in("B")
    given = facts(person=person)
    sent = judged(EVEN, given)
    stopped = judged(EVEN, replace(given, emergency_stop=True))
    broken = judged(EVEN, given, {c: Rendered("render_failed", "text") for c in CHANNELS})

    assert [v.outcome for v in (sent, stopped, broken)] == ["send", "withheld", "withheld"]
    assert {(v.experiment, v.arm) for v in (sent, stopped, broken)} == {("greet-test", "B")}
