import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from fencepost_gateway.decide.caps import in_scope
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.control import Action, Control, Mode, turned
from fencepost_gateway.decide.message import AddressRow, Check, ClaimFacts, Verdict
from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.person import Person, Presence, past_event
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import CapRule, CapScope, Goal, Label, MessagePlan, Plan
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.summary import EventSummary
from fencepost_gateway.decide.timing import HELD_MAX_MS, RELEASE_SPREAD_MS
from gateway.decide.builders import (
    CHANNELS,
    DAY_MS,
    DAYTIME,
    ENTER,
    EVENT,
    HOUR_MS,
    MIN_MS,
    NOON_MS,
    POLICY,
    QUIET,
    RENDERED,
    STUDIO,
    YES_TO_ALL,
    addresses,
    at,
    campaign,
    facts,
    gates,
    judged,
    message,
    plan,
    slot,
    windows,
)

MESSAGE_GATES = ["live", "paused", "emergency_stop", "age", "holdout", "goal", "while"]
CHANNEL_GATES = ["reachable", "suppression", "consent", "quiet_hours", "render", "caps"]
LABELLED = [*CHANNEL_GATES[:4], "label", *CHANNEL_GATES[4:]]  # content that names a place

NIGHT_MS = at("2026-06-01 01:00")  # 03:00 in Monaco; daytime begins at 06:00 UTC
MORNING_MS = at("2026-06-01 06:00")
NO_MARKETING = (ConsentEntry("marketing", "n", 1), *YES_TO_ALL[1:])
CAP = CapRule("caps.1", 1, rolling_ms=DAY_MS)
USED = (slot("used", NOON_MS - HOUR_MS, NOON_MS - HOUR_MS),)
PLACED = dict.fromkeys(CHANNELS, Rendered(location=True, place=True))
INSIDE = compile_rule({"inside": {"tag": "studio"}})
BOOKED = Goal("class_booked", DAY_MS)


def _asleep(**changes: Any) -> ClaimFacts:
    """Give facts of a message that is claimed in the night, on a channel with quiet hours."""
    changes.setdefault("entered_ms", NIGHT_MS)
    changes.setdefault("expires_at_ms", NIGHT_MS + DAY_MS)
    return facts(message=message(channels=("sms",), **changes))


def _with_policy(**changes: Any) -> Plan:
    return plan(policy=replace(POLICY, **changes))


def _booked(*times_ms: int) -> Person:
    person = Person("person-1")
    for time_ms in times_ms:
        person.remember("class_booked", time_ms, {})
    return person


def _last(verdict: Verdict) -> Check:
    return verdict.checks[-1]


# ---- the order -----------------------------------------------------------------------------


def test_everything_allowed_sends_on_the_first_channel() -> None:
    """A message that passes every gate goes on the channel the campaign likes best."""
    verdict = judged()

    assert (verdict.outcome, verdict.channel, verdict.reason) == ("send", "in_app", "")
    assert verdict.address == addresses("in_app")[0]
    assert verdict.purpose == "marketing"


def test_gates_are_asked_in_one_order() -> None:
    """The order is a promise: cheap and final gates first, caps last because they reserve."""
    assert gates(judged()) == [*MESSAGE_GATES, *CHANNEL_GATES]


def switched(action: Action, mode: Mode = "hold") -> Control | None:
    """Give the switches of the campaign with one of them turned now."""
    return turned(Control("greeting"), action, mode, NOON_MS)


Refusal = tuple[str, str, Callable[[], dict[str, Any]]]  # gate, reason, what is given

