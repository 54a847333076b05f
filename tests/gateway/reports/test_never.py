"""Why somebody was never considered: from documents and records, by hand."""

import string
from typing import Any

import msgspec
import pytest
from msgspec import structs

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.person import NAMES_MAX, RECENT_MAX, Person
from fencepost_gateway.decide.plan import Plan, Policy
from fencepost_gateway.decide.run import Run, Standing
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.summary import EventSummary
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.unheard import DAY_MS, Unheard
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.ports import (
    BroadcastRow,
    DeviceSeen,
    DocumentRow,
    RecordRow,
    Statement,
)
from fencepost_gateway.reports.never import never
from fencepost_gateway.reports.never_known import Finding, Known
from fencepost_gateway.reports.never_words import HEADS, NEVER, tell_never

HOUR_MS = 3_600_000
FROM_MS = 1_000 * HOUR_MS
UNTIL_MS = FROM_MS + HOUR_MS
AT_MS = FROM_MS + HOUR_MS // 2
BEFORE_MS = FROM_MS - HOUR_MS
CAMPAIGN: dict[str, Any] = {
    "kind": "campaign",
    "id": "greeting",
    "entry": [{"transition": "enter", "fence": {"tag": "studio"}}],
    "message": {"template": "greet", "channels": ["in_app"]},
    "goal": "none",
}
DWELL = [{"transition": "dwell", "fence": {"tag": "studio"}, "after": "10m"}]
OPENED = [{"event": "opened"}]
JOIN: dict[str, Any] = {"entry": [{"audience": "buyers"}]}
LEAVE = {"entry": [{"audience": "buyers", "on": "leave"}]}
BUYERS = {"kind": "audience", "id": "buyers", "when": {"did": "purchase"}}
TEMPLATE = {
    "kind": "template",
    "id": "greet",
    "purpose": "marketing",
    "in_app": {"title": "Hello", "body": "Hello."},
}
ALLOWED = ("location_collect", "location_precise")


def version(number: int = 1, at_ms: int = 0, state: Any = "live", **members: Any) -> DocumentRow:
    """Give a version of the campaign."""
    body = msgspec.json.encode(CAMPAIGN | members)
    return DocumentRow("campaign", "greeting", number, body, at_ms, 0, state)


def fence(
    fence_id: str = "studio", tag: str = "studio", at_ms: int = 0, **more: Any
) -> DocumentRow:
    """Give a version of a fence."""
    body = {
        "kind": "fence",
        "type": "Feature",
        "id": fence_id,
        "geometry": {"type": "Point", "coordinates": [7.42, 43.73]},
        "properties": {"radius_m": 60, "tags": [tag], "dwell_after": "10m", **more},
    }
    return DocumentRow("fence", fence_id, 1, msgspec.json.encode(body), at_ms, at_ms)


def told(
    kind: str = "enter", fence_id: str = "studio", at_ms: int = AT_MS, **more: Any
) -> RecordRow:
    """Give the record of a transition."""
    body = {"kind": kind, "fence_id": fence_id, "fence_name": "", "at_ms": at_ms, **more}
    return RecordRow(1, at_ms, "p", "transition", "visit", body)


def states(*values: str, at_ms: int = BEFORE_MS) -> list[Statement]:
    """Give statements about collecting and precision, each time both."""
    return [
        Statement(at_ms + n, ConsentEntry(purpose, value, at_ms + n))
        for n, value in enumerate(values)
        for purpose in ALLOWED
    ]


PAUSED = Statement(BEFORE_MS + 9, ConsentEntry("location_active", "n", BEFORE_MS + 9))


def known(*rows: RecordRow, **members: Any) -> Known:
    """Give what is known of somebody who is tracked, allows it and has just been heard of."""
    usual: dict[str, Any] = {
        "person_id": "p",
        "from_ms": FROM_MS,
        "until_ms": UNTIL_MS,
        "person": Person("p"),
        "told": rows,
        "devices": [DeviceSeen("d", BEFORE_MS, AT_MS)],
        "statements": states("y"),
        "fences": {"studio": [fence()], "shop": [fence("shop", "shop")]},
    }
    return Known(**(usual | members))


def plan(policy: Policy | None = None, **campaign: Any) -> Plan:
    """Compile what is in force now."""
    documents = [
        StoredDocument("campaign", "greeting", 1, CAMPAIGN | campaign),
        StoredDocument("template", "greet", 1, TEMPLATE),
        StoredDocument("audience", "buyers", 1, BUYERS),
    ]
    compiled = compile_plan(documents, 1, "seed")
    return structs.replace(compiled, policy=policy) if policy else compiled


