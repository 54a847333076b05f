from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.documents.layers import lay_out
from fencepost_gateway.documents.mermaid import mermaid
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.picture import Picture, picture_of
from fencepost_gateway.documents.step_words import rule_words
from fencepost_gateway.documents.svg import svg
from fencepost_gateway.documents.yaml_text import parse

WRITTEN = """\
kind: journey
id: j
name: Everything
entry: [{event: cart, where: {sku: a}}, {transition: dwell, fence: {tag: studio}, after: 5m},
  {audience: vips, on: leave}]
exit_on: {event: purchase}
goal: {event: purchase, within: 14d}
steps:
  - id: greet
    message: {template: greet, channels: [in_app, email]}
    stage: onboard
    note: the first word
    then: {withheld: odd}
  - wait: {for: {clicked: greet}, timeout: 1d}
    then: {clicked: odd}
  - wait: {until: "10:00", days: [mo], while: {person: a, is: true}}
  - wait: {until_date: {person: renewal, minus: 7d}}
  - wait: {for: {bought: {event: x, same: [sku]}, gone: {transition: exit, fence: {id: shop}}}}
  - id: odd
    branch:
      - {when: {all: [{person: points, gte: 400}, {not: {audience: vips}}]}, to: drawn}
      - {when: {did: purchase, within: 7d}, to: greet}
      - {otherwise: end}
  - id: drawn
    split: {a: 1, b: 3}
    then: {a: shown}
  - split: {experiment: test}
    then: {A: shown}
  - id: shown
    message: {template: {experiment: test, arms: {A: a, B: b}}, channels: [sms]}
  - {limit: {to: 40}, then: {full: end}}
  - update: {set: {a: 1, b: {event: c}}, unset: [d]}
  - {look_up: {table: tiers, key: {person: tier}, as: row}, then: {missing: end}}
  - {look_up: {source: tickets, as: left}}
  - webhook: {source: crm}
  - goal: true
  - stage: renew
  - jump: other
"""


def picture(written: str = WRITTEN) -> Picture:
    """Lay out a journey."""
    (parsed,), _ = parse(written)
    return picture_of(Journey.model_validate(parsed.value), {"test": ["A", "B"]})


MERMAID = """\
%% Everything
%% goal: purchase within 14d
%% ends on: purchase
%% lifetime: 90d
flowchart TD
  entry(["cart where sku a<br/>dwell 5m studio<br/>leave vips"])
  s1["[onboard]<br/>greet: message greet<br/>in_app, email"]
  s2("wait for clicked greet<br/>at most 1d")
  s3("wait until 10:00 (mo)<br/>while a is true")
  s4("wait until person.renewal - 7d 00:00")
  s5("wait for x of the same sku<br/>or exit shop")
  s6{{"odd: branch"}}
  s7{{"drawn: split"}}
  s8{{"split by test"}}
  s9["shown: message by test<br/>sms"]
  s10{{"at most 40 persons"}}
  s11[/"set a, b; unset d"/]
  s12[/"look up tiers<br/>as row"/]
  s13[/"look up tickets<br/>as left"/]
  s14[/"webhook crm"/]
  s15[["goal reached"]]
  s16[/"stage renew"/]
  s17[/"jump to other"/]
  end_s6(("end"))
  end_s10(("end"))
  end_s12(("end"))
  entry --> s1
  s1 --> s2
  s1 -->|"withheld"| s6
  s2 -->|"clicked"| s6
  s2 -->|"timeout"| s3
  s3 --> s4
  s4 --> s5
  s5 --> s6
  s6 -->|"points gte 400 and not vips"| s7
  s6 -->|"did purchase within 7d"| s1
  s6 -->|"otherwise"| end_s6
  s7 -->|"a 25 %"| s9
  s7 -->|"b 75 %"| s8
  s8 --> s9
  s9 --> s10
  s10 --> s11
  s10 -->|"full"| end_s10
  s11 --> s12
  s12 --> s13
  s12 -->|"missing"| end_s12
  s13 --> s14
  s14 --> s15
  s15 --> s16
  s16 --> s17
"""


def test_every_kind_of_step_is_in_the_text() -> None:
    """The whole of it: boxes in the document's order, each way by its name."""
    assert mermaid(picture()) == MERMAID


def test_what_an_author_wrote_never_changes_the_drawing() -> None:
    """Quotes, brackets and markup are text, in either form."""
    hostile = '{"]; click x <script>&`\\'
    written = WRITTEN.replace("name: Everything", f"name: '{hostile}'")
    written = written.replace("stage: onboard", f"stage: '{hostile}'")
    drawn = picture(written)
    text, tree = mermaid(drawn), ET.fromstring(svg(drawn))  # noqa: S314 - our own

    assert text.startswith("%% #123;#quot;]; click x #lt;script#gt;#amp;#96;#92;\n")
    assert '"[#123;#quot;]; click x #lt;script#gt;#amp;#96;#92;]<br/>' in text
    assert hostile in {"".join(each.itertext()) for each in tree.iter()}


