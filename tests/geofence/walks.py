"""Walks, the ways in which they arrive, and what is left of a story once it is settled."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import msgspec
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import METRES_PER_DEGREE
from fencepost_geofence.state import DeviceState, FenceState, Transition, unseen
from fencepost_geofence.tracker import Tracker
from fencepost_geofence.trail import HORIZON_MS
from geofence.positions import area_of, star

HOME = (50.0, 7.0)
EAST_M = METRES_PER_DEGREE * math.cos(math.radians(HOME[0]))
BEGIN_MS = 1_700_000_000_000

# One of each kind, all where the walks go.
TOWN = (
    Fence("cafe", Circle(*HOME, 60), dwell_after_s=(120, 600), dwell_repeat_s=300),
    Fence("kiosk", Circle(50.002, 7.0, 80), dwell_after_s=(60,), presence_ttl_s=150),
    Fence("gate", Circle(50.0005, 7.0005, 70), cooldown_s=300, dwell_after_s=(200,)),
    Fence("quarter", area_of(star(50.001, 7.0, [400, 250, 300, 350, 200])), dwell_after_s=(60,)),
    Fence("park", Circle(50.001, 7.001, 150), enter_at=0.9, leave_at=0.4),
    Fence("shop", Circle(50.0, 7.001, 60), emit="settled", dwell_after_s=(90,), dwell_repeat_s=90),
    Fence("hall", Circle(50.0015, 7.0, 90), emit="settled", cooldown_s=120, presence_ttl_s=300),
    Fence("town", Circle(*HOME, 700), dwell_after_s=(1_800,), presence_ttl_s=2_400),
)
SETTLED = tuple(fence for fence in TOWN if fence.emit == "settled")


def fix_at(at_s: float, north_m: float, east_m: float = 0.0, accuracy_m: float | None = 10) -> Fix:
    """Take a fix so many seconds after the beginning, so many metres from home."""
    lat, lon = HOME[0] + north_m / METRES_PER_DEGREE, HOME[1] + east_m / EAST_M
    return Fix(BEGIN_MS + round(at_s * 1000), lat, lon, accuracy_m)


@dataclass(frozen=True)
class CheckIn:
    """Somebody proves to be in a fence."""

    at_ms: int
    fence_id: str


Evidence = Fix | CheckIn


@dataclass(frozen=True)
class Arrival:
    """An upload, or (with nothing in it) a tick, at the server's time."""

    fixes: tuple[Evidence, ...]
    now_ms: int

    def __repr__(self) -> str:
        """Say in short what comes: seconds, metres north and east, accuracy."""
        said = ", ".join(_short(fix) for fix in self.fixes) or "tick"
        return f"<{(self.now_ms - BEGIN_MS) / 1000:g}: {said}>"


def _short(fix: Evidence) -> str:
    at_s = (fix.at_ms - BEGIN_MS) / 1000
    if isinstance(fix, CheckIn):
        return f"{at_s:g}s in {fix.fence_id}"
    north_m = (fix.lat - HOME[0]) * METRES_PER_DEGREE
    east_m = (fix.lon - HOME[1]) * EAST_M
    return f"{at_s:g}s {north_m:.0f}n {east_m:.0f}e ~{fix.accuracy_m}"


def in_short(one: Transition) -> str:
    """Say in short what was told."""
    marks = "late " * one.late + "initial " * one.initial + "superseded " * one.superseded
    at_s, visit_s = (one.at_ms - BEGIN_MS) / 1000, (one.visit_ms - BEGIN_MS) / 1000
    return f"{marks}{one.kind} {one.fence_id} {one.after_s or ''} {at_s:g}s (visit {visit_s:g}s)"


@st.composite
def walks(draw: st.DrawFn, longest: int = 60) -> list[Fix]:
    """Walk, sit, ride, fall silent; the receiver is fine, coarse, mute about it, or far off."""
    fixes: list[Fix] = []
    at_s = north_m = east_m = 0.0
    legs = st.tuples(
        st.integers(1, 20),
        st.sampled_from([1, 5, 15, 30, 60, 120, 300]),
        st.sampled_from([0.0, 0.0, 0.7, 1.4, 8.0]),
        st.floats(0, 2 * math.pi),
        st.sampled_from([None, 3.0, 20.0, 20.0, 800.0]),
        st.sampled_from([0] * 6 + [700, 3_700, 9_000]),
    )
    for count, every_s, speed_mps, course, accuracy_m, silence_s in draw(
        st.lists(legs, min_size=1, max_size=8)
    ):
        at_s += silence_s
        for _ in range(count):
            if len(fixes) == longest:
                return fixes
            at_s += every_s + draw(st.sampled_from([0, 0, 0.5]))
            north_m += speed_mps * every_s * math.cos(course)
            east_m += speed_mps * every_s * math.sin(course)
            if abs(north_m) > 600 or abs(east_m) > 600:  # back to where the fences are
                north_m = east_m = 0.0
            off = draw(st.sampled_from([(0, 0)] * 6 + [(30, -40), (-80, 20), (250, 100), (9e4, 0)]))
            fixes.append(fix_at(at_s, north_m + off[0], east_m + off[1], accuracy_m))
            if draw(st.sampled_from([False] * 19 + [True])):  # the same moment, somewhere else
                fixes.append(fix_at(at_s, north_m + 90, east_m, draw(st.sampled_from([None, 9]))))
    return fixes


