"""
Watch: what the tracker has at hand of a device between two fixes.

Pure. It follows from the device's state and the fences; so it is neither stored nor compared.
"""

from dataclasses import dataclass

from fencepost_geofence import verdict
from fencepost_geofence.calm import Calm, Inside
from fencepost_geofence.heard import Followed
from fencepost_geofence.index import FenceIndex


@dataclass(slots=True, eq=False)
class Watch:
    """
    What the tracker keeps at hand of a device; it follows from its state, and is not stored.

    Attributes:
        index: The fences it is about.
        changes: Their state then.
        calm: Where the device last looked around.
        quiet: The fences that contain a fix of which nothing is to be learned; None: unknown.
        quiet_fixes: How many such fixes were not counted yet.
        due_ms: Before this moment time brings nothing.

    """

    index: FenceIndex
    changes: int
    calm: Calm | None = None
    quiet: Inside | None = None
    quiet_fixes: int = 0
    due_ms: float = 0

    def count(self, followed: Followed) -> None:
        """Count the fixes that lay where the device was held to be."""
        for fence_id in self.quiet or ():
            said: tuple[str, verdict.Reason] = fence_id, "decided"
            followed.weighed[said] = followed.weighed.get(said, 0) + self.quiet_fixes
        self.quiet_fixes = 0
