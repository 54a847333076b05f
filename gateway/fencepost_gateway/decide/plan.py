"""
Plan: the published documents, compiled for deciding.

Pure. ``documents.compile`` makes a ``Plan`` from checked documents; everything in ``decide`` reads
only plans. A plan is immutable: a publication makes a new one with the next ``revision``.

Rule 1. No authored text is parsed on the hot path: durations are milliseconds, percentages are
        fractions, rules are compiled, selectors are resolved to fence ids.
Rule 2. The wake index (event name, transition and fence -> campaigns) is asked before a person is
        loaded; a stimulus that wakes nothing costs two dictionary look-ups.
Rule 3. Campaigns wake in order of id, so that replay and live agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from fencepost_gateway.decide.audiences import NO_AUDIENCES, Audiences
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.event_shape import EventShape
from fencepost_gateway.decide.opening import Opening
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rule_facts import TraitReader, TransitionKind
from fencepost_gateway.decide.rules import Rule
from fencepost_gateway.decide.spend import SpendTerms
from fencepost_gateway.decide.traits import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fencepost_gateway.decide.message import Message
    from fencepost_gateway.decide.steps import Flow

CalendarWindow = Literal["hour", "day", "week", "month"]
PurposeName = Literal["marketing", "transactional"]
MergePolicy = Literal["on_login", "never", "explicit"]


class EventEntry(Struct, frozen=True):
    """Woken by an app event of this name; ``where`` is a rule over its properties."""

    name: str
    where: Rule | None = None


class TransitionEntry(Struct, frozen=True):
    """
    Woken by a transition of one of these fences; ``after_ms`` names the dwell threshold.

    The flags admit what an entry leaves alone unless it asks.
    """

    kind: TransitionKind
    fence_ids: frozenset[str]
    after_ms: int | None = None
    initial: bool = False
    opened: bool = False
    inactive: bool = False


class AudienceEntry(Struct, frozen=True):
    """Woken when somebody joins an audience, or leaves it; ``existing``: or was in it before."""

    audience_id: str
    on: Literal["join", "leave"] = "join"
    existing: bool = False


class ExternalEntry(Struct, frozen=True):
    """
    Woken by an event from outside, for everybody who belongs to the audience; empty: everybody.

    ``where`` is a rule over its properties, so it answers alike for all of them.
    """

    name: str
    where: Rule | None = None
    audience_id: str = ""


class ScheduleEntry(Struct, frozen=True):
    """
    Woken when a time has come, for everybody who belongs to the audience; empty: everybody.

    ``schedule_id`` names what it is and whose: one that is changed begins anew. ``only_new`` takes
    only those who joined since the last time.
    """

    schedule_id: str
    cron: str
    zone: str
    audience_id: str = ""
    only_new: bool = False


class ApiEntry(Struct, frozen=True):
    """Woken by a call, for one person."""


Entry = EventEntry | TransitionEntry | AudienceEntry | ExternalEntry | ScheduleEntry | ApiEntry


class Limits(Struct, frozen=True):
    """
    How many persons are taken in: ``entries`` within ``per``, ``running`` at one time.

    ``per`` is a calendar window of the workspace's zone, or ``total``; None: no limit.
    """

    entries: int | None = None
    per: Literal["hour", "day", "week", "month", "total"] = "total"
    running: int | None = None


class Reentry(Struct, frozen=True):
    """When a person may enter again: never, after the run's end, after a wait, always."""

    mode: Literal["never", "after_end", "after", "always"] = "after_end"
    after_ms: int = 0


class Goal(Struct, frozen=True):
    """The event a campaign is for; it counts within ``within_ms`` of the entry."""

    event: str
    within_ms: int


class LocalWindow(Struct, frozen=True):
    """
    A span of local time on one weekday, in minutes after midnight, end exclusive.

    ``weekday`` counts from Monday = 0. Overnight spans are split at midnight by the compiler.
    """

    weekday: int
    start_min: int
    end_min: int


class MessagePlan(Struct, frozen=True):
    """
    The one message of a campaign.

    ``hours`` narrows when it may go (None: not at all); ``only_open`` keeps it to the opening hours
    of the fence that woke it. ``quiet_hours`` says what both do, ``caps`` what a full cap does.
    With an experiment ``by_arm`` names each arm's template, and ``template_id`` one of them: they
    are of one purpose. ``on_unknown`` and ``fallback_after_ms`` (``NEVER_MS``: not at all) are what
    the author says; empty and None: what is usual for the template's purpose (``Case``).
    """

    template_id: str
    channels: tuple[str, ...]
    each: bool = False
    while_: Rule | None = None
    max_age_ms: int | None = None
    quiet_hours: Literal["defer", "drop"] = "defer"
    priority: int = 50
    hours: tuple[LocalWindow, ...] | None = None
    only_open: bool = False
    caps: Literal["defer", "drop"] = "drop"
    experiment_id: str = ""
    by_arm: dict[str, str] = {}
    on_unknown: Literal["", "end", "retry"] = ""
    fallback_after_ms: int | None = None


