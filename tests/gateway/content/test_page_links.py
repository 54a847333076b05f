"""Links of messages: which pages they lead to, and what Liquid makes of them."""

import pytest

from fencepost_gateway.content.authored import Source
from fencepost_gateway.content.dead_links import addresses_in, made_in
from fencepost_gateway.content.page_links import PageLinks, messages_in, page_links
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.documents.compile import compile_plan
from gateway.documents.test_compile import stored

TEXTS = """
kind: campaign
id: welcome
entry: {event: seen}
message: {template: hello, channels: [email]}
goal: none
---
kind: template
id: hello
purpose: marketing
email:
  subject: Hi
  text: "https://a.example/x?u=1#top or https://a.example/x?u=1, https://{{ person.h }}.example/"
  html: >-
    <a href="https://b.example/{{ person.id }}">b</a> <a href="https://c.example/">c</a>
    {% render "foot" %}
web_push: {title: Hi, link: "https://not-sent.example/"}
languages:
  en: default
  ko: {email: {subject: 안녕, text: "https://ko.example/", html: "<p>안녕</p>"}}
---
kind: fragment
id: foot
text: "https://foot.example/"
"""


def compiled() -> Plan:
    """Compile what is live."""
    return compile_plan(stored(TEXTS), 1, "seed")


def test_links_are_those_that_everybody_gets() -> None:
    """Of the channels that are sent, in every language, with fragments; without ``#``; once."""
    plan = compiled()
    ((part, step_id),) = messages_in(plan)
    found = page_links(plan, part)

    assert step_id == ""
    assert {*found.urls} == {
        "https://a.example/x?u=1",
        "https://c.example/",
        "https://ko.example/",
        "https://foot.example/",
    }
    assert found.made == 2


def test_template_that_is_gone_has_no_links() -> None:
    """Nothing is said of what cannot be sent."""
    plan = compiled()
    plan.templates.clear()
    ((part, _),) = messages_in(plan)

    assert page_links(plan, part) == PageLinks()


@pytest.mark.parametrize(
    ("member", "text", "made"),
    [
        ("text", "Go to https://a.example/{{ person.page }} now", 1),
        ("text", "Nothing of {{ person.name }} here", 0),
        ("link", "{{ place.meta.url }}", 1),
        ("link", "https://a.example/{% if person.vip %}vip{% endif %}", 1),
        ("html", '<a href="{{ place.meta.url }}">there</a>', 1),
    ],
)
def test_link_that_liquid_makes_is_counted_and_not_given(member: str, text: str, made: int) -> None:
    """Not even its beginning, which is another page."""
    source = Source(("email", member), text, "email")

    assert [*addresses_in(source)] == []
    assert made_in(source) == made
