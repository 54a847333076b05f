"""
Options: a driver's raw settings, read strictly.

Pure. Settings come as strings, from the environment or a file. Every driver reads them through
``read_options``, so a missing or misspelt name is refused in the same words everywhere.

Rule 1. An unknown name is an error that names the nearest known one.
Rule 2. An empty value counts as absent (an environment variable cannot be unset in every shell).
Rule 3. The text of an error names settings, never their values: one of them may be a secret.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from fencepost_channels.driver import SettingsError

_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_options(
    raw: Mapping[str, str], *, required: Collection[str], optional: Mapping[str, str]
) -> dict[str, str]:
    """
    Give every setting a value, or say which one is wrong.

    Args:
        raw: Settings as they were written.
        required: Names that must have a value.
        optional: Names that may be absent, with their defaults.

    Returns:
        A value for each required and optional name.

    Raises:
        SettingsError: A name is missing or unknown.

    """
    known = [*required, *optional]
    for name in raw:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known are: {', '.join(known)}"
            raise SettingsError(f'unknown setting "{name}"; {hint}')
    given = {name: value for name, value in raw.items() if value}
    for name in required:
        if name not in given:
            raise SettingsError(f'setting "{name}" is missing; give it a value')
    return {**optional, **given}


def yes_or_no(name: str, value: str) -> bool:
    """Read the setting ``name`` as a yes or a no."""
    try:
        return _YES_NO[value.lower()]
    except KeyError:
        raise SettingsError(f'setting "{name}" must be "true" or "false"') from None


def whole_number(name: str, value: str, *, low: int, high: int) -> int:
    """Read the setting ``name`` as a number between ``low`` and ``high``, both included."""
    if value.isascii() and value.isdigit() and len(value) <= len(str(high)):
        number = int(value)
        if low <= number <= high:
            return number
    raise SettingsError(f'setting "{name}" must be a whole number from {low} to {high}')
