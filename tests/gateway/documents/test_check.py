from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import (
    Document,
    Problem,
    SourceFile,
    StoredDocument,
    errors_of,
)
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.reference import EXAMPLE
from fencepost_gateway.documents.shipped import default_documents

BASE = {
    "fence": """\
kind: fence
id: studio-port
circle: {lat: 43.7, lon: 7.4, radius_m: 60}
tags: [studio]
dwell_after: 10m
""",
    "template": """\
kind: template
id: greet
purpose: marketing
sms: {text: hi}
""",
    "campaign": """\
kind: campaign
id: greeting
entry: {transition: enter, fence: {tag: studio}}
message: {template: greet, channels: [sms]}
""",
}

POLICY = "kind: policy\nid: {}\naccepts: {{}}\nquiet_hours: none\n{}"


def found(changes: Mapping[str, str] | None = None, *, live: str = "") -> list[Problem]:
    """Check the base with some documents changed or added, over what is live."""
    texts = {**BASE, **(changes or {})}
    loaded = load([SourceFile(f"{name}.yaml", text) for name, text in texts.items()])
    stored = load([SourceFile("live.yaml", live)])
    assert [str(p) for p in (*loaded.problems, *stored.problems)] == []
    kept = [StoredDocument(d.kind, d.id, 1, d.body) for d in stored.documents]
    return errors_of(check(loaded.documents, kept, lint_documents))


def change(name: str, old: str, new: str) -> dict[str, str]:
    """Change one document of the base."""
    assert old in BASE[name]
    return {name: BASE[name].replace(old, new)}


@pytest.mark.parametrize("name", ["greet", "greeting", "yoga"], ids=["template", "campaign", "tag"])
def test_rule_may_name_a_message_by_template_campaign_or_tag(name: str) -> None:
    """Whichever of the three there is will do."""
    assert found({"campaign": f"{BASE['campaign']}tags: [yoga]\nwhen: {{got: {name}}}\n"}) == []


def test_base_and_example_are_without_problems() -> None:
    """What the reference page shows passes the check."""
    example = load([SourceFile("example.yaml", EXAMPLE)])

    assert found() == []
    assert example.problems == []
    assert errors_of(check(example.documents, [], lint_documents)) == []


