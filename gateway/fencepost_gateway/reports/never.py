"""
Never: why somebody was never considered for a campaign or journey in some span of time.

Pure. A campaign that something woke left a step record; this is for those that left none. It is
computed from documents and records alone, and where these do not say, it says that.

Rule 1. First whether there was anybody, and anything, to consider: the person, the campaign's
        version in force, its run.
Rule 2. Then each entry. Of a transition the nearest miss is named: told of the right fence but
        taken back, ``initial``, ``opened``, another kind, a visit too short, another fence. A
        transition is held against the campaign and the fence as they were when it was told.
Rule 3. Where no transition came near, why there could be none: no consent, no device, silence;
        then what may have been it: consent for part of the time, positions that could not speak.
Rule 4. Of what many are told see ``never_many``. Who is in a journey already has entered it before,
        which is said first.
Rule 5. What is not known is said last: positions are not kept, the history of events is bounded,
        the policy is the one of now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.consent import LOCATION_ACTIVE, ConsentAnswer, ConsentEntry
from fencepost_gateway.decide.holdout import held_by
from fencepost_gateway.decide.person import NAMES_MAX, RECENT_MAX, Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.run import campaign_of
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.unheard import unheard_within
from fencepost_gateway.documents import fences
from fencepost_gateway.documents.campaign_plans import run_bounds_ms, selected
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.ports import DocumentRow, RecordRow
from fencepost_gateway.reports.never_audience import by_audience
from fencepost_gateway.reports.never_known import Edition, Finding, Known, edition_at, editions
from fencepost_gateway.reports.never_many import NEAR_MANY, by_many
from fencepost_geofence.fence import Fence

MISSES_MAX: Final = 3
NEAR: Final = {
    "unsaid": 0, "not_live_then": 1, "superseded": 2, "initial": 3, "opened": 3,
    "other_threshold": 4, "too_short": 4, "still_short": 5, "other_kind": 6, "fence_lacks": 6,
    **NEAR_MANY,
}  # fmt: skip
FAR: Final = 9  # another fence: of no use but as a sign of life
_ENDS = ("exit", "expire")


def never(plan: Plan, versions: Sequence[DocumentRow], known: Known) -> list[Finding]:
    """
    Say why a campaign was never considered for somebody; the first finding is the reason.

    Args:
        plan: What is in force now.
        versions: Every version of the campaign, oldest first; at least one.
        known: What is known of the person.

    """
    if not (known.person or known.devices or known.statements or known.told):
        return [Finding("never_heard")]
    name = versions[0].id
    lived = list(editions(versions))
    live = [e for e in lived if e.from_ms < known.until_ms and e.until_ms > known.from_ms]
    if not live:
        return [_not_live(versions, name, known)]
    idle = _not_running(live, name, known, plan.workspace_zone)
    if idle is not None:
        return [idle]
    newest = live[-1]
    found: list[Finding] = []
    for entry in newest.authored.entry:
        if entry.event is not None:
            found.append(_event(entry.event, lived, name, known))
        elif entry.transition is not None:
            found += _transition(entry, lived, name, known, plan)
        else:
            found += _other(plan, entry, lived, name, known)
    found.sort(key=lambda finding: NEAR.get(finding.code, FAR))
    found[:0] = _already_in(name, known)
    found += _changes(live, name, known)
    found += _anyway(plan, name, known)
    return [one for i, one in enumerate(found) if one not in found[:i]]


def _other(
    plan: Plan, entry: Entry, lived: Sequence[Edition], name: str, known: Known
) -> Iterator[Finding]:
    """Say why neither an audience nor what many are told started anything."""
    if entry.audience is None or entry.include_existing:
        many = by_many(plan, entry, lived, name, known)
        if many is not None:
            yield many
    if entry.audience is not None:
        wanted, span = (entry.audience, entry.on or "join"), (known.from_ms, known.until_ms)
        yield Finding(*by_audience(plan, known.person, wanted, span, known.moved))


# ---- the campaign --------------------------------------------------------------------------


def _not_live(versions: Sequence[DocumentRow], name: str, known: Known) -> Finding:
    past = [row for row in versions if row.applied_ms < known.until_ms]
    if not past:
        facts = {"campaign": name, "applied_ms": versions[0].applied_ms}
        return Finding("not_published_yet", facts)
    return Finding("archived", {"campaign": name, "applied_ms": past[-1].applied_ms})


def _not_running(live: Sequence[Edition], name: str, known: Known, zone: str) -> Finding | None:
    """Say that no version ran in this time, if so."""
    answer: Finding | None = None
    for edition in live:
        from_ms, until_ms = run_bounds_ms(edition.authored, zone)
        if from_ms is not None and from_ms >= known.until_ms:
            answer = Finding("before_run", {"campaign": name, "from_ms": from_ms})
        elif until_ms is not None and until_ms <= known.from_ms:
            answer = Finding("after_run", {"campaign": name, "until_ms": until_ms})
        else:
            return None
    return answer


def _changes(live: Sequence[Edition], name: str, known: Known) -> Iterator[Finding]:
    for edition in live:
        if edition.from_ms > known.from_ms and edition.version > 1:
            facts = {"campaign": name, "version": edition.version, "applied_ms": edition.from_ms}
            yield Finding("version_changed", facts)


def _already_in(name: str, known: Known) -> Iterator[Finding]:
    """Say that a run of the person's lives, and where it stands."""
    runs = known.person.runs.items() if known.person else ()
    for key, run in runs:
        if campaign_of(key) == name and run.at is not None and run.entered_ms < known.until_ms:
            facts = {"campaign": name, "entered_ms": run.entered_ms, "step": run.at.step_id}
            yield Finding("run_lives", facts)