def codes(found: list[Finding]) -> list[str]:
    """Give the codes in order."""
    return [one.code for one in found]


def event(first_ms: int, last_ms: int, *recent_ms: int) -> Person:
    """Give somebody whose app told ``opened``."""
    person = Person("p")
    for at_ms in recent_ms:
        person.remember("opened", at_ms, {})
    person.summaries["opened"] = EventSummary(2, first_ms, last_ms)
    return person


def crowded() -> Person:
    """Give somebody with more events since than are kept."""
    person = event(BEFORE_MS, UNTIL_MS + 999)
    for n in range(RECENT_MAX + 1):
        person.remember("other", UNTIL_MS + n, {})
    return person


def many_names() -> Person:
    """Give somebody with more kinds of events than are summed up."""
    summary = EventSummary(1, 0, 0)
    return Person("p", summaries={str(n): summary for n in range(NAMES_MAX)})


def member(since_ms: int) -> Person:
    """Give somebody who belongs to the audience of buyers."""
    return Person("p", audiences={"buyers": since_ms})


def filled(on: str) -> RecordRow:
    """Give the record of somebody whom a new definition counted in, or took out."""
    body = {"audience_id": "buyers", "on": on, "why": "published", "filled": True}
    return RecordRow(0, AT_MS, "p", "audience", "x", body)


def many(kind: Any, at_ms: int = AT_MS, state: Any = "done", **told: Any) -> BroadcastRow:
    """Give what many were told of: a forecast, a schedule of the campaign, or its members."""
    names = {"external": "weather", "schedule": "schedule", "members": "buyers"}
    told = {"campaign_id": "" if kind == "external" else "greeting", **told}
    broadcast = Broadcast("b", kind, names[kind], at_ms, **told)
    done_ms = at_ms + 1 if state == "done" else None
    return BroadcastRow(1, broadcast, at_ms, state, seen=200, total=1_000, done_ms=done_ms)


def traveller(left: bool = False) -> Person:  # noqa: FBT001, FBT002 - a case, not a switch
    """Give somebody whose run in the campaign began before, and lives."""
    cause = Cause("s", "event", "opened", BEFORE_MS)
    at = Standing("nap", BEFORE_MS, BEFORE_MS, UNTIL_MS, cause)
    return Person("p", runs={"greeting": Run("r", BEFORE_MS, at=None if left else at)})


