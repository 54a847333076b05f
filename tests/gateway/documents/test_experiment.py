"""Experiments as documents: what is refused, and what they compile to."""

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load

DOCUMENTS = """
kind: experiment
id: greet-test
arms: {B: 30, A: 70}
---
kind: campaign
id: greeting
entry: {event: opened}
message:
  template: {experiment: greet-test, arms: {A: greet-a, B: greet-b}}
  channels: [sms]
---
kind: template
id: greet-a
purpose: marketing
sms: {text: A}
---
kind: template
id: greet-b
purpose: marketing
sms: {text: B}
"""


def _said(old: str = "", new: str = "") -> str:
    assert old in DOCUMENTS
    loaded = load([SourceFile("d.yaml", DOCUMENTS.replace(old, new) if old else DOCUMENTS)])
    problems = loaded.problems or check(loaded.documents, [], lint_documents)
    return "\n".join(str(p) for p in problems)


def test_experiment_compiles_to_arms_in_order_and_templates_by_arm() -> None:
    """Weights cut in order of names; the campaign names each arm's template."""
    loaded = load([SourceFile("d.yaml", DOCUMENTS)])
    stored = [StoredDocument(d.kind, d.id, 1, d.body) for d in loaded.documents]
    plan = compile_plan(stored, 1, "seed")
    wish = plan.campaigns["greeting"].message

    assert _said() == ""
    assert plan.experiments["greet-test"].arms == (("A", 70), ("B", 30))
    assert (wish.experiment_id, wish.by_arm) == ("greet-test", {"A": "greet-a", "B": "greet-b"})
    assert wish.template_id in wish.by_arm.values()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "experiment: greet-test, arms",
            "experiment: greet-tests, arms",
            "did you mean greet-test",
        ),
        ("B: greet-b}", "C: greet-b}", "arm B has no template"),
        ("B: greet-b}", "C: greet-b}", "the experiment has no arm C"),
        ("B: greet-b}", "B: greet-c}", "there is no template greet-c"),
        ("sms: {text: B}", "email: {subject: B, text: B}", "has no content for sms"),
        ("id: greet-b\npurpose: marketing", "id: greet-b\npurpose: transactional", "one purpose"),
        ("{B: 30, A: 70}", "{A: 0, B: 0}", "no arm has a weight"),
        ("{B: 30, A: 70}", "{A: 1}", "arms"),
        ("{B: 30, A: 70}", "{A: 1, B: -1}", "arms"),
    ],
    ids=["name", "missing", "unknown", "template", "content", "purpose", "none", "one", "negative"],
)
def test_experiment_that_cannot_be_run_is_refused(old: str, new: str, says: str) -> None:
    """Every arm has a live template with the campaign's channels, all of one purpose."""
    assert says in _said(old, new)