REFUSALS: dict[str, Refusal] = {
    "campaign archived": (
        "live",
        "campaign_ended",
        lambda: {"the_facts": facts(campaign_archived=True)},
    ),
    "run is over": (
        "live",
        "campaign_ended",
        lambda: {"the_plan": plan(campaign(run_until_ms=NOON_MS))},
    ),
    "stopped": (
        "live",
        "journey_stopped",
        lambda: {"the_facts": facts(control=switched("stop"))},
    ),
    "paused and discarded": (
        "live",
        "journey_paused",
        lambda: {"the_facts": facts(control=switched("pause", "discard"))},
    ),
    "paused": (
        "paused",
        "journey_paused",
        lambda: {"the_facts": facts(control=switched("pause"))},
    ),
    "emergency stop": (
        "emergency_stop",
        "emergency_stop",
        lambda: {"the_facts": facts(emergency_stop=True)},
    ),
    "too old": (
        "age",
        "too_old",
        lambda: {"the_facts": facts(message=message(expires_at_ms=NOON_MS))},
    ),
    "campaign's holdout": (
        "holdout",
        "holdout",
        lambda: {"the_plan": plan(campaign(holdout=1.0))},
    ),
    "workspace's holdout": (
        "holdout",
        "holdout",
        lambda: {"the_plan": plan(workspace_holdout=1.0)},
    ),
    "goal reached": (
        "goal",
        "goal_reached",
        lambda: {
            "the_plan": plan(campaign(goal=BOOKED)),
            "the_facts": facts(person=_booked(NOON_MS + 1)),
            "now_ms": NOON_MS + MIN_MS,
        },
    ),
    "no longer inside": (
        "while",
        "no_longer_relevant",
        lambda: {"the_plan": plan(campaign(message=MessagePlan("greet", CHANNELS, while_=INSIDE)))},
    ),
    "no driver": ("reachable", "channel_off", lambda: {"rendered": {}}),
    "no address": ("reachable", "no_address", lambda: {"the_facts": facts(addresses=())}),
    "suppressed": (
        "suppression",
        "suppressed",
        lambda: {
            "the_facts": facts(
                addresses=tuple(replace(a, suppressed="stop") for a in addresses(*CHANNELS))
            )
        },
    ),
    "no consent": ("consent", "consent", lambda: {"the_facts": facts(consents=NO_MARKETING)}),
    "quiet hours": (
        "quiet_hours",
        "quiet_hours",
        lambda: {
            "the_plan": plan(
                campaign(message=MessagePlan("greet", ("sms",), quiet_hours="drop")),
            ),
            "the_facts": _asleep(),
            "now_ms": NIGHT_MS,
        },
    ),
    "zone unknown": (
        "quiet_hours",
        "zone_unknown",
        lambda: {"the_plan": plan(workspace_zone="")},
    ),
    "location in content": (
        "label",
        "label",
        lambda: {"rendered": PLACED, "the_facts": facts(consents=YES_TO_ALL[:2])},
    ),
    "value missing": (
        "render",
        "render_missing",
        lambda: {"rendered": dict.fromkeys(CHANNELS, Rendered("render_missing", "text"))},
    ),
    "render failed": (
        "render",
        "render_failed",
        lambda: {"rendered": dict.fromkeys(CHANNELS, Rendered("render_failed", "text"))},
    ),
    "cap used up": (
        "caps",
        "frequency_cap",
        lambda: {"the_plan": plan(caps=(CAP,)), "the_facts": facts(slots=USED)},
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_gate_refuses_with_its_reason_and_stands_in_the_record(
    case: Refusal,
) -> None:
    """Each gate refuses; what was asked before it is on record, and nothing behind it."""
    gate, reason, given = case

    verdict = judged(**given())

    is_held = gate == "paused"
    assert (verdict.outcome, verdict.reason) == ("deferred" if is_held else "withheld", reason)
    assert verdict.holds == is_held
    assert (_last(verdict).gate, _last(verdict).ok, _last(verdict).reason) == (gate, False, reason)
    assert (verdict.slot, verdict.address, verdict.retry_at_ms) == (None, None, None)
    order = [*MESSAGE_GATES, *(LABELLED if gate == "label" else CHANNEL_GATES)]
    asked = gates(verdict)
    assert asked[: order.index(gate) + 1] == order[: order.index(gate) + 1]
    assert all(check.ok == (not check.reason) for check in verdict.checks)


def test_every_gate_has_its_refusal() -> None:
    """The table above covers the whole order."""
    assert {gate for gate, _, _ in REFUSALS.values()} == {*MESSAGE_GATES, *LABELLED}


@pytest.mark.parametrize("vanished", ["campaigns", "templates"])
def test_campaign_that_vanished_is_withheld(vanished: str) -> None:
    """No campaign or no template in the plan: nothing can be judged, so nothing is sent."""
    verdict = judged(replace(plan(), **{vanished: {}}))

    assert (verdict.outcome, verdict.reason) == ("withheld", "campaign_ended")
    assert [(c.gate, c.inputs) for c in verdict.checks] == [("live", {"found": False})]


# ---- gates of the message ------------------------------------------------------------------


def test_run_that_is_not_over_yet_is_live() -> None:
    """``until`` is exclusive: a millisecond before it the campaign still sends."""
    live = plan(campaign(run_until_ms=NOON_MS + 1))

    assert judged(live).outcome == "send"


def test_age_says_how_old_and_how_old_at_most() -> None:
    """The record names both figures, counted from the cause."""
    verdict = judged(now_ms=NOON_MS + HOUR_MS)

    assert verdict.checks[3].inputs == {"age_ms": HOUR_MS, "max_age_ms": DAY_MS}
    assert judged(now_ms=NOON_MS + DAY_MS - 1).reason != "too_old"


def test_holdout_keeps_a_stable_share_of_persons() -> None:
    """About the share authored, the same persons each time, and another set per campaign."""

    def held(campaign_id: str) -> set[int]:
        the_plan = plan(campaign(campaign_id, holdout=0.3))
        the_message = message(campaign_id=campaign_id)
        return {
            n
            for n in range(300)
            if judged(the_plan, facts(message=the_message, person=Person(f"p{n}"))).reason
        }

    assert 60 < len(held("a")) < 120
    assert held("a") == held("a")
    assert held("a") != held("b")


def test_holdout_names_who_held() -> None:
    """The record tells the workspace's holdout from the campaign's."""
    verdict = judged(plan(campaign(holdout=0.0), workspace_holdout=1.0))

    assert _last(verdict).inputs == {"held_by": ["workspace"], "workspace": 1.0, "campaign": 0.0}


@pytest.mark.parametrize(
    ("person", "reached"),
    [
        (_booked(), False),
        (_booked(NOON_MS - 1), False),
        (_booked(NOON_MS), False),
        (_booked(NOON_MS + 1), True),
        (_booked(NOON_MS + HOUR_MS), True),
        (_booked(NOON_MS + HOUR_MS + 1), False),
        (_booked(NOON_MS + MIN_MS, NOON_MS + 3 * HOUR_MS), True),
        (_booked(NOON_MS - DAY_MS, NOON_MS + MIN_MS, NOON_MS + 3 * HOUR_MS), True),
    ],
    ids=[
        "never",
        "before the cause",
        "the cause itself",
        "just after",
        "at the last moment",
        "too late to count",
        "first in time, then again",
        "before, in time and after",
    ],
)
def test_goal_counts_between_the_cause_and_its_end(person: Person, reached: bool) -> None:  # noqa: FBT001 - a table
    """A goal is reached by any such event after the cause and within its time."""
    the_plan = plan(campaign(goal=Goal("class_booked", HOUR_MS)))

    verdict = judged(the_plan, facts(person=person), now_ms=NOON_MS + 4 * HOUR_MS)

    assert (verdict.reason == "goal_reached") is reached


def test_goal_reached_offline_before_we_heard_of_the_cause_counts() -> None:
    """Cause and goal in one late upload: by the clock of what happened, the goal came after."""
    heard = message(entered_ms=NOON_MS + 2 * HOUR_MS)
    the_facts = facts(message=heard, person=_booked(NOON_MS + MIN_MS))

    verdict = judged(plan(campaign(goal=BOOKED)), the_facts, now_ms=NOON_MS + 2 * HOUR_MS)

    assert verdict.reason == "goal_reached"


def test_goal_whose_name_is_beyond_the_summaries_is_found_in_the_history() -> None:
    """The newest events carry their names themselves."""
    person = Person("person-1", recent=[past_event("class_booked", NOON_MS + 1, {})])

    assert judged(plan(campaign(goal=BOOKED)), facts(person=person)).reason == "goal_reached"


def test_goal_that_fell_out_of_the_history_is_found_in_the_summary() -> None:
    """First and last time of every event name are kept when the event itself is gone."""
    summary = EventSummary(2, NOON_MS + 1, NOON_MS + 2 * DAY_MS)
    person = Person("person-1", summaries={"class_booked": summary})

    assert judged(plan(campaign(goal=BOOKED)), facts(person=person)).reason == "goal_reached"


def test_while_is_asked_of_the_person_as_they_are_now() -> None:
    """Still inside: it goes, and the record shows the operand."""
    inside = Person("person-1", inside=[Presence("studio", NOON_MS, "v", "d")])
    the_plan = plan(campaign(message=MessagePlan("greet", CHANNELS, while_=INSIDE)))

    verdict = judged(the_plan, facts(person=inside))

    assert verdict.outcome == "send"
    assert verdict.checks[6].inputs["operands"][0]["ok"] is True


# ---- transactional -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"the_facts": facts(emergency_stop=True)},
        {"the_plan": plan(campaign(holdout=1.0), purpose="transactional", workspace_holdout=1.0)},
        {"now_ms": NIGHT_MS + DAY_MS},
        {"the_plan": plan(purpose="transactional", workspace_zone="")},
        {
            "the_plan": plan(purpose="transactional", caps=(CAP,)),
            "the_facts": facts(slots=USED),
        },
        {
            "the_plan": plan(
                purpose="transactional",
                caps=(replace(CAP, scope=CapScope("transactional")),),
            ),
            "the_facts": facts(slots=(replace(USED[0], purpose="transactional"),)),
        },
        {"the_facts": facts(consents=())},
        {"the_facts": facts(message=message(cause=ENTER), consents=())},
    ],
    ids=[
        "emergency stop",
        "holdouts",
        "night",
        "zone unknown",
        "marketing cap",
        "cap that names it",
        "nothing said",
        "caused by a transition",
    ],
)
def test_transactional_passes_what_concerns_marketing(given: dict[str, Any]) -> None:
    """A service message goes by contract, at night too, and neither uses nor obeys a cap."""
    verdict = judged(**{"the_plan": plan(purpose="transactional"), **given})

    assert (verdict.outcome, verdict.purpose) == ("send", "transactional")
    assert verdict.slot is not None
    assert not in_scope(CapScope(), verdict.slot)


