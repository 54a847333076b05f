"""Snippets of events that are defined."""

from __future__ import annotations

from fencepost_gateway.decide.event_shape import EventShape, Property
from fencepost_gateway.documents.models.event import Event
from fencepost_gateway.documents.snippets import example, snippet

ODD = Event.model_validate(
    {
        "kind": "event",
        "id": "odd",
        "event": 'It\'s "$HOME"',
        "properties": {
            "price": {"type": "number", "min": 2.5},
            "pieces": {"type": "integer", "min": 0.5},
            "size": {"one_of": ["S", "M"]},
            "at": "moment",
            "gift": "boolean",
            "lines": "list",
            "cart": "object",
            "cart.id": {"example": "`rm`"},
        },
    }
)


def test_example_fits_the_definition() -> None:
    """Whatever the definition says of a property."""
    made = example(ODD)
    shape = {
        name: Property(each.type, required=True, one_of=tuple(each.one_of), least=each.min)
        for name, each in ODD.properties.items()
    }
    EventShape(shape, closed=True).check(made)

    assert made["cart"] == {"id": "`rm`"}
    assert (made["price"], made["pieces"]) == (2.5, 1)


def test_nothing_of_a_snippet_is_run_by_the_shell() -> None:
    """Names and values may hold what a here-document reads."""
    text = snippet(ODD, "curl", "http://127.0.0.1:8080", "pk_1")

    assert 'It\'s \\\\"\\$HOME\\\\"' in text
    assert "\\`rm\\`" in text
