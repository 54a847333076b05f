"""The whole truth table of consent, asked of the gateway."""

import pytest

from consent_table import FIRST, POLICIES, Said, entries, misled, misread
from fencepost_gateway.decide.consent import BY_CHANNEL, NEEDS, ConsentEntry, allows
from fencepost_gateway.decide.plan import Policy


def ruled(policy: str, purpose: str, said: Said) -> bool:
    """Ask the gateway."""
    accepts, defaults = POLICIES[policy]
    asked = Policy(policy, 1, {p: frozenset(v) for p, v in accepts.items()}, defaults)
    stated = [ConsentEntry(at_ms=0, **entry) for entry in entries(said)]
    return allows(stated, asked, purpose, "sms", "a1").allowed


def test_the_table_asks_about_every_purpose() -> None:
    """A purpose that comes anew has to be written into the table by hand."""
    needs = {purpose: " ".join(first) for purpose, first in NEEDS.items()}

    assert needs == FIRST
    assert set(BY_CHANNEL) == {"transactional", "marketing", "marketing_night"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("purpose", FIRST)
def test_every_value_on_every_level_is_ruled_as_the_words_say(policy: str, purpose: str) -> None:
    """Values, levels and policies: not one row differs from the reading of the specification."""
    assert misread(ruled, policy, purpose) == []


@pytest.mark.parametrize("purpose", FIRST)
def test_a_no_about_something_else_does_not_speak(purpose: str) -> None:
    """Another channel, another address, a purpose nobody needs here: none of them decides."""
    assert misled(ruled, purpose) == []
