from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_channels.message import (
    Button,
    Content,
    EmailContent,
    InAppContent,
    SmsContent,
    WebPushContent,
)
from fencepost_gateway.content.renderer import Renderer, RenderProblem
from fencepost_gateway.content.scope import scope_for
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import Template

NOW_MS = 1_780_300_800_000  # 2026-06-01 08:00:00 UTC
PLACE = FenceView("f", "Fence", place_name="Studio", meta={"next_class": "18:30"})


def render(
    channel: str,
    sources: dict[str, Any],
    *,
    missing: Literal["withhold", "default"] = "withhold",
    **attributes: Any,
) -> Content | RenderProblem:
    """Render sources for a person with these attributes."""
    person = Person("p", user_id="u1", attributes=attributes, zone="Asia/Seoul")
    template = Template("t", 1, "marketing", {channel: sources}, missing)
    scope = scope_for(person, PLACE, {"price": 3.5, "items": ["a", "b"]}, NOW_MS)
    return Renderer().render(template, channel, scope)


def text(source: str, **attributes: Any) -> str:
    """Render the text of a short message that must come out."""
    made = render("sms", {"text": source}, **attributes)
    assert isinstance(made, SmsContent), made
    return made.text


def problem(source: str, **attributes: Any) -> RenderProblem:
    """Render the text of a short message that must not come out."""
    made = render("sms", {"text": source}, **attributes)
    assert isinstance(made, RenderProblem), made
    return made


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{ person.first_name }}", "Hi Ann"),
        ("{{ person.user_id }} {{ person.zone }}", "u1 Asia/Seoul"),
        ("{{ place.name }} at {{ place.meta.next_class }}", "Studio at 18:30"),
        ("{{ event.price | times: 2 }}", "7.0"),
        ("{% for item in event.items %}{{ item | upcase }}{% endfor %}", "AB"),
        ("{{ event.items | join: '-' }}", "a-b"),
        ("{{ now | date: '%H:%M' }}", "17:00"),
        ("{{ 'now' | date: '%Y-%m-%d' }}", "2026-06-01"),
        ("{{ '2026-12-24' | date: '%d %b' }}", "24 Dec"),
        ("{{ person.nope | default: 'you' }}", "you"),
        ("{% if person.nope %}a{% else %}b{% endif %}", "b"),
        ("{% if person.nope == nil %}a{% endif %}", "a"),
        ("{% unless person.vip %}a{% else %}b{% endunless %}", "b"),
        ("{{ person.vip }}", "true"),
        ("{% assign x = 'y' %}{{ x | append: '!' }}", "y!"),
        ("  padded  ", "padded"),
    ],
)
def test_template_prints_its_values(source: str, expected: str) -> None:
    """Person, place, event and now are named as the reference says."""
    assert text(source, first_name="Ann", vip=True) == expected


@pytest.mark.bad_input(115)
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ person.nope }}", "person.nope"),
        ("{{ person.nope | upcase }}", "person.nope"),
        ("{{ person.nope | plus: 1 }}", "person.nope"),
        ("{{ 'a' | append: person.nope }}", "person.nope"),
        ("{{ person.nope | default: person.neither }}", "person.neither"),
        ("{% assign x = person.nope %}{{ x }}", "person.nope"),
        ("{% for x in person.nope %}{% endfor %}a", "person.nope"),
        ("{{ person.void }}", "person.void"),
        ("{{ person.blank_text }}", "person.blank_text"),
        ("{{ persn.first_name }}", "persn"),
        ("{{ person.__class__ }}", "person.__class__"),
        ("{{ today }}", "today"),
    ],
)
def test_missing_value_withholds_and_is_named(source: str, name: str) -> None:
    """A value that is not there never prints as None, undefined or a blank."""
    found = problem(source, void=None, blank_text="")

    assert (found.code, found.member) == ("render_missing", name)


def test_template_may_print_nothing_for_a_missing_value() -> None:
    """``missing: default`` leaves the place empty."""
    sources = {"text": "Hi{{ person.nope }}!"}

    assert render("sms", sources, missing="default") == SmsContent("Hi!")


