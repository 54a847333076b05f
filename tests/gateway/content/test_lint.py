from __future__ import annotations

import pytest

from fencepost_gateway.content.lint import lint_template


@pytest.mark.parametrize(
    ("source", "what", "how"),
    [
        ("{{ persn.name }}", "unknown variable persn", "did you mean person?"),
        ("{% if user.vip %}a{% endif %}", "unknown variable user", "begin with one of"),
        ("{{ 'a' | append: plce.name }}", "unknown variable plce", "did you mean place?"),
        ("{{ place.gym }}", "a place has no gym", "own data is under place.meta.gym"),
        ("{{ person.name | upcas }}", "unknown filter upcas", "did you mean upcase?"),
        ("{{ person.name | safe }}", "unknown filter safe", ""),
        ("a\n{% include 'x' %}", "unexpected tag", "line 2"),
        ("a\n\n{{ person.name", "{{ is not closed", "line 3"),
        ("a\n{{ place.name {{ now }}", "{{ is not closed before the next one", "line 2"),
        ("{% for i in (1..5000) %}{% endfor %}", "a range needs two written numbers", ""),
    ],
)
def test_fault_is_found_before_anybody_gets_it(source: str, what: str, how: str) -> None:
    """Syntax, roots, members of a place and filters are checked without a person."""
    (finding,) = lint_template({"sms": {"text": source}})

    assert what in finding.what
    assert how in finding.how


def test_every_member_of_every_channel_is_read() -> None:
    """Faults say where they stand, buttons included."""
    wrong = "{{ x }}"
    body = {
        "in_app": {"layout": "modal", "body": wrong, "buttons": [{"text": "a", "link": wrong}]},
        "email": {"subject": wrong, "text": wrong, "html": wrong},
    }

    assert [finding.path for finding in lint_template(body)] == [
        ("in_app", "body"),
        ("in_app", "buttons", 0, "link"),
        ("email", "subject"),
        ("email", "text"),
        ("email", "html"),
    ]


def test_names_of_the_template_s_own_are_fine() -> None:
    """What a template assigns, captures or loops over is known inside it."""
    source = (
        "{% assign a = person.x %}{{ a }}{% capture b %}c{% endcapture %}{{ b }}"
        "{% for i in event.items %}{{ i }}{{ forloop.index }}{% endfor %}"
        "{{ place.meta.x }}{{ now | date: '%H' }}"
    )

    assert list(lint_template({"sms": {"text": source}})) == []