def test_transactional_obeys_a_no() -> None:
    """N stops service messages too."""
    said = (ConsentEntry("transactional", "n", 0),)

    assert judged(plan(purpose="transactional"), facts(consents=said)).reason == "consent"


# ---- channels ------------------------------------------------------------------------------


def test_channel_that_may_not_be_used_passes_on_to_the_next() -> None:
    """Each channel passed over keeps its checks; the first that may go, goes."""
    said = (ConsentEntry("marketing", "n", 1, "web_push"), *YES_TO_ALL)

    verdict = judged(the_facts=facts(addresses=addresses("web_push", "sms"), consents=said))

    assert (verdict.outcome, verdict.channel) == ("send", "sms")
    assert [(c.channel, c.gate, c.reason) for c in verdict.checks if not c.ok] == [
        ("in_app", "reachable", "no_address"),
        ("web_push", "consent", "consent"),
    ]


@pytest.mark.parametrize(
    ("reachable", "denied", "reason"),
    [
        (("sms",), "sms", "consent"),
        (("in_app", "sms"), "in_app", "render_missing"),
        ((), "sms", "no_address"),
    ],
    ids=["last got furthest", "render lies behind consent", "equals: the first channel's"],
)
def test_primary_reason_is_the_refusal_that_got_furthest(
    reachable: tuple[str, ...], denied: str, reason: str
) -> None:
    """What nearly went through says more than a channel the person does not have."""
    said = (ConsentEntry("marketing", "n", 1, denied), *YES_TO_ALL)
    rendered = {**RENDERED, "sms": Rendered("render_missing", "text")}
    the_facts = facts(addresses=addresses(*reachable), consents=said)

    verdict = judged(the_facts=the_facts, rendered=rendered)

    assert (verdict.outcome, verdict.reason) == ("withheld", reason)


def test_primary_reason_of_equals_is_that_of_the_channel_liked_best() -> None:
    """Two channels refused at one gate: the campaign's first speaks for the message."""
    rendered = {
        **dict.fromkeys(CHANNELS, Rendered("render_failed", "text")),
        "in_app": Rendered("render_missing", "title"),
    }

    assert judged(rendered=rendered).reason == "render_missing"


def test_quiet_hours_do_not_pass_on_to_an_exempt_channel() -> None:
    """A message that may go later on the channel it should go on is not sent elsewhere now."""
    the_facts = _asleep()
    both = replace(the_facts, message=replace(the_facts.message, channels=("sms", "email")))

    verdict = judged(the_facts=both, now_ms=NIGHT_MS)

    assert (verdict.outcome, verdict.reason) == ("deferred", "quiet_hours")


def test_newest_address_that_may_be_used_is_chosen() -> None:
    """A dead or refused address does not hide a live one on the same channel."""
    old, denied, dead = (
        AddressRow("sms", ref, {"address": "secret"}, 0, why)
        for ref, why in (("old", ""), ("denied", ""), ("dead", "stop"))
    )
    said = (ConsentEntry("marketing", "n", 1, "sms", "denied"), *YES_TO_ALL)
    the_message = message(channels=("sms",))

    verdict = judged(
        the_facts=facts(message=the_message, addresses=(dead, denied, old), consents=said)
    )
    refused = judged(the_facts=facts(message=the_message, addresses=(dead, denied), consents=said))

    assert verdict.address is old
    assert refused.reason == "suppressed"


@pytest.mark.parametrize("missing", ["marketing", "location_collect", "location_marketing"])
@pytest.mark.guarantee("R14")
def test_transition_needs_location_marketing_and_all_that_it_needs(missing: str) -> None:
    """Whereabouts may cause advertising only with a consent of their own."""
    said = tuple(e for e in YES_TO_ALL if e.purpose != missing)
    the_facts = facts(message=message(cause=ENTER), consents=said)

    verdict = judged(the_facts=the_facts)

    assert verdict.reason == "consent"
    assert _last(verdict).inputs["purpose"] == missing


