import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.message import OnUnknown
from fencepost_gateway.decide.reasons import sentence
from fencepost_gateway.decide.settle import (
    TRIES_MAX,
    Attempt,
    CallOutcome,
    Family,
    Settlement,
    settle,
)
from gateway.decide.builders import DAY_MS, MODEST, NOON_MS

LATER_MS = NOON_MS + DAY_MS
AWAY = CallOutcome("unavailable")


@pytest.mark.parametrize(
    ("family", "want"),
    [
        ("sent", Settlement("sent", "confirmed")),
        ("gone", Settlement("failed", "released", "gone.code", "remove")),
        ("opted_out", Settlement("failed", "released", "opted_out.code", "suppress")),
        ("rejected", Settlement("failed", "released", "rejected.code")),
        ("misconfigured", Settlement("failed", "released", "misconfigured.code")),
        ("unknown", Settlement("unknown", "kept_unknown", "unknown.code")),
    ],
)
def test_outcome_means_what_the_table_says(family: Family, want: Settlement) -> None:
    """delivery.md section 6: only a definite refusal releases, unknown keeps its slot."""
    assert settle(CallOutcome(family, "code"), Attempt("d", 1, LATER_MS), NOON_MS) == want


def test_unavailable_goes_back_to_the_queue_without_its_slot() -> None:
    """The slot is reserved again at the next claim."""
    settled = settle(CallOutcome("unavailable"), Attempt("d", 1, LATER_MS), NOON_MS)

    assert (settled.state, settled.slot, settled.address) == ("queued", "released", "keep")
    assert settled.retry_at_ms is not None
    assert settled.reason == "unavailable"


@pytest.mark.parametrize(
    "family", ["gone", "opted_out", "rejected", "misconfigured", "unavailable", "unknown"]
)
def test_every_ending_has_its_sentence(family: Family) -> None:
    """A settlement's reason, finer code included, can be said in words."""
    settled = settle(CallOutcome(family, "some_code"), Attempt("d", 1, NOON_MS), NOON_MS)

    assert sentence(settled.reason) != settled.reason


@MODEST
@given(st.integers(1, 3000), st.text(max_size=8))
def test_delay_is_jittered_between_a_tenth_of_a_second_and_the_backoff(
    attempt: int, delivery_id: str
) -> None:
    """Full jitter from [0.1 s, min(300 s, 2 s x 2^(n-1))], the same for the same delivery."""
    outcome = CallOutcome("unavailable")
    settled = settle(outcome, Attempt(delivery_id, attempt, LATER_MS), NOON_MS)
    top_ms = 1000 * min(300, 2 * 2 ** min(attempt - 1, 20))

    assert settled.retry_at_ms is not None
    assert 100 <= settled.retry_at_ms - NOON_MS <= top_ms
    assert settled == settle(outcome, Attempt(delivery_id, attempt, LATER_MS), NOON_MS)


def test_delays_of_many_deliveries_are_spread() -> None:
    """A provider that recovers does not meet a wall of callers."""
    delays = {
        (
            settle(CallOutcome("unavailable"), Attempt(f"d{n}", 9, LATER_MS), NOON_MS).retry_at_ms
            or 0
        )
        // 30_000
        for n in range(200)
    }

    assert len(delays) >= 10


@pytest.mark.parametrize(
    ("asked_s", "at_least_s", "at_most_s"),
    [
        (-5.0, 1, 2),
        (0.0, 1, 2),
        (40.0, 40, 40),
        (10_000.0, 3600, 3600),
        (math.inf, 3600, 3600),
        (math.nan, 0.1, 2),
    ],
)
def test_retry_after_is_a_lower_bound_between_a_second_and_an_hour(
    asked_s: float, at_least_s: float, at_most_s: float
) -> None:
    """RFC 9110 section 10.2.3, clamped: no provider makes us hammer it or wait for a day."""
    outcome = CallOutcome("unavailable", retry_after_s=asked_s)

    settled = settle(outcome, Attempt("d", 1, LATER_MS), NOON_MS)

    assert settled.retry_at_ms is not None
    assert at_least_s * 1000 <= settled.retry_at_ms - NOON_MS <= at_most_s * 1000


@pytest.mark.parametrize("left_ms", [40_000, 39_999, 0, -1])
def test_nothing_is_tried_at_or_after_the_end_of_the_message(left_ms: int) -> None:
    """A next attempt that would come too late fails the message now, and frees the slot."""
    outcome = CallOutcome("unavailable", "503", retry_after_s=40.0)

    settled = settle(outcome, Attempt("d", 1, NOON_MS + left_ms), NOON_MS)

    assert settled == Settlement("failed", "released", "unavailable.503")


def test_attempt_just_before_the_end_is_made() -> None:
    """One millisecond of life is life."""
    outcome = CallOutcome("unavailable", retry_after_s=40.0)

    settled = settle(outcome, Attempt("d", 1, NOON_MS + 40_001), NOON_MS)

    assert settled.retry_at_ms == NOON_MS + 40_000


@pytest.mark.parametrize("family", ["gone", "opted_out", "rejected"])
@pytest.mark.guarantee("R16")
def test_refusal_passes_the_message_on_at_once(family: Family) -> None:
    """Its slot stays open for the claim on the next channel."""
    first = Attempt("d", 1, LATER_MS, has_next=True)
    settled = settle(CallOutcome(family), first, NOON_MS)

    assert (settled.state, settled.message_state, settled.slot) == ("failed", "queued", "open")
    assert (settled.moves, settled.retry_at_ms) == (True, NOON_MS)


def test_misconfigured_keys_pass_nothing_on() -> None:
    """They are mended and the message is redriven; the person has that channel still."""
    settled = settle(CallOutcome("misconfigured"), Attempt("d", 1, LATER_MS, has_next=True), 0)

    assert (settled.state, settled.retry_at_ms, settled.moves) == ("failed", None, False)


def _unknowns(rule: OnUnknown, *, has_next: bool) -> list[Settlement]:
    """Let nobody answer until the message is over, or goes on elsewhere."""
    found: list[Settlement] = []
    while not found or (found[-1].retry_at_ms is not None and not found[-1].moves):
        attempt = Attempt("d", len(found) + 1, LATER_MS, len(found), rule, has_next)
        found.append(settle(CallOutcome("unknown", "timeout"), attempt, NOON_MS))
    return found


@pytest.mark.parametrize(
    ("rule", "has_next", "calls", "moves"),
    [
        ("end", True, 1, False),
        ("retry", True, TRIES_MAX, False),
        ("next", False, TRIES_MAX, False),
        ("next", True, TRIES_MAX, True),
    ],
)
@pytest.mark.guarantee("R12")
def test_unknown_outcome_ends_or_is_called_three_times(
    rule: OnUnknown, calls: int, *, has_next: bool, moves: bool
) -> None:
    """Marketing ends; what is transactional goes again, then to its next channel. Slots stay."""
    found = _unknowns(rule, has_next=has_next)

    assert (len(found), found[-1].moves) == (calls, moves)
    assert {(each.state, each.slot) for each in found} == {("unknown", "kept_unknown")}
    assert all(each.retry_at_ms is not None for each in found[:-1])


def test_unknown_outcome_is_not_called_again_after_the_end_of_the_message() -> None:
    """What would come too late is not sent twice for that."""
    attempt = Attempt("d", 1, NOON_MS + 50, 0, "next")

    assert settle(CallOutcome("unknown"), attempt, NOON_MS).retry_at_ms is None
