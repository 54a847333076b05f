"""Documents on a running gateway: all or nothing, and from the next event on."""

from __future__ import annotations

import pytest

from e2e.documents import SPOTS, campaign, place_name
from e2e.people import House, claims, somebody
from e2e.rig import until, until_answered

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

BAD = """kind: campaign
id: live
entry: {transition: enter, fence: {id: live}}
message:
  template: greeting
  channels: [pigeon]
"""


async def test_bad_document_changes_nothing_and_is_named_with_its_line(house: House) -> None:
    """One bad file beside good ones: nothing is published, and file and line are told."""
    running, _ = house
    before = await running.ask("GET", "/v1/documents")

    refused = await running.apply(
        "bad", {"good.yaml": campaign("live"), "sub/bad.yaml": BAD.replace("id: live", "id: worse")}
    )

    assert refused.code == 1
    assert "sub/bad.yaml:6" in refused.err
    assert await running.ask("GET", "/v1/documents") == before


async def test_live_change_takes_effect_on_the_next_event(house: House) -> None:
    """Nobody waits there for the walker; after ``apply``, with no restart, somebody does."""
    running, there = house
    async with somebody(running, there, "swift", traits={"first_name": "Io"}) as swift:
        await swift.walk(*SPOTS["live"])

        async def walked() -> bool:
            return bool(await running.decisions("swift", "transition"))

        await until_answered(walked)
        assert await running.decisions("swift", "step") == []

        applied = await running.apply("change", {"live.yaml": campaign("live")})
        await swift.walk(*SPOTS["live"])
        await until(lambda: set(swift.arrived().values()) == {1})
        first = await claims(running, "swift", 4)

    assert applied.code == 0
    assert "create  campaign live v1" in applied.out
    assert swift.texts[0].body.startswith(place_name("live"))
    assert {c["body"]["campaign_version"] for c in first} == {1}