WEATHER: dict[str, Any] = {"entry": [{"external": "weather", "for": {"audience": "buyers"}}]}
HOT: dict[str, Any] = {"entry": [{"external": "weather", "where": {"region": "monaco"}}]}
DAILY: dict[str, Any] = {
    "entry": [{"schedule": "0 10 * * *", "for": {"audience": "buyers"}, "only_new": True}]
}
NOBODY = known(person=None, devices=[], statements=[])
TRANSITIONS: dict[str, tuple[Known, dict[str, Any]]] = {
    "never_heard": (NOBODY, {}),
    "unsaid": (known(told()), {}),
    "superseded": (known(told(superseded=True)), {}),
    "initial": (known(told(initial=True)), {}),
    "opened": (known(told(opened=True)), {}),
    "other_kind": (known(told("exit", duration_s=30)), {}),
    "too_short": (known(told("exit", duration_s=30)), {"entry": DWELL}),
    "still_short": (known(told()), {"entry": DWELL}),
    "other_threshold": (known(told("dwell", after_s=60)), {"entry": DWELL}),
    "fence_lacks": (
        known(told(), fences={"studio": [fence(dwell_after="1m")]}),
        {"entry": DWELL},
    ),
    "location_denied": (known(statements=states("y", "n")), {}),
    "location_paused": (known(statements=[*states("y"), PAUSED]), {}),
    "location_coarse": (known(statements=states("y")[:1]), {}),
    "no_device": (known(devices=[]), {}),
    "silent": (known(devices=[DeviceSeen("d", 0, BEFORE_MS)]), {}),
    "not_heard_yet": (known(devices=[DeviceSeen("d", UNTIL_MS, UNTIL_MS)]), {}),
    "no_transition": (known(), {}),
    "event_never": (known(), {"entry": OPENED}),
    "event_before": (known(person=event(0, BEFORE_MS)), {"entry": OPENED}),
    "event_after": (known(person=event(UNTIL_MS, UNTIL_MS)), {"entry": OPENED}),
    "event_elsewhen": (known(person=event(BEFORE_MS, UNTIL_MS)), {"entry": OPENED}),
    "event_unsure": (known(person=crowded()), {"entry": OPENED}),
    "event_unsaid": (known(person=event(BEFORE_MS, UNTIL_MS, AT_MS)), {"entry": OPENED}),
    "audience_gone": (known(), {"entry": [{"audience": "others"}]}),
    "audience_not_in": (known(), JOIN),
    "audience_before": (known(person=member(BEFORE_MS)), JOIN),
    "audience_filled": (known(person=member(AT_MS)), JOIN),
    "audience_after": (known(person=member(UNTIL_MS)), JOIN),
    "audience_still_in": (known(person=member(BEFORE_MS)), LEAVE),
    "audience_never_left": (known(), LEAVE),
    "audience_emptied": (known(moved=[filled("join"), filled("leave")]), LEAVE),
    "many_none": (known(), WEATHER),
    "many_unsure": (known(is_many_cut=True), WEATHER),
    "many_where": (known(many=[many("external", props={"region": "nice"})]), HOT),
    "many_not_in": (known(many=[many("external")]), WEATHER),
    "many_joined_later": (known(many=[many("external")], person=member(UNTIL_MS)), WEATHER),
    "many_unsaid": (known(many=[many("external")], person=member(BEFORE_MS)), WEATHER),
    "many_under_way": (known(many=[many("external", state="running")]), WEATHER),
    "many_before_known": (
        known(many=[many("external")], devices=[DeviceSeen("d", AT_MS + 2, AT_MS + 2)]),
        WEATHER,
    ),
    "many_taken": (
        known(
            many=[many("schedule")],
            person=Person(
                "p", audiences={"buyers": BEFORE_MS}, taken={"greeting/buyers": BEFORE_MS}
            ),
        ),
        DAILY,
    ),
    "no_call": (known(), {"entry": [{"api": True}]}),
    "run_lives": (known(person=traveller()), {"entry": OPENED}),
    "before_run": (known(told()), {"run": {"from": "2026-01-01T00:00Z"}}),
    "after_run": (known(told()), {"run": {"until": "1970-01-01T00:00Z"}}),
}
VERSIONS: dict[str, list[DocumentRow]] = {
    "not_published_yet": [version(at_ms=UNTIL_MS)],
    "archived": [version(), version(2, BEFORE_MS, "archived")],
    "not_live_then": [version(at_ms=AT_MS + 1)],
}
MORE = {
    "location_partly", "positions_dropped", "other_fence", "positions_not_kept", "policy_now",
    "version_changed", "holdout_anyway", "reentry_anyway", "event_not_live_then", "too_many",
    "told_later", "many_not_live_then",
}  # fmt: skip


@pytest.mark.parametrize("code", TRANSITIONS)
def test_first_finding_is_the_reason(code: str) -> None:
    """Whatever kept a campaign from being considered is named first."""
    case, members = TRANSITIONS[code]

    assert codes(never(plan(**members), [version(**members)], case))[0] == code


@pytest.mark.parametrize("code", VERSIONS)
def test_campaign_is_the_one_of_that_time(code: str) -> None:
    """What is live now counts for nothing where it was not then."""
    assert codes(never(plan(), VERSIONS[code], known(told())))[0] == code


def test_who_was_counted_in_and_left_again_has_not_joined_either() -> None:
    """That they do not belong now is not why nothing started when they were counted in."""
    case = known(moved=[filled("join")])

    assert (
        codes(never(plan(entry=JOIN["entry"]), [version(entry=JOIN["entry"])], case))[0]
        == "audience_filled"
    )


def test_every_finding_has_a_case_and_a_sentence() -> None:
    """The table of sentences is the table of findings."""
    assert {*TRANSITIONS, *VERSIONS, *MORE} == set(NEVER)


def test_transition_is_held_against_the_fence_as_it_was() -> None:
    """A tag that was given later makes no miss of an earlier transition."""
    earlier = {"studio": [fence(tag="none"), fence(at_ms=AT_MS + 1)]}
    found = never(plan(), [version()], known(told(), fences=earlier))

    assert codes(found) == ["no_transition", "other_fence", "positions_not_kept"]


