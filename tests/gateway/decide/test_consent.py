import json
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.consent import (
    ANY,
    BY_CHANNEL,
    NEEDS,
    NO_STATEMENT,
    PURPOSES,
    VALUES,
    ConsentEntry,
    allows,
    merge,
    newer,
)
from fencepost_gateway.decide.plan import Policy
from gateway.decide.builders import HOUR_MS, MIN_MS, MODEST, NOON_MS

VECTORS = Path(__file__).resolve().parents[3] / "sdk" / "wire" / "vectors" / "consent"
STRICT = Policy("strict", 4, {"*": frozenset({"y"})}, {"transactional": "CT"})
LENIENT = Policy(
    "lenient",
    1,
    {"*": frozenset({"y", "LI", "dy"}), "transactional": frozenset({"y", "CT", "CP"})},
    {"transactional": "CT", "marketing": "dy", "collect": "dn", "location_collect": "n"},
)
EMPTY = Policy("empty", 1, {}, {"marketing": "LI"})
POLICIES = (STRICT, LENIENT, EMPTY)


def _policy(authored: dict[str, Any]) -> Policy:
    accepts = {purpose: frozenset(values) for purpose, values in authored["accepts"].items()}
    return Policy("vector", 1, accepts, authored["defaults"])


@pytest.mark.parametrize("vector", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_vector_of_the_wire_is_kept(vector: Path) -> None:
    """Gateway and SDKs give the same answers: the golden vectors of the wire protocol."""
    story = json.loads(vector.read_text())
    policy = _policy(story["given"]["policy"])
    entries = [ConsentEntry(at_ms=0, **entry) for entry in story["given"]["entries"]]

    answers = [allows(entries, policy, **each["ask"]) for each in story["when"]]

    told = [
        {key: getattr(answer, key) for key in want}
        for answer, want in zip(answers, story["then"], strict=True)
    ]

    assert told == story["then"]
    assert told, "a vector that asks nothing proves nothing"


def test_vectors_are_there() -> None:
    """A folder of vectors that has moved away must not turn the test above into nothing."""
    found = list(VECTORS.glob("*.json"))

    assert len(found) >= 10


def _naive(said: dict[str, str], policy: Policy, purpose: str) -> tuple[bool, str]:
    """Evaluate one purpose from the words of consent.md section 1; ``said`` by level."""
    if "n" in said.values():
        return False, "n"
    value = policy.defaults.get(purpose, "u")
    for level in ("any", "channel", "address"):
        if said.get(level, "u") != "u":
            value = said[level]
    if value == "y":
        return True, value
    if value in ("p", "u", "dn", "n"):
        return False, value
    listed = policy.accepts[purpose] if purpose in policy.accepts else policy.accepts.get("*", ())
    return value in listed, value


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.policy_id)
@pytest.mark.parametrize("purpose", sorted(BY_CHANNEL - {"marketing_night"}))
def test_truth_table_of_channel_purposes_equals_the_naive_reading(
    policy: Policy, purpose: str
) -> None:
    """Every value on every level under every policy: as consent.md section 1 says it in words."""
    wrong = []
    for any_, channel, address in product(sorted(VALUES), repeat=3):
        said = {"any": any_, "channel": channel, "address": address}
        entries = [
            ConsentEntry(purpose, any_, 0),
            ConsentEntry(purpose, channel, 0, "sms"),
            ConsentEntry(purpose, address, 0, "sms", "a1"),
        ]
        answer = allows(entries, policy, purpose, "sms", "a1")
        if (answer.allowed, answer.value) != _naive(said, policy, purpose):
            wrong.append((said, answer))

    assert wrong == []


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.policy_id)
@pytest.mark.parametrize("purpose", sorted(PURPOSES - BY_CHANNEL))
def test_truth_table_of_the_other_purposes_asks_what_they_need_first(
    policy: Policy, purpose: str
) -> None:
    """A purpose that knows no channel is allowed when it is and everything that it needs is."""
    needed = sorted({purpose} | {n for p in (purpose, *NEEDS[purpose]) for n in NEEDS[p]})
    wrong = []
    for values in product(("y", "n", "p", "u", "dy", "dn", "LI"), repeat=len(needed)):
        said = dict(zip(needed, values, strict=True))
        entries = [ConsentEntry(name, value, 0) for name, value in said.items()]
        want = all(_naive({"any": said[name]}, policy, name)[0] for name in needed)
        if allows(entries, policy, purpose, "sms").allowed is not want:
            wrong.append(said)

    assert wrong == []


