"""What the stories leave for later, so that it is left on purpose."""

import re
from importlib import import_module

import pytest

from scenarios.later import Later

ROW = re.compile(r"[CDGIJKMNPQSTX]\d\d")
STEPS_MAX = 12


@pytest.mark.parametrize("story", range(1, 9))
def test_later_names_the_step_and_the_feature_it_waits_for(story: int) -> None:
    """Each part that is not told yet has a step, waits for a feature, and says what it is."""
    module = import_module(f"scenarios.story_{story}.test_story_{story}")
    found: tuple[Later, ...] = getattr(module, "LATER", ())

    assert {each.story for each in found} <= {story}
    assert all(1 <= each.step <= STEPS_MAX and ROW.fullmatch(each.feature) for each in found)
    assert len({each.what for each in found}) == len(found)