@pytest.mark.parametrize(
    ("channel", "member"),
    [("sms", "text"), ("in_app", "body"), ("web_push", "title"), ("email", "subject")],
)
def test_blank_message_is_withheld(channel: str, member: str) -> None:
    """A required member that comes out blank withholds, whatever ``missing`` says."""
    sources = {"subject": "s", "text": "t"} if channel == "email" else {}
    made = render(channel, {**sources, member: " {{ person.nope }} "}, missing="default")

    assert made == RenderProblem("render_failed", f"{channel}.{member}", "blank")


def test_now_without_zone_is_missing() -> None:
    """A wall clock of the wrong zone is worse than none; the workspace's zone will do."""
    person = Person("p")
    template = Template("t", 1, "marketing", {"sms": {"text": "{{ now | date: '%H' }}"}})

    nowhere = Renderer().render(template, "sms", scope_for(person, None, None, NOW_MS))
    scope = scope_for(person, None, None, NOW_MS, workspace_zone="Europe/Monaco")

    assert nowhere == RenderProblem("render_missing", "now")
    assert Renderer().render(template, "sms", scope) == SmsContent("10")


@pytest.mark.bad_input(109)
@pytest.mark.parametrize("value", ["{{ person.secret }}", "{% for i in (1..9) %}x{% endfor %}"])
def test_liquid_in_a_value_is_printed_not_rendered(value: str) -> None:
    """Values are data, never code."""
    assert text("{{ person.name }}", name=value, secret="s") == value


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=40).filter(lambda t: "\r" not in t))
def test_any_value_prints_as_it_is(value: str) -> None:
    """A plain channel prints a value letter by letter."""
    assert text("[{{ person.name }}]", name=value) == f"[{value}]"


@pytest.mark.bad_input(110)
def test_only_email_html_is_escaped() -> None:
    """HTML in a value is text in the HTML part and stands as it is elsewhere."""
    name = "<b>\"Ann\" & 'co'</b>"
    sources = {
        "subject": "{{ person.name }}",
        "text": "{{ person.name }}",
        "html": '<p title="{{ person.name }}">{{ person.name | upcase | append: person.name }}</p>',
    }
    made = render("email", sources, name=name)

    assert isinstance(made, EmailContent)
    assert (made.subject, made.text) == (name, name)
    assert "<b>" not in made.html.lower()
    assert made.html.count("<") == 2
    assert made.html.count('"') == 2


@pytest.mark.bad_input(110)
@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "http://plain.example",
        "other-app://pay",
        "//evil.example",
        "/\\evil.example",
        "evil.example",
    ],
)
def test_value_never_chooses_what_a_click_does(link: str) -> None:
    """A link that comes from a value is https or a path; nothing else leaves."""
    buttons = [{"text": "Go", "link": "{{ person.link }}"}]
    html = "<a href='{{ person.link }}'>go</a>"
    pushed = render("web_push", {"title": "t", "link": "{{ person.link }}"}, link=link)

    assert pushed == RenderProblem("render_failed", "web_push.link", "link")
    assert render("in_app", {"body": "b", "buttons": buttons}, link=link) == RenderProblem(
        "render_failed", "in_app.buttons.0", "link"
    )
    if "script" in link.lower() or "data" in link or "file" in link or "other" in link:
        email = {"subject": "s", "text": "t", "html": html}
        assert render("email", email, link=link) == RenderProblem(
            "render_failed", "email.html", "link"
        )


@pytest.mark.parametrize("link", ["javascript:go()", "data:text/html,x", "FILE:///x"])
def test_not_even_the_author_names_a_scheme_that_runs_code(link: str) -> None:
    """Schemes that run code or read files never leave."""
    made = render("web_push", {"title": "t", "link": link})

    assert made == RenderProblem("render_failed", "web_push.link", "link")


def test_author_may_name_the_app_s_own_scheme() -> None:
    """A scheme written at the start of the source is the author's choice."""
    buttons = [{"text": " Book\n now ", "link": "luma://book/{{ person.id }}"}, {"text": "No"}]
    made = render("in_app", {"layout": "modal", "body": "b", "buttons": buttons}, id=7)

    assert made == InAppContent(
        "b", "", "modal", (Button("Book now", "luma://book/7", "1"), Button("No", "", "2"))
    )


