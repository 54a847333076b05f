"""Page: the report as Markdown. Pure; every figure comes from the run, the targets from here."""

from collections.abc import Iterator, Mapping

from bench.noise.score import Score
from bench.noise.trial import OURS, People, Result
from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT

TARGETS = {5: (40.0, 1.5, 15.0), 30: (8.0, 3.0, 30.0), 120: (4.0, 5.0, 120.0)}
"""Interval: times fewer wrong ENTERs, points missed, seconds of delay; against bare containment."""

HEAD = """\
# How often is a geofence wrong?

Written by `make bench-noise`; do not edit.

Simulated people walk the streets of {town}: {people} of them for {hours:.0f} hours each, with
{fences} fences around its places (circles of 30 to 120 m, and polygons). They walk, sometimes ride,
stay (median 7 min), and pass by other fences. Receivers err as they do: errors that persist
for half a minute, 6 m under open sky, 18 m between buildings, 20 to 40 m indoors (68 % radius);
accuracy misjudged by a third; one fix in fifty starts a burst of outliers of 50 to 300 m that claim
to be as good as any; 3 % are missing. Seeds are fixed; those used for tuning are not reported.

- A **visit** is required when somebody is inside for max(60 s, two intervals) in one piece;
  absences shorter than that, or within 10 m of the fence, split no visit.
- **Wrong**: ENTERs in no visit (30 s before to 30 s after it), and more ENTERs in a visit than
  somebody came in, per device and day.
- **Missed**: required visits without an ENTER of their own.
- **Delay**: from the first second inside to the ENTER of a required visit.

Every rule hears the same fixes. The evidence filter enters at P(inside) = {enter:g} and leaves at
{leave:g}.

![Wrong ENTERs against missed visits, by rule, interval and thresholds](images/noise.svg)
"""

ODD = """
## Receivers the filter was not made for

The same people, other receivers; each compared with bare containment on the same fixes. Asked for:
at least half of the gain.

"""


def render(
    crowd: People, results: Mapping[int, Result], robust: Mapping[str, Mapping[int, Result]]
) -> str:
    """Write the page."""
    parts = [_head(crowd), *_against_targets(results)]
    for interval_s, result in results.items():
        parts += ["", f"## A fix every {interval_s} s", "", *_rules(result)]
        parts += ["", "Thresholds (enter, leave) of the evidence filter:", "", *_curve(result)]
    parts += [ODD.rstrip(), "", *_robust(robust), ""]
    return "\n".join(parts)


def _head(crowd: People) -> str:
    return HEAD.format(
        town=crowd.town.name,
        people=len(crowd.days),
        hours=len(crowd.days[0].points) / 3600,
        fences=len(crowd.town.places),
        enter=ENTER_AT,
        leave=LEAVE_AT,
    )


def _against_targets(results: Mapping[int, Result]) -> Iterator[str]:
    yield "| A fix every | wrong, against bare | target | missed | target | delay p50 | target |"
    yield "|---|---|---|---|---|---|---|"
    for interval_s, result in results.items():
        gain, points, delay_s = TARGETS[interval_s]
        ours = result.scores[OURS]
        later_s = ours.delay_s(50) - result.bare.delay_s(50)
        yield (
            f"| {interval_s} s "
            f"| {_times(result, ours)} {_said(result.gain(ours) >= gain)} | 1/{gain:g} "
            f"| {result.missed_points(ours):+.1f} {_said(result.missed_points(ours) <= points)} "
            f"| +{points:g} | {later_s:+.0f} s {_said(later_s <= delay_s)} | +{delay_s:g} s |"
        )


def _said(is_reached: bool) -> str:  # noqa: FBT001 (reads as a word where it is called)
    return "(reached)" if is_reached else "(**missed**)"


def _times(result: Result, score: Score) -> str:
    gain = result.gain(score)
    return f"1/{gain:.0f}" if gain >= 20 else f"1/{gain:.1f}" if gain >= 1 else f"{1 / gain:.1f}x"


HEADER = (
    "| | wrong a day | of them false | against bare | missed | against bare | delay p50 | p90 |\n"
    "|---|---|---|---|---|---|---|---|"
)


def _rules(result: Result) -> Iterator[str]:
    yield HEADER
    for name, score in result.scores.items():
        yield _row(name, result, score)


def _curve(result: Result) -> Iterator[str]:
    yield HEADER
    for (enter_at, leave_at), score in result.curve.items():
        yield _row(f"{enter_at:g}, {leave_at:g}", result, score)


def _row(name: str, result: Result, score: Score) -> str:
    return (
        f"| {name} | {score.wrong_per_day:.0f} | {score.false / score.days:.0f} "
        f"| {_times(result, score)} | {100 * score.missed_share:.1f} % "
        f"| {result.missed_points(score):+.1f} "
        f"| {score.delay_s(50):.0f} s | {score.delay_s(90):.0f} s |"
    )


def _robust(robust: Mapping[str, Mapping[int, Result]]) -> Iterator[str]:
    intervals = list(next(iter(robust.values())))
    yield "| | " + " | ".join(f"{i} s: wrong, missed" for i in intervals) + " |"
    yield "|---|" + "---|" * len(intervals)
    for name, results in robust.items():
        cells = [
            f"{_times(one, one.scores[OURS])}, {one.missed_points(one.scores[OURS]):+.1f}"
            for one in results.values()
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"
