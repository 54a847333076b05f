from fencepost_gateway.workers.plans import move
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle


def test_index_moves_to_what_is_published_and_keeps_the_rest() -> None:
    """New and changed fences come, missing ones go; what says the same again is not touched."""
    kept, changed, gone = (Fence(name, Circle(50, 7, 100)) for name in ("kept", "changed", "gone"))
    index = FenceIndex([kept, changed, gone])
    wider, new = Fence("changed", Circle(50, 7, 200)), Fence("new", Circle(50, 7, 100))

    move(index, [wider, Fence("kept", Circle(50, 7, 100)), new])

    assert list(index) == [wider, kept, new]
    assert index.get("kept") is kept
    assert index.at(50, 7) == [wider, kept, new]
