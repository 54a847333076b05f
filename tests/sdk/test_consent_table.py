"""The whole truth table of consent, asked of the SDK."""

import pytest

from consent_table import FIRST, POLICIES, Said, beside, entries, table
from fencepost_sdk.consent import Entry, Policy, evaluate

ROWS_MIN = 11  # a purpose that stands alone


def ruled(policy: str, purpose: str, said: Said) -> bool:
    """Ask the SDK."""
    stated = [Entry(**entry) for entry in entries(said)]
    return evaluate(stated, Policy(*POLICIES[policy]), purpose, "sms", "a1").allowed


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("purpose", FIRST)
def test_every_value_on_every_level_is_ruled_as_the_words_say(policy: str, purpose: str) -> None:
    """Values, levels and policies: not one row differs from the reading of the specification."""
    rows = list(table(policy, purpose))

    wrong = [row for row in rows if ruled(row.policy, row.purpose, row.said) is not row.allowed]

    assert wrong == []
    assert len(rows) >= ROWS_MIN


@pytest.mark.parametrize("purpose", FIRST)
def test_a_no_about_something_else_does_not_speak(purpose: str) -> None:
    """Another channel, another address, a purpose nobody needs here: none of them decides."""
    rows = [row for row in table("shipped", purpose) if row.allowed]

    wrong = [row for row in rows if not ruled("shipped", purpose, row.said | beside(purpose))]

    assert wrong == []
    assert rows, "nothing that a no could have spoilt"