@pytest.mark.feature("C01")
def test_an_in_app_message_says_how_it_is_shown() -> None:
    """What is no text goes as it is written: how often, how long, where; pictures are https."""
    said = {"layout": "card", "body": "b", "pinned": True, "expires": "2h", "while_inside": True}
    made = render("in_app", said | {"image": "https://img.example/{{ person.id }}.png"}, id=7)
    times = render("in_app", {"body": "b", "show": {"times": 2, "per": "1d"}}, id=7)
    plain = render("in_app", {"body": "b", "image": "http://img.example/7.png"}, id=7)
    path = render("in_app", {"body": "b", "image": "/{{ person.id }}.png"}, id=7)

    assert made == InAppContent(
        *("b", "", "card"),
        image="https://img.example/7.png",
        is_pinned=True,
        while_inside=True,
        expires_ms=7_200_000,
    )
    assert isinstance(times, InAppContent)
    assert times.show == {"frequency": "times", "times": 2, "per_s": 86_400}
    assert plain == path == RenderProblem("render_failed", "in_app.image", "link")


@pytest.mark.parametrize("link", ["https://shop.example/{{ person.id }}", "/class/{{ person.id }}"])
def test_https_and_paths_are_fine(link: str) -> None:
    """The usual links pass."""
    made = render("web_push", {"title": "t", "body": "", "link": link}, id=7)

    assert made == WebPushContent("t", "", link.replace("{{ person.id }}", "7"))


def test_subject_and_title_are_one_line() -> None:
    """A line break in a value cannot begin another header."""
    made = render(
        "email", {"subject": "A {{ person.name }}", "text": "t"}, name="b\r\nBcc: x@example.com"
    )

    assert made == EmailContent("A b Bcc: x@example.com", "t", "")


@pytest.mark.parametrize(
    "source",
    [
        "{{ person }}",
        "{{ person.list }}",
        "{{ 7 | divided_by: 0 }}",
        "{{ person.name | date: '%Y' }}",
        "{{ now | date: '%999999999d' }}",
        "{{ person.name | slice: 'a' }}",
        "{{ person.name | nofilter }}",
    ],
)
def test_value_that_does_not_fit_is_a_problem_without_text(source: str) -> None:
    """Odd values give a problem; nothing of the message stands in it."""
    found = problem(source, name="Ann", list=[{"a": 1}])

    assert found == RenderProblem("render_failed", "sms.text", "value")


def test_channel_without_content_is_a_problem() -> None:
    """Only what the template has can be rendered."""
    template = Template("t", 1, "marketing", {"sms": {"text": "a"}})

    assert Renderer().render(template, "email", {}) == RenderProblem(
        "render_failed", "email", "no_content"
    )


def test_new_version_is_parsed_anew() -> None:
    """What was parsed is kept by version, and never served for other sources."""
    renderer = Renderer()
    first = Template("t", 1, "marketing", {"sms": {"text": "one"}})
    second = Template("t", 2, "marketing", {"sms": {"text": "two"}})
    preview = Template("t", 2, "marketing", {"sms": {"text": "three"}})

    made = [renderer.render(each, "sms", {}) for each in (first, second, first, preview)]

    assert made == [SmsContent("one"), SmsContent("two"), SmsContent("one"), SmsContent("three")]


@pytest.mark.feature("C06")
@pytest.mark.parametrize(
    "page", ["<html><body class='a'><p>b</p></body></html>", "<p>b</p>", "<BODY>b</BODY>"]
)
def test_preheader_stands_before_everything_that_is_seen(page: str) -> None:
    """A preheader is text, hidden, and the first of the body; it is no markup."""
    sources = {"subject": "s", "text": "t", "html": page, "preheader": "For {{ person.name }} & co"}
    made = render("email", sources, name="<i>Ann")

    assert isinstance(made, EmailContent)
    shown = made.html.partition("<body class='a'>" if "class" in page else "<BODY>")[2] or made.html
    assert shown.startswith('<div style="display:none')
    assert "For &lt;i&gt;Ann &amp; co</div>" in shown
    assert "b</" in shown.partition("</div>")[2]