@st.composite
def evidence(draw: st.DrawFn) -> list[Evidence]:
    """Walk, and check in now and then, wherever the receiver believes to be."""
    found: list[Evidence] = [*draw(walks())]
    begin_ms, end_ms = found[0].at_ms, found[-1].at_ms
    places = st.sampled_from([fence.fence_id for fence in TOWN])
    moments = st.sampled_from([one.at_ms for one in found]) | st.integers(
        begin_ms // 1000 - 700, end_ms // 1000 + 700
    ).map(lambda at_s: at_s * 1000)
    found += draw(st.lists(st.builds(CheckIn, moments, places), max_size=6))
    return sorted(found, key=attrgetter("at_ms"))


@st.composite
def arrivals(
    draw: st.DrawFn, fixes: Sequence[Evidence], *, ticks: bool = True, far: bool = False
) -> list[Arrival]:
    """
    Let fixes arrive, each at most ten minutes after it was taken, in uploads of any size.

    Some come twice. Between uploads time passes on the server, or does not. ``far``: the server's
    time may be hours ahead of what comes, as if all had waited for a network.
    """
    delays = st.sampled_from([0, 0, 0, 1, 40_000, 200_000, HORIZON_MS])
    coming = [(one.at_ms + draw(delays), number) for number, one in enumerate(fixes)]
    for now_ms, number in coming[:]:
        if draw(st.sampled_from([False] * 4 + [True])):
            coming.append((now_ms + draw(st.sampled_from([0, 3, 50_000])), number))
    coming.sort()
    out: list[Arrival] = []
    while coming:
        size = draw(st.sampled_from([1, 1, 1, 2, 3, 8, 100]))
        group, coming = coming[:size], coming[size:]
        now_ms = group[-1][0]
        out.append(Arrival(tuple(fixes[number] for _, number in group), now_ms))
        if ticks and draw(st.booleans()):
            idle_ms = draw(st.sampled_from([0, 1_000, 60_000, 600_000, 5_000_000]))
            # Who waits for the server's time to be sure must not be told that it is later than it
            # is: a fix still to come is at most ten minutes old when it comes.
            most_ms = coming[0][0] - 1 if coming and not far else now_ms + idle_ms
            if most_ms >= now_ms:
                out.append(Arrival((), min(most_ms, now_ms + idle_ms)))
    return out


def stored(state: DeviceState) -> DeviceState:
    """Save a state, and load it."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DeviceState)


def take(tracker: Tracker, state: DeviceState, one: Arrival) -> list[Transition]:
    """Take an upload in order of time, or a tick."""
    if not one.fixes:
        return tracker.tick(state, one.now_ms)
    told: list[Transition] = []
    in_time = sorted(one.fixes, key=attrgetter("at_ms"))
    for is_fixes, run in groupby(in_time, key=lambda each: isinstance(each, Fix)):
        if is_fixes:
            told += tracker.follow(
                state, [each for each in run if isinstance(each, Fix)]
            ).transitions
        else:
            for each in run:
                assert isinstance(each, CheckIn)
                told += tracker.check_in(state, each.fence_id, each.at_ms).transitions
    return told


def told_by(
    tracker: Tracker, coming: Iterable[Arrival], *, store: bool = True
) -> tuple[DeviceState, list[Transition]]:
    """Let everything arrive; give the state, and all that was told."""
    state = unseen()
    told: list[Transition] = []
    for one in coming:
        told += take(tracker, state, one)
        if store:
            state = stored(state)
    return state, told


def by_fence(told: Iterable[Transition]) -> dict[str, list[Transition]]:
    """Give the transitions of each fence."""
    stories: dict[str, list[Transition]] = {}
    for one in told:
        stories.setdefault(one.fence_id, []).append(one)
    return stories


UNDOES = {"enter": ("exit", "expire"), "exit": ("enter",), "dwell": ("dwell",)}


def settled(told: Iterable[Transition]) -> dict[str, list[Transition]]:
    """Give what stands of each fence: what is superseded goes with what it takes back."""
    stands: dict[str, list[Transition]] = {}
    for fence_id, story in by_fence(told).items():
        kept: list[Transition] = []
        for one in story:
            if not one.superseded:
                kept.append(one)
                continue
            gone = kept.pop()
            assert gone.kind in UNDOES[one.kind]
            assert gone.after_s == one.after_s
            assert gone.visit_ms == one.visit_ms
        if kept:
            stands[fence_id] = kept
    return stands


def assert_alternates(told: Iterable[Transition]) -> None:
    """Never two ENTERs of a fence without an EXIT or EXPIRE between, and no DWELL outside."""
    for story in by_fence(told).values():
        is_inside = False
        for one in story:
            if one.kind == "dwell":
                assert is_inside
            else:
                assert (one.kind == "enter") is not is_inside
                is_inside = not is_inside


Said = dict[str, list[tuple[str, int | None, bool]]]


def said(told: Iterable[Transition]) -> Said:
    """Give what stands of each fence: kind, threshold, and whether it was initial."""
    return {
        fence_id: [(one.kind, one.after_s, one.initial) for one in story]
        for fence_id, story in settled(told).items()
    }


def held(state: DeviceState) -> dict[str, FenceState]:
    """Give what is held of each fence, but for the name of a visit: it is as it was told first."""
    return {fence_id: one._replace(named_ms=0) for fence_id, one in state.fences.items()}


def in_order(fixes: Sequence[Evidence]) -> list[Arrival]:
    """Let the whole track come at once."""
    return [Arrival(tuple(fixes), fixes[-1].at_ms)]
