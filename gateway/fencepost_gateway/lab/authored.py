"""Authored: reading scenarios and expectations; errors have file, line and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from fencepost_gateway.documents import yaml_text
from fencepost_gateway.documents.document import Origin, Problem, dotted
from fencepost_gateway.documents.kinds import read_as
from fencepost_gateway.documents.models.base import Authored
from fencepost_gateway.errors import StartError

M = TypeVar("M", bound=Authored)


def read_authored(path: Path, model: type[M]) -> tuple[M, Origin]:
    """
    Read one file that holds one document of the lab; gives where its parts were written too.

    Raises:
        StartError: Every problem with its place, and how to mend it.

    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StartError(f"{path}: byte {error.start} is not UTF-8; convert the file") from None
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from None
    parsed, faults = yaml_text.parse(text)
    faults += [fault for each in parsed for fault in each.faults]
    if faults:
        raise _wrong([Problem(str(path), f.what, f.how, line=f.line) for f in faults])
    if len(parsed) != 1:
        how = "write kind:, and the rest; one document a file"
        raise _wrong([Problem(str(path), f"{len(parsed)} documents", how)])
    origin = Origin(str(path), parsed[0].lines)
    found = read_as(model, parsed[0].value)
    if isinstance(found, list):
        raise _wrong(
            [
                Problem(str(path), f.what, f.how, where=dotted(f.path), line=origin.line(f.path))
                for f in found
            ]
        )
    return found, origin


def _wrong(problems: list[Problem]) -> StartError:
    return StartError("\n".join([f"{len(problems)} problems:", *map(str, problems)]))
