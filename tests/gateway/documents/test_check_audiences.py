"""What is wrong with traits and audiences, said at once and with its place."""

from __future__ import annotations

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import SourceFile, errors_of
from fencepost_gateway.documents.loader import load

CLINIC = "kind: fence\nid: clinic\ncircle: {lat: 43.7, lon: 7.4, radius_m: 60}\nsensitive: true\n"
PATIENTS = "kind: audience\nid: patients\nwhen: {visited: {id: clinic}}\n"
NEAR = "kind: audience\nid: near\nwhen: {audience: patients}\n"
GREETING = (
    "kind: campaign\nid: greeting\nentry: {audience: near}\n"
    "message: {template: greet, channels: [sms]}\n"
)
GREET = "kind: template\nid: greet\npurpose: marketing\nsms: {text: hi}\n"


def problems(*texts: str) -> list[str]:
    """Load and check documents; give what is wrong, without the place's head."""
    loaded = load([SourceFile(f"{n}.yaml", text) for n, text in enumerate(texts)])
    checked = check(loaded.documents, [], lint_documents) if not loaded.problems else []
    found = [*loaded.problems, *errors_of(checked)]
    return [f"{p.where}: {p.what}; {p.how}" for p in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: trait\nid: a\n", "no value; write one of count, sum, last, max, distinct, rfm"),
        ("kind: trait\nid: a\ncount: x\nsum: x\nof: v\n", "both count and sum"),
        ("kind: trait\nid: a\nsum: x\n", "sum of what?; add of: PROPERTY"),
        ("kind: trait\nid: a\ncount: x\nof: v\n", "a count has no of; take it out"),
        ("kind: trait\nid: a\ncount: x\nwithin: 5m\n", "within is under ten minutes"),
        ("kind: trait\nid: a\nrfm: x\nof: v\nwithin: 30d\n", "an rfm looks at every event"),
        ("kind: audience\nid: a\nwhen: {event: v, is: 1}\n", "an audience knows of no event"),
        ("kind: audience\nid: a\nwhen: {transition: enter}\n", "an audience knows of no event"),
        ("kind: audience\nid: a\nwhen: {audience: b}\n", "there is no audience b"),
        ("kind: audience\nid: a\nwhen: {trait: b, gt: 1}\n", "there is no trait b"),
        ("kind: audience\nid: a\nwhen: {audience: a}\n", "in a circle: a - a"),
    ],
)
def test_faulty_trait_or_audience_is_refused_with_a_remedy(text: str, said: str) -> None:
    """Each of them says what is wrong and how to mend it."""
    (problem,) = problems(text)

    assert said in problem


def test_circle_is_found_over_several_audiences() -> None:
    """Every audience of the circle says the way round."""
    found = problems(
        "kind: audience\nid: a\nwhen: {audience: b}\n",
        "kind: audience\nid: b\nwhen: {not: {audience: c}}\n",
        "kind: audience\nid: c\nwhen: {any: [{audience: a}, {did: read}]}\n",
    )

    assert [p.partition("circle: ")[2].partition(";")[0] for p in found] == [
        "a - b - c - a",
        "b - c - a - b",
        "c - a - b - c",
    ]


def test_rfm_is_read_by_its_three_scores() -> None:
    """The trait itself has no value; its scores do."""
    rfm = "kind: trait\nid: rfm\nrfm: purchase\nof: value\n"

    assert problems(rfm, "kind: audience\nid: a\nwhen: {trait: rfm.r, lte: 2}\n") == []
    (problem,) = problems(rfm, "kind: audience\nid: a\nwhen: {trait: rfm, lte: 2}\n")
    assert "there is no trait rfm; did you mean rfm." in problem


def test_marketing_by_an_audience_of_a_sensitive_place_is_refused() -> None:
    """However many audiences lie between; a service message may."""
    (problem,) = problems(CLINIC, PATIENTS, NEAR, GREETING, GREET)
    service = GREET.replace("marketing", "transactional")

    assert "it asks for fence clinic, which is sensitive" in problem
    assert problems(CLINIC, PATIENTS, NEAR, GREETING, service) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{audience: nobody}", "there is no audience nobody"),
        ("{audience: near, event: x}", "both event and audience"),
        ("{event: x, on: leave}", "on belongs to audience; take it out"),
        ("{audience: near, where: {a: 1}}", "where belongs to event or external; write"),
        ("{audience: near, opened: true}", "opened belongs to transition"),
    ],
)
def test_faulty_entry_by_an_audience_is_refused(entry: str, said: str) -> None:
    """Each of them says what is wrong."""
    text = GREETING.replace("{audience: near}", entry)
    near = "kind: audience\nid: near\nwhen: {did: read}\n"
    (problem,) = problems(text, GREET, near)

    assert said in problem
