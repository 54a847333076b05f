"""Later: what a story tells of that is not built yet, so that nothing is left out unseen."""

from msgspec import Struct


class Later(Struct, frozen=True):
    """A part of a step that is not asserted yet: the feature it waits for, and what it is."""

    story: int
    step: int
    feature: str
    what: str
