"""Events of one upload that happened at one moment."""

import pytest

from fencepost_gateway.intake.records import LogRecord, Upload
from fencepost_gateway.intake.wire import SetTraits, decode_event
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, event


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_events_of_one_moment_count_in_order_of_their_numbers(numbers: tuple[int, int]) -> None:
    """In whichever order the upload has them."""
    raws = batch(*(event(n, "set", traits={"tier": n}) for n in numbers)).events
    events = [each for raw in raws if isinstance(each := decode_event(raw), SetTraits)]
    upload = Upload("d", "p", "v", "u", "s", NOW_MS, [*events], [NOW_MS] * 2)
    states = States()
    Group(states, Plans("seed"), "demo", 1).take(LogRecord(1, NOW_MS, upload))

    assert states.person("p").attributes["tier"] == 2
