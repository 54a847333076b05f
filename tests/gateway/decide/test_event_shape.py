"""What an event that is defined may carry."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fencepost_gateway.decide.event_shape import EventShape, Property

ORDER = {
    "value": Property("number", required=True, least=0, most=10_000),
    "sku": Property(),
    "size": Property(one_of=("S", "M")),
    "pieces": Property("integer", least=1.5),
    "gift": Property("boolean"),
    "for_date": Property("moment"),
    "items": Property("list"),
    "shop.id": Property(required=True),
    "shop.name": Property(),
    "Order ID": Property(),
}
FITS = {"value": 3, "shop": {"id": "a"}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"value": 2.5},
        {"sku": None},
        {"size": "M"},
        {"pieces": 2, "gift": False},
        {"for_date": "2026-06-01"},
        {"for_date": "2026-06-01T18:00:00.5+02:00"},
        {"items": [{"sku": 1}]},
        {"shop": {"id": "a", "name": "Port"}},
        {"Order ID": "7", "colour": "red"},
    ],
)
def test_properties_that_fit_are_taken(more: dict[str, Any]) -> None:
    """Numbers are whole or not, what is not required may be null, others may come along."""
    EventShape(ORDER).check(FITS | more)


@pytest.mark.parametrize(
    ("props", "said"),
    [
        ({"shop": {"id": "a"}}, "value"),
        ({"value": 3}, "shop"),
        (FITS | {"value": "3"}, "value"),
        (FITS | {"value": True}, "value"),
        (FITS | {"value": None}, "value"),
        (FITS | {"value": -1}, "value"),
        (FITS | {"value": 10_001}, "value"),
        (FITS | {"sku": 3}, "sku"),
        (FITS | {"size": "XL"}, "size"),
        (FITS | {"pieces": 1.5}, "pieces"),
        (FITS | {"pieces": 1}, "pieces"),
        (FITS | {"gift": "yes"}, "gift"),
        (FITS | {"for_date": "tomorrow"}, "for_date"),
        (FITS | {"items": {}}, "items"),
        (FITS | {"shop": {"name": "Port"}}, "id"),
        (FITS | {"Order ID": 7}, "Order ID"),
    ],
)
def test_the_first_that_does_not_fit_is_named(props: dict[str, Any], said: str) -> None:
    """What is missing, of another type, out of its bounds, or none of the choices."""
    with pytest.raises(msgspec.ValidationError, match=said):
        EventShape(ORDER).check(props)


def test_a_closed_definition_takes_nothing_besides() -> None:
    """Neither at the top nor inside."""
    shape = EventShape(ORDER, closed=True)
    shape.check(FITS)
    for props in (FITS | {"colour": "red"}, FITS | {"shop": {"id": "a", "street": "x"}}):
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            shape.check(props)


def test_an_object_that_need_not_be_there_is_left_out_whole() -> None:
    """A required property inside holds where the object is."""
    shape = EventShape({"cart": Property("object"), "cart.id": Property(required=True)})
    shape.check({})

    with pytest.raises(msgspec.ValidationError, match="id"):
        shape.check({"cart": {}})


def test_shapes_of_the_same_definition_are_equal() -> None:
    """So are plans of the same documents."""
    assert EventShape(ORDER) == EventShape(ORDER)
    assert EventShape(ORDER) != EventShape(ORDER, closed=True)
