"""A real mail on a real relay: what its headers promise holds."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from doubles.dkim_keys import ed25519_pem, is_signed, zone_of
from doubles.smtp import Mta
from fencepost_channels.email_settings import parse_settings
from fencepost_gateway.intake.tickets import read_return_token
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import GRANTS, OPEN_POLICY, open_rig

NEWS = """
kind: campaign
id: news
entry: {event: shop_opened}
reentry: always
message: {template: news, channels: [email]}
goal: none
---
kind: template
id: news
purpose: marketing
email:
  subject: News
  preheader: Today only
  text: Hi
  mjml: >-
    <mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body>
    </mjml>
"""


@pytest.mark.feature("C06")
async def test_header_of_a_signed_mail_unsubscribes(tmp_path: Path) -> None:
    """The signed link of the header, one POST without a cookie, and the next mail is withheld."""
    with Mta() as mta:
        raw = {
            **mta.settings,
            "dkim_selector": "fp1",
            "dkim_private_key": ed25519_pem(),
            "bounce_domain": "bounce.shop.example",
        }
        email = ChannelSettings(driver="email", settings=raw)
        async with open_rig(tmp_path, channels={"email": email}) as rig:
            await rig.apply(OPEN_POLICY, *NEWS.split("---"))
            await rig.send(
                {"type": "consent", "values": GRANTS},
                {"type": "address", "channel": "email", "address": "mina@example.com"},
                {"type": "track", "name": "shop_opened"},
            )
            await rig.settle()
            (mail,) = mta.received
            link = re.fullmatch(r"<(https://[^>]+)>", str(mail.message["List-Unsubscribe"]))
            assert link is not None
            answer = await rig.client.post(
                urlsplit(link[1]).path, data={"List-Unsubscribe": "One-Click"}
            )
            await rig.settle()
            await rig.send({"type": "track", "name": "shop_opened"})
            await rig.settle()
            claims = await rig.claims()
            seed = rig.gateway.credentials.seed

    key = parse_settings(raw).dkim
    assert key is not None
    assert is_signed(mail.wire, zone_of(key))
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = mail.sender.removeprefix("bounce+").partition("@")[0]
    delivery_id = str(mail.message["Message-ID"]).strip("<>").partition("@")[0]
    assert read_return_token(seed, token) == delivery_id
    assert "Today only" in str(mail.message.get_body(("html",)))
    assert answer.status == 200
    assert claims == [("send", ""), ("withheld", "consent")]