CASES = {
    "template": (change("campaign", "greet,", "gret,"), 4, "there is no template gret"),
    "channel": (change("campaign", "[sms]", "[sms, email]"), 4, "no content for email"),
    "fence tag": (change("campaign", "tag: studio", "tag: studoi"), 3, "no fence with tag studoi"),
    "fence id": (change("campaign", "tag: studio", "id: studio"), 3, "no fence with id studio"),
    "fence and": (
        change("campaign", "tag: studio", "tag: studio, library: x"),
        3,
        "no fence with tag studio and library x",
    ),
    "rule inside": (
        {"campaign": BASE["campaign"] + "when: {not: {inside: {tag: gym}}}\n"},
        5,
        "no fence with tag gym",
    ),
    "rule while": (
        change("campaign", "[sms]", "[sms], while: {any: [{inside: {id: gym}}]}"),
        4,
        "no fence with id gym",
    ),
    "rule transition": (
        {"campaign": BASE["campaign"] + "when: {transition: exit, fence: {id: gym}}\n"},
        5,
        "no fence with id gym",
    ),
    "rule visited": (
        {"campaign": BASE["campaign"] + "when: {all: [{visited: {id: gym}}]}\n"},
        5,
        "no fence with id gym",
    ),
    "rule audience": (
        {"campaign": BASE["campaign"] + "when: {not: {audience: regulars}}\n"},
        5,
        "there is no audience regulars",
    ),
    "rule trait": (
        {"campaign": BASE["campaign"] + "when: {any: [true, {trait: yoga_90d, gte: 3}]}\n"},
        5,
        "there is no trait yoga_90d",
    ),
    "rule arm": (
        {"campaign": BASE["campaign"] + "when: {arm: greet-test, is: B}\n"},
        5,
        "there is no experiment greet-test",
    ),
    "rule got": (
        change("campaign", "[sms]", "[sms], while: {not: {got: gret}}"),
        4,
        "there is no template, campaign, journey or tag gret",
    ),
    "dwell threshold": (
        change("campaign", "enter, fence: {tag: studio}", "dwell, after: 5m, fence: {tag: studio}"),
        3,
        "none of these fences has dwell_after 5m",
    ),
    "pass of a fence without": (
        change("campaign", "enter, fence: {tag: studio}", "pass, fence: {tag: studio}"),
        3,
        "none of these fences has pass",
    ),
    "approach of a fence without": (
        change("campaign", "enter, fence: {tag: studio}", "approach, fence: {tag: studio}"),
        3,
        "none of these fences has approach_s",
    ),
    "opened without hours": (
        change("campaign", "fence: {tag: studio}", "fence: {tag: studio}, opened: true"),
        3,
        "opened, and none of these fences has opening hours",
    ),
    "sensitive": (
        {"fence": BASE["fence"] + "sensitive: true\n"},
        3,
        "fence studio-port is sensitive and starts no marketing",
    ),
    "library": ({"fence": BASE["fence"] + "library: gyms\n"}, 6, "there is no library gyms"),
    "hours": (
        {"fence": BASE["fence"] + "zone: Asia/Seoul\nactive: always\n"},
        7,
        "no opening hours",
    ),
    "hours without zone": (
        {"fence": BASE["fence"] + "active: 24/7\n"},
        6,
        "opening hours without a zone",
    ),
    "run without zone": (
        {"campaign": BASE["campaign"] + "run: {from: 2026-06-01}\n"},
        5,
        "no workspace zone",
    ),
    "cap of a campaign": (
        {"caps": "kind: caps\nid: a\nrules:\n  - {limit: 1, per: day, scope: {campaign: x}}\n"},
        4,
        "there is no campaign or journey x",
    ),
    "cap of a tag": (
        {"caps": "kind: caps\nid: a\nrules:\n  - {limit: 1, per: day, scope: {tag: x}}\n"},
        4,
        "no campaign or journey has the tag x",
    ),
    "cap of a brand": (
        {"caps": "kind: caps\nid: a\nrules:\n  - {limit: 1, per: day, scope: {brand: x}}\n"},
        4,
        "no campaign or journey has the brand x",
    ),
    "cap of a place": (
        {"caps": "kind: caps\nid: a\nrules:\n  - {limit: 1, per: day, scope: {place: {id: x}}}\n"},
        4,
        "no fence with id x",
    ),
    "only open without hours": (
        change("campaign", "[sms]", "[sms], only_open: true"),
        4,
        "only_open, and no entry's fence has opening hours",
    ),
    "second workspace": (
        {"w": "kind: workspace\nid: a\n---\nkind: workspace\nid: b\n"},
        4,
        "a second workspace beside a",
    ),
    "second policy": (
        {"p": POLICY.format("a", "") + "---\n" + POLICY.format("b", "")},
        6,
        "a second policy without jurisdiction beside a",
    ),
    "country twice": (
        {
            "p": POLICY.format("a", "jurisdiction: KR\n")
            + "---\n"
            + POLICY.format("b", "jurisdiction: [US, KR]\n")
        },
        11,
        "KR is in policy a as well",
    ),
    "confirms without a link": (
        change("template", "marketing", "transactional\nconfirms: marketing"),
        5,
        "no link to confirm by",
    ),
    "a link without a question": (
        change("template", "hi", '"{{ confirm.link }}"'),
        4,
        "confirms nothing",
    ),
    "unknown variable": (
        change("template", "hi", '"{{ persn.name }}"'),
        4,
        "unknown variable persn",
    ),
    "liquid syntax": (change("template", "hi", '"{% if %}"'), 4, "missing expression"),
}


