"""The cap against loops: what obeys no other obeys this one."""

from typing import Any

import pytest
from msgspec.structs import replace

from fencepost_gateway.decide.message import Mark
from fencepost_gateway.decide.safety import LIMIT
from gateway.decide.builders import HOUR_MS, NOON_MS, campaign, facts, judged, message, plan, slot

SERVICE = plan(purpose="transactional")
ORDINARY: dict[str, Any] = {"purpose": "transactional", "template_id": "greet"}


def _taken(count: int, at_ms: int = NOON_MS - 1, **changes: Any) -> Any:
    given = {**ORDINARY, **changes}
    return facts(slots=tuple(slot(f"taken-{n}", at_ms, at_ms, **given) for n in range(count)))


@pytest.mark.parametrize(("taken", "outcome"), [(LIMIT - 1, "send"), (LIMIT, "withheld")])
def test_thirty_messages_of_a_template_go_in_an_hour(taken: int, outcome: str) -> None:
    """The thirty-first is withheld, and its record shows the count."""
    verdict = judged(SERVICE, _taken(taken))
    (rule,) = verdict.checks[-1].inputs["rules"]

    assert verdict.outcome == outcome
    assert verdict.reason == ("" if outcome == "send" else "safety_cap")
    assert (rule["used"], rule["limit"]) == (taken, LIMIT)


@pytest.mark.parametrize(
    "slots",
    [
        _taken(LIMIT, template_id="another"),
        _taken(LIMIT, purpose="marketing", template_id=""),
        _taken(LIMIT, NOON_MS - HOUR_MS),
        _taken(LIMIT, state="released"),
    ],
    ids=["another template", "marketing", "an hour ago", "refused"],
)
def test_other_templates_and_what_is_over_do_not_count(slots: Any) -> None:
    """The cap is of one template and person, for an hour, and of what was or may have been sent."""
    assert judged(SERVICE, slots).outcome == "send"


def test_safety_cap_withholds_where_its_author_would_rather_wait() -> None:
    """A loop that waits goes on looping."""
    waits = campaign()
    waits = replace(waits, message=replace(waits.message, caps="defer"))

    verdict = judged(plan(waits, purpose="transactional"), _taken(LIMIT))

    assert (verdict.outcome, verdict.reason) == ("withheld", "safety_cap")


@pytest.mark.parametrize(
    ("mark", "outcome"), [("test", "withheld"), ("seed", "send"), ("proof", "send")]
)
def test_loops_are_met_in_tests_but_copies_are_as_many_as_people(mark: Mark, outcome: str) -> None:
    """A test person is held by it; a seed's copies are not."""
    given = replace(_taken(LIMIT), message=message(mark=mark))

    assert judged(SERVICE, given).outcome == outcome


def test_marketing_takes_no_slot_of_it() -> None:
    """Marketing has its own caps."""
    verdict = judged(plan(), _taken(LIMIT))

    assert verdict.slot is not None
    assert verdict.slot.template_id == ""