def _anyway(plan: Plan, name: str, known: Known) -> Iterator[Finding]:
    """Name what would have kept a message back even so, as far as it follows from now."""
    campaign = plan.campaigns.get(name)
    if campaign is None:
        return
    wanted = [part for _, part in plan.parts() if part.campaign_id == name]
    templates = [plan.templates.get(part.message.template_id) for part in wanted]
    is_tester = known.person is not None and known.person.user_id in plan.testers
    is_marketing = any(template and template.purpose == "marketing" for template in templates)
    if is_marketing and not is_tester and held_by(plan, campaign, known.person_id):
        yield Finding("holdout_anyway", {"campaign": name})
    mark = known.person.runs.get(name) if known.person else None
    if campaign.reentry.mode == "never" and mark is not None and mark.entered_ms < known.until_ms:
        yield Finding("reentry_anyway", {"campaign": name, "entered_ms": mark.entered_ms})


# ---- an entry by an app event --------------------------------------------------------------


def _event(event: str, lived: Sequence[Edition], name: str, known: Known) -> Finding:
    person = known.person or Person(known.person_id)
    summary = person.summaries.get(event)
    if summary is None:
        is_known = len(person.summaries) < NAMES_MAX
        return Finding("event_never" if is_known else "event_unsure", {"event": event})
    times_ms = [e.at_ms for e in person.recent if e.name == event]
    times_ms += [summary.first_ms, summary.last_ms]
    inside = [t for t in times_ms if known.from_ms <= t < known.until_ms]
    if inside:
        at_ms = max(inside)
        facts = {"event": event, "at_ms": at_ms, "campaign": name}
        edition = edition_at(lived, at_ms)
        waits = edition is not None and any(e.event == event for e in edition.authored.entry)
        return Finding("event_unsaid" if waits else "event_not_live_then", facts)
    if summary.last_ms < known.from_ms:
        return Finding("event_before", {"event": event, "last_ms": summary.last_ms})
    if summary.first_ms >= known.until_ms:
        return Finding("event_after", {"event": event, "first_ms": summary.first_ms})
    recent = person.recent
    reaches_back = len(recent) < RECENT_MAX or recent[0].at_ms < known.from_ms
    return Finding("event_elsewhen" if reaches_back else "event_unsure", {"event": event})


