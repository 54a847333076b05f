"""
Choices: what a person may switch by themselves, how it stands, and what their form comes to.

Pure. The page is in ``api``; the statements that a form comes to are made in ``choice_book``.

Rule 1. A switch is a purpose, on a channel where the purpose goes by channel. It is on where a
        claim would allow it, for one address of the channel at least. A pause is no matter of
        consent: the switches stand as they would without it.
Rule 2. What a form turns is the difference between what it showed and what came back. A no is
        taken whatever has happened meanwhile; a yes only if nothing was stated since the form was
        made (``seen``). So of two forms the stricter wins.
Rule 3. What needs a purpose that is off goes off with it, by a statement of its own, so that it
        does not come back with the other. A yes that lacks what it needs is not taken.
Rule 4. Offered is what is used today. ``collect`` is the app's own, ``share`` is only withdrawn;
        ``transactional`` is a switch where the policy wants a consent for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide.choice_book import ChoiceBook
from fencepost_gateway.decide.consent import (
    ANY,
    BY_CHANNEL,
    LOCATION_ACTIVE,
    NEEDS,
    ConsentEntry,
    allows_under,
    is_paused,
    question,
)
from fencepost_gateway.decide.message import AddressRow
from fencepost_gateway.decide.plan import Policy

OFFERED: Final = (
    "marketing",
    "marketing_night",
    "personalisation",
    "profiling",
    "location_collect",
    "location_background",
    "location_precise",
    "location_marketing",
)
WITHDRAWN_ONLY: Final = ("share", "location_share")
REFUSABLE: Final = (*OFFERED, *WITHDRAWN_ONLY)
PAUSE: Final = "pause"
SEEN_CHARS: Final = 16
CHANNELS: Final = ("email", "sms", "push", "web_push", "in_app", "webhook")  # as they are shown


class Switch(Struct, frozen=True):
    """A purpose, and the channel if it goes by channel."""

    purpose: str
    channel: str = ANY

    @property
    def name(self) -> str:
        """What a form calls it."""
        return f"{self.purpose}.{self.channel}"


class Standing(Struct, frozen=True):
    """How a switch stands: on, or waiting for a confirmation; ``but``: not for these addresses."""

    switch: Switch
    on: bool
    waits: bool = False
    but: tuple[str, ...] = ()


class Subject(Struct, frozen=True):
    """Who chooses: the policies that hold for them, what they said, where they are reached."""

    policies: tuple[Policy, ...]
    entries: tuple[ConsentEntry, ...]
    addresses: tuple[AddressRow, ...]

    @property
    def seen(self) -> str:
        """Name all that was stated so far, telling nothing of it."""
        said = sorted((*e.key, e.value, e.at_ms) for e in self.entries)
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:SEEN_CHARS]

    def refs(self, channel: str) -> list[str]:
        """Name the addresses of a channel; ``any`` where there is none."""
        return [a.ref for a in self.addresses if a.channel == channel] or [ANY]


class Form(Struct, frozen=True):
    """What came back: what it was made of, what it showed as on, and what is ticked now."""

    seen: str
    shown: frozenset[str]
    ticked: frozenset[str]
    no_to_all: bool = False


class Choice(Struct, frozen=True):
    """
    What a form comes to: the statements, and what is to be said of each switch, by name.

    ``off_with`` went off with what it needs, ``asked`` waits for a confirmation, its own or of what
    it needs, ``lacking`` was not taken for want of that, ``outdated`` because something was stated
    meanwhile.
    """

    entries: tuple[ConsentEntry, ...] = ()
    off: tuple[str, ...] = ()
    off_with: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    paused: bool | None = None


def standings(subject: Subject, entries: Sequence[ConsentEntry] | None = None) -> list[Standing]:
    """Give every switch that a person has, and how it stands (Rules 1 and 4)."""
    stated = subject.entries if entries is None else entries
    said = [e for e in stated if e.purpose != LOCATION_ACTIVE]
    channels = _channels(subject, said)
    found = [
        _standing(subject, said, Switch(purpose, channel), channels)
        for purpose in ("transactional", *REFUSABLE)
        for channel in (channels if purpose in BY_CHANNEL else [ANY])
    ]
    return [one for one in found if _is_a_switch(one, subject, said)]


def choose(subject: Subject, form: Form, now_ms: int) -> Choice:
    """
    Say what a form comes to.

    Args:
        subject: Who chooses, as a claim would see them.
        form: What came back.
        now_ms: When.

    """
    before = {one.switch.name: one for one in standings(subject)}
    ticked = frozenset[str]() if form.no_to_all else form.ticked
    is_old = form.seen != subject.seen
    off = [n for n, one in before.items() if one.on and n in form.shown and n not in ticked]
    if form.no_to_all:
        off = [n for n, one in before.items() if one.on and one.switch.purpose in REFUSABLE]
    wished = [n for n, one in before.items() if n in ticked - form.shown and not one.on]
    on = [] if is_old else wished
    wanted = {n: n in on or (one.on and n not in off) for n, one in before.items()}
    dropped = _close(subject, before, wanted)
    choice = Choice(
        off=tuple(off),
        off_with=tuple(n for n in dropped if n not in on),
        on=tuple(n for n in on if n not in dropped),
        lacking=tuple(n for n in dropped if n in on),
        outdated=tuple(wished) if is_old else (),
    )
    return _written(subject, form, choice, before, wanted, now_ms)


def _written(
    subject: Subject,
    form: Form,
    choice: Choice,
    before: Mapping[str, Standing],
    wanted: Mapping[str, bool],
    now_ms: int,
) -> Choice:
    """Write the statements by which everything stands as it is wanted."""
    book = ChoiceBook(subject.entries, now_ms)
    for name in (*choice.off, *choice.off_with):
        switch = before[name].switch
        book.refuse(switch.purpose, switch.channel)
    asked = []
    for name in choice.on:
        switch = before[name].switch
        waits = before[name].waits or _is_confirmed(subject, switch)
        book.allow(switch.purpose, switch.channel, subject.refs(switch.channel), waits=waits)
        asked += [name] if waits else []
    _refuse_for_all(book, form, choice, before, wanted)
    for one in standings(subject, book.stands()):
        if one.on and not wanted.get(one.switch.name, False):
            book.refuse(one.switch.purpose, one.switch.channel)
    for switch in _let_in(subject, book, wanted):
        book.refuse(switch.purpose, switch.channel)
    stand = {one.switch.name for one in standings(subject, book.stands()) if one.on}
    asked += [n for n in choice.on if n not in stand and n not in asked]  # what it needs waits
    paused, is_late = _pause(subject, form)
    if paused is not None:
        book.put(LOCATION_ACTIVE, "n" if paused else "y")
    return Choice(
        entries=book.changes(),
        off=choice.off,
        off_with=choice.off_with,
        on=tuple(n for n in choice.on if n not in asked),
        asked=tuple(asked),
        lacking=choice.lacking,
        outdated=(*choice.outdated, *([PAUSE] if is_late else [])),
        paused=paused,
    )


def _let_in(subject: Subject, book: ChoiceBook, wanted: Mapping[str, bool]) -> list[Switch]:
    """
    Give what would come on unasked once fewer policies hold for the person.

    An older yes may wait for what was ticked now, and another country's policy may hold it back: it
    must not come on by itself when they move.
    """
    found = []
    for policy in subject.policies if len(subject.policies) > 1 else ():
        alone = structs.replace(subject, policies=(policy,))
        was = {one.switch.name for one in standings(alone) if one.on}
        found += [
            one.switch
            for one in standings(alone, book.stands())
            if one.on and one.switch.name not in was and not wanted.get(one.switch.name, False)
        ]
    return found


def _refuse_for_all(
    book: ChoiceBook,
    form: Form,
    choice: Choice,
    before: Mapping[str, Standing],
    wanted: Mapping[str, bool],
) -> None:
    """Refuse for all channels what is refused on each, and everything where that is the wish."""
    if form.no_to_all:
        for purpose in REFUSABLE:
            book.refuse(purpose)
    for purpose in {before[n].switch.purpose for n in (*choice.off, *choice.off_with)}:
        if not any(wanted[n] for n, one in before.items() if one.switch.purpose == purpose):
            book.refuse(purpose)


def _pause(subject: Subject, form: Form) -> tuple[bool | None, bool]:
    """Say whether location is paused (True) or goes on (False), and whether that comes too late."""
    was, now = PAUSE in form.shown, PAUSE in form.ticked
    is_now = is_paused(subject.entries)
    if now and not was:
        return (None if is_now else True), False
    if not was or now or form.no_to_all or not is_now:
        return None, False
    is_old = form.seen != subject.seen
    return (None if is_old else False), is_old


def _channels(subject: Subject, entries: Iterable[ConsentEntry]) -> list[str]:
    """Give the channels that reach a person, or on which they allowed something."""
    there = {a.channel for a in subject.addresses}
    there |= {e.channel for e in entries if e.purpose in BY_CHANNEL and e.value == "y"}
    return [channel for channel in CHANNELS if channel in there]


def _standing(
    subject: Subject, entries: Sequence[ConsentEntry], switch: Switch, channels: Sequence[str]
) -> Standing:
    purpose, by_channel = switch.purpose, switch.purpose in BY_CHANNEL
    asked = [switch.channel] if by_channel else [*channels, ANY]
    allowed = {
        (channel, ref): allows_under(subject.policies, entries, purpose, channel, ref).allowed
        for channel in asked
        for ref in subject.refs(channel)
    }
    on = any(allowed.values())
    but = [ref for (_, ref), may in allowed.items() if not may] if on and by_channel else []
    waits = not on and by_channel and any(question(entries, purpose, *each) for each in allowed)
    return Standing(switch, on, waits, tuple(but))


def _is_a_switch(one: Standing, subject: Subject, entries: Sequence[ConsentEntry]) -> bool:
    purpose = one.switch.purpose
    if purpose == "transactional":
        return not allows_under(subject.policies, (), purpose, one.switch.channel).allowed
    if one.on:
        return True
    if purpose == "marketing_night":
        rules = [rule for policy in subject.policies for rule in policy.quiet_hours]
        return any(r.lifted_by == purpose and one.switch.channel in r.channels for r in rules)
    may_collect = allows_under(subject.policies, entries, "collect").allowed
    return purpose in OFFERED and ("collect" not in NEEDS[purpose] or may_collect)


def _close(subject: Subject, before: Mapping[str, Standing], wanted: dict[str, bool]) -> list[str]:
    """Want nothing that lacks what it needs; gives what is not wanted on that account (Rule 3)."""
    dropped: list[str] = []
    while lacking := [
        name
        for name, one in before.items()
        if wanted[name] and not _has_its_needs(one.switch, subject, before, wanted)
    ]:
        dropped += lacking
        wanted.update(dict.fromkeys(lacking, False))
    return dropped


def _has_its_needs(
    switch: Switch, subject: Subject, before: Mapping[str, Standing], wanted: Mapping[str, bool]
) -> bool:
    for needed in NEEDS[switch.purpose]:
        both = {needed, switch.purpose} <= BY_CHANNEL
        fitting = [
            wanted[name]
            for name, one in before.items()
            if one.switch.purpose == needed and (not both or one.switch.channel == switch.channel)
        ]
        if not any(fitting) and (fitting or not _may(subject, needed)):
            return False
    return True


def _may(subject: Subject, purpose: str) -> bool:
    entries = [e for e in subject.entries if e.purpose != LOCATION_ACTIVE]
    return allows_under(subject.policies, entries, purpose).allowed


def _is_confirmed(subject: Subject, switch: Switch) -> bool:
    """Say whether a yes on this channel is to be confirmed first."""
    return any(switch.channel in policy.double_opt_in for policy in subject.policies)
