"""
Job: what is to be run once more, and when: all that each process of a backtest has to know.

Pure data.
"""

from __future__ import annotations

from msgspec import Struct

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.ports import DocumentRow


class Edition(Struct, frozen=True):
    """A set of documents that would be live, under the name it is told by."""

    name: str
    rows: list[DocumentRow]


class Window(Struct, frozen=True):
    """From when (included) until when (not included)."""

    begin_ms: int
    end_ms: int


class Job(Struct, frozen=True):
    """
    What every process has to know; the first edition is the one that is asked about.

    From ``positions_ms`` on transitions are judged anew in every edition; 0: nowhere.
    """

    editions: tuple[Edition, ...]
    window: Window
    workspace: str
    seed: str
    rankings: dict[str, Ranking] = {}
    announced: list[tuple[int, Broadcast]] = []
    positions_ms: int = 0
