from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rig import GRANTS, OPEN_POLICY, open_rig

CAMPAIGN = """
kind: campaign
id: greeting
entry: {event: shop_opened}
message: {template: greet, channels: [%s]}
---
kind: template
id: greet
purpose: %s
email: {subject: Hi, text: Hi}
sms: {text: Hi}
"""


@pytest.mark.feature("C06")
@pytest.mark.parametrize(
    ("channels", "purpose", "url", "outcome"),
    [
        ("email", "marketing", "", ("withheld", "no_public_url")),
        ("email", "marketing", "https://edge.example.com", ("send", "")),
        ("email", "transactional", "", ("send", "")),
        ("sms", "marketing", "", ("send", "")),
        ("email, sms", "marketing", "", ("send", "")),
    ],
)
async def test_marketing_by_email_needs_a_link_to_stop_it(
    tmp_path: Path, channels: str, purpose: str, url: str, outcome: tuple[str, str]
) -> None:
    """Without a public address nobody could unsubscribe: no such mail goes; others do."""
    async with open_rig(tmp_path, public_url=url) as rig:
        await rig.apply(OPEN_POLICY, *(CAMPAIGN % (channels, purpose)).split("---"))
        await rig.send(
            {"type": "consent", "values": GRANTS},
            {"type": "address", "channel": "email", "address": "mina@example.com"},
            {"type": "address", "channel": "sms", "address": "+491701234567"},
            {"type": "track", "name": "shop_opened"},
        )
        await rig.settle()

        assert (await rig.claims())[-1] == outcome
