"""Bombs (bad-inputs 108): each ends at its budget or is refused when it is parsed."""

from __future__ import annotations

import tracemalloc
from time import process_time  # noqa: TID251 - a hang guard, not a figure

import pytest

from fencepost_channels.message import SmsContent
from fencepost_gateway.content import language
from fencepost_gateway.content.budget import OUTPUT_MAX_BYTES, SOURCE_MAX_BYTES
from fencepost_gateway.content.renderer import Renderer, RenderProblem
from fencepost_gateway.decide.plan import Fragment, Template

HANG_GUARD_S = 5.0
MEMORY_MAX_BYTES = 16 << 20

WORK = {
    "empty loops inside each other": "{% for a in (1..1000) %}" * 3 + "{% endfor %}" * 3,
    "loops after each other": "{% for a in (1..1000) %}{% endfor %}" * 1_500,
    "comparisons in a loop": (
        "{% for a in (1..1000) %}"
        + "{%if 1==1 and 1==1 and 1==1 and 1==1%}{%endif%}" * 60
        + "{% endfor %}"
    ),
    "assignments in a loop": "{% for a in (1..1000) %}{% for b in (1..1000) %}"
    "{% assign x = 1 %}{% endfor %}{% endfor %}",
    "output": "{% for a in (1..1000) %}" + "x" * 1_000 + "{% endfor %}",
    "giant capture": "{% capture x %}{% for a in (1..1000) %}" + "x" * 100 + "{% endfor %}"
    "{% endcapture %}{{ x }}",
    "doubling append": "{% assign x = 'xxxxxxxxxx' %}"
    + "{% assign x = x | append: x %}" * 40
    + "{{ x }}",
    "doubling replace": "{% assign x = 'xxxxxxxxxx' %}"
    + "{% assign x = x | replace: 'x', x %}" * 10
    + "{{ x }}",
    "replace of nothing": "{% assign x = '" + "x" * 900 + "' %}"
    "{% assign x = x | replace: '', x %}" * 3,
    "join": "{% assign s = '" + "x" * 900 + "' %}{{ (1..1000) | join: s }}",
    "squaring": "{% assign x = 9999999999 %}" + "{% assign x = x | times: x %}" * 40,
    "doubling list": "{% assign x = 'a,b,c,d' | split: ',' %}"
    + "{% assign x = x | concat: x %}" * 30,
    "uniq": "{% assign x = 'a,b,c,d' | split: ',' %}"
    + "{% assign x = x | concat: x %}" * 10
    + "{{ x | uniq | size }}",
}

REFUSED = {
    "long range": "{{ (1..100000000) | join: ',' }}",
    "long range reversed": "{{ (1..100000000) | reverse }}",
    "range of a value": "{% assign n = 100000000 %}{% for i in (1..n) %}{% endfor %}",
    "include": "{% include 'a' %}",
    "render of a value": "{% render person.name %}",
    "render of a name": "{% render footer %}",
    "raw without end": "{% raw %}" * 6_000,
    "doc without end": "{% doc %}" * 6_000,
    "opening braces": "{{" * 30_000,
    "opening tags": "{%" * 30_000,
    "opening braces and one end": "{{" * 30_000 + "}}",
    "blanks in an output": "{{ a" + " " * 60_000 + "}}",
    "blanks only": "{{" + " " * 60_000 + "}}",
    "blanks in a tag": "{% else" + " " * 60_000 + "%}",
    "nested brackets": "{{ a" + "[a" * 5_000 + "]" * 5_000 + " }}",
    "nested blocks": "{% if true %}" * 4_000,
    "unclosed comments": "{% comment %}" * 4_000,
    "long number": "{{ 1" + "0" * 5_000 + " }}",
    "many filters": "{{ 'a'" + " | upcase" * 6_000 + " }}",
    "tablerow": "{% tablerow i in (1..9) %}{% endtablerow %}",
    "too large": "a" * (SOURCE_MAX_BYTES + 1),
}


def outcome(source: str) -> tuple[object, float]:
    """Render a source; give what came of it and the seconds it took, parsing included."""
    template = Template("t", 1, "marketing", {"sms": {"text": source}})
    begun_s = process_time()
    made = Renderer().render(template, "sms", {})
    return made, process_time() - begun_s


