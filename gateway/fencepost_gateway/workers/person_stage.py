"""
Person stage: what transitions, app events and outcomes do to one person.

No I/O; a part of the fold (``group``). What campaigns they start is decided by ``decide.enter``.

Rule 1. Every transition and every woken campaign leaves a record. One that is superseded wakes
        nobody; one that comes late does, with its age, and the claim withholds what is too old.
Rule 2. What happens first goes into traits and audiences, then wakes campaigns by itself, then by
        the audiences it made somebody join or leave.
Rule 3. Whoever turns out to be somebody known is joined to them, or stays apart, as the merge
        policy said at the door.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from fencepost_channels.message import ON_A_DEVICE
from fencepost_gateway.decide.broadcasts import (
    Broadcast,
    Wanted,
    call_id,
    general,
    joined,
    remember,
    wanted,
)
from fencepost_gateway.decide.broadcasts import causes as causes_of
from fencepost_gateway.decide.calls import Reply, called
from fencepost_gateway.decide.cause import shown
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.flags import borne
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import Person, Presence, Reached, is_blank
from fencepost_gateway.decide.presence import due_openings, move
from fencepost_gateway.decide.scene import Walked
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.trait_state import bound_all
from fencepost_gateway.decide.traits import keep_up
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.addresses import address_ref, raw_address
from fencepost_gateway.intake.history import (
    NUMBER,
    Became,
    Called,
    Did,
    Heard,
    Reaches,
    Reacted,
    Said,
    crossed,
    homeless,
    prefix_of,
)
from fencepost_gateway.intake.records import Outcome, Reported, Started, TrialTold, Upload
from fencepost_gateway.ports import AddressChange, AddressMove
from fencepost_gateway.workers import click_tally, joining
from fencepost_gateway.workers.audience_stage import AudienceStage
from fencepost_gateway.workers.copies import seed_copies
from fencepost_gateway.workers.fold import Fold
from fencepost_gateway.workers.heard import (
    greeted,
    hear_device,
    hear_outcome,
    hear_report,
    hear_upload,
    news_of,
    statements,
)
from fencepost_gateway.workers.journey_stage import JourneyStage, is_under_way
from fencepost_geofence.state import Transition


class PersonStage:
    """Takes what happens to persons, one thing at a time."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._audiences = AudienceStage(fold)
        self._journeys = JourneyStage(fold)

    def greet(self, upload: Upload, person: Person) -> None:
        """Learn what an upload says of people as such, before anything it tells of them."""
        if upload.links or upload.parts or news_of(person, upload):
            self._fold.keeping.keep(person, greeted(upload))
        if upload.links or upload.parts:
            self.meet(upload, person)
        for speaker, entries in statements(upload, self.now):
            self.state(speaker, entries)
        new = hear_upload(person, upload)
        if new:
            self.altered(person, *(f"attribute {name}" for name in new))

    def transition(self, told: Transition, device_id: str, person: Person) -> None:
        """Take a transition that the tracker told."""
        self._fold.keeping.keep(person, crossed(told))
        self.open(device_id, person, told.at_ms)
        fence_id = told.fence_id
        visit_id = derive("visit", self._fold.workspace, device_id, fence_id, str(told.visit_ms))
        is_new = told.kind == "enter" and not told.superseded
        since_ms = told.at_ms if is_new else told.visit_began_ms
        opened_ms = told.at_ms if fence_id in self._fold.plan.openings else 0
        visit = Presence(fence_id, since_ms, visit_id, device_id, opened_ms)
        move(person, told, visit)
        causes = self._audiences.happened(person, ["places"], self._fold.now_ms)
        self._tell(told, visit, person)
        self._enter(person, *causes)

    def open(self, device_id: str, person: Person, until_ms: int) -> None:
        """Tell who is inside of the fences that opened."""
        for at_ms, visit in due_openings(self._fold.plan, person, device_id, until_ms):
            told = Transition(
                kind="enter",
                fence_id=visit.fence_id,
                at_ms=at_ms,
                crossed_at_ms=at_ms,
                visit_ms=at_ms,
                visit_began_ms=visit.since_ms,
                reason="timer",
            )
            self._tell(told, visit, person, opened=True)

    def _tell(
        self, told: Transition, visit: Presence, person: Person, *, opened: bool = False
    ) -> None:
        """Put a transition on record, and wake whom it wakes."""
        self._fold.touch(person)
        fence = self._fold.plan.fences.get(told.fence_id)
        inactive = fence is not None and not fence.is_active(told.at_ms)
        body = shown(told, visit.device_id) | {"fence_name": fence.name if fence else ""}
        flags = borne(person, visit.device_id, told.visit_began_ms)
        body |= {"active": False} if inactive else {}
        body |= {"opened": True} if opened else {}
        body |= {"flags": list(flags)} if flags else {}
        self._fold.record(person, "transition", visit.visit_id, body)
        if told.superseded:
            return
        which = f"opened {told.at_ms}" if opened else str(told.after_s or "")
        cause = Cause(
            stimulus_id=derive(visit.visit_id, told.kind, which),
            kind="transition",
            name=told.kind,
            at_ms=told.at_ms,
            fence_id=told.fence_id,
            visit_id=visit.visit_id,
            initial=told.initial,
            opened=opened,
            inactive=inactive,
            after_ms=None if told.after_s is None else told.after_s * 1000,
            flags=flags,
        )
        self._enter(person, cause)

    def event(
        self, event: wire.Event, upload: Upload, person: Person, at_ms: int, seq: int
    ) -> None:
        """Take an event that is no position."""
        if isinstance(event, wire.Track | wire.Screen):
            self._app_event(event, upload, person, at_ms)
        elif isinstance(event, wire.Identify | wire.SetTraits):
            if event.traits:
                self._fold.keeping.keep(person, Became(homeless(event.traits)))
            person.set_attributes(event.traits)
            self.altered(person, *(f"attribute {name}" for name in event.traits))
        elif isinstance(event, wire.Address):
            self._address(event, upload, person, at_ms)
        elif isinstance(event, wire.Receipt | wire.Engagement):
            what = event.status if isinstance(event, wire.Receipt) else event.action
            self._fold.keeping.keep(person, Reacted(at_ms, seq, event.delivery_id, what))
            before = click_tally.got(person, event.delivery_id)
            hear_device(person, event.delivery_id, what, at_ms)
            self._count_got(person, event.delivery_id, before)
            body = {"state": what, "delivery_id": event.delivery_id, "seq": seq}
            self._fold.record(person, "outcome", event.delivery_id, body)
            self._fold.effects.reacted.append((person.person_id, event.delivery_id, what))
            self._reacted(person)

    def reported(self, told: Reported) -> None:
        """Take what was told of a message after its call; the store has put it on record."""
        fold, person = self._fold, self.now(told.person_id)
        fold.keeping.keep(person, Reacted(told.at_ms, 0, told.delivery_id, told.what))
        before = click_tally.got(person, told.delivery_id)
        hear_report(person, told, fold.plan, fold.now_ms)
        self._count_got(person, told.delivery_id, before)
        self._reacted(person)

    def _reacted(self, person: Person) -> None:
        """Let what is known of a message by now reach audiences, and the runs that wait for it."""
        self.altered(person, "messages")
        self._walked(person, self._journeys.heard(person))

    def _app_event(
        self, event: wire.Track | wire.Screen, upload: Upload, person: Person, at_ms: int
    ) -> None:
        is_screen = isinstance(event, wire.Screen)
        name = "screen" if is_screen else event.name
        props = {**event.props, "name": event.name} if is_screen else event.props
        plan = self._fold.plan
        self._fold.keeping.keep(person, Did(at_ms, event.seq, name, props))
        self._audiences.did(person, name, props, self._fold.now_ms)
        altered = person.remember(name, at_ms, props)
        self._fold.touch(person)
        for trait in plan.traits_on.get(name, ()):
            keep_up(trait, person, at_ms, props, self._fold.now_ms)
        bound_all(person.traits, plan.traits.keys())
        causes = self._audiences.happened(
            person, [f"event {each}" for each in altered], self._fold.now_ms
        )
        self._journeys.did(person, name, at_ms, props.get("value"))
        self._end_by_goal(person, name)
        if self._journeys.listens(person, name):
            stimulus_id = derive("event", upload.device_id, upload.stream, str(event.seq))
            self._enter(person, Cause(stimulus_id, "event", name, at_ms, props))
        self._enter(person, *causes)

    def _end_by_goal(self, person: Person, name: str) -> None:
        for campaign_id, mark in person.runs.items():
            campaign = self._fold.plan.campaigns.get(campaign_id)
            is_goal = campaign is not None and campaign.goal and campaign.goal.event == name
            if is_goal and mark.ended_ms is None and mark.at is None:
                mark.ended_ms, mark.outcome = self._fold.now_ms, "goal_reached"

    def _address(self, event: wire.Address, upload: Upload, person: Person, at_ms: int) -> None:
        raw = raw_address(event)
        ref = address_ref(self._fold.plan.seed, event.channel, raw)
        told = Reaches(at_ms, event.channel, ref, event.removed, prefix_of(event.channel, raw))
        self._fold.keeping.keep(person, told)
        self.reach(told, None if event.removed else raw, upload.device_id, person)

    def reach(
        self, told: Reaches, raw: dict[str, Any] | None, device_id: str, person: Person
    ) -> None:
        """Take it that an address (``raw``) reaches somebody, or (None) no longer does."""
        person.reached_at(told.channel, Reached(told.ref, device_id), is_gone=told.is_gone)
        if told.channel == NUMBER and not told.is_gone:
            person.calling_code = told.prefix
        elif NUMBER not in person.reach:
            person.calling_code = ""
        self.altered(person, "reach")
        change = AddressChange(person.person_id, told.channel, told.ref, raw, device_id, told.at_ms)
        self._fold.effects.addresses.append(change)

    def altered(self, person: Person, *topics: str) -> None:
        """Take note that something about a person has changed, and ask the audiences about it."""
        self._fold.touch(person)
        if is_under_way(person):
            self._walked(person, self._journeys.retime(person))
        self._enter(person, *self._audiences.happened(person, topics, self._fold.now_ms))

    def hand_over(self, device_id: str, before: Person, after: Person) -> None:
        """Let what reaches a device reach somebody else from now on."""
        now_ms, keep = self._fold.now_ms, self._fold.keeping.keep
        moved = [(c, at) for c in sorted(ON_A_DEVICE) for at in before.give_up(c, device_id)]
        for channel, at in moved:
            keep(before, Reaches(now_ms, channel, at.ref, is_gone=True))
            keep(after, Reaches(now_ms, channel, at.ref))
            after.reached_at(channel, at)
        if moved:
            self.altered(before, "reach")
            self.altered(after, "reach")
        self._fold.effects.addresses.append(AddressMove(device_id, after.person_id))

    def now(self, person_id: str) -> Person:
        """Give whoever a person is by now, judged by the definitions in force."""
        person = self._fold.person(person_id)
        self.settle(person)
        return person

    def settle(self, person: Person) -> None:
        """Judge a person by the definitions of audiences in force."""
        if person.judged != self._fold.plan.audiences.key:
            self._fold.touch(person)
            self._enter(person, *self._audiences.settle(person, self._fold.now_ms))

    def _enter(self, person: Person, *causes: Cause) -> None:
        for cause in causes:
            if cause.kind == "audience" and cause.name == "join":
                joined(person, cause.audience_id, self._fold.states.running)
            arms = dict(person.arms)
            walked = self._journeys.take(person, cause)
            if person.arms != arms:
                walked.topics.append("arms")
            self._walked(person, walked)

    def _walked(self, person: Person, walked: Walked) -> None:
        """Take what runs have changed about a person, and the journeys they jump to."""
        if walked.topics:
            self.altered(person, *walked.topics)
        self._enter(person, *walked.jumps)

    def state(self, person: Person, entries: Iterable[ConsentEntry]) -> None:
        """Take statements as the door took them into force."""
        said = list(entries)
        self._fold.keeping.keep(person, Said(said))
        person.state(said)
        self.altered(person, "consents")

    def outcome(self, outcome: Outcome) -> None:
        """Take what became of a message."""
        fold, person = self._fold, self.now(outcome.person_id)
        if outcome.goes_on:  # its next channel is tried: all that is told is a lost address
            person.reached_at(outcome.channel, Reached(outcome.lost_ref), is_gone=True)
            self.altered(person, "reach")
            return
        before = click_tally.got(person, outcome.delivery_id)
        if not outcome.mark:
            fold.tally.outcome(outcome, fold.now_ms)
            click_tally.count_sent(fold.journeys.days, outcome, fold.now_ms)
        copies = seed_copies(fold.plan, fold.workspace, outcome, fold.states.copied, fold.now_ms)
        fold.effects.messages += copies
        hear_outcome(person, outcome, fold.plan, fold.now_ms)
        self._count_got(person, outcome.delivery_id, before)
        self._walked(person, self._journeys.settled(person, outcome))
        self.altered(person, "messages", *(["reach"] if outcome.lost_ref else []))

    def _count_got(self, person: Person, delivery_id: str, before: click_tally.Got) -> None:
        """Count what is known by now to have become of a message, and was not before."""
        after = click_tally.got(person, delivery_id)
        if not self._fold.is_tester(person):
            click_tally.count_got(self._fold.journeys.days, before, after, self._fold.now_ms)

    def trial_told(self, told: TrialTold) -> None:
        """Take what became of a message on trial."""
        self._journeys.told(self.now(told.person_id), told)

    def answered(self, person: Person, reply: Reply, *, waits: bool) -> None:
        """Take the answer to a call of a run; a webhook's is on record, whoever waits for it."""
        fold = self._fold
        if waits:
            fold.keeping.keep(person, Heard(reply))
        if reply.kind == "webhook":
            fold.record(person, "call", reply.run_id, called(reply))
        self._walked(person, self._journeys.answered(person, reply))

    def meet(self, upload: Upload, known: Person) -> None:
        """A visitor said who they are: join them, or say that they stay apart."""
        causes: list[Cause] = []
        if upload.links:
            visitor = self._fold.states.known(upload.visitor_id)
            if visitor is not None:
                self.settle(visitor)
                if is_blank(known):  # they are the visitor, under their name
                    known.judged = visitor.judged
            self.settle(known)
            doubled = known.audiences.keys() & visitor.audiences.keys() if visitor else ()
            before = dict(known.runs), dict(visitor.runs) if visitor else {}
            joining.join(self._fold.states, self._fold.effects, upload.visitor_id, known)
            for runs in before:
                self._walked(known, self._journeys.merged(known, runs))
            self._journeys.joined(known)
            self._fold.changed.discard(upload.visitor_id)
            causes = self._audiences.merged(known, doubled, self._fold.now_ms)
        body = joining.told(upload, known)
        if body is not None:
            self._fold.touch(known)
            self._fold.record(known, "merge", upload.visitor_id, body)
        self._enter(known, *causes)
        if upload.links:
            self.catch_up(known)

    def tell(
        self, person: Person, number: int, broadcast: Broadcast, found: Collection[Wanted]
    ) -> bool:
        """Tell a person of a broadcast; says whether it woke anything."""
        fold, running = self._fold, self._fold.states.running
        if broadcast.name in fold.plan.awaits and (number, "") not in person.told:
            remember(person, number, "", running)  # its runs hear of it once
            heard = general(broadcast, number, person.person_id)
            self._walked(person, self._journeys.hears(person, heard))
        woken = causes_of(fold.plan, person, broadcast, number, found, running)
        if woken:
            fold.touch(person)
        self._enter(person, *woken)
        return bool(woken)

    def catch_up(self, person: Person) -> None:
        """Tell of what is under way somebody whom the cursor may have passed as somebody else."""
        for number, each in sorted(self._fold.states.running.items()):
            found = wanted(self._fold.plan, each, self._fold.now_ms)
            if self.tell(person, number, each, found):
                reached = self._fold.effects.reached
                reached[number] = reached.get(number, 0) + 1

    def start(self, started: Started) -> None:
        """Start a campaign for somebody because of a call."""
        cause = Cause(
            stimulus_id=call_id(started.campaign_id, started.key, started.at_ms),
            kind="api",
            name="api",
            at_ms=started.at_ms,
            props=started.props,
            campaign_id=started.campaign_id,
        )
        person = self.now(started.person_id)
        told = Called(started.at_ms, started.campaign_id, started.key, started.props)
        self._fold.keeping.keep(person, told)
        self._enter(person, cause)

    def rouse(self, person: Person) -> None:
        """Let a person's runs go on, or end, as operators have it."""
        if is_under_way(person):
            self._walked(person, self._journeys.rang(person))

    def rang(self, person: Person) -> None:
        """Let time move a person's runs, and ask what it alone has changed about them."""
        self._fold.touch(person)
        self._fold.rung.add(person.person_id)
        self._walked(person, self._journeys.rang(person))
        self._enter(person, *self._audiences.rang(person, self._fold.now_ms))
