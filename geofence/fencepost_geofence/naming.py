"""
Naming: the id of each feature of a file.

Pure. Our own files name their features. Foreign files may lack ids or have ids of another shape;
there the id is made from what is given, else from the name, else from the position in the file,
and made unique by a number, so that the same file always gives the same ids.
"""

import re
import unicodedata
from typing import Final

from fencepost_geofence.members import is_fence_id, quoted
from fencepost_geofence.rings import Fault

_NUMBER_MAX: Final = 1 << 63
_ROOM: Final = 56  # leaves room for a number within 64 characters


class Names:
    """Gives each feature its id; remembers which are taken."""

    def __init__(self, prefix: str | None) -> None:
        self.prefix = prefix
        self.taken: set[str] = set()

    @property
    def is_foreign(self) -> bool:
        """Say whether the file was not written for us."""
        return self.prefix is not None

    def claim(self, given: object, name: object, index: int, faults: list[Fault]) -> str | None:
        """Give the feature its id; None, with a fault, when it has none that can be used."""
        if isinstance(given, int) and not isinstance(given, bool) and abs(given) < _NUMBER_MAX:
            given = str(given)
        if self.prefix is not None:
            own = given if is_fence_id(given) else slug(given)
            return self._unique(str(own) or slug(name) or f"{slug(self.prefix)}-{index}")
        if not is_fence_id(given):
            what = "the feature has no id" if given is None else f"{quoted(given)} is not an id"
            faults.append(Fault("id", what, "give an id of 1 to 64 of a-z, 0-9 and -"))
            return None
        if given in self.taken:
            what = f"the id {quoted(given)} is taken by an earlier feature"
            faults.append(Fault("id", what, "give every feature its own id"))
        self.taken.add(str(given))
        return str(given)

    def _unique(self, wanted: str) -> str:
        name, n = wanted, 1
        while name in self.taken:
            n += 1
            name = f"{wanted[:_ROOM]}-{n}"
        self.taken.add(name)
        return name


def slug(value: object) -> str:
    """Write text as an id, possibly an empty one: what is not Latin leaves no trace."""
    text = value if isinstance(value, str) else ""
    plain = unicodedata.normalize("NFKD", text[:256]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_ROOM].strip("-")
