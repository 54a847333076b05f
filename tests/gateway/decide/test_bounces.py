"""When mail comes back too often to go on, and when it may be tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.bounces import (
    HOUR_MS,
    IN_A_ROW,
    PROBE_MS,
    SETTLED_MS,
    SPAN_MS,
    Call,
    comes_back,
    listed_after_probe_ms,
    may_probe,
)

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * HOUR_MS
BOUNCED = ("failed", "bounced.4.2.2")

pytestmark = [pytest.mark.guarantee("R18"), pytest.mark.feature("C07")]


def calls(*told: tuple[str, str, float]) -> list[Call]:
    """Give calls with how many days ago they were made."""
    return [Call(state, reason, NOW_MS - round(days * DAY_MS)) for state, reason, days in told]


def test_three_failures_in_a_row_over_three_days_end_it() -> None:
    """Neither two nor three within two days do."""
    three = calls((*BOUNCED, 0), (*BOUNCED, 1), (*BOUNCED, 3))

    assert comes_back(three, NOW_MS)
    assert not comes_back(three[:2], NOW_MS)
    assert not comes_back(calls((*BOUNCED, 0), (*BOUNCED, 1), (*BOUNCED, 2.9)), NOW_MS)


@pytest.mark.parametrize(
    ("between", "ends"),
    [
        (("delivered", "", 2), False),
        (("sent", "", 3), False),
        (("sent", "", 2), True),  # it may come back yet
        (("unknown", "", 3), True),
        (("failed", "misconfigured.auth_refused", 3), True),  # says nothing of the address
    ],
)
def test_success_between_them_resets(between: tuple[str, str, float], ends: bool) -> None:  # noqa: FBT001 - a case
    """Delivered, or taken and not come back for three days."""
    told = sorted([(*BOUNCED, 0), (*BOUNCED, 1), (*BOUNCED, 4), between], key=lambda each: each[2])

    assert comes_back(calls(*told), NOW_MS) is ends


@pytest.mark.parametrize("reason", ["rejected.recipient_refused", "unavailable.deferred"])
def test_refused_recipient_and_mail_never_taken_count_too(reason: str) -> None:
    """A full mailbox may be told in the conversation already."""
    assert comes_back(calls(*(("failed", reason, days) for days in (0, 2, 4))), NOW_MS)


def brute(told: list[Call]) -> bool:
    """Say the same by looking at every run of failures from the newest on."""
    row: list[Call] = []
    for call in told:
        if call.state == "delivered" or (
            call.state == "sent" and NOW_MS - call.at_ms >= SETTLED_MS
        ):
            break
        if call.state == "failed" and call.reason.startswith("bounced"):
            row.append(call)
    pairs = [(one, row[0]) for one in row[IN_A_ROW - 1 :]]
    return any(newest.at_ms - one.at_ms >= SPAN_MS for one, newest in pairs)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BOUNCED, ("sent", ""), ("delivered", ""), ("failed", "rejected.x")]),
            st.integers(0, 12),
        ),
        max_size=9,
    )
)
def test_answer_is_that_of_brute_force(drawn: list[tuple[tuple[str, str], int]]) -> None:
    """Whatever happened before, in whatever order it failed and went."""
    told = sorted((Call(*what, NOW_MS - days * DAY_MS) for what, days in drawn), key=_newest)

    assert comes_back(told, NOW_MS) is brute(told)


def _newest(call: Call) -> int:
    return -call.at_ms


def test_probe_goes_after_thirty_days_and_the_next_waits_for_what_comes_of_it() -> None:
    """One at a time; a hard bounce, a complaint and a no are never probed."""
    listed_ms = NOW_MS - PROBE_MS

    assert may_probe("soft_bounce", listed_ms, NOW_MS)
    assert not may_probe("soft_bounce", listed_ms + 1, NOW_MS)
    assert not any(may_probe(r, 0, NOW_MS) for r in ("hard_bounce", "complaint", "stop", "manual"))
    again_ms = listed_after_probe_ms(NOW_MS)
    assert not may_probe("soft_bounce", again_ms, NOW_MS + SETTLED_MS - 1)
    assert may_probe("soft_bounce", again_ms, NOW_MS + SETTLED_MS)
