from __future__ import annotations

from typing import Any

import pytest

from fencepost_channels.message import (
    EmailContent,
    InAppContent,
    SmsContent,
    WebPushContent,
)
from fencepost_gateway.content.renderer import Outline, Renderer, RenderProblem
from fencepost_gateway.decide.plan import Fragment, Template

SCOPE = {"person": {"name": "Ann <b>", "item": "{{ person.name }}"}}
FOOTER = Fragment(
    "footer",
    3,
    {"text": "Luma, {{ city | default: 'Monaco' }}", "html": "<hr>Luma &amp; {{ person.name }}"},
    "en",
    {"ko": {"text": "루마", "html": ""}},
)


def made(
    channel: str, sources: dict[str, Any], *fragments: Fragment, locale: str = "", **more: Any
) -> object:
    """Render one channel with fragments."""
    template = Template("t", 1, "marketing", {channel: sources}, **more)
    known = {each.fragment_id: each for each in fragments or (FOOTER,)}
    return Renderer().render(template, channel, SCOPE, known, locale)


def text(source: str, *fragments: Fragment) -> object:
    """Render a short message; give its text, or the problem."""
    found = made("sms", {"text": source}, *fragments)
    return found.text if isinstance(found, SmsContent) else found


@pytest.mark.feature("C08")
def test_fragment_is_of_use_in_every_channel() -> None:
    """One footer, in the app, in notifications, short messages and both parts of an email."""
    call = "{% render 'footer' %}"
    mail = made("email", {"subject": call, "text": call, "html": call})

    assert text(call) == "Luma, Monaco"
    assert made("in_app", {"body": call}) == InAppContent("Luma, Monaco", "", "banner", ())
    assert made("web_push", {"title": call}) == WebPushContent("Luma, Monaco", "", "")
    assert mail == EmailContent("Luma, Monaco", "Luma, Monaco", "<hr>Luma &amp; Ann &lt;b&gt;")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% render 'footer', city: 'Nice' %}", "Luma, Nice"),
        ("{% render 'footer' with person.name as city %}", "Luma, Ann <b>"),
        ("{% assign city = 'Lyon' %}{% render 'footer' %}", "Luma, Monaco"),
        ('{%- render "footer" -%}', "Luma, Monaco"),
    ],
)
def test_fragment_sees_what_it_is_handed(source: str, expected: str) -> None:
    """Parameters go in; what the template assigns for itself stays outside."""
    assert text(source) == expected


def test_fragment_assigns_for_itself_only() -> None:
    """What a fragment sets is not there after it."""
    setter = Fragment("set", 1, {"text": "{% assign x = 'in' %}{{ x }}"})

    assert text("{% render 'set' %} {{ x | default: 'out' }}", setter) == "in out"


@pytest.mark.bad_input(109)
def test_liquid_in_a_handed_value_is_printed() -> None:
    """A value that contains braces is not rendered again, in a fragment neither."""
    shown = Fragment("shown", 1, {"text": "{{ it }}"})

    assert text("{% render 'shown', it: person.item %}", shown) == "{{ person.name }}"


def test_value_a_fragment_lacks_withholds() -> None:
    """Missing is missing there as well, and named."""
    asks = Fragment("asks", 1, {"text": "{{ person.nope }}"})

    assert text("{% render 'asks' %}", asks) == RenderProblem("render_missing", "person.nope")


def test_fragment_that_is_gone_or_broken_withholds() -> None:
    """No message goes out with a hole in it."""
    problem = RenderProblem("render_failed", "sms.text", "fragment")
    broken = Fragment("broken", 1, {"text": "{% if %}"})

    assert text("a {% render 'nowhere' %}") == problem
    assert text("a {% render 'broken' %}", broken) == problem


def test_changed_fragment_is_taken_at_the_next_rendering() -> None:
    """A renderer that keeps what it parsed does not keep it too long."""
    renderer = Renderer()
    template = Template("t", 1, "marketing", {"sms": {"text": "{% render 'f' %}"}})
    said = [
        renderer.render(template, "sms", {}, {"f": Fragment("f", version, {"text": words})})
        for version, words in ((1, "old"), (2, "new"))
    ]

    assert said == [SmsContent("old"), SmsContent("new")]


def test_fragment_speaks_the_language_of_the_message() -> None:
    """Not the person's, where the message has none in it: no message is in two languages."""
    both = {"ko": {"sms": {"text": "{% render 'footer' %}"}}}
    call = {"text": "{% render 'footer' %}"}

    assert made("sms", call, locale="ko-KR", language="en", languages=both) == SmsContent("루마")
    assert made("sms", call, locale="ko-KR", language="en") == SmsContent("Luma, Monaco")


def test_outline_names_fragments_and_what_they_use() -> None:
    """What a fragment names counts as named by the template; the record gets its version."""
    near = Fragment("near", 2, {"text": "{{ nearest.studio.name }}{% render 'footer' %}"})
    template = Template("t", 1, "marketing", {"sms": {"text": "{% render 'near' %}"}})
    found = Renderer().outline(template, "sms", {"near": near, "footer": FOOTER})

    assert found == Outline("", frozenset({"nearest", "city"}), ("footer v3", "near v2"))
