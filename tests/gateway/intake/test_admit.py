"""Admit: a verdict per event, and what of a batch goes on."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.event_shape import EventShape, Property
from fencepost_gateway.decide.plan import MergePolicy
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.limits import AGE_MAX_MS, FUTURE_MAX_MS
from fencepost_gateway.intake.marks import Marks
from gateway.batches import (
    DAY_MS,
    NOW_MS,
    batch,
    consent,
    event,
    fix,
    user,
    visitor,
)
from gateway.policies import make_house

LONG_AGO_MS = NOW_MS - DAY_MS
PRECISE = {"location_collect": "y", "location_precise": "y"}


def says(**values: str) -> list[ConsentEntry]:
    """Give statements made a while ago."""
    return [ConsentEntry(purpose, value, LONG_AGO_MS) for purpose, value in values.items()]


def admitted(
    *events: Any,
    said: Mapping[str, Sequence[ConsentEntry]] | None = None,
    aliases: dict[str, str] | None = None,
    marks: Marks | None = None,
    merging: MergePolicy = "on_login",
    **envelope: Any,
) -> Admission:
    """Bring a batch to the door; ``said`` are the statements of each person."""
    facts = AdmitFacts(
        marks or Marks(),
        lambda visitor_id: (aliases or {}).get(visitor_id, visitor_id),
        lambda person_id: (said or {}).get(person_id, ()),
    )
    house = replace(make_house(), merging=merging)
    return admit(batch(*events, **envelope), house, facts, NOW_MS)


def verdicts(admission: Admission) -> dict[int, str]:
    """Give each seq's verdict, with its code."""
    found = {o.seq or 0: ":".join(filter(None, (o.verdict, o.code))) for o in admission.others}
    for low, high in admission.accepted:
        found |= dict.fromkeys(range(low, high + 1), "accepted")
    return found


def fixes(admission: Admission) -> list[wire.Fix]:
    """Give the positions that go on."""
    events = admission.upload.events if admission.upload else []
    return [e for e in events if isinstance(e, wire.Fix)]


# ---- one bad event -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [
        pytest.param({"type": "nonsense"}, "rejected:unknown_type", id="unknown-type"),
        pytest.param({"props": []}, "rejected:type", id="wrong-type"),
        pytest.param({"props": {"a": 2**53}}, "rejected:integer_range", id="integer"),
        pytest.param({"props": {"a": "\0"}}, "rejected:nul", id="nul"),
        pytest.param({"name": "a\0b"}, "rejected:nul", id="nul-in-name"),
        pytest.param({"session": "\0"}, "rejected:nul", id="nul-in-session"),
        pytest.param({"event_id": "\0"}, "rejected:nul", id="nul-in-id"),
        pytest.param({"at": "2026-05-04"}, "rejected:time_format", id="time"),
        pytest.param({"at": "2025-05-04T09:00:00Z"}, "rejected:too_old", id="old"),
    ],
)
@pytest.mark.parametrize("index", range(5))
def test_one_bad_event_harms_only_itself(index: int, bad: dict[str, Any], verdict: str) -> None:
    """At whatever place: the others are accepted, it is rejected with its code."""
    events = [event(seq) for seq in range(1, 6)]
    events[index] |= bad

    found = verdicts(admitted(*events))

    assert found == dict.fromkeys(range(1, 6), "accepted") | {index + 1: verdict}


@pytest.mark.bad_input(38)
def test_bytes_that_are_no_text_harm_only_their_event() -> None:
    """Invalid UTF-8 inside one string does not sink the batch."""
    body = b'{"seq":2,"event_id":"e","at":"2026-05-04T09:00:00Z","type":"screen","name":"\xff"}'
    text = (
        b'{"v":1,"device_id":"d","stream":"s","sent_at":"2026-05-04T09:00:00Z",'
        b'"who":{"anonymous_id":"a-1"},"events":[%b,%b]}'
    )
    good = body.replace(b"\xff", b"x").replace(b'"seq":2', b'"seq":1')
    facts = AdmitFacts(Marks(), lambda v: v, lambda _: ())

    found = admit(wire.decode_batch(text % (good, body)), make_house(), facts, NOW_MS)

    assert verdicts(found) == {1: "accepted", 2: "rejected:bad_value"}


