"""
Calls: what a run asks of another system, or tells it, and what is answered.

Pure. A step wants a call; it is made outside (``workers.callers``), and its answer comes back as a
record of the log, so that a repeat of the log makes no call and comes to the same.

Rule 1. A call's id comes from run, step and how often the run has come by it. Whoever is called
        gets it as the key by which a repeat is known.
Rule 2. The address is the source's at the time of the call, so that a mended one counts for what
        still waits. What stands for its places (``{event.region}``) is taken when the step is.
Rule 3. A place is filled with text, a number, true or false, quoted; nothing that is put in can
        make another host, another query or a way up (``..``) of it.
Rule 4. A webhook tells whom it is about, which step of which run, the event that the run stands on,
        and what it has looked up: no address, no position, no attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, unquote

from msgspec import Struct

from fencepost_gateway.decide.ids import derive

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.run import Standing

PLACE: Final = re.compile(r"\{((?:event|person|value)(?:\.[A-Za-z0-9_-]{1,64}){1,8})\}")
FILL_MAX: Final = 256  # characters of what stands for one place

CallKind = Literal["look_up", "webhook"]
FAILURES: Final = (
    "bad_status", "breaker", "empty", "missing", "no_answer", "no_connection", "no_secret",
    "no_source", "not_json", "not_recorded", "on_trial", "private_host", "redirect", "timeout",
    "too_deep", "too_large", "unavailable",
)  # fmt: skip
RETRIED: Final = frozenset({"breaker", "no_answer", "no_connection", "timeout", "unavailable"})


class Call(Struct, frozen=True):
    """
    A value that a run waits for, or a system it tells.

    ``fills`` has what stands for the places of the source's address, ``body`` what a webhook tells.
    ``waits`` says that the run stands at the step until the answer comes.
    """

    call_id: str
    run_id: str
    person_id: str
    campaign_id: str
    step_id: str
    source_id: str
    kind: CallKind
    asked_ms: int
    fills: dict[str, str] = {}  # by place: what stands for it
    body: dict[str, Any] = {}
    waits: bool = True


class Reply(Struct, frozen=True):
    """
    What a source said at ``at_ms``, or why there is nothing (``failure``).

    ``status`` is that of HTTP, 0 where none came; ``attempt`` how often it was tried. ``asks``
    names what was asked, whoever did. ``recorded_ms`` is there in a backtest: another call was
    answered so, at that moment.
    """

    call_id: str
    run_id: str
    campaign_id: str
    step_id: str
    source_id: str
    kind: CallKind
    at_ms: int
    value: Any = None
    failure: str = ""
    status: int = 0
    attempt: int = 1
    asked_ms: int = 0
    asks: str = ""
    recorded_ms: int | None = None


def call_id_of(workspace: str, run_id: str, step_id: str, time: int) -> str:
    """Name a call (Rule 1)."""
    return derive("call", workspace, run_id, step_id, str(time))


def asks_of(call: Call) -> str:
    """Name what is asked: the same of whoever asks the same source with the same values."""
    fills = (f"{path}={text}" for path, text in sorted(call.fills.items()))
    return derive("asks", call.kind, call.source_id, *fills)


def reply_to(call: Call, at_ms: int, attempt: int, **said: Any) -> Reply:
    """Give what was ``said`` to a call."""
    return Reply(
        call_id=call.call_id,
        run_id=call.run_id,
        campaign_id=call.campaign_id,
        step_id=call.step_id,
        source_id=call.source_id,
        kind=call.kind,
        at_ms=at_ms,
        attempt=attempt,
        asked_ms=call.asked_ms,
        asks=asks_of(call),
        **said,
    )


def fills_of(url: str, roots: Mapping[str, Any]) -> dict[str, str] | str:
    """Take what stands for the places of an address; or name the first that nothing is known of."""
    found: dict[str, str] = {}
    for path in PLACE.findall(url):
        text = _text(followed(roots, tuple(path.split("."))))
        if not text or len(text) > FILL_MAX:
            return str(path)
        found[path] = text
    return found


def filled(url: str, fills: Mapping[str, str]) -> str:
    """Fill the places of an address (Rule 3); empty if one of them cannot be."""
    if any(path not in fills for path in PLACE.findall(url)):
        return ""
    made = PLACE.sub(lambda found: quote(fills[found[1]], safe=""), url)
    way = made.partition("://")[2].partition("?")[0].split("/")[1:]
    return "" if any(unquote(part) in {".", ".."} for part in way) else made


def told(
    person: Person, at: Standing, call: Call, version: int, *, is_test: bool
) -> dict[str, Any]:
    """Write what a webhook tells (Rule 4)."""
    cause = at.cause
    place = {"fence_id": cause.fence_id, "visit_id": cause.visit_id} if cause.fence_id else {}
    return {
        "type": "journey.step",
        "timestamp": _moment(call.asked_ms),
        "data": {
            "journey": call.campaign_id,
            "version": version,
            "step": call.step_id,
            "run_id": call.run_id,
            "person": {"person_id": call.person_id, "user_id": person.user_id},
            "event": {"name": cause.name, "at": _moment(cause.at_ms), "props": cause.props},
            "place": place,
            "values": {name: held.value for name, held in at.values.items()},
            "test": is_test,
        },
    }


def called(reply: Reply) -> dict[str, Any]:
    """Give the answer to a webhook as its record keeps it: nothing of what was said."""
    return {
        "call_id": reply.call_id,
        "campaign_id": reply.campaign_id,
        "step_id": reply.step_id,
        "source_id": reply.source_id,
        "attempt": reply.attempt,
        "status": reply.status,
        "failure": reply.failure,
    }


def followed(roots: Mapping[str, Any], path: tuple[str, ...]) -> object:
    """Follow a path; None where it leads nowhere."""
    found: object = roots
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