# ---- an entry by a transition --------------------------------------------------------------


class _Past:
    """The fences as they were published; each version is read once."""

    def __init__(self, versions: Mapping[str, Sequence[DocumentRow]], zone: str) -> None:
        self._versions = versions
        self._read: dict[tuple[str, int], Fence] = {}
        self.zone = zone

    def fence(self, fence_id: str, at_ms: int) -> Fence | None:
        """Give a fence as it was at a moment; before its first version, as it was first."""
        versions = self._versions.get(fence_id, ())
        row = next((r for r in reversed(versions) if r.applied_ms <= at_ms), None)
        row = row or (versions[0] if versions else None)
        if row is None:
            return None
        key = (row.id, row.version)
        if key not in self._read:
            self._read[key] = fences.fence_of(msgspec.json.decode(row.body))
        return self._read[key]


def _transition(
    entry: Entry, lived: Sequence[Edition], name: str, known: Known, plan: Plan
) -> list[Finding]:
    past = _Past(known.fences, plan.workspace_zone)
    found = (_miss(entry, row, lived, name, past) for row in known.told)
    misses = sorted((miss for miss in found if miss), key=lambda miss: miss[0])
    near: dict[str, Finding] = {}
    for _, finding in misses:
        near.setdefault(finding.code, finding)
    if "too_short" in near:
        near.pop("still_short", None)  # of a visit that has ended more is known
    nearest = list(near.values())[:MISSES_MAX]
    if nearest and nearest[0].code in NEAR:
        return nearest
    selector = str(entry.fence.selector()) if entry.fence else ""
    facts = {"wanted": entry.transition, "selector": selector, "campaign": name}
    reasons = list(_no_sign(known, plan))
    ends = {"location_denied", "location_paused", "silent", "not_heard_yet"}
    stays_open = not any(r.code in ends for r in reasons)
    maybe = [reason for reason in reasons if reason.code == "location_partly"]
    reasons = [reason for reason in reasons if reason not in maybe]
    rest = [*maybe, *_unheard(known), *([Finding("positions_not_kept")] if stays_open else [])]
    is_weighed = any(r.code.startswith("location") for r in [*reasons, *maybe])
    rest += _policy_now(known) if is_weighed else []
    return [*reasons, Finding("no_transition", facts), *nearest, *rest]


def _miss(
    entry: Entry, row: RecordRow, lived: Sequence[Edition], name: str, past: _Past
) -> tuple[tuple[int, int], Finding] | None:
    """Say by how much a transition missed an entry, nearest and newest first."""
    body = row.body
    edition = edition_at(lived, row.at_ms)
    is_asked = edition is not None and entry in edition.authored.entry
    code, more = _missed(entry, body, past.fence(body["fence_id"], row.at_ms), past.zone)
    if code == "unsaid" and not is_asked:
        code = "not_live_then"
    if not code:
        return None
    facts = {
        "campaign": name,
        "fence": body.get("fence_name") or body["fence_id"],
        "kind": body["kind"],
        "wanted": entry.transition,
        "at_ms": body["at_ms"],
        **more,
    }
    return (NEAR.get(code, FAR), -body["at_ms"]), Finding(code, facts)


