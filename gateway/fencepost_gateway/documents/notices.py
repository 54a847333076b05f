"""
Notices: whether what is live tells people what a policy wants them told of their own consent.

Pure; for ``fencepost doctor``. A notice is a campaign or journey like any other, with a service
message, so that it is written, translated and tried like any other.

Rule 1. The result of a withdrawal is told by one that is entered when an audience that asks for
        ``consent: marketing`` is left; the result of agreeing by one that is entered on joining.
Rule 2. What people agreed to is told again by one that concerns an audience that asks for
        ``consent: marketing`` with ``older_than``, by joining it or by a schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fencepost_gateway.documents.check_parts import is_marketing
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.rule_references import leaves, trees_behind
from fencepost_gateway.documents.world import World, messages_of

_CONSENT = "marketing"


def missing_notices(policy: Policy, world: World) -> Iterator[tuple[str, str]]:
    """Give what a policy wants people told and nothing tells, and how to mend it."""
    days = policy.withdrawal.result_notice_within_days
    if days is not None and not _tells(world, lambda entry: _on_leaving(entry, world)):
        what = f"wants people told within {days} days what became of their withdrawal"
        yield what, _how("that who left an audience over {consent: marketing} is told")
    if policy.reconfirm is not None and not _tells(world, lambda entry: _of_old(entry, world)):
        what = f"wants people told every {policy.reconfirm.every_years} years what they agreed to"
        yield what, _how("for an audience over {consent: marketing, older_than: 700d}")


def _how(what: str) -> str:
    return f"publish a campaign with a service message {what}; see the how-to on policies"


def _tells(world: World, is_meant: Callable[[Entry], bool]) -> bool:
    """Say whether some service message goes to whom an entry that is meant brings in."""
    for document in world.sending:
        service = [m for m in messages_of(document) if not is_marketing([m], world)]
        model = Campaign if document.kind == "campaign" else Journey
        if service and any(map(is_meant, model.model_validate(document.body).entry)):
            return True
    return False


def _on_leaving(entry: Entry, world: World) -> bool:
    return entry.on == "leave" and _asks(entry.audience or "", world, aged=False)


def _of_old(entry: Entry, world: World) -> bool:
    return _asks(entry.audience or entry.audience_id, world, aged=True)


def _asks(audience: str, world: World, *, aged: bool) -> bool:
    trees = trees_behind({"audience": audience}, world.audiences) if audience else ()
    found = [leaf for tree in trees for leaf, _ in leaves(tree, ())]
    return any(
        leaf.get("consent") == _CONSENT and (not aged or "older_than" in leaf) for leaf in found
    )
