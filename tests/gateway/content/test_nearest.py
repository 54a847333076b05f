from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_channels.message import SmsContent
from fencepost_gateway.content.nearest import FEW, Nearby, Position, rounded_m
from fencepost_gateway.content.renderer import Renderer, RenderProblem
from fencepost_gateway.content.scope import scope_for
from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import Template
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle

NOW_MS = 1_780_300_800_000  # 2026-06-01 08:00:00 UTC, a Monday
A = (43.732760, 7.419328)
FIX = Position(*A, 10.0, "fix", 0)
FONTVIEILLE = (43.729837, 7.416387)
GRIMALDI = (43.743108, 7.431319)


def fence(fence_id: str, at: tuple[float, float], **changes: Any) -> Fence:
    """Give a circle of 60 m with the tag studio."""
    known = {"name": fence_id.title(), "tags": frozenset({"studio"}), **changes}
    return Fence(fence_id, Circle(*at, 60.0), **known)


STUDIOS = (
    fence("fontvieille", FONTVIEILLE, library="luma", meta={"next_class": "10:00"}),
    fence("grimaldi", GRIMALDI, library="luma"),
)


def nearby(*fences: Fence, hours: str = "") -> Nearby:
    """Give what can be near."""
    views = {
        each.fence_id: FenceView(
            each.fence_id,
            each.name,
            tags=each.tags,
            library=each.library,
            meta=dict(each.meta),
            opening=opening_of(hours, "Europe/Monaco", *A) if hours else None,
        )
        for each in fences
    }
    return Nearby(fences, views)


def said(
    source: str,
    near: Nearby | None = None,
    position: Position | None = FIX,
    *,
    is_marketing: bool = True,
) -> object:
    """Render a text; give it, or the problem."""
    near = near or nearby(*STUDIOS)
    roots = near.scope(position, NOW_MS, is_marketing=is_marketing).roots()
    scope = scope_for(Person("p"), None, None, NOW_MS, nearest=roots)
    made = Renderer().render(Template("t", 1, "marketing", {"sms": {"text": source}}), "sms", scope)
    return made.text if isinstance(made, SmsContent) else made


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ nearest.studio.name }}", "Fontvieille"),
        ("{{ nearest.studio.distance_m }} m", "342 m"),
        ("{{ nearest.studio.meta.next_class }}", "10:00"),
        ("{{ nearest.studio.source }}", "fix"),
        ("{{ nearest['studio'].id }}", "fontvieille"),
        ("{% assign s = nearest.studio %}{{ s.name }} {{ s.id }}", "Fontvieille fontvieille"),
        ("{{ nearest_in.luma.name }}", "Fontvieille"),
        ("{{ nearest.gym.name | default: 'our gyms' }}", "our gyms"),
        ("{% if nearest.gym %}a{% else %}b{% endif %}", "b"),
    ],
)
def test_nearest_gives_the_place(source: str, expected: str) -> None:
    """By tag and by library: name, metres to the boundary, metadata."""
    assert said(source) == expected


def test_nearest_without_position_is_missing() -> None:
    """Nobody is near anything then: default, or withheld with the name of what was missing."""
    assert said("{{ nearest.studio.name | default: 'us' }}", position=None) == "us"
    assert said("{{ nearest.studio.name }}", position=None) == RenderProblem(
        "render_missing", "nearest.studio"
    )


def test_distance_is_as_exact_as_the_position() -> None:
    """From a cell of 0.01 degrees nobody is told single metres; inside it is 0."""
    home = Position(43.73, 7.42, 800.0, "home")

    assert said("{{ nearest.studio.distance_m }} {{ nearest.studio.source }}", position=home) == (
        "200 home"
    )
    inside = Position(*FONTVIEILLE, 10.0, "fix", 0)
    assert said("{{ nearest.studio.distance_m }}", position=inside) == "0"


@settings(max_examples=60)
@given(st.floats(0, 1e5), st.floats(0, 6e4))
def test_rounding_adds_at_most_a_tenth_of_the_uncertainty(way_m: float, accuracy_m: float) -> None:
    """And never rounds finer than a metre."""
    told = rounded_m(way_m, accuracy_m)

    assert abs(told - way_m) <= max(0.5, accuracy_m / 10) + 1e-6


@pytest.mark.parametrize(
    ("hours", "expected"),
    [("Mo-Fr 09:00-18:00", "open"), ("Tu 09:00-18:00", "closed"), ("", "closed")],
)
def test_open_now_is_by_the_place_s_own_clock(hours: str, expected: str) -> None:
    """08:00 UTC is 10:00 there; a place without hours does not claim to be open."""
    source = "{% if nearest.studio.open_now %}open{% else %}closed{% endif %}"

    assert said(source, nearby(*STUDIOS, hours=hours)) == expected


def test_marketing_never_names_a_sensitive_place() -> None:
    """A service message may; so may marketing name the next one."""
    near = nearby(fence("clinic", FONTVIEILLE, sensitive=True), STUDIOS[1])

    assert said("{{ nearest.studio.id }}", near) == "grimaldi"
    assert said("{{ nearest.studio.id }}", near, is_marketing=False) == "clinic"


def test_what_is_too_far_is_not_near() -> None:
    """A studio in another country is no nearest studio."""
    assert said("{{ nearest.studio.id | default: '-' }}", nearby(fence("far", (48.8, 2.3)))) == "-"


def test_many_places_of_a_tag_are_found_as_few_are() -> None:
    """Their boxes give what measuring each of them gives."""
    crowd = [fence(f"s{n:04}", (43.6 + n * 0.0002, 7.42)) for n in range(FEW * 2)]
    at = Position(*A, 10.0, "fix", 0)
    best = min(crowd, key=lambda f: (f.shape.signed_distance_m(*A), f.fence_id))

    found = nearby(*crowd).find("nearest", "studio", at, is_marketing=True)

    assert found is not None
    assert found[0] is best


@pytest.mark.bad_input(108)
def test_asking_for_many_tags_ends_at_the_budget() -> None:
    """A rendering looks around a few times, not a thousand."""
    source = (
        "{% for i in (1..1000) %}{% assign t = 'x' | append: i %}"
        "{{ nearest[t].name | default: '' }}{% endfor %}a"
    )

    assert said(source) == RenderProblem("render_failed", "sms.text", "budget")
    again = "{% for i in (1..500) %}{{ nearest.studio.id | slice: 0 }}{% endfor %}"
    assert said(again) == "f" * 500


def test_template_that_does_not_ask_costs_nothing() -> None:
    """Nothing is gathered or measured for a template without ``nearest``."""
    near = nearby(*STUDIOS)
    near.find = None  # type: ignore[assignment, method-assign] # whoever calls it fails

    assert said("{{ 'a' }}", near) == "a"


def test_nearest_itself_never_prints() -> None:
    """A mapping has no text form: no place is printed whole, coordinates least of all."""
    problem = RenderProblem("render_failed", "sms.text", "value")

    assert said("{{ nearest.studio }}") == problem
    assert said("{{ nearest }}") == problem
