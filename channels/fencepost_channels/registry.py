"""
Registry: every driver that is installed, found by one door.

Reads the installed distributions and imports what they name; opens nothing. Built-in drivers and
those of third parties are entry points of the group ``fencepost.channels`` whose value is a
``DriverSpec``.

Rule 1. Two drivers with one name stop the start: which of them would send is not left to chance.
Rule 2. An entry point that cannot be imported, is no ``DriverSpec`` or calls itself otherwise
        stops the start too; the error names it, its distribution and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from fencepost_channels.driver import ENTRY_POINT_GROUP, DriverSpec


class DriverLoadError(Exception):
    """The installed drivers cannot be used; the text says which and how to mend it."""


def load_drivers() -> dict[str, DriverSpec]:
    """
    Load every installed driver.

    Returns:
        Specs by name, in the order of their names.

    Raises:
        DriverLoadError: Two have one name, or one cannot be loaded.

    """
    found = _by_name(entry_points(group=ENTRY_POINT_GROUP))
    return {name: _load(found[name]) for name in sorted(found)}


def _by_name(points: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in points:
        other = found.setdefault(point.name, point)
        if other is not point:
            raise DriverLoadError(
                f'two drivers are called "{point.name}": one of {_origin(other)}, one of '
                f"{_origin(point)}; uninstall one of the two distributions"
            )
    return found


def _load(point: EntryPoint) -> DriverSpec:
    where = f'driver "{point.name}" ({point.value}) of {_origin(point)}'
    try:
        spec = point.load()
    except Exception as error:  # a third party's module may raise anything while it is imported
        raise DriverLoadError(
            f"{where} cannot be imported ({type(error).__name__}); repair or uninstall it"
        ) from error
    if not isinstance(spec, DriverSpec):
        raise DriverLoadError(f"{where} is no DriverSpec; let the entry point name one")
    if spec.name != point.name:
        raise DriverLoadError(f'{where} calls itself "{spec.name}"; give both the same name')
    return spec


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
