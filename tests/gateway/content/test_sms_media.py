"""Pictures of a short message: links that are rendered, and that a provider can fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost_channels.message import SmsContent
from gateway.rig import OPEN_POLICY, captured, open_rig

DOCUMENTS = """
kind: campaign
id: news
entry: {{event: news}}
reentry: always
message: {{template: news, channels: [sms]}}
goal: none
---
kind: template
id: news
purpose: transactional
languages: {{en: default, ko: {{sms: {{text: 소식}}}}}}
sms: {{text: News, media: ["{media}"]}}
"""


@pytest.mark.feature("C05")
@pytest.mark.parametrize("locale", ["en", "ko"])
async def test_picture_goes_with_the_text_in_every_language(tmp_path: Path, locale: str) -> None:
    """A link may carry what caused the message; a translation keeps the pictures."""
    link = "https://cdn.example/{{ event.sku }}.jpg"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS.format(media=link), OPEN_POLICY)
        body = rig.batch(
            {"type": "consent", "values": {"collect": "CT"}},
            {"type": "address", "channel": "sms", "address": "+4915112345678"},
            {"type": "track", "name": "news", "props": {"sku": "a1"}},
        )
        body["context"]["locale"] = locale
        await rig.post(body)
        await rig.settle()
        (sent,) = captured(tmp_path)

    assert sent["content"]["media"] == ["https://cdn.example/a1.jpg"]


@pytest.mark.parametrize("value", ["javascript:alert(1)", "http://cdn.example/a.jpg"])
async def test_picture_that_nobody_could_fetch_withholds_the_message(
    tmp_path: Path, value: str
) -> None:
    """What an event brings makes no link of another kind."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS.format(media="{{ event.link }}"), OPEN_POLICY)
        await rig.send(
            {"type": "consent", "values": {"collect": "CT"}},
            {"type": "address", "channel": "sms", "address": "+4915112345678"},
            {"type": "track", "name": "news", "props": {"link": value}},
        )
        await rig.settle()
        claims = await rig.claims()

    assert claims == [("withheld", "render_failed")]


def test_short_message_has_no_pictures_by_itself() -> None:
    """Text alone is an SMS."""
    assert SmsContent("Hi").media == ()