def test_event_without_a_readable_seq_is_named_by_its_index() -> None:
    """There is no other name for it."""
    found = admitted(event(1), {**event(2), "seq": "two"}, event(3))

    (other,) = found.others
    assert (other.seq, other.index, other.code, other.path) == (None, 1, "type", "seq")
    assert found.accepted == [[1, 1], [3, 3]]


def test_rejected_event_is_decided() -> None:
    """It leaves no gap, so the stream's mark moves on."""
    marks = Marks()
    admitted(event(1), event(2, "nonsense"), fix(3), event(4), marks=marks)

    assert (marks.upto, marks.above) == (4, [])


@pytest.mark.bad_input(42)
def test_event_sent_many_times_in_a_batch_is_taken_once() -> None:
    """The first is accepted, every repeat is a duplicate."""
    found = admitted(*[event(1)] * 500)

    assert found.accepted == [[1, 1]]
    assert [o.verdict for o in found.others] == ["duplicate"] * 499
    assert found.upload is not None
    assert len(found.upload.events) == 1


def test_batch_without_an_accepted_event_makes_no_record() -> None:
    """Nothing happened that the log should know."""
    assert admitted(event(1, "nonsense")).upload is None
    assert admitted().upload is None


@given(st.lists(st.integers(1, 30), max_size=40), st.lists(st.integers(1, 30), max_size=40))
@settings(max_examples=40)
def test_every_event_gets_exactly_one_verdict(seen: list[int], sent: list[int]) -> None:
    """Accepted once if it was not seen, else duplicate: nothing is lost, nothing taken twice."""
    marks = Marks()
    for seq in seen:
        marks.add(seq)
    found = admitted(*(event(seq) for seq in sent), marks=marks)

    taken = [s for low, high in found.accepted for s in range(low, high + 1)]
    assert sorted(taken) == sorted(set(sent) - set(seen))
    assert len(taken) + len(found.others) == len(sent)


# ---- times ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset_ms", "moved"),
    [(29_000, False), (-29_000, False), (31_000, True), (-31_000, True), (400 * DAY_MS, True)],
)
def test_clock_that_is_off_moves_every_time_of_the_batch(offset_ms: int, *, moved: bool) -> None:
    """Beyond 30 s the device's times shift by the difference to ours."""
    there_ms = NOW_MS + offset_ms
    found = admitted(event(1, at_ms=there_ms - 5000), sent_ms=there_ms)

    assert found.upload is not None
    assert found.upload.at_ms == [NOW_MS - 5000 if moved else there_ms - 5000]


def test_event_from_the_future_is_clamped_to_receipt() -> None:
    """Five minutes are believed; beyond that it happened when it came."""
    edge = NOW_MS + FUTURE_MAX_MS
    found = admitted(event(1, at_ms=edge), event(2, at_ms=edge + 1))

    assert found.upload is not None
    assert found.upload.at_ms == [edge, NOW_MS]


def test_event_older_than_31_days_is_rejected() -> None:
    """The window in which duplicates are known is closed."""
    edge = NOW_MS - AGE_MAX_MS
    found = admitted(event(1, at_ms=edge), event(2, at_ms=edge - 1))

    assert verdicts(found) == {1: "accepted", 2: "rejected:too_old"}


@pytest.mark.parametrize(
    ("at", "sent_ms"),
    [
        ("9999-12-31T23:59:59-23:59", 253_402_300_000_000),
        ("0001-01-01T00:00:00+23:59", -62_135_000_000_000),
    ],
)
def test_time_whose_offset_leaves_the_calendar_is_refused(at: str, sent_ms: int) -> None:
    """Such a moment could be judged but never be written to the log, or read from it."""
    found = admitted({**event(1), "at": at}, sent_ms=sent_ms)

    assert verdicts(found) == {1: "rejected:time_format"}
    assert found.upload is None


# ---- positions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"location_collect": "n"},
        {"location_collect": "p"},
        {"location_collect": "LI"},
        {"location_precise": "y"},
        {"marketing": "y", "collect": "y"},
    ],
    ids=str,
)
def test_position_without_consent_goes_no_further(said: dict[str, str]) -> None:
    """Unknown means no: the fix is rejected, the app events beside it are not."""
    found = admitted(event(1), fix(2), event(3), said={visitor(): says(**said)})

    assert verdicts(found) == {1: "accepted", 2: "rejected:consent", 3: "accepted"}
    assert fixes(found) == []


