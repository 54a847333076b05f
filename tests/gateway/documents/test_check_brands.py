"""What policies want marketing to say, and nobody has told."""

from __future__ import annotations

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load

POLICY = """\
kind: policy
id: kr
jurisdiction: KR
accepts: {"*": [y]}
quiet_hours: none
label: {text: "(광고)", refuse: ["(광 고)"]}
must_contain: {sender: true, postal_address: true, opt_out: {sms: "거부 {free_number}"}}
"""
TEMPLATE = """\
kind: template
id: greet
purpose: marketing
sms: {text: hi}
email: {subject: hi, text: hi}
"""
CAMPAIGN = """\
kind: campaign
id: c
entry: {event: came}
goal: none
message: {template: greet, channels: [sms, email]}
"""
LUMA = "kind: brand\nid: luma\nname: Luma\n"
WHOLE = LUMA + 'postal_address: 1 Seoul\nfree_number: "080"\n'


def errors(*texts: str) -> list[str]:
    """Give what is wrong."""
    loaded = load([SourceFile(f"{n}.yaml", text) for n, text in enumerate(texts)])
    assert not loaded.problems
    found = check(loaded.documents, [], lint_documents)
    told = [f"{p.where}: {p.what}; {p.how}" for p in found if not p.is_warning]
    return [each.partition(", ")[2] or each for each in told]


def test_marketing_needs_a_brand_that_tells_what_a_policy_wants_said() -> None:
    """On the channels on which it goes, and nothing beyond."""
    lacking = "policy kr wants {} in every {}; write {}: in {}"

    assert errors(POLICY, TEMPLATE, CAMPAIGN, WHOLE) == []
    found = errors(POLICY, TEMPLATE, CAMPAIGN, LUMA)
    assert [each.partition(": ")[2] or each for each in found] == [
        lacking.format("a postal address", "email", "postal_address", "brand luma"),
        lacking.format("a free number to say no at", "sms", "free_number", "brand luma"),
    ]
    assert len(errors(POLICY, TEMPLATE, CAMPAIGN)) == 4


def test_service_messages_and_other_channels_need_none() -> None:
    """Only marketing by SMS and email says who sends it."""
    service = TEMPLATE.replace("marketing", "transactional")
    in_app = TEMPLATE + "in_app: {body: hi}\n"

    assert errors(POLICY, service, CAMPAIGN) == []
    assert errors(POLICY, in_app, CAMPAIGN.replace("sms, email", "in_app")) == []


def test_campaign_speaks_for_its_brand_else_for_the_default_else_for_the_only_one() -> None:
    """A name without a document is a name for caps."""
    other = "kind: brand\nid: other\nname: Other\n"
    named = CAMPAIGN + "brand: luma\n"

    assert errors(POLICY, TEMPLATE, named, WHOLE, other) == []
    assert errors(POLICY, TEMPLATE, CAMPAIGN, WHOLE + "default: true\n", other) == []
    assert errors(POLICY, TEMPLATE, CAMPAIGN + "brand: caps-only\n", WHOLE) == []
    assert len(errors(POLICY, TEMPLATE, CAMPAIGN, WHOLE, other)) == 4


def test_second_default_brand_is_refused() -> None:
    """Which of them would speak is not left to the order of files."""
    two = [f"kind: brand\nid: {name}\nname: X\ndefault: true\n" for name in ("a", "b")]

    assert errors(*two) == ["default: a second default brand beside a; keep it in one of them"]


def test_lookalike_of_a_label_is_refused_where_it_stands() -> None:
    """The label itself may stand there: it is not put in twice."""
    fake = TEMPLATE.replace("text: hi}\nemail", 'text: "(광 고) hi"}\nemail')
    own = TEMPLATE.replace("text: hi}\nemail", 'text: "(광고) hi"}\nemail')

    assert errors(POLICY, own, CAMPAIGN, WHOLE) == []
    (found,) = errors(POLICY, fake, CAMPAIGN, WHOLE)
    assert found.startswith("sms.text: it begins with (광 고), which is no label; take it out")