def _missed(
    entry: Entry, body: Mapping[str, Any], fence: Fence | None, zone: str
) -> tuple[str, dict[str, Any]]:
    """Give the code of the miss, and what its sentence needs besides."""
    kind = body["kind"]
    if fence is None or entry.fence is None:
        return "", {}
    view = fences.view_of(fence, {}, zone)
    if not entry.fence.selector().matches(view):
        return ("other_fence" if kind == entry.transition else ""), {}
    if kind == entry.transition:
        return _same_kind(entry, body)
    if body.get("superseded"):
        return "", {}
    if not selected(entry, {fence.fence_id: view}, [fence]):
        return "fence_lacks", {}
    if entry.transition != "dwell":
        return "other_kind", {}
    after_ms = parse_duration_ms(entry.after) or min(fence.dwell_after_s) * 1000
    wanted_s = after_ms // 1000
    length_s = body.get("duration_s")
    if kind in _ENDS and length_s is not None:
        facts = {"length_s": length_s, "wanted_s": wanted_s}
        return ("too_short" if length_s < wanted_s else "other_kind"), facts
    return ("still_short", {"wanted_s": wanted_s}) if kind == "enter" else ("other_kind", {})


def _same_kind(entry: Entry, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    after_ms = parse_duration_ms(entry.after)
    if body.get("superseded"):
        return "superseded", {}
    if after_ms is not None and body.get("after_s") != after_ms // 1000:
        length_s = body.get("after_s") or 0
        return "other_threshold", {"length_s": length_s, "wanted_s": after_ms // 1000}
    if body.get("initial") and not entry.initial:
        return "initial", {}
    if body.get("opened") and not entry.opened:
        return "opened", {}
    return "unsaid", {}


# ---- why there could be no transition ------------------------------------------------------


def _no_sign(known: Known, plan: Plan) -> Iterator[Finding]:
    answers = list(_location(known, plan, "location_collect"))
    denied = [answer for _, answer in answers if not answer.allowed]
    if len(denied) == len(answers):
        last = denied[-1]
        facts = {"purpose": last.purpose, "value": last.value, "policy": last.policy}
        is_paused = last.purpose == LOCATION_ACTIVE
        yield Finding("location_paused") if is_paused else Finding("location_denied", facts)
    elif denied:
        yield Finding("location_partly", {"at_ms": answers[-1][0]})
    elif not any(a.allowed for _, a in _location(known, plan, "location_precise")):
        yield Finding("location_coarse")
    if not known.devices:
        yield Finding("no_device")
        return
    last_ms = max(device.last_ms for device in known.devices)
    first_ms = min(device.first_ms for device in known.devices)
    if last_ms < known.from_ms:
        yield Finding("silent", {"last_ms": last_ms})
    elif first_ms >= known.until_ms:
        yield Finding("not_heard_yet", {"first_ms": first_ms})


def _unheard(known: Known) -> Iterator[Finding]:
    """Say how many positions came and could not speak, if any did."""
    rows = unheard_within(known.person, known.from_ms, known.until_ms) if known.person else ()
    reasons: dict[str, int] = {}
    for one in rows:
        reasons[one.reason] = reasons.get(one.reason, 0) + one.count
    if reasons:
        yield Finding("positions_dropped", {"count": sum(reasons.values()), "reasons": reasons})


def _location(known: Known, plan: Plan, purpose: str) -> Iterator[tuple[int, ConsentAnswer]]:
    """Ask for a purpose at the begin of the span and after every statement in it."""
    heard_ms = min((device.first_ms for device in known.devices), default=0)
    begin_ms = max(known.from_ms, min(heard_ms, known.until_ms - 1))
    entries: dict[tuple[str, str, str], ConsentEntry] = {}
    before = [said for said in known.statements if said.received_ms <= begin_ms]
    after = [said for said in known.statements[len(before) :] if said.received_ms < known.until_ms]
    entries |= {said.entry.key: said.entry for said in before}
    policies = plan.every_policy  # as at the door
    yield begin_ms, consent.allows_under(policies, [*entries.values()], purpose)
    for said in after:
        entries[said.entry.key] = said.entry
        yield said.received_ms, consent.allows_under(policies, [*entries.values()], purpose)


def _policy_now(known: Known) -> list[Finding]:
    last_ms = max((row.applied_ms for row in known.policies), default=known.from_ms)
    return [Finding("policy_now", {"applied_ms": last_ms})] if last_ms > known.from_ms else []