def test_nearest_miss_goes_first_and_the_newest_of_its_like() -> None:
    """Other fences are a sign of life, no more; three misses are enough."""
    rows = [
        told(fence_id="shop"),
        told("exit", at_ms=AT_MS + 2, duration_s=1),
        told("exit", at_ms=AT_MS + 5, duration_s=1),
        told(at_ms=AT_MS + 3, initial=True),
        told(at_ms=AT_MS + 4, superseded=True),
    ]
    found = never(plan(), [version()], known(*rows))

    assert codes(found) == ["superseded", "initial", "other_kind"]
    assert found[2].facts["at_ms"] == AT_MS + 5


def test_visit_that_ended_too_soon_is_told_once() -> None:
    """Its ENTER is no second miss."""
    found = never(
        plan(entry=DWELL), [version(entry=DWELL)], known(told(), told("exit", duration_s=30))
    )

    assert codes(found) == ["too_short"]


def test_denied_location_explains_the_silence_and_names_the_statement() -> None:
    """With purpose and value, and then no talk of positions that are not kept."""
    found = never(plan(), [version()], known(statements=states("y", "n")))

    assert codes(found) == ["location_denied", "no_transition"]
    assert found[0].facts["purpose"] == "location_collect"
    assert found[0].facts["value"] == "n"


def test_consent_that_came_in_the_span_is_said_after_the_reason() -> None:
    """It may have been the reason, and the records do not say."""
    partly = [*states("n"), *states("y", at_ms=AT_MS)]
    found = never(plan(), [version()], known(statements=partly))

    assert codes(found) == ["no_transition", "location_partly", "positions_not_kept"]
    assert found[1].facts == {"at_ms": AT_MS}


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "1,007 did not count: too late (1,003), made up"), ("ko", "1,007개는 판단에 쓰이지")],
)
def test_positions_that_could_not_speak_are_said_after_the_reason(language: Any, said: str) -> None:
    """Added up over devices and the UTC days of the time; other days are none of it."""
    day = FROM_MS // DAY_MS
    rows = [
        Unheard(day - 1, "d", "mock", 9),
        Unheard(day, "d", "late", 1_000),
        Unheard(day, "e", "late", 3),
        Unheard(day, "e", "mock", 4),
        Unheard(day + 1, "d", "mock", 9),
    ]
    found = never(plan(), [version()], known(person=Person("p", unheard=rows)))

    assert codes(found) == ["no_transition", "positions_dropped", "positions_not_kept"]
    assert found[1].facts == {"count": 1_007, "reasons": {"late": 1_003, "mock": 4}}
    assert said in tell_never(found[1].code, found[1].facts, Tongue(language, "UTC"))


def test_consent_counts_from_when_somebody_was_heard_of_first() -> None:
    """Before that no position could be refused."""
    devices = [DeviceSeen("d", AT_MS, AT_MS)]
    said = states("y", at_ms=AT_MS)[:2]
    found = never(plan(), [version()], known(devices=devices, statements=said))

    assert codes(found) == ["no_transition", "positions_not_kept"]


def test_nothing_said_is_denied_by_the_policy() -> None:
    """Location is denied by default."""
    found = never(plan(), [version()], known(statements=[]))

    assert (found[0].code, found[0].facts["value"]) == ("location_denied", "u")


def test_statement_after_the_span_counts_for_nothing() -> None:
    """Consent is that of the time asked for."""
    later = [*states("n"), *states("y", at_ms=UNTIL_MS)]

    assert codes(never(plan(), [version()], known(statements=later)))[0] == "location_denied"


def test_policy_that_changed_since_is_said_to_be_the_one_of_now() -> None:
    """The records do not say what an earlier policy would have meant."""
    policies = [DocumentRow("policy", "default", 2, b"{}", AT_MS, 0)]
    found = never(plan(), [version()], known(statements=[], policies=policies))

    assert found[-1] == Finding("policy_now", {"applied_ms": AT_MS})


def test_version_that_changed_in_the_span_is_named() -> None:
    """What was live at the end is what the entries are; the change is said."""
    found = never(plan(), [version(), version(2, AT_MS, entry=OPENED)], known())

    assert codes(found) == ["event_never", "version_changed"]