def test_answer_names_the_purpose_that_is_missing_and_the_policy() -> None:
    """The answer says which purpose, value, entry and policy version decided."""
    entries = [ConsentEntry("location_marketing", "y", 0), ConsentEntry("location_collect", "y", 0)]

    answer = allows(entries, STRICT, "location_marketing", "sms")

    assert (answer.allowed, answer.purpose, answer.value) == (False, "marketing", "u")
    assert (answer.said_for, answer.policy) == ("policy", "strict v4")


@pytest.mark.parametrize(
    ("channel", "address", "said_for"),
    [("any", "any", "any"), ("sms", "any", "sms"), ("sms", "a1", "address")],
    ids=["everything", "channel", "address"],
)
def test_answer_names_the_level_that_decided(channel: str, address: str, said_for: str) -> None:
    """The deciding entry is named by its level; an address is never shown."""
    entry = ConsentEntry("marketing", "y", 0, channel, address)

    assert allows([entry], STRICT, "marketing", "sms", "a1").said_for == said_for


def test_empty_list_of_accepted_values_does_not_fall_back_to_the_others() -> None:
    """A purpose that the policy lists with nothing accepts ``y`` alone, not what ``*`` accepts."""
    policy = Policy("p", 1, {"marketing": frozenset(), "*": frozenset({"LI"})}, {})

    assert not allows([ConsentEntry("marketing", "LI", 0)], policy, "marketing").allowed
    assert allows([ConsentEntry("marketing", "y", 0)], policy, "marketing").allowed


# ---- order ---------------------------------------------------------------------------------


def _said(value: str, at_ms: int, clock: str = "") -> ConsentEntry:
    return ConsentEntry("marketing", value, at_ms, clock=clock)


def test_yes_of_ten_uploaded_after_a_no_of_eleven_does_not_undo_it() -> None:
    """The later effective time wins, in whichever order the statements arrive."""
    yes, no = _said("y", NOON_MS - 2 * HOUR_MS), _said("n", NOON_MS - HOUR_MS)

    assert newer(no, yes) is no
    assert newer(yes, no) is no


def test_later_yes_undoes_a_no() -> None:
    """Who says yes an hour after a no has changed their mind."""
    no, yes = _said("n", NOON_MS), _said("y", NOON_MS + HOUR_MS)

    assert newer(no, yes) is yes
    assert newer(yes, no) is yes


@pytest.mark.parametrize(
    ("gap_ms", "stands"), [(5 * MIN_MS - 1, "n"), (5 * MIN_MS, "y")], ids=["inside", "outside"]
)
def test_stricter_wins_between_clocks_closer_than_five_minutes(gap_ms: int, stands: str) -> None:
    """Two clocks that differ by less than five minutes do not say which came first."""
    no, yes = _said("n", NOON_MS, "phone"), _said("y", NOON_MS + gap_ms, "tablet")

    assert newer(no, yes).value == stands
    assert newer(yes, no).value == stands


def test_one_clock_is_believed_however_close() -> None:
    """Off and on again within a minute on one device leaves it on: one clock knows the order."""
    no, yes = _said("n", NOON_MS, "phone"), _said("y", NOON_MS + MIN_MS, "phone")

    assert newer(no, yes) is yes
    assert newer(yes, no) is yes


def test_of_one_clock_and_moment_what_is_heard_last_stands() -> None:
    """A device tells in order what it was told."""
    no, yes = _said("n", NOON_MS, "phone"), _said("y", NOON_MS, "phone")

    assert newer(no, yes) is yes
    assert newer(yes, no) is no


