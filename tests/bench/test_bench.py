import pytest

from bench.batch import quantile
from bench.saying import HANG_GUARD_S, said_by
from bench.world import Crowd, fences_geojson


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_runs() -> None:
    """Every part of the benchmark runs against a real gateway; no figure is judged."""
    said = await said_by("bench", "--quick")

    for part in (b"median", b"receipt to commit", b"transitions", b"ready after", b"fold: "):
        assert part in said


async def test_bench_of_claims_runs() -> None:
    """Each case is measured, as a figure and beside encoding its record."""
    said = await said_by("bench.claims", "--rounds", "2")

    assert said.count(b"encodings") == 6
    for outcome in (b"(send)", b"(deferred)"):
        assert outcome in said


async def test_bench_of_backtests_runs() -> None:
    """A month is recorded and run by one process and by two, which come to the same."""
    said = await said_by("bench.backtest", "--quick", "--against", "--workers", "1", "2")

    assert said.count(b"app events in") == 2
    assert b"all came to the same" in said


async def test_bench_of_contents_runs() -> None:
    """A rendering is measured with and without looking for the nearest."""
    assert (await said_by("bench.contents", "--rounds", "2")).count(b" us") == 5


async def test_bench_of_audiences_runs() -> None:
    """Each case is measured beside the bare one."""
    assert (await said_by("bench.audiences", "--events", "4")).count(b"x\n") == 8


async def test_bench_of_web_push_runs() -> None:
    """Ours and bare pywebpush both reach the sink, and are set beside each other."""
    said = await said_by("bench.web_push", "--rounds", "1", "--messages", "60")

    assert said.count(b"us CPU a message") == 2
    assert b"x a core" in said


async def test_bench_of_the_outbox_runs() -> None:
    """Everybody is sent one message by a real gateway."""
    said = await said_by("bench.outbox", "--persons", "20")

    assert b"20 messages from one event" in said
    assert b"x a core" in said


def test_crowd_is_a_function_of_its_seed() -> None:
    """Two runs send the same bytes."""
    first, second = (Crowd(3, 10, seed=1, now_ms=10**12) for _ in range(2))

    assert first.greetings() == second.greetings()
    assert first.batches(5, 20) == second.batches(5, 20)
    assert fences_geojson(5, 1) == fences_geojson(5, 1)


def test_crowd_says_one_app_event_in_ten() -> None:
    """Nine events of ten are fixes."""
    body = Crowd(1, 10, seed=1, now_ms=10**12).batches(1, 50)[0]

    assert (body.data.count(b'"type":"fix"'), body.data.count(b'"type":"track"')) == (45, 5)


@pytest.mark.parametrize(("share", "expected"), [(0.25, 0.5), (0.5, 1.0), (0.75, 1.5), (1.0, 2.0)])
def test_quantile_is_linear_inside_a_bucket(share: float, expected: float) -> None:
    """What Prometheus would say of the same histogram."""
    buckets = [(1.0, 10.0), (2.0, 20.0), (float("inf"), 20.0)]

    assert quantile(buckets, share) == expected