class Campaign(Struct, frozen=True):
    """
    A journey of one message; or what a journey's steps have in common (``is_journey``).

    A journey's own ``message`` is ``NO_MESSAGE``: its steps have theirs (``Plan.part``).
    """

    campaign_id: str
    version: int
    name: str
    entries: tuple[Entry, ...]
    message: MessagePlan
    when: Rule | None = None
    reentry: Reentry = Reentry()
    goal: Goal | None = None
    holdout: float = 0.0
    tags: frozenset[str] = frozenset()
    brand: str = ""
    run_from_ms: int | None = None
    run_until_ms: int | None = None
    is_journey: bool = False
    limits: Limits | None = None


NEVER_MS: Final = -1
NO_MESSAGE = MessagePlan("", ())
LIVING, LIVING_MAX = 40, 200  # journeys that somebody may be in at once: usual, and at most


class Template(Struct, frozen=True):
    """
    Content by channel as Liquid sources, not yet parsed.

    ``sources`` maps channel -> member -> source; lists (buttons) stay lists of mappings.
    ``missing`` says what an absent value does: withhold the message, or print nothing.
    ``confirms`` names the purpose that the message asks its receiver to confirm.
    ``is_code``: it holds a security code, which goes before everything else.
    ``tracks_opens`` and ``tracks_clicks`` say what is told of it by pixel and links.
    ``language`` is that of ``sources``; ``languages`` maps others to their complete channels.
    """

    template_id: str
    version: int
    purpose: PurposeName
    sources: dict[str, dict[str, Any]]
    missing: Literal["withhold", "default"] = "withhold"
    language: str = ""
    languages: dict[str, dict[str, dict[str, Any]]] = {}
    confirms: str = ""
    is_code: bool = False
    tracks_opens: bool = False
    tracks_clicks: bool = False


class Fragment(Struct, frozen=True):
    """A piece of text that templates share: ``text``, ``html`` perhaps, in its languages."""

    fragment_id: str
    version: int
    texts: dict[str, str]
    language: str = ""
    languages: dict[str, dict[str, str]] = {}


class Experiment(Struct, frozen=True):
    """Arms and their weights, in order of name."""

    experiment_id: str
    version: int
    arms: tuple[tuple[str, float], ...]


class Source(Struct, frozen=True):
    """Another system: where it is asked, which secret goes where, which ones sign webhooks."""

    source_id: str
    version: int
    url: str
    ttl_ms: int
    timeout_ms: int
    headers: tuple[tuple[str, str], ...] = ()
    sign: tuple[str, ...] = ()


class CapScope(Struct, frozen=True):
    """
    What a cap counts; an empty member does not narrow.

    ``fence_ids`` are those whose transitions caused the message: None does not narrow, an empty set
    (a selector that finds nothing any more) covers nothing.
    """

    purpose: PurposeName = "marketing"
    channels: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    fence_ids: frozenset[str] | None = None


class CapRule(Struct, frozen=True):
    """At most ``limit`` messages of ``scope`` per rolling span or calendar window."""

    rule_id: str
    limit: int
    scope: CapScope = CapScope()
    rolling_ms: int | None = None
    calendar: CalendarWindow | None = None


class QuietHours(Struct, frozen=True):
    """
    When messages of these purposes may go on these channels; an exempt channel is not listed.

    ``and_zone`` must allow it too, besides the person's ``zones``; the consent ``lifted_by``, once
    given, lifts these hours.
    """

    purposes: frozenset[str]
    channels: frozenset[str]
    allowed: tuple[LocalWindow, ...]
    on_zone_unknown: Literal["withhold", "hold"] = "withhold"
    zones: Literal["strictest", "first"] = "strictest"
    and_zone: str = ""
    lifted_by: str = ""


class Brand(Struct, frozen=True):
    """Who sends, as receivers know it; what is not told is empty."""

    brand_id: str
    name: str
    contact: str = ""
    postal_address: str = ""
    free_number: str = ""
    is_default: bool = False


class Label(Struct, frozen=True):
    """What marketing on ``channels`` begins with; ``refused`` looks like it and is not."""

    text: str
    channels: frozenset[str]
    refused: tuple[str, ...] = ()


class Imprint(Struct, frozen=True):
    """
    What marketing on ``channels`` says of its sender, and how to say no.

    ``opt_out`` maps channel to words with ``{link}`` or ``{free_number}`` in them.
    """

    channels: frozenset[str] = frozenset()
    sender: bool = False
    contact: bool = False
    postal_address: bool = False
    opt_out: dict[str, str] = {}


