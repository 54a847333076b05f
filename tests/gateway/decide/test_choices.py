"""Choices: what a form comes to is what the truth table says, and nothing comes on unasked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_channels.message import Channel
from fencepost_gateway.decide.choices import (
    CHANNELS,
    PAUSE,
    REFUSABLE,
    Choice,
    Form,
    Subject,
    choose,
    standings,
)
from fencepost_gateway.decide.consent import (
    ANY,
    BY_CHANNEL,
    LOCATED,
    LOCATION_ACTIVE,
    NEEDS,
    PURPOSES,
    ConsentEntry,
    allows,
    allows_under,
    is_paused,
    merge,
)
from fencepost_gateway.decide.message import AddressRow
from fencepost_gateway.decide.plan import Policy

NOW_MS = 1_000_000
STRICT = Policy("strict", 1, {"*": frozenset({"y"})}, {"transactional": "CT"})
EASY = Policy(
    "easy",
    2,
    {"*": frozenset({"y", "LI", "CT"})},
    {"marketing": "LI", "transactional": "CT", "personalisation": "LI", "collect": "CT"},
)
CONFIRMS = structs.replace(STRICT, double_opt_in=frozenset({"email"}))
ADDRESSES = (
    AddressRow("email", "e1", {"address": "a@example.com"}, 0),
    AddressRow("email", "e2", {"address": "b@example.com"}, 0),
    AddressRow("sms", "s1", {"address": "+4912345"}, 0),
    AddressRow("in_app", "in_app", {}, 0),
)
REFS = {"email": ("e1", "e2"), "sms": ("s1",), "in_app": ("in_app",)}


@st.composite
def entries(draw: st.DrawFn) -> ConsentEntry:
    """A statement of any sort."""
    purpose = draw(st.sampled_from([*sorted(PURPOSES), LOCATION_ACTIVE]))
    channel, address = ANY, ANY
    if purpose in BY_CHANNEL:
        channel = draw(st.sampled_from([ANY, "email", "sms", "web_push"]))
        address = draw(st.sampled_from([ANY, *REFS.get(channel, ())]))
    value = draw(st.sampled_from(["y", "n", "p", "u", "dn", "LI"]))
    return ConsentEntry(purpose, value, draw(st.integers(0, NOW_MS)), channel, address)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    """Somebody with a history, under a policy or two."""
    said = {e.key: e for e in draw(st.lists(entries(), max_size=12))}
    held = draw(st.sampled_from([(STRICT,), (EASY,), (STRICT, EASY)]))
    there = draw(st.lists(st.sampled_from(ADDRESSES), unique_by=lambda a: a.ref))
    return Subject(held, tuple(said.values()), tuple(there))


def names(subject: Subject) -> set[str]:
    """Name the switches that are on."""
    return {one.switch.name for one in standings(subject) if one.on}


def after(subject: Subject, choice: Choice) -> Subject:
    """Give somebody once their form is in force."""
    said = {e.key: e for e in subject.entries} | {e.key: e for e in choice.entries}
    return structs.replace(subject, entries=tuple(said.values()))


def made(subject: Subject, ticked: set[str], **more: bool) -> Form:
    """Give the form that this person was shown, with these ticked."""
    shown = names(subject) | ({PAUSE} if is_paused(subject.entries) else set())
    return Form(subject.seen, frozenset(shown), frozenset(ticked), **more)


@given(subjects(), st.data())
def test_outcome_is_what_was_ticked_and_has_what_it_needs(
    subject: Subject, data: st.DataObject
) -> None:
    """By the truth table of every policy: on is what was ticked, less what lacks something."""
    known = [one.switch.name for one in standings(subject)]
    ticked = set(data.draw(st.lists(st.sampled_from(known), unique=True))) if known else set()
    choice = choose(subject, made(subject, ticked), NOW_MS)
    now = after(subject, choice)
    stands, there = names(now), {one.switch.name for one in standings(now)}

    # A channel that nothing but a yes brought up is gone with that yes.
    assert stands == (ticked - {*choice.lacking, *choice.off_with, *choice.asked}) & there
    assert stands >= {*choice.on} & there
    for name in (*choice.lacking, *choice.off_with):
        purpose = name.split(".")[0]
        assert NEEDS[purpose], name


@given(subjects(), st.data())
def test_nothing_comes_on_that_was_not_ticked(subject: Subject, data: st.DataObject) -> None:
    """For any purpose, channel and address there is: a form never allows more than it says."""
    known = [one.switch.name for one in standings(subject)]
    ticked = set(data.draw(st.lists(st.sampled_from(known), unique=True))) if known else set()
    form = data.draw(
        st.sampled_from([made(subject, ticked), structs.replace(made(subject, ticked), seen="old")])
    )
    now = after(subject, choose(subject, form, NOW_MS))
    for policy in subject.policies:
        for purpose in REFUSABLE:
            for channel in (*Channel, "kiosk") if purpose in BY_CHANNEL else (ANY,):
                asked = (purpose, channel, "new")  # an address that comes to be there later
                was = allows(subject.entries, policy, *asked).allowed
                may = allows(now.entries, policy, *asked).allowed
                resumed = was or is_paused(subject.entries)
                is_said = f"{purpose}.{channel}" in ticked or _by_any(purpose, ticked)

                assert not may or resumed or is_said


def test_yes_to_one_channel_after_a_no_to_all_is_for_that_one_alone() -> None:
    """Whatever channels there are, or come to be."""
    subject = Subject((STRICT,), (ConsentEntry("marketing", "n", 0),), tuple(ADDRESSES))
    now = after(subject, choose(subject, made(subject, {"marketing.email"}), NOW_MS))
    allowed = {
        channel
        for channel in (*Channel, "kiosk")
        if allows_under(now.policies, now.entries, "marketing", channel, "new").allowed
    }

    assert allowed == {"email"}


def _by_any(purpose: str, ticked: set[str]) -> bool:
    """Say whether a purpose that knows no channel was ticked, or one under it."""
    return purpose not in BY_CHANNEL and any(name.startswith(f"{purpose}.") for name in ticked)


@given(subjects())
def test_form_sent_as_it_was_shown_changes_nothing(subject: Subject) -> None:
    """Looking and saving is no statement."""
    form = made(subject, set())
    choice = choose(subject, structs.replace(form, ticked=form.shown), NOW_MS)

    assert choice.entries == ()


@given(subjects(), st.booleans())
def test_no_to_all_leaves_nothing_on(subject: Subject, is_old: bool) -> None:  # noqa: FBT001 - a column
    """Whatever was said before, however old the form, on every channel there is or will be."""
    form = made(subject, set(), no_to_all=True)
    choice = choose(subject, structs.replace(form, seen="old") if is_old else form, NOW_MS)
    now = after(subject, choice)

    assert {name for name in names(now) if not name.startswith("transactional")} == set()
    for purpose in REFUSABLE:
        assert not allows(now.entries, EASY, purpose, "kiosk").allowed


@given(subjects(), st.data())
def test_of_two_forms_the_stricter_wins_in_either_order(
    subject: Subject, data: st.DataObject
) -> None:
    """Two tabs were opened at once: what either turned off is off at the end."""
    known = [one.switch.name for one in standings(subject)]
    forms = [
        made(
            subject,
            set(data.draw(st.lists(st.sampled_from(known), unique=True))) if known else set(),
        )
        for _ in range(2)
    ]
    turned_off = {name for form in forms for name in form.shown - form.ticked}
    for first, second in (forms, forms[::-1]):
        between = after(subject, choose(subject, first, NOW_MS))
        now = after(between, choose(between, second, NOW_MS + 1))

        assert names(now).isdisjoint(turned_off)
        assert names(now) <= names(between) | names(subject) | set(second.ticked - second.shown)


@given(subjects(), st.integers(0, 2 * NOW_MS))
def test_statement_is_later_than_what_it_answers(subject: Subject, now_ms: int) -> None:
    """A device's clock that is ahead does not keep a no from standing."""
    choice = choose(subject, made(subject, set(), no_to_all=True), now_ms)
    before = {e.key: e for e in subject.entries}

    for entry in choice.entries:
        assert entry.at_ms >= now_ms
        assert entry.key not in before or entry.at_ms > before[entry.key].at_ms


