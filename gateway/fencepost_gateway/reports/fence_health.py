"""
Fence health: which fences need mending, and what to do.

Pure: fences and what was counted of them (``fence_counts``) in, figures and advice out. No person,
device or position is in either.

Rule 1. Figures are of the days asked for, by UTC. A fence no fix fell into has none and is not
        judged: there is nothing to say of it yet.
Rule 2. Accuracy is the median of what receivers claimed near the fence, of fixes fine enough to
        speak of it; positions coarser than that are ``low_accuracy``, and would hide what phones
        with a precise position see there.
Rule 3. A finding needs enough cases that chance does not make it, and goes with one advice. Fences
        come in order of ``hurts``: the share that goes wrong times the fixes that came by, so that
        a little trouble at the station goes before a lot of it in the woods.
Rule 4. The delay of an ENTER runs from the estimated crossing to the deciding fix, by the device's
        clock. How late uploads come is no matter of the fence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from math import ceil
from typing import Final, Literal

from msgspec import Struct, structs

from fencepost_gateway.reports.fence_counts import (
    ACCURACY,
    AGAIN_MS,
    DELAY,
    ENTERS,
    FLAPS,
    MIRRORED,
    SENT,
    TAKEN_BACK,
    median,
    spread,
)
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import COARSE_M
from fencepost_geofence.shapes import Circle
from fencepost_geofence.verdict import COARSE_SIZES

Code = Literal["too_small", "flapping", "undecided", "slow", "unentered", "mirrored"]

UNDECIDED: Final = (
    "oscillating",
    "one_fix",
    "low_accuracy",
    "implausible_speed",
    "stale",
)
EDGE: Final = ("oscillating", "one_fix")  # what happens when a fence is small for its receivers
FEW_FIXES: Final = 30
FEW_VISITS: Final = 5
FEW_FLAPS: Final = 3
UNSURE: Final = 100  # fixes without a visit that are no chance any more

FLAP_RATE: Final = 0.1
UNDECIDED_SHARE: Final = 0.2
SLOW_S: Final = 120
HOPELESS_S: Final = 600  # by then whoever came for a coffee has gone
ROOM: Final = 1.05  # medians are off by that at most: who follows the advice is not told again

WHY: Final[Mapping[str, str]] = {
    "oscillating": "people linger on its edge: move the edge to where nobody does",
    "one_fix": "one fix alone leaves it open: let the app ask for positions more often nearby",
    "low_accuracy": "positions are too coarse for it: phones that give only an approximate one "
    "enter districts, not shops",
    "implausible_speed": "positions jump about: receivers at fault, or made-up tracks",
    "stale": "positions come too late or out of order: see whether the app holds them back",
}


class Finding(Struct, frozen=True):
    """Something to mend: what, how many fixes it hurts, and what to do."""

    code: Code
    hurts: int
    advice: str


class FenceHealth(Struct, frozen=True):
    """
    The figures of one fence, and what follows.

    ``undecided`` counts fixes by reason, ``sends`` the deliveries its transitions caused. Shares
    and medians are None where there is nothing to take them of; ``accuracy_m`` and
    ``enter_delay_s`` are at most 5 % off (``fence_counts``).
    """

    fence_id: str
    name: str
    size_m: float
    fixes: int
    undecided: dict[str, int]
    undecided_share: float | None
    enters: int
    flaps: int
    flap_rate: float | None
    taken_back: int
    sends: int
    sends_per_visit: float | None
    enter_delay_s: int | None
    accuracy_m: int | None
    findings: tuple[Finding, ...]

    @property
    def hurts(self) -> int:
        """Give how many fixes came to harm, to sort by."""
        return sum(finding.hurts for finding in self.findings)


class Ranking(Struct, frozen=True):
    """
    The worst of many fences.

    Attributes:
        rows: Worst first, as many as were asked for.
        seen: How many fences a fix fell into.
        ailing: How many of these have findings.
        fixes: How many came by each.

    """

    rows: list[FenceHealth]
    seen: int
    ailing: int
    fixes: dict[str, int]


def ranked(fences: Iterable[Fence], counts: Mapping[str, Mapping[str, int]], most: int) -> Ranking:
    """Judge the fences that a fix fell into, and keep the ``most`` worst (rules 1 and 3)."""
    fixes: dict[str, int] = {}
    ailing = 0

    def judged() -> Iterator[FenceHealth]:
        nonlocal ailing
        for fence in fences:
            if counted := counts.get(fence.fence_id):
                one = health_of(fence, counted)
                fixes[one.fence_id] = one.fixes
                ailing += bool(one.findings)
                yield one

    rows = nsmallest(most, judged(), key=lambda one: (-one.hurts, -one.fixes, one.fence_id))
    return Ranking(rows, len(fixes), ailing, fixes)


def health_of(fence: Fence, counts: Mapping[str, int]) -> FenceHealth:
    """Judge one fence."""
    undecided = {reason: counts[reason] for reason in UNDECIDED if counts.get(reason)}
    fixes = counts.get("decided", 0) + sum(undecided.values())
    enters, flaps = counts.get(ENTERS, 0), counts.get(FLAPS, 0)
    size_m = fence.size_m
    finest_m = max(COARSE_M, COARSE_SIZES * size_m)
    seen = {m: count for m, count in spread(counts, ACCURACY).items() if m <= finest_m}
    accuracy_m, delay_s = median(seen), median(spread(counts, DELAY))
    bare = FenceHealth(
        fence_id=fence.fence_id,
        name=fence.name,
        size_m=round(size_m, 1),
        fixes=fixes,
        undecided=undecided,
        undecided_share=_share(sum(undecided.values()), fixes),
        enters=enters,
        flaps=flaps,
        flap_rate=_share(flaps, enters),
        taken_back=counts.get(TAKEN_BACK, 0),
        sends=counts.get(SENT, 0),
        sends_per_visit=_share(counts.get(SENT, 0), enters),
        enter_delay_s=None if delay_s is None else round(delay_s),
        accuracy_m=None if accuracy_m is None else round(accuracy_m),
        findings=(),
    )
    return _with_findings(bare, fence, counts.get(MIRRORED, 0))


def _with_findings(one: FenceHealth, fence: Fence, mirrored: int) -> FenceHealth:
    small = _too_small(one, fence)
    slow, flapping = _slow(one), _flapping(one, fence)
    explained = EDGE if small else ("one_fix",) if slow else ()
    found = (small, slow, flapping, _undecided(one, explained))
    said = [finding for finding in found if finding is not None]
    if not said and not one.enters and one.fixes >= UNSURE:
        advice = f"{one.fixes} fixes fell into it, none sure enough: is it too small, or misplaced?"
        said = [Finding("unentered", 0, advice)]
    if mirrored:
        advice = (
            f"{mirrored} uploads would be near it with latitude and longitude swapped, and are "
            "near no fence: is it drawn the wrong way round, or does a client send them so?"
        )
        said.append(Finding("mirrored", mirrored, advice))
    said.sort(key=lambda finding: -finding.hurts)
    return structs.replace(one, findings=tuple(said))


def _too_small(one: FenceHealth, fence: Fence) -> Finding | None:
    accuracy_m, size_m = one.accuracy_m, one.size_m
    if accuracy_m is None or one.fixes < FEW_FIXES or size_m * ROOM > accuracy_m:
        return None
    wanted_m = rounded_up(accuracy_m * ROOM)
    seen = f"smaller than the {accuracy_m} m accuracy usually seen here"
    if isinstance(fence.shape, Corridor):
        what = f"half its width, {size_m:.0f} m, is {seen}: widen it to about {2 * wanted_m} m"
    elif isinstance(fence.shape, Circle):
        what = f"{size_m:.0f} m is {seen}: enlarge its radius to about {wanted_m} m"
    else:
        what = (
            f"no larger than a circle of {size_m:.0f} m radius, it is {seen}: "
            f"enlarge it to about {wanted_m} m"
        )
    return _finding("too_small", 1 - size_m / accuracy_m, one, f"{what}, or expect misses")


def _flapping(one: FenceHealth, fence: Fence) -> Finding | None:
    if one.flap_rate is None or one.flaps < FEW_FLAPS or one.flap_rate < FLAP_RATE:
        return None
    minutes = AGAIN_MS // 60_000
    mend = f"set cooldown: {minutes}m" if fence.cooldown_s * 1000 < AGAIN_MS else "enlarge it"
    advice = (
        f"{one.flaps} of {one.enters} visits began within {minutes} min of the one before: "
        f"{mend}, or move its edge off where people wait"
    )
    return _finding("flapping", one.flap_rate, one, advice)


def _undecided(one: FenceHealth, explained: tuple[str, ...]) -> Finding | None:
    share = one.undecided_share
    if share is None or one.fixes < FEW_FIXES or share < UNDECIDED_SHARE:
        return None
    reason = max(one.undecided, key=lambda each: one.undecided[each])
    if reason in explained:
        return None  # another finding has said why
    return _finding(
        "undecided", share, one, f"{100 * share:.0f} % of its fixes decide nothing; {WHY[reason]}"
    )


def _slow(one: FenceHealth) -> Finding | None:
    delay_s = one.enter_delay_s
    if delay_s is None or one.enters < FEW_VISITS or delay_s < SLOW_S:
        return None
    advice = (
        f"half of the visits are noticed {delay_s / 60:.0f} min after they began, or later: let "
        "the app ask for positions more often nearby, or enlarge it towards where people come from"
    )
    return _finding("slow", min(1.0, delay_s / HOPELESS_S), one, advice)


def _finding(code: Code, share: float, one: FenceHealth, advice: str) -> Finding:
    return Finding(code, round(share * one.fixes), advice)


def rounded_up(metres: float) -> int:
    """Round up to what people would type: 5 below 100, 10 below 1000, else 100."""
    step = 5 if metres <= 100 else 10 if metres <= 1000 else 100  # noqa: PLR2004 - as said above
    return ceil(metres / step) * step


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