@pytest.mark.parametrize(
    ("accuracy_m", "kept_m"), [(12.0, 800.0), (None, 800.0), (-1, 800.0), (2500.0, 2500.0)]
)
def test_position_that_may_not_be_precise_is_coarsened(
    accuracy_m: float | None, kept_m: float
) -> None:
    """Snapped to 0.01 degrees, and its accuracy says so."""
    said = {visitor(): says(location_collect="y")}
    (kept,) = fixes(admitted(fix(1, accuracy_m=accuracy_m), said=said))

    assert (kept.lat, kept.lon, kept.accuracy_m) == (51.34, 12.37, kept_m)


def test_position_that_may_be_precise_is_kept_as_it_is() -> None:
    """Both purposes allowed: nothing is taken away."""
    (kept,) = fixes(admitted(fix(1), said={visitor(): says(**PRECISE)}))

    assert (kept.lat, kept.lon, kept.accuracy_m) == (51.339812, 12.373456, 12.0)


@given(st.floats(-90, 90), st.floats(-180, 180), st.none() | st.floats(0, 5000, allow_nan=False))
def test_no_precise_position_gets_through(lat: float, lon: float, accuracy_m: Any) -> None:
    """Whatever the position: what goes on is a point of the grid."""
    said = {visitor(): says(location_collect="y")}
    (kept,) = fixes(admitted(fix(1, lat=lat, lon=lon, accuracy_m=accuracy_m), said=said))

    assert (kept.lat, kept.lon) == (round(lat, 2), round(lon, 2))
    assert kept.accuracy_m is not None
    assert kept.accuracy_m >= 800


# ---- consent inside a batch ----------------------------------------------------------------


def test_consent_counts_for_the_events_behind_it() -> None:
    """Not for those before it: order within the batch is order in time."""
    found = admitted(
        fix(1),
        consent(2, NOW_MS, **PRECISE),
        fix(3),
        consent(4, NOW_MS + 6000, location_precise="n"),
        fix(5),
        said={visitor(): says(location_precise="u")},
    )

    assert verdicts(found)[1] == "rejected:consent"
    assert [f.accuracy_m for f in fixes(found)] == [12.0, 800.0]


def test_consent_leaves_a_change_with_its_proof() -> None:
    """Entry, what stood before, and where it was said."""
    spoken = event(1, "consent", values={"marketing": "n"}, channel="sms", text="t-1", surface="s")
    found = admitted(spoken, said={visitor(): [ConsentEntry("marketing", "y", 0, "sms")]})

    (change,) = found.consents
    assert change.person_id == visitor()
    assert change.entry == ConsentEntry("marketing", "n", NOW_MS, "sms", clock="device-1")
    assert change.old_value == "y"
    assert change.proof == {
        "device_id": "device-1",
        "text": "t-1",
        "language": None,
        "surface": "s",
        "method": None,
        "event_id": "e-1",
        "zone": "",
        "actor": "app",
        "device_ms": NOW_MS,
    }


def test_consent_of_yesterday_does_not_undo_a_later_no() -> None:
    """A yes given offline and uploaded late loses against what was said since."""
    said = {visitor(): [ConsentEntry("marketing", "n", NOW_MS)]}
    found = admitted(consent(1, LONG_AGO_MS, marketing="y"), said=said)

    assert found.accepted == [[1, 1]]
    assert found.consents == []


def test_consent_changed_twice_on_one_device_is_as_said_last() -> None:
    """One clock is believed to the second: off and on again is on."""
    found = admitted(
        consent(1, NOW_MS, marketing="y"),
        consent(2, NOW_MS + 1000, marketing="n"),
        consent(3, NOW_MS + 2000, marketing="y"),
    )

    assert [c.entry.value for c in found.consents] == ["y", "n", "y"]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"values": {"telepathy": "y"}}, "values"),
        ({"values": {"marketing": "maybe"}}, "values.marketing"),
        ({"values": {"marketing": "y"}, "channel": "pigeon"}, "channel"),
    ],
)
def test_consent_in_words_nobody_knows_is_rejected(members: dict[str, Any], path: str) -> None:
    """Nothing is guessed about what a person agreed to."""
    found = admitted(event(1, "consent", **members))

    (other,) = found.others
    assert (other.code, other.path) == ("bad_value", path)
    assert found.consents == []