@given(st.lists(entries(), max_size=12))
def test_paused_denies_every_location_purpose_and_no_other(said: list[ConsentEntry]) -> None:
    """A pause is a ceiling above consent; ended, everything is as it was."""
    stood = [e for e in {e.key: e for e in said}.values() if e.purpose != LOCATION_ACTIVE]
    paused = [*stood, ConsentEntry(LOCATION_ACTIVE, "n", 1)]
    for purpose in PURPOSES:
        plain = allows(stood, EASY, purpose, "email", "e1")
        assert allows(paused, EASY, purpose, "email", "e1") == (
            allows(paused, EASY, purpose) if purpose in LOCATED else plain
        )
        assert purpose not in LOCATED or not allows(paused, EASY, purpose).allowed
    assert is_paused(merge(paused, [ConsentEntry(LOCATION_ACTIVE, "y", 2)]))


def test_yes_that_has_to_be_confirmed_is_pending() -> None:
    """By the policy, or because the app asked for it: the page does not answer in its place."""
    new = Subject((CONFIRMS,), (), ADDRESSES)
    waiting = Subject((STRICT,), (ConsentEntry("marketing", "p", 1, "email"),), ADDRESSES)
    for subject in (new, waiting):
        choice = choose(subject, made(subject, {"marketing.email"}), NOW_MS)

        assert (choice.asked, choice.on) == (("marketing.email",), ())
        assert names(after(subject, choice)) == set()


def test_yes_reaches_every_address_of_the_channel() -> None:
    """One that was refused by itself is allowed with the others: the box stands for all of them."""
    said = (
        ConsentEntry("marketing", "n", 1, "email"),
        ConsentEntry("marketing", "n", 1, "email", "e2"),
    )
    subject = Subject((STRICT,), said, ADDRESSES)
    now = after(subject, choose(subject, made(subject, {"marketing.email"}), NOW_MS))

    assert [one.but for one in standings(now) if one.switch.name == "marketing.email"] == [()]


@pytest.mark.parametrize("channel", [each.value for each in Channel])
def test_every_channel_there_is_can_be_chosen(channel: str) -> None:
    """A channel that a driver serves has a switch."""
    assert channel in CHANNELS
