"""
Logs: what the process prints about itself, one JSON object a line on stderr.

Rule 1. A line is a constant dotted name and facts: ids, counts, codes. Never a coordinate, an
        address, a token or words of a message.
Rule 2. The text of an exception is whoever raised it's, and may quote what it choked on. It is not
        printed; its type and the places it passed are.
Rule 3. The same for libraries: what they log (aiohttp quotes a malformed request) becomes
        ``library.log`` with the logger's name and level.
Rule 4. A line that cannot be printed (whoever read stderr is gone) is lost, and stops nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog

log = structlog.get_logger()


def set_up_logs() -> None:
    """Print our own lines, and those of libraries from warnings up."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            show_trace,
            structlog.processors.JSONRenderer(serializer=json.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=Lines,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()], force=True)


class Lines:
    """Prints lines on stderr, whatever that is by then (Rule 4)."""

    def __init__(self, *_: object) -> None:
        """Take what structlog hands a factory."""

    def msg(self, line: str) -> None:
        """Print a line."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def show_trace(_logger: Any, _method: str, facts: MutableMapping[str, Any]) -> Any:
    """Turn ``exc_info`` into types and places (Rule 2)."""
    given = facts.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        facts["exception"] = list(trace_of(given))
    return facts


def trace_of(error: BaseException) -> Iterator[str]:
    """Tell an exception, and what it came from, without the text of any."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from trace_of(earlier)
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
    yield f"{type(error).__module__}.{type(error).__qualname__}"


class Libraries(logging.Handler):
    """Takes what libraries log (Rule 3)."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say which logger said something, not what."""
        given = record.exc_info[1] if record.exc_info else None
        log.log(record.levelno, "library.log", logger=record.name, exc_info=given)
