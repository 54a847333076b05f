"""
``python -m bench.contents``: what one rendering costs, with and without looking for the nearest.

The same message each time, from scope to final text, parsed before: plain, with a fragment, in one
of two languages, and with ``nearest`` in a town of ``FENCES`` fences, for a tag that a few of them
have and for one that all have. ``--rounds`` makes it shorter. No figure is a pass line.
"""

import argparse
from collections.abc import Callable, Iterator
from statistics import median

from fencepost_channels.message import SmsContent
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.content.nearest import Nearby, Position
from fencepost_gateway.content.renderer import Renderer
from fencepost_gateway.content.scope import scope_for
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import Fragment, Template
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle

ROUNDS = 500
REPEATS = 5
FENCES = 10_000
FEW = 20
NOW_MS = 1_780_315_200_000
PERSON = Person("p", attributes={"first_name": "Mina", "points": 473}, zone="Europe/Monaco")
PLACE = FenceView("studio", "Studio", place_name="Yoga Loft", meta={"next_class": "18:30"})
TEXT = (
    "Hi {{ person.first_name | default: 'there' }}, {{ place.name }} at {{ place.meta.next_class }}"
)
FOOTER = {"footer": Fragment("footer", 1, {"text": "Luma, {{ city | default: 'Monaco' }}"})}
AT = Position(43.7505, 7.4205, 10.0, "fix", 0)


def town(count: int) -> Nearby:
    """Give fences on a grid; some have the tag ``few``, all the tag ``many``."""
    fences = [
        Fence(
            f"f{n}",
            Circle(43.7 + n // 100 * 0.001, 7.4 + n % 100 * 0.001, 40.0),
            tags=frozenset({"many", "few"} if n % (count // FEW) == 0 else {"many"}),
        )
        for n in range(count)
    ]
    views = {f.fence_id: FenceView(f.fence_id, f.fence_id, tags=f.tags) for f in fences}
    return Nearby(fences, views)


def cases() -> Iterator[tuple[str, str]]:
    """Give what is rendered."""
    yield "plain", TEXT
    yield "a fragment", TEXT + "{% render 'footer', city: 'Nice' %}"
    yield "a number and a date", TEXT + "{{ person.points | number }}{{ now | local_date }}"
    yield "nearest of few", TEXT + "{{ nearest.few.name }} {{ nearest.few.distance_m }}"
    yield "nearest of many", TEXT + "{{ nearest.many.name }} {{ nearest.many.distance_m }}"


def rendering(text: str, near: Nearby) -> Callable[[], object]:
    """Give one rendering, scope and all."""
    template = Template("t", 1, "marketing", {"sms": {"text": text}})
    renderer = Renderer()

    def render() -> object:
        roots = near.scope(AT, NOW_MS, is_marketing=True).roots()
        scope = scope_for(PERSON, PLACE, None, NOW_MS, nearest=roots)
        return renderer.render(template, "sms", scope, FOOTER, "en")

    return render


def measure(run: Callable[[], object], rounds: int, clock: SystemClock) -> float:
    """Give µs a run."""
    took_us = []
    for _ in range(REPEATS):
        start_s = clock.monotonic_s()
        for _ in range(rounds):
            run()
        took_us.append((clock.monotonic_s() - start_s) / rounds * 1e6)
    return median(took_us)


def main(rounds: int) -> None:
    """Measure every case."""
    clock, near = SystemClock(), town(FENCES)
    for name, text in cases():
        run = rendering(text, near)
        made = run()
        if not isinstance(made, SmsContent):
            raise TypeError(f"{name} did not render: {made}")
        print(f"{name}: {measure(run, rounds, clock):.0f} us")  # noqa: T201 - a benchmark prints


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(parser.parse_args().rounds)
