"""The door asks every policy of the workspace: never more lenient than the claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rig import INSIDE, Rig, open_rig

LENIENT = """
kind: policy
id: default
accepts: {collect: [y, CT], location_collect: [y, LI], location_precise: [y, LI], "*": [y]}
quiet_hours: none
"""
STRICT = """
kind: policy
id: kr
jurisdiction: KR
accepts: {collect: [y, CT], "*": [y]}
quiet_hours: none
"""
SAID = {"collect": "CT", "location_collect": "LI", "location_precise": "LI"}


async def located(rig: Rig) -> bool:
    """Say whether a position is taken."""
    return not (await rig.fix(INSIDE))["verdicts"]["others"]


async def nearby(rig: Rig) -> int:
    """Ask for the fences around; gives the status."""
    query = {"lat": "43.73", "lon": "7.42"}
    headers = rig.device_headers()
    response = await rig.client.get("/v1/fences/nearby", params=query, headers=headers)
    return int(response.status)


@pytest.mark.parametrize(
    ("policies", "taken"), [((LENIENT,), True), ((LENIENT, STRICT), False)], ids=["one", "two"]
)
async def test_position_passes_only_if_every_policy_lets_it(
    tmp_path: Path, policies: tuple[str, ...], *, taken: bool
) -> None:
    """Who is whose is not known here; what one policy refuses goes no further, nearby included."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(*policies)
        await rig.consent(SAID)

        assert await located(rig) is taken
        assert await nearby(rig) == (200 if taken else 403)


async def test_yes_is_a_yes_under_every_policy(tmp_path: Path) -> None:
    """For what nearly everybody says the strictness makes no difference."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(LENIENT, STRICT)
        await rig.consent({"collect": "CT", "location_collect": "y"})

        assert await located(rig)
        assert await nearby(rig) == 200


async def test_statement_that_one_policy_does_not_take_withdraws(tmp_path: Path) -> None:
    """What a yes had allowed is taken back, as after a no; the record names the policy."""
    campaign = """
kind: campaign
id: greeting
entry: {transition: enter, fence: {tag: studio}}
message: {template: greet, channels: [sms]}
---
kind: template
id: greet
purpose: transactional
sms: {text: Hi}
"""
    async with open_rig(tmp_path) as rig:
        await rig.apply(LENIENT.replace("[y, CT]", "[y, CT], transactional: [y]"), STRICT, campaign)
        await rig.consent({"collect": "CT", "location_collect": "y", "location_precise": "y"})
        for where in ((43.74, 7.42),) * 3 + (INSIDE,) * 3:
            await rig.fix(where)
        await rig.gateway.pipeline.step()  # the message waits for its claim
        await rig.consent({"location_collect": "LI"})

        (claim,) = await rig.records("claim")
    check = claim["body"]["checks"][-1]
    assert claim["body"]["outcome"] == "withheld"
    assert (check["inputs"]["withdrawn"], check["inputs"]["policy"]) == (True, "kr v1")
