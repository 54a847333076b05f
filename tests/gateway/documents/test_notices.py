"""Whether people are told of their consent what a policy wants them told."""

from __future__ import annotations

import pytest

from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.notices import missing_notices
from fencepost_gateway.documents.world import world_of

POLICY = """\
kind: policy
id: kr
accepts: {"*": [y]}
quiet_hours: none
withdrawal: {result_notice_within_days: 14}
reconfirm: {every_years: 2}
"""
SAYS = "kind: template\nid: says\npurpose: transactional\nsms: {text: hi}\n"
ADVERT = SAYS.replace("transactional", "marketing")
YES = "kind: audience\nid: agreed\nwhen: {consent: marketing}\n"
VIPS = "kind: audience\nid: vips\nwhen: {all: [{audience: agreed}, {person: tier, is: gold}]}\n"
OLD = "kind: audience\nid: old\nwhen: {consent: marketing, older_than: 700d}\n"
CAMPAIGN = (
    "kind: campaign\nid: {}\nentry: {}\ngoal: none\nmessage: {{template: says, channels: [sms]}}\n"
)
LEFT = CAMPAIGN.format("left", "{audience: agreed, on: leave}")
JOINED = CAMPAIGN.format("joined", "{audience: agreed}")
AGAIN = CAMPAIGN.format("again", "{audience: old}")
YEARLY = CAMPAIGN.format("again", '{schedule: "0 10 * * *", zone: UTC, for: {audience: old}}')


def missing(*texts: str) -> list[str]:
    """Name the notices that are missing, by a word."""
    loaded = load([SourceFile(f"{n}.yaml", text) for n, text in enumerate((POLICY, *texts))])
    assert not loaded.problems, loaded.problems
    world = world_of(loaded.documents)
    found = [what for what, _ in missing_notices(world.policies[0], world)]
    return ["withdrawal" if "withdrawal" in what else "agreed" for what in found]


def test_notices_are_missing_where_nobody_is_told() -> None:
    """Both are asked for by the policy; one that asks for none misses none."""
    world = world_of(load([SourceFile("a.yaml", POLICY[: POLICY.index("withdrawal")])]).documents)

    assert missing() == ["withdrawal", "agreed"]
    assert list(missing_notices(world.policies[0], world)) == []


@pytest.mark.parametrize("again", [AGAIN, YEARLY])
def test_service_messages_tell_it(again: str) -> None:
    """By leaving an audience over the consent, and for one that asks for its age."""
    assert missing(SAYS, YES, LEFT) == ["agreed"]
    assert missing(SAYS, YES, OLD, LEFT, again) == []


def test_audience_behind_the_audience_counts() -> None:
    """It may ask for more than the consent."""
    left = LEFT.replace("agreed, on", "vips, on")

    assert missing(SAYS, YES, VIPS, left) == ["agreed"]


def test_advertising_and_agreeing_tell_of_no_withdrawal() -> None:
    """A notice is a service message, and joining is no leaving."""
    assert missing(ADVERT, YES, LEFT) == ["withdrawal", "agreed"]
    assert missing(SAYS, YES, JOINED) == ["withdrawal", "agreed"]