def test_event_before_the_campaign_was_live_is_no_mystery() -> None:
    """It came, but nobody waited for it."""
    case = known(person=event(BEFORE_MS, UNTIL_MS, AT_MS))
    found = never(plan(), [version(at_ms=AT_MS + 1, entry=OPENED)], case)

    assert codes(found) == ["event_not_live_then"]


def test_event_that_may_be_beyond_the_names_that_are_kept_is_unsure() -> None:
    """The history is bounded, and says so."""
    found = never(plan(), [version(entry=OPENED)], known(person=many_names()))

    assert codes(found) == ["event_unsure"]


def test_what_stood_in_the_way_anyway_is_said_last() -> None:
    """A holdout, and a campaign that admits once."""
    members: dict[str, Any] = {"holdout": "100%", "reentry": "never"}
    person = Person("p", runs={"greeting": Run("r", BEFORE_MS)})
    found = never(plan(**members), [version(**members)], known(told(initial=True), person=person))

    assert codes(found) == ["initial", "holdout_anyway", "reentry_anyway"]


def fields(text: str) -> set[str]:
    """Give the members that a text is filled in with."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", [*NEVER, *HEADS])
def test_sentence_says_the_same_in_both_languages(code: str) -> None:
    """Both take the same members; findings are whole, polite sentences."""
    said = (NEVER | HEADS)[code]

    assert fields(said.en) == fields(said.ko)
    if code in NEVER:
        assert said.en.endswith(".")
        assert said.ko.endswith(("니다.", "십시오."))


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("code", [*TRANSITIONS, *VERSIONS])
def test_every_finding_fills_its_sentence(code: str, language: Any) -> None:
    """No member is missing, and moments are on the named clock."""
    case, members = TRANSITIONS.get(code, (known(told()), {}))
    versions = VERSIONS.get(code, [version(**members)])
    for one in never(plan(**members), versions, case):
        said = tell_never(one.code, one.facts, Tongue(language, "Asia/Seoul"))

        assert "{" not in said
        assert ("Asia/Seoul" in said) == any(
            name.endswith("_ms") for name in fields(NEVER[one.code].en)
        )


def test_other_peoples_schedules_and_events_are_not_this_one() -> None:
    """A schedule of another campaign, or what came before the time that is asked about."""
    rows = [many("schedule", campaign_id="other"), many("schedule", BEFORE_MS - HOUR_MS)]
    found = never(plan(**DAILY), [version(**DAILY)], known(many=rows))

    assert codes(found) == ["many_none"]


def test_of_several_that_were_told_the_nearest_miss_is_the_reason() -> None:
    """Not the newest one: it was told of another region."""
    entry: dict[str, Any] = {"entry": [{**WEATHER["entry"][0], "where": {"region": "monaco"}}]}
    rows = [
        many("external", AT_MS + 5, props={"region": "nice"}),
        many("external", props={"region": "monaco"}),
    ]
    found = never(plan(**entry), [version(**entry)], known(many=rows))

    assert codes(found) == ["many_not_in"]


def test_event_from_outside_before_the_campaign_was_live_is_no_mystery() -> None:
    """It came, but nobody waited for it."""
    found = never(
        plan(**WEATHER), [version(at_ms=AT_MS + 1, **WEATHER)], known(many=[many("external")])
    )

    assert codes(found) == ["many_not_live_then"]


def test_members_who_are_being_taken_in_wait_for_their_turn() -> None:
    """Who belonged before does not join, but their turn may still come."""
    entry: dict[str, Any] = {"entry": [{"audience": "buyers", "include_existing": True}]}
    row = many("members", state="running", source_id="buyers")
    case = known(many=[row], person=member(BEFORE_MS))
    found = never(plan(**entry), [version(**entry)], case)

    assert codes(found) == ["many_under_way", "audience_before"]


def test_journey_is_asked_as_a_campaign_is() -> None:
    """Its versions are of another kind, and its entries the same."""
    body = {name: CAMPAIGN[name] for name in ("id", "entry", "goal")}
    body |= {"kind": "journey", "steps": [{"message": CAMPAIGN["message"]}]}
    row = DocumentRow("journey", "greeting", 1, msgspec.json.encode(body), 0, 0)

    assert codes(never(plan(), [row], known(told(initial=True)))) == ["initial"]


def test_run_that_has_ended_is_no_run_that_lives() -> None:
    """Then the entries are the reason."""
    case = known(person=traveller(left=True))

    assert codes(never(plan(entry=OPENED), [version(entry=OPENED)], case)) == ["event_never"]
