"""
Scenarios: fixes in, transitions out, for whoever writes the tracker a second time.

Each scenario says in its own words (``story``) what has to happen; that is checked by hand. The
golden vectors in ``sdk/wire/vectors/geofence`` hold the same in full, to the millisecond and the
millimetre. ``make vectors`` writes them anew, and refuses where a story is not what happens.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fencepost_geofence import geojson
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.state import Transition, unseen
from fencepost_geofence.tracker import Tracker

FOLDER = Path(__file__).resolve().parents[2] / "sdk" / "wire" / "vectors" / "geofence"
NOON_MS = 1_780_000_000_000
LAT, LON = 50.0, 7.0
METRES_PER_DEGREE = 111_195.08

_ROW = re.compile(r"\[[^\[\]{}]+\]")

Row = list[Any]
"""at_ms, lat, lon, accuracy_m or null, whether it is mocked."""


@dataclass(frozen=True)
class Scenario:
    """
    One vector.

    Attributes:
        name: Of its file.
        about: What it shows, in one sentence.
        fences: GeoJSON features.
        when: Uploads (lists of fixes) and moments of timers.
        story: What is told, in short, in order.

    """

    name: str
    about: str
    fences: list[dict[str, Any]]
    when: list[dict[str, Any]]
    story: list[str]
    dropped: dict[str, int] = field(default_factory=dict)


def row(
    at_s: float,
    east_m: float = 0,
    north_m: float = 0,
    accuracy_m: float | None = 8,
    *,
    mock: bool = False,
    lon: float = LON,
) -> Row:
    """Take a fix so many metres from the middle of the cafe."""
    east_deg = east_m / (METRES_PER_DEGREE * math.cos(math.radians(LAT)))
    place = [
        round(LAT + north_m / METRES_PER_DEGREE, 7),
        round((lon + east_deg + 540) % 360 - 180, 7),
    ]
    return [NOON_MS + round(at_s * 1000), *place, accuracy_m, mock]


def way(
    from_s: float, to_s: float, every_s: float, metres: Iterable[float], **more: Any
) -> list[Row]:
    """Walk from one distance north of the cafe to another."""
    start_m, end_m = metres
    count = round((to_s - from_s) / every_s)
    return [
        row(from_s + i * every_s, north_m=start_m + (end_m - start_m) * i / count, **more)
        for i in range(count + 1)
    ]


def upload(*parts: list[Row]) -> dict[str, Any]:
    """Send fixes in one upload."""
    return {"fixes": [one for part in parts for one in part]}


def timer(at_s: float) -> dict[str, Any]:
    """Let a timer run."""
    return {"tick_ms": NOON_MS + round(at_s * 1000)}


def circle(
    fence_id: str = "cafe", radius_m: float = 60, lon: float = LON, **more: Any
) -> dict[str, Any]:
    """Draw a circle around the middle."""
    return {
        "type": "Feature",
        "id": fence_id,
        "geometry": {"type": "Point", "coordinates": [lon, LAT]},
        "properties": {"radius_m": radius_m, **more},
    }


def square(fence_id: str, half_m: float, hole_m: float = 0, **more: Any) -> dict[str, Any]:
    """Draw a square around the middle, perhaps with a square hole."""
    rings = [_ring(half_m)] + ([_ring(hole_m)] if hole_m else [])
    return {
        "type": "Feature",
        "id": fence_id,
        "geometry": {"type": "Polygon", "coordinates": rings},
        "properties": more,
    }


def _ring(half_m: float) -> list[list[float]]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return [row(0, half_m * x, half_m * y)[2:0:-1] for x, y in corners]


IN, OUT = (300, 0), (0, 300)  # metres north of the cafe: to its middle, and back

SCENARIOS = [
    Scenario(
        "one_visit",
        "Walking in, sitting, walking out is one ENTER and one EXIT.",
        [circle()],
        [upload(way(0, 200, 5, IN), way(205, 500, 5, (0, 0))), upload(way(505, 705, 5, OUT))],
        ["enter cafe", "exit cafe"],
    ),
    Scenario(
        "passing_by",
        "Whoever walks by at a distance is told of nothing.",
        [circle()],
        [upload(way(0, 400, 5, (300, 130)), way(405, 805, 5, (130, 300)))],
        [],
    ),
    Scenario(
        "one_outlier_inside",
        "One fix inside among many outside is an outlier, however good it claims to be.",
        [circle()],
        [
            upload(
                way(0, 300, 5, (200, 200)), [row(305, accuracy_m=3)], way(310, 600, 5, (200, 200))
            )
        ],
        [],
    ),
    Scenario(
        "one_outlier_outside",
        "One fix outside among many inside ends no visit.",
        [circle()],
        [
            upload(
                way(0, 300, 5, IN),
                way(305, 600, 5, (0, 0)),
                [row(605, 0, 250, 3)],
                way(610, 900, 5, (0, 0)),
            )
        ],
        ["enter cafe"],
    ),
    Scenario(
        "on_the_boundary",
        "Whoever stands on the boundary enters at most once.",
        [circle()],
        [
            upload(
                way(0, 200, 5, (300, 60)),
                [row(205 + 5 * i, 0, 60 + 12 * math.sin(2.4 * i)) for i in range(120)],
            )
        ],
        ["enter cafe"],
    ),
    Scenario(
        "already_inside",
        "The first fix of a device lies inside: an initial ENTER.",
        [circle()],
        [upload(way(0, 60, 5, (0, 0)))],
        ["enter cafe initial"],
    ),
    Scenario(
        "accuracy_unknown",
        "Null, zero and negative accuracy are unknown (65 m), never perfect.",
        [circle(radius_m=400)],
        [
            upload(
                way(0, 400, 20, (900, 600), accuracy_m=None),
                way(420, 800, 20, (600, 0), accuracy_m=0),
                way(820, 1200, 20, (0, 0), accuracy_m=-1),
            )
        ],
        ["enter cafe"],
    ),
    Scenario(
        "too_coarse_for_the_fence",
        "A fix of 800 m can tell of a district and never of a shop.",
        [circle(), circle("district", 3000)],
        [
            upload(way(0, 600, 60, (9000, 9000), accuracy_m=800)),
            upload(way(1200, 2400, 60, (0, 0), accuracy_m=800)),
        ],
        ["enter district"],
    ),
    Scenario(
        "what_cannot_speak",
        "Null island, mocked and impossible positions are dropped; a leap decides nothing.",
        [circle(), circle("far", 500, lon=LON + 1)],
        [
            upload(
                way(0, 60, 5, (500, 500)),
                [
                    [NOON_MS + 62_000, 0.0, 0.0, 5, False],
                    row(63, mock=True),
                    [NOON_MS + 64_000, 91.0, 7.0, 5, False],
                    row(65, lon=LON + 1),
                ],
                way(70, 120, 5, (500, 500)),
            )
        ],
        [],
        {"null_island": 1, "mock": 1, "bad_position": 1},
    ),
    Scenario(
        "duplicates",
        "The same fixes again, at once or later, change nothing.",
        [circle()],
        [
            upload(way(0, 200, 5, IN)),
            upload(way(0, 200, 5, IN)),
            upload(way(150, 300, 5, (20, 20))),
        ],
        ["enter cafe"],
        {"duplicate": 44},
    ),
    Scenario(
        "dwell",
        "Each threshold once, then one every repeat, by fixes and timers alike.",
        [circle(dwell_after=["2m", "5m"], dwell_repeat="10m")],
        [
            upload(way(0, 200, 5, IN), way(205, 400, 5, (0, 0))),
            timer(500),
            timer(900),
            timer(2000),
            upload(way(2100, 2200, 5, (0, 0))),
        ],
        ["enter cafe", "dwell 120 cafe", "dwell 300 cafe", "dwell 900 cafe", "dwell 1500 cafe"],
    ),
    Scenario(
        "expire",
        "An hour without evidence ends a visit, not by EXIT; who is still there enters initially.",
        [circle()],
        [upload(way(0, 200, 5, IN)), timer(3000), timer(4000), upload(way(8000, 8200, 5, (0, 0)))],
        ["enter cafe", "expire cafe", "enter cafe initial"],
    ),
    Scenario(
        "expire_and_elsewhere",
        "Who was seen outside after the visit expired enters as usual.",
        [circle(presence_ttl="15m")],
        [
            upload(way(0, 200, 5, IN)),
            timer(4000),
            upload(way(8000, 8200, 5, (400, 300))),
            upload(way(8205, 8400, 5, IN)),
        ],
        ["enter cafe", "expire cafe", "enter cafe"],
    ),
    Scenario(
        "cooldown",
        "Back within the cooldown is the same visit; the EXIT waits until it is over.",
        [circle(cooldown="10m")],
        [
            upload(way(0, 200, 5, IN), way(205, 400, 5, OUT)),
            timer(500),
            upload(way(505, 700, 5, IN), way(705, 900, 5, OUT)),
            timer(1300),
            timer(1500),
        ],
        ["enter cafe", "exit cafe"],
    ),
    Scenario(
        "a_late_upload_tells_a_visit",
        "Fixes that come late tell the visit they saw, and say so.",
        [circle()],
        [
            upload(way(0, 100, 5, (300, 300))),
            upload(way(500, 560, 5, (300, 300))),
            upload(way(105, 280, 5, IN), way(285, 480, 5, OUT)),
        ],
        ["enter cafe late", "exit cafe late"],
    ),
    Scenario(
        "a_late_upload_takes_a_visit_back",
        "What the sorted track lacks is taken back: the ENTER by an EXIT.",
        [circle()],
        [
            upload(way(0, 60, 10, (200, 200))),
            upload([row(120, 0, 20, 4), row(150, 0, 40, 4)]),
            upload(
                way(65, 119, 2, (200, 200)),
                way(121, 149, 2, (200, 200)),
                way(151, 220, 2, (200, 200)),
            ),
        ],
        ["enter cafe", "exit cafe superseded"],
    ),
    Scenario(
        "too_late",
        "A fix older than the newest by more than ten minutes decides nothing.",
        [circle()],
        [
            upload(way(0, 100, 5, (300, 300))),
            upload([row(1000, 0, 300)]),
            upload(way(105, 380, 5, (0, 0))),
        ],
        [],
        {"late": 56},
    ),
    Scenario(
        "settled",
        "A fence that emits settled is told of once no late fix can change it.",
        [circle(emit="settled")],
        [upload(way(0, 200, 5, IN), way(205, 400, 5, OUT)), timer(700), timer(900), timer(1200)],
        ["enter cafe", "exit cafe"],
    ),
    Scenario(
        "thresholds_of_a_fence",
        "A fence may ask for more certainty than others.",
        [circle("careful", enter_at=0.95), circle("usual")],
        [upload(way(0, 120, 10, (120, 52)), way(130, 250, 10, (52, 52), accuracy_m=40))],
        ["enter usual"],
    ),
    Scenario(
        "passing_through",
        "Two fixes on either side of a fence that asks: it was passed, once.",
        [circle("door", 30, **{"pass": True}), circle("mute", 30)],
        [
            upload([row(0, 0, 200), row(30, 0, 150), row(45, 0, -150), row(60, 0, -200)]),
            upload([row(90, 0, -100), row(105, 0, 100)]),
        ],
        ["pass door"],
    ),
    Scenario(
        "approaching",
        "Straight towards a fence that asks, and there in two minutes: told once.",
        [circle("door", 30, approach_s=120), circle("mute", 30)],
        [upload(way(0, 200, 20, (900, 620))), upload(way(220, 600, 20, (592, 60)))],
        ["approach door"],
    ),
    Scenario(
        "hole",
        "A hole is outside.",
        [square("ring", 400, hole_m=200)],
        [
            upload(
                way(0, 300, 5, (700, 300)), way(305, 500, 5, (300, 0)), way(505, 700, 5, (0, -300))
            )
        ],
        ["enter ring", "exit ring", "enter ring"],
    ),
    Scenario(
        "antimeridian",
        "A fence across the seam at 180 degrees is as any other.",
        [circle("seam", lon=180.0)],
        [upload([row(5 * i, east_m=300 - 7.5 * i, lon=180.0) for i in range(81)])],
        ["enter seam", "exit seam"],
    ),
]


def play(scenario: Scenario) -> dict[str, Any]:
    """Run a scenario; give its vector."""
    reading = geojson.read({"type": "FeatureCollection", "features": scenario.fences})
    assert reading.problems == [], reading.problems
    then, dropped = run(scenario.fences, scenario.when)
    assert [short(one) for step in then for one in step] == scenario.story, scenario.name
    assert dropped == scenario.dropped, (scenario.name, dropped)
    return {
        "about": scenario.about,
        "given": {"fences": scenario.fences},
        "when": scenario.when,
        "then": {"told": [[plain(one) for one in step] for step in then], "dropped": dropped},
    }


def run(
    fences: list[dict[str, Any]], when: list[dict[str, Any]]
) -> tuple[list[list[Transition]], dict[str, int]]:
    """Let a device move; give what is told step by step, and what is dropped in all."""
    reading = geojson.read({"type": "FeatureCollection", "features": fences})
    tracker, state = Tracker(FenceIndex(reading.fences)), unseen()
    told: list[list[Transition]] = []
    dropped: dict[str, int] = {}
    for step in when:
        if "tick_ms" in step:
            told.append(tracker.tick(state, step["tick_ms"]))
            continue
        fixes = [
            Fix(at_ms, lat, lon, accuracy_m, is_mock=is_mock)
            for at_ms, lat, lon, accuracy_m, is_mock in step["fixes"]
        ]
        followed = tracker.follow(state, fixes)
        told.append(followed.transitions)
        for reason, count in followed.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return told, dropped


def plain(one: Transition) -> dict[str, Any]:
    """Give a transition as its vector holds it; distances to the micrometre."""
    body: dict[str, Any] = msgspec.to_builtins(one)
    return {
        member: round(value, 6) if isinstance(value, float) else value
        for member, value in body.items()
    }


def short(one: Transition) -> str:
    """Tell a transition in a few words."""
    words = [one.kind, str(one.after_s) if one.after_s else "", one.fence_id]
    words += [flag for flag in ("initial", "late", "superseded") if getattr(one, flag)]
    return " ".join(word for word in words if word)


def main() -> None:
    """Write the vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for scenario in SCENARIOS:
        text = json.dumps(play(scenario), indent=1)
        text = _ROW.sub(lambda found: " ".join(found[0].split()), text)  # a fix a line
        (FOLDER / f"{scenario.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
