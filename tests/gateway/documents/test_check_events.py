"""What is asked of events that are defined, and is not in their definition."""

from __future__ import annotations

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Problem, SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load

PURCHASE = """\
kind: event
id: purchase
properties:
  value: {type: number, required: true}
  category: {one_of: [yoga, run]}
  bought_at: moment
  gift: boolean
  shop.id: text
  extra: object
"""
CART = "kind: event\nid: cart\nevent: Cart Viewed\nproperties: {value: number, sku: text}\n"
GREET = "kind: template\nid: greet\npurpose: transactional\nsms: {text: hi}\n"
CAMPAIGN = (
    "kind: campaign\nid: c\nentry: {entry}\nwhen: {when}\n"
    "message: {{template: greet, channels: [sms]}}\n"
)
JOURNEY = "kind: journey\nid: j\nentry: {{event: purchase}}\ngoal: none\nsteps:\n{steps}"


def problems(*texts: str) -> list[Problem]:
    """Load and check documents."""
    loaded = load([SourceFile(f"{n}.yaml", text) for n, text in enumerate((PURCHASE, *texts))])
    assert not loaded.problems
    return check(loaded.documents, [], lint_documents)


def errors(*texts: str) -> list[str]:
    """Give what is wrong, without the place's head."""
    return [f"{p.where}: {p.what}; {p.how}" for p in problems(*texts) if not p.is_warning]


@pytest.mark.parametrize(
    ("entry", "when", "said"),
    [
        (
            "{event: purchase, where: {categry: yoga}}",
            "true",
            "entry.where.categry: event purchase has no property categry; did you mean category?",
        ),
        (
            "{event: purchase, where: {category: swim}}",
            "true",
            (
                "entry.where.category: category of event purchase is never 'swim'; "
                "write one of: yoga, run"
            ),
        ),
        (
            "{event: purchase, where: {category: runn}}",
            "true",
            "entry.where.category: category of event purchase is never 'runn'; did you mean run?",
        ),
        (
            "{event: purchase}",
            '{event: value, is: "50"}',
            (
                "when.event: value of event purchase is number, and is compares it with a text; "
                "write a number, or change the definition of the event"
            ),
        ),
        (
            "{event: purchase}",
            "{event: gift, is: 1}",
            (
                "when.event: gift of event purchase is boolean, and is compares it with 1; "
                "write a boolean, or change the definition of the event"
            ),
        ),
        (
            "{event: purchase}",
            "{event: value, is: true}",
            (
                "when.event: value of event purchase is number, and is compares it with true; "
                "write a number, or change the definition of the event"
            ),
        ),
        (
            "{event: x}",
            "{did: purchase, sum: {of: valeu, min: 3}, within: 3d}",
            "when.sum.of: event purchase has no property valeu; did you mean value?",
        ),
        (
            "{event: x}",
            "{not: {last: purchase, where: {size: M}, older_than: 3d}}",
            (
                "when.not.where.size: event purchase has no property size; "
                "write the property into event purchase, or name one of: "
                "bought_at, category, extra, gift, shop.id, value"
            ),
        ),
        (
            "[{event: purchase}, {event: Cart Viewed}]",
            "{event: weight, gt: 3}",
            (
                "when.event: event purchase or Cart Viewed has no property weight; "
                "write the property into event purchase, or name another"
            ),
        ),
    ],
)
def test_what_a_definition_lacks_is_an_error_where_it_is_asked(
    entry: str, when: str, said: str
) -> None:
    """A property, a type, a choice: with the place and the remedy."""
    (found,) = errors(CART, GREET, CAMPAIGN.format(entry=entry, when=when))

    assert found == f"campaign c, {said}"


