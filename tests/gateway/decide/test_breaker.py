import pytest

from fencepost_gateway.decide.breaker import (
    CALLS_MIN,
    FAILED_MAX,
    OPEN_MAX_MS,
    OPEN_MS,
    WINDOW_MS,
    Breaker,
)
from gateway.decide.builders import NOON_MS


def broken(times: int = FAILED_MAX) -> Breaker:
    """Give a breaker that has seen failures in a row."""
    breaker = Breaker()
    for _ in range(times):
        assert breaker.lets(NOON_MS)
        breaker.went(failed=True, now_ms=NOON_MS)
    return breaker


def test_breaker_opens_after_failures_in_a_row() -> None:
    """Not before; and an answer in between begins the count anew."""
    mended = broken(FAILED_MAX - 1)
    mended.went(failed=False, now_ms=NOON_MS)
    mended.went(failed=True, now_ms=NOON_MS)

    assert mended.lets(NOON_MS)
    assert not broken().lets(NOON_MS + OPEN_MS - 1)


def test_breaker_lets_one_through_and_its_end_decides() -> None:
    """Half open: the others stay out until that one is back."""
    breaker = broken()
    at_ms = NOON_MS + OPEN_MS
    found = [breaker.lets(at_ms), breaker.lets(at_ms)]
    breaker.went(failed=True, now_ms=at_ms)
    again = [breaker.lets(at_ms + 2 * OPEN_MS - 1), breaker.lets(at_ms + 2 * OPEN_MS)]
    breaker.went(failed=False, now_ms=at_ms + 2 * OPEN_MS)
    after = [breaker.lets(at_ms + 2 * OPEN_MS) for _ in range(3)]

    assert (found, again, after) == ([True, False], [False, True], [True] * 3)


def test_breaker_lets_another_through_when_the_one_made_no_call() -> None:
    """Whoever was let through and had nothing to say after all decides nothing."""
    breaker = broken()
    at_ms = NOON_MS + OPEN_MS
    breaker.lets(at_ms)
    breaker.off()

    assert [breaker.lets(at_ms), breaker.lets(at_ms)] == [True, False]


def test_calls_begun_before_it_opened_do_not_open_it_wider() -> None:
    """Ten that hang together count as the one outage they are."""
    breaker = broken()
    for _ in range(10):
        breaker.went(failed=True, now_ms=NOON_MS + 1)

    assert breaker.until_ms == NOON_MS + OPEN_MS


def test_breaker_is_never_open_for_longer_than_its_most() -> None:
    """Doubled each time, and no further."""
    breaker, at_ms = broken(), NOON_MS
    for _ in range(20):
        at_ms = breaker.until_ms
        assert breaker.lets(at_ms)
        breaker.went(failed=True, now_ms=at_ms)

    assert breaker.until_ms - at_ms == OPEN_MAX_MS


@pytest.mark.parametrize(
    ("calls", "apart_ms", "opens"),
    [
        (CALLS_MIN, 100, True),
        (CALLS_MIN - 2, 100, False),  # too few to say
        (CALLS_MIN, WINDOW_MS // CALLS_MIN * 2, False),  # half of them are too long ago
    ],
)
def test_breaker_opens_when_half_of_many_calls_fail(
    calls: int, apart_ms: int, *, opens: bool
) -> None:
    """Every second of twenty calls in half a minute, though never two in a row."""
    breaker = Breaker()
    for n in range(calls):
        breaker.went(failed=n % 2 == 1, now_ms=NOON_MS + n * apart_ms)

    assert breaker.is_on_trial is opens


def test_fault_that_every_call_would_meet_opens_it_at_once() -> None:
    """Wrong keys do not get better by trying."""
    breaker = Breaker()
    breaker.went(failed=True, now_ms=NOON_MS, is_certain=True)

    assert not breaker.lets(NOON_MS + OPEN_MS - 1)


@pytest.mark.parametrize(("asked_s", "held_ms"), [(7.0, 7_000), (0.0, 1_000), (1e9, 3_600_000)])
def test_retry_after_holds_every_call_back(asked_s: float, held_ms: int) -> None:
    """One call was told; the others need not ask. From a second to an hour."""
    breaker = Breaker()
    breaker.lets(NOON_MS)
    breaker.went(failed=True, now_ms=NOON_MS, hold_s=asked_s)

    assert [breaker.lets(NOON_MS + ms) for ms in (held_ms - 1, held_ms)] == [False, True]


def test_since_is_when_it_was_shut_until_a_call_succeeds() -> None:
    """A trial call that fails in between makes nothing new of it."""
    breaker = broken()
    at_ms = breaker.until_ms
    breaker.lets(at_ms)
    breaker.went(failed=True, now_ms=at_ms)
    still = breaker.since_ms
    at_ms = breaker.until_ms
    breaker.lets(at_ms)
    breaker.went(failed=False, now_ms=at_ms)

    assert (still, breaker.since_ms) == (NOON_MS, None)