@pytest.mark.parametrize(("changes", "line", "what"), CASES.values(), ids=CASES.keys())
def test_reference_that_points_nowhere_is_found(
    changes: Mapping[str, str], line: int, what: str
) -> None:
    """Each reference is followed over everything that would be live."""
    (problem,) = found(changes)

    assert what in problem.what
    assert (problem.line, bool(problem.how)) == (line, True)


def test_live_documents_count() -> None:
    """A reference may point at what is live already; a new version of it counts instead."""
    gym = BASE["fence"].replace("studio-port", "gym").replace("studio", "gym")
    wanted = change("campaign", "studio", "gym")

    assert found(wanted, live=gym) == []
    assert found(live=BASE["template"].replace("sms", "web_push").replace("text", "title")) == []


def test_live_document_that_would_break_is_named() -> None:
    """New documents may not pull the ground from under live ones."""
    old = BASE["campaign"].replace("greeting", "older").replace("studio", "yoga")
    (problem,) = found(live=old)

    assert str(problem).startswith("live document: campaign older, entry.fence: no fence with tag")


def test_transactional_may_start_at_a_sensitive_fence() -> None:
    """Only marketing is refused there."""
    changes = {
        "fence": BASE["fence"] + "sensitive: true\n",
        **change("template", "marketing", "transactional"),
    }

    assert found(changes) == []


def test_dwell_threshold_that_a_fence_has_is_fine() -> None:
    """``after`` names a ``dwell_after``; without it any threshold will do."""
    enter = "enter, fence: {tag: studio}"

    for dwell in ("dwell, after: 10m, fence: {tag: studio}", "dwell, fence: {tag: studio}"):
        assert found(change("campaign", enter, dwell)) == []


def test_problems_are_in_order_of_file_and_line() -> None:
    """People mend files from top to bottom."""
    changes = {
        **change("campaign", "tag: studio", "tag: gym"),
        "fence": BASE["fence"] + "library: gyms\n",
        "caps": "kind: caps\nid: a\nrules:\n  - {limit: 1, per: day, scope: {campaign: x}}\n",
    }

    problems = found(changes)

    assert [problem.file for problem in problems] == ["campaign.yaml", "caps.yaml", "fence.yaml"]


def test_lint_sees_what_would_be_live() -> None:
    """A new fragment may break a template that is live, so lint is given both."""
    seen: list[tuple[str, bool]] = []

    def lint(documents: Sequence[Document]) -> Iterable[tuple[Document, Finding]]:
        seen.extend((each.id, bool(each.origin.file)) for each in documents)
        return ()

    loaded = load([SourceFile("a.yaml", BASE["template"])])
    live = StoredDocument("template", "other", 1, {**loaded.documents[0].body, "id": "other"})
    check(loaded.documents, [live], lint)

    assert seen == [("greet", True), ("other", False)]


def test_shipped_policies_stand_beside_each_other() -> None:
    """Each of the repository's policies validates, names its reviewer field, and shares nobody."""
    folder = Path(__file__).parents[3] / "examples" / "policies"
    files = [SourceFile(path.name, path.read_text("utf-8")) for path in sorted(folder.iterdir())]
    loaded = load(files)

    assert loaded.problems == []
    assert check(loaded.documents, default_documents(), lint_documents) == []
    assert [d.id for d in loaded.documents] == ["ca", "eu", "kr", "us"]
    assert all(d.body["reviewed"] == {"by": None, "at": None} for d in loaded.documents)
    assert all(d.body["jurisdiction"] for d in loaded.documents)


@pytest.mark.feature("G03")
def test_template_with_location_fields_must_be_allowed_to_have_them() -> None:
    """The policy keeps locations out of marketing: the field is an error, with its line."""
    policy = """\
kind: policy
id: strict
accepts: {"*": [y]}
quiet_hours: none
location_fields: [transactional]
"""
    said = [
        str(p) for p in found({"policy": policy} | change("template", "hi", '"{{ place.name }}"'))
    ]

    assert said == [
        (
            "template.yaml:4: template greet, sms.text: place says where the person is: not "
            "allowed in a marketing template; take it out, "
            "or add marketing to location_fields of the policy"
        )
    ]