# ---- identify ------------------------------------------------------------------------------


def changes(admission: Admission, person_id: str) -> dict[str, str]:
    """Give the statements that a batch makes stand for a person."""
    return {c.entry.purpose: c.entry.value for c in admission.consents if c.person_id == person_id}


def test_identify_links_the_visitor_to_the_known_person() -> None:
    """From then on the device speaks for the known person."""
    found = admitted(event(1), event(2, "identify", user_id="u42"))

    assert found.link == (visitor(), user("u42"))
    assert found.person_id == user("u42")
    assert found.upload is not None
    assert (found.upload.person_id, found.upload.visitor_id) == (user("u42"), visitor())
    assert (found.upload.user_id, found.upload.links) == ("u42", True)


def test_identify_merges_the_strictest_statements() -> None:
    """Of the visitor's and the known person's word the stricter stands."""
    said = {
        visitor(): says(marketing="n", profiling="y", share="y"),
        user("u42"): says(marketing="y", profiling="n"),
    }
    found = admitted(event(1, "identify", user_id="u42"), said=said)

    assert changes(found, user("u42")) == {"marketing": "n", "share": "y"}


def test_identify_brings_what_the_batch_has_just_said() -> None:
    """The visitor's newest word counts, not the one it replaced: batches may be cut anywhere."""
    said = {visitor(): says(location_collect="n")}
    found = admitted(
        consent(1, NOW_MS, **PRECISE), event(2, "identify", user_id="u42"), fix(3), said=said
    )

    assert changes(found, user("u42"))["location_collect"] == "y"
    assert verdicts(found)[3] == "accepted"


def test_identify_of_a_withdrawn_person_stops_positions_at_once() -> None:
    """The known person's no rules the events behind identify."""
    said = {visitor(): says(**PRECISE), user("u42"): says(location_collect="n")}
    found = admitted(fix(1), event(2, "identify", user_id="u42"), fix(3), said=said)

    assert verdicts(found) == {1: "accepted", 2: "accepted", 3: "rejected:consent"}


def test_identify_again_moves_nothing() -> None:
    """The visitor is that person already; what the batch said stays said."""
    said = {user("u42"): says(**PRECISE)}
    found = admitted(
        consent(1, NOW_MS, location_collect="n"),
        event(2, "identify", user_id="u42"),
        fix(3),
        said=said,
        aliases={visitor(): user("u42")},
    )

    assert found.link is None
    assert verdicts(found)[3] == "rejected:consent"


def test_identify_that_is_said_already_in_the_envelope_links_too() -> None:
    """The batch may carry the new identity before the event that made it."""
    said = {visitor(): says(marketing="n")}
    found = admitted(
        consent(1, share="y"), event(2, "identify", user_id="u42"), said=said, user_id="u42"
    )

    assert found.link == (visitor(), user("u42"))
    assert changes(found, user("u42")) == {"share": "y", "marketing": "n"}


def test_identify_never_carries_one_persons_word_to_the_next() -> None:
    """Two people on one device: the second has said nothing yet."""
    said = {user("u1"): says(**PRECISE, marketing="y"), visitor(): says(marketing="y")}
    found = admitted(
        event(1, "identify", user_id="u2"), fix(2), said=said, aliases={visitor(): user("u1")}
    )

    assert found.link is None
    assert found.consents == []
    assert found.person_id == user("u2")
    assert verdicts(found)[2] == "rejected:consent"


def test_one_batch_speaks_for_one_person() -> None:
    """Another user id belongs to another visitor, so into another batch."""
    found = admitted(event(1, "identify", user_id="u1"), event(2, "identify", user_id="u2"))

    assert verdicts(found) == {1: "accepted", 2: "rejected:bad_value"}
    assert found.person_id == user("u1")