def test_the_drawing_is_one_file_that_asks_for_nothing() -> None:
    """No script, no image, no address but the namespace; every box and way is in it."""
    drawn = svg(picture())
    tree = ET.fromstring(drawn)  # noqa: S314 - our own
    words = {each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")}

    assert drawn.count("http") == 1
    assert "script" not in drawn
    assert {"greet", "message greet", "[onboard]", "a 25 %", "jump to other"} <= words
    assert "the first word" in {
        each.text for each in tree.iter("{http://www.w3.org/2000/svg}title")
    }
    assert svg(picture()) == drawn


MANY = """\
kind: journey
id: j
entry: {}
goal: none
limits: {{entries: 1000, per: day, running: 50}}
steps: [{{goal: true}}]
"""


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{external: weather.forecast, where: {max_c: 30}, for: {audience: near}}",
         "weather.forecast from outside where max_c 30 for near"),
        ("{external: flight.cancelled}", "flight.cancelled from outside for everybody"),
        ('{schedule: "0 10 1 * *", zone: Europe/Monaco, for: {audience: vips}, only_new: true}',
         "on day 1 of the month at 10:00 Europe/Monaco for who is new in vips"),
        ('{schedule: "30 8 * * MON-FRI", for: {audience: vips}}',
         "on MON-FRI at 08:30 for vips"),
        ('{schedule: "5 7 * * *"}', "every day at 07:05 for everybody"),
        ('{schedule: "*/5 7 * 6 *"}', "cron */5 7 * 6 * for everybody"),
        ("{api: true}", "an API call"),
        ("{audience: vips, include_existing: true}", "join vips, and who is in it"),
        ("{transition: enter, fence: {tag: s}, initial: true}",
         "enter s (also who is inside already)"),
    ],
    ids=["external", "external-all", "monthly", "weekdays", "daily", "cron", "api", "audience",
         "initial"],
)  # fmt: skip
def test_an_entry_for_many_says_when_and_for_whom(entry: str, words: str) -> None:
    """Whatever brings people in is said in words; so is how many it takes."""
    drawn = picture(MANY.format(entry))

    assert drawn.boxes[0].lines == (words,)
    assert "limits: 1000 entries a day, 50 at one time" in drawn.about


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (True, "true"),
        ({"trait": "yoga_90d", "gte": 3}, "yoga_90d gte 3"),
        ({"any": [{"person": "a", "in": ["x", "y"]}, {"inside": {"tag": "s"}}]},
         "a in x, y or inside tag s"),
        ({"person": "a" * 60, "is": 1}, "a" * 43 + "…"),
    ],
)  # fmt: skip
def test_a_rule_is_said_in_short(rule: object, words: str) -> None:
    """Long ones are cut."""
    assert rule_words(rule) == words


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=12),
    st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30),
)
def test_no_two_boxes_share_a_place(widths: list[int], links: set[tuple[int, int]]) -> None:
    """Whatever leads where, circles and all: boxes stand apart, and arrows go box to box."""
    sizes = {f"b{n}": (float(w), 20.0) for n, w in enumerate(widths)}
    pairs = {
        (f"b{a}", f"b{b}"): 30.0 for a, b in sorted(links) if a < len(widths) and b < len(widths)
    }
    laid = lay_out(sizes, pairs)

    for a, b in combinations(sizes, 2):
        (ax, ay), (bx, by) = laid.middles[a], laid.middles[b]
        assert ay != by or abs(ax - bx) >= (sizes[a][0] + sizes[b][0]) / 2
    for a, b in pairs:
        assert abs(laid.routes[a, b][0][1] - laid.middles[a][1]) < 1e-6
        assert abs(laid.routes[a, b][-1][1] - laid.middles[b][1]) < 1e-6
    assert all(x - sizes[k][0] / 2 + 1e-6 >= 0 for k, (x, _) in laid.middles.items() if k in sizes)
    assert all(x + sizes[k][0] / 2 <= laid.width + 1e-6 for k, (x, _) in laid.middles.items()
               if k in sizes)  # fmt: skip


def test_arrows_lead_down_unless_they_close_a_circle() -> None:
    """A box stands below all that lead to it."""
    sizes = dict.fromkeys("abcd", (50.0, 20.0))
    pairs = {("a", "b"): 0.0, ("b", "c"): 0.0, ("a", "c"): 0.0, ("c", "b"): 0.0, ("c", "d"): 0.0}
    y = {key: laid[1] for key, laid in lay_out(sizes, pairs).middles.items()}

    assert y["a"] < y["b"] < y["c"] < y["d"]
    assert len(lay_out(sizes, pairs).routes["a", "c"]) == 3