class Policy(Struct, frozen=True):
    """
    Consent, quiet hours and the use of locations: of a workspace, or of the ``countries`` it names.

    ``accepts`` maps purpose (or ``*``) to the consent values that allow it; ``defaults`` maps
    purpose to the value that stands where nothing was said. All rules of ``quiet_hours`` hold.
    Templates of the purposes ``location_fields`` may say where somebody is. ``label`` and
    ``imprint`` are what marketing has to say of itself. A yes to marketing that is given on our own
    page is confirmed first on the channels ``double_opt_in``; what somebody asks there for their
    data is answered within ``answer_days``.
    """

    policy_id: str
    version: int
    accepts: dict[str, frozenset[str]]
    defaults: dict[str, str]
    quiet_hours: tuple[QuietHours, ...] = ()
    countries: frozenset[str] = frozenset()
    location_fields: frozenset[str] = frozenset({"marketing", "transactional"})
    double_opt_in: frozenset[str] = frozenset()
    answer_days: int = 30
    label: Label | None = None
    imprint: Imprint = Imprint()

    @property
    def named(self) -> str:
        """Name it as records do."""
        return f"{self.policy_id} v{self.version}"


class Plan(Struct, frozen=True):
    """
    Everything published at one revision.

    ``policy`` is the default, ``policies`` are those of jurisdictions (see ``jurisdiction``).
    ``on_external`` and ``scheduled`` are the wake index of what concerns many, the latter by id of
    the schedule: whose campaign it is, and its entry.
    ``openings`` holds the opening hours, by fence, that some entry waits for (``opened``);
    ``traits_on`` the traits that an app event goes into, ``trait_readers`` what rules read them
    with; ``ranked`` names those that need a ranking.
    ``spend`` says what SMS cost, and how much of it a day.
    ``allow_only`` names the users that may get messages beside the listed addresses; None: all.
    ``testers`` and ``seeds`` are user ids. ``flows`` holds the journeys by id and version: those
    that are live, and those that somebody is still on; ``awaits`` names the
    events from outside that a run may wait for, or end by. ``tables`` holds rows by table and key,
    ``event_shapes`` what defined events may carry, by what apps call them, ``controls`` what
    operators have decided of which campaign.
    """

    revision: int
    policy: Policy
    campaigns: dict[str, Campaign] = {}
    templates: dict[str, Template] = {}
    fragments: dict[str, Fragment] = {}
    caps: tuple[CapRule, ...] = ()
    fences: dict[str, FenceView] = {}
    on_event: dict[str, tuple[Campaign, ...]] = {}
    on_transition: dict[tuple[str, str], tuple[Campaign, ...]] = {}
    on_audience: dict[tuple[str, str], tuple[Campaign, ...]] = {}
    on_external: dict[str, tuple[Campaign, ...]] = {}
    scheduled: dict[str, tuple[str, ScheduleEntry]] = {}
    openings: dict[str, Opening] = {}
    traits: dict[str, Trait] = {}
    traits_on: dict[str, tuple[Trait, ...]] = {}
    trait_readers: dict[str, TraitReader] = {}
    ranked: frozenset[str] = frozenset()
    audiences: Audiences = NO_AUDIENCES
    workspace_zone: str = ""
    workspace_name: str = ""
    living: int = LIVING
    workspace_holdout: float = 0.0
    allows_mock: bool = False
    merging: MergePolicy = "on_login"
    experiments: dict[str, Experiment] = {}
    allow_only: frozenset[str] | None = None
    spend: SpendTerms | None = None
    testers: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()
    seed: str = ""
    policies: tuple[Policy, ...] = ()
    flows: dict[tuple[str, int], Flow] = {}
    awaits: frozenset[str] = frozenset()
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    sources: dict[str, Source] = {}
    event_shapes: dict[str, EventShape] = {}
    controls: dict[str, Control] = {}
    brands: dict[str, Brand] = {}

    def brand_of(self, campaign: Campaign | None) -> Brand | None:
        """Give who a campaign speaks for; None: nobody has been told."""
        named = self.brands.get(campaign.brand) if campaign else None
        default = next((each for each in self.brands.values() if each.is_default), None)
        only = next(iter(self.brands.values())) if len(self.brands) == 1 else None
        return named or default or only

    def part(self, campaign_id: str, version: int, step_id: str) -> Campaign | None:
        """
        Give the campaign of a message: of a journey, that of its step in the run's version.

        A campaign is the one that is live now, whatever ``version`` the message was made by.
        """
        if not step_id:
            return self.campaigns.get(campaign_id)
        flow = self.flows.get((campaign_id, version))
        return flow.part(step_id) if flow else None

    @property
    def every_policy(self) -> tuple[Policy, ...]:
        """Give all policies of the workspace: those that the door asks."""
        return (self.policy, *self.policies)

    def is_service(self, message: Message) -> bool:
        """Say whether a message is no marketing; one whose campaign is gone is not sent."""
        campaign = self.part(message.campaign_id, message.campaign_version, message.step_id)
        template = self.templates.get(campaign.message.template_id) if campaign else None
        return template is not None and template.purpose != "marketing"

    def parts(self) -> Iterator[tuple[str, Campaign]]:
        """Give everything that wants messages, by name: campaigns, and journeys' message steps."""
        for campaign_id, campaign in self.campaigns.items():
            if not campaign.is_journey:
                yield campaign_id, campaign
        for (campaign_id, version), flow in self.flows.items():
            for step_id in flow.steps:
                part = flow.part(step_id)
                if part is not None:
                    yield f"{campaign_id}/{version}/{step_id}", part
