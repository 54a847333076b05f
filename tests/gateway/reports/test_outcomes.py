"""What became of messages: each once, and the sums add up."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.message import MessageEnd
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.decide.tongue import ENGLISH, Tongue
from fencepost_gateway.reports.outcomes import ORDER, Outcomes, tell_outcomes
from gateway.decide.builders import MODEST

REASON = st.sampled_from(["", "gone.unregistered", *sorted(REASONS)])
ENDS = st.lists(
    st.builds(
        MessageEnd,
        message_id=st.just("m"),
        campaign_id=st.sampled_from(["a", "b"]),
        entered_ms=st.integers(0, 5),
        state=st.sampled_from(ORDER),
        reason=REASON,
        mark=st.sampled_from(["", "", "test", "seed", "proof"]),
    )
)


@MODEST
@given(ENDS, st.sampled_from(["", "a"]), st.integers(0, 9))
def test_sums_over_any_messages_are_the_messages(
    ends: list[MessageEnd], campaign: str, cut: int
) -> None:
    """Each message of the span counts in one row or among the tests; pages make no difference."""
    report = Outcomes(campaign, 1, 4)
    report.take(ends[:cut])
    report.take(ends[cut:])
    told = report.told(ENGLISH)
    asked = [e for e in ends if 1 <= e.entered_ms < 4 and campaign in ("", e.campaign_id)]
    wanted = Counter((e.state, e.reason.partition(".")[0]) for e in asked if not e.mark)

    assert {(r["state"], r["reason"]): r["messages"] for r in told["rows"]} == wanted
    assert told["total"] == sum(r["messages"] for r in told["rows"])
    assert told["total"] + told["tests"] == len(asked)


def test_report_is_told_in_both_languages() -> None:
    """A line a row, the sum, and the tests where there are any."""
    report = Outcomes("", 0, 9)
    report.take(
        [MessageEnd("m", "a", 1, "withheld", "consent"), MessageEnd("n", "a", 1, "sent", "")]
    )
    report.take([MessageEnd("o", "a", 1, "sent", "", "seed")])
    told = report.told(ENGLISH)

    assert list(tell_outcomes(told, ENGLISH)) == [
        "        1  sent",
        "        1  withheld  consent: The person has not allowed this.",
        "        2  messages in all",
        "        1  more of test persons, seeds and proofs",
    ]
    assert len(list(tell_outcomes(told, Tongue("ko")))) == 4