@pytest.mark.bad_input(108)
@pytest.mark.parametrize("source", WORK.values(), ids=WORK.keys())
def test_bomb_ends_at_its_budget(source: str) -> None:
    """Work that adds up ends at the budget of operations or bytes."""
    assert len(source) <= SOURCE_MAX_BYTES
    made, spent_s = outcome(source)

    assert made == RenderProblem("render_failed", "sms.text", "budget")
    assert spent_s < HANG_GUARD_S


@pytest.mark.bad_input(108)
@pytest.mark.parametrize("name", ["doubling replace", "join", "doubling append", "giant capture"])
def test_bomb_is_stopped_before_it_is_built(name: str) -> None:
    """What multiplies is refused by what it would make, not by what it made."""
    outcome("{{ 'x' | upcase }}")  # imports and caches are not the bomb's
    tracemalloc.start()
    try:
        outcome(WORK[name])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < MEMORY_MAX_BYTES


FRAGMENTS = {
    "doubling": {
        **{f"f{n}": f"{{% render 'f{n + 1}' %}}" * 2 for n in range(25)},
        "f25": "",
    },
    "itself": {"f0": "{% render 'f0' %}"},
    "itself twice": {"f0": "{% render 'f0' %}{% render 'f0' %}"},
    "each other": {"f0": "{% render 'f1' %}", "f1": "{% render 'f0' %}"},
    "in a loop": {"f0": "{% for a in (1..1000) %}{% render 'f1' %}{% endfor %}", "f1": "y" * 1_000},
    "loops in it": {
        "f0": "{% for a in (1..1000) %}{% render 'f1' %}{% endfor %}",
        "f1": "{% for a in (1..1000) %}{% endfor %}",
    },
    "empty parts": {
        "f0": "{% for a in (1..1000) %}{% render 'f1' %}{% endfor %}",
        "f1": "{% if a %}{% endif %}" * 200,
    },
    "for every item": {
        "f0": "{% assign x = 'a,b,c,d' | split: ',' %}"
        + "{% assign x = x | concat: x %}" * 12
        + "{% render 'f1' for x as item %}",
        "f1": "{% if item %}{% endif %}" * 20,
    },
    "filters": {
        "f0": "{% render 'f1', x: 'xxxxxxxxxx' %}",
        "f1": "{% assign y = x | append: x %}{% render 'f1', x: y %}",
    },
}


@pytest.mark.feature("C09")
@pytest.mark.bad_input(108)
@pytest.mark.parametrize("texts", FRAGMENTS.values(), ids=FRAGMENTS.keys())
def test_bomb_of_fragments_ends_at_its_budget(texts: dict[str, str]) -> None:
    """A fragment draws on the budget of the template that renders it, cycles too."""
    template = Template("t", 1, "marketing", {"sms": {"text": "{% render 'f0' %}"}})
    fragments = {name: Fragment(name, 1, {"text": text}) for name, text in texts.items()}
    begun_s = process_time()
    made = Renderer().render(template, "sms", {}, fragments)

    assert made == RenderProblem("render_failed", "sms.text", "budget")
    assert process_time() - begun_s < HANG_GUARD_S


@pytest.mark.bad_input(108)
@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED.keys())
def test_bomb_is_refused_when_it_is_parsed(source: str) -> None:
    """What would keep the lexer busy, or reaches outside, is no template; linear to find out."""
    made, spent_s = outcome(source)

    assert made == RenderProblem("render_failed", "sms.text", "syntax")
    assert spent_s < HANG_GUARD_S


def test_largest_plain_text_passes() -> None:
    """The limits are those that the reference names, not lower."""
    made, _ = outcome("a" * OUTPUT_MAX_BYTES)

    assert made == SmsContent("a" * OUTPUT_MAX_BYTES)


def test_usual_email_is_far_from_the_budget() -> None:
    """Fifty items in rows of HTML are no bomb."""
    row = "<tr>" + "<td>{{ item.name | escape }}{% if item.new %}!{% endif %}</td>" * 5 + "</tr>"
    source = "{% for item in items %}" + row + "{% endfor %}"
    template = Template("t", 1, "marketing", {"sms": {"text": source}})
    items = [{"name": f"item {n}", "new": True} for n in range(50)]

    assert isinstance(Renderer().render(template, "sms", {"items": items}), SmsContent)


def test_no_filter_or_tag_reaches_outside() -> None:
    """The allow-list holds what it says, and nothing of the library comes in by an update."""
    environment = language.environments(language.WITHHOLDING).plain

    assert set(environment.filters) == language.FILTERS
    assert set(environment.tags) == language.TAGS
