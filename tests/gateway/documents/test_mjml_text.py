from __future__ import annotations

import pytest

from fencepost_gateway.documents.mjml_text import MjmlFault, compile_mjml

PAGE = """\
<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        %s
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def made(inside: str) -> str:
    """Give the HTML of a page with something in its one column."""
    html = compile_mjml(PAGE % inside)
    assert isinstance(html, str), html
    return html


@pytest.mark.feature("C06")
@pytest.mark.parametrize(
    "liquid",
    [
        '{{ person.name | default: "you" }}',
        "{% if person.visits < 3 and person.visits > 1 %}",
        "{% assign a = '<b>&amp;</b>' %}",
        "{{ person.name\n  | upcase }}",
        "{% # lqd0x %}",
    ],
)
def test_liquid_comes_through_unchanged(liquid: str) -> None:
    """Whatever stands in Liquid is as it was written: in text, between, in attributes."""
    html = made(f'{liquid}<mj-text>a {liquid} b</mj-text><mj-button href="{liquid}">c</mj-button>')

    assert html.count(liquid) == 3
    assert "lqd" not in html.replace(liquid, "")


def test_nothing_is_fetched_from_third_parties() -> None:
    """No font and no style sheet that the author did not name is asked of anybody."""
    html = made("<mj-text>a</mj-text>")

    assert "googleapis" not in html
    assert "<link" not in html


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (PAGE % "<mj-txt>a</mj-txt>", 5, "there is no element <mj-txt>"),
        (PAGE % "<mj-text>a", 6, "</mj-column> closes what is not open"),
        (PAGE % "<mj-text>a</mj-txt>", 5, "there is no element <mj-txt>"),
        (PAGE % '<!-- \n --><mj-include path="/etc/passwd" />', 6, "mj-include is not followed"),
        (PAGE % "{{ a\n\n}}<mj-foo/>", 7, "there is no element <mj-foo>"),
        ("<mjml>\n<mj-body>", 2, "<mj-body> is never closed"),
        ("hello", 1, "no MJML"),
        (PAGE % "<mj-text>a < b</mj-text>", 0, "this MJML cannot be read"),
        ("<mjml><mj-body><mj-text/></mj-body></mjml>x<", 0, "this MJML cannot be read"),
    ],
)
def test_slip_is_named_with_its_line(text: str, line: int, what: str) -> None:
    """What makes no HTML is said, and where."""
    fault = compile_mjml(text)

    assert isinstance(fault, MjmlFault)
    assert fault.what.startswith(what)
    assert fault.line == line
    assert fault.how


def test_page_in_html_is_no_mjml() -> None:
    """An HTML page is told to be HTML."""
    fault = compile_mjml("<html><body></body></html>")

    assert isinstance(fault, MjmlFault)
    assert "html" in fault.how