def test_app_event_needs_no_location_consent() -> None:
    """Marketing that no whereabouts caused needs marketing consent alone."""
    verdict = judged(the_facts=facts(consents=YES_TO_ALL[:1]))

    assert verdict.outcome == "send"
    assert verdict.checks[9].inputs["asked"] == ["marketing"]


def test_consent_is_that_of_the_address() -> None:
    """A no to one address stops that one, however allowed the channel is."""
    said = (*YES_TO_ALL, ConsentEntry("marketing", "n", 1, "sms", "sms-1"))
    the_facts = facts(message=message(channels=("sms",)), consents=said)

    verdict = judged(the_facts=the_facts)

    assert verdict.reason == "consent"
    assert _last(verdict).inputs["said_for"] == "address"


# ---- quiet hours ---------------------------------------------------------------------------


def _retries(the_plan: Plan, now_ms: int, expires_at_ms: int, count: int = 200) -> set[int]:
    found = set()
    for n in range(count):
        the_facts = _asleep(person_id=f"p{n}", expires_at_ms=expires_at_ms)
        verdict = judged(the_plan, the_facts, now_ms=now_ms)
        assert (verdict.outcome, verdict.reason) == ("deferred", "quiet_hours")
        assert verdict.retry_at_ms is not None
        found.add(verdict.retry_at_ms)
    return found


