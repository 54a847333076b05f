"""The whole truth table of consent, asked of the SDK."""

import pytest

from consent_table import FIRST, POLICIES, Said, entries, misled, misread
from fencepost_sdk.consent import Entry, Policy, evaluate


def ruled(policy: str, purpose: str, said: Said) -> bool:
    """Ask the SDK."""
    stated = [Entry(**entry) for entry in entries(said)]
    return evaluate(stated, Policy(*POLICIES[policy]), purpose, "sms", "a1").allowed


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("purpose", FIRST)
def test_every_value_on_every_level_is_ruled_as_the_words_say(policy: str, purpose: str) -> None:
    """Values, levels and policies: not one row differs from the reading of the specification."""
    assert misread(ruled, policy, purpose) == []


@pytest.mark.parametrize("purpose", FIRST)
def test_a_no_about_something_else_does_not_speak(purpose: str) -> None:
    """Another channel, another address, a purpose nobody needs here: none of them decides."""
    assert misled(ruled, purpose) == []