@pytest.mark.parametrize(
    ("merging", "flag", "joins"),
    [
        ("on_login", False, True),
        ("on_login", True, True),
        ("explicit", False, False),
        ("explicit", True, True),
        ("never", False, False),
        ("never", True, False),
    ],
)
def test_merge_policy_says_whether_the_visitor_joins(
    merging: MergePolicy, *, flag: bool, joins: bool
) -> None:
    """``on_login`` always, ``never`` never, ``explicit`` if the event asks for it."""
    told = event(1, "identify", user_id="u42", merge=flag)
    found = admitted(told, merging=merging)

    assert found.upload is not None
    assert (found.link == (visitor(), user("u42"))) == found.upload.links == joins
    assert found.upload.parts != joins
    assert found.upload.merging == merging
    assert found.person_id == found.upload.person_id == user("u42")


def test_visitor_who_stays_apart_keeps_what_the_batch_told_before() -> None:
    """Events and statements before ``identify`` are the visitor's, those behind the person's."""
    said = {visitor(): says(marketing="n")}
    found = admitted(
        event(1),
        consent(2, NOW_MS, share="y"),
        event(3, "identify", user_id="u42"),
        consent(4, NOW_MS, collect="y"),
        said=said,
        merging="never",
    )

    assert found.before is not None
    assert found.upload is not None
    assert [e.seq for e in found.before.events] == [1, 2]
    assert [e.seq for e in found.upload.events] == [3, 4]
    assert (found.before.person_id, found.before.user_id) == (visitor(), "")
    assert (found.before.links, found.before.parts) == (False, False)
    assert changes(found, visitor()) == {"share": "y"}
    assert changes(found, user("u42")) == {"collect": "y"}


def test_flag_later_in_the_batch_joins_what_came_before() -> None:
    """Under ``explicit`` the first word of the app that asks for it counts."""
    found = admitted(
        event(1),
        event(2, "identify", user_id="u42"),
        event(3, "identify", user_id="u42", merge=True),
        merging="explicit",
    )

    assert found.link == (visitor(), user("u42"))
    assert found.before is not None
    assert found.before.person_id == visitor()
    assert found.upload is not None
    assert found.upload.links


def test_email_address_as_user_id_is_one_person_in_any_case() -> None:
    """Envelope and event may write it differently; the log has one writing."""
    found = admitted(event(1, "identify", user_id="anna@EX.com"), user_id="Anna@ex.com")

    assert verdicts(found) == {1: "accepted"}
    assert found.person_id == user("ANNA@ex.com")
    assert found.upload is not None
    assert found.upload.user_id == "anna@ex.com"


# ---- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "code", "path"),
    [
        ({"channel": "pigeon", "address": "roof"}, "bad_value", "channel"),
        ({"channel": "in_app", "address": "x"}, "bad_value", "channel"),
        ({"channel": "email"}, "type", "address"),
        ({"channel": "web_push", "address": "x"}, "type", "subscription"),
        ({"channel": "sms", "address": "a\0"}, "nul", "address"),
    ],
)
def test_address_that_does_not_fit_its_channel_is_rejected(
    members: dict[str, Any], code: str, path: str
) -> None:
    """An address that can never be called is not taken."""
    (other,) = admitted(event(1, "address", **members)).others

    assert (other.code, other.path) == (code, path)


def test_an_event_that_does_not_fit_its_definition_harms_only_itself() -> None:
    """It is rejected with the member's path; its neighbours and undefined events are taken."""
    shape = EventShape({"value": Property("number", required=True)}, closed=True)
    house = replace(make_house(), shapes={"purchase": shape})
    facts = AdmitFacts(Marks(), lambda visitor: visitor, lambda _: ())
    props = [{"value": 3}, {"value": "3"}, {}, {"value": 1, "sku": "a"}]
    events = [event(n, name="purchase", props=each) for n, each in enumerate(props, 1)]

    found = admit(
        batch(*events, event(5, name="other", props={"value": "3"})), house, facts, NOW_MS
    )

    assert found.accepted == [[1, 1], [5, 5]]
    assert [(each.seq, each.verdict, each.code, each.path) for each in found.others] == [
        (2, "rejected", "type", "props.value"),
        (3, "rejected", "type", "props.value"),
        (4, "rejected", "bad_value", "props.sku"),
    ]