@pytest.mark.parametrize(
    ("entry", "when"),
    [
        ("{event: purchase, where: {category: yoga}}", "{event: value, between: [1, 2.5]}"),
        ("{event: purchase}", "{event: bought_at, within: 3d}"),
        ("{event: purchase}", "{event: shop.id, in: [a, b]}"),
        ("{event: purchase}", "{event: shop, exists: true}"),
        ("{event: purchase}", "{event: extra.colour, is: 3}"),
        ("[{event: purchase}, {event: Cart Viewed}]", "{event: sku, is: a}"),
        ("[{event: purchase}, {event: other}]", "{event: anything, is: a}"),
        ("{event: other, where: {anything: 1}}", "{did: another, where: {a: 1}}"),
        ("{event: purchase}", "{event: category, starts_with: y}"),
    ],
)
def test_what_may_be_is_left_alone(entry: str, when: str) -> None:
    """What is defined, what lies inside of an object, and events that nobody defined."""
    assert errors(CART, GREET, CAMPAIGN.format(entry=entry, when=when)) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            "  - branch: [{when: {event: tier, is: a}, to: end}, {otherwise: end}]\n",
            "step 1, branch.0.when.event: event purchase has no property tier",
        ),
        (
            "  - wait: {until_date: {event: due}}\n",
            "step 1, wait.until_date.event: event purchase has no property due",
        ),
        (
            "  - update: {set: {last: {event: sku}}}\n",
            "step 1, update.set.last.event: event purchase has no property sku",
        ),
        (
            "  - wait: {for: {event: purchase, where: {sku: a}}, timeout: 1d}\n",
            "step 1, wait.for.where.sku: event purchase has no property sku",
        ),
        (
            "  - wait: {for: {event: Cart Viewed, same: [gift]}, timeout: 1d}\n",
            "step 1, wait.for.same: event Cart Viewed has no property gift",
        ),
    ],
)
def test_steps_of_journeys_ask_of_defined_events_too(steps: str, said: str) -> None:
    """Branches, dates, copied values and what is awaited."""
    found = errors(CART, JOURNEY.format(steps=steps))

    assert [each for each in found if said in each], found


def test_a_branch_after_a_wait_may_ask_of_what_was_awaited() -> None:
    """It is about either event."""
    steps = (
        "  - wait: {for: {event: Cart Viewed}, timeout: 1d}\n"
        "  - branch: [{when: {event: sku, is: a}, to: end}, {otherwise: end}]\n"
    )

    assert errors(CART, JOURNEY.format(steps=steps)) == []


def test_traits_and_audiences_ask_of_defined_events_too() -> None:
    """The property that is summed, and the rule."""
    trait = "kind: trait\nid: spent\nsum: purchase\nof: amount\nwhere: {gift: 1}\n"
    audience = "kind: audience\nid: a\nwhen: {did: purchase, where: {colour: red}}\n"

    assert [each.split(";")[0] for each in errors(trait, audience)] == [
        "trait spent, of: event purchase has no property amount",
        "trait spent, where.gift: gift of event purchase is boolean, and is compares it with 1",
        "audience a, when.where.colour: event purchase has no property colour",
    ]


def test_a_property_in_use_cannot_be_taken_out() -> None:
    """The publication is refused and names whatever uses it."""
    used = load(
        [
            SourceFile("u.yaml", text)
            for text in (
                GREET,
                CAMPAIGN.format(entry="{event: purchase, where: {gift: true}}", when="true"),
            )
        ]
    )
    live = [StoredDocument(each.kind, each.id, 1, each.body) for each in used.documents]
    changed = load([SourceFile("e.yaml", PURCHASE.replace("  gift: boolean\n", ""))])

    (found,) = check(changed.documents, live, lint_documents)

    assert "campaign c" in str(found)
    assert "event purchase has no property gift" in str(found)


def test_a_name_close_to_a_definition_is_doubtful() -> None:
    """A slip would never wake anybody."""
    found = problems(GREET, CAMPAIGN.format(entry="{event: purchas}", when="{did: swim}"))

    assert [(p.is_warning, p.what) for p in found] == [
        (True, "event purchas is not defined, purchase is")
    ]


def test_an_event_is_defined_once() -> None:
    """Two definitions of one name would be refused one by the other."""
    other = "kind: event\nid: order\nevent: purchase\n"

    assert "event purchase is defined as order as well" in " ".join(errors(other))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("properties: {a: {type: number, one_of: [b]}}", "one_of belongs to text"),
        ("properties: {a: {min: 3}}", "min and max belong to numbers"),
        ("properties: {a: {type: number, min: 3, max: 1}}", "min is above max"),
        ("properties: {a: text, a.b: text}", "a is text, and has nothing inside"),
        ("properties: {a: txt}", "'txt' is not possible here"),
        ("property: {a: text}", "did you mean properties?"),
    ],
)
def test_a_faulty_definition_is_refused_with_a_remedy(text: str, said: str) -> None:
    """Each says what is wrong and how to mend it."""
    (found,) = load([SourceFile("e.yaml", f"kind: event\nid: e\n{text}\n")]).problems

    assert said in str(found)
