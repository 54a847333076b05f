"""
Scoring: did those who entered do what the campaign is for?

Pure apart from the person, whose watches are changed in place. What is counted comes out as
``Scored`` and is added up in the commit of the facts: a report reads a few rows, however many
entered.

Rule 1. An entry into a campaign with a goal is watched. The goal converts it once, if it happened
        after the entry and no later than ``within`` after it, by its own time; at the entry's own
        moment it does not count. The run need not live any more, nor the version be published.
Rule 2. Watches of one person in one campaign do not overlap: an entry while the window of another
        is open belongs to that. So nobody's purchase is counted twice, and entries are as good as
        independent, which the intervals of the report take for granted.
Rule 3. The group is that of the draw at the entry (intention to treat): what was sent, withheld or
        never due changes nothing. Where no message is marketing nobody is held out.
Rule 4. Who had consented to no message of it on any of its channels at the entry is a group of
        their own in both cases, since nothing could have reached them; asked before the draw.
Rule 5. Two persons turn out to be one: of watches that overlap the one that began first stays, and
        what was counted of the other is taken back. What either did converts the one that stays.
Rule 6. What is heard late counts, either way round, as far as the person's history reaches: a goal
        before its entry is known is looked up there. Watches are forgotten ``KEPT_MS`` after their
        window, and beyond ``WATCHES_MAX`` the oldest first.
Rule 7. Everything of a watch is counted on the day of its entry, so of any span of days the figures
        are shares of those who entered in it. Test persons are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fencepost_gateway.decide.cause import policies_of
from fencepost_gateway.decide.consent import ANY, allows_under
from fencepost_gateway.decide.holdout import held_by
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Campaign, Plan, Template
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.trait_state import cell_of
from fencepost_gateway.decide.watch import GroupName, Scored, Watch, scored

DAY_MS = 86_400_000
KEPT_MS = 30 * DAY_MS
WATCHES_MAX = 64


def begin(
    plan: Plan, campaign: Campaign, person: Person, cause: Cause, now_ms: int
) -> list[Scored]:
    """Begin the watch of an entry; gives what there is to count."""
    goal, began_ms = campaign.goal, min(cause.at_ms, now_ms)
    if goal is None:
        return []
    watch = Watch(
        campaign_id=campaign.campaign_id,
        version=campaign.version,
        event=goal.event,
        within_ms=goal.within_ms,
        group=_group(plan, campaign, person, cause),
        began_ms=began_ms,
        day=now_ms // DAY_MS,
    )
    if any(_overlap(watch, each) for each in person.watches):
        return []
    kept = [each for each in person.watches if each.until_ms + KEPT_MS >= now_ms]
    kept.sort(key=_end)
    person.watches = [*kept[-(WATCHES_MAX - 1) :], watch]
    return [scored(watch, "entered"), *_look_back(person, watch)]


def did(person: Person, name: str, at_ms: int, value: object) -> list[Scored]:
    """Take an app event of a person; gives what there is to count."""
    return [
        each
        for watch in person.watches
        if watch.event == name
        for each in _convert(watch, at_ms, cell_of("sum", at_ms, value) or 0)
    ]


def joined(person: Person, *, is_tester: bool) -> list[Scored]:
    """Make one of the watches of two persons who are one (Rule 5); a tester has none."""
    stay: list[Watch] = []
    told: list[Scored] = []
    for watch in sorted(person.watches, key=_rank):
        before = next((each for each in stay if _overlap(each, watch)), None)
        if before is None and not is_tester:
            stay.append(watch)
            continue
        told += _taken_back(watch)
        if before is not None and watch.converted_ms is not None:
            told += _convert(before, watch.converted_ms, watch.worth)
    person.watches = stay
    for watch in stay:
        told += _look_back(person, watch)
    return told


def _convert(watch: Watch, at_ms: int, worth: int) -> Iterator[Scored]:
    if watch.converted_ms is None and watch.covers(at_ms):
        watch.converted_ms, watch.worth = at_ms, worth
        yield scored(watch, "converted")
        if worth:
            yield scored(watch, "worth", worth)


def _taken_back(watch: Watch) -> Iterator[Scored]:
    yield scored(watch, "entered", -1)
    if watch.converted_ms is not None:
        yield scored(watch, "converted", -1)
        if watch.worth:
            yield scored(watch, "worth", -watch.worth)


def _look_back(person: Person, watch: Watch) -> Iterator[Scored]:
    """Convert a watch by what is known already (Rule 6)."""
    summary = person.summaries.get(watch.event)
    if summary is not None and summary.last_ms <= watch.began_ms:
        return  # as nearly always
    for event in person.recent:
        if event.name == watch.event and watch.covers(event.at_ms):
            value = event.props.get("value")
            yield from _convert(watch, event.at_ms, cell_of("sum", event.at_ms, value) or 0)
    if summary is not None:
        yield from _convert(watch, summary.first_ms, 0)
        yield from _convert(watch, summary.last_ms, 0)


def _overlap(one: Watch, other: Watch) -> bool:
    is_same = (one.campaign_id, one.event) == (other.campaign_id, other.event)
    return is_same and one.began_ms < other.until_ms and other.began_ms < one.until_ms


def _end(watch: Watch) -> int:
    return watch.until_ms


def _rank(watch: Watch) -> tuple[int, int, str]:
    return watch.began_ms, watch.day, watch.group


def _group(plan: Plan, campaign: Campaign, person: Person, cause: Cause) -> GroupName:
    """Say in which group somebody is by entering (Rules 3 and 4)."""
    parts = list(_messages(plan, campaign))
    if parts and not _consents(plan, person, parts, cause):
        return "no_consent"
    is_marketing = any(template.purpose == "marketing" for template, _ in parts)
    return "holdout" if is_marketing and held_by(plan, campaign, person.person_id) else "treated"


def _messages(plan: Plan, campaign: Campaign) -> Iterator[tuple[Template, tuple[str, ...]]]:
    """Give what a campaign may send, and where; each once."""
    flow = plan.flows.get((campaign.campaign_id, campaign.version))
    parts: Iterable[Campaign | None] = (campaign,)
    if campaign.is_journey:
        parts = map(flow.part, flow.steps) if flow else ()
    seen = set()
    for part in parts:
        wish = part.message if part else None
        for name in (wish.template_id, *wish.by_arm.values()) if wish else ():
            template = plan.templates.get(name)
            if wish and template and (name, wish.channels) not in seen:
                seen.add((name, wish.channels))
                yield template, wish.channels


def _consents(
    plan: Plan, person: Person, parts: Iterable[tuple[Template, tuple[str, ...]]], cause: Cause
) -> bool:
    """Say whether any of these may go anywhere, as far as consent goes (``permission``)."""
    policies = policies_of(plan, person)

    def may(purpose: str, channel: str) -> bool:
        refs = [at.ref for at in person.reach.get(channel, ())] or [ANY]
        said = person.consents
        return any(allows_under(policies, said, purpose, channel, ref).allowed for ref in refs)

    for template, channels in parts:
        moved = template.purpose == "marketing" and cause.is_by_place
        for channel in channels:
            if template.confirms:  # it asks for what is not given yet
                return True
            if may(template.purpose, channel) and (not moved or may("location_marketing", channel)):
                return True
    return False