def test_of_two_clocks_and_one_moment_the_stricter_stands() -> None:
    """Whichever is heard first."""
    no, yes = _said("n", NOON_MS, "phone"), _said("y", NOON_MS, "tablet")

    assert newer(no, yes) is newer(yes, no) is no


def test_confirmation_answers_its_question_in_any_order() -> None:
    """The yes of a double opt-in answers its p, also when the question is heard of later."""
    asked, confirmed = _said("p", NOON_MS, "server"), _said("y", NOON_MS + MIN_MS, "phone")

    assert newer(asked, confirmed) is confirmed
    assert newer(confirmed, asked) is confirmed


def test_question_of_the_same_moment_is_not_answered_by_a_yes() -> None:
    """What is not later than a question is no answer to it: the stricter stands."""
    asked, yes = _said("p", NOON_MS, "server"), _said("y", NOON_MS, "phone")

    assert newer(asked, yes) is asked
    assert newer(yes, asked) is asked


@pytest.mark.parametrize("default", sorted(NO_STATEMENT))
@pytest.mark.parametrize("value", ["y", "n", "p", "LI"])
def test_what_is_no_statement_never_undoes_one(default: str, value: str) -> None:
    """A default or unknown, however late, does not undo what somebody said."""
    stated, presumed = _said(value, NOON_MS), _said(default, NOON_MS + 24 * HOUR_MS)

    assert newer(stated, presumed) is stated
    assert newer(presumed, stated) is stated


def test_first_statement_stands() -> None:
    """Where nothing was said yet the new statement stands."""
    said = _said("n", NOON_MS)

    assert newer(None, said) is said


_values = st.sampled_from(sorted(VALUES))
_times = st.integers(0, 20).map(lambda minutes: NOON_MS + minutes * MIN_MS)
_statements = st.builds(_said, _values, _times, st.sampled_from(["", "phone", "tablet"]))


@MODEST
@given(_statements, _statements)
def test_newer_does_not_depend_on_the_order_of_arrival(a: ConsentEntry, b: ConsentEntry) -> None:
    """Two statements of different moments leave the same one standing, whichever comes first."""
    if a.at_ms == b.at_ms:
        return

    assert newer(a, b) == newer(b, a)


# ---- merging persons -----------------------------------------------------------------------

_entries = st.lists(
    st.builds(
        ConsentEntry,
        st.sampled_from(["marketing", "collect"]),
        _values,
        _times,
        st.sampled_from([ANY, "sms"]),
        st.sampled_from([ANY, "a1"]),
        st.sampled_from(["", "phone"]),
    ),
    max_size=6,
)


@MODEST
@given(_entries, _entries)
def test_merge_is_commutative(ours: list[ConsentEntry], theirs: list[ConsentEntry]) -> None:
    """It does not matter who is merged into whom."""
    assert merge(ours, theirs) == merge(theirs, ours)


@MODEST
@given(_entries, _entries, _entries)
def test_merge_is_associative(
    a: list[ConsentEntry], b: list[ConsentEntry], c: list[ConsentEntry]
) -> None:
    """It does not matter in which order several persons are merged."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@MODEST
@given(_entries)
def test_merge_is_idempotent(entries: list[ConsentEntry]) -> None:
    """Merging the same person again changes nothing."""
    once = merge(entries, [])

    assert merge(once, entries) == once
    assert merge(once, once) == once


def test_merge_keeps_the_strictest_statement() -> None:
    """No over pending over the rest, whatever the time; what is no statement stays out."""
    ladder = [_said(value, 10 - n) for n, value in enumerate(["u", "dy", "y", "p", "n"])]

    for weaker, stricter in pairwise(ladder[1:]):
        assert merge([weaker], [stricter]) == [stricter]
    assert {merge([a], [b])[0].value for a, b in permutations(ladder[:2])} <= {"u", "dy"}


def test_merge_keeps_what_only_one_of_them_said() -> None:
    """Statements about different things do not touch each other."""
    for_all, for_sms = _said("y", 1), replace(_said("n", 2), channel="sms")

    assert merge([for_all], [for_sms]) == [for_all, for_sms]
