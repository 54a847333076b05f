from __future__ import annotations

import pytest

from fencepost_channels.message import SmsContent
from fencepost_gateway.content.renderer import Renderer
from fencepost_gateway.content.segments import segments
from fencepost_gateway.content.variants import choose
from fencepost_gateway.decide.plan import Template
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load

TEMPLATE = Template(
    "t",
    1,
    "marketing",
    {"sms": {"text": "hello"}, "web_push": {"title": "hello"}},
    language="en",
    languages={
        "pt": {"sms": {"text": "olá"}, "web_push": {"title": "olá"}},
        "pt-BR": {"sms": {"text": "oi"}},
        "zh-Hant": {"sms": {"text": "你好"}},
    },
)


@pytest.mark.feature("C10")
@pytest.mark.parametrize(
    ("locale", "channel", "language"),
    [
        ("pt-BR", "sms", "pt-BR"),
        ("pt_br", "sms", "pt-BR"),
        ("pt-BR", "web_push", "pt"),
        ("pt-PT", "sms", "pt"),
        ("pt", "sms", "pt"),
        ("zh-Hant-TW", "sms", "zh-Hant"),
        ("zh", "sms", "en"),
        ("en-GB", "sms", "en"),
        ("ko", "sms", "en"),
        ("", "sms", "en"),
        ("-", "sms", "en"),
    ],
)
def test_language_falls_back_part_by_part(locale: str, channel: str, language: str) -> None:
    """``pt-BR``, then ``pt``, then the default, for each channel."""
    found = choose(TEMPLATE, channel, locale)

    assert found is not None
    assert found.language == language


@pytest.mark.feature("C10")
@pytest.mark.parametrize(
    ("source", "locale", "expected"),
    [
        ("{{ 1234.5 | number }}", "de", "1.234,5"),
        ("{{ 1234.5 | number }}", "en-US", "1,234.5"),
        ("{{ '1234.50' | number }}", "pt-BR", "1.234,5"),
        ("{{ 75 | money: 'EUR' }}", "en-GB", "€75.00"),
        ("{{ 75 | money: 'EUR' }}", "fr", "75,00\u00a0€"),
        ("{{ 9900 | money: 'KRW' }}", "ko", "₩9,900"),
        ("{{ '2026-06-09' | local_date }}", "en-US", "Jun 9, 2026"),
        ("{{ '2026-06-09' | local_date: 'full' }}", "ko", "2026년 6월 9일 화요일"),
        ("{{ '2026-06-09T19:30:00+02:00' | local_time }}", "de", "19:30"),
        ("{{ '2026-06-09T19:30:00+02:00' | local_time }}", "en-US", "7:30\u202fPM"),
        ("{{ 1234.5 | number }}", "xx-YY", "1,234.5"),
        ("{{ 1234.5 | number }}", "", "1,234.5"),
    ],
)
def test_numbers_money_and_dates_print_by_locale(source: str, locale: str, expected: str) -> None:
    """As the reader's language writes them; a locale nobody knows is English."""
    template = Template("t", 1, "marketing", {"sms": {"text": source}})

    assert Renderer().render(template, "sms", {}, {}, locale) == SmsContent(expected)


def test_numbers_are_of_the_language_of_the_message() -> None:
    """A German reader of an English text finds English numbers in it, a Brazilian Brazilian."""
    template = Template(
        "t",
        1,
        "marketing",
        {"sms": {"text": "{{ 1.5 | number }}"}},
        language="en",
        languages={"pt": {"sms": {"text": "{{ 75 | money: 'BRL' }}"}}},
    )

    assert Renderer().render(template, "sms", {}, {}, "de") == SmsContent("1.5")
    assert Renderer().render(template, "sms", {}, {}, "pt-BR") == SmsContent("R$\u00a075,00")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'many' | number }}",
        "{{ true | number }}",
        "{{ 1 | money }}",
        "{{ 1 | money: 'euro' }}",
        "{{ '1e999999' | number }}",
        "{{ 'tomorrow' | local_date }}",
        "{{ '2026-06-09' | local_date: 'EEEE' }}",
    ],
)
def test_what_is_no_number_or_moment_does_not_print(source: str) -> None:
    """Withheld instead of printed as it came."""
    template = Template("t", 1, "marketing", {"sms": {"text": source}})

    assert not isinstance(Renderer().render(template, "sms", {}), SmsContent)


TRANSLATED = """\
kind: template
id: t
purpose: marketing
in_app: {layout: modal, title: Hi, body: Come, buttons: [{text: Book, link: "/book"}]}
sms: {text: Come}
languages:
  en: default
  ko: {in_app: {title: 안녕, body: 오세요, buttons: [{text: 예약}]}}
  pt: {in_app: {body: Vem}, sms: {text: Vem}}
"""


def test_translation_counts_when_it_is_complete() -> None:
    """Half a translation is not mixed with the default; layout and links are taken over."""
    (document,) = load([SourceFile("t.yaml", TRANSLATED)]).documents
    plan = compile_plan([StoredDocument("template", "t", 1, document.body)], 1, "seed")
    template = plan.templates["t"]

    assert template.language == "en"
    assert set(template.languages["pt"]) == {"sms"}
    said = template.languages["ko"]["in_app"]
    assert said.keys() == template.sources["in_app"].keys()
    assert (said["layout"], said["title"], said["body"]) == ("modal", "안녕", "오세요")
    assert said["buttons"] == [{"text": "예약", "link": "/book", "id": None}]


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("a" * 160, "GSM 7-bit", 1),
        ("a" * 161, "GSM 7-bit", 2),
        ("a" * 306, "GSM 7-bit", 2),
        ("a" * 307, "GSM 7-bit", 3),
        ("€" * 80, "GSM 7-bit", 1),
        ("€" * 81, "GSM 7-bit", 2),
        ("가" * 70, "UCS-2", 1),
        ("가" * 71, "UCS-2", 2),
        ("🎉" * 36, "UCS-2", 2),
    ],
)
def test_segments_are_counted_by_alphabet(text: str, encoding: str, count: int) -> None:
    """3GPP TS 23.038: 160 or 153 septets, 70 or 67 units; some letters take two."""
    found = segments(text)

    assert (found.encoding, found.count) == (encoding, count)