def test_quiet_hours_defer_and_spread_the_release_over_half_an_hour() -> None:
    """Released from the first allowed instant on, not all at once, the same person the same."""
    retries = _retries(plan(), NIGHT_MS, NIGHT_MS + DAY_MS)

    assert min(retries) >= MORNING_MS
    assert max(retries) < MORNING_MS + RELEASE_SPREAD_MS
    assert len({(r - MORNING_MS) // (3 * MIN_MS) for r in retries}) == 10
    assert retries == _retries(plan(), NIGHT_MS, NIGHT_MS + DAY_MS)


def test_what_a_person_waits_for_comes_due_together() -> None:
    """Else chance, not priority, would decide who gets the last slot in the morning."""
    verdicts = [judged(the_facts=_asleep(message_id=f"m{n}"), now_ms=NIGHT_MS) for n in range(5)]

    assert len({v.retry_at_ms for v in verdicts}) == 1


def test_release_is_not_spread_beyond_the_end_of_the_message() -> None:
    """Five minutes of life after the night: released within them."""
    retries = _retries(plan(), NIGHT_MS, MORNING_MS + 5 * MIN_MS)

    assert min(retries) >= MORNING_MS
    assert max(retries) < MORNING_MS + 5 * MIN_MS


def test_release_is_not_spread_beyond_the_allowed_hours() -> None:
    """Ten allowed minutes a day: a release behind them would meet quiet hours for ever."""
    short = replace(QUIET, allowed=windows(range(7), (480, 490)))

    retries = _retries(_with_policy(quiet_hours=(short,)), NIGHT_MS, NIGHT_MS + DAY_MS)

    assert max(retries) < MORNING_MS + 10 * MIN_MS


@pytest.mark.parametrize(
    ("expires_at_ms", "outcome", "reason"),
    [
        (MORNING_MS, "withheld", "expires_in_quiet_hours"),
        (MORNING_MS + 1, "deferred", "quiet_hours"),
    ],
    ids=["at the end of the night", "a millisecond later"],
)
def test_message_that_expires_in_quiet_hours_is_withheld_at_once(
    expires_at_ms: int, outcome: str, reason: str
) -> None:
    """Nothing waits for a moment that comes too late."""
    verdict = judged(the_facts=_asleep(expires_at_ms=expires_at_ms), now_ms=NIGHT_MS)

    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_hours_that_never_come_withhold() -> None:
    """No allowed instant within the horizon: there is nothing to wait for."""
    never = replace(QUIET, allowed=())

    verdict = judged(_with_policy(quiet_hours=(never,)), _asleep(), now_ms=NIGHT_MS)

    assert (verdict.outcome, verdict.reason) == ("withheld", "quiet_hours")


def test_quiet_hours_name_zones_and_where_they_are_known_from() -> None:
    """Zone and source stand in the record, with the next allowed instant."""
    person = Person("person-1", attributes={"zone": "Asia/Seoul"}, zone="Europe/Monaco")
    person.zone_at_ms = NOON_MS

    verdict = judged(the_facts=facts(person=person))

    assert _last(verdict).inputs == {
        "zones": ["Asia/Seoul", "Europe/Monaco"],
        "zone_source": "chosen and device",
        "closed": ["policy in Asia/Seoul"],
        "next_ms": at("2026-06-02 06:00"),
        "until_ms": at("2026-06-02 12:00"),
        "moved_by": "policy in Europe/Monaco",
    }


@pytest.mark.parametrize(
    "the_plan",
    [_with_policy(quiet_hours=()), plan(campaign(message=MessagePlan("greet", ("email",))))],
    ids=["no quiet hours", "exempt channel"],
)
def test_what_is_exempt_from_quiet_hours_says_so(the_plan: Plan) -> None:
    """A policy without quiet hours, and a channel it does not list, pass by night."""
    the_facts = facts(message=message(channels=("email",)))

    verdict = judged(the_plan, the_facts, now_ms=NOON_MS + 12 * HOUR_MS)

    assert verdict.outcome == "send"
    assert verdict.checks[10].inputs == {"exempt": True}


def test_zone_unknown_holds_where_the_policy_says_so() -> None:
    """Held until a zone may be known: asked again ever more rarely, at most to the end."""
    hold = replace(QUIET, on_zone_unknown="hold")
    the_plan = replace(_with_policy(quiet_hours=(hold,)), workspace_zone="")

    first = judged(the_plan)
    later = judged(the_plan, now_ms=NOON_MS + 2 * HOUR_MS)
    last = judged(the_plan, now_ms=NOON_MS + 20 * HOUR_MS)

    assert [(v.outcome, v.reason) for v in (first, later, last)] == [
        ("deferred", "zone_unknown")
    ] * 3
    assert first.retry_at_ms == NOON_MS + MIN_MS
    assert later.retry_at_ms == NOON_MS + 4 * HOUR_MS
    assert last.retry_at_ms == NOON_MS + DAY_MS


def test_held_message_goes_once_a_zone_is_known() -> None:
    """A hold is judged anew: with a zone it goes."""
    hold = replace(QUIET, on_zone_unknown="hold")
    the_plan = replace(_with_policy(quiet_hours=(hold,)), workspace_zone="")
    learnt = Person("person-1", zone="Europe/Monaco", zone_at_ms=NOON_MS)

    assert judged(the_plan, facts(person=learnt)).outcome == "send"


EMAIL_ONLY = MessagePlan("greet", ("email",))
NIGHT_YES = ConsentEntry("marketing_night", "y", 0)
LIFTED = replace(QUIET, lifted_by="marketing_night")


def _at_night(
    the_plan: Plan | None = None, person: Person | None = None, **changes: Any
) -> Verdict:
    """Judge an SMS in the night of Monaco."""
    given = replace(_asleep(), person=person or Person("person-1"), **changes)
    return judged(the_plan, given, now_ms=NIGHT_MS)


def test_night_consent_lifts_the_policys_hours() -> None:
    """The law's separate consent for the night: with it the message goes, without it waits."""
    the_plan = _with_policy(quiet_hours=(LIFTED,))

    assert _at_night(the_plan).reason == "quiet_hours"
    assert _at_night(the_plan, consents=(*YES_TO_ALL, NIGHT_YES)).outcome == "send"


def test_night_consent_lifts_nothing_that_does_not_name_it() -> None:
    """Hours that no consent lifts hold for who gave it."""
    assert _at_night(consents=(*YES_TO_ALL, NIGHT_YES)).reason == "quiet_hours"


@pytest.mark.parametrize("whose", ["person", "campaign"])
def test_night_consent_lifts_neither_the_persons_nor_the_campaigns_hours(whose: str) -> None:
    """Only the legal night is lifted; what person and campaign set always holds."""
    wish = MessagePlan("greet", ("sms",), hours=DAYTIME if whose == "campaign" else None)
    own = {"quiet_hours": "21:00-08:00"} if whose == "person" else {}
    the_plan = replace(_with_policy(quiet_hours=(LIFTED,)), campaigns={})
    the_plan = replace(the_plan, campaigns={"greeting": campaign(message=wish)})

    verdict = _at_night(
        the_plan, Person("person-1", attributes=own), consents=(*YES_TO_ALL, NIGHT_YES)
    )

    assert (verdict.outcome, verdict.reason) == ("deferred", "quiet_hours")
    assert _last(verdict).inputs["moved_by"] == f"{whose} in Europe/Monaco"
    assert _last(verdict).inputs["next_ms"] == MORNING_MS


def test_own_quiet_hours_hold_on_channels_that_the_law_exempts() -> None:
    """Email goes at any hour, unless the person says otherwise."""
    the_message = message(channels=("email",), entered_ms=NIGHT_MS, expires_at_ms=NOON_MS + DAY_MS)
    night_owl = Person("person-1", attributes={"quiet_hours": ["22:00-24:00", "00:00-10:00"]})

    verdict = judged(
        plan(campaign(message=EMAIL_ONLY)),
        facts(message=the_message, person=night_owl),
        now_ms=NIGHT_MS,
    )

    assert (verdict.outcome, _last(verdict).inputs["next_ms"]) == (
        "deferred",
        at("2026-06-01 08:00"),
    )


@pytest.mark.parametrize(
    ("own", "outcome"),
    [
        ("21:00-08:00", "send"),
        ({"every_day": "21:00-08:00", "purposes": ["transactional"]}, "deferred"),
        ({"every_day": "21:00-08:00", "purposes": ["transactional"], "channels": ["push"]}, "send"),
    ],
    ids=["marketing alone", "asked for", "on another channel"],
)
def test_service_messages_keep_own_quiet_hours_where_the_person_asks(
    own: object, outcome: str
) -> None:
    """Transactional is exempt unless the person asks for it."""
    person = Person("person-1", attributes={"quiet_hours": own})

    assert _at_night(plan(purpose="transactional"), person).outcome == outcome


def test_service_message_goes_when_nobody_knows_the_zone() -> None:
    """Hours that cannot be kept hold back advertising, not service."""
    own = {"every_day": "21:00-08:00", "purposes": ["transactional"]}
    person = Person("person-1", attributes={"quiet_hours": own})

    verdict = _at_night(plan(purpose="transactional", workspace_zone=""), person)

    assert verdict.outcome == "send"


def test_own_quiet_hours_that_cannot_be_read_are_told() -> None:
    """They hold nothing back, and the record says that they are there."""
    person = Person("person-1", attributes={"quiet_hours": "at night"})

    verdict = judged(the_facts=facts(person=person))

    assert verdict.checks[10].inputs["own_hours"] == "unread"


def test_campaigns_hours_only_narrow() -> None:
    """A campaign that allows the whole day does not lift the policy's night."""
    whole_day = MessagePlan("greet", ("sms",), hours=windows(range(7), (0, 1440)))

    assert _at_night(plan(campaign(message=whole_day))).reason == "quiet_hours"


def test_second_zone_that_must_allow_it_too() -> None:
    """``and_zone``: in Monaco it is noon, and in Seoul it is not."""
    both = replace(QUIET, allowed=windows(range(7), (8 * 60, 18 * 60)), and_zone="Asia/Seoul")

    verdict = judged(_with_policy(quiet_hours=(both,)))

    assert _last(verdict).inputs["closed"] == ["policy in Asia/Seoul"]


def test_first_zone_alone_counts_where_the_policy_says_so() -> None:
    """``zones: first``: home, else here; of a country's zones all count all the same."""
    first = replace(QUIET, zones="first")
    the_plan = replace(_with_policy(quiet_hours=(first,)), workspace_zone="")
    traveller = Person("person-1", attributes={"zone": "Europe/Monaco"}, zone="Asia/Tokyo")
    traveller.zone_at_ms = NOON_MS
    stranger = Person("person-1", attributes={"country": "RU"})

    home = judged(the_plan, facts(person=traveller), now_ms=at("2026-06-01 13:00"))
    anywhere = judged(the_plan, facts(person=stranger), now_ms=at("2026-06-01 13:00"))

    assert (home.outcome, anywhere.reason) == ("send", "quiet_hours")
    assert "policy in Asia/Anadyr" in _last(anywhere).inputs["closed"]


def test_all_hours_of_a_policy_that_cover_the_channel_hold() -> None:
    """Windows per channel: SMS keeps its own, in-app those of all channels only."""
    late_sms = replace(
        QUIET, channels=frozenset({"sms"}), allowed=windows(range(7), (15 * 60, 18 * 60))
    )
    the_plan = _with_policy(quiet_hours=(QUIET, late_sms))

    assert judged(the_plan, facts(message=message(channels=("sms",)))).outcome == "deferred"
    assert judged(the_plan, facts(message=message(channels=("in_app",)))).outcome == "send"


OPEN_AT_THREE = opening_of("Mo-Su 15:00-20:00", "Europe/Monaco", 43.7, 7.4)


@pytest.mark.parametrize(
    ("wish", "outcome"),
    [("defer", "deferred"), ("drop", "withheld")],
)
def test_message_that_keeps_opening_hours_waits_for_the_door(wish: Any, outcome: str) -> None:
    """``only_open``: while the fence that woke it is closed it waits, or is dropped."""
    keeps = MessagePlan("greet", ("sms",), only_open=True, quiet_hours=wish)
    the_plan = plan(
        campaign(message=keeps), fences={"studio": replace(STUDIO, opening=OPEN_AT_THREE)}
    )

    verdict = judged(the_plan, facts(message=message(channels=("sms",), cause=ENTER)))

    assert (verdict.outcome, verdict.reason) == (outcome, "place_closed")
    assert _last(verdict).inputs["next_ms"] == at("2026-06-01 13:00")
    assert _last(verdict).inputs["moved_by"] == "opening hours"


def test_release_is_not_spread_beyond_closing_time() -> None:
    """Ten minutes of opening: released within them."""
    brief = opening_of("Mo-Su 15:00-15:10", "Europe/Monaco", 43.7, 7.4)
    keeps = MessagePlan("greet", ("sms",), only_open=True)
    the_plan = plan(campaign(message=keeps), fences={"studio": replace(STUDIO, opening=brief)})
    opens_ms = at("2026-06-01 13:00")

    verdicts = [
        judged(the_plan, facts(message=message(person_id=f"p{n}", channels=("sms",), cause=ENTER)))
        for n in range(50)
    ]

    assert all(opens_ms <= (v.retry_at_ms or 0) < opens_ms + 10 * MIN_MS for v in verdicts)


def test_country_of_the_number_stands_for_an_unknown_zone() -> None:
    """Nobody said a zone: every zone of the country must allow it, and the record says why."""
    address = AddressRow("sms", "sms-1", {"address": "+8210555000"}, 0)
    the_facts = facts(message=message(channels=("sms",)), addresses=(address,))

    verdict = judged(plan(workspace_zone="Europe/Monaco"), the_facts)

    assert verdict.reason == "quiet_hours"  # noon UTC is 21:00 in Seoul
    assert _last(verdict).inputs["zone_source"] == "phone prefix (KR)"
    assert _last(verdict).inputs["zones"] == ["Asia/Seoul"]


# ---- caps ----------------------------------------------------------------------------------


def test_slot_of_somebody_whose_country_alone_is_known_has_no_zone() -> None:
    """None of a country's many zones is the person's: calendar caps count strictly then."""
    person = Person("person-1", attributes={"country": "RU"})

    the_facts = facts(message=message(channels=("email",)), person=person)
    verdict = judged(plan(workspace_zone=""), the_facts)

    assert verdict.slot is not None
    assert verdict.slot.zone == ""


def test_send_reserves_a_slot_that_says_what_it_counts_for() -> None:
    """The slot carries all that a cap's scope may ask about, and the zone it was taken in."""
    the_plan = plan(campaign(tags=frozenset({"yoga", "a"}), brand="luma"))
    the_message = message(
        message_id="m", group_id="g", channels=("email",), cause=ENTER, priority=60
    )

    verdict = judged(the_plan, facts(message=the_message))

    assert verdict.slot == slot(
        "m",
        NOON_MS,
        group_id="g",
        tags=("a", "yoga"),
        zone="Europe/Monaco",
        brand="luma",
        fence_id="studio",
        priority=60,
        cause_at_ms=NOON_MS,
    )


def test_slot_is_dated_by_the_newest_when_the_clock_went_back() -> None:
    """A reservation never lies before another one of the person."""
    verdict = judged(the_facts=facts(slots=(slot("s", NOON_MS + HOUR_MS, NOON_MS + HOUR_MS),)))

    assert verdict.slot is not None
    assert verdict.slot.reserved_at_ms == NOON_MS + HOUR_MS


def test_cap_names_rule_count_and_next_place() -> None:
    """The record says which rule had no room, of how many, and when one comes free."""
    verdict = judged(plan(caps=(CAP,)), facts(slots=USED))

    assert _last(verdict).inputs["rules"] == [
        {
            "rule": "caps.1",
            "used": 1,
            "limit": 1,
            "window": "rolling 86400 s",
            "next_ms": NOON_MS - HOUR_MS + DAY_MS,
            "taken_by": {"campaign": "greeting", "message": "used", "priority": 50},
        }
    ]


def test_cap_on_one_channel_passes_on_to_the_next() -> None:
    """A cap for SMS alone leaves email open."""
    sms_only = replace(CAP, scope=replace(CAP.scope, channels=frozenset({"sms"})))
    used = (slot("s", NOON_MS - 1, NOON_MS - 1, channel="sms"),)
    the_facts = facts(message=message(channels=("sms", "email")), slots=used)

    verdict = judged(plan(caps=(sms_only,)), the_facts)

    assert (verdict.outcome, verdict.channel) == ("send", "email")


def test_unknown_zone_counts_calendar_caps_strictly() -> None:
    """An exempt channel without a known zone is capped by the longest such window."""
    daily = CapRule("caps.1", 1, calendar="day")
    the_plan = plan(caps=(daily,), workspace_zone="")
    sent = (slot("s", NOON_MS - 26 * HOUR_MS, NOON_MS - 26 * HOUR_MS),)

    verdict = judged(the_plan, facts(message=message(channels=("email",)), slots=sent))

    assert verdict.reason == "frequency_cap"


def _contest(winner_priority: int, reserved_at_ms: int, due_ms: int) -> Check:
    """Claim a message of priority 50 whose last slot another one took at ``reserved_at_ms``."""
    taken = slot(
        "winner",
        reserved_at_ms,
        campaign_id="kit",
        priority=winner_priority,
        cause_at_ms=NOON_MS - MIN_MS,
    )
    return _last(judged(plan(caps=(CAP,)), facts(slots=(taken,), due_ms=due_ms)))


@pytest.mark.parametrize(
    ("priority", "reserved_at_ms", "reason"),
    [
        (60, NOON_MS, "lower_priority"),
        (60, NOON_MS - 1, "frequency_cap"),
        (50, NOON_MS, "lower_priority"),
        (40, NOON_MS, "frequency_cap"),
    ],
    ids=["both due", "claimed before", "earlier cause", "less important"],
)
def test_loser_of_the_last_slot_is_told_who_got_it(
    priority: int, reserved_at_ms: int, reason: str
) -> None:
    """It gave way if both were due and the other outranks it; else the slot was simply gone."""
    check = _contest(priority, reserved_at_ms, due_ms=NOON_MS)

    taken_by = {"campaign": "kit", "message": "winner", "priority": priority}
    assert (check.reason, check.inputs["rules"][0]["taken_by"]) == (reason, taken_by)


def _waiting(**changes: Any) -> Plan:
    wish = MessagePlan("greet", ("sms",), caps="defer", **changes)
    return plan(campaign(message=wish), caps=(CAP,))


def _full(free_ms: int, **changes: Any) -> ClaimFacts:
    """Give facts of a message whose one slot comes free at ``free_ms``."""
    changes.setdefault("expires_at_ms", NOON_MS + 3 * DAY_MS)
    taken = slot("used", free_ms - DAY_MS, free_ms - DAY_MS)
    return facts(message=message(channels=("sms",), **changes), slots=(taken,))


def test_message_that_waits_for_a_slot_is_deferred_to_the_next() -> None:
    """``caps: defer``: claimed again, spread over half an hour, when the slot has come free."""
    free_ms = NOON_MS + HOUR_MS

    verdict = judged(_waiting(), _full(free_ms))

    assert (verdict.outcome, verdict.reason) == ("deferred", "frequency_cap")
    assert verdict.retry_at_ms is not None
    assert free_ms <= verdict.retry_at_ms < free_ms + RELEASE_SPREAD_MS
    assert (_last(verdict).inputs["next_ms"], _last(verdict).inputs["moved_by"]) == (
        free_ms,
        "caps",
    )


def test_slot_that_comes_free_in_the_night_waits_for_the_morning() -> None:
    """Cap and quiet hours are solved together, and the later of them is named."""
    morning_ms = MORNING_MS + DAY_MS

    verdict = judged(_waiting(), _full(morning_ms - 2 * HOUR_MS))

    assert verdict.retry_at_ms is not None
    assert morning_ms <= verdict.retry_at_ms < morning_ms + RELEASE_SPREAD_MS
    assert _last(verdict).inputs["moved_by"] == "policy in Europe/Monaco"


def test_night_that_ends_before_the_slot_is_free_is_not_the_end_of_waiting() -> None:
    """In quiet hours a message that waits for slots is not woken for a full cap."""
    free_ms = MORNING_MS + 3 * HOUR_MS

    verdict = judged(_waiting(), _full(free_ms, entered_ms=NIGHT_MS), now_ms=NIGHT_MS)

    assert verdict.retry_at_ms is not None
    assert verdict.retry_at_ms >= free_ms
    assert _last(verdict).inputs["moved_by"] == "caps"


def test_slot_that_comes_too_late_withholds_at_once() -> None:
    """Nothing waits for a slot behind the end of the message."""
    free_ms = NOON_MS + HOUR_MS

    verdict = judged(_waiting(), _full(free_ms, expires_at_ms=free_ms))

    assert (verdict.outcome, verdict.reason) == ("withheld", "frequency_cap")


def test_message_that_ends_before_all_is_open_says_what_comes_too_late() -> None:
    """The reason is that of the limit which moved the instant behind the end."""
    evening_ms = at("2026-06-01 19:00")  # the night of Monaco begins
    slot_first = _full(evening_ms + HOUR_MS, expires_at_ms=evening_ms + 2 * HOUR_MS)
    ends_ms = MORNING_MS + HOUR_MS
    night_first = _full(MORNING_MS + 2 * HOUR_MS, entered_ms=NIGHT_MS, expires_at_ms=ends_ms)

    by_day = judged(_waiting(), slot_first)
    by_night = judged(_waiting(), night_first, now_ms=NIGHT_MS)

    assert (_last(by_day).gate, by_day.reason) == ("caps", "expires_in_quiet_hours")
    assert (_last(by_night).gate, by_night.reason) == ("quiet_hours", "frequency_cap")


def test_door_that_opens_too_late_withholds_at_once() -> None:
    """Open at three, and the message ends at three."""
    keeps = MessagePlan("greet", ("sms",), only_open=True)
    the_plan = plan(
        campaign(message=keeps), fences={"studio": replace(STUDIO, opening=OPEN_AT_THREE)}
    )
    ends = message(channels=("sms",), cause=ENTER, expires_at_ms=at("2026-06-01 13:00"))

    verdict = judged(the_plan, facts(message=ends))

    assert (verdict.outcome, verdict.reason) == ("withheld", "place_closed")


def test_message_is_held_a_week_at_most() -> None:
    """A slot that comes free after more than seven days is not waited for."""
    free_ms = NOON_MS + HELD_MAX_MS

    late = judged(_waiting(), _full(free_ms, expires_at_ms=NOON_MS + 30 * DAY_MS))
    in_time = judged(_waiting(), _full(free_ms - 1, expires_at_ms=NOON_MS + 30 * DAY_MS))

    assert (late.outcome, in_time.outcome) == ("withheld", "deferred")


def test_cap_that_drops_still_tells_the_next_instant() -> None:
    """Withheld, and the record says when a slot and the hours would both have been open."""
    verdict = judged(plan(caps=(CAP,)), _full(MORNING_MS + DAY_MS - 2 * HOUR_MS))

    assert verdict.outcome == "withheld"
    assert _last(verdict).inputs["next_ms"] == MORNING_MS + DAY_MS
    assert _last(verdict).inputs["rules"][0]["next_ms"] == MORNING_MS + DAY_MS - 2 * HOUR_MS


# ---- what a record may hold ----------------------------------------------------------------


@pytest.mark.parametrize("case", [*REFUSALS.values(), None], ids=[*REFUSALS, "sent"])
def test_no_check_shows_an_address_a_coordinate_or_a_text(
    case: Refusal | None,
) -> None:
    """Canaries in everything the claim may see and none in its checks."""
    given: dict[str, Any] = case[2]() if case else {}
    the_facts = given.pop("the_facts", facts())
    the_plan = given.pop("the_plan", plan())
    canary = "c4n4ry"
    person = the_facts.person
    person.attributes |= {"email": canary, "name": canary}
    person.recent.append(past_event("viewed", NOON_MS, {"lat": canary}))
    rows = tuple(
        replace(a, ref=canary + a.ref, raw={"address": canary}) for a in the_facts.addresses
    )
    cause = replace(EVENT, props={"text": canary})
    the_template = replace(
        the_plan.templates["greet"], sources={c: {"text": canary} for c in CHANNELS}
    )
    seen = replace(
        the_facts,
        addresses=rows,
        message=replace(the_facts.message, cause=cause),
    )
    named = FenceView("studio", name=canary, tags=STUDIO.tags, meta={"phone": canary})

    verdict = judged(
        replace(the_plan, templates={"greet": the_template}, fences={"studio": named}),
        seen,
        **given,
    )

    assert canary.encode() in msgspec.msgpack.encode(seen)
    assert canary not in json.dumps(msgspec.to_builtins(verdict.checks))


# ---- labels and content --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "said", "ok"),
    [
        ("marketing", "marketing location_collect location_marketing", True),
        ("marketing", "marketing location_collect", False),
        ("marketing", "marketing location_marketing", False),
        ("transactional", "location_collect", True),
        ("transactional", "", False),
    ],
)
def test_place_in_content_needs_the_location_purpose(purpose: str, said: str, ok: bool) -> None:  # noqa: FBT001 - a table
    """Whatever woke the campaign: an app event carries no consent to name the place."""
    consents = tuple(ConsentEntry(each, "y", 0) for each in said.split())
    verdict = judged(plan(purpose=purpose), facts(consents=consents), PLACED)

    assert verdict.outcome == ("send" if ok else "withheld")
    assert verdict.reason == ("" if ok else "label")


def test_nearest_alone_has_something_in_its_place() -> None:
    """It falls back to the stated home or the default, so the message goes; the check says so."""
    rendered = dict.fromkeys(CHANNELS, Rendered(location=True))
    verdict = judged(the_facts=facts(consents=YES_TO_ALL[:1]), rendered=rendered)
    (label,) = (check for check in verdict.checks if check.gate == "label")

    assert verdict.outcome == "send"
    assert label.inputs["denied"] == "location_collect"


@pytest.mark.parametrize("rendered", [Rendered(location=True), PLACED["sms"]])
def test_policy_says_for_what_locations_are_used(rendered: Rendered) -> None:
    """A purpose it does not list gets no content with location fields, consent or not."""
    the_plan = _with_policy(location_fields=frozenset({"transactional"}))
    verdict = judged(the_plan, rendered=dict.fromkeys(CHANNELS, rendered))

    assert (verdict.outcome, verdict.reason) == ("withheld", "label")


def test_content_that_lost_its_consent_is_rendered_anew() -> None:
    """Deferred by a second: neither sent as it is nor lost."""
    relied = dict.fromkeys(CHANNELS, Rendered(relied_on=("personalisation",)))
    verdict = judged(rendered=relied)
    granted = facts(consents=(*YES_TO_ALL, ConsentEntry("personalisation", "y", 0)))

    assert (verdict.outcome, verdict.reason) == ("deferred", "content_stale")
    assert (verdict.retry_at_ms, verdict.slot) == (NOON_MS + 1_000, None)
    assert verdict.checks[-1].inputs["withdrawn"] == ["personalisation"]
    assert judged(the_facts=granted, rendered=relied).outcome == "send"


@pytest.mark.parametrize("obeys", [(), ("default v9",)])
def test_content_of_another_law_is_rendered_anew(obeys: tuple[str, ...]) -> None:
    """A label that has come since the content was made is not passed by."""
    everywhere = Label("(Ad)", frozenset(CHANNELS))
    the_plan = _with_policy(label=everywhere)
    named = the_plan.policy.named

    old = judged(the_plan, rendered=dict.fromkeys(CHANNELS, Rendered(obeys=obeys)))
    new = judged(the_plan, rendered=dict.fromkeys(CHANNELS, Rendered(obeys=(named,))))
    assert (old.outcome, old.reason) == ("deferred", "content_stale")
    assert new.outcome == "send"
    assert new.checks[-2].inputs["obeys"] == [named]


def test_message_of_a_run_that_gave_way_is_withheld() -> None:
    """Two runs in one campaign became one when two persons did: only the older one's message."""
    the_facts = facts()
    the_facts.person.dropped.append(the_facts.message.run_id)

    verdict = judged(the_facts=the_facts)

    assert (verdict.outcome, verdict.reason) == ("withheld", "run_merged")
